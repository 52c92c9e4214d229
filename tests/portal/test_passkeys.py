"""Passkeys on the portal's pages: added, used for everything that is signed, removed; the other way stays open."""

import json
import re
from html import unescape
from typing import Any

import pytest
from django.http import HttpResponse

from apps.authserver.rules import AMR_BY_METHOD
from apps.identity.models import PSU
from apps.payments.limits import get_limits
from apps.payments.models import PaymentInitiation, StandingOrder
from apps.payments.trusted_payees import list_trusted_payees
from apps.sca.models import Challenge, DeviceEnrolment, Passkey, SCAAuthorisation
from apps.sca.queries import list_passkeys
from apps.sca.rules import AuthenticationMethod
from apps.tpp.models import App
from tests.factories.accounts import NOW, bank_accounts
from tests.portal.kit import (
    BankTime,
    Visitor,
    ask_consent,
    ask_payment,
    bad_code,
    code_for,
    last_challenge,
    link_back,
    page,
    text_of,
)
from tests.portal.test_bulk import checked, table
from tests.portal.test_limits import HIGHER
from tests.portal.test_standing_orders import enter
from tests.sca.device import Device
from tests.sca.keys import give_passkey


def asked_of(response: HttpResponse, name: str = "passkey") -> dict[str, Any]:
    """What the page's script would hand to the browser."""
    found = re.search(rf'data-{name}="([^"]+)"', text_of(response))
    assert found, "the page asks for no passkey"
    return json.loads(unescape(found.group(1)))


def answer(visitor: Visitor, path: str, device: Device, **bent: Any) -> HttpResponse:
    """Look at a page and sign what it asks."""
    return visitor.post(path, answer=device.sign(asked_of(visitor.get(path)), **bent))


@pytest.fixture
def device(anna: PSU) -> Device:
    """Anna's laptop, which has a passkey."""
    return give_passkey(anna)


def began(visitor: Visitor, psu: PSU) -> PaymentInitiation:
    return visitor.begin_payment(psu)


@pytest.mark.req("RTS-24", "RTS-26", "P-97(1)(c)")
class TestAdding:
    def test_signed_with_a_code_then_made(self, customer_anna: Visitor, anna: PSU) -> None:
        assert "No passkey yet" in text_of(customer_anna.get("/security/"))
        here = customer_anna.post("/security/passkeys/new/", name="Blue key").headers["Location"]
        html = text_of(customer_anna.get(here))
        assert "Blue key" in html
        assert "Whoever has it, and can open it" in html
        made = customer_anna.post(here, code=code_for(anna)).headers["Location"]
        assert made == f"{here}make/"
        device = Device()
        creation = asked_of(customer_anna.get(made), "new-passkey")
        assert customer_anna.post(made, answer=device.make(creation)).headers["Location"] == "/security/"
        html = text_of(customer_anna.get("/security/"))
        assert "“Blue key” can sign for you from now on." in html
        assert "No passkey yet" not in html
        assert bytes(Passkey.objects.get().credential_id) == device.credential_id

    def test_cannot_be_made_before_it_is_signed(self, customer_anna: Visitor) -> None:
        here = customer_anna.post("/security/passkeys/new/", name="Blue key").headers["Location"]
        assert customer_anna.get(f"{here}make/").headers["Location"] == "/security/"
        answered = customer_anna.post(f"{here}make/", answer='{"id": "x", "response": {}}')
        assert answered.headers["Location"] == "/security/"
        assert not Passkey.objects.exists()

    def test_a_wrong_code_five_times_ends_it(self, customer_anna: Visitor, anna: PSU) -> None:
        here = customer_anna.post("/security/passkeys/new/", name="Blue key").headers["Location"]
        for _ in range(4):
            assert customer_anna.post(here, code=bad_code(anna)).headers["Location"] == f"{here}?failed"
        assert "was not right" in text_of(customer_anna.get(f"{here}?failed"))
        assert customer_anna.post(here, code=bad_code(anna)).headers["Location"] == "/security/"
        assert DeviceEnrolment.objects.get().status == "closed"

    def test_a_malformed_code_counts_nothing(self, customer_anna: Visitor) -> None:
        here = customer_anna.post("/security/passkeys/new/", name="Blue key").headers["Location"]
        assert "Enter the six digits" in text_of(customer_anna.post(here, code="12"))
        assert last_challenge().attempts == 0

    def test_a_device_that_answers_something_else_is_told_and_may_try_again(
        self, customer_anna: Visitor, anna: PSU
    ) -> None:
        here = customer_anna.post("/security/passkeys/new/", name="Blue key").headers["Location"]
        customer_anna.post(here, code=code_for(anna))
        creation = asked_of(customer_anna.get(f"{here}make/"), "new-passkey")
        refused = customer_anna.post(
            f"{here}make/", answer=Device().make(creation, origin="https://evil.example")
        )
        assert refused.status_code == 400
        assert "No passkey was added" in text_of(refused)
        synced = customer_anna.post(f"{here}make/", answer=Device(is_synced=True).make(creation))
        assert "would be copied to your other devices" in text_of(synced)
        nothing = customer_anna.post(f"{here}make/", answer="")
        assert nothing.status_code == 400
        customer_anna.post(f"{here}make/", answer=Device().make(creation))
        assert len(list_passkeys(user_id=anna.user_id)) == 1

    def test_cancelled(self, customer_anna: Visitor) -> None:
        here = customer_anna.post("/security/passkeys/new/", name="Blue key").headers["Location"]
        assert customer_anna.post(f"{here}cancel/").headers["Location"] == "/security/"
        assert customer_anna.get(here).headers["Location"] == "/security/"

    @pytest.mark.parametrize("name", ["", " ", "x" * 41, "a\u202eb"])
    def test_a_name_that_cannot_be_shown_is_refused(self, customer_anna: Visitor, name: str) -> None:
        assert customer_anna.post("/security/passkeys/new/", name=name).status_code == 422
        assert not DeviceEnrolment.objects.exists()

    def test_another_passkey_signs_it(self, customer_anna: Visitor, anna: PSU, device: Device) -> None:
        here = customer_anna.post("/security/passkeys/new/", name="Second").headers["Location"]
        assert answer(customer_anna, here, device).headers["Location"] == f"{here}make/"

    @pytest.mark.parametrize("path", ["", "code/", "cancel/", "make/"])
    def test_anothers_is_not_there(self, customer_anna: Visitor, bruno: PSU, path: str) -> None:
        other = Visitor()
        other.sign_in(bruno)
        here = other.post("/security/passkeys/new/", name="Mine").headers["Location"]
        assert customer_anna.post(f"{here}{path}", answer="{}", code="123456").status_code == 404

    def test_strangers_are_led_to_the_sign_in(self, visitor: Visitor) -> None:
        assert visitor.get("/security/passkeys/new/").headers["Location"].startswith("/sign-in/")


@pytest.mark.req("S3-1", "S3-3", "RTS-5(1)(a)", "RTS-5(1)(c)", "S3-29")
class TestSigning:
    def test_a_transfer_is_paid_without_a_code(
        self, customer_anna: Visitor, anna: PSU, device: Device
    ) -> None:
        payment = began(customer_anna, anna)
        here = f"/pay/{payment.pk}/sign/"
        html = text_of(customer_anna.get(here))
        assert "€25.00" in html
        assert "Möbelhaus Kern GmbH" in html
        assert "Your passkey signs exactly the amount" in html
        assert last_challenge(anna).method == AuthenticationMethod.PASSKEY
        assert answer(customer_anna, here, device).headers["Location"] == f"/pay/{payment.pk}/"
        payment.refresh_from_db()
        assert payment.transaction_status == "ACTC"
        authorisation = SCAAuthorisation.objects.get(pk=payment.authorisation_id)
        assert (authorisation.method, authorisation.elements) == (
            "PASSKEY",
            ["possession", "user_verification"],
        )
        assert "passkey" in text_of(customer_anna.get("/security/"))

    @pytest.mark.req("S3-29")
    def test_a_code_is_another_way(self, customer_anna: Visitor, anna: PSU, device: Device) -> None:
        payment = began(customer_anna, anna)
        here = f"/pay/{payment.pk}/sign/"
        assert "Another way: a code by text message" in text_of(customer_anna.get(here))
        old = device.sign(asked_of(customer_anna.get(here)))
        customer_anna.post(f"/pay/{payment.pk}/code/", again="1", by="sms")
        assert "Use a passkey" in text_of(customer_anna.get(here))
        # The question to the passkey is void since.
        customer_anna.post(here, answer=old)
        payment.refresh_from_db()
        assert payment.transaction_status == "RCVD"
        customer_anna.post(here, code=code_for(anna))
        payment.refresh_from_db()
        assert payment.transaction_status == "ACTC"

    def test_and_back_to_the_passkey(self, customer_anna: Visitor, anna: PSU, device: Device) -> None:
        payment = began(customer_anna, anna)
        customer_anna.post(f"/pay/{payment.pk}/code/", again="1", by="sms")
        customer_anna.post(f"/pay/{payment.pk}/code/", again="1")
        answer(customer_anna, f"/pay/{payment.pk}/sign/", device)
        payment.refresh_from_db()
        assert payment.transaction_status == "ACTC"

    @pytest.mark.req("S3-5", "RTS-5(1)(d)")
    @pytest.mark.parametrize("change", [{"amount_minor": 100_000}, {"creditor_name": "Fraud Ltd"}])
    def test_a_payment_that_changed_is_not_paid(
        self, customer_anna: Visitor, anna: PSU, device: Device, change: dict[str, Any]
    ) -> None:
        payment = began(customer_anna, anna)
        here = f"/pay/{payment.pk}/sign/"
        signed = device.sign(asked_of(customer_anna.get(here)))
        PaymentInitiation.objects.filter(pk=payment.pk).update(**change)
        customer_anna.post(here, answer=signed)
        payment.refresh_from_db()
        assert payment.transaction_status == "RCVD"
        assert last_challenge(anna).status == "voided"

    def test_wrong_once_may_be_tried_again(self, customer_anna: Visitor, anna: PSU, device: Device) -> None:
        payment = began(customer_anna, anna)
        here = f"/pay/{payment.pk}/sign/"
        wrong = answer(customer_anna, here, device, origin="https://evil.example")
        assert wrong.headers["Location"] == f"{here}?failed"
        assert "The passkey was not accepted" in text_of(customer_anna.get(f"{here}?failed"))
        answer(customer_anna, here, device)
        payment.refresh_from_db()
        assert payment.transaction_status == "ACTC"

    def test_without_javascript_the_page_says_so(
        self, customer_anna: Visitor, anna: PSU, device: Device
    ) -> None:
        payment = began(customer_anna, anna)
        html = text_of(customer_anna.post(f"/pay/{payment.pk}/sign/", answer=""))
        assert "The browser sent no passkey" in html
        assert last_challenge(anna).attempts == 0

    def test_the_same_answer_twice_pays_once(self, customer_anna: Visitor, anna: PSU, device: Device) -> None:
        payment = began(customer_anna, anna)
        here = f"/pay/{payment.pk}/sign/"
        signed = device.sign(asked_of(customer_anna.get(here)))
        for _ in range(2):
            assert customer_anna.post(here, answer=signed).headers["Location"] == f"/pay/{payment.pk}/"
        assert len(list_passkeys(user_id=anna.user_id)) == 1

    def test_limits(self, customer_anna: Visitor, anna: PSU, device: Device) -> None:
        here = customer_anna.post("/security/limits/", **HIGHER).headers["Location"]
        answer(customer_anna, here, device)
        assert get_limits(psu_id=anna.pk).per_payment_minor == 1_500_000

    @pytest.mark.req("RTS-13")
    def test_a_trusted_payee(self, customer_anna: Visitor, anna: PSU, device: Device) -> None:
        form = {"creditor_name": "Kern", "creditor_iban": "DE02 1203 0000 0000 2020 51"}
        here = customer_anna.post("/security/trusted-payees/", **form).headers["Location"]
        answer(customer_anna, here, device)
        assert list_trusted_payees(psu_id=anna.pk).get().name == "Kern"

    def test_a_standing_order(self, customer_anna: Visitor, anna: PSU, device: Device) -> None:
        enter(customer_anna)
        order = StandingOrder.objects.get(psu=anna)
        customer_anna.post(f"/pay/standing/{order.pk}/code/")
        answer(customer_anna, f"/pay/standing/{order.pk}/sign/", device)
        order.refresh_from_db()
        assert order.is_running

    @pytest.mark.plays("passkey", "batch")
    @pytest.mark.req("RTS-5(3)(b)", "S3-20")
    def test_a_file_of_payments(self, customer_anna: Visitor, anna: PSU, device: Device) -> None:
        bank_accounts()
        file = checked(customer_anna, table(anna, "5.00", "6.00"))
        customer_anna.post(f"/batches/{file.pk}/code/")
        answer(customer_anna, f"/batches/{file.pk}/sign/", device)
        file.refresh_from_db()
        assert file.status == "ACTC"


def begin_sign_in(visitor: Visitor, *, next: str = "") -> dict[str, Any]:  # noqa: A002
    return visitor.post("/sign-in/passkey/begin/", next=next).json()


@pytest.mark.req("S1-1", "RTS-4(1)", "S0-8")
class TestSigningIn:
    def test_in_one_gesture(self, visitor: Visitor, anna: PSU, device: Device) -> None:
        asked = begin_sign_in(visitor, next="/security/")
        assert asked["allowCredentials"] == []
        assert asked["userVerification"] == "required"
        answered = visitor.post("/sign-in/passkey/", answer=device.sign(asked))
        assert answered.headers["Location"] == "/security/"
        assert anna.full_name.split()[0] in text_of(visitor.get("/home/"))

    def test_leads_nowhere_else(self, visitor: Visitor, device: Device) -> None:
        asked = begin_sign_in(visitor, next="https://evil.example/")
        assert visitor.post("/sign-in/passkey/", answer=device.sign(asked)).headers["Location"] == "/home/"

    @pytest.mark.parametrize(
        "bent", [{"origin": "https://evil.example"}, {"flags": 0x01}, {"rp_id": "evil.example"}]
    )
    def test_bent_opens_nothing(self, visitor: Visitor, device: Device, bent: dict[str, Any]) -> None:
        asked = begin_sign_in(visitor)
        answered = visitor.post("/sign-in/passkey/", answer=device.sign(asked, **bent))
        assert answered.headers["Location"] == "/sign-in/"
        assert "The passkey was not accepted" in text_of(visitor.get("/sign-in/"))
        assert visitor.get("/home/").headers["Location"].startswith("/sign-in/")

    def test_an_answer_to_another_browsers_question_opens_nothing(
        self, visitor: Visitor, device: Device
    ) -> None:
        asked = begin_sign_in(Visitor())
        begin_sign_in(visitor)
        visitor.post("/sign-in/passkey/", answer=device.sign(asked))
        assert visitor.get("/home/").headers["Location"].startswith("/sign-in/")

    def test_an_answer_without_a_question_opens_nothing(self, visitor: Visitor, device: Device) -> None:
        asked = begin_sign_in(Visitor())
        answered = visitor.post("/sign-in/passkey/", answer=device.sign(asked))
        assert answered.headers["Location"] == "/sign-in/"

    def test_a_signature_for_a_payment_opens_no_session(
        self, customer_anna: Visitor, anna: PSU, device: Device
    ) -> None:
        payment = began(customer_anna, anna)
        signed = device.sign(asked_of(customer_anna.get(f"/pay/{payment.pk}/sign/")))
        stranger = Visitor()
        begin_sign_in(stranger)
        stranger.post("/sign-in/passkey/", answer=signed)
        assert stranger.get("/home/").headers["Location"].startswith("/sign-in/")

    def test_the_session_gets_a_new_name(self, visitor: Visitor, device: Device) -> None:
        asked = begin_sign_in(visitor)
        planted = visitor.http.session.session_key
        visitor.post("/sign-in/passkey/", answer=device.sign(asked))
        assert visitor.http.session.session_key != planted

    def test_an_address_cannot_ask_without_end(
        self, visitor: Visitor, db: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("apps.portal.guard._PASSWORDS_PER_ADDRESS", 2)
        statuses = [visitor.post("/sign-in/passkey/begin/").status_code for _ in range(3)]
        assert statuses == [200, 200, 429]

    def test_a_log_in_that_was_closed_stays_closed(self, visitor: Visitor, anna: PSU, device: Device) -> None:
        asked = begin_sign_in(visitor)
        anna.user.is_active = False
        anna.user.save()
        visitor.post("/sign-in/passkey/", answer=device.sign(asked))
        assert visitor.get("/home/").headers["Location"].startswith("/sign-in/")

    @pytest.mark.req("RTS-27")
    def test_removed_it_ends_the_sessions_that_it_opened(
        self, customer_anna: Visitor, anna: PSU, device: Device
    ) -> None:
        other = Visitor()
        other.post("/sign-in/passkey/", answer=device.sign(begin_sign_in(other)))
        assert other.get("/home/").status_code == 200
        [passkey] = list_passkeys(user_id=anna.user_id)
        html = text_of(customer_anna.get(f"/security/passkeys/{passkey.pk}/remove/"))
        assert "It signs and opens nothing any more" in html
        customer_anna.post(f"/security/passkeys/{passkey.pk}/remove/")
        assert "opens nothing any more" in text_of(customer_anna.get("/security/"))
        assert other.get("/home/").headers["Location"].startswith("/sign-in/")
        assert customer_anna.get("/home/").status_code == 200
        again = Visitor()
        again.post("/sign-in/passkey/", answer=device.sign(begin_sign_in(again)))
        assert again.get("/home/").headers["Location"].startswith("/sign-in/")

    def test_anothers_cannot_be_removed(self, customer_anna: Visitor, bruno: PSU) -> None:
        give_passkey(bruno)
        [passkey] = list_passkeys(user_id=bruno.user_id)
        assert customer_anna.post(f"/security/passkeys/{passkey.pk}/remove/").status_code == 404
        assert list_passkeys(user_id=bruno.user_id) == [passkey]


@pytest.mark.req("RTS-30(2)", "RTS-5(1)(a)", "S0-41", "S3-3")
class TestForACompany:
    def test_a_payment_is_signed_by_who_has_it(
        self, app: App, anna: PSU, device: Device, visitor: Visitor, bank_time: BankTime
    ) -> None:
        payment, authorisation = ask_payment(app, anna.account)
        begun = visitor.post(page(authorisation.pk, "passkey/begin"))
        here = page(authorisation.pk, "passkey")
        assert begun.headers["Location"] == here
        html = text_of(visitor.get(here))
        for shown in ("€1,249.00", "Möbelhaus Kern GmbH", app.tpp.legal_name):
            assert shown in html
        assert anna.account.iban not in html.replace(" ", "")
        assert anna.full_name not in html
        assert answer(visitor, here, device).headers["Location"] == page(authorisation.pk, "done")
        payment.refresh_from_db()
        assert (payment.transaction_status, payment.psu_id) == ("ACTC", anna.pk)
        assert link_back(visitor.get(page(authorisation.pk, "done"))).startswith(
            "https://shoppay.example/return"
        )

    def test_a_consent_goes_on_to_be_confirmed(
        self, app: App, anna: PSU, device: Device, visitor: Visitor
    ) -> None:
        consent, authorisation = ask_consent(app, anna.account)
        visitor.post(page(authorisation.pk, "passkey/begin"))
        here = page(authorisation.pk, "passkey")
        assert answer(visitor, here, device).headers["Location"] == page(authorisation.pk, "confirm")
        assert anna.account.iban in text_of(visitor.get(page(authorisation.pk, "confirm"))).replace(" ", "")
        visitor.post(page(authorisation.pk, "confirm"), accounts=[str(anna.account.pk)])
        consent.refresh_from_db()
        assert consent.consent_status == "valid"
        authorisation.refresh_from_db()
        assert (authorisation.sca_status, authorisation.method) == ("finalised", "PASSKEY")
        assert AMR_BY_METHOD[authorisation.method] == ("pop", "user", "mfa")

    def test_anothers_payment_is_not_released(
        self, app: App, anna: PSU, bruno: PSU, visitor: Visitor
    ) -> None:
        payment, authorisation = ask_payment(app, anna.account)
        brunos = give_passkey(bruno)
        visitor.post(page(authorisation.pk, "passkey/begin"))
        refused = answer(visitor, page(authorisation.pk, "passkey"), brunos)
        assert refused.status_code == 403
        payment.refresh_from_db()
        assert payment.transaction_status == "RCVD"

    @pytest.mark.req("S3-5", "RTS-5(1)(d)")
    def test_a_payment_that_changed_is_not_released(
        self, app: App, anna: PSU, device: Device, visitor: Visitor
    ) -> None:
        payment, authorisation = ask_payment(app, anna.account)
        visitor.post(page(authorisation.pk, "passkey/begin"))
        here = page(authorisation.pk, "passkey")
        signed = device.sign(asked_of(visitor.get(here)))
        PaymentInitiation.objects.filter(pk=payment.pk).update(amount_minor=1_249_000)
        assert visitor.post(here, answer=signed).status_code == 409
        payment.refresh_from_db()
        assert payment.transaction_status == "RCVD"
        assert Challenge.objects.get(method="PASSKEY").status == "voided"

    def test_a_stranger_who_tries_does_not_void_the_code_that_was_sent(
        self, app: App, anna: PSU, visitor: Visitor
    ) -> None:
        _payment, authorisation = ask_payment(app, anna.account)
        visitor.post(page(authorisation.pk), user_id=anna.user.username, password="correct horse battery")
        sent = last_challenge(anna)
        stranger = Visitor()
        stranger.post(page(authorisation.pk, "passkey/begin"))
        sent.refresh_from_db()
        assert sent.status == "open"
        code = visitor.post(page(authorisation.pk, "code"), code=code_for(anna))
        assert code.headers["Location"] == page(authorisation.pk, "done")

    def test_wrong_five_times_ends_it(self, app: App, anna: PSU, device: Device, visitor: Visitor) -> None:
        payment, authorisation = ask_payment(app, anna.account)
        visitor.post(page(authorisation.pk, "passkey/begin"))
        here = page(authorisation.pk, "passkey")
        for _ in range(4):
            wrong = answer(visitor, here, device, origin="https://evil.example")
            assert wrong.headers["Location"] == f"{here}?failed"
        assert "was not accepted" in text_of(visitor.get(f"{here}?failed"))
        wrong = answer(visitor, here, device, origin="https://evil.example")
        assert wrong.headers["Location"] == page(authorisation.pk, "done")
        payment.refresh_from_db()
        assert payment.transaction_status == "RJCT"

    def test_the_page_cannot_be_reached_without_asking(
        self, app: App, anna: PSU, device: Device, visitor: Visitor
    ) -> None:
        _payment, authorisation = ask_payment(app, anna.account)
        assert visitor.get(page(authorisation.pk, "passkey")).headers["Location"] == page(authorisation.pk)
        posted = visitor.post(page(authorisation.pk, "passkey"), answer="{}")
        assert posted.headers["Location"] == page(authorisation.pk)

    def test_too_old_is_told(
        self, app: App, anna: PSU, device: Device, visitor: Visitor, bank_time: BankTime
    ) -> None:
        _payment, authorisation = ask_payment(app, anna.account)
        visitor.post(page(authorisation.pk, "passkey/begin"))
        bank_time.pass_(minutes=11)
        assert "This took too long" in text_of(visitor.get(page(authorisation.pk, "passkey")))

    def test_cancel_leads_back(self, app: App, anna: PSU, visitor: Visitor) -> None:
        payment, authorisation = ask_payment(app, anna.account)
        visitor.post(page(authorisation.pk, "passkey/begin"))
        visitor.post(page(authorisation.pk, "cancel"))
        payment.refresh_from_db()
        assert payment.transaction_status == "RJCT"

    def test_a_malformed_answer_counts_nothing(self, app: App, anna: PSU, visitor: Visitor) -> None:
        _payment, authorisation = ask_payment(app, anna.account)
        visitor.post(page(authorisation.pk, "passkey/begin"))
        html = text_of(visitor.post(page(authorisation.pk, "passkey"), answer="nonsense"))
        assert "The browser sent no passkey" in html
        assert Challenge.objects.get(method="PASSKEY").attempts == 0


def test_the_moment_of_the_last_use_is_shown(customer_anna: Visitor, anna: PSU, device: Device) -> None:
    payment = began(customer_anna, anna)
    answer(customer_anna, f"/pay/{payment.pk}/sign/", device)
    assert Passkey.objects.get().last_used_at >= NOW
    assert "last used on" in text_of(customer_anna.get("/security/"))
