"""The balance of the last days as a step line, drawn on the server: no script, no style attribute.

The picture has a stretchable drawing and labels in HTML beside it, so that they stay readable on a phone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

WIDTH, HEIGHT = 1000, 240
_STEPS = (1, 2, 5)
_GAPS_MAX = 5


@dataclass(frozen=True, slots=True)
class BalanceChart:
    """``path`` and ``gridlines`` in a WIDTH × HEIGHT drawing; ``levels`` (minor units) label them from the top."""

    path: str
    gridlines: list[int]
    levels: list[int]
    days: list[date]
    points: list[tuple[date, int]]

    @property
    def first(self) -> tuple[date, int]:
        return self.points[0]

    @property
    def last(self) -> tuple[date, int]:
        return self.points[-1]

    @property
    def lowest_minor(self) -> int:
        return min(value for _day, value in self.points)

    @property
    def highest_minor(self) -> int:
        return max(value for _day, value in self.points)


def draw_balance(series: Sequence[Sequence[tuple[date, int]]], *, first: date, last: date) -> BalanceChart:
    """The sum of several accounts' balances, each given as (day, balance at its end) where it changed."""
    points = _add_up(series, first=first, last=last)
    levels = _levels(min(value for _day, value in points), max(value for _day, value in points))
    top, bottom = levels[0], levels[-1]

    def y(value: int) -> int:
        return (top - value) * HEIGHT // (top - bottom)

    # A day is as wide as any other, the last one included: its balance is drawn to the edge.
    days = (last - first).days + 1
    path = f"M0 {y(points[0][1])}"
    for day, value in points[1:]:
        path += f"H{(day - first).days * WIDTH // days}V{y(value)}"
    path += f"H{WIDTH}"
    quarter = (last - first) / 4
    return BalanceChart(
        path=path,
        gridlines=[y(level) for level in levels],
        levels=levels,
        days=[first + quarter * step for step in range(5)],
        points=points,
    )


def _add_up(
    series: Sequence[Sequence[tuple[date, int]]], *, first: date, last: date
) -> list[tuple[date, int]]:
    known = [dict(one) for one in series]
    running = [0 for _ in series]
    points: list[tuple[date, int]] = []
    day = first
    while day <= last:
        running = [one.get(day, running[number]) for number, one in enumerate(known)]
        total = sum(running)
        if not points or points[-1][1] != total:
            points.append((day, total))
        day += timedelta(days=1)
    return points


def _levels(low: int, high: int) -> list[int]:
    """Round amounts from above ``high`` down to below ``low``, at most six of them."""
    spread = max(high - low, 100)
    size = 100
    while True:
        for step in _STEPS:
            bottom = low // (step * size)
            top = -(-high // (step * size))
            if top == bottom:
                top += 1
            if top - bottom <= _GAPS_MAX and (top - bottom) * step * size >= spread:
                return [level * step * size for level in range(top, bottom - 1, -1)]
        size *= 10
