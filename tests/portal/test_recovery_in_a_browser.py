"""The pages after a loss, and those around them, in a real Chromium: recovery codes, an authenticator app, another
number, another passkey, a paused sign-in, a payment that was not the customer's. Clean at every width.

``BANK_PICTURES`` names a folder for pictures of the pages.
"""

import re
from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from apps.fraud.models import FraudReport
from apps.sandbox.models import PhoneMessage
from apps.sca.models import Passkey, SignInApp
from apps.sca.queries import get_sms_device
from apps.sca.tasks import send_code_to_number
from tests import browser as tools
from tests.factories.accounts import customer
from tests.factories.fraud import booked_payment
from tests.factories.identity import PASSWORD
from tests.portal.kit import code_for
from tests.portal.test_in_a_browser import sign_in, submit
from tests.portal.test_later_in_a_browser import look
from tests.portal.test_passkeys_in_a_browser import Reader
from tests.portal.test_recovery import NEW_NUMBER, carry_out

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def base(live_server: Any, settings: Any) -> str:
    settings.PUBLIC_BASE_URL = live_server.url
    return live_server.url


@pytest.mark.req("RTS-24", "RTS-26", "RTS-27")
def test_after_a_loss(running_browser: Browser, base: str) -> None:
    anna = customer("Anna")
    with closing(tools.new_context(running_browser, width=320)) as context:
        tab = context.new_page()
        Reader(tab)
        sign_in(tab, base, anna)
        tab.goto(f"{base}/security/")
        tools.press(tab, tab.locator("form[action$='recovery_codes/new/'] button"))
        look(tab, "recovery-sign")
        tab.get_by_label("Code from").fill(code_for(anna))
        tools.press(tab, tab.locator("main form button[type=submit]").first)
        look(tab, "recovery-ready")
        submit(tab, "Show the codes")
        look(tab, "recovery-codes")
        first, second = (tab.locator("main li", has_text="R").nth(n).inner_text().strip() for n in (0, 1))

        context.clear_cookies()
        tab.goto(f"{base}/recover/")
        look(tab, "recover")
        _recover(tab, anna.user.username, "RAAA-AAAA-AAAA-AAAA")
        expect(tab.get_by_text("This did not work")).to_be_visible()
        look(tab, "recover-wrong")
        _recover(tab, anna.user.username, first)
        look(tab, "recover-choose")
        tab.get_by_label("mobile number").fill("12")
        tools.press(tab, tab.locator("main form button[type=submit]").first)
        look(tab, "recover-choose-wrong")
        tab.get_by_label("mobile number").fill(NEW_NUMBER)
        tools.press(tab, tab.locator("main form button[type=submit]").first)
        look(tab, "recover-number")
        carry_out(send_code_to_number)
        text = PhoneMessage.objects.filter(to=NEW_NUMBER).latest("pk").text
        tab.get_by_label("Code from").fill(re.findall(r"[0-9]{6}", text)[0])
        tools.press(tab, tab.locator("main form button[type=submit]").first)
        expect(tab.get_by_text("Your number is changed")).to_be_visible()
        assert get_sms_device(user_id=anna.user_id).phone_number == NEW_NUMBER

        # Another loss, and a passkey in place of everything else.
        tab.goto(f"{base}/recover/")
        _recover(tab, anna.user.username, second)
        tools.press(tab, tab.get_by_role("link", name="passkey"))
        look(tab, "recover-passkey")
        tools.press(tab, tab.locator("main form button[type=submit]").first)
        expect(tab.get_by_text("Your passkey is there")).to_be_visible()
        assert Passkey.objects.filter(user=anna.user).count() == 1
        tab.goto(f"{base}/unblock/")
        look(tab, "unblock")


@pytest.mark.req("RTS-24", "P-71")
def test_an_authenticator_app_and_a_payment_of_somebody_else(running_browser: Browser, base: str) -> None:
    anna = customer("Anna")
    payment = booked_payment(anna)
    with closing(tools.new_context(running_browser, width=320)) as context:
        tab = context.new_page()
        sign_in(tab, base, anna)
        tab.goto(f"{base}/security/")
        tools.press(tab, tab.locator("form[action$='sign_in_app/new/'] button"))
        look(tab, "totp-sign")
        tab.get_by_label("Code from").fill(code_for(anna))
        tools.press(tab, tab.locator("main form button[type=submit]").first)
        look(tab, "totp-set-up")
        tab.locator("input[name=code]").fill("000000")
        tools.press(tab, tab.locator("main form button[type=submit]").first)
        look(tab, "totp-wrong")
        assert not SignInApp.objects.exists()

        tab.goto(f"{base}/pay/{payment.pk}/")
        tools.press(tab, tab.get_by_role("link", name="not me"))
        look(tab, "report")
        tab.locator("main input[type=radio]").first.check()
        tab.locator("main input[name=is_confirmed]").check()
        tools.press(tab, tab.locator("main form button[type=submit]").first)
        look(tab, "reported")
        assert FraudReport.objects.get().payment_id == payment.pk


def _recover(tab: Page, user_id: str, code: str) -> None:
    tab.get_by_label("User ID").fill(user_id)
    tab.get_by_label("Password").fill(PASSWORD)
    tab.locator("input[name=code]").fill(code)
    tools.press(tab, tab.locator("main form button[type=submit]").first)
