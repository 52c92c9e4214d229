"""When a standing order is due: pure rules on days.

A *due date* is a day of the series as the customer ordered it; it names one execution, whatever banks do on that day.
The *execution date* is the business day that stands in for it by the executionRule.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.errors import InvalidInput
from apps.core.target_calendar import ExecutionRule, adjust_to_business_day
from apps.payments.scheduling import DAYS_AHEAD_MAX

LAST_DAY_OF_MONTH = 31


class Frequency(models.TextChoices):
    """frequency of NextGenPSD2 (ISO 20022 EventFrequency7Code); MonthlyVariable is not offered."""

    DAILY = "Daily", _("every day")
    WEEKLY = "Weekly", _("every week")
    EVERY_TWO_WEEKS = "EveryTwoWeeks", _("every two weeks")
    MONTHLY = "Monthly", _("every month")
    EVERY_TWO_MONTHS = "EveryTwoMonths", _("every two months")
    QUARTERLY = "Quarterly", _("every three months")
    SEMI_ANNUAL = "SemiAnnual", _("every six months")
    ANNUAL = "Annual", _("every year")


DAYS_BETWEEN = {Frequency.DAILY: 1, Frequency.WEEKLY: 7, Frequency.EVERY_TWO_WEEKS: 14}
MONTHS_BETWEEN = {
    Frequency.MONTHLY: 1,
    Frequency.EVERY_TWO_MONTHS: 2,
    Frequency.QUARTERLY: 3,
    Frequency.SEMI_ANNUAL: 6,
    Frequency.ANNUAL: 12,
}


class SeriesInvalid(InvalidInput):
    """The dates of a standing order do not make a series. ``field`` names the one to correct."""

    code = "series_invalid"


class StartTooEarly(SeriesInvalid):
    """The first execution would be today or earlier."""

    code = "start_too_early"


class StartTooFar(SeriesInvalid):
    """It would begin later than orders are kept for."""

    code = "start_too_far"


class EndTooEarly(SeriesInvalid):
    """The last day is before the first execution: nothing would ever be paid."""

    code = "end_too_early"


class DayNotOfFrequency(SeriesInvalid):
    """A day of the month goes with months only, and is one of 1 to 31."""

    code = "day_not_of_frequency"


@dataclass(frozen=True, slots=True)
class Series:
    """When a standing order is due. Without ``day_of_execution`` it is the day of the start; 31 is a month's last."""

    start_date: date
    frequency: Frequency
    end_date: date | None = None
    execution_rule: ExecutionRule = ExecutionRule.FOLLOWING
    day_of_execution: int | None = None

    def execution_date(self, due_date: date) -> date:
        """The business day on which the execution of ``due_date`` is carried out."""
        return adjust_to_business_day(due_date, rule=self.execution_rule)

    def first_due_date(self) -> date | None:
        """The first day of the series; None if it ends before it has begun."""
        return self.next_due_date(after=None)

    def next_due_date(self, *, after: date | None) -> date | None:
        """The first due date after ``after`` (None: of all); None when the series is over."""
        step = 0
        if after is not None:
            step = self._steps_until(after)
        while (due_date := self._due_date(step)) is not None and after is not None and due_date <= after:
            step += 1
        if due_date is None or (self.end_date is not None and due_date > self.end_date):
            return None
        return due_date

    def is_due_date(self, day: date) -> bool:
        """Whether ``day`` is one of the series."""
        return self.next_due_date(after=day - timedelta(days=1)) == day

    def _due_date(self, step: int) -> date | None:
        """The due date number ``step``, from 0, regardless of the end; None beyond the calendar."""
        try:
            if self.frequency in DAYS_BETWEEN:
                return self.start_date + timedelta(days=step * DAYS_BETWEEN[self.frequency])
            wanted = self.day_of_execution or self.start_date.day
            first = _month_index(self.start_date)
            if _day_in_month(first, wanted) < self.start_date:
                first += 1
            return _day_in_month(first + step * MONTHS_BETWEEN[self.frequency], wanted)
        except (ValueError, OverflowError):
            return None

    def _steps_until(self, day: date) -> int:
        """A step that is not beyond ``day``, near it: no walk over the years."""
        if self.frequency in DAYS_BETWEEN:
            return max(0, (day - self.start_date).days // DAYS_BETWEEN[self.frequency])
        months = _month_index(day) - _month_index(self.start_date) - 1
        return max(0, months // MONTHS_BETWEEN[self.frequency])


def check_series(series: Series, *, today: date) -> None:
    """Whether a series can be ordered today.

    :raises DayNotOfFrequency: a day of the month where there are no months, or none of 1 to 31.
    :raises StartTooFar: begins more than ``DAYS_AHEAD_MAX`` days ahead.
    :raises EndTooEarly: nothing would ever be due.
    :raises StartTooEarly: the first execution would be today or earlier.
    """
    day = series.day_of_execution
    if day is not None and (series.frequency not in MONTHS_BETWEEN or not 1 <= day <= LAST_DAY_OF_MONTH):
        raise DayNotOfFrequency(str(day), field="dayOfExecution")
    if series.start_date <= today:
        raise StartTooEarly(series.start_date.isoformat(), field="startDate")
    if (series.start_date - today).days > DAYS_AHEAD_MAX:
        raise StartTooFar(series.start_date.isoformat(), field="startDate")
    first = series.first_due_date()
    if first is None:
        raise EndTooEarly(str(series.end_date), field="endDate")
    if series.execution_date(first) <= today:
        raise StartTooEarly(first.isoformat(), field="startDate")


def _month_index(day: date) -> int:
    return day.year * 12 + day.month - 1


def _day_in_month(month_index: int, wanted: int) -> date:
    """The wanted day of a month, or its last day when it has none such."""
    year, month = divmod(month_index, 12)
    return date(year, month + 1, min(wanted, monthrange(year, month + 1)[1]))
