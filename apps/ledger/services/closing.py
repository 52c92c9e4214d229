from datetime import date, timedelta

from django.db import connection, transaction

from apps.ledger.services.database import call_function

MONTHS_AHEAD = 3


def fold_totals() -> int:
    """Bring the totals of the accounts that fold later up to date; returns how many postings were added."""
    return int(call_function("SELECT ledger_fold_totals()"))


def close_days(*, until: date) -> int:
    """Close every open booking day up to and with ``until``, and write the daily balances; returns how many days.

    From then on nothing is booked on them. Three transactions (so not inside another): the day is said to be over; who
    did not hear it ends; then the balances stand still and are added up. Interrupted anywhere, the next call goes on.
    """
    days = int(call_function("SELECT ledger_begin_closing(%s)", [until]))
    with transaction.atomic(durable=True):
        call_function("SELECT ledger_await_postings()::text")
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 0")
        call_function("SELECT ledger_finish_closing()")
    return days


def make_months(*, today: date) -> int:
    """Make the partitions of this month and the next ones; returns how many were made."""
    made, day = 0, today.replace(day=1)
    for _ in range(MONTHS_AHEAD + 1):
        made += bool(call_function("SELECT ledger_make_month(%s)", [day]))
        day = (day + timedelta(days=32)).replace(day=1)
    return made


@transaction.atomic
def detach_month(*, month: date) -> int:
    """Take the month in which ``month`` lies out of the books (the owner's role); returns how many postings went.

    Its tables stay, by themselves, to be dumped and dropped. What they add up to is carried forward.

    :raises django.db.Error: the month is not closed, or was never a partition of its own.
    """
    return int(call_function("SELECT ledger_detach_month(%s)", [month]))
