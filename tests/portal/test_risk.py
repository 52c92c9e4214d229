"""What the portal tells monitoring of its visitors; nothing of it is seen by them."""

import pytest

from apps.payments.models import PaymentInitiation
from apps.risk.models import RiskAssessment
from apps.risk.rules import Subject
from tests.factories.identity import PASSWORD
from tests.portal.kit import Visitor, ask_consent, ask_payment, bad_code, code_for, page

AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


@pytest.fixture
def firefox() -> Visitor:
    visitor = Visitor()
    visitor.http.defaults |= {"HTTP_USER_AGENT": AGENT, "REMOTE_ADDR": "203.0.113.9"}
    return visitor


@pytest.mark.req("RTS-2(1)")
def test_each_sign_in_is_assessed_and_blocks_nobody(anna, firefox):
    assert firefox.sign_in(anna).headers["Location"] == "/home/"
    assessment = RiskAssessment.objects.get()
    assert (assessment.subject, assessment.psu_id) == (Subject.SIGN_IN, anna.pk)
    assert assessment.network == "203.0.113.0/24"
    assert len(assessment.device) == 64


def test_a_wrong_code_is_no_sign_in(anna, firefox):
    firefox.send_password(anna.user.username)
    firefox.post("/sign-in/code/", code="000000")
    assert not RiskAssessment.objects.exists()


@pytest.mark.req("RTS-2(1)", "RTS-2(2)")
def test_a_payment_has_device_network_and_time_since_the_sign_in(anna, firefox, bank_time):
    firefox.sign_in(anna)
    bank_time.pass_(seconds=45)
    firefox.enter_transfer()
    assessment = PaymentInitiation.objects.get().risk_assessment
    assert assessment.network == "203.0.113.0/24"
    assert assessment.facts["session_seconds"] == 45
    assert assessment.facts["automated_client"] == 0
    # Seen at the sign-in of a minute ago for the first time: still new.
    assert assessment.facts["device_age_hours"] == 0


def test_an_order_faster_than_a_person_is_a_sign_of_malware(anna, firefox):
    firefox.sign_in(anna)
    firefox.enter_transfer()
    factors = {one["factor"]: one["state"] for one in PaymentInitiation.objects.get().risk_assessment.factors}
    assert factors["malware"] == "found"


def test_so_is_a_headless_browser(anna, firefox, bank_time):
    firefox.http.defaults["HTTP_USER_AGENT"] = AGENT.replace("Firefox", "HeadlessChrome")
    firefox.sign_in(anna)
    bank_time.pass_(minutes=2)
    firefox.enter_transfer()
    assert PaymentInitiation.objects.get().risk_assessment.facts["automated_client"] == 1


def test_no_page_shows_a_customer_his_score(anna, firefox):
    firefox.sign_in(anna)
    payment = firefox.begin_payment(anna)
    for path in (f"/pay/{payment.pk}/", f"/pay/{payment.pk}/review/", f"/pay/{payment.pk}/sign/"):
        assert b"risk" not in firefox.get(path).content.lower()


def test_the_browsers_name_is_not_kept(anna, firefox):
    firefox.sign_in(anna)
    firefox.enter_transfer()
    for row in RiskAssessment.objects.values_list("device", "network", "facts"):
        assert "Firefox" not in str(row)
        assert "203.0.113.9" not in str(row)


@pytest.mark.req("RTS-2(1)")
class TestOnThePagesForACompany:
    """Who proves himself there has signed in, too."""

    def assessed(self, psu) -> list[str]:
        rows = RiskAssessment.objects.filter(psu_id=psu.pk, subject=Subject.SIGN_IN)
        assert all(len(row.device) == 64 for row in rows)
        return [row.network for row in rows]

    def test_a_consents_code_is_a_sign_in(self, anna, app, firefox):
        _consent, authorisation = ask_consent(app, anna.account)
        firefox.post(page(authorisation.pk), user_id=anna.user.username, password=PASSWORD)
        firefox.post(page(authorisation.pk, "code"), code=bad_code(anna))
        assert self.assessed(anna) == []
        firefox.post(page(authorisation.pk, "code"), code=code_for(anna))
        assert self.assessed(anna) == ["203.0.113.0/24"]

    def test_so_is_a_payments(self, anna, app, firefox):
        _payment, authorisation = ask_payment(app, anna.account, amount_minor=2_500)
        firefox.post(page(authorisation.pk), user_id=anna.user.username, password=PASSWORD)
        firefox.post(page(authorisation.pk, "code"), code=bad_code(anna))
        assert self.assessed(anna) == []
        firefox.post(page(authorisation.pk, "code"), code=code_for(anna))
        assert self.assessed(anna) == ["203.0.113.0/24"]
        firefox.post(page(authorisation.pk, "code"), code="000000")
        assert len(self.assessed(anna)) == 1
