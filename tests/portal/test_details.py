"""A bank whose text messages do not say in clear what is signed: their address opens with password and code."""

import re
from datetime import timedelta
from typing import Any

import pytest

from apps.audit.models import AuditEvent
from apps.identity.models import PSU
from apps.payments.models import PaymentInitiation
from apps.sca.messages import render_code_message
from apps.sca.models import AuthenticationState, Challenge
from apps.sca.services import check_code, open_details, recompute_code
from apps.tpp.models import App
from tests.factories.accounts import NOW, bank_accounts
from tests.factories.identity import PASSWORD
from tests.portal.kit import BankTime, Visitor, ask_consent, bad_code, code_for, last_challenge, page, text_of
from tests.portal.test_bulk import checked, table
from tests.portal.test_limits import HIGHER
from tests.portal.test_standing_orders import begun


@pytest.fixture(autouse=True)
def by_link(settings: Any) -> None:
    settings.SCA_MESSAGE_CONTENT = "link"


def message_to(psu: PSU, language: str = "en") -> str:
    challenge = last_challenge(psu)
    return render_code_message(
        challenge=challenge, code=recompute_code(challenge=challenge), language=language
    )


def path_in(message: str) -> str:
    found = re.search(r"http://localhost:8000(/\S+)", message)
    assert found, message
    return found.group(1)


def opened(psu: PSU, visitor: Visitor | None = None, **changed: str) -> Any:
    """What the customer's telephone shows after password and code."""
    typed = {"user_id": psu.user.username, "password": PASSWORD, "code": code_for(psu)} | changed
    return (visitor or Visitor()).post(path_in(message_to(psu)), **typed)


def failures(psu: PSU) -> int:
    return AuthenticationState.objects.get(user=psu.user).consecutive_failures


@pytest.mark.req("S1-17", "S3-27", "RTS-5(2)")
class TestTheMessage:
    @pytest.mark.parametrize("language", ["en", "de"])
    def test_says_nothing_of_the_payment(self, customer_anna: Visitor, anna: PSU, language: str) -> None:
        customer_anna.begin_payment(anna)
        message = message_to(anna, language)
        for hidden in ("25", "Kern", "DE02", "0051", anna.account.iban[-4:]):
            assert hidden not in message.replace(path_in(message), "").replace(code_for(anna), "")
        assert code_for(anna) in message
        assert len(message) <= 306

    @pytest.mark.plays("sms-link", "sign-in")
    def test_to_sign_in_needs_no_address(self, visitor: Visitor, anna: PSU) -> None:
        visitor.send_password(anna.user.username)
        assert "http" not in message_to(anna)

    @pytest.mark.req("S1-16", "S3-29")
    @pytest.mark.parametrize("content", ["clear", "link"])
    def test_the_banks_choice_is_on_the_trail(
        self, customer_anna: Visitor, anna: PSU, settings: Any, content: str
    ) -> None:
        settings.SCA_MESSAGE_CONTENT = content
        customer_anna.begin_payment(anna)
        event = AuditEvent.objects.filter(event="sca.challenge.issued").latest("pk")
        assert event.data["message"] == content
        assert ("http" in message_to(anna)) == (content == "link")

    @pytest.mark.req("S1-16", "S3-29")
    def test_and_on_the_customers_page(self, customer_anna: Visitor, settings: Any) -> None:
        assert "do not say what you sign" in text_of(customer_anna.get("/security/"))
        settings.SCA_MESSAGE_CONTENT = "clear"
        assert "in clear" in text_of(customer_anna.get("/security/"))


@pytest.mark.req("S1-18", "S3-3", "S3-28", "RTS-5(1)(a)")
class TestThePage:
    def test_shows_what_the_code_signs_and_spends_nothing(self, customer_anna: Visitor, anna: PSU) -> None:
        payment = customer_anna.begin_payment(anna)
        for _ in range(7):  # As often as he likes: a right one is no failure.
            html = text_of(opened(anna))
            for shown in ("€25.00", "Möbelhaus Kern GmbH", "DE02 1203 0000 0000 2020 51", "Order 88-2041"):
                assert shown in html
        assert failures(anna) == 0
        customer_anna.post(f"/pay/{payment.pk}/sign/", code=code_for(anna))
        payment.refresh_from_db()
        assert payment.transaction_status == "ACTC"
        assert AuditEvent.objects.filter(event="sca.challenge.details_shown").count() == 7

    @pytest.mark.req("S3-5", "S3-6")
    def test_shows_what_was_signed_not_what_was_made_of_it(self, customer_anna: Visitor, anna: PSU) -> None:
        payment = customer_anna.begin_payment(anna)
        PaymentInitiation.objects.filter(pk=payment.pk).update(amount_minor=99_900, creditor_name="Fraud Ltd")
        html = text_of(opened(anna))
        assert "€25.00" in html
        assert "Fraud" not in html

    def test_the_address_alone_shows_nothing(self, customer_anna: Visitor, anna: PSU) -> None:
        customer_anna.begin_payment(anna)
        html = text_of(Visitor().get(path_in(message_to(anna))))
        for hidden in ("25.00", "Kern", "DE02", anna.full_name, anna.user.username):
            assert hidden not in html

    @pytest.mark.req("RTS-4(3)(a)", "N7")
    def test_nobody_learns_what_was_wrong(self, customer_anna: Visitor, anna: PSU, bruno: PSU) -> None:
        customer_anna.begin_payment(anna)
        path, code = path_in(message_to(anna)), code_for(anna)
        wrong = [
            {"user_id": anna.user.username, "password": "wrong", "code": code},
            {"user_id": anna.user.username, "password": PASSWORD, "code": bad_code(anna)},
            {"user_id": "nobody", "password": PASSWORD, "code": code},
            {"user_id": bruno.user.username, "password": PASSWORD, "code": code},
        ]
        pages = []
        for typed in wrong:
            answer = Visitor().post(path, **typed)
            shown = re.sub(r'value="[^"]*"', "", text_of(answer))
            pages.append((answer.status_code, shown))
        nowhere = Visitor().post("/details/019a0000-0000-7000-8000-000000000000/", **wrong[0])
        pages.append((nowhere.status_code, re.sub(r'value="[^"]*"', "", text_of(nowhere))))
        assert len(set(pages)) == 1
        assert pages[0][0] == 422
        assert "Kern" not in pages[0][1]

    @pytest.mark.req("S1-5", "RTS-4(3)(b)")
    def test_wrong_codes_kill_it_as_anywhere(self, customer_anna: Visitor, anna: PSU) -> None:
        payment = customer_anna.begin_payment(anna)
        for _ in range(5):
            assert opened(anna, code=bad_code(anna)).status_code == 422
        assert Challenge.objects.get(pk=last_challenge(anna).pk).status == "dead"
        assert opened(anna).status_code == 422
        assert AuthenticationState.objects.get(user=anna.user).blocked_until is not None
        payment.refresh_from_db()
        assert payment.transaction_status == "RCVD"

    @pytest.mark.req("S1-6")
    def test_too_old_shows_nothing(self, customer_anna: Visitor, anna: PSU, bank_time: BankTime) -> None:
        customer_anna.begin_payment(anna)
        bank_time.pass_(minutes=11)
        assert opened(anna).status_code == 422

    def test_a_code_of_a_message_in_clear_opens_nothing(
        self, customer_anna: Visitor, anna: PSU, settings: Any
    ) -> None:
        settings.SCA_MESSAGE_CONTENT = "clear"
        customer_anna.begin_payment(anna)
        typed = {"user_id": anna.user.username, "password": PASSWORD, "code": code_for(anna)}
        assert Visitor().post(f"/details/{last_challenge(anna).pk}/", **typed).status_code == 422

    @pytest.mark.parametrize("typed", ["", "12", "abcdef", "1234567"])
    def test_no_six_digits_count_for_nothing(self, customer_anna: Visitor, anna: PSU, typed: str) -> None:
        customer_anna.begin_payment(anna)
        assert opened(anna, code=typed).status_code == 422
        assert last_challenge(anna).attempts == 0

    def test_an_address_cannot_try_passwords_without_end(
        self, customer_anna: Visitor, anna: PSU, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        customer_anna.begin_payment(anna)
        monkeypatch.setattr("apps.portal.guard._PASSWORDS_PER_ADDRESS", 0)
        assert opened(anna).status_code == 429

    def test_must_not_be_opened_inside_a_transaction(
        self, customer_anna: Visitor, anna: PSU, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        customer_anna.begin_payment(anna)
        monkeypatch.setattr("apps.sca.services.codes.inside_test_transaction", lambda: False)
        with pytest.raises(RuntimeError):
            open_details(
                challenge_id=last_challenge(anna).pk, user_id="a", password="b", code="123456", now=NOW
            )


class TestOfWhatElseIsSigned:
    @pytest.mark.plays("sms-link", "payment")
    def test_a_standing_order(self, customer_anna: Visitor, anna: PSU) -> None:
        begun(customer_anna, anna)
        html = text_of(opened(anna))
        for shown in ("€850.00", "Hausverwaltung Kern", "every month", "1 Dec 2026"):
            assert shown in html

    @pytest.mark.plays("sms-link", "change")
    def test_limits(self, customer_anna: Visitor, anna: PSU) -> None:
        customer_anna.post("/security/limits/", **HIGHER)
        html = text_of(opened(anna))
        assert "€15,000.00" in html
        assert "instead of €10,000.00" in html

    @pytest.mark.plays("sms-link", "batch")
    def test_a_file_of_payments(self, customer_anna: Visitor, anna: PSU) -> None:
        bank_accounts()
        file = checked(customer_anna, table(anna, "5.00", "6.00"))
        customer_anna.post(f"/batches/{file.pk}/code/")
        html = text_of(opened(anna))
        assert "€11.00" in html
        assert "Check digits" in html

    @pytest.mark.plays("sms-link", "consent")
    def test_a_consent(self, app: App, anna: PSU, visitor: Visitor, bank_time: BankTime) -> None:
        _consent, authorisation = ask_consent(app, anna.account)
        visitor.post(page(authorisation.pk), user_id=anna.user.username, password=PASSWORD)
        assert app.tpp.legal_name in text_of(opened(anna))

    def test_a_trusted_payee(self, customer_anna: Visitor, anna: PSU) -> None:
        form = {"creditor_name": "Kern", "creditor_iban": "DE02 1203 0000 0000 2020 51"}
        customer_anna.post("/security/trusted-payees/", **form)
        html = text_of(opened(anna))
        assert "Kern" in html
        assert "DE02 1203 0000 0000 2020 51" in html

    def test_a_passkey(self, customer_anna: Visitor, anna: PSU) -> None:
        customer_anna.post("/security/passkeys/new/", name="Blue key")
        assert "Blue key" in text_of(opened(anna))


def test_looking_gives_no_try_back_that_was_not_used(customer_anna: Visitor, anna: PSU) -> None:
    customer_anna.begin_payment(anna)
    challenge = last_challenge(anna)
    for code, tries in ((bad_code(anna), 1), (code_for(anna), 1), (bad_code(anna), 2)):
        opened(anna, code=code)
        challenge.refresh_from_db()
        assert challenge.attempts == tries
    assert failures(anna) == 2
    proof = check_code(challenge_id=challenge.pk, code=code_for(anna), now=NOW + timedelta(seconds=30))
    assert proof.user_id == anna.user_id


def test_the_page_begins_with_its_first_field(customer_anna: Visitor, anna: PSU, by_link: None) -> None:
    customer_anna.begin_payment(anna)
    html = text_of(Visitor().get(path_in(message_to(anna))))
    [focused] = re.findall(r"<input[^>]*autofocus[^>]*>", html)
    assert 'name="user_id"' in focused
