"""Payments for later days, standing orders and limits in a real Chromium: clean at every width, date pickers included.

``BANK_PICTURES`` names a folder for pictures of the pages.
"""

import os
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from django.test import override_settings
from playwright.sync_api import Browser, Page, expect

from apps.core import clock
from apps.core.clock import bank_date
from apps.identity.models import PSU
from apps.payments.models import PaymentInitiation, StandingOrder
from apps.payments.standing_orders import execute_due_standing_orders
from tests import browser as tools
from tests.factories.accounts import customer
from tests.factories.identity import PASSWORD
from tests.factories.tpp import AppFactory
from tests.portal.kit import BankTime, ask_series, code_for, page
from tests.portal.test_in_a_browser import LONG_NAME, LOOKS, check, sign_in, submit

# At a bank that is not asked for names.
ELSEWHERE = "FR76 3000 6000 0112 3456 7890 189"

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


_seen: set[str] = set()


def look(tab: Page, name: str) -> None:
    """Check the page, unless a test before came by it, and take its picture if somebody wants to see it."""
    if name in _seen:
        width, scheme = LOOKS[-1]
        tools.dress(tab, width=width, scheme=scheme)
        return
    check(tab)
    _seen.add(name)
    if os.environ.get("BANK_PICTURES"):
        for width, scheme in LOOKS:
            tools.dress(tab, width=width, scheme=scheme)
            tools.shoot(tab, f"{name}-{width}")


@pytest.mark.slow
@pytest.mark.plays("sms", "change")
def test_every_page_is_clean(
    running_browser: Browser, live_server: Any, bank_time: BankTime, db: None
) -> None:
    anna, base = customer("Anna"), live_server.url
    day = bank_date(clock.now()) + timedelta(days=10)
    with closing(tools.new_context(running_browser)) as context:
        tab = context.new_page()
        sign_in(tab, base, anna)
        _pay_later(tab, base, anna, day.isoformat())
        _order_again_and_again(tab, base, anna, day.isoformat())
        _raise_limits(tab, base, anna)
        _trust_a_payee(tab, base, anna)
        # Days later, and not within seconds of the sign-in: else it would look like a theft of the account.
        bank_time.pass_(days=3)
        sign_in(tab, base, anna)
        bank_time.pass_(seconds=60)
        _pay_without_a_code(tab, base)


@pytest.mark.slow
@pytest.mark.req("RTS-5(1)(a)")
def test_every_page_of_a_companys_standing_order_is_clean(
    running_browser: Browser, live_server: Any, bank_time: BankTime, db: None
) -> None:
    anna, base = customer("Anna"), live_server.url
    order, authorisation = ask_series(AppFactory(), anna, redirect_uri="", is_known=False)
    with closing(tools.new_context(running_browser)) as context:
        tab = context.new_page()
        tab.goto(base + page(authorisation.pk))
        look(tab, "company-series-asked")
        tab.get_by_label("User ID").fill(anna.user.username)
        tab.get_by_label("Password").fill(PASSWORD)
        submit(tab, "Continue")
        look(tab, "company-series-sign")
        tab.get_by_label("Code from").fill(code_for(anna))
        submit(tab, "Sign the standing order")
        look(tab, "company-series-done")
        sign_in(tab, base, anna)
        for path, name in (("", "list"), (f"{order.pk}/", "detail"), (f"{order.pk}/end/", "end")):
            tab.goto(f"{base}/pay/standing/{path}")
            look(tab, f"company-series-{name}")
        submit(tab, "End it")
        expect(tab.get_by_text("It was ended, or another took its place.")).to_be_visible()
        look(tab, "company-series-ended")


def _fill(tab: Page) -> None:
    tab.get_by_label("Payee", exact=True).fill(LONG_NAME)
    tab.get_by_label("Payee’s IBAN").fill("DE02 1203 0000 0000 2020 51")
    tab.get_by_label("Amount").fill("850")


def _pay_later(tab: Page, base: str, anna: PSU, day: str) -> None:
    tab.goto(f"{base}/pay/")
    _fill(tab)
    tab.get_by_label("Carry out on").fill("2020-01-01")
    submit(tab, "Continue")
    expect(tab.get_by_text("This day is over").first).to_be_visible()
    look(tab, "later-form")
    tab.get_by_label("Carry out on").fill(day)
    submit(tab, "Continue")
    look(tab, "later-review")
    submit(tab, "send me the code")
    tab.get_by_label("Code from").fill(code_for(anna))
    submit(tab, "Pay €850.00")
    expect(tab.get_by_text("It waits for its day")).to_be_visible()
    look(tab, "later-payment")
    tab.goto(f"{base}/pay/list/")
    look(tab, "later-list")
    tools.press(tab, tab.locator(".list-link").first)
    submit(tab, "Cancel the payment")
    assert PaymentInitiation.objects.get().transaction_status == "CANC"


def _order_again_and_again(tab: Page, base: str, anna: PSU, day: str) -> None:
    tab.goto(f"{base}/pay/standing/")
    look(tab, "standing-none")
    tools.press(tab, tab.get_by_role("link", name="New standing order"))
    _fill(tab)
    tab.get_by_label("First time from").fill(day)
    tab.get_by_label("How often").select_option("Weekly")
    tab.get_by_label("Day of the month").select_option("31")
    submit(tab, "Continue")
    look(tab, "standing-form")
    tab.get_by_label("How often").select_option("Monthly")
    submit(tab, "Continue")
    look(tab, "standing-review")
    submit(tab, "send me the code")
    look(tab, "standing-sign")
    tab.get_by_label("Code from").fill(code_for(anna))
    submit(tab, "Sign the standing order")
    expect(tab.get_by_text("It runs")).to_be_visible()
    order = StandingOrder.objects.get()
    execute_due_standing_orders(now=clock.now() + timedelta(days=100))
    tab.reload()
    look(tab, "standing-detail")
    tab.goto(f"{base}/pay/standing/new/?change={order.pk}")
    look(tab, "standing-change")
    tab.goto(f"{base}/pay/standing/{order.pk}/")
    tools.press(tab, tab.get_by_role("link", name="End it"))
    look(tab, "standing-end")
    submit(tab, "End it")
    tab.goto(f"{base}/pay/standing/")
    look(tab, "standing-list")


def _raise_limits(tab: Page, base: str, anna: PSU) -> None:
    tab.goto(f"{base}/security/")
    check(tab)
    tools.press(tab, tab.get_by_role("link", name="See and change your limits"))
    look(tab, "limits")
    tab.get_by_label("Per payment").fill("200000")
    submit(tab, "Continue")
    look(tab, "limits-error")
    tab.get_by_label("Per payment").fill("15000")
    submit(tab, "Continue")
    look(tab, "limits-sign")
    tab.get_by_label("Code from").fill(code_for(anna))
    submit(tab, "Change the limits")
    expect(tab.get_by_text("€15,000.00")).to_be_visible()
    look(tab, "limits-after")


def _trust_a_payee(tab: Page, base: str, anna: PSU) -> None:
    tab.goto(f"{base}/security/")
    tools.press(tab, tab.get_by_role("link", name="See and change your trusted payees"))
    look(tab, "trusted-none")
    tab.get_by_label("Payee", exact=True).fill(LONG_NAME)
    tab.get_by_label("Payee’s IBAN").fill("DE02 1203 0000 0000 2020 52")
    submit(tab, "Continue")
    look(tab, "trusted-error")
    tab.get_by_label("Payee’s IBAN").fill(ELSEWHERE)
    submit(tab, "Continue")
    look(tab, "trusted-sign")
    tab.get_by_label("Code from").fill(code_for(anna))
    submit(tab, "Change my list")
    look(tab, "trusted-list")
    tools.press(tab, tab.get_by_role("link", name=f"Change the name of {LONG_NAME}"))
    look(tab, "trusted-rename")
    tab.get_by_label("Payee", exact=True).fill("Kern")
    submit(tab, "Continue")
    look(tab, "trusted-rename-sign")
    submit(tab, "Cancel")


def _pay_without_a_code(tab: Page, base: str) -> None:
    with override_settings(SCA_EXEMPTIONS=["13"]):
        tab.goto(f"{base}/security/trusted-payees/")
        look(tab, "trusted-in-use")
        tab.goto(f"{base}/pay/")
        _fill(tab)
        tab.get_by_label("Payee’s IBAN").fill(ELSEWHERE)
        submit(tab, "Continue")
        look(tab, "review-without-a-code")
        submit(tab, "Correct: pay €850.00 now")
    payment = PaymentInitiation.objects.get(creditor_iban=ELSEWHERE.replace(" ", ""))
    assert (payment.transaction_status, payment.exemption.article) == ("ACTC", "13")
