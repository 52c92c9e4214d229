"""When an order is carried out: pure rules on days. What counts as today is the bank's local day (Europe/Berlin)."""

from datetime import date, datetime, time

from apps.core.clock import BANK_TIME_ZONE
from apps.core.errors import InvalidInput
from apps.core.target_calendar import (
    ExecutionRule,
    adjust_to_business_day,
    is_business_day,
    next_business_day,
    previous_business_day,
)

DAYS_AHEAD_MAX = 366


class ExecutionDateInvalid(InvalidInput):
    """The day on which an order is to be carried out is over, or too far away."""

    code = "execution_date_invalid"


class ExecutionDatePast(ExecutionDateInvalid):
    """The day is over."""

    code = "execution_date_past"


class ExecutionDateTooFar(ExecutionDateInvalid):
    """The day is further away than orders are kept for."""

    code = "execution_date_too_far"


def check_requested_date(requested: date | None, *, today: date) -> None:
    """Whether an order may ask for this day; None asks for the earliest.

    :raises ExecutionDatePast: before today.
    :raises ExecutionDateTooFar: more than ``DAYS_AHEAD_MAX`` days ahead.
    """
    if requested is None:
        return
    if requested < today:
        raise ExecutionDatePast(requested.isoformat(), field="requestedExecutionDate")
    if (requested - today).days > DAYS_AHEAD_MAX:
        raise ExecutionDateTooFar(requested.isoformat(), field="requestedExecutionDate")


def execution_day(requested: date, *, is_instant: bool) -> date:
    """The day on which a future-dated order is carried out: the day asked for, or the next business day.

    An agreed day on which banks are closed counts as the business day after it (PSD2 art. 78(2)). Instant transfers
    know no such day (Regulation 260/2012 art. 5a: at any hour on any calendar day).
    """
    if is_instant:
        return requested
    return adjust_to_business_day(requested, rule=ExecutionRule.FOLLOWING)


def has_to_wait(requested: date | None, *, is_instant: bool, today: date) -> bool:
    """Whether an order that is authorised today waits for another day.

    One that names no day never does: inside the bank money moves on every day.
    """
    return requested is not None and execution_day(requested, is_instant=is_instant) > today


def latest_due_request(*, is_instant: bool, today: date) -> date:
    """Of the orders that wait, those asking for this day or an earlier one are due today.

    ``execution_day(requested, …) <= today`` holds exactly for ``requested <= latest_due_request(…)``, so that
    one comparison in the database finds what is due, missed days included.
    """
    return today if is_instant else adjust_to_business_day(today, rule=ExecutionRule.PRECEDING)


def last_day_to_cancel(requested: date) -> date:
    """The last day on which a future-dated order can be withdrawn: the business day before (PSD2 art. 80(4))."""
    return previous_business_day(requested)


def receipt_day(received_at: datetime, *, cut_off: time) -> date:
    """The business day on which an order counts as received.

    At or after the cut-off time, or on a day on which banks are closed, that is the next one (PSD2 art. 78(1)).
    ``cut_off`` is local time at the bank; the wall clock counts, in summer as in winter.
    """
    local = received_at.astimezone(BANK_TIME_ZONE)
    if is_business_day(local.date()) and local.time() < cut_off:
        return local.date()
    return next_business_day(local.date())


def latest_arrival_day(received_at: datetime, *, requested: date | None, cut_off: time) -> date:
    """The day by whose end the payee's bank has the money: the business day after receipt (PSD2 art. 83(1)).

    For ordinary transfers; an instant one arrives within seconds or not at all.

    A future-dated order counts as received on its execution day (art. 78(2)).
    """
    received = receipt_day(received_at, cut_off=cut_off)
    if requested is not None and requested > received_at.astimezone(BANK_TIME_ZONE).date():
        received = execution_day(requested, is_instant=False)
    return next_business_day(received)


def canonical_day(day: date | None) -> str:
    """A day as hashes and signed snapshots write it; empty for none."""
    return day.isoformat() if day else ""
