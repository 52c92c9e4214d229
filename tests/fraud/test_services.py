"""Reports, what staff make of them, and the rates that follow."""

from datetime import date, datetime, timedelta

import pytest

from apps.audit.models import AuditEvent
from apps.core.ids import new_id
from apps.core.text import UnsafeText
from apps.fraud.models import AuthorityNotice, CountedDay, FraudReport
from apps.fraud.queries import (
    ReportUnknown,
    get_queue_state,
    get_rates,
    is_reportable,
    report_quarter,
)
from apps.fraud.rules import ReportOutcome, ReportReason
from apps.fraud.services import (
    ExemptionNotRestorable,
    NothingToNote,
    NotReportable,
    ReportDecided,
    ReportedAlready,
    ReportTooLate,
    count_days,
    decide_report,
    note_exceeded_told,
    report_payment,
    restore_exemption,
)
from apps.notifications.models import OutboxMessage
from apps.risk.rules import CaseOutcome
from apps.risk.services import close_case
from apps.sca.fraud_rates import BandState, FraudRate, Quarter
from tests.factories.accounts import NOW, bank_accounts, customer
from tests.factories.fraud import booked_payment, judged, reported
from tests.factories.payments import authorised_payment, received_payment
from tests.factories.risk import case_of

pytestmark = pytest.mark.django_db
STAFF = new_id()


@pytest.fixture
def anna():
    bank_accounts()
    return customer("Anna", balance_minor=10_000_000)


def events(name: str) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(event=name))


@pytest.mark.req("P-71", "P-73")
class TestReports:
    def test_a_report_is_kept_with_its_deadline_and_is_in_the_trail(self, anna):
        payment = booked_payment(anna)
        assert is_reportable(payment=payment, now=NOW)
        report = reported(payment)
        assert (report.status, report.refund_due_on) == ("open", date(2026, 11, 23))
        assert not is_reportable(payment=payment, now=NOW)
        (event,) = events("fraud.report.made")
        assert (event.object_id, event.actor_type, event.data["reason"]) == (
            str(payment.pk),
            "psu",
            "not_ordered",
        )

    def test_what_a_customer_writes_is_not_in_the_trail(self, anna):
        report_payment(
            payment_id=booked_payment(anna).pk,
            psu=anna,
            reason=ReportReason.STOLEN,
            note="My phone\n was  gone",
            now=NOW,
        )
        assert FraudReport.objects.get().note == "My phone was gone"
        assert "phone" not in str(events("fraud.report.made")[0].data)

    def test_staff_may_take_it_in(self, anna):
        report_payment(
            payment_id=booked_payment(anna).pk, psu=anna, reason=ReportReason.STOLEN, staff_id=STAFF, now=NOW
        )
        assert FraudReport.objects.get().taken_by == STAFF
        assert (events("fraud.report.made")[0].actor_type, events("fraud.report.made")[0].actor_id) == (
            "staff",
            str(STAFF),
        )

    def test_only_once(self, anna):
        payment = booked_payment(anna)
        reported(payment)
        with pytest.raises(ReportedAlready):
            report_payment(payment_id=payment.pk, psu=anna, reason=ReportReason.ALTERED, now=NOW)
        assert FraudReport.objects.get().reason == "not_ordered"

    @pytest.mark.parametrize("make", [received_payment, authorised_payment])
    def test_what_has_not_left_the_account_is_not_reported(self, anna, make):
        payment = make(anna)
        assert not is_reportable(payment=payment, now=NOW)
        with pytest.raises(NotReportable):
            report_payment(payment_id=payment.pk, psu=anna, reason=ReportReason.STOLEN, now=NOW)

    def test_thirteen_months_later_it_is_too_late(self, anna):
        payment = booked_payment(anna)
        last = datetime(2027, 12, 21, 22, 59, tzinfo=NOW.tzinfo)  # 23:59 at the bank.
        assert is_reportable(payment=payment, now=last)
        late = last + timedelta(minutes=1)
        assert not is_reportable(payment=payment, now=late)
        with pytest.raises(ReportTooLate):
            report_payment(payment_id=payment.pk, psu=anna, reason=ReportReason.STOLEN, now=late)
        assert not FraudReport.objects.exists()

    def test_no_character_that_hides_others(self, anna):
        with pytest.raises(UnsafeText):
            report_payment(
                payment_id=booked_payment(anna).pk,
                psu=anna,
                reason=ReportReason.STOLEN,
                note="a\u202eb",
                now=NOW,
            )


@pytest.mark.req("P-71", "P-73")
class TestDecisions:
    def test_who_decided_what_and_why_is_kept(self, anna):
        payment = booked_payment(anna)
        decide_report(
            report_id=reported(payment).pk,
            outcome=ReportOutcome.NOT_FRAUD,
            reason="Her own phone",
            staff_id=STAFF,
            now=NOW,
        )
        report = FraudReport.objects.get()
        assert (report.outcome, report.decided_by, report.decision_reason) == (
            "not_fraud",
            STAFF,
            "Her own phone",
        )
        (event,) = events("fraud.report.decided")
        assert (event.actor_id, event.data) == (
            str(STAFF),
            {"outcome": "not_fraud", "reason": "Her own phone"},
        )

    @pytest.mark.parametrize("outcome", list(ReportOutcome))
    def test_what_was_not_authorised_is_promised_back_and_nothing_else(self, anna, outcome):
        report = judged(booked_payment(anna), outcome)
        promised = OutboxMessage.objects.filter(topic="engine.refund_payment")
        assert [message.payload for message in promised] == (
            [{"report_id": str(report.pk)}] if outcome == ReportOutcome.FRAUD else []
        )
        assert all(message.queue == "engine" for message in promised)

    def test_once(self, anna):
        payment = booked_payment(anna)
        judged(payment, ReportOutcome.WITHDRAWN)
        with pytest.raises(ReportDecided):
            judged(payment, ReportOutcome.FRAUD)
        assert FraudReport.objects.get().outcome == "withdrawn"
        assert not OutboxMessage.objects.filter(topic="engine.refund_payment").exists()

    def test_not_without_a_reason_and_not_what_is_not_there(self, anna):
        report = reported(booked_payment(anna))
        with pytest.raises(UnsafeText):
            decide_report(
                report_id=report.pk, outcome=ReportOutcome.FRAUD, reason=" ", staff_id=STAFF, now=NOW
            )
        with pytest.raises(ReportUnknown):
            decide_report(
                report_id=new_id(), outcome=ReportOutcome.FRAUD, reason="xxxxx", staff_id=STAFF, now=NOW
            )

    def test_the_queue_says_what_should_have_been_paid_back(self, anna):
        reported(booked_payment(anna))
        judged(booked_payment(anna))
        assert get_queue_state(now=NOW) == (state := get_queue_state(now=NOW + timedelta(days=2)))
        assert (state.open, state.overdue) == (1, 0)
        assert get_queue_state(now=NOW + timedelta(days=3)).overdue == 1


@pytest.mark.req("RTS-19")
class TestCounting:
    def test_days_that_are_over_are_counted_with_those_without_payments(self, anna):
        for back, amount in ((3, 1_000), (3, 500), (1, 2_000), (0, 9_999)):
            booked_payment(anna, amount_minor=amount, at=NOW - timedelta(days=back))
        assert count_days(now=NOW) == 3
        assert list(CountedDay.objects.order_by("day").values_list("day", "total_minor", "payments")) == [
            (date(2026, 11, 18), 1_500, 2),
            (date(2026, 11, 19), 0, 0),
            (date(2026, 11, 20), 2_000, 1),
        ]

    def test_a_day_is_the_banks_day(self, anna):
        booked_payment(anna, amount_minor=700, at=datetime(2026, 11, 19, 23, 30, tzinfo=NOW.tzinfo))
        count_days(now=NOW)
        assert CountedDay.objects.get(total_minor=700).day == date(2026, 11, 20)

    def test_only_what_has_gone_out_and_has_not_been_refused_since(self, anna):
        payment = booked_payment(anna, at=NOW - timedelta(days=2), transaction_status="ACSP")
        booked_payment(anna, at=NOW - timedelta(days=2), transaction_status="RJCT")
        booked_payment(anna, at=NOW - timedelta(days=2), transaction_status="ACTC")
        count_days(now=NOW)
        assert CountedDay.objects.get(day=date(2026, 11, 19)).payments == 1
        payment.transaction_status = "RJCT"
        payment.save()
        count_days(now=NOW)
        assert CountedDay.objects.get(day=date(2026, 11, 19)).payments == 0

    def test_it_goes_on_where_it_stopped_and_does_nothing_without_payments(self, anna):
        assert count_days(now=NOW) == 0
        booked_payment(anna, at=NOW - timedelta(days=1))
        count_days(now=NOW)
        count_days(now=NOW + timedelta(days=30))
        assert CountedDay.objects.count() == 31

    @pytest.mark.parametrize(
        ("outcome", "fraud"),
        [
            (ReportOutcome.FRAUD, 500),
            (ReportOutcome.DECEIVED, 500),
            (ReportOutcome.NOT_FRAUD, 0),
            (ReportOutcome.WITHDRAWN, 0),
            (None, 0),
        ],
    )
    def test_what_is_judged_fraud_counts_at_once_and_a_suspicion_does_not(self, anna, outcome, fraud):
        booked_payment(anna, amount_minor=9_500, at=NOW - timedelta(days=1))
        payment = booked_payment(anna, amount_minor=500, at=NOW - timedelta(days=1))
        count_days(now=NOW)
        judged(payment, outcome) if outcome else reported(payment)
        assert get_rates(now=NOW).present == FraudRate(fraud, 10_000)

    def test_recovered_or_not(self, anna):
        payment = booked_payment(
            anna, amount_minor=500, at=NOW - timedelta(days=1), returned_at=NOW, return_reason="FOCR"
        )
        count_days(now=NOW)
        judged(payment)
        assert get_rates(now=NOW).present == FraudRate(500, 500)

    def test_what_monitoring_found_counts_too_and_once(self, anna):
        payment = booked_payment(anna, amount_minor=500, at=NOW - timedelta(days=1))
        booked_payment(anna, amount_minor=500, at=NOW - timedelta(days=1))
        count_days(now=NOW)
        close_case(
            case_id=case_of(payment).pk, outcome=CaseOutcome.FRAUD, reason="Mule", staff_id=STAFF, now=NOW
        )
        assert get_rates(now=NOW).present == FraudRate(500, 1_000)
        judged(payment)
        assert get_rates(now=NOW).present == FraudRate(500, 1_000)

    def test_what_is_over_for_ninety_days_does_not_count(self, anna):
        judged(booked_payment(anna, amount_minor=500, at=NOW - timedelta(days=1)))
        later = NOW + timedelta(days=89)
        count_days(now=later)
        assert not get_rates(now=later).present.is_known
        count_days(now=later - timedelta(days=1))

    def test_stopped_counting_means_no_rate(self, anna):
        booked_payment(anna, at=NOW - timedelta(days=1))
        count_days(now=NOW)
        assert get_rates(now=NOW).present is not None
        assert get_rates(now=NOW + timedelta(days=1)).present is None


@pytest.mark.req("RTS-20")
class TestBreaker:
    def two_bad_quarters(self, anna) -> datetime:
        """Fraud at the ends of the second and the third quarter of 2026; then nothing but honest payments."""
        for day in (date(2026, 6, 20), date(2026, 9, 20)):
            at = datetime(day.year, day.month, day.day, 12, tzinfo=NOW.tzinfo)
            booked_payment(anna, amount_minor=100_000, at=at)
            judged(booked_payment(anna, amount_minor=1_000, at=at), now=at)
        booked_payment(anna, amount_minor=100_000, at=NOW)
        return datetime(2027, 1, 5, 12, tzinfo=NOW.tzinfo)

    def states(self, now: datetime) -> set[BandState]:
        return {standing.state for standing in get_rates(now=now).bands}

    def test_two_quarters_above_end_it_and_a_good_one_with_the_notice_brings_it_back(self, anna):
        after = self.two_bad_quarters(anna)
        count_days(now=NOW)
        assert self.states(NOW) == {BandState.CEASED}
        assert get_rates(now=NOW).ceased == {10_000, 25_000, 50_000}
        count_days(now=after)
        assert self.states(after) == {BandState.RESTORABLE}
        assert get_rates(now=after).present.is_within(get_rates(now=after).bands[2].band)
        assert get_rates(now=after).ceased == {10_000, 25_000, 50_000}
        restore_exemption(etv_minor=25_000, note="Letter of 4 January", staff_id=STAFF, now=after)
        assert get_rates(now=after).ceased == {10_000, 50_000}
        (event,) = events("fraud.band.restored_told")
        assert (event.object_id, event.data["quarter"]) == ("25000", 1)

    def test_it_is_not_brought_back_before(self, anna):
        self.two_bad_quarters(anna)
        count_days(now=NOW)
        for etv_minor in (10_000, 99):
            with pytest.raises(ExemptionNotRestorable):
                restore_exemption(etv_minor=etv_minor, note="Letter", staff_id=STAFF, now=NOW)
        assert not AuthorityNotice.objects.exists()

    def test_a_quarter_above_is_recorded_when_it_ends_and_that_the_authority_was_told(self, anna):
        self.two_bad_quarters(anna)
        count_days(now=NOW)
        assert {(event.object_id, event.data["quarter"]) for event in events("fraud.band.exceeded")} == {
            (band, quarter) for band in ("10000", "25000", "50000") for quarter in (2, 3)
        }
        count_days(now=NOW)
        assert len(events("fraud.band.exceeded")) == 6
        note = {"etv_minor": 10_000, "note": "Told by portal", "staff_id": STAFF, "now": NOW}
        note_exceeded_told(quarter=Quarter(2026, 3), **note)
        for quarter in (Quarter(2026, 3), Quarter(2026, 1), Quarter(2026, 4)):
            with pytest.raises(NothingToNote):
                note_exceeded_told(quarter=quarter, **note)
        assert AuthorityNotice.objects.count() == 1


@pytest.mark.req("RTS-21")
def test_a_quarters_report_adds_up_to_everything_that_was_booked(anna):
    for amount in (1_000, 2_000, 3_000):
        payment = booked_payment(anna, amount_minor=amount)
    judged(payment)
    booked_payment(anna, amount_minor=70_000, transaction_status="RJCT")
    booked_payment(anna, amount_minor=50_000, at=datetime(2026, 9, 30, 12, tzinfo=NOW.tzinfo))
    (row,) = report_quarter(quarter=Quarter(2026, 4), now=NOW)
    assert (row.article, row.payments, row.total_minor, row.average_minor) == ("", 3, 6_000, 2_000)
    assert (row.rate, str(row.payments_percent)) == (FraudRate(3_000, 6_000), "100.00")
    assert report_quarter(quarter=Quarter(2026, 2), now=NOW) == []
