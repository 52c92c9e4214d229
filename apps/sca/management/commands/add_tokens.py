from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from apps.core import clock
from apps.core.errors import DomainError
from apps.sca.services import add_token
from apps.sca.token_files import read_token_file


class Command(BaseCommand):
    """Put tokens into the bank's stock, from the files that their maker has delivered: all of them or none.

    A command, and no page for staff: whoever sees the files could make the tokens' digits. Delete them afterwards.
    """

    help = "Put tokens into the stock, from their maker's files."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with transaction.atomic():
                for path in options["files"]:
                    serial_number, token_key = read_token_file(path)
                    add_token(serial_number=serial_number, token_key=token_key, now=clock.now())
        except DomainError as error:
            raise CommandError(f"Nothing was added: {error.code}: {error}") from error
        self.stdout.write(f"{len(options['files'])} added to the stock.")
