"""Urgent transfers and transfers abroad on the customer's pages: entered, their fee shown, signed and told."""

import pytest

from apps.identity.models import PSU
from apps.payments.models import PaymentInitiation
from tests.portal.kit import Visitor, code_for, text_of
from tests.pricing.books import publish, publish_own_fees

ABROAD = {
    "product": "cross-border-credit-transfers",
    "creditor_iban": "TR33 0006 1005 1978 6457 8413 26",
    "creditor_agent": "tgba tris",
    "charge_bearer": "DEBT",
}


def test_abroad_from_the_form_to_the_signature(customer_anna: Visitor, anna: PSU) -> None:
    publish_own_fees(credit_transfer=20)
    payment = customer_anna.begin_payment(anna, **ABROAD)
    assert (payment.creditor_agent, payment.charge_bearer) == ("TGBATRIS", "DEBT")
    for path in ("review/", "sign/", ""):
        shown = text_of(customer_anna.get(f"/pay/{payment.pk}/{path}"))
        assert "TGBATRIS" in shown
        assert "€30.00" in shown
        assert "€0.20" not in shown
        assert "you pay all fees" in shown
    customer_anna.post(f"/pay/{payment.pk}/sign/", code=code_for(anna))
    payment.refresh_from_db()
    assert payment.transaction_status == "ACTC"


def test_an_urgent_one_signed_on_a_saturday_says_when_it_goes(customer_anna: Visitor, anna: PSU) -> None:
    publish_own_fees(credit_transfer=20)
    payment = customer_anna.begin_payment(anna, product="target-2-payments")
    shown = text_of(customer_anna.get(f"/pay/{payment.pk}/review/"))
    assert "€15.00" in shown
    assert "€0.20" not in shown
    assert "by 23 Nov 2026 at the latest" in shown
    customer_anna.post(f"/pay/{payment.pk}/sign/", code=code_for(anna))
    assert "23 November 2026" in text_of(customer_anna.get(f"/pay/{payment.pk}/"))
    assert "when TARGET opens" in text_of(customer_anna.get("/pay/list/"))


@pytest.mark.parametrize(
    ("changes", "field", "told"),
    [
        (ABROAD | {"creditor_agent": ""}, "creditor_agent", "we need the BIC"),
        (ABROAD | {"creditor_agent": "TGBA"}, "creditor_agent", "not a valid BIC"),
        (ABROAD | {"product": ""}, "creditor_iban", "Choose a transfer abroad"),
        (ABROAD | {"creditor_iban": "DE02120300000000202051"}, "creditor_iban", "without a fee"),
    ],
)
def test_what_does_not_go_is_said_beside_its_field(
    customer_anna: Visitor, anna: PSU, changes: dict, field: str, told: str
) -> None:
    answer = customer_anna.enter_transfer(**changes)
    assert told in str(answer.context["form"].errors[field])
    assert not PaymentInitiation.objects.exists()


def test_who_pays_the_fees_means_nothing_for_an_ordinary_transfer(customer_anna: Visitor, anna: PSU) -> None:
    payment = customer_anna.begin_payment(anna, charge_bearer="DEBT", creditor_agent="TGBATRIS")
    assert (payment.charge_bearer, payment.creditor_agent, payment.fee_minor) == ("SLEV", "", 0)


@pytest.mark.parametrize(
    "order",
    [
        {"product": "target-2-payments"},
        ABROAD | {"charge_bearer": "SHAR"},
        ABROAD | {"charge_bearer": "CRED"},
    ],
)
def test_what_is_free_by_its_own_price_tells_no_other_price(
    customer_anna: Visitor, anna: PSU, order: dict
) -> None:
    publish(valid_from="2026-11-01", credit_transfer=20)
    payment = customer_anna.begin_payment(anna, **order)
    for path in ("review/", "sign/", ""):
        shown = text_of(customer_anna.get(f"/pay/{payment.pk}/{path}"))
        assert "€0.00" in shown
        assert "€0.20" not in shown


def test_an_ordinary_one_tells_the_price_of_the_month_alone(customer_anna: Visitor, anna: PSU) -> None:
    publish_own_fees(credit_transfer=20)
    payment = customer_anna.begin_payment(anna)
    for path in ("review/", "sign/", ""):
        shown = text_of(customer_anna.get(f"/pay/{payment.pk}/{path}"))
        assert "€0.20, charged with the month" in shown
        assert "€15.00" not in shown
        assert "€10.00" not in shown
