"""A process that posts as the engine does: for each number of seconds on its input, how many entries a second.

Run by ``bench_posting``: ``python -m benchmarks.posting_worker SEED WAY``. The way is ``single``, ``hot`` (half of the
transfers credit the clearing account) or a number (so many transfers in one statement).
"""

import os
import random
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bankportal.settings")
django.setup()

from apps.core.money import Money  # noqa: E402
from apps.ledger.models import LedgerAccount  # noqa: E402
from apps.ledger.rules import EntryKind, LedgerAccountKind, Narrative, PostingOutcome  # noqa: E402
from apps.ledger.services import (  # noqa: E402
    Transfer,
    open_chart_of_accounts,
    post_transfer,
    post_transfers,
)

NOW = datetime.now(UTC)
NARRATIVE = Narrative(
    "Anna Schneider", "DE89370400440532013000", "Kern", "DE02120300000000202051", "", "Order"
)


def main() -> None:
    way = sys.argv[2]
    choose = random.Random(int(sys.argv[1]))
    customers = LedgerAccount.objects.filter(kind=LedgerAccountKind.CUSTOMER)
    accounts = list(customers.values_list("pk", flat=True))
    post = {"single": _single, "hot": _hot}.get(way) or _grouped(int(way))
    post(accounts, choose)  # Connect and prepare, before the clock runs.
    print("ready", flush=True)
    for line in sys.stdin:
        posted, began = 0, time.monotonic()
        while (took := time.monotonic() - began) < float(line):
            posted += post(accounts, choose)
        print(posted / took, flush=True)


def _single(accounts: list[UUID], choose: random.Random) -> int:
    debit, credit = choose.sample(accounts, 2)
    return _post(debit, credit, choose)


def _hot(accounts: list[UUID], choose: random.Random) -> int:
    debit, credit = choose.sample(accounts, 2)
    return _post(debit, CLEARING if choose.random() < 0.5 else credit, choose)


def _post(debit: UUID, credit: UUID, choose: random.Random) -> int:
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
    return 1


def _grouped(size: int) -> Callable[[list[UUID], random.Random], int]:
    def post(accounts: list[UUID], choose: random.Random) -> int:
        pairs = (choose.sample(accounts, 2) for _ in range(size))
        outcomes = post_transfers(
            transfers=[
                Transfer(
                    kind=EntryKind.CREDIT_TRANSFER,
                    reference=str(uuid4()),
                    debit_account_id=debit,
                    credit_account_id=credit,
                    amount_minor=choose.randint(1, 5000),
                    narrative=NARRATIVE,
                )
                for debit, credit in pairs
            ],
            currency="EUR",
            booking_date=NOW.date(),
            value_date=NOW.date(),
            now=NOW,
        )
        return outcomes.count(PostingOutcome.POSTED)

    return post


CLEARING = open_chart_of_accounts()["clearing:sepa-sct"].pk

if __name__ == "__main__":
    main()
