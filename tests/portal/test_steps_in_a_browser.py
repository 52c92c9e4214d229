"""How much each method asks of a person: fields, buttons and gestures, counted by the browser itself (S3-30)."""

import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from apps.identity.models import PSU
from apps.payments.models import PaymentInitiation
from tests import browser as tools
from tests.compliance.methods import STEPS, Steps
from tests.factories.accounts import customer
from tests.factories.identity import PASSWORD
from tests.factories.tpp import AppFactory
from tests.portal.kit import Visitor, ask_consent, ask_payment, code_for, page
from tests.portal.test_in_a_browser import sign_in, submit
from tests.portal.test_passkeys_in_a_browser import Reader, add

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.req("S3-30")]

# Before any script of the page: a field counts once a page, a press of a button or a link each time.
_COUNT = """
  const bump = (what) => sessionStorage.setItem(what, 1 + Number(sessionStorage.getItem(what) ?? 0));
  const seen = new Set();
  addEventListener("input", (event) => {
    if (!event.isTrusted || seen.has(event.target.name)) return;
    seen.add(event.target.name); bump("fields");
  }, true);
  addEventListener("click", (event) => { if (event.target.closest("button, a")) bump("buttons"); }, true);
"""


class Counted:
    """A tab that counts what is done in it."""

    def __init__(self, tab: Page) -> None:
        self.tab, self.gestures = tab, 0
        self.reader = Reader(tab)
        self.reader.on_signed(self._signed)

    def _signed(self, _event: object) -> None:
        self.gestures += 1

    def begin(self) -> None:
        self.tab.evaluate("sessionStorage.clear()")
        self.gestures, self.since = 0, time.monotonic()

    def steps(self) -> Steps:
        fields, buttons = (
            int(self.tab.evaluate("(what) => sessionStorage.getItem(what) ?? 0", what))
            for what in ("fields", "buttons")
        )
        self.seconds = time.monotonic() - self.since
        return Steps(fields, buttons, self.gestures)


@pytest.fixture
def base(live_server: Any, settings: Any) -> str:
    settings.PUBLIC_BASE_URL = live_server.url
    return live_server.url


@pytest.mark.slow
@pytest.mark.parametrize("method", ["sms", "passkey"])
def test_takes_as_many_steps_as_its_page_says(running_browser: Browser, base: str, method: str) -> None:
    anna, app = customer("Anna"), AppFactory()
    found: dict[tuple[str, str], Steps] = {}
    with closing(tools.new_context(running_browser)) as context:
        context.add_init_script(_COUNT)
        tab = context.new_page()
        counted = Counted(tab)
        if method == "passkey":
            sign_in(tab, base, anna)
            add(tab, base, anna)
            tools.press(tab, tab.locator("#main").get_by_role("button", name="Sign out", exact=True))

        def play(what: str, path: str, doing: Callable[[Page, PSU], None]) -> None:
            tab.goto(base + path)
            counted.begin()
            doing(tab, anna)
            found[method, what] = counted.steps()

        play("sign-in", "/sign-in/", WAYS[method, "sign-in"])
        visitor = Visitor()
        visitor.sign_in(anna)
        visitor.enter_transfer()
        payment = PaymentInitiation.objects.get(psu=anna)
        play("payment in the portal", f"/pay/{payment.pk}/review/", WAYS[method, "pay"])
        asked, authorisation = ask_payment(app, anna.account, redirect_uri="", nok_uri="")
        play("payment for a company", page(authorisation.pk), WAYS[method, "company-pay"])
        consent, authorisation = ask_consent(app, anna.account, redirect_uri="")
        play("consent for a company", page(authorisation.pk), WAYS[method, "company-consent"])
    payment.refresh_from_db()
    asked.refresh_from_db()
    consent.refresh_from_db()
    assert (payment.transaction_status, asked.transaction_status) == ("ACTC", "ACTC")
    assert consent.consent_status == "valid"
    assert found == {key: steps for key, steps in STEPS.items() if key[0] == method}


def _password(tab: Page, psu: PSU) -> None:
    tab.get_by_label("User ID").fill(psu.user.username)
    tab.get_by_label("Password").fill(PASSWORD)
    submit(tab, "Continue")


def _code(tab: Page, psu: PSU, button: str) -> None:
    tab.get_by_label("Code from").fill(code_for(psu))
    submit(tab, button)


def _sign_in_by_code(tab: Page, psu: PSU) -> None:
    _password(tab, psu)
    _code(tab, psu, "Sign in")


def _pay_by_code(tab: Page, psu: PSU) -> None:
    tools.press(tab, tab.locator("form[action$='/code/'] button"))
    _code(tab, psu, "Pay €25.00")


def _company_pays_by_code(tab: Page, psu: PSU) -> None:
    _password(tab, psu)
    _code(tab, psu, "Pay €1,249.00")


def _company_reads_by_code(tab: Page, psu: PSU) -> None:
    _password(tab, psu)
    _code(tab, psu, "Continue")
    submit(tab, "Allow")


def _pay_by_passkey(tab: Page, _psu: PSU) -> None:
    tools.press(tab, tab.locator("form[action$='/code/'] button"))
    submit(tab, "Pay €25.00")


def _company_pays_by_passkey(tab: Page, _psu: PSU) -> None:
    submit(tab, "Sign with a passkey instead")
    submit(tab, "Pay €1,249.00")


def _company_reads_by_passkey(tab: Page, _psu: PSU) -> None:
    submit(tab, "Use a passkey instead")
    submit(tab, "Continue with the passkey")
    submit(tab, "Allow")


WAYS: dict[tuple[str, str], Callable[[Page, PSU], None]] = {
    ("sms", "sign-in"): _sign_in_by_code,
    ("sms", "pay"): _pay_by_code,
    ("sms", "company-pay"): _company_pays_by_code,
    ("sms", "company-consent"): _company_reads_by_code,
    ("passkey", "sign-in"): lambda tab, _psu: submit(tab, "Sign in with a passkey"),
    ("passkey", "pay"): _pay_by_passkey,
    ("passkey", "company-pay"): _company_pays_by_passkey,
    ("passkey", "company-consent"): _company_reads_by_passkey,
}
