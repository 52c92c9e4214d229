"""The balance line: right sums, round levels, inside its drawing."""

import re
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from apps.portal.charts import HEIGHT, WIDTH, draw_balance

FIRST, LAST = date(2026, 10, 22), date(2026, 11, 21)


def test_adds_up_the_accounts_day_by_day() -> None:
    chart = draw_balance(
        [[(FIRST, 100_00), (date(2026, 11, 1), 150_00)], [(FIRST, 50_00), (date(2026, 11, 10), 0)]],
        first=FIRST,
        last=LAST,
    )
    assert chart.points == [(FIRST, 150_00), (date(2026, 11, 1), 200_00), (date(2026, 11, 10), 150_00)]
    assert (chart.lowest_minor, chart.highest_minor) == (150_00, 200_00)


def test_an_account_without_bookings_is_a_straight_line() -> None:
    chart = draw_balance([[(FIRST, 0)]], first=FIRST, last=LAST)
    assert chart.path == f"M0 {chart.gridlines[chart.levels.index(0)]}H{WIDTH}"


@given(
    values=st.lists(st.integers(-(10**11), 10**11), min_size=1, max_size=31),
)
def test_stays_inside_with_few_round_levels(values: list[int]) -> None:
    series = [(FIRST + timedelta(days=number), value) for number, value in enumerate(values)]
    chart = draw_balance([series], first=FIRST, last=LAST)
    assert 2 <= len(chart.levels) <= 6
    assert all(level % 100 == 0 for level in chart.levels)
    assert chart.levels[0] >= max(values)
    assert chart.levels[-1] <= min(values)
    assert all(0 <= y <= HEIGHT for y in [*chart.gridlines, *map(int, re.findall(r"V(\d+)", chart.path))])
    assert chart.days[0] == FIRST
    assert chart.days[-1] == LAST
