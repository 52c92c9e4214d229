"""Recovery codes, activation codes, another number: for somebody who has lost his phone, and for nothing else."""

import re
from typing import Any

import pytest
from django.core import checks as django_checks
from django.db import IntegrityError, transaction

from apps.audit.models import AuditEvent
from apps.core import clock
from apps.core.checks import check_mode
from apps.identity.models import PSU
from apps.identity.services import OwnProposal
from apps.notifications.models import OutboxMessage
from apps.sandbox.models import Letter, PhoneMessage
from apps.sca.models import AuthenticationState, Passkey, Reactivation, ReactivationCode, SMSDevice
from apps.sca.queries import get_sms_device
from apps.sca.rules import Delivery
from apps.sca.services import (
    check_knowledge,
    compute_number_code,
    freeze_sign_in,
    issue_activation_code,
    propose_activation_code,
)
from apps.sca.tasks import send_activation_letter, send_code_to_number
from apps.tpp.models import App
from tests.factories.four_eyes import colleague
from tests.factories.identity import PASSWORD
from tests.portal.kit import (
    BankTime,
    Visitor,
    ask_consent,
    ask_payment,
    bad_code,
    code_for,
    last_challenge,
    page,
    seen,
    text_of,
)
from tests.portal.test_passkeys import asked_of
from tests.portal.test_races import count
from tests.portal.test_unblock import guess_passwords, is_open
from tests.sca.device import Device

NEW_NUMBER = "+4915199999999"


def codes_of(visitor: Visitor, psu: PSU) -> list[str]:
    """A set of recovery codes, got on the customer's own pages."""
    sign = visitor.post("/security/access/recovery_codes/new/").headers["Location"]
    shown = visitor.post(sign, code=code_for(psu)).headers["Location"]
    assert "Show the codes" in text_of(visitor.get(shown))
    return re.findall(r"R[0-9A-Z]{3}-[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}", text_of(visitor.post(shown)))


def activation_code(psu: PSU, delivery: Delivery = Delivery.BRANCH) -> str:
    """From the closed letter that two members of staff had printed."""
    proposal = propose_activation_code(
        user=psu.user, delivery=delivery, staff_id=colleague("rita").pk, reason="card seen", now=clock.now()
    )
    issue_activation_code(proposal_id=proposal.pk, staff_id=colleague("sami").pk, now=clock.now())
    carry_out(send_activation_letter)
    found = re.search(r"A[0-9A-Z]{3}(-[0-9A-Z]{4}){3}", Letter.objects.latest("pk").text)
    assert found
    return found.group()


def carry_out(task: Any) -> None:
    """Do what the outbox promises of this kind, as the worker does."""
    for message in OutboxMessage.objects.filter(topic=task.name, status="pending"):
        task(message_id=str(message.pk))


def begin(visitor: Visitor, psu: PSU, code: str, *, password: str = PASSWORD) -> Any:
    return visitor.post("/recover/", user_id=psu.user.username, password=password, code=code)


def change_number(visitor: Visitor, number: str = NEW_NUMBER) -> Any:
    """With the code that reaches the new number."""
    assert visitor.post("/recover/new/", phone_number=number).headers["Location"] == "/recover/number/"
    carry_out(send_code_to_number)
    message = PhoneMessage.objects.filter(to=number).latest("pk")
    return visitor.post("/recover/number/", code=re.findall(r"[0-9]{6}", message.text)[0])


@pytest.mark.req("RTS-24", "RTS-23", "S0-5", "S0-6")
class TestTheSet:
    def test_is_signed_then_shown_once_and_kept_as_hashes(self, customer_anna: Visitor, anna: PSU) -> None:
        sign = customer_anna.post("/security/access/recovery_codes/new/").headers["Location"]
        assert "You get ten recovery codes" in text_of(customer_anna.get(sign))
        shown = customer_anna.post(sign, code=code_for(anna)).headers["Location"]
        assert not ReactivationCode.objects.exists()
        html = text_of(customer_anna.post(shown))
        codes = re.findall(r"R[0-9A-Z]{3}-[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}", html)
        assert len(set(codes)) == 10
        assert codes[0] not in text_of(customer_anna.get(shown))
        assert customer_anna.post(shown).status_code == 409
        stored = b"".join(bytes(row.code_hash) for row in ReactivationCode.objects.all())
        assert not [code for code in codes if code.encode() in stored]
        assert "You have 10 codes left." in text_of(customer_anna.get("/security/"))

    def test_needs_its_signature(self, customer_anna: Visitor, anna: PSU) -> None:
        sign = customer_anna.post("/security/access/recovery_codes/new/").headers["Location"]
        change_id = sign.split("/")[3]
        assert customer_anna.post(f"/security/recovery-codes/{change_id}/").status_code == 409
        customer_anna.post(sign, code=bad_code(anna))
        assert customer_anna.post(f"/security/recovery-codes/{change_id}/").status_code == 409
        assert not ReactivationCode.objects.exists()

    def test_is_nobody_elses(self, customer_anna: Visitor, anna: PSU, bruno: PSU) -> None:
        sign = customer_anna.post("/security/access/recovery_codes/new/").headers["Location"]
        other = Visitor()
        other.sign_in(bruno)
        assert other.get(sign).status_code == 404
        assert other.post(f"/security/recovery-codes/{sign.split('/')[3]}/").status_code == 404
        assert customer_anna.post("/security/access/anything/new/").status_code == 404

    def test_a_new_one_makes_the_old_one_void(self, customer_anna: Visitor, anna: PSU) -> None:
        old, new = codes_of(customer_anna, anna)[0], codes_of(customer_anna, anna)[0]
        assert begin(Visitor(), anna, old).status_code == 422
        assert begin(Visitor(), anna, new).status_code == 303


@pytest.mark.req("RTS-24", "RTS-26", "RTS-27", "S0-9", "RTS-9(1)")
class TestAnotherNumber:
    def test_takes_the_place_of_the_lost_one_and_ends_every_session(
        self, customer_anna: Visitor, anna: PSU
    ) -> None:
        code, old = codes_of(customer_anna, anna)[0], get_sms_device(user_id=anna.user_id)
        visitor = Visitor()
        assert begin(visitor, anna, code.lower().replace("-", " ")).headers["Location"] == "/recover/new/"
        assert change_number(visitor).headers["Location"] == "/sign-in/"
        assert customer_anna.get("/home/").status_code == 303
        assert get_sms_device(user_id=anna.user_id).phone_number == NEW_NUMBER
        told = OutboxMessage.objects.filter(topic="sca.send_security_notice", payload__what="number_changed")
        assert {message.payload["device_id"] for message in told} == {"", str(old.pk)}
        assert visitor.get("/home/").status_code == 303  # It signs nobody in.
        assert visitor.sign_in(anna).headers["Location"] == "/home/"
        assert begin(Visitor(), anna, code).status_code == 422  # Once.

    def test_its_code_is_tried_five_times(self, customer_anna: Visitor, anna: PSU) -> None:
        visitor = Visitor()
        begin(visitor, anna, codes_of(customer_anna, anna)[0])
        visitor.post("/recover/new/", phone_number=NEW_NUMBER)
        right = compute_number_code(reactivation=Reactivation.objects.get())
        wrong = "000000" if right != "000000" else "111111"
        for _ in range(5):
            assert visitor.post("/recover/number/", code=wrong).status_code == 422
        assert visitor.post("/recover/number/", code=right).headers["Location"] == "/recover/"
        assert SMSDevice.objects.count() == 1

    def test_ends_after_ten_minutes(self, customer_anna: Visitor, anna: PSU, bank_time: BankTime) -> None:
        visitor = Visitor()
        begin(visitor, anna, codes_of(customer_anna, anna)[0])
        bank_time.pass_(minutes=11)
        assert visitor.post("/recover/new/", phone_number=NEW_NUMBER).headers["Location"] == "/recover/"
        assert not OutboxMessage.objects.filter(topic="sca.send_number_code").exists()

    @pytest.mark.parametrize("number", ["0151 2345678", "+49", "abc", "+49 151 23456789012345"])
    def test_is_a_number(self, customer_anna: Visitor, anna: PSU, number: str) -> None:
        visitor = Visitor()
        begin(visitor, anna, codes_of(customer_anna, anna)[0])
        assert visitor.post("/recover/new/", phone_number=number).status_code == 422

    def test_without_password_and_code_there_is_no_way(self, visitor: Visitor, anna: PSU) -> None:
        for path in ("/recover/new/", "/recover/number/", "/recover/passkey/"):
            assert visitor.get(path).headers["Location"] == "/recover/"
            assert visitor.post(path, phone_number=NEW_NUMBER, code="123456").status_code == 303
        assert SMSDevice.objects.count() == 1


@pytest.mark.req("S1-25", "RTS-7", "S0-7")
class TestTheCoolDown:
    @pytest.fixture
    def cooling(self, customer_anna: Visitor, anna: PSU) -> Visitor:
        begin(visitor := Visitor(), anna, codes_of(customer_anna, anna)[0])
        change_number(visitor)
        visitor.sign_in(anna)
        return visitor

    def test_signs_in_and_signs_nothing_for_a_day(
        self, cooling: Visitor, anna: PSU, bank_time: BankTime
    ) -> None:
        payment = cooling.begin_payment(anna)
        assert last_challenge(anna).purpose == "sign_in"  # No code went out.
        assert "Your number is new" in text_of(cooling.get(f"/pay/{payment.pk}/sign/"))
        sign = cooling.post("/security/passkeys/new/", name="Thief").headers["Location"]
        assert last_challenge(anna).purpose == "sign_in"
        assert "Your number is new" in text_of(cooling.get(sign))
        bank_time.pass_(hours=25)
        cooling.sign_in(anna)
        payment = cooling.begin_payment(anna)
        cooling.post(f"/pay/{payment.pk}/sign/", code=code_for(anna))
        payment.refresh_from_db()
        assert payment.transaction_status == "ACTC"

    def test_holds_for_what_companies_ask(self, cooling: Visitor, anna: PSU, app: App) -> None:
        for _subject, authorisation in (ask_payment(app, anna.account), ask_consent(app, anna.account)):
            thief = Visitor()
            thief.post(page(authorisation.pk), user_id=anna.user.username, password=PASSWORD)
            assert last_challenge().user is None  # A decoy.

    def test_holds_where_a_code_is_spent_whatever_was_sent_before(
        self, customer_anna: Visitor, anna: PSU
    ) -> None:
        payment = customer_anna.begin_payment(anna)
        SMSDevice.objects.update(cools_until=clock.now().replace(year=2030))
        customer_anna.post(f"/pay/{payment.pk}/sign/", code=code_for(anna))
        payment.refresh_from_db()
        assert payment.transaction_status == "RCVD"

    def test_holds_for_a_passkey_that_was_made_so(self, customer_anna: Visitor, anna: PSU) -> None:
        begin(visitor := Visitor(), anna, codes_of(customer_anna, anna)[0])
        creation = asked_of(visitor.get("/recover/passkey/"), "new-passkey")
        device = Device()
        made = visitor.post("/recover/passkey/", answer=device.make(creation))
        assert made.headers["Location"] == "/sign-in/"
        assert Passkey.objects.get().cools_until is not None
        request = visitor.post("/sign-in/passkey/begin/").json()
        answer = visitor.post("/sign-in/passkey/", answer=device.sign(request))
        assert answer.headers["Location"] == "/home/"
        payment = visitor.begin_payment(anna)  # By the number, which has not changed.
        assert last_challenge(anna).method == "SMS_OTP"
        assert payment.transaction_status == "RCVD"

    def test_has_bounds(self, settings: Any) -> None:
        settings.SCA_COOL_DOWN_HOURS = 0
        assert "bank.E030" in {error.id for error in check_mode(None) if error.level >= django_checks.ERROR}


@pytest.mark.req("RTS-4(3)(a)", "N7", "RTS-4(3)(b)")
class TestTheStart:
    def test_says_the_same_of_everything_that_is_wrong(self, customer_anna: Visitor, anna: PSU) -> None:
        code = codes_of(customer_anna, anna)[0]
        unknown = Visitor().post("/recover/", user_id="nobody", password=PASSWORD, code=code)
        answers = [
            begin(Visitor(), anna, code, password="wrong"),
            begin(Visitor(), anna, "R000-0000-0000-0000"),
            begin(Visitor(), anna, "123456"),
        ]
        assert {answer.status_code for answer in (unknown, *answers)} == {422}
        assert {"This did not work" in text_of(answer) for answer in (unknown, *answers)} == {True}
        assert {seen(answer)[2:3] == seen(unknown)[2:3] for answer in answers} == {True}

    def test_counts_with_all_other_failures(self, customer_anna: Visitor, anna: PSU) -> None:
        code = codes_of(customer_anna, anna)[0]
        for _ in range(5):
            begin(Visitor(), anna, "R000-0000-0000-0000")
        assert not is_open(anna)
        assert begin(Visitor(), anna, code).status_code == 422
        assert "recovery" in AuthenticationState.objects.get(user=anna.user).failed_elements

    def test_takes_nobody_elses_code(self, customer_anna: Visitor, anna: PSU, bruno: PSU) -> None:
        assert begin(Visitor(), bruno, codes_of(customer_anna, anna)[0]).status_code == 422

    def test_is_closed_in_a_freeze(self, customer_anna: Visitor, anna: PSU) -> None:
        code, letter = codes_of(customer_anna, anna)[0], activation_code(anna)
        freeze_sign_in(
            user_id=anna.user_id, actor_type="psu", actor_id=anna.pk, reason="lost", now=clock.now()
        )
        assert begin(Visitor(), anna, code).status_code == 422
        assert begin(Visitor(), anna, letter).status_code == 422


@pytest.mark.req("S1-19", "RTS-4(1)")
def test_a_recovery_code_signs_nothing(customer_anna: Visitor, anna: PSU, app: App) -> None:
    code = codes_of(customer_anna, anna)[0]
    payment = customer_anna.begin_payment(anna)
    customer_anna.post(f"/pay/{payment.pk}/sign/", code=code)
    payment.refresh_from_db()
    assert payment.transaction_status == "RCVD"
    consent, authorisation = ask_consent(app, anna.account)
    other = Visitor()
    other.post(page(authorisation.pk), user_id=anna.user.username, password=PASSWORD)
    other.post(page(authorisation.pk, "code"), code=code)
    consent.refresh_from_db()
    assert consent.consent_status == "received"
    assert other.send_password(anna.user.username).status_code == 303
    other.post("/sign-in/code/", code=code)
    assert other.get("/home/").status_code == 303


@pytest.mark.req("RTS-25", "RTS-24", "RTS-4(4)")
class TestAnActivationCode:
    def test_from_the_branch_opens_a_blocked_log_in_and_registers_a_number(
        self, visitor: Visitor, anna: PSU
    ) -> None:
        guess_passwords(anna)
        code = activation_code(anna)
        assert not is_open(anna)
        assert begin(visitor, anna, code).headers["Location"] == "/recover/new/"
        assert is_open(anna)
        assert change_number(visitor).headers["Location"] == "/sign-in/"

    def test_letter_names_no_user_id(self, anna: PSU) -> None:
        activation_code(anna)
        assert anna.user.username not in Letter.objects.get().text
        assert PASSWORD not in Letter.objects.get().text

    @pytest.mark.parametrize(("delivery", "hours"), [(Delivery.BRANCH, 1), (Delivery.POST, 240)])
    def test_lives_shortly(
        self, visitor: Visitor, anna: PSU, bank_time: BankTime, delivery: Delivery, hours: int
    ) -> None:
        code = activation_code(anna, delivery)
        bank_time.pass_(hours=hours, seconds=5)
        assert begin(visitor, anna, code).status_code == 422

    def test_is_dead_after_five_wrong_passwords_even_while_blocked(self, visitor: Visitor, anna: PSU) -> None:
        guess_passwords(anna)
        code = activation_code(anna)
        for _ in range(5):
            assert begin(visitor, anna, code, password="wrong").status_code == 422
        assert begin(visitor, anna, code).status_code == 422
        assert not is_open(anna)

    def test_is_replaced_by_the_next(self, visitor: Visitor, anna: PSU) -> None:
        first, second = activation_code(anna), activation_code(anna)
        assert begin(visitor, anna, first).status_code == 422
        assert begin(visitor, anna, second).status_code == 303

    def test_takes_two_members_of_staff(self, anna: PSU) -> None:
        rita = colleague("rita")
        proposal = propose_activation_code(
            user=anna.user, delivery=Delivery.POST, staff_id=rita.pk, reason="card seen", now=clock.now()
        )
        with pytest.raises(OwnProposal):
            issue_activation_code(proposal_id=proposal.pk, staff_id=rita.pk, now=clock.now())
        assert not ReactivationCode.objects.exists()

    def test_is_on_the_trail_without_its_symbols(self, anna: PSU) -> None:
        code = activation_code(anna)
        assert count("sca.activation_code.issued") == 1
        assert not [one for one in AuditEvent.objects.all() if code in str(one.data)]
        assert not [one for one in OutboxMessage.objects.all() if code in str(one.payload)]


@pytest.mark.django_db
def test_no_letter_lives_for_ever_by_sql_either(anna: PSU) -> None:
    activation_code(anna)
    with pytest.raises(IntegrityError, match="reactivation_code_of_a_letter_ends"), transaction.atomic():
        ReactivationCode.objects.update(expires_at=None)
    with pytest.raises(IntegrityError, match="reactivation_code_attempts_bounded"), transaction.atomic():
        ReactivationCode.objects.update(attempts=6)


def test_the_password_still_counts_as_before(anna: PSU) -> None:
    assert check_knowledge(username=anna.user.username, password=PASSWORD, now=clock.now()) is not None
