"""Above an amount that the bank chooses, a text message signs nothing: not offered, not sent, not taken (S1-25)."""

import re
from typing import Any

import pytest

from apps.identity.models import PSU
from apps.notifications.models import OutboxMessage
from apps.payments.kinds import SINGLE_PAYMENTS
from apps.payments.models import StandingOrder
from apps.sca.models import Challenge
from apps.sca.rules import Purpose, is_text_message_enough
from apps.sca.services import TextMessageNotEnough, check_code, consume_proof, send_code
from apps.tpp.models import App
from apps.xs2a.payment_start import start_authorisation
from tests.factories.accounts import NOW
from tests.factories.identity import PASSWORD
from tests.factories.payments import proof_for, right_code
from tests.portal.kit import (
    BankTime,
    Visitor,
    ask_consent,
    ask_payment,
    ask_series,
    code_for,
    last_challenge,
    page,
    text_of,
)
from tests.portal.test_authorise import Journey, send_code_ahead, state
from tests.portal.test_bulk import checked, table
from tests.portal.test_standing_orders import begun
from tests.sca.keys import give_passkey

pytestmark = pytest.mark.req("S1-25")

NOT_ENOUGH = "A text message is not enough here"


@pytest.fixture
def cap(settings: Any) -> None:
    settings.SCA_SMS_MAX_MINOR = 2_000


@pytest.mark.parametrize(
    ("snapshot", "max_minor", "is_enough"),
    [
        ({"amount_minor": 2_000, "currency": "EUR"}, 2_000, True),
        ({"amount_minor": 2_001, "currency": "EUR"}, 2_000, False),
        ({"total_minor": 2_000, "currency": "EUR"}, 2_000, True),
        ({"total_minor": 2_001, "currency": "EUR"}, 2_000, False),
        ({"amount_minor": 10**12, "currency": "EUR"}, 0, True),
        ({"amount_minor": 1, "currency": "USD"}, 2_000, False),
        ({"amount_minor": 1}, 2_000, False),
        ({"purpose": "consent"}, 1, True),
    ],
)
def test_the_amount_alone_decides(snapshot: dict[str, Any], max_minor: int, is_enough: bool) -> None:
    assert is_text_message_enough(snapshot=snapshot, max_minor=max_minor) is is_enough


class TestTheService:
    SNAPSHOT = {"amount_minor": 2_001, "currency": "EUR", "creditor_name": "Kern"}

    @pytest.mark.parametrize("is_known", [True, False])
    def test_makes_no_code_for_anybody(self, anna: PSU, cap: None, is_known: bool) -> None:
        """Not even a decoy: the answer tells nothing of who asks (N7)."""
        before = OutboxMessage.objects.count()
        with pytest.raises(TextMessageNotEnough):
            send_code(
                user=anna.user if is_known else None, purpose=Purpose.PAYMENT, snapshot=self.SNAPSHOT, now=NOW
            )
        assert not Challenge.objects.filter(purpose="payment").exists()
        assert OutboxMessage.objects.count() == before

    def test_makes_one_at_the_cap(self, anna: PSU, cap: None) -> None:
        at_cap = self.SNAPSHOT | {"amount_minor": 2_000}
        assert send_code(user=anna.user, purpose=Purpose.PAYMENT, snapshot=at_cap, now=NOW)

    def test_takes_no_code_when_the_cap_came_down_meanwhile(self, anna: PSU, settings: Any) -> None:
        challenge_id = send_code(user=anna.user, purpose=Purpose.PAYMENT, snapshot=self.SNAPSHOT, now=NOW)
        settings.SCA_SMS_MAX_MINOR = 2_000
        with pytest.raises(TextMessageNotEnough):
            check_code(challenge_id=challenge_id, code=right_code(challenge_id), now=NOW)
        challenge = Challenge.objects.get(pk=challenge_id)
        assert (challenge.status, challenge.attempts) == ("open", 0)

    def test_spends_no_proof_then_either(self, anna: PSU, settings: Any) -> None:
        challenge_id = send_code(user=anna.user, purpose=Purpose.PAYMENT, snapshot=self.SNAPSHOT, now=NOW)
        proof = proof_for(challenge_id, now=NOW)
        settings.SCA_SMS_MAX_MINOR = 2_000
        with pytest.raises(TextMessageNotEnough):
            consume_proof(proof=proof, now=NOW)
        assert Challenge.objects.get(pk=challenge_id).status == "open"


class TestInThePortal:
    def test_who_has_nothing_else_is_told_what_to_add(
        self, customer_anna: Visitor, anna: PSU, cap: None
    ) -> None:
        payment = customer_anna.begin_payment(anna)
        assert not Challenge.objects.filter(purpose="payment").exists()
        for name in ("review", "sign"):
            shown = text_of(customer_anna.get(f"/pay/{payment.pk}/{name}/"))
            assert NOT_ENOUGH in shown
            assert 'href="/security/"' in shown
            assert "send me the code" not in shown
            assert 'name="by" value="sms"' not in shown

    def test_a_forged_wish_for_a_text_message_asks_for_the_passkey(
        self, customer_anna: Visitor, anna: PSU, cap: None
    ) -> None:
        give_passkey(anna)
        payment = customer_anna.begin_payment(anna)
        customer_anna.post(f"/pay/{payment.pk}/code/", again="1", by="sms")
        asked = Challenge.objects.filter(purpose="payment")
        assert {one.method for one in asked} == {"PASSKEY"}
        shown = text_of(customer_anna.get(f"/pay/{payment.pk}/sign/"))
        assert "data-passkey" in shown
        assert 'name="by" value="sms"' not in shown

    def test_up_to_it_nothing_changes(self, customer_anna: Visitor, anna: PSU, cap: None) -> None:
        payment = customer_anna.begin_payment(anna, amount="20.00")
        assert NOT_ENOUGH not in text_of(customer_anna.get(f"/pay/{payment.pk}/sign/"))
        customer_anna.post(f"/pay/{payment.pk}/sign/", code=code_for(anna))
        assert state(payment) == "ACTC"

    def test_a_code_from_before_the_cap_came_down_pays_nothing(
        self, customer_anna: Visitor, anna: PSU, settings: Any
    ) -> None:
        payment = customer_anna.begin_payment(anna)
        settings.SCA_SMS_MAX_MINOR = 2_000
        answer = customer_anna.post(f"/pay/{payment.pk}/sign/", code=code_for(anna))
        assert answer.status_code == 403
        assert "A text message is not enough for this amount" in text_of(answer)
        assert state(payment) == "RCVD"

    def test_a_standing_order_by_its_amount(
        self, customer_anna: Visitor, anna: PSU, bank_time: BankTime, settings: Any
    ) -> None:
        settings.SCA_SMS_MAX_MINOR = 100
        path = "/pay/standing/{}/"
        with pytest.raises(AssertionError):  # It leads back to the review, not on to a code.
            begun(customer_anna, anna)
        path = path.format(StandingOrder.objects.get().pk)
        assert not Challenge.objects.filter(purpose="standing_order").exists()
        assert NOT_ENOUGH in text_of(customer_anna.get(f"{path}review/"))
        assert StandingOrder.objects.get().transaction_status == "RCVD"

    def test_a_file_by_its_total(self, customer_anna: Visitor, anna: PSU, cap: None) -> None:
        file = checked(customer_anna, table(anna, "15.00", "15.00"))
        shown = text_of(customer_anna.get(f"/batches/{file.pk}/"))
        assert NOT_ENOUGH in shown
        assert "send me the code" not in shown
        customer_anna.post(f"/batches/{file.pk}/code/", by="sms")
        assert not Challenge.objects.filter(purpose="bulk").exists()

    def test_a_file_up_to_it_gets_its_code(self, customer_anna: Visitor, anna: PSU, cap: None) -> None:
        file = checked(customer_anna, table(anna, "15.00", "5.00"))
        customer_anna.post(f"/batches/{file.pk}/code/")
        assert Challenge.objects.get(purpose="bulk").method == "SMS_OTP"


class TestOnThePagesForCompanies:
    def test_neither_offered_nor_sent(self, app: App, anna: PSU, bank_time: BankTime, cap: None) -> None:
        payment, authorisation = ask_payment(app, anna.account)
        journey = Journey(authorisation)
        start = text_of(journey.get())
        assert NOT_ENOUGH in start
        assert 'name="by" value="app"' in start
        assert 'href="/security/"' in start
        assert journey.sign_in(anna) == "code"
        assert {one.method for one in Challenge.objects.all()} == {"PUSH_OTP"}
        assert "a code by text message" not in text_of(journey.get("code"))
        assert state(payment) == "RCVD"

    @pytest.mark.parametrize("password", [PASSWORD, "not this one at all"])
    def test_a_forged_wish_is_refused_alike_to_everybody(
        self, app: App, anna: PSU, bank_time: BankTime, cap: None, password: str
    ) -> None:
        _payment, authorisation = ask_payment(app, anna.account)
        journey = Journey(authorisation)
        answer = journey.post(user_id=anna.user.username, password=password, by="sms")
        assert answer.status_code == 403
        assert "A text message is not enough for this amount" in text_of(answer)
        assert page(authorisation.pk, "cancel") in text_of(answer)
        assert not Challenge.objects.exists()

    def test_who_cancels_goes_back_to_the_company(
        self, app: App, anna: PSU, bank_time: BankTime, cap: None
    ) -> None:
        payment, authorisation = ask_payment(app, anna.account)
        journey = Journey(authorisation)
        assert page(authorisation.pk, "cancel") in text_of(journey.get())
        assert journey.at(journey.post("cancel")) == "done"
        assert "shoppay.example/cancelled" in text_of(journey.get("done"))
        assert state(payment) == "RJCT"

    def test_no_code_goes_ahead(self, app: App, anna: PSU, bank_time: BankTime, cap: None) -> None:
        _payment, authorisation = ask_payment(app, anna.account, psu=anna)
        with pytest.raises(TextMessageNotEnough):
            send_code_ahead(authorisation, anna, now=bank_time.now())
        assert not Challenge.objects.exists()

    @pytest.mark.parametrize(("max_minor", "codes"), [(124_899, 0), (124_900, 1)])
    def test_nor_does_the_interface_send_one(
        self, app: App, anna: PSU, bank_time: BankTime, settings: Any, max_minor: int, codes: int
    ) -> None:
        """The company gets its authorisation all the same; its customer signs by something else."""
        settings.SCA_SMS_MAX_MINOR = max_minor
        payment, _authorisation = ask_payment(app, anna.account, psu=anna)
        opened = start_authorisation(kind=SINGLE_PAYMENTS, payment=payment, now=bank_time.now())
        assert Challenge.objects.filter(authorisation=opened).count() == codes
        assert opened.sca_status == ("scaMethodSelected" if codes else "psuIdentified")

    def test_a_series_by_its_amount(self, app: App, anna: PSU, bank_time: BankTime, cap: None) -> None:
        _order, authorisation = ask_series(app, anna)
        assert NOT_ENOUGH in text_of(Journey(authorisation).get())

    def test_a_consent_still_goes_by_text_message(
        self, app: App, anna: PSU, bank_time: BankTime, settings: Any
    ) -> None:
        """What moves no money has no amount."""
        settings.SCA_SMS_MAX_MINOR = 1
        _consent, authorisation = ask_consent(app, anna.account)
        journey = Journey(authorisation)
        assert NOT_ENOUGH not in text_of(journey.get())
        assert journey.sign_in(anna) == "code"
        assert last_challenge(anna).method == "SMS_OTP"


@pytest.mark.req("S1-24")
def test_no_page_of_the_order_carries_its_code(
    customer_anna: Visitor, anna: PSU, app: App, bank_time: BankTime
) -> None:
    """The code goes to the telephone alone, never back over the channel in which the order came."""
    payment = customer_anna.begin_payment(anna)
    code = code_for(anna)
    answers = [customer_anna.get(f"/pay/{payment.pk}/{name}") for name in ("", "review/", "sign/", "status/")]
    answers += [customer_anna.get("/security/"), customer_anna.post(f"/pay/{payment.pk}/code/")]
    assert all(not re.search(rf"\b{code}\b", text_of(answer)) for answer in answers)
    _payment, authorisation = ask_payment(app, anna.account)
    journey = Journey(authorisation)
    journey.sign_in(anna)
    code = code_for(anna)
    shown = [journey.get(), journey.get("code"), journey.post("code", code="000000"), journey.get("code")]
    assert all(not re.search(rf"\b{code}\b", text_of(answer)) for answer in shown)
