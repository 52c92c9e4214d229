"""A process that posts as the engine does, until its time is over; prints how many it posted.

Run by ``bench_posting``: ``python -m benchmarks.posting_worker SECONDS SEED``.
"""

import os
import random
import sys
import time
from datetime import UTC, datetime
from uuid import uuid4

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bankportal.settings")
django.setup()

from apps.core.money import Money  # noqa: E402
from apps.ledger.models import LedgerAccount  # noqa: E402
from apps.ledger.rules import EntryKind, Narrative  # noqa: E402
from apps.ledger.services import post_transfer  # noqa: E402


def main() -> None:
    seconds, choose = float(sys.argv[1]), random.Random(int(sys.argv[2]))
    accounts = list(LedgerAccount.objects.values_list("pk", flat=True))
    now = datetime.now(UTC)
    narrative = Narrative(
        "Anna Schneider", "DE89370400440532013000", "Kern", "DE02120300000000202051", "", "Order"
    )
    posted, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        debit, credit = choose.sample(accounts, 2)
        post_transfer(
            kind=EntryKind.CREDIT_TRANSFER,
            reference=str(uuid4()),
            debit_account_id=debit,
            credit_account_id=credit,
            amount=Money(choose.randint(1, 5000), "EUR"),
            booking_date=now.date(),
            value_date=now.date(),
            narrative=narrative,
            now=now,
        )
        posted += 1
    print(posted)


if __name__ == "__main__":
    main()
