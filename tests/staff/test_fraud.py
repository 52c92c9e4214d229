"""The staff's pages of the fraud register: take in, judge, and the rates against the annex."""

from datetime import UTC, datetime, timedelta

import pytest

from apps.fraud.models import AuthorityNotice, FraudReport
from apps.fraud.services import count_days
from apps.identity.rules import StaffRole
from apps.notifications.models import OutboxMessage
from tests.factories.accounts import NOW
from tests.factories.fraud import booked_payment, judged, reported
from tests.staff.world import member_of_staff, signed_in

pytestmark = pytest.mark.django_db
FORM = {"reason": "Called the customer back", "is_confirmed": "on"}


@pytest.fixture(autouse=True)
def _at_the_bank(monkeypatch):
    monkeypatch.setattr("apps.core.clock.now", lambda: NOW)


@pytest.fixture
def compliance(world):
    return signed_in(member_of_staff("kai", roles=(StaffRole.COMPLIANCE,)))


@pytest.mark.req("P-71", "P-73")
class TestReports:
    def test_the_queue_says_by_when_and_judging_keeps_who_and_why(self, world, compliance):
        report = reported(booked_payment(world.anna))
        assert "Reports of fraud to judge" in compliance.get("/staff/").content.decode()
        assert "2026" in compliance.get("/staff/fraud/fraudreport/?status__exact=open").content.decode()
        row = compliance.get(f"/staff/fraud/fraudreport/{report.pk}/").content.decode()
        assert f"/staff/fraud/reports/{report.pk}/decide/" in row
        response = compliance.post(f"/staff/fraud/reports/{report.pk}/decide/", FORM | {"outcome": "fraud"})
        assert response.status_code == 303
        report.refresh_from_db()
        assert (report.outcome, report.decision_reason) == ("fraud", FORM["reason"])
        assert report.decided_by is not None
        assert OutboxMessage.objects.filter(topic="engine.refund_payment").count() == 1
        assert FORM["reason"] in compliance.get(response["Location"]).content.decode()

    @pytest.mark.parametrize(
        "form", [FORM, FORM | {"outcome": "x"}, {"outcome": "fraud", "is_confirmed": "on"}]
    )
    def test_not_without_outcome_and_reason(self, world, compliance, form):
        report = reported(booked_payment(world.anna))
        assert compliance.post(f"/staff/fraud/reports/{report.pk}/decide/", form).status_code == 422
        assert FraudReport.objects.get().status == "open"

    def test_not_twice(self, world, compliance):
        url = f"/staff/fraud/reports/{reported(booked_payment(world.anna)).pk}/decide/"
        compliance.post(url, FORM | {"outcome": "withdrawn"})
        answer = compliance.post(url, FORM | {"outcome": "fraud"}, follow=True)
        assert "This is not possible any more" in answer.content.decode()
        assert FraudReport.objects.get().outcome == "withdrawn"

    def test_what_should_have_been_paid_back_stands_on_the_overview(self, world, compliance, monkeypatch):
        reported(booked_payment(world.anna))
        assert "should have been paid back" not in compliance.get("/staff/").content.decode()
        monkeypatch.setattr("apps.core.clock.now", lambda: NOW + timedelta(days=3))
        compliance = signed_in(member_of_staff("eva", phone="+4917139200017"))
        assert "1 should have been paid back by now" in compliance.get("/staff/").content.decode()

    def test_a_call_is_taken_in_for_a_customer_who_cannot_sign_in(self, world):
        service = signed_in(member_of_staff("ida", roles=(StaffRole.CUSTOMER_SERVICE,)))
        payment = booked_payment(world.anna)
        page = service.get(f"/staff/payments/paymentinitiation/{payment.pk}/").content.decode()
        assert f"/staff/payments/{payment.pk}/report/" in page
        assert (
            service.post(f"/staff/payments/{payment.pk}/report/", FORM | {"what": "stolen"}).status_code
            == 303
        )
        report = FraudReport.objects.get()
        assert (report.psu_id, report.reason, report.taken_by is not None) == (world.anna.pk, "stolen", True)
        assert service.post(f"/staff/fraud/reports/{report.pk}/decide/", FORM).status_code == 403

    def test_not_of_what_never_left(self, world, compliance):
        page = compliance.get(f"/staff/payments/paymentinitiation/{world.released.pk}/").content.decode()
        assert "/report/" not in page
        answer = compliance.post(
            f"/staff/payments/{world.released.pk}/report/", FORM | {"what": "stolen"}, follow=True
        )
        assert "nothing to report" in answer.content.decode()
        assert not FraudReport.objects.exists()


@pytest.mark.req("RTS-19", "RTS-20", "RTS-21")
class TestRates:
    def test_without_figures_nothing_is_open(self, world, compliance):
        page = compliance.get("/staff/fraud/rates/").content.decode()
        assert "The rate is not known" in page
        assert ">open<" not in page

    def test_each_band_stands_against_its_reference_rate(self, world, compliance):
        booked_payment(world.anna, amount_minor=1_000_000, at=NOW - timedelta(days=2))
        judged(booked_payment(world.anna, amount_minor=120, at=NOW - timedelta(days=2)))
        count_days(now=NOW)
        page = compliance.get("/staff/fraud/rates/").content.decode()
        for text in ("0.01200 %", "€1.20", "0.015 %", "0.01 %", "0.005 %"):
            assert text in page
        assert (page.count(">within<"), page.count(">above<")) == (1, 2)
        assert "strongly" in page

    def test_quarters_above_are_noted_and_the_exemption_comes_back(self, world, compliance, monkeypatch):
        for month in (6, 9):
            at = datetime(2026, month, 20, 12, tzinfo=UTC)
            judged(booked_payment(world.anna, amount_minor=5_000, at=at), now=at)
        booked_payment(world.anna, amount_minor=1_000_000)
        count_days(now=NOW)
        page = compliance.get("/staff/fraud/rates/").content.decode()
        assert page.count("given up after two quarters above") == 3
        assert "/restore/" not in page
        url = "/staff/fraud/bands/10000/2026/3/told/"
        assert url in page
        assert compliance.post("/staff/fraud/bands/10000/restore/", FORM, follow=True).status_code == 200
        assert not AuthorityNotice.objects.exists()
        assert compliance.post(url, FORM).status_code == 303
        assert url not in compliance.get("/staff/fraud/rates/").content.decode()
        assert "nothing to note" in compliance.post(url, FORM, follow=True).content.decode()
        later = datetime(2027, 1, 5, 12, tzinfo=UTC)
        monkeypatch.setattr("apps.core.clock.now", lambda: later)
        compliance = signed_in(member_of_staff("eva", phone="+4917139200017"))
        count_days(now=later)
        assert "/staff/fraud/bands/10000/restore/" in compliance.get("/staff/fraud/rates/").content.decode()
        assert compliance.post("/staff/fraud/bands/10000/restore/", FORM).status_code == 303
        page = compliance.get("/staff/fraud/rates/?quarter=2026-4").content.decode()
        assert "/staff/fraud/bands/10000/restore/" not in page
        assert FORM["reason"] in page

    @pytest.mark.parametrize("path", ["?quarter=2026-5", "?quarter=x", "?quarter=99999-1"])
    def test_no_other_quarters(self, world, compliance, path):
        assert compliance.get(f"/staff/fraud/rates/{path}").status_code == 404

    def test_no_other_bands(self, world, compliance):
        assert compliance.get("/staff/fraud/bands/10001/restore/").status_code == 404
        assert compliance.get("/staff/fraud/bands/10000/2026/5/told/").status_code == 404
