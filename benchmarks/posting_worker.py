"""A process that posts as the engine does: for each number of seconds on its input, how many entries it posted.

Run by ``bench_posting``: ``python -m benchmarks.posting_worker SEED``.
"""

import os
import random
import sys
import time
from datetime import UTC, datetime
from uuid import UUID, uuid4

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bankportal.settings")
django.setup()

from apps.core.money import Money  # noqa: E402
from apps.ledger.models import LedgerAccount  # noqa: E402
from apps.ledger.rules import EntryKind, Narrative  # noqa: E402
from apps.ledger.services import post_transfer  # noqa: E402

NOW = datetime.now(UTC)
NARRATIVE = Narrative(
    "Anna Schneider", "DE89370400440532013000", "Kern", "DE02120300000000202051", "", "Order"
)


def main() -> None:
    choose = random.Random(int(sys.argv[1]))
    accounts = list(LedgerAccount.objects.values_list("pk", flat=True))
    _post(accounts, choose)  # Connect and prepare, before the clock runs.
    print("ready", flush=True)
    for line in sys.stdin:
        posted, end = 0, time.monotonic() + float(line)
        while time.monotonic() < end:
            _post(accounts, choose)
            posted += 1
        print(posted, flush=True)


def _post(accounts: list[UUID], choose: random.Random) -> None:
    debit, credit = choose.sample(accounts, 2)
    post_transfer(
        kind=EntryKind.CREDIT_TRANSFER,
        reference=str(uuid4()),
        debit_account_id=debit,
        credit_account_id=credit,
        amount=Money(choose.randint(1, 5000), "EUR"),
        booking_date=NOW.date(),
        value_date=NOW.date(),
        narrative=NARRATIVE,
        now=NOW,
    )


if __name__ == "__main__":
    main()
