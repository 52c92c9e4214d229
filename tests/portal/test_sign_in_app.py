"""An authenticator app of a customer: another way to sign in; at every other door it opens and signs nothing."""

import re
import time
from base64 import b32decode
from typing import Any

import pytest
from django_otp.oath import TOTP

from apps.identity.models import PSU
from apps.notifications.models import OutboxMessage
from apps.payments.limits import get_limits
from apps.payments.models import PaymentInitiation
from apps.sca.models import AuthenticationState, Challenge, Passkey, SCAAuthorisation, SignInApp
from apps.sca.queries import get_sign_in_app
from apps.sca.services import freeze_sign_in
from apps.tpp.models import App
from tests.factories.accounts import NOW, bank_accounts
from tests.factories.identity import PASSWORD
from tests.portal.kit import BankTime, Visitor, ask_consent, ask_payment, bad_code, code_for, page, text_of
from tests.portal.test_bulk import checked, table
from tests.portal.test_limits import HIGHER
from tests.portal.test_races import count
from tests.portal.test_standing_orders import begun, order_of


def shown_by(secret: bytes, *, steps_ahead: int = 0) -> str:
    """What the app shows now, or some steps of 30 seconds later."""
    totp = TOTP(secret)
    totp.time = time.time() + 30 * steps_ahead
    return f"{totp.token():06d}"


def set_up(visitor: Visitor, psu: PSU) -> bytes:
    """The app, added on the customer's own pages; returns its secret."""
    sign = visitor.post("/security/access/sign_in_app/new/").headers["Location"]
    here = visitor.post(sign, code=code_for(psu)).headers["Location"]
    html = text_of(visitor.get(here))
    found = re.search(r"secret=([A-Z2-7]+)", html)
    assert found
    assert "<svg" in html
    secret = b32decode(found.group(1) + "=" * (-len(found.group(1)) % 8))
    answer = visitor.post(here, code=shown_by(secret, steps_ahead=-1))
    assert answer.headers["Location"] == "/security/"
    return secret


@pytest.fixture
def secret(customer_anna: Visitor, anna: PSU) -> bytes:
    return set_up(customer_anna, anna)


def enter(psu: PSU, code: str, *, password: str = PASSWORD) -> Visitor:
    """Another browser: user ID and password, then the other way."""
    visitor = Visitor()
    visitor.send_password(psu.user.username, password)
    assert "/sign-in/app/" in text_of(visitor.get("/sign-in/code/"))
    visitor.post("/sign-in/app/", code=code)
    return visitor


def is_in(visitor: Visitor) -> bool:
    return visitor.get("/home/").status_code == 200


@pytest.mark.req("RTS-24", "S0-5", "S0-9")
class TestAdding:
    def test_is_signed_and_shown_once(self, customer_anna: Visitor, anna: PSU) -> None:
        secret = set_up(customer_anna, anna)
        assert "An authenticator app signs you in" in text_of(customer_anna.get("/security/"))
        stored = SignInApp.objects.get().key
        assert secret.hex() not in stored
        assert OutboxMessage.objects.filter(payload__what="app_added").count() == 1
        assert count("sca.device.enrolled") == 2  # The number, and the app.

    def test_without_its_signature_there_is_no_secret(self, customer_anna: Visitor, anna: PSU) -> None:
        sign = customer_anna.post("/security/access/sign_in_app/new/").headers["Location"]
        here = f"/security/app/{sign.split('/')[3]}/"
        assert customer_anna.get(here).headers["Location"] == "/security/"
        customer_anna.post(sign, code=bad_code(anna))
        assert customer_anna.post(here, code="123456").headers["Location"] == "/security/"
        assert not SignInApp.objects.exists()

    def test_with_a_wrong_code_it_is_not_added(self, customer_anna: Visitor, anna: PSU) -> None:
        sign = customer_anna.post("/security/access/sign_in_app/new/").headers["Location"]
        here = customer_anna.post(sign, code=code_for(anna)).headers["Location"]
        customer_anna.get(here)
        for code in ("000000", "letters"):
            assert customer_anna.post(here, code=code).status_code == 422
        assert not SignInApp.objects.exists()

    def test_removed_it_ends_the_sessions_that_it_opened(
        self, customer_anna: Visitor, anna: PSU, secret: bytes
    ) -> None:
        by_app = enter(anna, shown_by(secret))
        assert is_in(by_app)
        customer_anna.post("/security/app/remove/")
        assert not is_in(by_app)
        assert get_sign_in_app(user_id=anna.user_id) is None
        assert not is_in(enter(anna, shown_by(secret, steps_ahead=1)))


@pytest.mark.req("RTS-4(3)(c)", "RTS-4(1)", "S0-8")
class TestSigningIn:
    @pytest.mark.plays("totp", "sign-in")
    def test_another_way_beside_the_password(self, anna: PSU, secret: bytes) -> None:
        assert is_in(enter(anna, shown_by(secret)))
        assert count("sca.authenticator.used") == 1
        assert not Challenge.objects.filter(purpose="sign_in", status="open").exists()

    def test_never_without_the_password(self, anna: PSU, secret: bytes) -> None:
        assert not is_in(enter(anna, shown_by(secret), password="wrong"))
        alone = Visitor()
        assert alone.post("/sign-in/app/", code=shown_by(secret)).status_code == 303
        assert not is_in(alone)

    def test_a_code_once(self, anna: PSU, secret: bytes) -> None:
        code = shown_by(secret)
        assert is_in(enter(anna, code))
        assert not is_in(enter(anna, code))

    @pytest.mark.req("RTS-4(3)(b)")
    def test_counts_with_passwords_and_other_codes(self, anna: PSU, secret: bytes) -> None:
        for _ in range(5):
            enter(anna, "000000")
        assert AuthenticationState.objects.get(user=anna.user).blocked_until is not None
        assert not is_in(enter(anna, shown_by(secret)))

    @pytest.mark.req("N7", "RTS-4(3)(a)")
    def test_nobody_learns_who_has_one(self, anna: PSU, bruno: PSU, secret: bytes) -> None:
        pages = set()
        for psu, password in ((anna, PASSWORD), (anna, "wrong"), (bruno, PASSWORD), (bruno, "wrong")):
            visitor = Visitor()
            visitor.send_password(psu.user.username, password)
            answers = [visitor.post("/sign-in/app/", code="000000") for _ in range(5)]
            texts = [re.sub(r'value="[^"]+"', "", text_of(answer)) for answer in answers]
            pages.add((tuple(answer.status_code for answer in answers), *texts))
        assert len(pages) == 1

    def test_is_closed_in_a_freeze(self, anna: PSU, secret: bytes) -> None:
        freeze_sign_in(user_id=anna.user_id, actor_type="psu", actor_id=anna.pk, reason="lost", now=NOW)
        assert not is_in(enter(anna, shown_by(secret)))

    def test_opens_neither_the_console_nor_the_staffs_pages(self, anna: PSU, secret: bytes) -> None:
        visitor = enter(anna, shown_by(secret))
        assert visitor.get("/staff/").status_code == 302
        assert visitor.get("/developers/apps/").status_code in (302, 303, 404)


@pytest.mark.req("S1-19")
class TestItSignsNothing:
    """In a session that the app itself has opened, at every door, with a fresh code each."""

    @pytest.fixture
    def visitor_by_app(self, anna: PSU, secret: bytes) -> Visitor:
        visitor = enter(anna, shown_by(secret))
        assert is_in(visitor)
        return visitor

    def test_no_payment(self, visitor_by_app: Visitor, anna: PSU, secret: bytes) -> None:
        payment = visitor_by_app.begin_payment(anna)
        visitor_by_app.post(f"/pay/{payment.pk}/sign/", code=shown_by(secret, steps_ahead=1))
        payment.refresh_from_db()
        assert payment.transaction_status == "RCVD"

    def test_no_file_of_payments(self, visitor_by_app: Visitor, anna: PSU, secret: bytes) -> None:
        bank_accounts()
        file = checked(visitor_by_app, table(anna))
        visitor_by_app.post(f"/batches/{file.pk}/code/")
        visitor_by_app.post(f"/batches/{file.pk}/sign/", code=shown_by(secret, steps_ahead=1))
        file.refresh_from_db()
        assert file.status == "RCVD"

    def test_no_limits(self, visitor_by_app: Visitor, anna: PSU, secret: bytes) -> None:
        before = get_limits(psu_id=anna.pk)
        here = visitor_by_app.post("/security/limits/", **HIGHER).headers["Location"]
        visitor_by_app.post(here, code=shown_by(secret, steps_ahead=1))
        assert get_limits(psu_id=anna.pk) == before

    @pytest.mark.parametrize(
        ("begin", "form"),
        [
            ("/security/passkeys/new/", {"name": "Another"}),
            ("/security/access/recovery_codes/new/", {}),
            ("/security/access/sign_in_app/new/", {}),
            (
                "/security/trusted-payees/",
                {"creditor_name": "Kern", "creditor_iban": "DE02120300000000202051"},
            ),
        ],
    )
    def test_no_change(
        self, visitor_by_app: Visitor, secret: bytes, begin: str, form: dict[str, Any]
    ) -> None:
        here = visitor_by_app.post(begin, **form).headers["Location"]
        visitor_by_app.post(here, code=shown_by(secret, steps_ahead=1))
        assert not Passkey.objects.exists()
        newest = SCAAuthorisation.objects.latest("created_at")
        assert newest.sca_status == "scaMethodSelected"

    @pytest.mark.parametrize("ask", [ask_payment, ask_consent])
    def test_nothing_that_a_company_asks(self, anna: PSU, app: App, secret: bytes, ask: Any) -> None:
        _subject, authorisation = ask(app, anna.account)
        visitor = Visitor()
        visitor.post(page(authorisation.pk), user_id=anna.user.username, password=PASSWORD)
        visitor.post(page(authorisation.pk, "code"), code=shown_by(secret))
        visitor.post("/sign-in/app/", code=shown_by(secret))  # No sign-in is under way here.
        authorisation.refresh_from_db()
        assert authorisation.sca_status == "scaMethodSelected"
        assert not is_in(visitor)

    @pytest.mark.req("RTS-16")
    def test_not_even_what_takes_no_code(
        self, visitor_by_app: Visitor, customer_anna: Visitor, anna: PSU, settings: Any, bank_time: BankTime
    ) -> None:
        """A small payment that goes out without a code in any other session."""
        settings.SCA_EXEMPTIONS = ["16"]
        statuses = []
        for visitor in (visitor_by_app, customer_anna):
            visitor.http.defaults["HTTP_USER_AGENT"] = (
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101"
            )
            bank_time.pass_(seconds=60)
            visitor.enter_transfer(amount="30.00")
            payment = PaymentInitiation.objects.filter(psu=anna).latest("created_at")
            visitor.post(f"/pay/{payment.pk}/now/")
            payment.refresh_from_db()
            statuses.append(payment.transaction_status)
        assert statuses == ["RCVD", "ACTC"]

    def test_no_standing_order(self, visitor_by_app: Visitor, anna: PSU, secret: bytes) -> None:
        path = begun(visitor_by_app, anna)
        visitor_by_app.post(f"{path}sign/", code=shown_by(secret, steps_ahead=1))
        assert order_of(anna).transaction_status == "RCVD"

    def test_lifts_no_block(self, anna: PSU, secret: bytes) -> None:
        visitor = Visitor()
        visitor.post("/unblock/begin/")
        visitor.post("/unblock/answer/", answer=shown_by(secret))
        assert count("sca.sign_in.unblocked") == 0

    def test_no_finalised_authorisation_names_it(self, anna: PSU, secret: bytes) -> None:
        assert not SCAAuthorisation.objects.filter(sca_status="finalised").exclude(
            method__in=("SMS_OTP", "PASSKEY")
        )
