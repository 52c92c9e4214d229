"""A customer with a token in a real Chromium: the simulator reads screenshots of the pages, and what it shows is typed.
Clean pages at the width of a telephone and of a desk.

``BANK_PICTURES`` names a folder for pictures of the pages.
"""

import re
from contextlib import closing

import pytest
from playwright.sync_api import Browser, Page, expect

from apps.payments.models import PaymentInitiation
from apps.sca.models import Challenge
from examples.token.device import Request, Token
from examples.token.pictures import read_picture
from tests import browser as tools
from tests.authenticator.test_in_a_browser import base, begin_payment
from tests.factories.accounts import customer
from tests.portal.kit import code_for
from tests.portal.test_in_a_browser import sign_in, submit
from tests.portal.test_later_in_a_browser import look
from tests.sca.tokens import PIN, give_token, stock

__all__ = ["base"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def read(tab: Page, token: Token, *, number: int = 0) -> Request:
    """What the token sees on the page."""
    return token.open(read_picture(tab.locator(".qr-picture").nth(number).screenshot()))


@pytest.mark.slow
@pytest.mark.plays("token", "payment")
@pytest.mark.req("S3-8", "S3-9", "S3-10", "S3-11", "S3-12", "S3-13", "RTS-24(2)(a)")
def test_bound_and_used(running_browser: Browser, base: str) -> None:
    anna, token = customer("Anna"), stock()
    with closing(tools.new_context(running_browser, width=1366)) as desk:
        tab = desk.new_page()
        sign_in(tab, base, anna)
        tab.goto(f"{base}/security/tokens/new/")
        look(tab, "token-new")
        tab.get_by_label("What do you call this device?").fill("Blue token")
        submit(tab, "Continue")
        tab.get_by_label("Code from").fill(code_for(anna))
        submit(tab, "Allow this device")
        look(tab, "token-number")
        tab.get_by_label("Serial number").fill(token.serial_number)
        submit(tab, "Continue")
        look(tab, "token-picture")
        tab.get_by_label("What the token shows").fill("1" * 14)
        submit(tab, "Bind this token")
        look(tab, "token-wrong")
        tab.get_by_label("What the token shows").fill(token.new_pin(read(tab, token), PIN))
        submit(tab, "Bind this token")
        expect(tab.get_by_text("can sign for you from now on")).to_be_visible()
        look(tab, "token-bound")

        begin_payment(tab, base)
        look(tab, "token-pay")
        opened = read(tab, token)
        assert opened.title == "Pay €25.00"
        assert ("IBAN", "DE02 1203 0000 0000 2020 51") in opened.lines
        tab.get_by_text("In black and white").click()
        assert read(tab, token, number=1) == opened
        tab.get_by_text("As text").click()
        assert token.open(tab.locator("[data-request-text] code").inner_text()) == opened
        # Beside another token: each has its own picture.
        other = give_token(anna, now=Challenge.objects.latest("generated_at").generated_at)
        tab.reload()
        tab.get_by_text("The picture for: Blue token").click()
        expect(tab.get_by_text("In black and white")).to_have_count(2)
        look(tab, "token-and-another")
        assert {read(tab, token, number=number).digest for token, number in ((other, 0), (token, 2))} == {
            opened.digest
        }
        tab.get_by_label("Code from").fill(token.code(opened, PIN))
        submit(tab, re.compile("Pay €25.00"))
        assert PaymentInitiation.objects.get(psu=anna).transaction_status == "ACTC"
