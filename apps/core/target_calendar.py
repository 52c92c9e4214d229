"""Days on which banks settle: the calendar of TARGET, the euro's settlement system, by rule and for any year.

TARGET is closed on Saturdays and Sundays, on New Year's Day, Good Friday, Easter Monday, 1 May and on 25 and 26
December (long-term calendar of the European Central Bank, in force since 2002). National and regional holidays are
business days here: a SEPA transfer is settled on 3 October like on any other Tuesday.
"""

from datetime import date, timedelta
from enum import StrEnum
from functools import cache

_ONE_DAY = timedelta(days=1)
_FIXED_CLOSING_DAYS = ((1, 1), (5, 1), (12, 25), (12, 26))


class ExecutionRule(StrEnum):
    """executionRule of NextGenPSD2: which business day stands in for a day on which banks are closed."""

    FOLLOWING = "following"
    PRECEDING = "preceding"


def easter_sunday(year: int) -> date:
    """Easter Sunday of the Gregorian calendar (the "anonymous" computus, Meeus/Jones/Butcher)."""
    moon = year % 19
    century, rest = divmod(year, 100)
    epact = (19 * moon + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (rest // 4) - epact - rest % 4) % 7
    late = (moon + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * late + 114, 31)
    return date(year, month, day + 1)


@cache
def closing_days(year: int) -> frozenset[date]:
    """The days of a year on which TARGET is closed besides its weekends."""
    easter = easter_sunday(year)
    moving = {easter - 2 * _ONE_DAY, easter + _ONE_DAY}
    return frozenset(moving | {date(year, month, day) for month, day in _FIXED_CLOSING_DAYS})


def is_business_day(day: date) -> bool:
    """Whether TARGET settles on this day."""
    return day.isoweekday() <= 5 and day not in closing_days(day.year)


def next_business_day(day: date) -> date:
    """The first business day after ``day``."""
    return adjust_to_business_day(day + _ONE_DAY, rule=ExecutionRule.FOLLOWING)


def previous_business_day(day: date) -> date:
    """The last business day before ``day``."""
    return adjust_to_business_day(day - _ONE_DAY, rule=ExecutionRule.PRECEDING)


def adjust_to_business_day(day: date, *, rule: ExecutionRule) -> date:
    """``day`` itself if it is a business day, else the nearest one after or before it."""
    step = _ONE_DAY if rule == ExecutionRule.FOLLOWING else -_ONE_DAY
    while not is_business_day(day):
        day += step
    return day
