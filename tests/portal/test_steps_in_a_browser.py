"""How much each method asks of a person: fields, buttons and gestures, counted by the browser itself (S3-30).

A token has no browser: what is done on the simulator counts as what its owner does (one gesture to read the picture,
the PIN, one button after reading what it shows).
"""

import re
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from apps.identity.models import PSU
from apps.payments.models import PaymentInitiation
from examples.token.device import Token
from tests import browser as tools
from tests.authenticator.test_in_a_browser import approve, bind, telephone
from tests.compliance.methods import STEPS, Steps
from tests.factories.accounts import customer
from tests.factories.identity import PASSWORD
from tests.factories.tpp import AppFactory
from tests.portal.kit import Visitor, ask_consent, ask_payment, code_for, page
from tests.portal.test_in_a_browser import sign_in, submit
from tests.portal.test_passkeys_in_a_browser import Reader, add
from tests.portal.test_tokens_in_a_browser import read
from tests.sca.tokens import PIN, give_token

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.req("S3-30")]

# Before any script of the page: a field counts once, with what it holds in the end; a press of a button or a link each
# time.
_COUNT = """
  addEventListener("input", ({ isTrusted, target }) => {
    if (isTrusted) sessionStorage.setItem(`keys-${target.name || target.id}`, target.value.length);
  }, true);
  addEventListener("click", (event) => {
    if (event.target.closest("button, a"))
      sessionStorage.setItem("buttons", 1 + Number(sessionStorage.getItem("buttons") ?? 0));
  }, true);
"""


class Counted:
    """A tab, and the telephone's, that count what is done in them."""

    def __init__(self, tab: Page, phone: Page) -> None:
        self.tab, self.phone, self.gestures = tab, phone, 0
        self.on_token = Steps(0, 0, 0, 0)
        self.reader = Reader(tab)
        self.reader.on_signed(self._signed)

    def _signed(self, _event: object) -> None:
        self.gestures += 1

    def begin(self) -> None:
        for one in (self.tab, self.phone):
            one.evaluate("sessionStorage.clear()")
        self.gestures = 0
        self.on_token = Steps(0, 0, 0, 0)

    def digits(self, token: Token) -> str:
        """What the token shows over the picture on the page."""
        opened = read(self.tab, token)
        done = self.on_token
        self.on_token = Steps(done.fields + 1, done.buttons + 1, done.gestures + 1, done.keys + len(PIN))
        return token.code(opened, PIN)

    def steps(self) -> Steps:
        noted = [one.evaluate("Object.entries(sessionStorage)") for one in (self.tab, self.phone)]
        counts = [(name, int(count)) for entries in noted for name, count in entries if count.isdigit()]
        keys = [count for name, count in counts if name.startswith("keys-")]
        buttons = sum(count for name, count in counts if name == "buttons")
        there = self.on_token
        return Steps(
            len(keys) + there.fields,
            buttons + there.buttons,
            self.gestures + there.gestures,
            sum(keys) + there.keys,
        )


@pytest.fixture
def base(live_server: Any, settings: Any) -> str:
    settings.PUBLIC_BASE_URL = live_server.url
    settings.AUTHENTICATOR_BASE_URL = live_server.url.replace("://", "://app.")
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "localhost", "app.localhost"]
    return live_server.url


@pytest.mark.slow
@pytest.mark.parametrize("method", ["sms", "passkey", "app", "token"])
def test_takes_as_many_steps_as_its_page_says(running_browser: Browser, base: str, method: str) -> None:
    anna, app = customer("Anna"), AppFactory()
    found: dict[tuple[str, str], Steps] = {}
    with (
        closing(tools.new_context(running_browser)) as context,
        closing(telephone(running_browser)) as pocket,
    ):
        for one in (context, pocket):
            one.add_init_script(_COUNT)
        tab, phone = context.new_page(), pocket.new_page()
        phone.goto(f"{base.replace('://', '://app.')}/")
        counted = Counted(tab, phone)
        if method == "app":
            sign_in(tab, base, anna)
            bind(tab, phone, base, anna)
            context.clear_cookies()
        token = give_token(anna) if method == "token" else None
        if method == "passkey":
            sign_in(tab, base, anna)
            add(tab, base, anna)
            tools.press(tab, tab.locator("#main").get_by_role("button", name="Sign out", exact=True))

        def play(what: str, path: str, doing: Callable[[Page, PSU], None]) -> None:
            tab.goto(base + path)
            counted.begin()
            doing(tab, anna)
            if token:
                tab.get_by_label("Code from").fill(counted.digits(token))
                submit(tab, BUTTONS[what])
                if what.startswith("consent"):
                    submit(tab, "Allow")
                expect(tab).to_have_url(re.compile(DONE[what]))
            if method == "app":
                approve(phone)
                if what.startswith("consent"):
                    submit(tab, "Allow")
                expect(tab).to_have_url(re.compile(DONE[what]))
            found[method, what] = counted.steps()
            if method == "app":
                phone.get_by_role("button", name="Done").click()

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


def _password(tab: Page, psu: PSU, button: str = "Continue") -> None:
    tab.get_by_label("User ID").fill(psu.user.username)
    tab.get_by_label("Password").fill(PASSWORD)
    submit(tab, button)


def _by_app(tab: Page, psu: PSU) -> None:
    _password(tab, psu, "Use our app instead of a code")


def _by_token(tab: Page, psu: PSU) -> None:
    _password(tab, psu, "Use a token instead of a code")


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


# Where the page of the desk has come to when all is done.
DONE = {
    "sign-in": r"/home/$",
    "payment in the portal": r"/pay/[0-9a-f-]{36}/$",
    "payment for a company": r"/done/$",
    "consent for a company": r"/done/$",
}
# What sends the digits of a token.
BUTTONS = {
    "sign-in": "Sign in",
    "payment in the portal": "Pay €25.00",
    "payment for a company": "Pay €1,249.00",
    "consent for a company": "Continue",
}
WAYS: dict[tuple[str, str], Callable[[Page, PSU], None]] = {
    ("sms", "sign-in"): _sign_in_by_code,
    ("sms", "pay"): _pay_by_code,
    ("sms", "company-pay"): _company_pays_by_code,
    ("sms", "company-consent"): _company_reads_by_code,
    ("app", "sign-in"): _by_app,
    ("app", "pay"): lambda tab, _psu: tools.press(tab, tab.locator("form[action$='/code/'] button")),
    ("app", "company-pay"): _by_app,
    ("app", "company-consent"): _by_app,
    ("token", "sign-in"): _by_token,
    ("token", "pay"): lambda tab, _psu: tools.press(tab, tab.locator("form[action$='/code/'] button")),
    ("token", "company-pay"): _by_token,
    ("token", "company-consent"): _by_token,
    ("passkey", "sign-in"): lambda tab, _psu: submit(tab, "Sign in with a passkey"),
    ("passkey", "pay"): _pay_by_passkey,
    ("passkey", "company-pay"): _company_pays_by_passkey,
    ("passkey", "company-consent"): _company_reads_by_passkey,
}
