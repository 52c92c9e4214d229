"""Payments of a file in two bytes each: which ranges of the rules a payment's own facts are in.

A file has up to 100,000 payments and a few dozen different patterns, so each pattern is scored once. What rules compare
with is all that matters of a value: between two thresholds every value weighs the same. A pattern is read back with
the thresholds of the version that it was made by.
"""

import struct
from collections.abc import Iterable, Mapping
from dataclasses import replace

from apps.risk.facts import LONG_KNOWN_HOURS
from apps.risk.rules import Comparison, Measure, RiskFacts, Rule

UNKNOWN = 7  # As the range of the usual amount: there is no habit.
RANGES_MAX = 6
_PERCENT_SHIFT, _BURST_SHIFT = 3, 6
IS_NEW, IS_LISTED, IS_NEW_COUNTRY, HAS_OTHER_NAME = 1 << 9, 1 << 10, 1 << 11, 1 << 12

_RANGED = (Measure.AMOUNT_MINOR, Measure.PERCENT_OF_USUAL, Measure.BURST_TO_NEW_PAYEE)


def read_patterns(stored: bytes | memoryview | None) -> tuple[int, ...]:
    """The patterns of a file's payments, in its order, from how they are stored: two bytes each, the high one first."""
    content = bytes(stored or b"")
    return struct.unpack(f">{len(content) // 2}H", content)


def thresholds_of(rules: Iterable[Rule]) -> dict[Measure, list[int]]:
    """The thresholds of the measures that a pattern has ranges of, ascending.

    :raises ValueError: rules that no pattern can hold; they were never seeded so.
    """
    found: dict[Measure, list[int]] = {measure: [] for measure in _RANGED}
    for rule in rules:
        if rule.measure in found:
            if rule.comparison != Comparison.AT_LEAST:
                raise ValueError(f"{rule.measure} is compared upwards only")
            found[rule.measure].append(rule.threshold)
    if any(len(values) > RANGES_MAX for values in found.values()):
        raise ValueError("too many thresholds of one measure")
    return {measure: sorted(values) for measure, values in found.items()}


def facts_of_pattern(
    pattern: int, *, common: RiskFacts, thresholds: Mapping[Measure, list[int]]
) -> RiskFacts:
    """The facts of a payment: those common to the file, and for its own the lowest value of the range."""
    percent = pattern >> _PERCENT_SHIFT & 7
    is_new = bool(pattern & IS_NEW)
    return replace(
        common,
        amount_minor=_lowest(thresholds[Measure.AMOUNT_MINOR], pattern & 7),
        percent_of_usual=(
            None if percent == UNKNOWN else _lowest(thresholds[Measure.PERCENT_OF_USUAL], percent)
        ),
        burst_to_new_payee=_lowest(thresholds[Measure.BURST_TO_NEW_PAYEE], pattern >> _BURST_SHIFT & 7),
        payee_age_hours=0 if is_new else LONG_KNOWN_HOURS,
        listed_elements=(
            None if common.listed_elements is None else common.listed_elements + bool(pattern & IS_LISTED)
        ),
        new_country=int(bool(pattern & IS_NEW_COUNTRY)),
        takeover_signs=common.takeover_signs if is_new else 0,
        name_mismatch_to_new_payee=int(is_new and bool(pattern & HAS_OTHER_NAME)),
    )


def _lowest(thresholds: list[int], reached: int) -> int:
    """The lowest value that reaches so many thresholds."""
    return thresholds[reached - 1] if reached else 0
