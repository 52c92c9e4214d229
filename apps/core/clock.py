"""The bank's clock. Doors and tasks ask it once and pass ``now`` down; rooms never ask themselves.

In the sandbox the clock can be moved (``settings.BANK_CLOCK`` names the function), so that the expiry of a
consent or a code can be seen without waiting. Message delivery and OAuth tokens stay on real time.
"""

from datetime import date, datetime
from functools import cache
from typing import Protocol
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone
from django.utils.module_loading import import_string

BANK_TIME_ZONE = ZoneInfo("Europe/Berlin")


class Clock(Protocol):
    def __call__(self) -> datetime: ...


@cache
def _clock(dotted_path: str) -> Clock:
    return import_string(dotted_path)


def now() -> datetime:
    """The bank's time, aware, in UTC."""
    return _clock(settings.BANK_CLOCK)()


def real_now() -> datetime:
    """The real time, aware, in UTC, wherever the sandbox's clock stands: for what must not happen before its day."""
    return timezone.now()


def bank_date(moment: datetime) -> date:
    """The calendar day at the bank (Europe/Berlin) of an aware moment."""
    return moment.astimezone(BANK_TIME_ZONE).date()
