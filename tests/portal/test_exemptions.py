"""The transfer page where the bank uses an exemption: it may be paid without a code, if one holds."""

from typing import Any

import pytest

from apps.core.ids import new_id
from apps.identity.models import PSU
from apps.payments.exemption_models import PaymentExemption
from apps.payments.models import PaymentInitiation
from apps.risk.rules import ElementKind
from apps.risk.services import list_element
from apps.sca.models import Challenge
from tests.factories.accounts import NOW
from tests.portal.kit import BankTime, Visitor, code_for, text_of


def entered(visitor: Visitor, psu: PSU, **changes: str) -> PaymentInitiation:
    """A transfer that waits to be checked."""
    visitor.enter_transfer(**changes)
    return PaymentInitiation.objects.filter(psu=psu).latest("created_at")


@pytest.fixture(autouse=True)
def as_a_person_would(customer_anna: Visitor, bank_time: BankTime) -> None:
    """By a browser, and not within seconds of the sign-in: those would be signs of malware."""
    customer_anna.http.defaults["HTTP_USER_AGENT"] = (
        "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101"
    )
    bank_time.pass_(seconds=60)


@pytest.mark.req("S3-7")
class TestWithTheUsualSettings:
    def test_every_payment_takes_a_code(self, customer_anna: Visitor, anna: PSU) -> None:
        payment = entered(customer_anna, anna, amount="0.01")
        html = text_of(customer_anna.get(f"/pay/{payment.pk}/review/"))
        assert "send me the code" in html
        assert f"/pay/{payment.pk}/now/" not in html

    def test_and_no_form_goes_around_it(self, customer_anna: Visitor, anna: PSU) -> None:
        payment = entered(customer_anna, anna, amount="0.01")
        answer = customer_anna.post(f"/pay/{payment.pk}/now/")
        assert answer.headers["Location"] == f"/pay/{payment.pk}/review/"
        assert "This payment takes a code" in text_of(customer_anna.get(answer.headers["Location"]))
        payment.refresh_from_db()
        assert payment.transaction_status == "RCVD"


@pytest.mark.req("RTS-16")
class TestWithLowValues:
    @pytest.fixture(autouse=True)
    def _chosen(self, settings: Any) -> None:
        settings.SCA_EXEMPTIONS = ["16"]

    @pytest.mark.req("RTS-2(2)")
    def test_a_payee_on_the_list_of_compromised_ones_takes_a_code(
        self, customer_anna: Visitor, anna: PSU
    ) -> None:
        list_element(
            kind=ElementKind.IBAN,
            value="DE02120300000000202051",
            reason="mule",
            staff_id=new_id(),
            now=NOW,
        )
        payment = entered(customer_anna, anna, amount="30.00")
        customer_anna.post(f"/pay/{payment.pk}/now/")
        payment.refresh_from_db()
        assert payment.transaction_status == "RCVD"

    @pytest.mark.req("RTS-2(2)")
    def test_a_program_in_the_browsers_place_needs_a_code(self, customer_anna: Visitor, anna: PSU) -> None:
        customer_anna.http.defaults["HTTP_USER_AGENT"] = "python-requests/2.32"
        payment = entered(customer_anna, anna, amount="30.00")
        assert f"/pay/{payment.pk}/now/" not in text_of(customer_anna.get(f"/pay/{payment.pk}/review/"))
        customer_anna.post(f"/pay/{payment.pk}/now/")
        payment.refresh_from_db()
        assert payment.transaction_status == "RCVD"

    @pytest.mark.plays("none", "payment")
    def test_a_small_one_can_be_paid_at_once(self, customer_anna: Visitor, anna: PSU) -> None:
        payment, codes = entered(customer_anna, anna, amount="30.00"), Challenge.objects.count()
        html = text_of(customer_anna.get(f"/pay/{payment.pk}/review/"))
        assert "This amount is small" in html
        assert "Correct: pay €30.00 now" in html
        for _ in range(2):
            answer = customer_anna.post(f"/pay/{payment.pk}/now/")
            assert answer.headers["Location"] == f"/pay/{payment.pk}/"
        payment.refresh_from_db()
        assert payment.transaction_status == "ACTC"
        assert Challenge.objects.count() == codes
        assert PaymentExemption.objects.get().payment_id == payment.pk

    def test_or_with_a_code_all_the_same(self, customer_anna: Visitor, anna: PSU) -> None:
        payment = entered(customer_anna, anna, amount="30.00")
        customer_anna.post(f"/pay/{payment.pk}/code/")
        customer_anna.post(f"/pay/{payment.pk}/sign/", code=code_for(anna))
        payment.refresh_from_db()
        assert payment.transaction_status == "ACTC"
        assert not PaymentExemption.objects.exists()

    def test_a_larger_one_takes_a_code(self, customer_anna: Visitor, anna: PSU) -> None:
        payment = entered(customer_anna, anna, amount="30.01")
        assert "/now/" not in text_of(customer_anna.get(f"/pay/{payment.pk}/review/"))
        customer_anna.post(f"/pay/{payment.pk}/now/")
        payment.refresh_from_db()
        assert payment.transaction_status == "RCVD"

    def test_a_link_pays_nothing_and_nobody_pays_anothers(
        self, customer_anna: Visitor, anna: PSU, bruno: PSU
    ) -> None:
        payment = entered(customer_anna, anna, amount="1.00")
        assert customer_anna.get(f"/pay/{payment.pk}/now/").status_code == 405
        other = Visitor()
        assert other.post(f"/pay/{payment.pk}/now/").headers["Location"].startswith("/sign-in/")
        other.sign_in(bruno)
        assert other.post(f"/pay/{payment.pk}/now/").status_code == 404
        payment.refresh_from_db()
        assert payment.transaction_status == "RCVD"
