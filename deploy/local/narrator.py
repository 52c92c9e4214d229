"""Tells a story as it happens: who calls whom, with what status, and what each one sees."""

import re
import sys
import textwrap
import time
from collections.abc import Iterable

from deploy.local.console import say

_WIDTH = 108


class StepFailed(Exception):
    """Something of the story did not hold."""


class Narrator:
    """Prints steps; ``expect`` ends the story at the first thing that does not hold."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self.current = "before the first step"
        self.calls = 0
        self._colour = sys.stdout.isatty()
        self._started = time.monotonic()

    def _print(self, text: str) -> None:
        if not self._quiet:
            say(text)

    def _paint(self, code: str, text: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self._colour else text

    def figure(self, title: str) -> None:
        """A new story begins."""
        self._print(f"\n{self._paint('1;4', title)}")

    def step(self, title: str) -> None:
        """A new step begins; a failure names it."""
        self.current = title
        self._print(f"\n{self._paint('1', title)}")

    def call(self, who: str, whom: str, method: str, path: str, status: int, *, note: str = "") -> None:
        """One call over HTTP."""
        self.calls += 1
        arrow = f"{who} -> {whom}"
        shown = re.sub(r"([?&][^=&]+=)([^&]{24})[^&]+", r"\1\2...", path)
        painted = self._paint("32" if status < 400 else "33", str(status))
        self._print(f"  {arrow:<26} {method:<5} {shown[:60]:<60} {painted}{f'  {note}' if note else ''}")

    def fact(self, text: str) -> None:
        """One line of what is so."""
        for line in textwrap.wrap(text, _WIDTH - 4):
            self._print(f"    {line}")

    def seen(self, who: str, lines: Iterable[str]) -> None:
        """What somebody has before their eyes."""
        self._print(f"    {who}:")
        for line in lines:
            for part in textwrap.wrap(line, _WIDTH - 8) or [""]:
                self._print(self._paint("36", f"      | {part}"))

    def expect(self, held: object, sentence: str) -> None:
        """The story goes on only if this holds.

        :raises StepFailed: with the sentence that says what should have been.
        """
        if not held:
            raise StepFailed(sentence)

    def holds(self, held: object, sentence: str) -> None:
        """The same for a promise worth a line of its own."""
        self.expect(held, sentence)
        self._print(f"    {self._paint('32', 'holds')}: {sentence}")

    @property
    def seconds(self) -> float:
        """Since the first step."""
        return time.monotonic() - self._started
