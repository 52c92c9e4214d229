"""When a standing order is due: every frequency, month ends, rests of the calendar; tables over years."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.core.target_calendar import ExecutionRule, is_business_day
from apps.payments.recurrence import (
    MONTHS_BETWEEN,
    DayNotOfFrequency,
    EndTooEarly,
    Frequency,
    Series,
    StartTooEarly,
    StartTooFar,
    check_series,
)

TODAY = date(2026, 11, 25)  # A Wednesday.


def day(text: str) -> date:
    return date.fromisoformat(text)


def series(
    start: str, frequency: str, *, end: str = "", rule: str = "following", day_of_execution: int | None = None
) -> Series:
    return Series(
        day(start),
        Frequency(frequency),
        day(end) if end else None,
        ExecutionRule(rule),
        day_of_execution,
    )


def due_dates(one: Series, count: int) -> list[str]:
    found: list[date] = []
    after = None
    while len(found) < count and (due := one.next_due_date(after=after)) is not None:
        found.append(due)
        after = due
    return [due.isoformat() for due in found]


@pytest.mark.parametrize(
    ("start", "frequency", "day_of_execution", "dates"),
    [
        ("2026-11-26", "Daily", None, ["2026-11-26", "2026-11-27", "2026-11-28", "2026-11-29"]),
        ("2026-11-26", "Weekly", None, ["2026-11-26", "2026-12-03", "2026-12-10", "2026-12-17"]),
        ("2026-12-24", "EveryTwoWeeks", None, ["2026-12-24", "2027-01-07", "2027-01-21", "2027-02-04"]),
        ("2026-12-01", "Monthly", None, ["2026-12-01", "2027-01-01", "2027-02-01", "2027-03-01"]),
        ("2027-01-31", "Monthly", None, ["2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30"]),
        ("2027-01-30", "Monthly", None, ["2027-01-30", "2027-02-28", "2027-03-30", "2027-04-30"]),
        ("2027-12-31", "EveryTwoMonths", None, ["2027-12-31", "2028-02-29", "2028-04-30", "2028-06-30"]),
        ("2026-11-30", "Quarterly", None, ["2026-11-30", "2027-02-28", "2027-05-30", "2027-08-30"]),
        ("2027-08-31", "SemiAnnual", None, ["2027-08-31", "2028-02-29", "2028-08-31", "2029-02-28"]),
        (
            "2028-02-29",
            "Annual",
            None,
            ["2028-02-29", "2029-02-28", "2030-02-28", "2031-02-28", "2032-02-29"],
        ),
        # A day of the month of its own: the first such day from the start on.
        ("2026-11-26", "Monthly", 1, ["2026-12-01", "2027-01-01", "2027-02-01"]),
        ("2026-11-26", "Monthly", 26, ["2026-11-26", "2026-12-26"]),
        ("2026-11-26", "Monthly", 27, ["2026-11-27", "2026-12-27"]),
        ("2026-11-26", "Monthly", 31, ["2026-11-30", "2026-12-31", "2027-01-31", "2027-02-28"]),
        ("2026-11-26", "Monthly", 29, ["2026-11-29", "2026-12-29", "2027-01-29", "2027-02-28", "2027-03-29"]),
        ("2026-12-15", "Quarterly", 10, ["2027-01-10", "2027-04-10", "2027-07-10"]),
        ("2027-02-28", "Annual", 31, ["2027-02-28", "2028-02-29", "2029-02-28"]),
        ("2027-02-15", "SemiAnnual", 30, ["2027-02-28", "2027-08-30", "2028-02-29"]),
    ],
)
def test_the_days_on_which_it_is_due(
    start: str, frequency: str, day_of_execution: int | None, dates: list[str]
) -> None:
    one = series(start, frequency, day_of_execution=day_of_execution)
    assert due_dates(one, len(dates)) == dates


@pytest.mark.parametrize(
    ("end", "count"), [("2027-02-01", 3), ("2027-01-31", 2), ("2026-12-01", 1), ("2026-11-30", 0), ("", 9)]
)
def test_it_ends_on_its_last_day(end: str, count: int) -> None:
    assert len(due_dates(series("2026-12-01", "Monthly", end=end), 9)) == count


@pytest.mark.parametrize(
    ("rule", "dates"),
    [
        # 1 January, Sunday 28 February, Easter Monday 29 March, Saturday 1 May, Sunday 1 August 2027.
        ("following", {"2027-01-01": "2027-01-04", "2027-05-01": "2027-05-03", "2027-08-01": "2027-08-02"}),
        ("preceding", {"2027-01-01": "2026-12-31", "2027-05-01": "2027-04-30", "2027-08-01": "2027-07-30"}),
    ],
)
def test_a_day_of_rest_gives_way_by_the_rule(rule: str, dates: dict[str, str]) -> None:
    one = series("2026-12-01", "Monthly", rule=rule)
    for due, executed in dates.items():
        assert one.is_due_date(day(due))
        assert one.execution_date(day(due)) == day(executed)
    assert one.execution_date(day("2027-06-01")) == day("2027-06-01")


@given(
    start=st.dates(date(2026, 1, 1), date(2035, 12, 31)),
    frequency=st.sampled_from(list(Frequency)),
    rule=st.sampled_from(list(ExecutionRule)),
    wanted=st.none() | st.integers(1, 31),
    distance=st.integers(-40, 4000),
)
@settings(max_examples=400, deadline=None)
def test_whatever_the_series_its_days_are_in_order_and_found_from_anywhere(
    start: date, frequency: Frequency, rule: ExecutionRule, wanted: int | None, distance: int
) -> None:
    one = Series(start, frequency, None, rule, wanted if frequency in MONTHS_BETWEEN else None)
    after = start + timedelta(days=distance)
    due = one.next_due_date(after=after)
    assert due is not None
    assert due > after
    assert due >= start
    assert one.is_due_date(due)
    assert is_business_day(one.execution_date(due))
    assert abs((one.execution_date(due) - due).days) <= 4
    # None was passed over: the one before is not after the asked-for day.
    longest = MONTHS_BETWEEN.get(frequency, 1) * 31 + 31
    found, cursor = (
        [],
        one.next_due_date(after=max(start, after - timedelta(days=longest)) - timedelta(days=1)),
    )
    while cursor is not None and cursor <= due:
        found.append(cursor)
        cursor = one.next_due_date(after=cursor)
    assert found == sorted(set(found))
    assert [one_due for one_due in found if one_due > after] == [due]


def test_the_end_of_the_calendar_is_the_end_of_the_series() -> None:
    one = series("2026-12-01", "Annual")
    assert one.next_due_date(after=date(9999, 12, 31)) is None
    assert series("2026-12-01", "Daily").next_due_date(after=date(9999, 12, 31)) is None


@pytest.mark.parametrize(
    "good",
    [
        series("2026-11-26", "Daily"),
        series("2027-11-26", "Annual"),
        series("2026-12-01", "Monthly", end="2026-12-01"),
        series("2026-11-28", "Monthly"),
        series("2026-11-26", "Quarterly", day_of_execution=31),
    ],
    ids=str,
)
def test_series_that_can_be_ordered(good: Series) -> None:
    check_series(good, today=TODAY)


@pytest.mark.parametrize(
    ("bad", "error", "field"),
    [
        (series("2026-11-25", "Daily"), StartTooEarly, "startDate"),
        (series("2020-01-01", "Monthly"), StartTooEarly, "startDate"),
        (series("2027-11-27", "Monthly"), StartTooFar, "startDate"),
        (series("9999-12-31", "Monthly"), StartTooFar, "startDate"),
        (series("2026-12-01", "Monthly", end="2026-11-30"), EndTooEarly, "endDate"),
        (series("2026-12-02", "Monthly", end="2026-12-31", day_of_execution=1), EndTooEarly, "endDate"),
        (series("2026-12-01", "Monthly", day_of_execution=0), DayNotOfFrequency, "dayOfExecution"),
        (series("2026-12-01", "Monthly", day_of_execution=32), DayNotOfFrequency, "dayOfExecution"),
        (series("2026-12-01", "Weekly", day_of_execution=3), DayNotOfFrequency, "dayOfExecution"),
    ],
    ids=str,
)
def test_series_that_cannot(bad: Series, error: type[Exception], field: str) -> None:
    with pytest.raises(error) as caught:
        check_series(bad, today=TODAY)
    assert caught.value.field == field


def test_a_preceding_execution_is_not_due_before_it_can_be_signed() -> None:
    saturday = series("2026-11-28", "Monthly", rule="preceding")
    check_series(saturday, today=date(2026, 11, 26))
    with pytest.raises(StartTooEarly):
        check_series(saturday, today=date(2026, 11, 27))
