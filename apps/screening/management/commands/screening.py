from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.core import clock
from apps.core.errors import DomainError
from apps.screening.services import import_list


class Command(BaseCommand):
    """``manage.py screening import FILE`` takes a new edition of the EU's list and has all customers screened."""

    help = "Import the EU's list of financial sanctions."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        taking = actions.add_parser("import", help="take a new edition, whole or not at all")
        taking.add_argument("file", type=Path, metavar="FILE")
        taking.add_argument(
            "--force", action="store_true", help="even if published before the present edition"
        )

    def handle(self, *args: Any, action: str, file: Path, force: bool, **options: Any) -> None:
        try:
            with file.open("rb") as opened:
                edition = import_list(
                    file=opened, is_forced=force, now=clock.now(), real_now=clock.real_now()
                )
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}") from None
        except DomainError as error:
            raise CommandError(f"{file}: {error.detail}") from None
        self.stdout.write(
            f"list {edition.pk}: {edition.entry_count} entries, {edition.name_count} names,"
            f" published {edition.published_at:%Y-%m-%d}"
        )
