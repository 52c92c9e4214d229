"""What the launcher prints: a line per step with the time it took, a sentence when it cannot go on."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TextIO

_REPEAT_SECONDS = 5.0


class Refusal(Exception):
    """The launcher cannot go on, and one sentence says why and what helps. Never shown as a traceback."""

    exit_code = 2


class Step:
    """One step that may take a while: says so when it starts, while it runs and when it is done.

    On a terminal the line is rewritten every second; in a log it is repeated every few seconds.
    """

    def __init__(self, title: str, *, out: TextIO) -> None:
        self.title = title
        self.detail = ""
        self._out = out
        self._live = out.isatty()
        self._started = time.monotonic()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._tick, daemon=True)

    def _seconds(self) -> float:
        return time.monotonic() - self._started

    def _line(self) -> str:
        return f"  {self.title} ... {self._seconds():.0f} s{f' ({self.detail})' if self.detail else ''}"

    def _tick(self) -> None:
        while not self._done.wait(1.0 if self._live else _REPEAT_SECONDS):
            if self._live:
                self._out.write(f"\r\033[K{self._line()[:110]}")
            else:
                self._out.write(self._line() + "\n")
            self._out.flush()

    def __enter__(self) -> "Step":
        self._out.write(f"  {self.title} ..." + ("" if self._live else "\n"))
        self._out.flush()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()
        start = "\r\033[K" if self._live else ""
        end = "failed" if kind else "done"
        self._out.write(f"{start}  {self.title}: {end}, {self._seconds():.1f} s\n")
        self._out.flush()


def step(title: str, *, out: TextIO | None = None) -> Step:
    """A step to be used as a context manager."""
    return Step(title, out=out or sys.stdout)


def say(text: str = "", *, out: TextIO | None = None) -> None:
    """Print one line at once, whatever the output is connected to."""
    print(text, file=out or sys.stdout, flush=True)


@contextmanager
def sentences() -> Iterator[None]:
    """Turn a refusal into its sentence and exit code."""
    try:
        yield
    except Refusal as refusal:
        print(f"\n{refusal}", file=sys.stderr, flush=True)
        raise SystemExit(refusal.exit_code) from None
