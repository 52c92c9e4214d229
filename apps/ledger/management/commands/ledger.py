from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error

from apps.core import clock
from apps.core.clock import bank_date
from apps.ledger.services import close_days, detach_month, fold_totals, make_months, open_chart_of_accounts
from apps.ledger.verification import WORKERS, verify_books


class Command(BaseCommand):
    """``manage.py ledger verify`` proves the books (exit code 1 when they do not hold); the others keep them.

    ``open`` opens the bank's own accounts, ``fold`` brings their totals up to date, ``months`` makes the partitions
    ahead, ``close`` ends the booking days up to a date, ``detach`` takes a closed month out.
    """

    help = "Prove and keep the books."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        verify = actions.add_parser("verify", help="prove the books from the postings")
        verify.add_argument("--workers", type=int, default=WORKERS, help="connections beside one another")
        actions.add_parser("open", help="open the bank's own book accounts that are missing")
        actions.add_parser("fold", help="bring the totals of the bank's own accounts up to date")
        for name, words in (
            ("months", "make the partitions of the month of DAY and the next ones"),
            ("close", "close every booking day up to and with DAY"),
            ("detach", "take the closed month of DAY out of the books"),
        ):
            actions.add_parser(name, help=words).add_argument("day", type=date.fromisoformat, metavar="DAY")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        getattr(self, f"_{action}")(**options)

    def _verify(self, *, workers: int, **_: Any) -> None:
        def progress(done: int, months: int, postings: int) -> None:
            self.stderr.write(f"  {done} of {months} months, {postings:,} postings", ending="\r")

        findings = verify_books(workers=workers, on_progress=progress if self.stderr.isatty() else None)
        if not findings.sound:
            raise CommandError(f"the books do not hold: {findings}")
        self.stdout.write(
            f"{findings.postings} postings in {findings.entries} entries on {findings.accounts} accounts:"
            " the books hold"
        )

    def _open(self, **_: Any) -> None:
        self.stdout.write(f"{len(open_chart_of_accounts())} book accounts of the bank are open")

    def _fold(self, **_: Any) -> None:
        self.stdout.write(f"{fold_totals()} postings folded in")

    def _months(self, *, day: date, **_: Any) -> None:
        self.stdout.write(f"{make_months(today=day)} months made")

    def _close(self, *, day: date, **_: Any) -> None:
        if day >= bank_date(clock.real_now()):
            raise CommandError(f"{day} is not over")
        self.stdout.write(f"{close_days(until=day)} days closed")

    def _detach(self, *, day: date, **_: Any) -> None:
        try:
            postings = detach_month(month=day)
        except Error as error:
            raise CommandError(str(error).splitlines()[0]) from None
        self.stdout.write(
            f"{postings} postings taken out; dump and drop ledger_posting_{day:%Y_%m} and ledger_entry_{day:%Y_%m}"
        )
