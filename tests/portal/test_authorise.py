"""The pages on which a customer allows something for a company: figure 1 and figure 2, and every way to leave them."""

from datetime import datetime, timedelta
from html import unescape
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from django.conf import settings as django_settings

from apps.consents.models import Consent
from apps.consents.rules import ConsentModel
from apps.consents.services import terminate_consent
from apps.core import clock
from apps.identity.models import PSU
from apps.notifications.models import OutboxMessage
from apps.payments.models import PaymentInitiation
from apps.payments.rules import ChargeBearer, PaymentProduct
from apps.payments.services import send_payment_code
from apps.sca.models import AuthenticationState, Challenge, SCAAuthorisation
from apps.sca.services import fail_authorisation
from apps.tpp.models import App
from apps.tpp.services import block_tpp
from tests.authserver.kit import TPPProgram
from tests.factories.accounts import NOW, account_of
from tests.factories.identity import PASSWORD, UserFactory
from tests.factories.tpp import REDIRECT_URI
from tests.portal.kit import (
    NOK_URI,
    RETURN_URI,
    BankTime,
    Visitor,
    ask_consent,
    ask_payment,
    bad_code,
    code_for,
    last_challenge,
    link_back,
    page,
    seen,
    text_of,
)
from tests.pricing.books import publish_own_fees

ABROAD = {
    "payment_product": PaymentProduct.CROSS_BORDER_CREDIT_TRANSFERS,
    "creditor_iban": "TR330006100519786457841326",
    "creditor_agent": "TGBATRIS",
}
ERROR_URI = f"{RETURN_URI}&error=access_denied"


class Journey:
    """One browser on the pages of one authorisation."""

    def __init__(self, authorisation: SCAAuthorisation, visitor: Visitor | None = None) -> None:
        self.id, self.visitor = authorisation.pk, visitor or Visitor()

    def get(self, name: str = ""):
        return self.visitor.get(page(self.id, name))

    def post(self, name: str = "", **form: object):
        return self.visitor.post(page(self.id, name), **form)

    def at(self, response) -> str:
        """Which page an answer leads to."""
        assert response.status_code == 303, response.status_code
        assert response.headers["Location"].startswith(page(self.id)), "never to another origin"
        return response.headers["Location"].removeprefix(page(self.id)).partition("?")[0].strip("/")

    def sign_in(self, psu: PSU, password: str = PASSWORD) -> str:
        return self.at(self.post(user_id=psu.user.username, password=password))

    def enter(self, code: str) -> str:
        return self.at(self.post("code", code=code))

    def coded(self, psu: PSU) -> "Journey":
        self.sign_in(psu)
        self.enter(code_for(psu))
        return self

    def allow(self, *accounts) -> str:
        return self.at(self.post("confirm", accounts=[str(account.pk) for account in accounts]))

    def link(self) -> str:
        """Where the last page's button leads."""
        return link_back(self.get("done"))


def send_code_ahead(authorisation: SCAAuthorisation, psu: PSU, *, now: datetime) -> None:
    """The code that goes out at the payment's initiation, before the page is opened (S0-41)."""
    send_payment_code(
        payment_id=authorisation.subject_id,
        authorisation_id=authorisation.pk,
        psu=psu,
        is_ahead=True,
        now=now,
    )


def answer_in(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def state(thing) -> str:
    thing.refresh_from_db()
    return thing.consent_status if isinstance(thing, Consent) else thing.transaction_status


@pytest.fixture
def consent_asked(app: App, anna: PSU, bank_time: BankTime) -> tuple[Consent, SCAAuthorisation]:
    return ask_consent(app, anna.account)


@pytest.fixture
def payment_asked(app: App, anna: PSU, bank_time: BankTime) -> tuple[PaymentInitiation, SCAAuthorisation]:
    anna.account = account_of(anna, balance_minor=500_000)
    return ask_payment(app, anna.account)


@pytest.mark.req("S0-22", "S0-23", "S0-24", "S0-25", "S0-26", "S0-27", "S0-28", "N3", "N4")
class TestConsent:
    def test_password_code_form_and_back(self, app: App, anna: PSU, bank_time: BankTime) -> None:
        consent, _ = ask_consent(app, anna.account)
        visitor = Visitor()
        program = TPPProgram(client_id=app.client_id, http=visitor.http)
        answer = program.authorize(f"openid AIS:{consent.pk}", state="s p&x")
        journey = Journey(SCAAuthorisation.objects.get(pk=answer.headers["Location"].split("/")[2]), visitor)
        start = unescape(text_of(journey.get()))
        for shown in (
            app.tpp.legal_name,
            app.tpp.authorisation_number,
            "19 Feb 2027",
            "balance",
            "transactions",
        ):
            assert shown in start
        assert anna.full_name not in start
        assert journey.sign_in(anna) == "code"
        assert journey.enter(code_for(anna)) == "confirm"
        form = unescape(text_of(journey.get("confirm")))
        for shown in (
            anna.full_name,
            anna.account.display_name,
            "19 Feb 2027",
            "checked",
            app.tpp.legal_name,
        ):
            assert shown in form
        assert state(consent) == "received"
        assert journey.allow(anna.account) == "done"
        assert state(consent) == "valid"
        done = journey.get("done")
        assert "data-auto-return" in text_of(done)
        assert "data-auto-return" not in text_of(journey.get("done")), "once only"
        link = link_back(done)
        assert link == journey.link()
        assert link.startswith(f"{REDIRECT_URI}?")
        assert set(answer_in(link)) == {"code", "state", "iss"}
        assert answer_in(link)["state"] == "s p&x"

    def test_without_oauth_the_way_back_is_the_companys_address(
        self, consent_asked: tuple, anna: PSU
    ) -> None:
        consent, authorisation = consent_asked
        journey = Journey(authorisation).coded(anna)
        journey.allow(anna.account)
        assert (state(consent), journey.link()) == ("valid", RETURN_URI)

    def test_nobody_is_signed_in_to_the_portal_by_it(self, consent_asked: tuple, anna: PSU) -> None:
        journey = Journey(consent_asked[1]).coded(anna)
        assert journey.visitor.get("/home/").status_code == 303
        journey.allow(anna.account)
        assert journey.visitor.get("/home/").status_code == 303

    def test_a_portal_session_is_no_way_around_it(
        self, customer_anna: Visitor, consent_asked: tuple, anna: PSU
    ) -> None:
        journey = Journey(consent_asked[1], customer_anna)
        assert journey.at(journey.get("confirm")) == ""
        assert journey.at(journey.post("confirm", accounts=[str(anna.account.pk)])) == ""
        assert state(consent_asked[0]) == "received"

    def test_the_customer_chooses_where_no_account_is_named(self, app: App, anna: PSU) -> None:
        savings, third = account_of(anna, display_name="Savings"), account_of(anna, display_name="Third")
        consent, authorisation = ask_consent(app, model=ConsentModel.BANK_OFFERED)
        journey = Journey(authorisation).coded(anna)
        journey.allow(savings, third)
        assert {one.payment_account for one in consent.accounts.all()} == {savings, third}

    def test_one_account_at_least(self, consent_asked: tuple, anna: PSU) -> None:
        journey = Journey(consent_asked[1]).coded(anna)
        answer = journey.post("confirm")
        assert answer.status_code == 200
        assert "Choose at least one account" in text_of(answer)
        assert journey.allow(anna.account) == "done"

    def test_no_other_account_can_be_put_in(self, consent_asked: tuple, anna: PSU, bruno: PSU) -> None:
        journey, savings = Journey(consent_asked[1]).coded(anna), account_of(anna)
        for account_id in (savings.pk, bruno.account.pk, uuid4(), "x"):
            assert journey.post("confirm", accounts=[str(account_id)]).status_code == 200
        assert state(consent_asked[0]) == "received"

    @pytest.mark.req("S0-21")
    def test_anothers_accounts_cannot_be_allowed(self, consent_asked: tuple, bruno: PSU) -> None:
        journey = Journey(consent_asked[1])
        journey.sign_in(bruno)
        assert journey.enter(code_for(bruno)) == "done"
        done = text_of(journey.get("done"))
        assert "not your accounts" in done
        assert "data-auto-return" not in done
        assert (state(consent_asked[0]), journey.link()) == ("rejected", ERROR_URI)

    def test_a_customer_without_accounts_is_led_back(self, app: App, anna: PSU) -> None:
        anna.holdings.all().delete()
        _, authorisation = ask_consent(app, model=ConsentModel.BANK_OFFERED)
        assert Journey(authorisation).coded(anna).link() == ERROR_URI

    def test_sent_twice_is_as_good_as_once(self, consent_asked: tuple, anna: PSU) -> None:
        journey = Journey(consent_asked[1])
        journey.sign_in(anna)
        code = code_for(anna)
        assert journey.enter(code) == "confirm"
        assert journey.enter(code) == "confirm"
        assert journey.allow(anna.account) == "done"
        assert journey.allow(anna.account) == "done"
        assert journey.at(journey.get()) == "done"
        assert journey.link() == RETURN_URI

    @pytest.mark.req("RTS-4(3)(d)")
    def test_the_form_closes_after_five_minutes_and_can_be_reached_again(
        self, consent_asked: tuple, anna: PSU, bank_time: BankTime
    ) -> None:
        journey = Journey(consent_asked[1]).coded(anna)
        bank_time.pass_(seconds=299)
        assert journey.get("confirm").status_code == 200
        bank_time.pass_(seconds=301)
        assert journey.at(journey.post("confirm", accounts=[str(anna.account.pk)])) == ""
        assert state(consent_asked[0]) == "received"
        assert "sign in again" in text_of(journey.get())
        journey.coded(anna).allow(anna.account)
        assert state(consent_asked[0]) == "valid"

    @pytest.mark.req("RTS-5(1)(d)")
    def test_a_request_that_changed_makes_the_code_void(self, consent_asked: tuple, anna: PSU) -> None:
        consent, authorisation = consent_asked
        journey = Journey(authorisation)
        journey.sign_in(anna)
        Consent.objects.filter(pk=consent.pk).update(frequency_per_day=1)
        answer = journey.post("code", code=code_for(anna))
        assert answer.status_code == 409
        assert "has changed" in text_of(answer)
        assert last_challenge(anna).status == "voided"
        assert journey.coded(anna).allow(anna.account) == "done"


@pytest.mark.req("S0-41", "S0-42", "S0-43", "S0-44", "S0-45", "S1-13", "S1-14", "N1", "N5")
class TestPayment:
    def test_password_code_and_back(self, payment_asked: tuple, anna: PSU) -> None:
        payment, authorisation = payment_asked
        journey = Journey(authorisation)
        assert "€1,249.00" in text_of(journey.get())
        assert journey.sign_in(anna) == "code"
        sheet = unescape(text_of(journey.get("code")))
        iban = anna.account.iban
        for shown in (
            "€1,249.00",
            "Möbelhaus Kern GmbH",
            "DE02 1203 0000 0000 2020 51",
            " ".join(iban[i : i + 4] for i in range(0, 22, 4)),
            "Order 88-2041",
            "21 Nov 2026, 13:00:00",
            payment.app.tpp.legal_name,
        ):
            assert shown in sheet, shown
        assert state(payment) == "RCVD"
        assert journey.enter(code_for(anna)) == "done"
        assert state(payment) == "ACTC"
        assert payment.psu == anna
        assert journey.link() == RETURN_URI
        assert OutboxMessage.objects.filter(topic="engine.execute_payment").count() == 1

    @pytest.mark.parametrize(
        ("order", "told", "never"),
        [
            ({}, "€0.20, charged with the month", ["€15.00", "€10.00"]),
            ({"payment_product": PaymentProduct.TARGET_2_PAYMENTS}, "€15.00", ["charged with the month"]),
            (ABROAD, "€10.00", ["charged with the month"]),
            (ABROAD | {"charge_bearer": ChargeBearer.DEBT}, "€30.00", ["charged with the month", "€10.00"]),
            (ABROAD | {"charge_bearer": ChargeBearer.CRED}, "€0.00", ["charged with the month", "€10.00"]),
        ],
    )
    def test_the_sheet_tells_one_fee_that_of_the_way(
        self, app: App, anna: PSU, order: dict, told: str, never: list[str]
    ) -> None:
        publish_own_fees(credit_transfer=20)
        _, authorisation = ask_payment(app, anna.account, **order)
        journey = Journey(authorisation)
        assert journey.sign_in(anna) == "code"
        sheet = unescape(text_of(journey.get("code")))
        assert told in sheet
        assert not [fee for fee in never if fee in sheet]

    def test_the_answer_of_oauth_goes_back(self, app: App, anna: PSU) -> None:
        payment, _ = ask_payment(app, anna.account, amount_minor=100)
        visitor = Visitor()
        program = TPPProgram(client_id=app.client_id, http=visitor.http)
        answer = program.authorize(f"openid PIS:{payment.pk}")
        journey = Journey(SCAAuthorisation.objects.get(pk=answer.headers["Location"].split("/")[2]), visitor)
        journey.sign_in(anna)
        assert journey.enter(code_for(anna)) == "done"
        assert set(answer_in(journey.link())) == {"code", "state", "iss"}

    @pytest.mark.req("N8")
    def test_the_code_sent_at_initiation_is_the_one(self, app: App, anna: PSU, bank_time: BankTime) -> None:
        payment, authorisation = ask_payment(app, anna.account, psu=anna)
        send_code_ahead(authorisation, anna, now=bank_time.now())
        code = code_for(anna)
        journey = Journey(authorisation)
        journey.sign_in(anna)
        assert Challenge.objects.count() == 1
        assert journey.enter(code) == "done"
        assert state(payment) == "ACTC"

    def test_a_stranger_does_not_make_that_code_void(
        self, app: App, anna: PSU, bruno: PSU, bank_time: BankTime
    ) -> None:
        payment, authorisation = ask_payment(app, anna.account, psu=anna)
        send_code_ahead(authorisation, anna, now=bank_time.now())
        code = code_for(anna)
        journey = Journey(authorisation)
        journey.sign_in(anna)
        for psu, password in ((bruno, PASSWORD), (anna, "wrong horse battery")):
            stranger = Journey(authorisation)
            stranger.sign_in(psu, password)
            assert stranger.enter(code) == "code"
        assert journey.enter(code) == "done"
        assert state(payment) == "ACTC"

    @pytest.mark.req("N7", "RTS-4(3)(a)")
    def test_the_age_of_that_code_tells_nobody_whether_a_password_was_right(
        self, app: App, anna: PSU, bruno: PSU, bank_time: BankTime
    ) -> None:
        """Two payments in the same position; what each password meets must look alike, from the first time on."""
        worlds = []
        for psu, password in ((anna, PASSWORD), (anna, "wrong horse battery"), (bruno, PASSWORD)):
            bank_time.moment = NOW
            AuthenticationState.objects.all().delete()
            Challenge.objects.all().delete()
            _, authorisation = ask_payment(app, anna.account, psu=anna)
            send_code_ahead(authorisation, anna, now=bank_time.now())
            looks = []
            for minute in (2, 3, 4):
                bank_time.moment = NOW + timedelta(minutes=minute)
                journey = Journey(authorisation)
                journey.sign_in(psu, password)
                looks.append(seen(journey.get("code")))
                journey.enter("000000")
                bank_time.moment = NOW + timedelta(minutes=minute, seconds=30)
                looks.append(seen(journey.get("code")))
            worlds.append(looks)
        assert "until 13:10" in worlds[0][0][-1]
        assert worlds[0] == worlds[1] == worlds[2]

    @pytest.mark.req("S0-40")
    @pytest.mark.parametrize("known", [True, False])
    def test_another_customer_cannot_release_it(self, app: App, anna: PSU, bruno: PSU, known: bool) -> None:
        payment, authorisation = ask_payment(app, anna.account, psu=anna if known else None)
        journey = Journey(authorisation)
        assert journey.sign_in(bruno) == "code"
        assert not Challenge.objects.filter(user=bruno.user).exists()
        assert journey.enter("123456") == "code"
        assert state(payment) == "RCVD"

    @pytest.mark.req("S3-5", "RTS-5(1)(d)")
    @pytest.mark.parametrize(
        "change",
        [{"amount_minor": 1}, {"creditor_iban": "DE75512108001245126199"}, {"creditor_name": "Other"}],
    )
    def test_a_payment_that_changed_makes_the_code_void(
        self, payment_asked: tuple, anna: PSU, change: dict
    ) -> None:
        payment, authorisation = payment_asked
        journey = Journey(authorisation)
        journey.sign_in(anna)
        PaymentInitiation.objects.filter(pk=payment.pk).update(**change)
        answer = journey.post("code", code=code_for(anna))
        assert answer.status_code == 409
        assert "Cancel and go back" in text_of(answer)
        assert last_challenge(anna).status == "voided"
        assert state(payment) == "RCVD"
        assert journey.enter(code_for(anna)) == "code"
        assert state(payment) == "RCVD"

    def test_the_right_code_twice_pays_once(self, payment_asked: tuple, anna: PSU) -> None:
        journey = Journey(payment_asked[1])
        journey.sign_in(anna)
        code = code_for(anna)
        assert journey.enter(code) == "done"
        assert journey.enter(code) == "done"
        assert OutboxMessage.objects.filter(topic="engine.execute_payment").count() == 1

    def test_a_portal_payment_has_no_such_page(self, customer_anna: Visitor, anna: PSU) -> None:
        payment = customer_anna.begin_payment(anna)
        authorisation = SCAAuthorisation.objects.get(subject_id=payment.pk)
        assert Visitor().get(page(authorisation.pk)).status_code == 404
        assert Visitor().post(page(authorisation.pk, "cancel")).status_code == 404


@pytest.fixture(params=["consent", "payment"])
def asked(request, app: App, anna: PSU, bank_time: BankTime):
    """A consent or a payment that waits; each test below holds for both."""
    if request.param == "consent":
        return ask_consent(app, anna.account, nok_uri=NOK_URI)
    return ask_payment(app, anna.account)


ENDED = {"received": "rejected", "RCVD": "RJCT"}


@pytest.mark.req("N7", "RTS-4(3)(a)")
class TestEveryFailureLooksTheSame:
    def walk(self, authorisation: SCAAuthorisation, user_id: str, password: str, code: str) -> list:
        journey = Journey(authorisation)
        answers = [journey.post(user_id=user_id, password=password), journey.get("code")]
        for _ in range(4):
            answers.append(journey.post("code", code=code))
            answers.append(journey.visitor.http.get(answers[-1].headers["Location"]))
        answers += [journey.post("code/resend"), journey.get("code")]
        return [seen(answer) for answer in answers]

    def ask(self, kind: str, app: App, psu: PSU) -> SCAAuthorisation:
        if kind == "consent":
            return ask_consent(app, psu.account)[1]
        return ask_payment(app, psu.account)[1]

    @pytest.mark.parametrize("kind", ["consent", "payment"])
    def test_whatever_was_wrong(self, app: App, anna: PSU, bruno: PSU, kind: str) -> None:
        staff, account = UserFactory(is_staff=True), anna.account
        right = self.ask(kind, app, anna)
        probe = Journey(right)
        probe.sign_in(anna)
        wrong_code_only = self.walk(right, anna.user.username, PASSWORD, bad_code(anna))
        for user_id, password in (
            ("nobody-123456", PASSWORD),
            (anna.user.username, "wrong horse battery"),
            (staff.username, PASSWORD),
        ):
            assert self.walk(self.ask(kind, app, anna), user_id, password, "000000") == wrong_code_only
        if kind == "payment":
            walk = self.walk(self.ask(kind, app, anna), bruno.user.username, PASSWORD, "000000")
            assert walk == wrong_code_only
        assert account == anna.account

    def test_the_fifth_wrong_code_ends_a_decoy_as_well(self, asked: tuple, anna: PSU) -> None:
        journey = Journey(asked[1])
        journey.sign_in(anna, "wrong horse battery")
        for _ in range(4):
            assert journey.enter("000000") == "code"
        assert journey.enter("000000") == "done"


@pytest.mark.req("S1-5", "S1-6", "S1-9", "RTS-4(3)(b)")
class TestTheCode:
    def test_five_wrong_ones_end_it(self, asked: tuple, anna: PSU) -> None:
        subject, authorisation = asked
        before, journey = state(subject), Journey(authorisation)
        journey.sign_in(anna)
        wrong, right = bad_code(anna), code_for(anna)
        for _ in range(4):
            assert journey.enter(wrong) == "code"
            assert "This did not work" in text_of(
                journey.visitor.get(page(authorisation.pk, "code"), failed="")
            )
        assert journey.enter(wrong) == "done"
        assert journey.enter(right) == "done"
        assert state(subject) == ENDED[before]
        done = text_of(journey.get("done"))
        assert "Too many wrong codes" in done
        assert "data-auto-return" not in done
        assert journey.link() == NOK_URI
        authorisation.refresh_from_db()
        assert authorisation.sca_status == "failed"
        assert AuthenticationState.objects.get(user=anna.user).blocked_until is not None

    @pytest.mark.parametrize("typed", ["", "12345", "abcdef", "１２３４５６", "x" * 5000])
    def test_what_is_no_code_counts_for_nothing(self, asked: tuple, anna: PSU, typed: str) -> None:
        journey = Journey(asked[1])
        journey.sign_in(anna)
        for _ in range(6):
            answer = journey.post("code", code=typed)
            assert answer.status_code == 200
        assert "six digits" in text_of(answer)
        assert journey.enter(code_for(anna)) in ("confirm", "done")

    def test_too_old(self, asked: tuple, anna: PSU, bank_time: BankTime) -> None:
        before, journey = state(asked[0]), Journey(asked[1])
        journey.sign_in(anna)
        code = code_for(anna)
        bank_time.pass_(seconds=django_settings.SCA_CODE_TTL_SECONDS)
        assert "too old" in text_of(journey.get("code"))
        assert journey.enter(code) == "code"
        assert state(asked[0]) == before
        journey.post("code/resend")
        assert journey.enter(code_for(anna)) in ("confirm", "done")

    def test_a_new_one_makes_the_old_one_void(self, asked: tuple, anna: PSU) -> None:
        journey = Journey(asked[1])
        journey.sign_in(anna)
        first = code_for(anna)
        journey.post("code/resend")
        assert journey.enter(first) == "code"
        assert journey.enter(code_for(anna)) in ("confirm", "done")

    def test_one_for_signing_in_opens_nothing_here(self, asked: tuple, anna: PSU) -> None:
        journey, before = Journey(asked[1]), state(asked[0])
        journey.visitor.send_password(anna.user.username)
        code = code_for(anna)
        journey.sign_in(anna)
        assert journey.enter(code) == "code"
        assert state(asked[0]) == before

    def test_an_address_cannot_send_passwords_without_end(self, asked: tuple, anna: PSU, monkeypatch) -> None:
        monkeypatch.setattr("apps.portal.guard._PASSWORDS_PER_ADDRESS", 1)
        journey = Journey(asked[1])
        journey.sign_in(anna)
        assert journey.post(user_id="a", password="b").status_code == 429


class TestTheBrowser:
    def test_only_the_one_that_sent_the_password_goes_on(self, asked: tuple, anna: PSU) -> None:
        journey, other = Journey(asked[1]), Journey(asked[1])
        journey.sign_in(anna)
        code, before = code_for(anna), state(asked[0])
        for name in ("code", "confirm", "done"):
            assert other.at(other.get(name)) == ""
        assert other.enter(code) == ""
        assert other.at(other.post("confirm", accounts=[str(anna.account.pk)])) == ""
        assert other.at(other.post("code/resend")) == ""
        assert state(asked[0]) == before
        assert journey.enter(code) in ("confirm", "done")

    def test_the_session_gets_a_new_name(self, asked: tuple, anna: PSU) -> None:
        journey = Journey(asked[1])
        journey.visitor.http.session["planted"] = "1"
        session = journey.visitor.http.session
        session["planted"] = "1"
        session.save()
        before = session.session_key
        journey.sign_in(anna)
        assert journey.visitor.http.session.session_key != before

    def test_a_password_can_be_sent_again(self, asked: tuple, anna: PSU) -> None:
        journey = Journey(asked[1])
        journey.sign_in(anna, "wrong horse battery")
        journey.sign_in(anna)
        assert journey.enter(code_for(anna)) in ("confirm", "done")

    def test_steps_cannot_be_skipped(self, asked: tuple, anna: PSU) -> None:
        journey = Journey(asked[1])
        journey.sign_in(anna)
        assert journey.at(journey.get("confirm")) in ("", "code")
        assert journey.at(journey.get("done")) == ""

    def test_two_authorisations_do_not_mix(self, app: App, asked: tuple, anna: PSU) -> None:
        first = Journey(asked[1])
        first.sign_in(anna)
        code = code_for(anna)
        second = Journey(ask_consent(app, anna.account)[1], first.visitor)
        second.sign_in(anna)
        assert second.enter(code) == "code"
        assert first.enter(code) in ("confirm", "done")


@pytest.mark.req("S0-27")
class TestCancel:
    @pytest.mark.parametrize("step", ["start", "code", "confirm"])
    def test_works_on_every_page(self, asked: tuple, anna: PSU, step: str) -> None:
        subject, authorisation = asked
        before, journey = state(subject), Journey(authorisation)
        if step != "start":
            journey.sign_in(anna)
        if step == "confirm":
            if isinstance(subject, PaymentInitiation):
                return
            journey.enter(code_for(anna))
        shown = journey.get("" if step == "start" else step)
        assert page(authorisation.pk, "cancel") in text_of(shown)
        assert journey.at(journey.post("cancel")) == "done"
        assert state(subject) == ENDED[before]
        done = journey.get("done")
        assert "data-auto-return" in text_of(done)
        assert link_back(done) == NOK_URI
        authorisation.refresh_from_db()
        assert authorisation.sca_status == "failed"

    def test_tells_oauth_companies_the_error(self, app: App, anna: PSU) -> None:
        consent, _ = ask_consent(app, anna.account)
        visitor = Visitor()
        answer = TPPProgram(client_id=app.client_id, http=visitor.http).authorize(
            f"openid AIS:{consent.pk}", state="abc"
        )
        journey = Journey(SCAAuthorisation.objects.get(pk=answer.headers["Location"].split("/")[2]), visitor)
        journey.post("cancel")
        told = answer_in(journey.link())
        assert (told["error"], told["state"], "iss" in told, "code" in told) == (
            "access_denied",
            "abc",
            True,
            False,
        )

    def test_without_any_address_the_customer_is_told_what_to_do(self, app: App, anna: PSU) -> None:
        _, authorisation = ask_consent(app, anna.account, redirect_uri="")
        journey = Journey(authorisation)
        journey.post("cancel")
        assert "You can close this page" in text_of(journey.get("done"))

    def test_does_not_undo_what_was_allowed(self, asked: tuple, anna: PSU) -> None:
        journey = Journey(asked[1]).coded(anna)
        if isinstance(asked[0], Consent):
            journey.allow(anna.account)
        granted = state(asked[0])
        journey.post("cancel")
        other = Journey(asked[1])
        assert other.post("cancel").status_code == 410
        assert state(asked[0]) == granted

    def test_is_not_a_link(self, asked: tuple) -> None:
        assert Journey(asked[1]).get("cancel").status_code == 405


class TestWhatIsOver:
    def over(self, authorisation: SCAAuthorisation) -> str:
        """What another browser sees, on each page."""
        journey = Journey(authorisation)
        answers = [
            journey.get(),
            journey.get("code"),
            journey.get("confirm"),
            journey.post(user_id="a", password="b"),
        ]
        assert {answer.status_code for answer in answers} == {410}
        return unescape(text_of(answers[0]))

    def test_a_link_that_was_used(self, asked: tuple, anna: PSU) -> None:
        journey = Journey(asked[1]).coded(anna)
        if isinstance(asked[0], Consent):
            journey.allow(anna.account)
        assert "You have answered this already" in self.over(asked[1])

    def test_a_link_that_was_cancelled(self, asked: tuple) -> None:
        Journey(asked[1]).post("cancel")
        over = self.over(asked[1])
        assert "closed" in over
        assert NOK_URI in over

    def test_a_link_that_is_too_old(self, asked: tuple, anna: PSU, bank_time: BankTime) -> None:
        journey, before = Journey(asked[1]), state(asked[0])
        journey.sign_in(anna)
        code = code_for(anna)
        bank_time.pass_(seconds=django_settings.SCA_AUTHORISATION_TTL_SECONDS)
        over = self.over(asked[1])
        assert "too old" in over
        assert NOK_URI in over
        assert journey.post("code", code=code).status_code == 410
        assert state(asked[0]) == before

    def test_a_request_that_the_company_took_back(self, app: App, anna: PSU, bank_time: BankTime) -> None:
        consent, authorisation = ask_consent(app, anna.account)
        journey = Journey(authorisation).coded(anna)
        terminate_consent(consent_id=consent.pk, app_id=app.pk, now=bank_time.now())
        assert journey.post("confirm", accounts=[str(anna.account.pk)]).status_code == 410

    def test_an_authorisation_that_failed_meanwhile(
        self, asked: tuple, anna: PSU, bank_time: BankTime
    ) -> None:
        journey = Journey(asked[1])
        journey.sign_in(anna)
        code = code_for(anna)
        fail_authorisation(authorisation_id=asked[1].pk, reason="test", now=bank_time.now())
        assert journey.post("code", code=code).status_code == 410

    def test_a_company_that_is_blocked(self, app: App, asked: tuple, anna: PSU, bank_time: BankTime) -> None:
        journey = Journey(asked[1])
        journey.sign_in(anna)
        code, before = code_for(anna), state(asked[0])
        block_tpp(tpp_id=app.tpp_id, reason="licence withdrawn", staff_id=anna.user_id, now=bank_time.now())
        assert "do not let" in self.over(asked[1])
        assert journey.post("code", code=code).status_code == 410
        assert state(asked[0]) == before

    def test_a_company_blocked_between_page_and_click(
        self, app: App, anna: PSU, bank_time: BankTime, monkeypatch
    ) -> None:
        """The authorization server sees it last: nothing that was begun remains."""
        payment, _ = ask_payment(app, anna.account, amount_minor=100)
        visitor = Visitor()
        answer = TPPProgram(client_id=app.client_id, http=visitor.http).authorize(f"openid PIS:{payment.pk}")
        journey = Journey(SCAAuthorisation.objects.get(pk=answer.headers["Location"].split("/")[2]), visitor)
        journey.sign_in(anna)
        monkeypatch.setattr("apps.authserver.models.Application.is_usable", lambda *args: False)
        assert journey.enter(code_for(anna)) == "done"
        assert state(payment) == "RJCT"
        assert not OutboxMessage.objects.filter(topic="engine.execute_payment").exists()
        assert answer_in(journey.link())["error"] == "access_denied"

    @pytest.mark.parametrize("name", ["", "code", "confirm", "done"])
    def test_a_link_that_never_was(self, visitor: Visitor, db: None, name: str) -> None:
        answer = visitor.get(page(uuid4(), name))
        assert answer.status_code == 404
        assert "do not know this link" in text_of(answer)

    @pytest.mark.parametrize("path", ["/authorise/x/", "/authorise/", "/authorise/1/code/"])
    def test_an_address_that_is_none(self, visitor: Visitor, db: None, path: str) -> None:
        assert visitor.get(path).status_code == 404

    def test_unknown_ones_cannot_be_cancelled(self, visitor: Visitor, db: None) -> None:
        assert visitor.post(page(uuid4(), "cancel")).status_code == 404


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "data:text/html,x", "shoppay.example", "//evil.example"]
)
def test_nobody_is_led_to_what_is_no_web_address(app: App, anna: PSU, address: str) -> None:
    _, authorisation = ask_consent(app, anna.account, redirect_uri=address, nok_uri=address)
    journey = Journey(authorisation)
    journey.post("cancel")
    assert journey.link() == ""


def test_clock_is_the_banks(asked: tuple, bank_time: BankTime) -> None:
    assert (asked[1].expires_at - clock.now()).total_seconds() > 0
