from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.core import clock
from apps.core.clock import bank_date
from apps.core.errors import DomainError
from apps.screening.queries import list_proofs
from apps.screening.services import import_list

_PROOF_DAYS = 31


class Command(BaseCommand):
    """``manage.py screening import FILE`` takes a new edition of the EU's list and has all customers screened.

    ``manage.py screening evidence CUSTOMER`` tells when a customer was screened, against which edition, with what
    result (Regulation (EU) 260/2012 art. 5d).
    """

    help = "Import the EU's list of financial sanctions; show when a customer was screened against it."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        taking = actions.add_parser("import", help="take a new edition, whole or not at all")
        taking.add_argument("file", type=Path, metavar="FILE")
        taking.add_argument(
            "--force",
            action="store_true",
            help="even if published before the present edition, or with fewer than half of its entries",
        )
        telling = actions.add_parser("evidence", help="when one customer was screened, against what")
        telling.add_argument("customer", type=UUID, metavar="CUSTOMER", help="the customer's id")
        telling.add_argument("--from", dest="from_date", type=date.fromisoformat, metavar="YYYY-MM-DD")
        telling.add_argument("--to", dest="to_date", type=date.fromisoformat, metavar="YYYY-MM-DD")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        if action == "import":
            self._import(file=options["file"], is_forced=options["force"])
        else:
            self._tell(psu_id=options["customer"], from_date=options["from_date"], to_date=options["to_date"])

    def _import(self, *, file: Path, is_forced: bool) -> None:
        try:
            with file.open("rb") as opened:
                edition = import_list(
                    file=opened, is_forced=is_forced, now=clock.now(), real_now=clock.real_now()
                )
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}") from None
        except DomainError as error:
            raise CommandError(f"{file}: {error.detail}") from None
        self.stdout.write(
            f"list {edition.pk}: {edition.entry_count} entries, {edition.name_count} names,"
            f" published {edition.published_at:%Y-%m-%d}"
        )

    def _tell(self, *, psu_id: UUID, from_date: date | None, to_date: date | None) -> None:
        last = to_date or bank_date(clock.real_now())
        first = from_date or last - timedelta(days=_PROOF_DAYS - 1)
        proofs = list_proofs(psu_id=psu_id, from_date=first, to_date=last)
        if not proofs:
            raise CommandError(f"not screened from {first} to {last}")
        for proof in proofs:
            result = ", ".join(f"{reference} ({score})" for reference, score in proof.resemblances)
            self.stdout.write(
                f"{proof.business_date} list of {proof.list_published_at:%Y-%m-%d} {proof.list_sha256[:16]}"
                f" screened {proof.screened_at.isoformat(timespec='seconds')}"
                f" result {result or 'none'} evidence {proof.evidence_sha256}"
            )
