"""The check of the payee's name in a real Chromium: readable, in bounds and reachable at every width."""

from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from apps.payments.models import PaymentInitiation
from tests import browser as tools
from tests.factories.accounts import customer
from tests.factories.tpp import AppFactory
from tests.portal.kit import ask_payment, code_for, page
from tests.portal.test_in_a_browser import check, sign_in, submit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.slow]

OUTCOMES = {
    "match": ("Möbelhaus Kern", "DE02 1203 0000 0000 2020 51"),
    "close": ("Moebelhaus Kerm", "DE02 1203 0000 0000 2020 51"),
    "none": ("Dr. Wurst", "DE02 1203 0000 0000 2020 51"),
    "unknown": ("Marie Dupont", "FR14 2004 1010 0505 0001 3M02 606"),
}


def enter(tab: Page, name: str, iban: str) -> None:
    tab.get_by_label("Payee", exact=True).fill(name)
    tab.get_by_label("Payee’s IBAN").fill(iban)
    tab.get_by_label("Amount").fill("25")
    submit(tab, "Continue")


def test_each_outcome_is_shown_and_can_be_signed(
    running_browser: Browser, live_server: Any, db: None
) -> None:
    anna = customer("Anna")
    with closing(tools.new_context(running_browser)) as context:
        tab = context.new_page()
        sign_in(tab, live_server.url, anna)
        for name, iban in OUTCOMES.values():
            tab.goto(f"{live_server.url}/pay/")
            enter(tab, name, iban)
            check(tab)
            submit(tab, "send me the code")
            check(tab)
            tab.get_by_label("Code from").fill(code_for(anna))
            submit(tab, "Pay €25.00")
            check(tab)
        assert PaymentInitiation.objects.filter(transaction_status="ACTC").count() == len(OUTCOMES)
        tab.goto(f"{live_server.url}/pay/")
        enter(tab, *OUTCOMES["close"])
        submit(tab, "take this name")
        expect(tab.get_by_label("Payee", exact=True)).to_have_value("Möbelhaus Kern GmbH")
        submit(tab, "Continue")
        expect(tab.get_by_text("Name and IBAN belong together")).to_be_visible()


@pytest.mark.parametrize(
    ("outcome", "shown"), [("CMTC", "Möbelhaus Kern & Söhne GmbH & Co. KG"), ("NMTC", "")]
)
def test_who_comes_from_a_company_sees_it(
    running_browser: Browser, live_server: Any, outcome: str, shown: str
) -> None:
    anna = customer("Anna")
    payment, authorisation = ask_payment(AppFactory(), anna.account, redirect_uri="", nok_uri="")
    PaymentInitiation.objects.filter(pk=payment.pk).update(
        creditor_name_match=outcome, matched_creditor_name=shown
    )
    with closing(tools.new_context(running_browser, width=320, scheme="light")) as context:
        tab = context.new_page()
        tab.goto(live_server.url + page(authorisation.pk))
        check(tab)
        tools.shoot(tab, f"payee-tpp-{outcome}-start")
        tab.get_by_label("User ID").fill(anna.user.username)
        tab.get_by_label("Password").fill("correct horse battery")
        submit(tab, "Continue")
        check(tab)
        tools.shoot(tab, f"payee-tpp-{outcome}-code")
