"""Times the ledger as it stands and prints the figures as JSON, times in milliseconds; run by ``bench_growth``."""

import json
import os
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bankportal.settings")
django.setup()

from apps.core.money import Money  # noqa: E402
from apps.ledger.models import LedgerAccount  # noqa: E402
from apps.ledger.queries import get_balance_on, list_postings  # noqa: E402
from apps.ledger.rules import EntryKind, Narrative  # noqa: E402
from apps.ledger.services import post_transfer  # noqa: E402
from apps.ledger.verification import verify_books  # noqa: E402

ROUNDS = 1_000
WARM_UP = 200


def main() -> None:
    choose, now = random.Random(7), datetime.now(UTC)
    accounts = list(LedgerAccount.objects.values_list("pk", flat=True))
    week_ago = now.date() - timedelta(days=7)

    def transfer() -> None:
        debit, credit = choose.sample(accounts, 2)
        post_transfer(
            kind=EntryKind.CREDIT_TRANSFER,
            reference=str(uuid4()),
            debit_account_id=debit,
            credit_account_id=credit,
            amount=Money(1, "EUR"),
            booking_date=now.date(),
            value_date=now.date(),
            narrative=Narrative("Anna Schneider", "", "Kern", "", "", "Order"),
            now=now,
        )

    figures: dict[str, object] = {
        "one transfer": _times(transfer),
        "one page of an account's postings": _times(
            lambda: list_postings(account_id=choose.choice(accounts), limit=20)
        ),
        "one balance of a day": _times(
            lambda: get_balance_on(account_id=choose.choice(accounts), day=week_ago)
        ),
    }
    began = time.monotonic()
    findings = verify_books()
    if not findings.sound:
        raise SystemExit(f"the books do not hold: {findings}")
    figures |= {"proof": time.monotonic() - began, "postings": findings.postings}
    print(json.dumps(figures))


def _times(act: Callable[[], object]) -> list[float]:
    for _ in range(WARM_UP):
        act()
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        act()
        times.append((time.perf_counter() - began) * 1000)
    return times


if __name__ == "__main__":
    main()
