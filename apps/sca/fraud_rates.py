"""How much of the bank's remote credit transfers is fraud (RTS art. 19), and what follows if it is too much (art. 20).

Pure: the figures come in, nothing is read. All comparisons are of whole numbers, so that no rounding lets a payment
through.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

from apps.core.legal_limits import FRAUD_RATE_WINDOW_DAYS, ReferenceBand

# Art. 19(2): the method is documented. A change of it is another version; reports name the version they were made by.
FRAUD_RATE_METHOD = "1"


class TransactionType(StrEnum):
    """Types whose rates are kept apart (art. 19(1)). The bank issues no cards and has no other than the first."""

    CREDIT_TRANSFER = "credit_transfer"
    CARD = "card"


@dataclass(frozen=True, slots=True)
class CountedTransaction:
    """A payment as the rate counts it: authenticated or exempted alike, and fraud whether or not the money came back
    (art. 19(1)). ``booked_on`` is the bank's day, ``amount_minor`` cents of euro."""

    booked_on: date
    amount_minor: int
    transaction_type: TransactionType = TransactionType.CREDIT_TRANSFER
    is_remote: bool = True
    is_fraud: bool = False


@dataclass(frozen=True, slots=True)
class FraudRate:
    """Value of the fraud and of everything, in cents of euro."""

    fraud_minor: int
    total_minor: int

    def __post_init__(self) -> None:
        if not 0 <= self.fraud_minor <= self.total_minor:
            raise ValueError("fraud is a part of the whole")

    @property
    def is_known(self) -> bool:
        """Whether there was anything to measure. Without a payment there is no rate, and none is good enough."""
        return self.total_minor > 0

    @property
    def percent(self) -> Decimal:
        """In per cent to five decimals, rounded up: a rate above a bound never reads like the bound.

        :raises ValueError: nothing was measured.
        """
        if not self.is_known:
            raise ValueError("no payments, no rate")
        return Decimal(-(-self.fraud_minor * 10**7 // self.total_minor)).scaleb(-5)

    def is_within(self, band: ReferenceBand) -> bool:
        """Whether it is at or below the annex's reference rate; False while nothing is known (art. 18(2)(a))."""
        return self.is_known and self.fraud_minor * 1_000_000 <= self.total_minor * band.rate_per_million


def fraud_rate(
    transactions: Iterable[CountedTransaction],
    *,
    transaction_type: TransactionType = TransactionType.CREDIT_TRANSFER,
    as_of: date,
) -> FraudRate:
    """The rate of the ninety days up to and with ``as_of``: fraudulent value over all value, remote payments of one
    type, by method :data:`FRAUD_RATE_METHOD` (art. 19(1))."""
    since = as_of - timedelta(days=FRAUD_RATE_WINDOW_DAYS - 1)
    counted = [
        one
        for one in transactions
        if one.is_remote and one.transaction_type == transaction_type and since <= one.booked_on <= as_of
    ]
    return FraudRate(
        fraud_minor=sum(one.amount_minor for one in counted if one.is_fraud),
        total_minor=sum(one.amount_minor for one in counted),
    )


class BandState(StrEnum):
    """Whether transaction risk analysis may be used in one band of the annex (art. 20)."""

    IN_USE = "in_use"
    ABOVE_ONCE = "above_once"
    CEASED = "ceased"
    RESTORABLE = "restorable"


USABLE_STATES = frozenset({BandState.IN_USE, BandState.ABOVE_ONCE})
# What a quarter at or below the reference rate leads to, and one above it. Nothing but the authority's notice leads
# back into use (``restore_band``).
_AFTER_GOOD_QUARTER = {
    BandState.IN_USE: BandState.IN_USE,
    BandState.ABOVE_ONCE: BandState.IN_USE,
    BandState.CEASED: BandState.RESTORABLE,
    BandState.RESTORABLE: BandState.RESTORABLE,
}
_AFTER_BAD_QUARTER = {
    BandState.IN_USE: BandState.ABOVE_ONCE,
    BandState.ABOVE_ONCE: BandState.CEASED,
    BandState.CEASED: BandState.CEASED,
    BandState.RESTORABLE: BandState.CEASED,
}


@dataclass(frozen=True, slots=True, order=True)
class Quarter:
    """A calendar quarter, ``number`` 1 to 4."""

    year: int
    number: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= 4:
            raise ValueError("a year has four quarters")

    def __str__(self) -> str:
        return f"{self.year}/{self.number}"

    @classmethod
    def of(cls, day: date) -> "Quarter":
        """The one that a day lies in."""
        return cls(day.year, (day.month + 2) // 3)

    @property
    def first_day(self) -> date:
        """The day it begins with."""
        return date(self.year, self.number * 3 - 2, 1)

    @property
    def last_day(self) -> date:
        """The day it ends with."""
        return self.next().first_day - timedelta(days=1)

    def next(self) -> "Quarter":
        """The one after it."""
        return Quarter(self.year + self.number // 4, self.number % 4 + 1)


@dataclass(frozen=True, slots=True)
class QuarterFigures:
    """What one quarter brought. ``rate`` None: it was not measured, which counts as above. ``is_restored``: in this
    quarter the authority was told that the exemption is to be used again, with the evidence (art. 20(3)-(4))."""

    quarter: Quarter
    rate: FraudRate | None
    is_restored: bool = False


@dataclass(frozen=True, slots=True)
class BandStep:
    """Where a band stands after a quarter. ``must_report``: the authority is to be told at once (art. 20(1))."""

    quarter: Quarter
    state: BandState
    must_report: bool


class NotRestorable(ValueError):
    """The exemption is not to be used again yet: no quarter at or below the rate has followed (art. 20(3))."""


def close_quarter(state: BandState, *, rate: FraudRate | None, band: ReferenceBand) -> BandState:
    """The state after a quarter with this rate: two in a row above it end the use of the exemption (art. 20(2))."""
    is_good = rate is not None and rate.is_within(band)
    return (_AFTER_GOOD_QUARTER if is_good else _AFTER_BAD_QUARTER)[state]


def restore_band(state: BandState) -> BandState:
    """Back in use, once the authority was told and has the evidence (art. 20(4)).

    :raises NotRestorable: not after a quarter at or below the reference rate.
    """
    if state != BandState.RESTORABLE:
        raise NotRestorable(state)
    return BandState.IN_USE


def walk_quarters(history: Sequence[QuarterFigures], *, band: ReferenceBand) -> list[BandStep]:
    """The states of a band, quarter by quarter, from its first use on.

    A restoration takes effect before the quarter in which it was noted is judged. One that, by what is known now, came
    too early (a fraud of the quarter before was found later) restores nothing.

    :raises ValueError: a quarter is left out, or they are not in order.
    """
    state, steps = BandState.IN_USE, []
    for earlier, figures in zip([None, *history], history, strict=False):
        if earlier is not None and earlier.quarter.next() != figures.quarter:
            raise ValueError(f"{figures.quarter} does not follow {earlier.quarter}")
        if figures.is_restored and state == BandState.RESTORABLE:
            state = restore_band(state)
        state = close_quarter(state, rate=figures.rate, band=band)
        is_above = figures.rate is None or not figures.rate.is_within(band)
        steps.append(BandStep(figures.quarter, state, must_report=is_above))
    return steps


def ceased_bands(states: dict[int, BandState]) -> frozenset[int]:
    """The bands (by ``etv_minor``) in which the exemption may not be used now."""
    return frozenset(etv_minor for etv_minor, state in states.items() if state not in USABLE_STATES)
