"""A process that lays authorised payments before the engine: for each line on its input, how long the engine took.

Run by ``bench_engine``: ``python -m benchmarks.engine_worker``. A line is ``full N`` (all wait at once; the answer is
how many were booked a second) or ``steady N RATE`` (they come one after the other; the answer is the 99th percentile, in
seconds, from the customer's authorisation to the commit of the booking).
"""

import os
import random
import sys
import time

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bankportal.settings")
django.setup()

from django.db import connection  # noqa: E402

from apps.core import clock  # noqa: E402
from apps.identity.models import PSU  # noqa: E402
from apps.payments.models import PaymentInitiation  # noqa: E402
from apps.payments.services import EXECUTE_TASK  # noqa: E402
from tests.factories.accounts import FOREIGN_IBAN, bank_accounts, customer  # noqa: E402
from tests.factories.payments import signed_payments  # noqa: E402

_CUSTOMERS = 100
_GIVE_UP_SECONDS = 120


def main() -> None:
    bank_accounts()
    people = [
        customer(f"Customer{number}", phone=f"+491510{number:07}", balance_minor=100_000_000)
        for number in range(_CUSTOMERS)
    ]
    choose = random.Random(1)
    print("ready", flush=True)
    for line in sys.stdin:
        way, *numbers = line.split()
        print(
            _full(people, choose, *map(int, numbers))
            if way == "full"
            else _steady(people, choose, *map(int, numbers))
        )
        sys.stdout.flush()


def _full(people: list[PSU], choose: random.Random, count: int) -> float:
    _make(people, choose, count)
    began = time.monotonic()
    _sql(
        "UPDATE notifications_outboxmessage SET available_at = now(), created_at = now() WHERE status = 'pending'"
    )
    _wait_until_all_are_booked()
    return count / (time.monotonic() - began)


def _steady(people: list[PSU], choose: random.Random, count: int, rate: int) -> float:
    made = _make(people, choose, count)
    began = time.monotonic()
    for number, payment in enumerate(made):
        time.sleep(max(0.0, began + number / rate - time.monotonic()))
        _sql(
            "UPDATE notifications_outboxmessage SET available_at = now(), created_at = now() WHERE effect_key = %s",
            f"execute:{payment.pk}",
        )
    _wait_until_all_are_booked()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT percentile_disc(0.99) WITHIN GROUP (ORDER BY extract(epoch FROM done_at - created_at))
            FROM notifications_outboxmessage WHERE effect_key = ANY (%s)
            """,
            [[f"execute:{payment.pk}" for payment in made]],
        )
        return float(cursor.fetchone()[0])


def _make(people: list[PSU], choose: random.Random, count: int) -> list[PaymentInitiation]:
    """Half to customers of the bank, half to another bank; not yet in sight of the engine."""
    orders = []
    for number in range(count):
        payer, payee = choose.sample(people, 2)
        orders.append((payer, FOREIGN_IBAN if number % 2 else payee.account.iban, choose.randint(1, 100)))
    with connection.cursor() as cursor:
        # What the round before is still to bring about (messages to the clearing house) is not measured.
        cursor.execute("DELETE FROM notifications_outboxmessage WHERE topic <> %s", [EXECUTE_TASK])
    return signed_payments(orders, now=clock.now(), delay_seconds=3600)


def _sql(statement: str, *parameters: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        cursor.execute("NOTIFY outbox")


def _wait_until_all_are_booked() -> None:
    until = time.monotonic() + _GIVE_UP_SECONDS
    while time.monotonic() < until:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT 1 FROM notifications_outboxmessage WHERE topic = %s AND status <> 'done' LIMIT 1",
                [EXECUTE_TASK],
            )
            if cursor.fetchone() is None:
                break
        time.sleep(0.01)
    else:
        raise SystemExit(f"The engine has not finished within {_GIVE_UP_SECONDS} s.")
    refused = PaymentInitiation.objects.exclude(transaction_status__in=["ACSC", "ACSP"]).count()
    if refused:
        raise SystemExit(f"{refused} payments were not booked.")


if __name__ == "__main__":
    main()
