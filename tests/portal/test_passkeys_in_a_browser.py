"""Passkeys in a real Chromium, with its virtual authenticator in the place of a fingerprint reader: added, used to sign
in, to pay, for a company; and what is shown when the device does not play along. Clean pages at every width.

``BANK_PICTURES`` names a folder for pictures of the pages.
"""

from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect

from apps.identity.models import PSU
from apps.payments.models import PaymentInitiation
from apps.sca.models import Passkey
from tests import browser as tools
from tests.factories.accounts import customer
from tests.factories.identity import PASSWORD
from tests.factories.tpp import AppFactory
from tests.portal.kit import Visitor, ask_consent, ask_payment, code_for, last_challenge, page
from tests.portal.test_in_a_browser import sign_in, submit
from tests.portal.test_later_in_a_browser import look

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def base(live_server: Any, settings: Any) -> str:
    """The bank's address, to which passkeys belong."""
    settings.PUBLIC_BASE_URL = live_server.url
    return live_server.url


class Reader:
    """The virtual authenticator of one tab."""

    def __init__(self, tab: Page) -> None:
        self._cdp: CDPSession = tab.context.new_cdp_session(tab)
        self._cdp.send("WebAuthn.enable", {"enableUI": False})
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        added = self._cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        self._id = added["authenticatorId"]

    def reads_the_right_finger(self, is_right: bool) -> None:
        self._cdp.send("WebAuthn.setUserVerified", {"authenticatorId": self._id, "isUserVerified": is_right})

    def on_signed(self, told: Callable[[object], None]) -> None:
        """Have ``told`` called with each signature."""
        self._cdp.on("WebAuthn.credentialAsserted", told)


def add(tab: Page, base: str, psu: PSU, *, name: str = "Laptop") -> None:
    tab.goto(f"{base}/security/")
    look(tab, "passkeys-none")
    tools.press(tab, tab.get_by_role("link", name="Add a passkey"))
    look(tab, "passkeys-new")
    tab.get_by_label("What do you call this device?").fill(name)
    submit(tab, "Continue")
    look(tab, "passkeys-sign")
    tab.get_by_label("Code from").fill(code_for(psu))
    submit(tab, "Allow this device")
    look(tab, "passkeys-make")
    submit(tab, "Make the passkey")
    expect(tab.get_by_text("can sign for you from now on")).to_be_visible()
    look(tab, "passkeys-one")


@pytest.mark.slow
@pytest.mark.plays("passkey", "sign-in", "consent", "payment", "change")
@pytest.mark.req("S3-8", "S1-13", "RTS-24", "RTS-30(2)", "S1-14")
def test_added_and_used_for_everything(running_browser: Browser, base: str) -> None:
    anna, app = customer("Anna"), AppFactory()
    with closing(tools.new_context(running_browser)) as context:
        tab = context.new_page()
        Reader(tab)
        sign_in(tab, base, anna)
        add(tab, base, anna)
        tab.goto(f"{base}/security/")
        tools.press(tab, tab.locator("#main").get_by_role("button", name="Sign out", exact=True))

        expect(tab.get_by_role("button", name="Sign in with a passkey")).to_be_visible()
        look(tab, "passkeys-sign-in")
        submit(tab, "Sign in with a passkey")
        expect(tab).to_have_url(f"{base}/home/")

        tab.goto(f"{base}/pay/")
        tab.get_by_label("Payee", exact=True).fill("Möbelhaus Kern GmbH")
        tab.get_by_label("Payee’s IBAN").fill("DE02 1203 0000 0000 2020 51")
        tab.get_by_label("Amount").fill("25.00")
        submit(tab, "Continue")
        tools.press(tab, tab.locator("form[action$='/code/'] button"))
        look(tab, "passkeys-pay")
        submit(tab, "Pay €25.00")
        payment = PaymentInitiation.objects.get(psu=anna)
        expect(tab).to_have_url(f"{base}/pay/{payment.pk}/")
        assert payment.transaction_status == "ACTC"

        _consent, authorisation = ask_consent(app, anna.account, redirect_uri="")
        tab.goto(f"{base}{page(authorisation.pk)}")
        look(tab, "passkeys-company-start")
        submit(tab, "Use a passkey instead")
        look(tab, "passkeys-company-consent")
        submit(tab, "Continue with the passkey")
        expect(tab.get_by_role("button", name="Allow")).to_be_visible()

        asked, authorisation = ask_payment(app, anna.account, redirect_uri="", nok_uri="")
        tab.goto(f"{base}{page(authorisation.pk)}")
        submit(tab, "Sign with a passkey instead")
        look(tab, "passkeys-company-payment")
        submit(tab, "Pay €1,249.00")
        asked.refresh_from_db()
        assert asked.transaction_status == "ACTC"

        tab.goto(f"{base}/security/")
        tools.press(tab, tab.get_by_role("link", name="Remove Laptop"))
        look(tab, "passkeys-remove")
        submit(tab, "Remove")
        # It was the key of this very session.
        expect(tab.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()
        assert not Passkey.objects.filter(confirmed=True).exists()


@pytest.mark.slow
def test_a_device_that_does_not_play_along(running_browser: Browser, base: str) -> None:
    anna = customer("Anna")
    with closing(tools.new_context(running_browser)) as context:
        tab = context.new_page()
        reader = Reader(tab)
        sign_in(tab, base, anna)
        add(tab, base, anna)
        # The wrong finger: the page says so, nothing is sent, another way is open, and the right finger works.
        reader.reads_the_right_finger(False)
        tab.goto(f"{base}/security/limits/")
        tab.get_by_label("Per payment").fill("15000")
        tab.get_by_label("Per day, all together").fill("30000")
        tools.press(tab, tab.locator("main form button[type=submit]").first)
        tab.get_by_role("button", name="Change the limits").click()
        expect(tab.get_by_text("The device did not answer")).to_be_visible(timeout=20_000)
        look(tab, "passkeys-wrong-finger")
        reader.reads_the_right_finger(True)
        submit(tab, "Change the limits")
        expect(tab.get_by_text("Your limits hold from now on.")).to_be_visible()
        # The same device once more.
        tab.goto(f"{base}/security/passkeys/new/")
        tab.get_by_label("What do you call this device?").fill("Again")
        submit(tab, "Continue")
        submit(tab, "Allow this device")
        tab.get_by_role("button", name="Make the passkey").click()
        expect(tab.get_by_text("This device has a passkey already")).to_be_visible()
        look(tab, "passkeys-known")


@pytest.mark.req("RTS-28")
def test_on_another_address_the_device_gives_nothing(
    running_browser: Browser, base: str, settings: Any
) -> None:
    anna = customer("Anna")
    with closing(tools.new_context(running_browser, width=1366)) as context:
        tab = context.new_page()
        Reader(tab)
        sign_in(tab, base, anna)
        add(tab, base, anna)
        # The same bank under an address that is not its own, as a fraudster's copy would have it.
        tab.goto(base.replace("localhost", "127.0.0.1") + "/sign-in/")
        tab.get_by_role("button", name="Sign in with a passkey").click()
        expect(tab.get_by_text("This is not the bank’s address")).to_be_visible()


@pytest.mark.plays("sms-link", "payment")
@pytest.mark.req("S1-17", "S1-18")
def test_what_a_code_signs_is_read_on_the_telephone(
    running_browser: Browser, base: str, settings: Any
) -> None:
    settings.SCA_MESSAGE_CONTENT = "link"
    anna, visitor = customer("Anna"), Visitor()
    visitor.sign_in(anna)
    visitor.begin_payment(anna)
    with closing(tools.new_context(running_browser, width=320)) as context:
        tab = context.new_page()
        tab.goto(f"{base}/details/{last_challenge(anna).pk}/")
        look(tab, "details-open")
        tab.get_by_label("User ID").fill(anna.user.username)
        tab.get_by_label("Password").fill(PASSWORD)
        tab.get_by_label("Code from").fill(code_for(anna))
        submit(tab, "Show it")
        expect(tab.get_by_text("Möbelhaus Kern GmbH")).to_be_visible()
        look(tab, "details")
