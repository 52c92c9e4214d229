"""The bank's app in a real Chromium, on a telephone of its own: bound, used to sign, refused with a wrong PIN, without
a net, woken by a push; and what the page shows that waits for it. Clean pages at the width of a telephone.

``BANK_PICTURES`` names a folder for pictures of the pages.
"""

import json
from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from apps.identity.models import PSU
from apps.payments.models import PaymentInitiation
from apps.sca.device_protocol import to_text
from apps.sca.models import Challenge, SigningDevice
from apps.sca.services import seal_request
from tests import browser as tools
from tests.factories.accounts import customer
from tests.factories.identity import PASSWORD
from tests.factories.tpp import AppFactory
from tests.portal.kit import ask_payment, code_for
from tests.portal.test_in_a_browser import sign_in, submit
from tests.portal.test_later_in_a_browser import look

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PIN = "274951"


@pytest.fixture
def base(live_server: Any, settings: Any) -> str:
    settings.PUBLIC_BASE_URL = live_server.url
    settings.AUTHENTICATOR_BASE_URL = live_server.url.replace("://", "://app.")
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "localhost", "app.localhost"]
    return live_server.url


def telephone(browser: Browser, *, is_sound: bool = True) -> BrowserContext:
    """A telephone's browser, which no program steers, as far as its pages can tell."""
    context = tools.new_context(browser, width=360, height=740)
    if is_sound:
        context.add_init_script("Object.defineProperty(navigator, 'webdriver', { get: () => false })")
    return context


def bind(tab: Page, phone: Page, base: str, psu: PSU) -> SigningDevice:
    tab.goto(f"{base}/security/signing-app/new/")
    look(tab, "app-new")
    tab.get_by_label("What do you call this device?").fill("Telephone")
    submit(tab, "Continue")
    look(tab, "app-sign")
    tab.get_by_label("Code from").fill(code_for(psu))
    submit(tab, "Allow this device")
    look(tab, "app-activate")
    phone.goto(
        tab.get_by_role("link", name="The app is to be on this very device").get_attribute("href") or ""
    )
    phone.get_by_label("Choose a PIN").fill("123456")
    phone.get_by_label("The PIN again").fill("123456")
    phone.get_by_role("button", name="Bind this device").click()
    expect(phone.get_by_text("Too easy to guess")).to_be_visible()
    look(phone, "app-bind")
    phone.get_by_label("Choose a PIN").fill(PIN)
    phone.get_by_label("The PIN again").fill(PIN)
    phone.get_by_role("button", name="Bind this device").click()
    expect(phone.get_by_role("heading", name="Nothing to sign")).to_be_visible()
    look(phone, "app-home")
    expect(tab.get_by_text("can sign for you from now on")).to_be_visible()
    look(tab, "app-bound")
    return SigningDevice.objects.get(user=psu.user)


def begin_payment(tab: Page, base: str) -> None:
    tab.goto(f"{base}/pay/")
    tab.get_by_label("Payee", exact=True).fill("Möbelhaus Kern GmbH")
    tab.get_by_label("Payee’s IBAN").fill("DE02 1203 0000 0000 2020 51")
    tab.get_by_label("Amount").fill("25.00")
    submit(tab, "Continue")
    tools.press(tab, tab.locator("form[action$='/code/'] button"))


def approve(phone: Page, pin: str = PIN) -> None:
    phone.get_by_label("PIN of this app").fill(pin)
    phone.get_by_role("button", name="Approve").click()


@pytest.mark.slow
@pytest.mark.plays("app", "payment", "change")
@pytest.mark.req(
    "S3-6", "S3-16", "S3-18", "S3-19", "S1-22", "S1-23", "S1-27", "S1-13", "S1-14", "RTS-9", "RTS-24"
)
def test_bound_and_used(running_browser: Browser, base: str) -> None:
    anna = customer("Anna")
    with (
        closing(tools.new_context(running_browser, width=320)) as desk,
        closing(telephone(running_browser)) as pocket,
    ):
        tab, phone = desk.new_page(), pocket.new_page()
        sign_in(tab, base, anna)
        bind(tab, phone, base, anna)

        begin_payment(tab, base)
        expect(tab.get_by_text("Open the app on: Telephone")).to_be_visible()
        look(tab, "app-pay")
        expect(phone.get_by_role("heading", name="Pay €25.00")).to_be_visible()
        expect(phone.get_by_text("DE02 1203 0000 0000 2020 51")).to_be_visible()
        look(phone, "app-request")
        # The button without an answer: said, and nothing has happened.
        submit(tab, "I have approved it in the app")
        expect(tab.get_by_text("Open it on your telephone and approve there")).to_be_visible()
        approve(phone, "999999")
        expect(phone.get_by_text("The PIN may not be right")).to_be_visible()
        look(phone, "app-wrong-pin")
        approve(phone)
        expect(phone.get_by_role("heading", name="Approved")).to_be_visible()
        look(phone, "app-done")
        payment = PaymentInitiation.objects.get(psu=anna)
        expect(tab).to_have_url(f"{base}/pay/{payment.pk}/")
        payment.refresh_from_db()
        assert payment.transaction_status == "ACTC"

        # Limits, refused on the telephone.
        phone.get_by_role("button", name="Done").click()
        tab.goto(f"{base}/security/limits/")
        tab.get_by_label("Per payment").fill("15000")
        tab.get_by_label("Per day, all together").fill("30000")
        tools.press(tab, tab.locator("main form button[type=submit]").first)
        expect(phone.get_by_role("heading", name="New limits")).to_be_visible()
        phone.get_by_role("button", name="That was not me: refuse").click()
        expect(phone.get_by_role("heading", name="Refused")).to_be_visible()
        look(phone, "app-refused")
        expect(tab.get_by_text("Nothing is under way")).to_be_visible()

        tab.goto(f"{base}/security/")
        look(tab, "app-security")
        tools.press(tab, tab.get_by_role("link", name="Remove Telephone"))
        look(tab, "app-remove")
        submit(tab, "Remove")
        phone.get_by_role("button", name="Done").click()
        expect(phone.get_by_role("heading", name="This device is not bound any more")).to_be_visible()
        look(phone, "app-lost")


@pytest.mark.slow
@pytest.mark.plays("app", "sign-in", "payment")
@pytest.mark.req("S1-23", "S1-27", "S3-18", "N7")
def test_signs_in_and_signs_for_companies(running_browser: Browser, base: str) -> None:
    anna = customer("Anna")
    with (
        closing(tools.new_context(running_browser, width=320)) as desk,
        closing(telephone(running_browser)) as pocket,
    ):
        tab, phone = desk.new_page(), pocket.new_page()
        sign_in(tab, base, anna)
        bind(tab, phone, base, anna)
        desk.clear_cookies()

        tab.goto(f"{base}/sign-in/")
        tab.get_by_label("User ID").fill(anna.user.username)
        tab.get_by_label("Password").fill(PASSWORD)
        look(tab, "app-sign-in-start")
        submit(tab, "Use our app instead of a code")
        look(tab, "app-sign-in")
        expect(phone.get_by_role("heading", name="Sign in to")).to_be_visible()
        look(phone, "app-sign-in-telephone")
        number = tab.locator("strong.num").first.inner_text()
        expect(phone.get_by_text(number, exact=True)).to_be_visible()
        approve(phone)
        expect(tab).to_have_url(f"{base}/home/")
        phone.get_by_role("button", name="Done").click()

        payment, authorisation = ask_payment(AppFactory(), anna.account, redirect_uri=f"{base}/legal/")
        tab.goto(f"{base}/authorise/{authorisation.pk}/")
        tab.get_by_label("User ID").fill(anna.user.username)
        tab.get_by_label("Password").fill(PASSWORD)
        look(tab, "app-company-start")
        submit(tab, "Use our app instead of a code")
        look(tab, "app-company")
        expect(phone.get_by_role("heading", name="Pay €1,249.00")).to_be_visible()
        approve(phone)
        expect(tab).to_have_url(f"{base}/legal/")  # Back to the company.
        payment.refresh_from_db()
        assert payment.transaction_status == "ACTC"


@pytest.mark.slow
@pytest.mark.plays("picture", "payment")
@pytest.mark.req("S3-8", "S3-12", "S3-13", "S3-14", "S3-15", "S1-26")
def test_pushed_opened_and_typed_without_a_net(running_browser: Browser, base: str) -> None:
    anna = customer("Anna")
    with (
        closing(tools.new_context(running_browser, width=1366)) as desk,
        closing(telephone(running_browser)) as pocket,
    ):
        tab, phone = desk.new_page(), pocket.new_page()
        sign_in(tab, base, anna)
        device = bind(tab, phone, base, anna)
        phone.evaluate("navigator.serviceWorker.ready.then(() => true)")
        phone.reload()
        phone.evaluate("navigator.serviceWorker.ready.then(() => true)")
        pocket.set_offline(True)
        phone.reload()
        expect(phone.get_by_text("What waits appears as soon as there is one.")).to_be_visible()
        look(phone, "app-offline")

        begin_payment(tab, base)
        sealed = to_text(
            seal_request(challenge=Challenge.objects.latest("generated_at"), device=device).sealed
        )
        # What a push brings, delivered to the real worker; the notification says nothing of it.
        cdp = pocket.new_cdp_session(phone)
        registrations: list[Any] = []
        cdp.on(
            "ServiceWorker.workerRegistrationUpdated",
            lambda told: registrations.extend(told["registrations"]),
        )
        cdp.send("ServiceWorker.enable")
        phone.wait_for_timeout(500)
        cdp.send(
            "ServiceWorker.deliverPushMessage",
            {
                "origin": base.replace("://", "://app."),
                "registrationId": registrations[-1]["registrationId"],
                "data": json.dumps({"request": sealed}),
            },
        )
        expect(phone.get_by_role("heading", name="Pay €25.00")).to_be_visible()
        approve(phone)
        expect(phone.get_by_role("heading", name="No connection: enter this code")).to_be_visible()
        look(phone, "app-code")
        code = phone.locator("[data-part=code]").inner_text()
        tab.get_by_text("Another way: read a picture").click()
        look(tab, "app-picture")
        tab.get_by_label("Code from").fill(code)
        submit(tab, "Pay €25.00")
        payment = PaymentInitiation.objects.get(psu=anna)
        assert payment.transaction_status == "ACTC"
        assert Challenge.objects.latest("generated_at").method == "PHOTO_OTP"


@pytest.mark.req("RTS-9(3)", "S1-20", "S1-21")
def test_a_device_whose_protections_are_off_loses_the_method(running_browser: Browser, base: str) -> None:
    anna = customer("Anna")
    with (
        closing(tools.new_context(running_browser, width=1366)) as desk,
        closing(telephone(running_browser, is_sound=False)) as pocket,
    ):
        tab, phone = desk.new_page(), pocket.new_page()
        sign_in(tab, base, anna)
        device = bind(tab, phone, base, anna)
        begin_payment(tab, base)
        expect(phone.get_by_role("heading", name="Pay €25.00")).to_be_visible()
        approve(phone)
        expect(phone.get_by_role("heading", name="This device is not bound any more")).to_be_visible()
        device.refresh_from_db()
        assert (device.confirmed, device.withdrawn_because) == (False, "unsound")
        assert PaymentInitiation.objects.get(psu=anna).transaction_status == "RCVD"
