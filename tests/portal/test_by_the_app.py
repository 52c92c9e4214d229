"""The bank's app at the two doors before which nobody is known yet: the sign-in, and the pages for companies. What the
page shows is the same for everybody; what is approved is what the app has shown."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.utils.dateformat import format as date_format

from apps.bulk.models import PaymentFile
from apps.core.clock import bank_date
from apps.identity.models import PSU
from apps.payments.limits import get_limits
from apps.payments.models import PaymentInitiation
from apps.sca.models import (
    AuthenticationState,
    Challenge,
    SCAAuthorisation,
    SigningDevice,
    UserVerificationKey,
)
from apps.sca.rules import WithdrawalReason, comparison_number
from apps.sca.services import answer_by_app, list_requests, withdraw_device
from apps.tpp.models import App as Client
from tests.factories.accounts import bank_accounts, customer
from tests.factories.identity import PASSWORD
from tests.portal.kit import (
    BankTime,
    Visitor,
    ask_consent,
    ask_payment,
    ask_series,
    code_for,
    last_challenge,
    seen,
    text_of,
)
from tests.portal.test_authorise import Journey, send_code_ahead, state
from tests.portal.test_bulk import checked, table
from tests.portal.test_limits import HIGHER
from tests.sca.apps import App, wrong_code
from tests.sca.test_user_verification import switch_on

WAITING = "Your app has not answered yet"


@pytest.fixture
def telephone(anna: PSU, bank_time: BankTime) -> App:
    app = App()
    app.bind(anna)
    return app


def ask(visitor: Visitor, user_id: str, password: str = PASSWORD, *, by: str = "app") -> None:
    answer = visitor.post("/sign-in/", user_id=user_id, password=password, by=by)
    assert answer.headers["Location"] == "/sign-in/code/"


def approve(app: App, bank_time: BankTime, **bent: object) -> None:
    """Open what waits on the telephone, and answer it."""
    [request] = list_requests(device=SigningDevice.objects.get(pk=app.device_id), now=bank_time.now())
    body, signature = app.answer(app.open(request.sealed), **bent)
    answer_by_app(body=body, signature=signature, now=bank_time.now())


def is_done(visitor: Visitor, path: str = "/sign-in/code/status/") -> bool:
    return visitor.get(path).json()["done"]


def is_in(visitor: Visitor) -> bool:
    return visitor.get("/home/").status_code == 200


@pytest.mark.req("S3-14", "S3-18", "S1-23", "RTS-4(1)")
class TestSigningIn:
    @pytest.mark.plays("app", "sign-in")
    def test_approved_on_the_telephone(
        self, visitor: Visitor, anna: PSU, telephone: App, bank_time: BankTime
    ) -> None:
        ask(visitor, anna.user.username)
        assert not Challenge.objects.filter(purpose="sign_in", method="SMS_OTP").exists()
        page = text_of(visitor.get("/sign-in/code/"))
        number = comparison_number(last_challenge(anna).snapshot["sign_in_id"])
        assert f">{number}</strong>" in page
        assert telephone.open_challenge(last_challenge(anna).pk).shown["lines"] == [
            ["Number on the page", number]
        ]
        assert not is_done(visitor)
        approve(telephone, bank_time)
        assert is_done(visitor)
        assert "data-submit-now" in text_of(visitor.get("/sign-in/code/"))
        assert visitor.post("/sign-in/code/").headers["Location"] == "/home/"
        assert is_in(visitor)
        assert last_challenge(anna).status == "used"

    @pytest.mark.plays("picture", "sign-in")
    def test_or_by_the_digits(self, visitor: Visitor, anna: PSU, telephone: App) -> None:
        ask(visitor, anna.user.username)
        opened = telephone.open_challenge(last_challenge(anna).pk)
        visitor.post("/sign-in/code/", code=wrong_code(telephone.code(opened)))
        assert not is_in(visitor)
        visitor.post("/sign-in/code/", code=telephone.code(opened))
        assert is_in(visitor)

    def test_the_session_ends_with_the_device(
        self, visitor: Visitor, anna: PSU, telephone: App, bank_time: BankTime
    ) -> None:
        ask(visitor, anna.user.username)
        approve(telephone, bank_time)
        visitor.post("/sign-in/code/")
        assert is_in(visitor)
        withdraw_device(
            user_id=anna.user_id,
            device_id=telephone.device_id,
            reason=WithdrawalReason.REMOVED,
            now=bank_time.now(),
        )
        assert not is_in(visitor)

    def test_not_before_it_was_approved(self, visitor: Visitor, anna: PSU, telephone: App) -> None:
        ask(visitor, anna.user.username)
        assert visitor.post("/sign-in/code/").headers["Location"] == "/sign-in/code/"
        assert WAITING in text_of(visitor.get("/sign-in/code/"))
        assert not is_in(visitor)

    def test_an_answer_opens_one_browser(
        self, visitor: Visitor, anna: PSU, telephone: App, bank_time: BankTime
    ) -> None:
        """The one on which it was begun: the answer is fetched by a session, and spent once."""
        ask(visitor, anna.user.username)
        approve(telephone, bank_time)
        thief = Visitor()
        ask(thief, anna.user.username, "wrong")
        thief.post("/sign-in/code/")
        assert not is_in(thief)
        visitor.post("/sign-in/code/")
        assert is_in(visitor)
        visitor.post("/sign-in/code/")  # Sent twice.
        assert is_in(visitor)

    def test_the_other_ways_lead_there_and_back(
        self, visitor: Visitor, anna: PSU, telephone: App, bank_time: BankTime
    ) -> None:
        visitor.send_password(anna.user.username)
        first = last_challenge(anna)
        visitor.post("/sign-in/code/resend/", by="app")
        first.refresh_from_db()
        assert (first.status, last_challenge(anna).method) == ("voided", "PUSH_OTP")
        visitor.post("/sign-in/code/resend/")
        assert last_challenge(anna).method == "SMS_OTP"
        visitor.post("/sign-in/code/", code=code_for(anna))
        assert is_in(visitor)

    @pytest.mark.req("S3-4")
    def test_asked_too_often_it_is_not_asked_again(
        self, anna: PSU, telephone: App, bank_time: BankTime, settings: Any
    ) -> None:
        """Nobody is worn down by requests until he approves one."""
        settings.SCA_SENDS_PER_10_MINUTES = 3
        for _ in range(6):
            ask(Visitor(), anna.user.username)
        device = SigningDevice.objects.get(pk=telephone.device_id)
        assert len(list_requests(device=device, now=bank_time.now())) == 3


@pytest.mark.req("N7", "RTS-4(3)(a)")
class TestNobodyLearnsWhatWasWrong:
    """Every visitor below sees the same pages; only the first of them could come in."""

    @pytest.mark.parametrize("by", ["app", "token"])
    def test_whoever_it_is(self, anna: PSU, bruno: PSU, telephone: App, bank_time: BankTime, by: str) -> None:
        german = App()
        bruno.user.language = "de"
        bruno.user.save()
        german.bind(bruno)
        tries: list[tuple[str, str]] = [
            (anna.user.username, PASSWORD),
            (bruno.user.username, PASSWORD),
            (anna.user.username, "wrong"),
            ("nobody", PASSWORD),
        ]
        assert len({self.looks(*one, by=by) for one in tries}) == 1

    def test_who_has_no_app(self, anna: PSU, bruno: PSU, telephone: App) -> None:
        assert self.looks(bruno.user.username, PASSWORD) == self.looks("nobody", PASSWORD)

    def test_a_no_on_the_telephone_looks_like_no_answer(
        self, anna: PSU, telephone: App, bank_time: BankTime
    ) -> None:
        def refuse() -> None:
            approve(telephone, bank_time, is_approved=False)

        refused = self.looks(anna.user.username, PASSWORD, meanwhile=refuse)
        assert Challenge.objects.filter(user=anna.user, status="voided").exists()
        assert refused == self.looks("nobody", PASSWORD)

    def looks(
        self, user_id: str, password: str, *, by: str = "app", meanwhile: Callable[[], None] = lambda: None
    ) -> tuple[object, ...]:
        visitor = Visitor()
        ask(visitor, user_id, password, by=by)
        answers = [visitor.get("/sign-in/code/")]
        meanwhile()
        answers += [visitor.get("/sign-in/code/status/"), visitor.post("/sign-in/code/")]
        answers += [visitor.get("/sign-in/code/")]
        for _ in range(5):
            answers += [visitor.post("/sign-in/code/", code="00000000"), visitor.get("/sign-in/code/?failed")]
        answers += [visitor.get("/sign-in/")]
        AuthenticationState.objects.all().delete()
        return tuple(masked(answer) for answer in answers)


def masked(answer: object) -> str:
    """What a visitor sees, but for the bits of a picture and of its text, of which the number counts."""
    status, headers, cookies, body = seen(answer)  # type: ignore[arg-type]
    body = re.sub(
        r"<svg[^>]*viewBox.*?</svg>", lambda found: re.findall(r"viewBox=\"[^\"]*\"", found[0])[0], str(body)
    )
    body = re.sub(r'(id|data-copy)="u[0-9a-f]{8}"', "", body)
    body = re.sub(r"[A-Za-z0-9_-]{100,}", lambda found: f"<{len(found[0])} signs>", body)
    body = re.sub(r'<strong class="num">\d\d</strong>', "<number>", body)
    length = {name: value for name, value in dict(headers).items() if name != "Content-Length"}  # type: ignore[call-overload]
    return repr((status, length, cookies, body))


class Signer:
    """Answers the customer's latest challenge: by the telephone, or by the digits that it shows."""

    def __init__(self, visitor: Visitor, psu: PSU, telephone: App, bank_time: BankTime) -> None:
        self.visitor, self.psu, self.telephone, self.bank_time = visitor, psu, telephone, bank_time

    def by_app(self, page: str) -> None:
        self.visitor.post(page)
        approve(self.telephone, self.bank_time)
        self.visitor.post(page)

    def by_digits(self, page: str) -> None:
        code = self.telephone.code(self.telephone.open_challenge(last_challenge(self.psu).pk))
        self.visitor.post(page, code=wrong_code(code))
        self.visitor.post(page, code=code)


@pytest.mark.req("S3-3", "S3-14", "S3-18", "S3-20", "RTS-5(3)(b)")
class TestOfWhoIsSignedIn:
    @pytest.fixture
    def signer(self, customer_anna: Visitor, anna: PSU, telephone: App, bank_time: BankTime) -> Signer:
        return Signer(customer_anna, anna, telephone, bank_time)

    @pytest.mark.plays("app", "batch")
    def test_a_file_by_the_app(self, signer: Signer) -> None:
        self.file_signed(signer, Signer.by_app)

    @pytest.mark.plays("picture", "batch")
    def test_a_file_by_the_digits(self, signer: Signer) -> None:
        self.file_signed(signer, Signer.by_digits)

    @pytest.mark.req("S3-21")
    def test_a_file_that_has_changed_takes_no_answer(self, signer: Signer) -> None:
        """Two payments swap their amounts: the total is the same."""
        file = self.file_asked(signer)
        approve(signer.telephone, signer.bank_time)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("ALTER TABLE bulk_paymentitem DISABLE TRIGGER USER")
            cursor.execute(
                "UPDATE bulk_paymentitem SET amount_minor = other.amount_minor FROM bulk_paymentitem AS other"
                " WHERE bulk_paymentitem.id <> other.id"
            )
            assert cursor.rowcount == 2
            cursor.execute("ALTER TABLE bulk_paymentitem ENABLE TRIGGER USER")
        signer.visitor.post(f"/batches/{file.pk}/sign/")
        file.refresh_from_db()
        assert file.status == "RCVD"

    @pytest.mark.plays("app", "change")
    def test_limits_by_the_app(self, signer: Signer) -> None:
        signer.by_app(self.limits_asked(signer))
        assert get_limits(psu_id=signer.psu.pk).per_payment_minor == 1_500_000

    @pytest.mark.plays("picture", "change")
    def test_limits_by_the_digits(self, signer: Signer) -> None:
        signer.by_digits(self.limits_asked(signer))
        assert get_limits(psu_id=signer.psu.pk).per_payment_minor == 1_500_000

    def limits_asked(self, signer: Signer) -> str:
        here = signer.visitor.post("/security/limits/", **HIGHER).headers["Location"]
        assert signer.telephone.open_challenge(last_challenge(signer.psu).pk).shown["title"] == "New limits"
        return here

    def file_asked(self, signer: Signer) -> PaymentFile:
        bank_accounts()
        file = checked(signer.visitor, table(signer.psu))
        signer.visitor.post(f"/batches/{file.pk}/code/", by="app")
        shown = signer.telephone.open_challenge(last_challenge(signer.psu).pk).shown
        assert [label for label, _ in shown["lines"]][:2] == ["Payments", "Check digits"]
        return file

    def file_signed(self, signer: Signer, sign: Callable[[Signer, str], None]) -> None:
        file = self.file_asked(signer)
        sign(signer, f"/batches/{file.pk}/sign/")
        file.refresh_from_db()
        assert file.status == "ACTC"


@pytest.mark.req("S1-13", "S1-14", "S3-3", "S3-14", "S3-18")
class TestForACompany:
    @pytest.mark.plays("app", "consent")
    def test_a_consent(self, app: Client, anna: PSU, telephone: App, bank_time: BankTime) -> None:
        consent, authorisation = ask_consent(app, anna.account)
        journey = Journey(authorisation)
        journey.post(user_id=anna.user.username, password=PASSWORD, by="app")
        shown = telephone.open_challenge(last_challenge(anna).pk).shown
        assert shown["title"] == "Give access to accounts"
        assert ["Who", app.tpp.legal_name] in shown["lines"]
        status = f"/authorise/{authorisation.pk}/code/status/"
        assert not is_done(journey.visitor, status)
        approve(telephone, bank_time)
        assert is_done(journey.visitor, status)
        assert journey.at(journey.post("code")) == "confirm"
        assert journey.allow(anna.account) == "done"
        assert state(consent) == "valid"

    @pytest.mark.plays("picture", "consent")
    def test_a_consent_by_the_digits(self, app: Client, anna: PSU, telephone: App) -> None:
        consent, authorisation = ask_consent(app, anna.account)
        journey = Journey(authorisation)
        journey.post(user_id=anna.user.username, password=PASSWORD, by="app")
        opened = telephone.open_challenge(last_challenge(anna).pk)
        assert journey.enter(wrong_code(telephone.code(opened))) == "code"
        assert journey.enter(telephone.code(opened)) == "confirm"
        journey.allow(anna.account)
        assert state(consent) == "valid"

    @pytest.mark.plays("app", "payment")
    def test_a_payment(self, app: Client, anna: PSU, telephone: App, bank_time: BankTime) -> None:
        payment, authorisation = ask_payment(app, anna.account)
        journey = Journey(authorisation)
        journey.post(user_id=anna.user.username, password=PASSWORD, by="app")
        assert telephone.open_challenge(last_challenge(anna).pk).shown["title"] == "Pay €1,249.00"
        assert journey.at(journey.post("code")) == "code"
        assert WAITING in text_of(journey.get("code"))
        assert state(payment) == "RCVD"
        approve(telephone, bank_time)
        assert journey.at(journey.post("code")) == "done"
        assert journey.at(journey.post("code")) == "done"
        assert state(payment) == "ACTC"

    def test_a_standing_order(self, app: Client, anna: PSU, telephone: App, bank_time: BankTime) -> None:
        order, authorisation = ask_series(app, anna)
        journey = Journey(authorisation)
        journey.post(user_id=anna.user.username, password=PASSWORD, by="app")
        shown = telephone.open_challenge(last_challenge(anna).pk).shown
        assert shown["title"].startswith("Standing order")
        assert ["Through", app.tpp.legal_name] in shown["lines"]
        assert ["Last time", date_format(order.end_date, "j M Y")] in shown["lines"]
        approve(telephone, bank_time)
        assert journey.at(journey.post("code")) == "done"
        assert state(order) == "ACTC"

    @pytest.mark.plays("picture", "payment")
    def test_or_by_the_digits(self, app: Client, anna: PSU, telephone: App) -> None:
        payment, authorisation = ask_payment(app, anna.account)
        journey = Journey(authorisation)
        journey.post(user_id=anna.user.username, password=PASSWORD, by="app")
        opened = telephone.open_challenge(last_challenge(anna).pk)
        assert journey.enter(wrong_code(telephone.code(opened))) == "code"
        assert journey.enter(telephone.code(opened)) == "done"
        assert state(payment) == "ACTC"

    @pytest.mark.req("S3-5", "RTS-5(1)(d)")
    def test_the_man_in_the_middle(self, app: Client, anna: PSU, telephone: App, bank_time: BankTime) -> None:
        """€100 to a friend were shown; €1,000 to a fraudster is what it has become."""
        payment, authorisation = ask_payment(app, anna.account, amount_minor=10_000)
        journey = Journey(authorisation)
        journey.post(user_id=anna.user.username, password=PASSWORD, by="app")
        approve(telephone, bank_time)
        PaymentInitiation.objects.filter(pk=payment.pk).update(
            amount_minor=100_000, creditor_name="A fraudster", creditor_iban="FR1420041010050500013M02606"
        )
        assert journey.post("code").status_code == 409
        assert state(payment) == "RCVD"
        assert last_challenge(anna).status == "voided"

    def test_a_stranger_voids_nothing(
        self, app: Client, anna: PSU, bruno: PSU, telephone: App, bank_time: BankTime
    ) -> None:
        payment, authorisation = ask_payment(app, anna.account, psu=anna)
        send_code_ahead(authorisation, anna, now=bank_time.now())
        code = code_for(anna)
        for user_id, password in (("nobody", PASSWORD), (bruno.user.username, PASSWORD)):
            stranger = Journey(SCAAuthorisation.objects.get(pk=authorisation.pk))
            stranger.post(user_id=user_id, password=password, by="app")
            assert stranger.at(stranger.post("code")) == "code"
        journey = Journey(authorisation)
        journey.sign_in(anna)
        assert journey.enter(code) == "done"
        assert state(payment) == "ACTC"

    def test_anothers_app_signs_nothing(
        self, app: Client, anna: PSU, bruno: PSU, telephone: App, bank_time: BankTime
    ) -> None:
        """Bruno's own app, for a payment from Anna's account: he is asked nothing."""
        other = App()
        other.bind(bruno)
        payment, authorisation = ask_payment(app, anna.account)
        journey = Journey(authorisation)
        journey.post(user_id=bruno.user.username, password=PASSWORD, by="app")
        device = SigningDevice.objects.get(pk=other.device_id)
        assert list_requests(device=device, now=bank_time.now()) == []
        assert journey.at(journey.post("code")) == "code"
        assert state(payment) == "RCVD"

    def test_a_payment_that_is_cancelled_takes_no_answer(
        self, app: Client, anna: PSU, telephone: App, bank_time: BankTime
    ) -> None:
        payment, authorisation = ask_payment(app, anna.account)
        journey = Journey(authorisation)
        journey.post(user_id=anna.user.username, password=PASSWORD, by="app")
        approve(telephone, bank_time)
        journey.post("cancel")
        assert journey.at(journey.post("code")) == "done"
        assert state(payment) == "RJCT"
        assert payment.created_at.date() == bank_date(payment.created_at)


@pytest.mark.req("S3-17", "RTS-27")
class TestFingerprintOrFaceOff:
    """In the portal: the customer's own devices alone, and by a form that is sent."""

    def test_by_its_customer(
        self, customer_anna: Visitor, anna: PSU, telephone: App, settings: Any, bank_time: BankTime
    ) -> None:
        settings.AUTHENTICATOR_BASE_URL = "http://app.localhost"
        assert "Use the PIN alone" not in text_of(customer_anna.get("/security/"))
        switch_on(telephone)
        assert "Use the PIN alone" in text_of(customer_anna.get("/security/"))
        path = f"/security/devices/{telephone.device_id}/pin-alone/"
        assert customer_anna.get(path).status_code == 405
        assert customer_anna.post(path).headers["Location"] == "/security/"
        page = text_of(customer_anna.get("/security/"))
        assert "the PIN alone opens the app from now on" in page
        assert "Use the PIN alone" not in page
        assert not UserVerificationKey.objects.filter(withdrawn_at=None).exists()
        # Twice is as once, and says nothing more.
        customer_anna.post(path)
        assert "the PIN alone opens" not in text_of(customer_anna.get("/security/"))

    def test_not_by_another(self, visitor: Visitor, anna: PSU, telephone: App, settings: Any) -> None:
        settings.AUTHENTICATOR_BASE_URL = "http://app.localhost"
        switch_on(telephone)
        boris = customer("Boris")
        visitor.sign_in(boris)
        assert visitor.post(f"/security/devices/{telephone.device_id}/pin-alone/").status_code == 404
        assert visitor.post("/security/devices/999999/pin-alone/").status_code == 404
        assert UserVerificationKey.objects.filter(withdrawn_at=None).exists()

    def test_not_by_a_stranger(self, visitor: Visitor, telephone: App, settings: Any) -> None:
        settings.AUTHENTICATOR_BASE_URL = "http://app.localhost"
        switch_on(telephone)
        visitor.post(f"/security/devices/{telephone.device_id}/pin-alone/")
        assert UserVerificationKey.objects.filter(withdrawn_at=None).exists()
