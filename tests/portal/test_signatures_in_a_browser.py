"""Two who sign, in a real Chromium: clean at every width, from the first signature to the second.

``BANK_PICTURES`` names a folder for pictures of the pages.
"""

from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from apps.accounts.models import PaymentAccount
from apps.core import clock
from apps.core.clock import bank_date
from apps.identity.models import PSU
from apps.payments.models import PaymentInitiation
from tests import browser as tools
from tests.bulk.files import PAYEE_IBAN
from tests.bulk.world import carry_out
from tests.factories.accounts import account_of_several, bank_accounts, customer
from tests.factories.tpp import AppFactory
from tests.portal.kit import ask_payment, code_for, page
from tests.portal.test_bulk import HEADER
from tests.portal.test_in_a_browser import LONG_NAME, sign_in, submit
from tests.portal.test_later_in_a_browser import look

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.slow
def test_every_page_is_clean(running_browser: Browser, live_server: Any, db: None) -> None:
    bank_accounts()
    david, dora = customer("David"), customer("Dora", phone="+4915100000005")
    joint, base = account_of_several(david, dora), live_server.url
    with closing(tools.new_context(running_browser)) as first:
        tab = first.new_page()
        sign_in(tab, base, david)
        _pay(tab, base, david, joint)
        _order_again_and_again(tab, base, david, joint)
        _upload(tab, base, david, joint)
    with closing(tools.new_context(running_browser)) as second:
        tab = second.new_page()
        sign_in(tab, base, dora)
        tab.goto(f"{base}/home/")
        assert tab.locator("section[aria-labelledby=to-sign] li").count() == 3
        look(tab, "signatures-home")
        _sign_payment(tab, base, dora)
        _sign_others(tab, base, dora)


@pytest.mark.slow
def test_a_companys_pages_are_clean(running_browser: Browser, live_server: Any, db: None) -> None:
    bank_accounts()
    david, dora = customer("David"), customer("Dora", phone="+4915100000005")
    _payment, authorisation = ask_payment(AppFactory(), account_of_several(david, dora), redirect_uri="")
    with closing(tools.new_context(running_browser)) as context:
        tab = context.new_page()
        tab.goto(f"{live_server.url}{page(authorisation.pk)}")
        tab.get_by_label("User ID").fill(david.user.username)
        tab.get_by_label("Password").fill("correct horse battery")
        submit(tab, "Continue")
        tab.get_by_label("Code from").fill(code_for(david))
        submit(tab, "Pay €1,249.00")
        expect(tab.get_by_text("One more signature is needed")).to_be_visible()
        look(tab, "signatures-company-done")
    with closing(tools.new_context(running_browser)) as context:
        tab = context.new_page()
        tab.goto(f"{live_server.url}{page(authorisation.pk)}")
        expect(tab.get_by_text("One more signature is needed")).to_be_visible()
        look(tab, "signatures-company-over")


def _from_joint(tab: Page, joint: PaymentAccount) -> None:
    tab.locator("[name=from_account]").first.wait_for(state="attached")
    select = tab.locator("select[name=from_account]")
    if select.count():
        select.select_option(str(joint.pk))
    else:
        tab.locator(f"[name=from_account][value='{joint.pk}']").check()
    tab.get_by_label("Payee", exact=True).fill(LONG_NAME)
    tab.get_by_label("Payee’s IBAN").fill("DE02 1203 0000 0000 2020 51")
    tab.get_by_label("Amount").fill("85")


def _sign(tab: Page, psu: PSU, button: str) -> None:
    tab.get_by_label("Code from").fill(code_for(psu))
    submit(tab, button)


def _pay(tab: Page, base: str, david: PSU, joint: PaymentAccount) -> None:
    tab.goto(f"{base}/pay/")
    _from_joint(tab, joint)
    submit(tab, "Continue")
    submit(tab, "send me the code")
    _sign(tab, david, "Pay €85.00")
    expect(tab.get_by_text("One more signature is needed")).to_be_visible()
    look(tab, "signatures-first")
    tab.goto(f"{base}/pay/list/")
    look(tab, "signatures-first-list")


def _order_again_and_again(tab: Page, base: str, david: PSU, joint: PaymentAccount) -> None:
    tab.goto(f"{base}/pay/standing/new/")
    _from_joint(tab, joint)
    tab.get_by_label("First time from").fill((bank_date(clock.now()) + timedelta(days=10)).isoformat())
    submit(tab, "Continue")
    submit(tab, "send me the code")
    _sign(tab, david, "Sign the standing order")
    look(tab, "signatures-standing-first")
    tab.goto(f"{base}/pay/standing/")
    look(tab, "signatures-standing-first-list")


def _upload(tab: Page, base: str, david: PSU, joint: PaymentAccount) -> None:
    tab.goto(f"{base}/batches/new/")
    content = f"{HEADER}{joint.iban};Kern GmbH;{PAYEE_IBAN};20.00\n".encode()
    tab.get_by_label("File", exact=True).set_input_files(
        {"name": "salaries.csv", "mimeType": "text/csv", "buffer": content}
    )
    submit(tab, "Upload")
    carry_out("bulk.check_file", "bulk.verify_payees", now=clock.now())
    expect(tab.get_by_text("The file is good")).to_be_visible()
    submit(tab, "send me the code")
    _sign(tab, david, "Pay €20.00")
    look(tab, "signatures-file-first")


def _sign_payment(tab: Page, base: str, dora: PSU) -> None:
    payment = PaymentInitiation.objects.get()
    tab.goto(f"{base}/pay/list/")
    look(tab, "signatures-list")
    tab.goto(f"{base}/pay/{payment.pk}/")
    look(tab, "signatures-second")
    tools.press(tab, tab.get_by_role("link", name="Check and sign"))
    look(tab, "signatures-second-review")
    submit(tab, "send me the code")
    look(tab, "signatures-second-sign")
    _sign(tab, dora, "Pay €85.00")
    look(tab, "signatures-both")
    payment.refresh_from_db()
    assert payment.transaction_status == "ACTC"


def _sign_others(tab: Page, base: str, dora: PSU) -> None:
    tab.goto(f"{base}/pay/standing/")
    look(tab, "signatures-standing-list")
    tools.press(tab, tab.locator("section[aria-labelledby=to-sign] .list-link"))
    look(tab, "signatures-standing-second")
    tools.press(tab, tab.get_by_role("link", name="Check and sign"))
    look(tab, "signatures-standing-review")
    submit(tab, "send me the code")
    look(tab, "signatures-standing-sign")
    submit(tab, "Decline")
    expect(tab.get_by_text("Not approved")).to_be_visible()
    tab.goto(f"{base}/batches/")
    look(tab, "signatures-file-list")
    tools.press(tab, tab.locator("section[aria-labelledby=to-sign] .list-link"))
    look(tab, "signatures-file-second")
    submit(tab, "send me the code")
    look(tab, "signatures-file-sign")
    _sign(tab, dora, "Pay €20.00")
    look(tab, "signatures-file-both")
