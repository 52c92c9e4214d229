"""Passkeys: what they sign, who may add one, when one is withdrawn; every answer that is bent is refused."""

import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.test import override_settings

from apps.audit.models import AuditEvent
from apps.core.errors import NotFound
from apps.core.text import UnsafeText
from apps.identity.models import PSU
from apps.notifications.models import OutboxMessage
from apps.sca.messages import render_code_message, render_device_notice
from apps.sca.models import AuthenticationState, Challenge, DeviceEnrolment, Passkey, SCAAuthorisation
from apps.sca.queries import list_authorisations, list_passkeys
from apps.sca.rules import AuthenticationMethod, DeviceKind, Purpose, SCAStatus, SubjectType, WithdrawalReason
from apps.sca.services import (
    CodeRefused,
    DynamicLinkBroken,
    EnrolmentOver,
    PasskeyAnswerMalformed,
    PasskeyNotAccepted,
    Proof,
    TooManyCodes,
    TooManyDevices,
    add_passkey,
    ask_passkey,
    check_code,
    check_passkey,
    close_enrolment,
    consume_proof,
    enrolment_snapshot,
    freeze_sign_in,
    is_proof_of,
    issue_challenge,
    passkey_creation,
    passkey_request,
    sign_enrolment,
    start_enrolment,
    withdraw_passkey,
)
from tests.factories.accounts import NOW, customer
from tests.factories.payments import proof_for
from tests.sca.device import Device, b64
from tests.sca.keys import give_passkey, signed_enrolment

SNAPSHOT = {"amount_minor": 10_000, "creditor_iban": "DE02120300000000202051", "creditor_name": "A friend"}
LATER = NOW + timedelta(seconds=20)


@pytest.fixture
def anna(db: None) -> PSU:
    return customer("Anna")


@pytest.fixture
def bruno(db: None) -> PSU:
    return customer("Bruno", phone="+4915100000002")


def asked(psu: PSU | None, **fields: Any) -> Any:
    arguments = {"purpose": Purpose.PAYMENT, "snapshot": SNAPSHOT, "now": NOW} | fields
    return ask_passkey(user=psu.user if psu else None, **arguments)


def answered(challenge_id: Any, device: Device, **bent: Any) -> Proof:
    answer = device.sign(passkey_request(challenge_id=challenge_id), **bent)
    return check_passkey(challenge_id=challenge_id, answer=answer, now=LATER)


def refused(challenge_id: Any, device: Device, **bent: Any) -> CodeRefused:
    with pytest.raises(CodeRefused) as refusal:
        answered(challenge_id, device, **bent)
    return refusal.value


def failures(psu: PSU) -> int:
    return AuthenticationState.objects.get(user=psu.user).consecutive_failures


@pytest.mark.req("S3-1", "RTS-5(1)(b)", "RTS-5(1)(c)", "RTS-4(1)")
class TestAnAnswer:
    def test_proves_its_own_snapshot_and_both_elements(self, anna: PSU) -> None:
        proof = answered(asked(anna), give_passkey(anna))
        assert is_proof_of(proof=proof, purpose=Purpose.PAYMENT, snapshot=SNAPSHOT)
        assert (proof.user_id, proof.method) == (anna.user_id, "PASSKEY")
        assert proof.elements == ["possession", "user_verification"]

    @pytest.mark.req("S3-5", "S3-4")
    @pytest.mark.parametrize(
        "change",
        [
            {"amount_minor": 100_000},
            {"creditor_name": "Fraud Ltd"},
            {"creditor_iban": "DE89370400440532013000"},
        ],
    )
    def test_is_void_for_what_the_man_in_the_middle_made_of_it(
        self, anna: PSU, change: dict[str, Any]
    ) -> None:
        proof = answered(asked(anna), give_passkey(anna))
        assert not is_proof_of(proof=proof, purpose=Purpose.PAYMENT, snapshot=SNAPSHOT | change)
        assert not is_proof_of(proof=proof, purpose=Purpose.LIMITS, snapshot=SNAPSHOT)

    @pytest.mark.req("S3-5")
    def test_does_not_fit_a_snapshot_changed_in_the_table(self, anna: PSU) -> None:
        challenge_id, device = asked(anna), give_passkey(anna)
        answer = device.sign(passkey_request(challenge_id=challenge_id))
        Challenge.objects.filter(pk=challenge_id).update(
            snapshot={"purpose": "payment", **SNAPSHOT, "amount_minor": 100_000}
        )
        with pytest.raises(CodeRefused):
            check_passkey(challenge_id=challenge_id, answer=answer, now=LATER)

    def test_of_another_challenge_over_the_same_is_refused(self, anna: PSU) -> None:
        device, first, second = give_passkey(anna), asked(anna), asked(anna)
        answer = device.sign(passkey_request(challenge_id=first))
        with pytest.raises(CodeRefused):
            check_passkey(challenge_id=second, answer=answer, now=LATER)
        assert failures(anna) == 1

    @pytest.mark.req("RTS-28", "RTS-4(2)(c)", "RTS-8")
    @pytest.mark.parametrize(
        "bent",
        [
            {"origin": "https://lindenbank.example.attacker.net"},
            {"origin": "http://localhost:8100"},
            {"rp_id": "attacker.net"},
            {"type": "webauthn.create"},
            {"challenge": b64(b"x" * 32)},
            {"flags": 0x01},  # present, and nobody made sure of
            {"flags": 0x04},  # verified, and not present
            {"flags": 0x00},
        ],
    )
    def test_that_is_bent_is_refused_and_counted(self, anna: PSU, bent: dict[str, Any]) -> None:
        device = give_passkey(anna)
        assert not refused(asked(anna), device, **bent).is_over
        assert failures(anna) == 1
        assert list_passkeys(user_id=anna.user_id)

    def test_with_a_signature_of_another_key_is_refused(self, anna: PSU) -> None:
        device = give_passkey(anna)
        refused(asked(anna), Device(credential_id=device.credential_id, count=5))
        assert failures(anna) == 1

    def test_of_another_customers_passkey_is_refused_and_counts_for_its_owner(
        self, anna: PSU, bruno: PSU
    ) -> None:
        give_passkey(anna)
        brunos = give_passkey(bruno)
        refused(asked(anna), brunos)
        assert failures(bruno) == 1

    def test_of_an_unknown_device_is_refused(self, anna: PSU) -> None:
        give_passkey(anna)
        refused(asked(anna), Device())
        assert failures(anna) == 1

    @pytest.mark.parametrize(
        "answer",
        [
            "",
            "x",
            "[]",
            "null",
            '{"id": 1, "response": {}}',
            '{"id": "a"}',
            "[" * 16_000,
            '{"id": "' + "a" * 20_000 + '", "response": {}}',
        ],
    )
    def test_that_is_none_is_malformed_and_not_counted(self, anna: PSU, answer: str) -> None:
        challenge_id = asked(anna)
        with pytest.raises(PasskeyAnswerMalformed):
            check_passkey(challenge_id=challenge_id, answer=answer, now=LATER)
        assert Challenge.objects.get(pk=challenge_id).attempts == 0

    @pytest.mark.parametrize(
        "response",
        [
            {},
            {"clientDataJSON": 1, "authenticatorData": None, "signature": []},
            {"clientDataJSON": "%%%", "authenticatorData": "%%%", "signature": "%%%"},
            {"clientDataJSON": "e30", "authenticatorData": "AA", "signature": "AA"},
            {
                "clientDataJSON": b64(b'{"type":"webauthn.get"'),
                "authenticatorData": "A" * 200,
                "signature": "",
            },
        ],
    )
    def test_with_garbage_inside_is_refused_without_a_crash(
        self, anna: PSU, response: dict[str, Any]
    ) -> None:
        device = give_passkey(anna)
        answer = {"id": b64(device.credential_id), "rawId": b64(device.credential_id), "type": "public-key"}
        with pytest.raises(CodeRefused):
            check_passkey(
                challenge_id=asked(anna), answer=json.dumps(answer | {"response": response}), now=LATER
            )

    @pytest.mark.req("S1-6")
    def test_that_comes_too_late_is_refused(self, anna: PSU) -> None:
        device, challenge_id = give_passkey(anna), asked(anna)
        answer = device.sign(passkey_request(challenge_id=challenge_id))
        with pytest.raises(CodeRefused) as refusal:
            check_passkey(challenge_id=challenge_id, answer=answer, now=NOW + timedelta(seconds=601))
        assert refusal.value.is_over

    def test_is_no_code_and_a_code_is_no_answer(self, anna: PSU) -> None:
        device, challenge_id = give_passkey(anna), asked(anna)
        with pytest.raises(CodeRefused):
            check_code(challenge_id=challenge_id, code="123456", now=LATER)
        sms = issue_challenge(user=anna.user, purpose=Purpose.PAYMENT, snapshot=SNAPSHOT, now=NOW)
        with pytest.raises(NotFound):
            passkey_request(challenge_id=sms)
        answer = device.sign(passkey_request(challenge_id=challenge_id))
        with pytest.raises(CodeRefused):
            check_passkey(challenge_id=sms, answer=answer, now=LATER)

    @pytest.mark.req("RTS-4(3)(b)", "S1-5")
    def test_wrong_five_times_kills_the_challenge_and_pauses_the_customer(self, anna: PSU) -> None:
        device, challenge_id = give_passkey(anna), asked(anna)
        for _ in range(4):
            assert not refused(challenge_id, device, origin="https://evil.example").is_over
        assert refused(challenge_id, device, origin="https://evil.example").is_over
        assert refused(challenge_id, device).is_over
        assert Challenge.objects.get(pk=challenge_id).status == "dead"
        with pytest.raises(TooManyCodes):
            asked(anna, now=LATER)

    @pytest.mark.req("N6")
    def test_failures_count_with_those_of_codes(self, anna: PSU) -> None:
        device = give_passkey(anna)
        for _ in range(3):
            refused(asked(anna), device, flags=0)
        sms = issue_challenge(user=anna.user, purpose=Purpose.PAYMENT, snapshot=SNAPSHOT, now=NOW)
        for _ in range(2):
            with pytest.raises(CodeRefused):
                check_code(challenge_id=sms, code="000000", now=LATER)
        assert refused(asked_by_stranger(), device).is_over

    @pytest.mark.req("P-70")
    def test_of_a_frozen_customer_is_refused(self, anna: PSU) -> None:
        device, challenge_id = give_passkey(anna), asked(anna)
        proof = answered(challenge_id, device)
        freeze_sign_in(user_id=anna.user_id, actor_type="psu", actor_id=anna.pk, reason="lost", now=LATER)
        with pytest.raises(CodeRefused), transaction.atomic():
            consume_proof(proof=proof, now=LATER)
        assert refused(asked_by_stranger(), device).is_over

    def test_must_not_be_checked_inside_a_transaction(
        self, anna: PSU, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("apps.sca.services.passkeys.inside_test_transaction", lambda: False)
        with pytest.raises(RuntimeError):
            check_passkey(challenge_id=asked(anna), answer="{}", now=LATER)


def asked_by_stranger() -> Any:
    return ask_passkey(user=None, purpose=Purpose.SIGN_IN, snapshot={"sign_in_id": "1"}, now=NOW)


class TestOfWhoeverComes:
    def test_the_key_says_who_it_is(self, anna: PSU, bruno: PSU) -> None:
        device = give_passkey(bruno)
        give_passkey(anna)
        challenge_id = asked_by_stranger()
        assert passkey_request(challenge_id=challenge_id)["allowCredentials"] == []
        proof = answered(challenge_id, device)
        assert proof.user_id == bruno.user_id
        with transaction.atomic():
            consume_proof(proof=proof, now=LATER)
        assert Challenge.objects.get(pk=challenge_id).user_id == bruno.user_id

    def test_a_strangers_question_leaves_the_customers_code_alone(self, anna: PSU) -> None:
        authorisation = opened(anna)
        sms = issue_challenge(
            user=anna.user,
            purpose=Purpose.PAYMENT,
            snapshot=SNAPSHOT,
            authorisation_id=authorisation.pk,
            now=NOW,
        )
        asked(None, authorisation_id=authorisation.pk)
        assert Challenge.objects.get(pk=sms).status == "open"

    def test_the_customers_own_question_makes_his_code_void(self, anna: PSU) -> None:
        authorisation = opened(anna)
        sms = issue_challenge(
            user=anna.user,
            purpose=Purpose.PAYMENT,
            snapshot=SNAPSHOT,
            authorisation_id=authorisation.pk,
            now=NOW,
        )
        asked(anna, authorisation_id=authorisation.pk)
        assert Challenge.objects.get(pk=sms).status == "voided"


def opened(psu: PSU) -> SCAAuthorisation:
    from apps.core.ids import new_id
    from apps.sca.services import open_authorisation

    return open_authorisation(subject_type=SubjectType.PAYMENT, subject_id=new_id(), psu=psu, now=NOW)


@pytest.mark.req("RTS-7", "S1-20")
class TestACopy:
    def test_is_noticed_by_the_count_and_withdrawn(self, anna: PSU) -> None:
        device = give_passkey(anna)
        copy = Device(credential_id=device.credential_id, key=device.key, count=device.count)
        answered(asked(anna), device)
        answered(asked(anna), device)
        refused(asked(anna), copy)
        assert list_passkeys(user_id=anna.user_id) == []
        kept = Passkey.objects.get(user=anna.user)
        assert (kept.confirmed, kept.withdrawn_because) == (False, "copied")
        assert OutboxMessage.objects.filter(effect_key=f"passkey:{kept.pk}:copied").count() == 1
        # The original is worth nothing either: nobody knows which of the two is the customer's.
        refused(asked_by_stranger(), device)

    def test_the_same_answer_twice_is_one_proof(self, anna: PSU) -> None:
        device, challenge_id = give_passkey(anna), asked(anna)
        answer = device.sign(passkey_request(challenge_id=challenge_id))
        proof = check_passkey(challenge_id=challenge_id, answer=answer, now=LATER)
        with transaction.atomic():
            consume_proof(proof=proof, now=LATER)
        with pytest.raises(CodeRefused) as refusal:
            check_passkey(challenge_id=challenge_id, answer=answer, now=LATER)
        assert refusal.value.is_over

    def test_a_device_that_keeps_no_count_goes_on_working(self, anna: PSU) -> None:
        device = give_passkey(anna, Device(counts=False))
        for _ in range(3):
            answered(asked(anna), device)
        assert len(list_passkeys(user_id=anna.user_id)) == 1

    def test_a_count_that_falls_to_nothing_is_another_device(self, anna: PSU) -> None:
        device = give_passkey(anna)
        answered(asked(anna), device)
        refused(asked(anna), device, count=0)
        assert list_passkeys(user_id=anna.user_id) == []

    def test_only_a_true_signature_can_have_a_key_withdrawn(self, anna: PSU) -> None:
        device = give_passkey(anna)
        refused(asked(anna), Device(credential_id=device.credential_id, counts=False, count=0))
        assert len(list_passkeys(user_id=anna.user_id)) == 1


@pytest.mark.req("RTS-24", "RTS-26", "RTS-23")
class TestAdding:
    def test_takes_a_signature_first_then_the_key(self, anna: PSU) -> None:
        enrolment = signed_enrolment(anna, name="Laptop")
        device = Device()
        passkey = add_passkey(
            enrolment_id=enrolment.pk,
            psu=anna,
            answer=device.make(passkey_creation(enrolment=enrolment, psu=anna)),
            now=LATER,
        )
        assert list_passkeys(user_id=anna.user_id) == [passkey]
        assert (passkey.name, bytes(passkey.credential_id)) == ("Laptop", device.credential_id)
        event = AuditEvent.objects.filter(event="sca.device.enrolled").latest("pk")
        assert event.data["method"] == "PASSKEY"
        assert OutboxMessage.objects.filter(effect_key=f"passkey:{passkey.pk}:added").count() == 1
        [authorisation] = list_authorisations(subject_type=SubjectType.DEVICE, subject_id=enrolment.pk)
        assert (authorisation.sca_status, authorisation.method) == ("finalised", "SMS_OTP")
        assert authorisation.elements == ["knowledge", "possession"]

    def test_without_a_signature_is_refused(self, anna: PSU) -> None:
        enrolment = start_enrolment(kind=DeviceKind.PASSKEY, psu=anna, name="Laptop", now=NOW)
        answer = Device().make(passkey_creation(enrolment=enrolment, psu=anna))
        with pytest.raises(EnrolmentOver):
            add_passkey(enrolment_id=enrolment.pk, psu=anna, answer=answer, now=LATER)
        assert not Passkey.objects.exists()

    def test_the_database_refuses_a_key_without_a_signature(self, anna: PSU) -> None:
        enrolment = start_enrolment(kind=DeviceKind.PASSKEY, psu=anna, name="Laptop", now=NOW)
        give_passkey(anna)
        with (
            pytest.raises(IntegrityError, match="device_enrolment_signed_before_made"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(
                "UPDATE sca_deviceenrolment SET status = 'done', passkey_id = (SELECT min(id) FROM sca_passkey)"
                " WHERE id = %s",
                [enrolment.pk],
            )

    def test_once(self, anna: PSU) -> None:
        enrolment = signed_enrolment(anna)
        answer = Device().make(passkey_creation(enrolment=enrolment, psu=anna))
        add_passkey(enrolment_id=enrolment.pk, psu=anna, answer=answer, now=LATER)
        with pytest.raises(EnrolmentOver):
            add_passkey(enrolment_id=enrolment.pk, psu=anna, answer=answer, now=LATER)

    def test_too_late_is_refused(self, anna: PSU) -> None:
        enrolment = signed_enrolment(anna)
        answer = Device().make(passkey_creation(enrolment=enrolment, psu=anna))
        with pytest.raises(EnrolmentOver):
            add_passkey(enrolment_id=enrolment.pk, psu=anna, answer=answer, now=NOW + timedelta(minutes=11))

    def test_anothers_enrolment_does_not_exist(self, anna: PSU, bruno: PSU) -> None:
        enrolment = signed_enrolment(anna)
        answer = Device().make(passkey_creation(enrolment=enrolment, psu=anna))
        with pytest.raises(NotFound):
            add_passkey(enrolment_id=enrolment.pk, psu=bruno, answer=answer, now=LATER)

    @pytest.mark.req("RTS-5(1)(d)")
    def test_a_signature_over_another_device_is_void(self, anna: PSU) -> None:
        enrolment = start_enrolment(kind=DeviceKind.PASSKEY, psu=anna, name="Laptop", now=NOW)
        [authorisation] = list_authorisations(subject_type=SubjectType.DEVICE, subject_id=enrolment.pk)
        challenge_id = issue_challenge(
            user=anna.user,
            purpose=Purpose.DEVICE,
            snapshot=enrolment_snapshot(enrolment=enrolment),
            authorisation_id=authorisation.pk,
            now=NOW,
        )
        DeviceEnrolment.objects.filter(pk=enrolment.pk).update(name="The fraudster's phone")
        with pytest.raises(DynamicLinkBroken):
            sign_enrolment(
                enrolment_id=enrolment.pk,
                authorisation_id=authorisation.pk,
                psu=anna,
                proof=proof_for(challenge_id),
                now=LATER,
            )
        assert Challenge.objects.get(pk=challenge_id).status == "voided"

    @pytest.mark.req("RTS-7")
    def test_a_key_that_may_be_copied_is_refused_unless_the_bank_takes_it(self, anna: PSU) -> None:
        enrolment = signed_enrolment(anna)
        answer = Device(is_synced=True).make(passkey_creation(enrolment=enrolment, psu=anna))
        with pytest.raises(PasskeyNotAccepted) as refusal:
            add_passkey(enrolment_id=enrolment.pk, psu=anna, answer=answer, now=LATER)
        assert refusal.value.is_synced
        with override_settings(SCA_SYNCED_PASSKEYS="accepted"):
            assert add_passkey(enrolment_id=enrolment.pk, psu=anna, answer=answer, now=LATER).is_synced

    @pytest.mark.parametrize(
        "bent", [{"origin": "https://evil.example"}, {"flags": 0x41}, {"flags": 0x44}, {"flags": 0x40}]
    )
    def test_an_answer_that_is_bent_is_refused(self, anna: PSU, bent: dict[str, Any]) -> None:
        enrolment = signed_enrolment(anna)
        answer = Device().make(passkey_creation(enrolment=enrolment, psu=anna), **bent)
        with pytest.raises(PasskeyNotAccepted):
            add_passkey(enrolment_id=enrolment.pk, psu=anna, answer=answer, now=LATER)
        assert not Passkey.objects.exists()

    def test_a_key_that_somebody_has_already_is_refused(self, anna: PSU, bruno: PSU) -> None:
        device = give_passkey(anna)
        enrolment = signed_enrolment(bruno)
        answer = device.make(passkey_creation(enrolment=enrolment, psu=bruno))
        with pytest.raises(PasskeyNotAccepted):
            add_passkey(enrolment_id=enrolment.pk, psu=bruno, answer=answer, now=LATER)

    def test_ten_and_no_more(self, anna: PSU) -> None:
        for _ in range(10):
            give_passkey(anna)
        with pytest.raises(TooManyDevices):
            start_enrolment(kind=DeviceKind.PASSKEY, psu=anna, name="One more", now=NOW)

    @pytest.mark.parametrize("name", ["", "   ", "a" * 41, "two\nlines", "right\u202eleft"])
    def test_a_name_that_cannot_be_shown_is_refused(self, anna: PSU, name: str) -> None:
        with pytest.raises(UnsafeText):
            start_enrolment(kind=DeviceKind.PASSKEY, psu=anna, name=name, now=NOW)

    def test_a_second_wish_closes_the_first(self, anna: PSU) -> None:
        first = start_enrolment(kind=DeviceKind.PASSKEY, psu=anna, name="Laptop", now=NOW)
        start_enrolment(kind=DeviceKind.PASSKEY, psu=anna, name="Phone", now=NOW)
        first.refresh_from_db()
        assert first.status == "closed"
        [authorisation] = list_authorisations(subject_type=SubjectType.DEVICE, subject_id=first.pk)
        assert authorisation.sca_status == SCAStatus.FAILED

    def test_given_up_can_not_be_signed(self, anna: PSU) -> None:
        enrolment = signed_enrolment(anna)
        close_enrolment(enrolment_id=enrolment.pk, user_id=anna.user_id, reason="no", now=LATER)
        with pytest.raises(EnrolmentOver):
            add_passkey(
                enrolment_id=enrolment.pk,
                psu=anna,
                answer=Device().make(passkey_creation(enrolment=enrolment, psu=anna)),
                now=LATER,
            )

    def test_a_signed_one_is_not_closed_by_the_slower_half_of_a_form_sent_twice(self, anna: PSU) -> None:
        enrolment = signed_enrolment(anna)
        close_enrolment(
            enrolment_id=enrolment.pk, user_id=anna.user_id, reason="over", if_signed=False, now=LATER
        )
        enrolment.refresh_from_db()
        assert enrolment.status == "signed"

    def test_another_passkey_may_sign_it(self, anna: PSU) -> None:
        device = give_passkey(anna)
        enrolment = signed_enrolment(anna, by=device)
        [authorisation] = list_authorisations(subject_type=SubjectType.DEVICE, subject_id=enrolment.pk)
        assert authorisation.method == "PASSKEY"
        assert authorisation.elements == ["possession", "user_verification"]

    @pytest.mark.req("S1-2")
    def test_the_request_tells_the_device_no_user_number(self, anna: PSU) -> None:
        creation = passkey_creation(enrolment=signed_enrolment(anna), psu=anna)
        assert str(anna.user_id) not in json.dumps(creation)
        assert creation["authenticatorSelection"]["userVerification"] == "required"
        assert creation["rp"] == {"id": "localhost", "name": "Lindenbank"}


@pytest.mark.req("RTS-27")
class TestWithdrawing:
    def test_takes_its_power_at_once_and_for_good(self, anna: PSU) -> None:
        device = give_passkey(anna)
        [passkey] = list_passkeys(user_id=anna.user_id)
        challenge_id = asked(anna)
        withdraw_passkey(
            user_id=anna.user_id, passkey_id=passkey.pk, reason=WithdrawalReason.REMOVED, now=LATER
        )
        assert list_passkeys(user_id=anna.user_id) == []
        assert refused(challenge_id, device).is_over
        refused(asked_by_stranger(), device)
        assert AuditEvent.objects.filter(event="sca.device.withdrawn").count() == 1

    def test_twice_changes_nothing(self, anna: PSU) -> None:
        give_passkey(anna)
        [passkey] = list_passkeys(user_id=anna.user_id)
        for moment in (NOW, LATER):
            withdraw_passkey(
                user_id=anna.user_id, passkey_id=passkey.pk, reason=WithdrawalReason.REMOVED, now=moment
            )
        passkey.refresh_from_db()
        assert passkey.withdrawn_at == NOW

    def test_anothers_does_not_exist(self, anna: PSU, bruno: PSU) -> None:
        give_passkey(anna)
        [passkey] = list_passkeys(user_id=anna.user_id)
        with pytest.raises(NotFound):
            withdraw_passkey(
                user_id=bruno.user_id, passkey_id=passkey.pk, reason=WithdrawalReason.REMOVED, now=LATER
            )

    def test_the_database_refuses_to_confirm_it_again(self, anna: PSU) -> None:
        give_passkey(anna)
        [passkey] = list_passkeys(user_id=anna.user_id)
        withdraw_passkey(
            user_id=anna.user_id, passkey_id=passkey.pk, reason=WithdrawalReason.REMOVED, now=LATER
        )
        with (
            pytest.raises(IntegrityError, match="passkey_withdrawn_for_good"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute("UPDATE sca_passkey SET confirmed = true")


class TestTheDatabase:
    @pytest.mark.parametrize(
        ("statement", "constraint"),
        [
            ("UPDATE sca_passkey SET sign_count = -1", "passkey_count_not_negative"),
            (
                "INSERT INTO sca_passkey (name, confirmed, credential_id, public_key, sign_count, aaguid, is_synced,"
                " enrolled_at, withdrawn_because, user_id) SELECT name, confirmed, credential_id, public_key,"
                " sign_count, aaguid, is_synced, enrolled_at, withdrawn_because, user_id FROM sca_passkey",
                "passkey_credential_once",
            ),
            (
                "UPDATE sca_challenge SET code_hash = 'x' WHERE method = 'PASSKEY'",
                "sca_challenge_codes_have_hashes",
            ),
            (
                "UPDATE sca_challenge SET code_hash = NULL WHERE method = 'SMS_OTP'",
                "sca_challenge_codes_have_hashes",
            ),
        ],
    )
    def test_refuses(self, anna: PSU, statement: str, constraint: str) -> None:
        give_passkey(anna)
        asked(anna)
        with (
            pytest.raises(IntegrityError, match=constraint),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)

    @pytest.mark.req("S0-8", "RTS-4(1)")
    @pytest.mark.parametrize(
        "elements",
        ["{possession}", "{user_verification}", "{}", "{knowledge}", "{knowledge,user_verification}"],
    )
    def test_refuses_an_authorisation_by_one_element(self, anna: PSU, elements: str) -> None:
        signed_enrolment(anna)
        with (
            pytest.raises(IntegrityError, match="sca_finalised_has_two_elements"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute("UPDATE sca_scaauthorisation SET elements = %s", [elements])


class TestTheMessages:
    @pytest.mark.parametrize("language", ["en", "de"])
    def test_the_code_to_add_one_names_the_device_and_warns(self, anna: PSU, language: str) -> None:
        enrolment = start_enrolment(kind=DeviceKind.PASSKEY, psu=anna, name="Büro-Rechner", now=NOW)
        challenge_id = issue_challenge(
            user=anna.user, purpose=Purpose.DEVICE, snapshot=enrolment_snapshot(enrolment=enrolment), now=NOW
        )
        text = render_code_message(
            challenge=Challenge.objects.get(pk=challenge_id), code="123456", language=language
        )
        assert "Büro-Rechner" in text
        assert "123456" in text
        assert len(text) < 306

    @pytest.mark.parametrize("kind", ["passkey", "app", "token"])
    @pytest.mark.parametrize("what", ["added", "removed", "copied"])
    def test_what_happened_to_one_is_told(self, kind: str, what: str) -> None:
        texts = {
            render_device_notice(language=one, kind=kind, name="Laptop", what=what) for one in ("en", "de")
        }
        assert all("Laptop" in text for text in texts)


@pytest.mark.django_db(transaction=True)
@pytest.mark.req("RTS-4(1)")
def test_fifty_times_the_same_answer_at_once_is_one_proof() -> None:
    anna = customer("Anna")
    device = give_passkey(anna)
    challenge_id = asked(anna)
    answer = device.sign(passkey_request(challenge_id=challenge_id))
    spent: list[bool] = []

    def send() -> None:
        try:
            proof = check_passkey(challenge_id=challenge_id, answer=answer, now=LATER)
            with transaction.atomic():
                consume_proof(proof=proof, now=LATER)
            spent.append(True)
        except CodeRefused:
            spent.append(False)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (spent.count(True), len(spent)) == (1, 50)


def test_a_challenge_of_a_passkey_is_not_sent_by_text_message(anna: PSU) -> None:
    asked(anna)
    assert not OutboxMessage.objects.filter(topic="sca.send_code").exists()
    assert Challenge.objects.get().method == AuthenticationMethod.PASSKEY
