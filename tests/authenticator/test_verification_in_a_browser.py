"""Fingerprint or face in the place of the app's PIN, on a telephone whose authenticator Chromium plays: switched on
with the PIN, used to sign, refused with another finger, without a net, switched off in the app and in the portal.

``BANK_PICTURES`` names a folder for pictures of the pages.
"""

from contextlib import closing

import pytest
from playwright.sync_api import Browser, Page, expect

from apps.payments.models import PaymentInitiation
from apps.sca.models import AuthenticationState, Challenge, UserVerificationKey
from tests import browser as tools
from tests.authenticator.test_in_a_browser import PIN, approve, base, begin_payment, bind, telephone
from tests.factories.accounts import customer
from tests.portal.test_in_a_browser import sign_in
from tests.portal.test_later_in_a_browser import look
from tests.portal.test_passkeys_in_a_browser import Reader

__all__ = ["base"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def switch_on(phone: Page) -> None:
    phone.get_by_role("button", name="Use fingerprint or face").click()
    expect(phone.get_by_text("Enter your PIN once more")).to_be_visible()
    approve(phone)
    expect(phone.get_by_text("Fingerprint or face is on")).to_be_visible()


@pytest.mark.slow
@pytest.mark.plays("app", "payment", "change")
@pytest.mark.req("S3-17", "S1-22", "RTS-8", "RTS-9(1)", "RTS-24(2)(b)")
def test_switched_on_used_and_switched_off(running_browser: Browser, base: str) -> None:
    anna = customer("Anna")
    with (
        closing(tools.new_context(running_browser, width=320)) as desk,
        closing(telephone(running_browser)) as pocket,
    ):
        tab, phone = desk.new_page(), pocket.new_page()
        reader = Reader(phone)
        sign_in(tab, base, anna)
        bind(tab, phone, base, anna)

        # With a wrong PIN the telephone makes a key, and the bank takes none.
        phone.get_by_role("button", name="Use fingerprint or face").click()
        expect(phone.get_by_role("heading", name="Approve by fingerprint or face")).to_be_visible()
        look(phone, "verification-new")
        approve(phone, "999999")
        expect(phone.get_by_text("The PIN may not be right")).to_be_visible()
        assert not UserVerificationKey.objects.exists()
        approve(phone, PIN)
        expect(phone.get_by_text("Fingerprint or face is on")).to_be_visible()
        look(phone, "verification-on")

        begin_payment(tab, base)
        expect(phone.get_by_role("heading", name="Pay €25.00")).to_be_visible()
        look(phone, "verification-request")
        by_finger = phone.get_by_role("button", name="Approve by fingerprint or face")
        # Another finger: the telephone says no, and the bank hears nothing of it.
        reader.reads_the_right_finger(False)
        by_finger.click()
        expect(phone.get_by_text("Your telephone did not recognise you")).to_be_visible()
        look(phone, "verification-not-recognised")
        assert not AuthenticationState.objects.get(user=anna.user).consecutive_failures
        reader.reads_the_right_finger(True)
        # Without a net nothing can be derived from it: the PIN gives a code.
        pocket.set_offline(True)
        by_finger.click()
        expect(phone.get_by_text("Without a net your PIN is needed")).to_be_visible()
        pocket.set_offline(False)
        by_finger.click()
        expect(phone.get_by_role("heading", name="Approved")).to_be_visible()
        payment = PaymentInitiation.objects.get(psu=anna)
        expect(tab).to_have_url(f"{base}/pay/{payment.pk}/")
        payment.refresh_from_db()
        assert payment.transaction_status == "ACTC"
        answered = Challenge.objects.filter(purpose="payment").latest("generated_at")
        assert answered.verified_by == UserVerificationKey.objects.get()
        phone.get_by_role("button", name="Done").click()

        # Off in the portal: the app learns it, and asks for the PIN alone.
        tab.goto(f"{base}/security/")
        look(tab, "verification-security")
        tools.press(tab, tab.get_by_role("button", name="Use the PIN alone"))
        expect(tab.get_by_text("the PIN alone opens the app from now on")).to_be_visible()
        expect(phone.get_by_role("button", name="Use fingerprint or face")).to_be_visible()
        switch_on(phone)
        phone.get_by_role("button", name="Use the PIN alone").click()
        expect(phone.get_by_text("Your PIN alone opens the app")).to_be_visible()
        look(phone, "verification-off")
        assert not UserVerificationKey.objects.filter(withdrawn_at=None).exists()


@pytest.mark.slow
@pytest.mark.req("S3-17")
def test_a_telephone_without_a_reader_offers_none(running_browser: Browser, base: str) -> None:
    anna = customer("Anna")
    with (
        closing(tools.new_context(running_browser)) as desk,
        closing(telephone(running_browser)) as pocket,
    ):
        tab, phone = desk.new_page(), pocket.new_page()
        sign_in(tab, base, anna)
        bind(tab, phone, base, anna)
        expect(phone.get_by_role("button", name="Use fingerprint or face")).to_be_hidden()
