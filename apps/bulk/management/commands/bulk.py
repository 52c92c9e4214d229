import hashlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.bulk.progress import Progress
from apps.bulk.rules import problem_text
from apps.bulk.services import try_payment_file
from apps.core import clock
from apps.core.errors import NotFound
from apps.core.money import plain_amount
from apps.identity.queries import get_psu_of_user, get_user_by_username

_PIECE = 1024 * 1024


class Command(BaseCommand):
    """``manage.py bulk check FILE --customer emil``: what the check of an upload would say, and nothing is kept.

    Ends 1, with line, field and text of what is wrong, if the file is not good.
    """

    help = "Check a file of payments as if a customer had uploaded it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["check"])
        parser.add_argument("file", type=Path, help="pain.001.001.03, pain.001.001.09, JSON or CSV")
        parser.add_argument("--customer", required=True, help="user ID of the customer who would upload it")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        user = get_user_by_username(username=options["customer"])
        try:
            psu = get_psu_of_user(user_id=user.pk if user else None)  # type: ignore[arg-type]
        except NotFound:
            raise CommandError("there is no customer with this user ID") from None
        try:
            size = path.stat().st_size
            digest = hashlib.sha256()
            for piece in _pieces(path):
                digest.update(piece)
        except OSError as error:
            raise CommandError(f"{path.name} cannot be read: {error.strerror}") from None
        if size > settings.BULK_FILE_MAX_BYTES:
            raise CommandError(f"the file is larger than {settings.BULK_FILE_MAX_BYTES} bytes")
        bar = _Bar()
        file = try_payment_file(
            psu=psu,
            name=path.name,
            content=lambda: _pieces(path),
            size_bytes=size,
            upload_sha256=digest.digest(),
            progress=Progress(size, bar.show),
            now=clock.now(),
        )
        bar.end()
        for problem in file.problems:
            where = f"line {problem['line']}" if problem["line"] else "file"
            self.stdout.write(f"{where}: {problem['field'] or '-'}: {problem_text(problem)}")
        if file.has_more_problems:
            self.stdout.write("there is more")
        if file.problems:
            raise CommandError("the file is not good")
        total = plain_amount(file.total_minor or 0, "EUR")
        self.stdout.write(f"{file.number_of_transactions} payments, {total} EUR: the file is good")


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece


class _Bar:
    """One line on the terminal that is written over, once the check has taken a second; nothing where nobody looks."""

    def __init__(self) -> None:
        self._began, self._is_shown = time.monotonic(), False

    def show(self, percent: int) -> None:
        passed = time.monotonic() - self._began
        if sys.stderr.isatty() and passed >= 1 and percent:
            self._is_shown = True
            done = percent // 4
            left = passed / percent * (100 - percent)
            sys.stderr.write(
                f"\r[{'#' * done}{' ' * (25 - done)}] {percent} %, about {left:.0f} s left \x1b[K"
            )
            sys.stderr.flush()

    def end(self) -> None:
        if self._is_shown:
            sys.stderr.write("\n")
