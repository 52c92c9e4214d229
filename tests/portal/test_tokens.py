"""A customer without a smartphone: binds a token, and signs with what it shows over the pictures of the pages."""

import random
import re

import pytest

from apps.identity.models import PSU
from apps.payments.limits import get_limits
from apps.payments.models import PaymentInitiation
from apps.portal.signing import show_request
from apps.sca.models import AuthenticationState, Challenge, DeviceEnrolment, HardwareToken, SigningDevice
from apps.sca.rules import TokenFault, comparison_number
from apps.sca.services import bind_token, hand_out_token, revoke_token
from apps.tpp.models import App
from examples.token.device import Request, Token, TokenError
from tests.factories.accounts import NOW, bank_accounts, customer
from tests.factories.four_eyes import colleague
from tests.factories.identity import PASSWORD
from tests.portal.kit import Visitor, ask_consent, ask_payment, code_for, last_challenge, text_of
from tests.portal.test_authorise import Journey, state
from tests.portal.test_bulk import checked, table
from tests.portal.test_limits import HIGHER, ask
from tests.sca.apps import wrong_code
from tests.sca.tokens import PIN, give_token, named, stock

pytestmark = pytest.mark.req("S3-8", "S3-9", "S3-12", "S3-13")


def request_on(visitor: Visitor, token: Token, path: str) -> Request:
    """What the page's picture says, read by the token from the text beside it."""
    [text] = re.findall(r"data-request-text>.*?<code[^>]*>([\w-]+)<", text_of(visitor.get(path)), re.S)
    return token.open(text)


def begin_binding(visitor: Visitor, psu: PSU) -> str:
    """The page on which the token is bound, after the wish was signed."""
    signing = visitor.post("/security/tokens/new/", name="Blue token").headers["Location"]
    answer = visitor.post(signing, code=code_for(psu))
    assert answer.headers["Location"] == f"/security/tokens/{DeviceEnrolment.objects.get(user=psu.user).pk}/"
    return answer.headers["Location"]


class TestBinding:
    @pytest.mark.req("RTS-24(2)(a)", "RTS-24(2)(b)", "RTS-25(1)")
    def test_from_the_wish_to_the_first_signature(self, customer_anna: Visitor, anna: PSU) -> None:
        token = stock()
        assert "Add a token" in text_of(customer_anna.get("/security/"))
        here = begin_binding(customer_anna, anna)
        assert "Serial number" in text_of(customer_anna.get(here))
        spaced = f"{token.serial_number[:4]} {token.serial_number[4:]}"
        assert customer_anna.post(here, serial_number=spaced).headers["Location"] == here
        opened = request_on(customer_anna, token, here)
        digits = token.new_pin(opened, PIN)
        answer = customer_anna.post(here, code=f"{digits[:4]} {digits[4:8]} {digits[8:]}")
        assert answer.headers["Location"] == "/security/"
        page = text_of(customer_anna.get("/security/"))
        assert "Blue token" in page
        assert token.serial_number in page

    def test_what_is_not_right_is_said(self, customer_anna: Visitor, anna: PSU) -> None:
        token = stock()
        here = begin_binding(customer_anna, anna)
        assert "has ten digits" in text_of(customer_anna.post(here, serial_number="123"))
        customer_anna.post(here, serial_number=token.serial_number)
        right = token.new_pin(request_on(customer_anna, token, here), PIN)
        assert "not fourteen digits" in text_of(customer_anna.post(here, code="123"))
        unknown_pages = set()
        for serial_number in (token.serial_number, "0000000000"):
            customer_anna.post(here, serial_number=serial_number)
            answer = customer_anna.post(here, code="1" * 14)
            assert answer.status_code == 422
            unknown_pages.add(re.search(r'class="[^"]*error[^"]*"[^>]*>.*?</', text_of(answer), re.S).group())
        assert len(unknown_pages) == 1
        for _ in range(3):
            answer = customer_anna.post(here, code="1" * 14)
        assert answer.headers["Location"] == "/security/"
        assert "wrong too often" in text_of(customer_anna.get("/security/"))
        assert customer_anna.post(here, code=right).headers["Location"] == "/security/"
        assert not SigningDevice.objects.exists()

    def test_of_anothers_wish_is_not_found(self, customer_anna: Visitor, anna: PSU, bruno: PSU) -> None:
        here = begin_binding(customer_anna, anna)
        other = Visitor()
        other.sign_in(bruno)
        assert other.get(here).status_code == 404
        assert other.post(here, serial_number="0000000000").status_code == 404
        assert Visitor().get(here).headers["Location"].startswith("/sign-in/")


class TestSigning:
    @pytest.fixture
    def token(self, anna: PSU) -> Token:
        return give_token(anna)

    @pytest.mark.plays("token", "payment")
    @pytest.mark.req("S3-10", "S3-11", "RTS-5(1)(a)", "RTS-5(1)(b)")
    def test_a_payment(self, customer_anna: Visitor, anna: PSU, token: Token) -> None:
        payment = customer_anna.begin_payment(anna)
        here = f"/pay/{payment.pk}/sign/"
        opened = request_on(customer_anna, token, here)
        assert opened.title == "Pay €25.00"
        assert ("Payee", "Möbelhaus Kern GmbH") in opened.lines
        customer_anna.post(here, code=token.code(opened, PIN))
        payment.refresh_from_db()
        assert payment.transaction_status == "ACTC"
        assert Challenge.objects.get(authorisation__subject_id=payment.pk).answered_by.kind == "token"

    @pytest.mark.plays("token", "change")
    def test_higher_limits(self, customer_anna: Visitor, anna: PSU, token: Token) -> None:
        here, before = ask(customer_anna, HIGHER), get_limits(psu_id=anna.pk)
        opened = request_on(customer_anna, token, here)
        assert opened.title == "New limits"
        customer_anna.post(here, code=wrong_code(token.code(opened, PIN)))
        assert get_limits(psu_id=anna.pk) == before
        customer_anna.post(here, code=token.code(opened, PIN))
        assert get_limits(psu_id=anna.pk) != before

    @pytest.mark.plays("token", "batch")
    @pytest.mark.req("S3-20", "S3-21")
    def test_a_file(self, customer_anna: Visitor, anna: PSU, token: Token) -> None:
        bank_accounts()
        file = checked(customer_anna, table(anna))
        customer_anna.post(f"/batches/{file.pk}/code/")
        here = f"/batches/{file.pk}/sign/"
        opened = request_on(customer_anna, token, here)
        assert [label for label, _ in opened.lines][:2] == ["Payments", "Check digits"]
        customer_anna.post(here, code=token.code(opened, PIN))
        file.refresh_from_db()
        assert file.status == "ACTC"

    @pytest.mark.plays("token", "sign-in")
    @pytest.mark.req("S1-23", "RTS-4(1)")
    def test_in(self, visitor: Visitor, anna: PSU, token: Token) -> None:
        visitor.post("/sign-in/", user_id=anna.user.username, password=PASSWORD, by="token")
        opened = request_on(visitor, token, "/sign-in/code/")
        number = comparison_number(last_challenge(anna).snapshot["sign_in_id"])
        assert opened.lines == [("Number on the page", number)]
        visitor.post("/sign-in/code/", code=wrong_code(token.code(opened, PIN)))
        assert visitor.get("/home/").status_code == 303
        visitor.post("/sign-in/code/", code=token.code(opened, PIN))
        assert visitor.get("/home/").status_code == 200

    @pytest.mark.plays("token", "consent", "payment")
    @pytest.mark.req("S1-13", "S1-14", "S3-3")
    def test_what_a_company_asks_for(self, app: App, anna: PSU, token: Token) -> None:
        consent, authorisation = ask_consent(app, anna.account)
        journey = Journey(authorisation)
        journey.post(user_id=anna.user.username, password=PASSWORD, by="token")
        opened = request_on(journey.visitor, token, f"/authorise/{authorisation.pk}/code/")
        assert opened.title == "Give access to accounts"
        assert journey.enter(wrong_code(token.code(opened, PIN))) == "code"
        assert journey.enter(token.code(opened, PIN)) == "confirm"
        journey.allow(anna.account)
        assert state(consent) == "valid"

        payment, authorisation = ask_payment(app, anna.account)
        journey = Journey(authorisation)
        journey.post(user_id=anna.user.username, password=PASSWORD, by="token")
        opened = request_on(journey.visitor, token, f"/authorise/{authorisation.pk}/code/")
        assert opened.title == "Pay €1,249.00"
        journey.enter(token.code(opened, PIN))
        assert state(payment) == "ACTC"

    @pytest.mark.req("S3-5", "RTS-5(1)(c)", "RTS-5(1)(d)")
    def test_the_man_in_the_middle_is_seen_and_gets_nothing(
        self, customer_anna: Visitor, anna: PSU, token: Token
    ) -> None:
        """S3-5: the customer wants 100 EUR for a friend; his browser sends 1,000 EUR for a fraudster."""
        wanted = customer_anna.begin_payment(anna, amount="100.00", creditor_name="A friend")
        code = token.code(request_on(customer_anna, token, f"/pay/{wanted.pk}/sign/"), PIN)
        sent = customer_anna.begin_payment(anna, amount="1000.00", creditor_name="A fraudster")
        opened = request_on(customer_anna, token, f"/pay/{sent.pk}/sign/")
        assert opened.title == "Pay €1,000.00"
        assert ("Payee", "A fraudster") in opened.lines
        customer_anna.post(f"/pay/{sent.pk}/sign/", code=code)
        sent.refresh_from_db()
        assert sent.transaction_status == "RCVD"

    @pytest.mark.req("RTS-4(3)(b)")
    def test_five_wrong_codes_pause_signing(self, customer_anna: Visitor, anna: PSU, token: Token) -> None:
        payment = customer_anna.begin_payment(anna)
        here = f"/pay/{payment.pk}/sign/"
        right = token.code(request_on(customer_anna, token, here), PIN)
        for _ in range(5):
            customer_anna.post(here, code=wrong_code(right))
        assert AuthenticationState.objects.get(user=anna.user).blocked_until is not None
        customer_anna.post(here, code=right)
        payment.refresh_from_db()
        assert payment.transaction_status != "ACTC"

    @pytest.mark.req("RTS-27")
    def test_a_lost_token_signs_nothing(self, customer_anna: Visitor, anna: PSU, token: Token) -> None:
        payment = customer_anna.begin_payment(anna)
        here = f"/pay/{payment.pk}/sign/"
        code = token.code(request_on(customer_anna, token, here), PIN)
        row = HardwareToken.objects.get(serial_number=token.serial_number)
        revoke_token(
            token_id=row.pk, fault=TokenFault.LOST, staff_id=colleague("sami").pk, reason="called us", now=NOW
        )
        customer_anna.post(here, code=code)
        assert PaymentInitiation.objects.get(pk=payment.pk).transaction_status == "RCVD"


@pytest.mark.req("RTS-24(1)", "RTS-25(2)(a)")
def test_one_that_was_handed_to_another_is_not_bound(customer_anna: Visitor, anna: PSU) -> None:
    """Whoever takes it out of the letter box learns no more than of a number that does not exist."""
    token, boris = stock(), customer("Boris")
    row = HardwareToken.objects.get(serial_number=token.serial_number)
    hand_out_token(
        token_id=row.pk, user_id=boris.user_id, staff_id=colleague("sami").pk, reason="asked for one", now=NOW
    )
    wish, request = named(anna, token)
    with pytest.raises(TokenError):
        token.open(request)
    customer_anna.post(f"/security/tokens/{wish}/", code="1" * 14)
    assert not SigningDevice.objects.filter(user=anna.user, confirmed=True).exists()
    wish, request = named(boris, token)
    bind_token(enrolment_id=wish, psu=boris, code=token.new_pin(token.open(request), PIN), now=NOW)
    assert SigningDevice.objects.filter(user=boris.user, confirmed=True).exists()


def test_a_request_too_long_for_a_picture_is_still_text() -> None:
    for length, has_colours, is_plain in ((400, True, True), (1500, False, True), (2000, False, False)):
        shown = show_request(random.Random(length).randbytes(length))
        assert (bool(shown.picture), bool(shown.plain_picture)) == (has_colours, is_plain)
        assert shown.text
