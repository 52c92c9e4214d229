"""The TARGET calendar, against dates that were published for its years."""

from datetime import date, timedelta

import pytest

from apps.core.target_calendar import (
    ExecutionRule,
    adjust_to_business_day,
    closing_days,
    easter_sunday,
    is_business_day,
    next_business_day,
    previous_business_day,
)

# Easter Sundays, with the earliest (22 March) and the latest (25 April) that there are.
EASTERS = [
    date(1818, 3, 22),
    date(1943, 4, 25),
    date(1954, 4, 18),
    date(1981, 4, 19),
    date(2000, 4, 23),
    date(2008, 3, 23),
    date(2011, 4, 24),
    date(2016, 3, 27),
    date(2019, 4, 21),
    date(2020, 4, 12),
    date(2021, 4, 4),
    date(2022, 4, 17),
    date(2023, 4, 9),
    date(2024, 3, 31),
    date(2025, 4, 20),
    date(2026, 4, 5),
    date(2027, 3, 28),
    date(2028, 4, 16),
    date(2029, 4, 1),
    date(2030, 4, 21),
    date(2035, 3, 25),
    date(2038, 4, 25),
    date(2049, 4, 18),
    date(2076, 4, 19),
    date(2285, 3, 22),
]


@pytest.mark.parametrize("easter", EASTERS, ids=str)
def test_easter_falls_where_the_church_says(easter: date) -> None:
    assert easter_sunday(easter.year) == easter


@pytest.mark.parametrize(
    ("year", "days"),
    [
        (2024, ["01-01", "03-29", "04-01", "05-01", "12-25", "12-26"]),
        (2025, ["01-01", "04-18", "04-21", "05-01", "12-25", "12-26"]),
        (2026, ["01-01", "04-03", "04-06", "05-01", "12-25", "12-26"]),
        (2027, ["01-01", "03-26", "03-29", "05-01", "12-25", "12-26"]),
        (2028, ["01-01", "04-14", "04-17", "05-01", "12-25", "12-26"]),
    ],
)
def test_the_closing_days_of_a_year(year: int, days: list[str]) -> None:
    assert sorted(closing_days(year)) == [date.fromisoformat(f"{year}-{day}") for day in days]


@pytest.mark.parametrize(
    "day",
    [
        "2026-10-03",
        "2026-04-03",
        "2026-04-06",
        "2026-05-01",
        "2026-12-25",
        "2026-12-26",
        "2027-01-01",
        "2026-11-22",
    ],
)
def test_banks_are_closed_on(day: str) -> None:
    assert not is_business_day(date.fromisoformat(day))


@pytest.mark.parametrize(
    # National holidays are none of TARGET's: Whit Monday, 3 October, Epiphany; and the eves.
    "day",
    ["2026-05-25", "2025-10-03", "2026-01-06", "2026-12-24", "2026-12-31", "2026-04-02", "2026-04-07"],
)
def test_banks_are_open_on(day: str) -> None:
    assert is_business_day(date.fromisoformat(day))


@pytest.mark.parametrize(
    ("day", "previous", "following"),
    [
        ("2026-11-25", "2026-11-24", "2026-11-26"),  # Wednesday
        ("2026-11-27", "2026-11-26", "2026-11-30"),  # Friday
        ("2026-11-28", "2026-11-27", "2026-11-30"),  # Saturday
        ("2026-11-30", "2026-11-27", "2026-12-01"),  # Monday
        ("2026-04-02", "2026-04-01", "2026-04-07"),  # before Good Friday: four days of rest
        ("2026-04-05", "2026-04-02", "2026-04-07"),
        ("2026-12-24", "2026-12-23", "2026-12-28"),  # Christmas: Friday, Saturday, Sunday
        ("2026-12-31", "2026-12-30", "2027-01-04"),  # over the end of the year
        ("2027-01-04", "2026-12-31", "2027-01-05"),
    ],
)
def test_the_business_days_around_a_day(day: str, previous: str, following: str) -> None:
    assert previous_business_day(date.fromisoformat(day)) == date.fromisoformat(previous)
    assert next_business_day(date.fromisoformat(day)) == date.fromisoformat(following)


@pytest.mark.parametrize(
    ("day", "rule", "adjusted"),
    [
        ("2026-11-25", "following", "2026-11-25"),
        ("2026-11-25", "preceding", "2026-11-25"),
        ("2026-11-28", "following", "2026-11-30"),
        ("2026-11-28", "preceding", "2026-11-27"),
        ("2027-01-01", "preceding", "2026-12-31"),
        ("2026-04-03", "following", "2026-04-07"),
    ],
)
def test_a_day_of_rest_gives_way_by_the_rule(day: str, rule: str, adjusted: str) -> None:
    result = adjust_to_business_day(date.fromisoformat(day), rule=ExecutionRule(rule))
    assert result == date.fromisoformat(adjusted)


def test_over_forty_years_no_rest_is_longer_than_five_days_and_no_year_poorer_than_its_count() -> None:
    day, rest = date(2020, 1, 1), 0
    open_days: dict[int, int] = {}
    while day.year < 2060:
        rest = 0 if is_business_day(day) else rest + 1
        assert rest <= 4
        open_days[day.year] = open_days.get(day.year, 0) + (rest == 0)
        assert previous_business_day(next_business_day(day)) <= day < next_business_day(day)
        day += timedelta(days=1)
    # 261 or 262 weekdays, less two to six closing days that fall on one.
    assert all(254 <= count <= 260 for count in open_days.values())
