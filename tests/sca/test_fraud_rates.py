"""The fraud rate to five decimals, and the breaker that ends the use of risk analysis band by band."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from apps.core.legal_limits import RISK_ANALYSIS_BANDS
from apps.sca.fraud_rates import (
    BandState,
    CountedTransaction,
    FraudRate,
    NotRestorable,
    Quarter,
    QuarterFigures,
    TransactionType,
    ceased_bands,
    close_quarter,
    fraud_rate,
    restore_band,
    walk_quarters,
)

AS_OF = date(2026, 9, 30)
BAND_500 = RISK_ANALYSIS_BANDS[-1]
GOOD, BAD = FraudRate(5, 100_000), FraudRate(6, 100_000)


def paid(days_ago: int, amount_minor: int, *, fraud: bool = False) -> CountedTransaction:
    return CountedTransaction(AS_OF - timedelta(days=days_ago), amount_minor, is_fraud=fraud)


# A quarter of a small bank, by hand: 4,120.35 EUR of fraud in 98,765,432.10 EUR.
GOLDEN = [
    paid(0, 2_500_000_000),
    paid(1, 1_999_999_999),
    paid(30, 3_000_000_000),
    paid(45, 199_900, fraud=True),
    paid(60, 2_000_000_000),
    paid(77, 12_135, fraud=True),
    paid(89, 376_131_176),
    paid(89, 200_000, fraud=True),
    # What does not count.
    paid(90, 5_000_000, fraud=True),
    paid(-1, 5_000_000, fraud=True),
    CountedTransaction(AS_OF, 5_000_000, transaction_type=TransactionType.CARD, is_fraud=True),
    CountedTransaction(AS_OF, 5_000_000, is_remote=False, is_fraud=True),
]


@pytest.mark.req("RTS-19")
class TestRate:
    def test_the_golden_data_give_the_rate_that_was_worked_out_by_hand(self) -> None:
        rate = fraud_rate(GOLDEN, as_of=AS_OF)
        assert (rate.fraud_minor, rate.total_minor) == (412_035, 9_876_543_210)
        # 412035 / 9876543210 = 0.0000417185...
        assert rate.percent == Decimal("0.00418")

    def test_the_window_is_ninety_days_with_the_last_one(self) -> None:
        assert fraud_rate([paid(89, 100)], as_of=AS_OF).total_minor == 100
        assert fraud_rate([paid(90, 100)], as_of=AS_OF).total_minor == 0
        assert fraud_rate([paid(0, 100)], as_of=AS_OF).total_minor == 100
        assert fraud_rate([paid(-1, 100)], as_of=AS_OF).total_minor == 0

    def test_types_are_kept_apart(self) -> None:
        rate = fraud_rate(GOLDEN, transaction_type=TransactionType.CARD, as_of=AS_OF)
        assert (rate.fraud_minor, rate.total_minor) == (5_000_000, 5_000_000)
        assert rate.percent == 100

    @pytest.mark.parametrize(
        ("fraud", "total", "percent"),
        [
            (0, 1, "0.00000"),
            (5, 100_000, "0.00500"),
            # A hair above never reads like the bound.
            (500_000_001, 10_000_000_000_000, "0.00501"),
            (499_999_999, 10_000_000_000_000, "0.00500"),
            (1, 3, "33.33334"),
        ],
    )
    def test_it_is_written_with_five_decimals_rounded_up(self, fraud: int, total: int, percent: str) -> None:
        assert str(FraudRate(fraud, total).percent) == percent

    def test_comparisons_are_exact(self) -> None:
        assert FraudRate(500_000_000, 10_000_000_000_000).is_within(BAND_500)
        assert not FraudRate(500_000_001, 10_000_000_000_000).is_within(BAND_500)

    def test_without_payments_there_is_no_rate_and_none_is_good_enough(self) -> None:
        nothing = fraud_rate([], as_of=AS_OF)
        assert not nothing.is_known
        assert not nothing.is_within(BAND_500)
        with pytest.raises(ValueError, match="no rate"):
            _ = nothing.percent

    @pytest.mark.parametrize(("fraud", "total"), [(-1, 5), (6, 5)])
    def test_fraud_is_a_part_of_the_whole(self, fraud: int, total: int) -> None:
        with pytest.raises(ValueError, match="part of the whole"):
            FraudRate(fraud, total)


def quarters(*rates: FraudRate | None, restored: int | None = None) -> list[QuarterFigures]:
    """Figures from the first quarter of 2026 on; in the one with this number the exemption came back."""
    quarter, history = Quarter(2026, 1), []
    for number, rate in enumerate(rates):
        history.append(QuarterFigures(quarter, rate, is_restored=number == restored))
        quarter = quarter.next()
    return history


@pytest.mark.req("RTS-20")
class TestBreaker:
    @pytest.mark.parametrize(
        ("state", "rate", "following"),
        [
            (BandState.IN_USE, GOOD, BandState.IN_USE),
            (BandState.IN_USE, BAD, BandState.ABOVE_ONCE),
            (BandState.ABOVE_ONCE, GOOD, BandState.IN_USE),
            (BandState.ABOVE_ONCE, BAD, BandState.CEASED),
            (BandState.CEASED, GOOD, BandState.RESTORABLE),
            (BandState.CEASED, BAD, BandState.CEASED),
            (BandState.RESTORABLE, GOOD, BandState.RESTORABLE),
            (BandState.RESTORABLE, BAD, BandState.CEASED),
            # Not measured is not good.
            (BandState.IN_USE, None, BandState.ABOVE_ONCE),
            (BandState.ABOVE_ONCE, None, BandState.CEASED),
        ],
    )
    def test_each_state_after_a_good_and_after_a_bad_quarter(
        self, state: BandState, rate: FraudRate | None, following: BandState
    ) -> None:
        assert close_quarter(state, rate=rate, band=BAND_500) == following

    def test_two_bad_quarters_in_a_row_end_it_and_one_good_between_them_does_not(self) -> None:
        steps = walk_quarters(quarters(BAD, GOOD, BAD, BAD), band=BAND_500)
        assert [step.state for step in steps] == ["above_once", "in_use", "above_once", "ceased"]

    def test_every_quarter_above_is_reported(self) -> None:
        steps = walk_quarters(quarters(GOOD, BAD, None, GOOD), band=BAND_500)
        assert [step.must_report for step in steps] == [False, True, True, False]

    def test_it_comes_back_only_after_a_good_quarter_and_the_notice_to_the_authority(self) -> None:
        history = quarters(BAD, BAD, GOOD, GOOD, GOOD)
        assert [step.state for step in walk_quarters(history, band=BAND_500)][2:] == ["restorable"] * 3
        history = quarters(BAD, BAD, GOOD, GOOD, GOOD, restored=3)
        assert [step.state for step in walk_quarters(history, band=BAND_500)][2:] == [
            "restorable",
            "in_use",
            "in_use",
        ]

    @pytest.mark.parametrize("state", [BandState.IN_USE, BandState.ABOVE_ONCE, BandState.CEASED])
    def test_a_notice_alone_brings_nothing_back(self, state: BandState) -> None:
        with pytest.raises(NotRestorable):
            restore_band(state)
        steps = walk_quarters(quarters(BAD, BAD, GOOD, restored=2), band=BAND_500)
        assert steps[-1].state == BandState.RESTORABLE

    def test_the_bands_go_by_their_own_rates(self) -> None:
        between = FraudRate(8, 100_000)
        states = {
            band.etv_minor: walk_quarters(quarters(between, between), band=band)[-1].state
            for band in RISK_ANALYSIS_BANDS
        }
        assert states == {10_000: "in_use", 25_000: "in_use", 50_000: "ceased"}
        assert ceased_bands(states) == {50_000}

    def test_what_waits_for_its_restoration_is_not_in_use(self) -> None:
        assert ceased_bands({1: BandState.RESTORABLE, 2: BandState.ABOVE_ONCE, 3: BandState.CEASED}) == {1, 3}

    def test_no_quarter_is_left_out(self) -> None:
        history = [QuarterFigures(Quarter(2026, 1), GOOD), QuarterFigures(Quarter(2026, 3), GOOD)]
        with pytest.raises(ValueError, match="does not follow"):
            walk_quarters(history, band=BAND_500)

    def test_after_the_fourth_quarter_comes_the_first(self) -> None:
        assert Quarter(2026, 4).next() == Quarter(2027, 1)
        assert Quarter(2026, 3).next() == Quarter(2026, 4)
        assert Quarter.of(date(2026, 10, 1)) == Quarter.of(date(2026, 12, 31)) == Quarter(2026, 4)
        assert (Quarter(2026, 4).first_day, Quarter(2026, 4).last_day) == (
            date(2026, 10, 1),
            date(2026, 12, 31),
        )
        assert Quarter(2027, 1).last_day == date(2027, 3, 31)
        with pytest.raises(ValueError, match="four quarters"):
            Quarter(2026, 5)
