"""Reporting a payment from its page; and paying without a code while the fraud rate allows it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection

from apps.fraud.models import CountedDay, FraudReport
from apps.fraud.rules import ReportOutcome
from apps.fraud.services import count_days
from apps.identity.models import PSU
from apps.payments.exemption_models import PaymentExemption
from apps.payments.models import PaymentInitiation
from apps.sca.queries import get_authentication_state
from tests.factories.accounts import NOW, bank_accounts
from tests.factories.fraud import booked_payment, judged, reported
from tests.portal.kit import BankTime, Visitor, text_of
from tests.portal.test_exemptions import as_a_person_would, entered

FORM = {"reason": "stolen", "note": "Phone gone since Friday", "is_confirmed": "on"}
__all__ = ["as_a_person_would"]


@pytest.mark.req("P-71")
class TestReport:
    def test_from_the_payments_page_with_a_reason(self, customer_anna: Visitor, anna: PSU) -> None:
        payment = booked_payment(anna)
        assert f"/pay/{payment.pk}/report/" in text_of(customer_anna.get(f"/pay/{payment.pk}/"))
        form = text_of(customer_anna.get(f"/pay/{payment.pk}/report/"))
        for text in (
            "This payment was not me",
            "23 November 2026",
            "I did not order this payment",
            'name="freeze"',
        ):
            assert text in form
        answer = customer_anna.post(f"/pay/{payment.pk}/report/", **FORM)
        assert answer.headers["Location"] == f"/pay/{payment.pk}/"
        report = FraudReport.objects.get()
        assert (report.payment_id, report.psu_id, report.note) == (payment.pk, anna.pk, FORM["note"])
        page = text_of(customer_anna.get(f"/pay/{payment.pk}/"))
        assert "You reported this payment" in page
        assert f"/pay/{payment.pk}/report/" not in page
        assert get_authentication_state(user_id=anna.user_id).frozen_at is None

    def test_everything_can_be_frozen_with_it(self, customer_anna: Visitor, anna: PSU) -> None:
        payment = booked_payment(anna)
        answer = customer_anna.post(f"/pay/{payment.pk}/report/", freeze="on", **FORM)
        assert answer.headers["Location"] == "/frozen/"
        assert get_authentication_state(user_id=anna.user_id).frozen_at is not None
        assert FraudReport.objects.count() == 1
        assert customer_anna.get("/home/").headers["Location"].startswith("/sign-in/")

    @pytest.mark.parametrize(
        "form",
        [
            FORM | {"is_confirmed": ""},
            FORM | {"reason": "x"},
            FORM | {"note": "a\u202eb"},
            {"is_confirmed": "on"},
        ],
    )
    def test_not_without_a_reason_and_a_confirmation(
        self, customer_anna: Visitor, anna: PSU, form: dict[str, str]
    ) -> None:
        payment = booked_payment(anna)
        assert customer_anna.post(f"/pay/{payment.pk}/report/", **form).status_code == 422
        assert not FraudReport.objects.exists()

    def test_the_same_form_twice_is_one_report(self, customer_anna: Visitor, anna: PSU) -> None:
        payment = booked_payment(anna)
        for _ in range(2):
            answer = customer_anna.post(f"/pay/{payment.pk}/report/", **FORM)
            assert answer.headers["Location"] == f"/pay/{payment.pk}/"
        assert FraudReport.objects.count() == 1

    def test_nobody_reports_anothers_and_a_link_reports_nothing(
        self, customer_anna: Visitor, anna: PSU, bruno: PSU
    ) -> None:
        payment = booked_payment(bruno)
        assert customer_anna.get(f"/pay/{payment.pk}/report/").status_code == 404
        assert customer_anna.post(f"/pay/{payment.pk}/report/", **FORM).status_code == 404
        assert (
            Visitor().post(f"/pay/{payment.pk}/report/", **FORM).headers["Location"].startswith("/sign-in/")
        )
        customer_anna.get(f"/pay/{booked_payment(anna).pk}/report/", **FORM)
        assert not FraudReport.objects.exists()

    def test_what_has_not_left_the_account_is_not_reported(self, customer_anna: Visitor, anna: PSU) -> None:
        payment = entered(customer_anna, anna)
        assert "/report/" not in text_of(customer_anna.get(f"/pay/{payment.pk}/"))
        answer = customer_anna.get(f"/pay/{payment.pk}/report/")
        assert answer.headers["Location"] == f"/pay/{payment.pk}/"
        assert customer_anna.post(f"/pay/{payment.pk}/report/", **FORM).status_code == 409
        assert not FraudReport.objects.exists()

    def test_thirteen_months_later_it_is_too_late(self, customer_anna: Visitor, anna: PSU) -> None:
        payment = booked_payment(anna, at=NOW - timedelta(days=397))
        assert "/report/" not in text_of(customer_anna.get(f"/pay/{payment.pk}/"))
        assert customer_anna.post(f"/pay/{payment.pk}/report/", **FORM).status_code == 409

    @pytest.mark.parametrize(
        ("outcome", "says"),
        [
            (ReportOutcome.FRAUD, "is being paid back"),
            (ReportOutcome.DECEIVED, "approved by you"),
            (ReportOutcome.NOT_FRAUD, "approved by you"),
            (ReportOutcome.WITHDRAWN, "taken your report"),
        ],
    )
    def test_the_page_says_what_came_of_it(
        self, customer_anna: Visitor, anna: PSU, outcome: ReportOutcome, says: str
    ) -> None:
        report = judged(booked_payment(anna), outcome)
        assert says in text_of(customer_anna.get(f"/pay/{report.payment_id}/"))
        if outcome == ReportOutcome.FRAUD:
            report.refunded_minor, report.refunded_at = 2_500, NOW
            report.save()
            assert "€25.00 are on your account again" in text_of(
                customer_anna.get(f"/pay/{report.payment_id}/")
            )


@contextmanager
def assessments_can_be_changed() -> Iterator[None]:
    """Without the trigger that keeps assessments as they are."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE risk_riskassessment DISABLE TRIGGER risk_assessment_append_only")
        yield
        cursor.execute("ALTER TABLE risk_riskassessment ENABLE TRIGGER risk_assessment_append_only")


@pytest.mark.req("RTS-18", "RTS-19", "RTS-20")
class TestTransactionRiskAnalysis:
    """In use, audited, and with a payer and a payee that are known: what is left is the fraud rate."""

    @pytest.fixture(autouse=True)
    def _chosen(self, settings: Any) -> None:
        settings.SCA_EXEMPTIONS = ["18"]
        settings.SCA_RISK_ANALYSIS_LAST_AUDIT = date(2026, 6, 1)
        settings.SCA_RISK_ANALYSIS_LAST_EXTERNAL_AUDIT = date(2026, 6, 1)

    @pytest.fixture
    def payment(self, customer_anna: Visitor, anna: PSU, bank_time: BankTime, db: None) -> PaymentInitiation:
        """An everyday payment of 90 EUR to somebody paid before; monitoring finds and misses nothing."""
        bank_accounts()
        for back in range(1, 60):
            booked_payment(anna, amount_minor=1_000_000, at=NOW - timedelta(days=back))
        payment = entered(customer_anna, anna, amount="90.00")
        assessment = payment.risk_assessment
        factors = [one | {"state": "clear", "evidence": [], "weight": 0} for one in assessment.factors]
        # What monitoring makes of a customer of years is tests/risk's; here it has found nothing.
        with assessments_can_be_changed():
            type(assessment).objects.filter(pk=assessment.pk).update(factors=factors, score=0, level="low")
        return payment

    def review(self, visitor: Visitor, payment: PaymentInitiation) -> str:
        return text_of(visitor.get(f"/pay/{payment.pk}/review/"))

    def pay(self, visitor: Visitor, payment: PaymentInitiation) -> str:
        visitor.post(f"/pay/{payment.pk}/now/")
        payment.refresh_from_db()
        return payment.transaction_status

    def test_while_the_rate_holds_it_goes_without_a_code(
        self, customer_anna: Visitor, payment: PaymentInitiation
    ) -> None:
        count_days(now=NOW)
        assert f"/pay/{payment.pk}/now/" in self.review(customer_anna, payment)
        assert self.pay(customer_anna, payment) == "ACTC"
        exemption = PaymentExemption.objects.get()
        assert (exemption.article, exemption.reason) == ("18", "low_risk")
        assert (exemption.figures["fraud_minor"], exemption.figures["total_minor"]) == (0, 59_000_000)

    def test_one_fraud_above_the_reference_rate_and_it_takes_a_code(
        self, customer_anna: Visitor, anna: PSU, payment: PaymentInitiation
    ) -> None:
        count_days(now=NOW)
        fraud = booked_payment(anna, amount_minor=9_000, at=NOW - timedelta(days=1))  # 0.01523 %
        reported(fraud)
        assert f"/pay/{payment.pk}/now/" in self.review(customer_anna, payment)
        judged(fraud)
        assert f"/pay/{payment.pk}/now/" not in self.review(customer_anna, payment)
        assert self.pay(customer_anna, payment) == "RCVD"
        assert not PaymentExemption.objects.exists()

    def test_a_little_fraud_below_it_does_not(
        self, customer_anna: Visitor, anna: PSU, payment: PaymentInitiation
    ) -> None:
        count_days(now=NOW)
        judged(booked_payment(anna, amount_minor=8_000, at=NOW - timedelta(days=1)))
        assert self.pay(customer_anna, payment) == "ACTC"

    def test_nobody_counts_and_it_takes_a_code(
        self, customer_anna: Visitor, payment: PaymentInitiation
    ) -> None:
        assert self.pay(customer_anna, payment) == "RCVD"
        count_days(now=NOW - timedelta(days=1))
        assert self.pay(customer_anna, payment) == "RCVD"

    def test_a_band_that_was_given_up_takes_a_code_however_good_the_rate_is_now(
        self, customer_anna: Visitor, anna: PSU, payment: PaymentInitiation
    ) -> None:
        for day in (date(2026, 3, 20), date(2026, 6, 20)):
            at = NOW.replace(month=day.month, day=day.day)
            judged(booked_payment(anna, amount_minor=5_000, at=at), now=at)
        count_days(now=NOW)
        assert CountedDay.objects.count() > 200
        assert self.pay(customer_anna, payment) == "RCVD"
