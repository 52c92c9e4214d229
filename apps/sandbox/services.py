from datetime import datetime, timedelta

from django.db import transaction

from apps.audit.services import record_event
from apps.core.errors import InvalidInput
from apps.sandbox import clock
from apps.sandbox.models import CLOCK_OFFSET_MAX_SECONDS, BankClock


class ClockOutOfRange(InvalidInput):
    """The bank clock goes forward only, and at most ten years in all; back only to real time."""

    code = "clock_out_of_range"


def advance_clock(*, by: timedelta, now: datetime) -> int:
    """Move the bank's clock forward; returns how many seconds it is ahead. Seen by every process within a second.

    :raises ClockOutOfRange: backwards, not at all, or too far.
    """
    seconds = int(by.total_seconds())
    if seconds <= 0:
        raise ClockOutOfRange("forward only", field="advance_seconds")
    with transaction.atomic():
        row = _lock_clock()
        row.offset_seconds += seconds
        if row.offset_seconds > CLOCK_OFFSET_MAX_SECONDS:
            raise ClockOutOfRange("at most ten years", field="advance_seconds")
        _write(row, event="sandbox.clock.advanced", at=now, seconds=seconds)
    clock.forget()
    return row.offset_seconds


def reset_clock(*, now: datetime) -> None:
    """Set the bank's clock back to real time. What was dated in the bank's future stays so."""
    with transaction.atomic():
        row = _lock_clock()
        row.offset_seconds = 0
        _write(row, event="sandbox.clock.reset", at=now, seconds=0)
    clock.forget()


def _lock_clock() -> BankClock:
    BankClock.objects.get_or_create(pk=1)
    return BankClock.objects.select_for_update().get(pk=1)


def _write(row: BankClock, *, event: str, at: datetime, seconds: int) -> None:
    row.moved_at = clock.real_now()
    row.save(update_fields=["offset_seconds", "moved_at"])
    record_event(
        event=event,
        object_type="clock",
        object_id="bank",
        actor_type="anonymous",
        at=at,
        data={"seconds": seconds, "offset_seconds": row.offset_seconds},
    )
