"""Deadlines and rates of the fraud register: pure."""

from datetime import date, timedelta

import pytest

from apps.core.legal_limits import RISK_ANALYSIS_BANDS
from apps.fraud.rules import (
    BandStanding,
    Fraud,
    Register,
    is_in_time,
    last_day_to_report,
    refund_due_on,
    refund_minor,
    stand_of_bands,
)
from apps.sca.fraud_rates import BandState, FraudRate, Quarter

DAY = date(2026, 11, 21)
WITHIN, ABOVE = FraudRate(0, 100_000), FraudRate(16, 100_000)


@pytest.mark.req("P-71", "P-73")
class TestDeadlines:
    @pytest.mark.parametrize(
        ("booked", "last"),
        [
            (date(2026, 11, 21), date(2027, 12, 21)),
            (date(2026, 12, 1), date(2028, 1, 1)),
            # A day that the thirteenth month does not have ends with that month.
            (date(2027, 1, 31), date(2028, 2, 29)),
            (date(2026, 1, 31), date(2027, 2, 28)),
        ],
    )
    def test_thirteen_months_and_not_a_day_more(self, booked, last):
        assert last_day_to_report(booked) == last
        assert is_in_time(booked_on=booked, today=last)
        assert not is_in_time(booked_on=booked, today=last + timedelta(days=1))

    @pytest.mark.parametrize(
        ("reported", "due"),
        [
            (date(2026, 11, 20), date(2026, 11, 23)),  # A Friday.
            (date(2026, 11, 21), date(2026, 11, 23)),
            (date(2026, 11, 23), date(2026, 11, 24)),
            (date(2026, 12, 24), date(2026, 12, 28)),  # Christmas Eve, before a weekend.
        ],
    )
    def test_what_was_not_authorised_is_back_by_the_next_business_day(self, reported, due):
        assert refund_due_on(reported) == due

    @pytest.mark.parametrize(
        ("has_come_back", "status", "refund"),
        [
            (False, "ACSC", 2_650),
            (False, "ACSP", 2_650),
            (True, "ACSC", 150),
            (False, "RJCT", 0),
            (False, "ACTC", 0),
        ],
    )
    def test_the_account_stands_as_if_nothing_had_been_paid(self, has_come_back, status, refund):
        assert (
            refund_minor(amount_minor=2_500, fee_minor=150, has_come_back=has_come_back, status=status)
            == refund
        )


@pytest.mark.req("RTS-19", "RTS-18")
class TestRate:
    def test_fraud_is_a_part_of_the_value_of_ninety_days(self):
        days = {DAY - timedelta(days=back): 1_000_000 for back in range(1, 120)}
        register = Register(days, [Fraud(DAY - timedelta(days=5), 5_000)])
        assert register.rate(DAY - timedelta(days=1)) == FraudRate(5_000, 90_000_000)

    @pytest.mark.parametrize(("back", "counts"), [(0, True), (89, True), (90, False)])
    def test_the_window_rolls(self, back, counts):
        days = {DAY - timedelta(days=number): 1_000 for number in range(100)}
        rate = Register(days, [Fraud(DAY - timedelta(days=back), 700)]).rate(DAY)
        assert rate == FraudRate(700 if counts else 0, 90_000)

    def test_of_today_only_the_fraud_counts(self):
        register = Register({DAY - timedelta(days=1): 1_000}, [Fraud(DAY, 300)])
        assert register.present_rate(today=DAY) == FraudRate(300, 1_300)

    def test_a_day_that_was_not_counted_makes_the_rate_worse_not_better(self):
        register = Register({DAY - timedelta(days=1): 1_000}, [Fraud(DAY - timedelta(days=2), 300)])
        assert register.present_rate(today=DAY) == FraudRate(300, 1_300)

    def test_fraud_above_what_was_counted_is_still_a_part_of_the_whole(self):
        register = Register({DAY - timedelta(days=1): 1_000}, [Fraud(DAY - timedelta(days=1), 1_500)])
        assert register.present_rate(today=DAY) == FraudRate(1_500, 1_500)

    @pytest.mark.parametrize("days", [{}, {DAY: 1_000}, {DAY - timedelta(days=2): 1_000}])
    def test_whoever_does_not_count_has_no_rate(self, days):
        assert Register(days, []).present_rate(today=DAY) is None

    def test_days_without_payments_have_no_rate_that_is_good_enough(self):
        rate = Register({DAY - timedelta(days=1): 0}, []).present_rate(today=DAY)
        assert not any(rate.is_within(band) for band in RISK_ANALYSIS_BANDS)


@pytest.mark.req("RTS-20")
class TestBands:
    QUARTERS = (Quarter(2026, 1), Quarter(2026, 2), Quarter(2026, 3))

    def stand(self, *rates: FraudRate, restored=(), today: date = DAY) -> BandStanding:
        """The lowest band."""
        quarters = list(zip(self.QUARTERS, rates, strict=False))
        return stand_of_bands(quarters, restored=restored, today=today)[0]

    def test_one_quarter_above_is_told_and_two_end_it(self):
        once = self.stand(WITHIN, ABOVE)
        assert (once.state, once.steps[-1].must_report) == (BandState.ABOVE_ONCE, True)
        assert self.stand(ABOVE, ABOVE).state == BandState.CEASED

    def test_it_comes_back_with_the_notice_in_the_running_quarter(self):
        restored = [(10_000, Quarter(2026, 4))]
        assert self.stand(ABOVE, ABOVE, WITHIN).state == BandState.RESTORABLE
        assert self.stand(ABOVE, ABOVE, WITHIN, restored=restored).state == BandState.IN_USE

    @pytest.mark.parametrize(
        "restored",
        [
            [(25_000, Quarter(2026, 4))],  # Another band's.
            [(10_000, Quarter(2026, 3))],  # Before the good quarter was over.
            [(10_000, Quarter(2027, 1))],  # Of a quarter that has not come.
        ],
    )
    def test_and_with_no_other_notice(self, restored):
        assert self.stand(ABOVE, ABOVE, WITHIN, restored=restored).state == BandState.RESTORABLE

    def test_a_notice_does_not_help_a_band_that_is_still_above(self):
        assert (
            self.stand(ABOVE, ABOVE, ABOVE, restored=[(10_000, Quarter(2026, 4))]).state == BandState.CEASED
        )

    def test_quarters_begin_with_the_first_day_and_end_with_the_last_that_is_over(self):
        register = Register({date(2026, 5, 4): 1_000, date(2026, 8, 1): 1_000}, [])
        assert [quarter for quarter, _rate in register.quarters(today=date(2026, 9, 30))] == [
            Quarter(2026, 2)
        ]
        assert [quarter for quarter, _rate in register.quarters(today=date(2026, 10, 1))] == [
            Quarter(2026, 2),
            Quarter(2026, 3),
        ]
        assert Register({}, []).quarters(today=DAY) == []

    def test_a_fraud_that_is_found_later_changes_the_quarter_it_belongs_to(self):
        days = {date(2026, 1, 1) + timedelta(days=number): 10_000 for number in range(300)}
        good = Register(days, [])
        late = Register(days, [Fraud(date(2026, 3, 20), 500), Fraud(date(2026, 6, 20), 500)])
        assert stand_of_bands(good.quarters(today=DAY), restored=[], today=DAY)[0].state == BandState.IN_USE
        assert (
            stand_of_bands(late.quarters(today=DAY), restored=[], today=DAY)[0].state == BandState.RESTORABLE
        )
