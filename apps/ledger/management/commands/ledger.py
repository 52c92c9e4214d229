from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.ledger.queries import get_ledger_sums


class Command(BaseCommand):
    """``manage.py ledger verify``: exits 1 when the books do not hold."""

    help = "Prove the books from the postings."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["verify"])

    def handle(self, *args: Any, **options: Any) -> None:
        sums = get_ledger_sums()
        if not sums.sound:
            raise CommandError(f"the books do not hold: {sums}")
        self.stdout.write(
            f"{sums.postings} postings in {sums.entries} entries on {sums.accounts} accounts: the books hold"
        )
