"""Fingerprint or face in the bank's app: switched on with the PIN, over what was shown, beside the device's signature;
and what of it the bank does not take."""

import hashlib
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from apps.audit.models import AuditEvent
from apps.identity.models import PSU
from apps.sca.device_protocol import verification_challenge
from apps.sca.models import AuthenticationState, Challenge, SigningDevice, UserVerificationKey
from apps.sca.rules import AuthenticationMethod, Purpose, WithdrawalReason
from apps.sca.services import (
    CodeRefused,
    DeviceAnswerMalformed,
    DeviceUnknown,
    add_verification,
    answer_by_app,
    ask_verification,
    consume_proof,
    issue_challenge,
    list_requests,
    take_device_answer,
    withdraw_device,
    withdraw_verification,
)
from tests.factories.accounts import NOW, customer
from tests.sca.apps import App, Opened
from tests.sca.device import Device, b64
from tests.sca.test_signing_devices import PAYMENT

pytestmark = [pytest.mark.django_db, pytest.mark.req("S3-17", "RTS-8")]
LATER = NOW + timedelta(minutes=1)
ORIGIN = "http://app.localhost"


@pytest.fixture(autouse=True)
def _address(settings: Any) -> None:
    settings.AUTHENTICATOR_BASE_URL = ORIGIN


@pytest.fixture
def anna() -> PSU:
    return customer("Anna")


@pytest.fixture
def app(anna: PSU) -> App:
    app = App()
    app.bind(anna)
    return app


@pytest.fixture
def finger(app: App) -> Device:
    """The telephone's own authenticator, switched on."""
    return switch_on(app)


def switch_on(app: App) -> Device:
    finger = Device(origin=ORIGIN)
    add_verification(**adding(app, asked_on(app), finger), now=LATER)
    return finger


def asked_on(app: App) -> Opened:
    app.counter += 1
    said = {"kind": "verification", "device_id": app.device_id, "counter": app.counter, "is_on": True}
    body, signature = app.signed(said)
    sealed = ask_verification(body=body, signature=signature, now=NOW)
    assert sealed is not None
    return app.open(sealed.sealed)


def adding(app: App, opened: Opened, finger: Device, **bent: Any) -> dict[str, bytes]:
    creation = {"rp": {"id": "app.localhost"}, "challenge": b64(verification_challenge(opened.content))}
    made = finger.make(creation | bent.pop("creation", {}))
    body, signature = app.answer(opened, **{"kind": "add_verification", "verification": made} | bent)
    return {"body": body, "signature": signature}


def paying(psu: PSU, app: App, **other: Any) -> Opened:
    challenge_id = issue_challenge(
        user=psu.user,
        purpose=Purpose.PAYMENT,
        snapshot=PAYMENT | other,
        method=AuthenticationMethod.PUSH_OTP,
        hide_limit=False,
        now=NOW,
    )
    return app.open_challenge(challenge_id)


def assertion(opened: Opened, finger: Device, **bent: Any) -> str:
    request = {"rpId": "app.localhost", "challenge": b64(verification_challenge(opened.content))}
    return finger.sign(request, **bent)


def yes(app: App, opened: Opened, verification: str, **more: Any) -> dict[str, bytes]:
    app.counter += 1
    said = {
        "kind": "answer",
        "device_id": app.device_id,
        "challenge_id": str(opened.challenge_id),
        "is_approved": True,
        "counter": app.counter,
        "verification": verification,
        "environment": hashlib.sha256(app.environment).hexdigest(),
        "is_unsound": False,
    }
    body, signature = app.signed(said | more)
    return {"body": body, "signature": signature}


def failures(psu: PSU) -> int:
    state = AuthenticationState.objects.filter(user=psu.user).first()
    return state.consecutive_failures if state else 0


class TestAnAnswer:
    def test_proves_possession_and_that_the_user_was_verified(
        self, anna: PSU, app: App, finger: Device
    ) -> None:
        opened = paying(anna, app)
        message = yes(app, opened, assertion(opened, finger))
        answer_by_app(**message, now=LATER)
        answer_by_app(**message, now=LATER)  # Over a bad net.
        proof = take_device_answer(challenge_id=opened.challenge_id, now=LATER)
        assert proof.elements == ["possession", "user_verification"]
        with transaction.atomic():
            consume_proof(proof=proof, now=LATER)

    @pytest.mark.parametrize(
        "bent",
        [
            {"flags": 0x01},  # Nobody was verified.
            {"origin": "http://localhost"},
            {"origin": "https://evil.example"},
            {"rp_id": "localhost"},
            {"type": "webauthn.create"},
            {"challenge": b64(bytes(32))},
        ],
    )
    def test_that_is_wrong_is_refused_and_counted(
        self, anna: PSU, app: App, finger: Device, bent: dict[str, Any]
    ) -> None:
        opened = paying(anna, app)
        with pytest.raises(CodeRefused):
            answer_by_app(**yes(app, opened, assertion(opened, finger, **bent)), now=LATER)
        assert failures(anna) == 1
        assert Challenge.objects.get(pk=opened.challenge_id).answered_at is None

    @pytest.mark.req("RTS-5(1)(d)")
    def test_to_another_payment_is_refused(self, anna: PSU, app: App, finger: Device) -> None:
        one, other = paying(anna, app), paying(anna, app, amount_minor=100_000)
        with pytest.raises(CodeRefused):
            answer_by_app(**yes(app, other, assertion(one, finger)), now=LATER)
        assert failures(anna) == 1

    def test_of_another_telephone_is_refused(self, anna: PSU, app: App, finger: Device) -> None:
        other = App()
        other.bind(anna)
        foreign = switch_on(other)
        opened = paying(anna, app)
        for stranger in (foreign, Device(origin=ORIGIN)):
            with pytest.raises(CodeRefused):
                answer_by_app(**yes(app, opened, assertion(opened, stranger)), now=LATER)

    def test_never_stands_in_for_the_devices_signature(self, anna: PSU, app: App, finger: Device) -> None:
        opened = paying(anna, app)
        body = yes(app, opened, assertion(opened, finger))["body"]
        for signature in (b"", App().signed({})[1]):
            with pytest.raises(DeviceAnswerMalformed):
                answer_by_app(body=body, signature=signature, now=LATER)
        assert failures(anna) == 0

    def test_beside_a_pin_is_malformed(self, anna: PSU, app: App, finger: Device) -> None:
        opened = paying(anna, app)
        with pytest.raises(DeviceAnswerMalformed):
            answer_by_app(**yes(app, opened, assertion(opened, finger), pin_proof="AAAA"), now=LATER)

    @pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"id": 1}', 7, None])
    def test_malformed(self, anna: PSU, app: App, finger: Device, text: Any) -> None:
        with pytest.raises(DeviceAnswerMalformed):
            answer_by_app(**yes(app, paying(anna, app), text), now=LATER)
        assert failures(anna) == 0

    @pytest.mark.req("RTS-7(2)")
    def test_with_an_old_count_is_a_copys(self, anna: PSU, app: App, finger: Device) -> None:
        opened = paying(anna, app)
        with pytest.raises(DeviceUnknown):
            answer_by_app(**yes(app, opened, assertion(opened, finger, count=1)), now=LATER)
        assert SigningDevice.objects.get(pk=app.device_id).withdrawn_because == "copied"
        assert UserVerificationKey.objects.get().withdrawn_because == "copied"

    @pytest.mark.req("RTS-4(3)(b)")
    @pytest.mark.parametrize("by", ["pin", "finger"])
    def test_failed_five_times_leaves_the_pin_alone_and_pauses_both(
        self, anna: PSU, app: App, finger: Device, by: str
    ) -> None:
        opened = paying(anna, app)
        for _ in range(5):
            if by == "pin":
                body, signature = app.answer(opened, pin="000000")
                message = {"body": body, "signature": signature}
            else:
                message = yes(app, opened, assertion(opened, finger, flags=0x01))
            with pytest.raises(CodeRefused):
                answer_by_app(**message, now=LATER)
        assert UserVerificationKey.objects.get().withdrawn_because == "failures"
        assert AuthenticationState.objects.get(user=anna.user).blocked_until is not None
        with pytest.raises(CodeRefused):
            answer_by_app(**yes(app, opened, assertion(opened, finger)), now=LATER)


@pytest.mark.req("RTS-24")
class TestSwitchingOn:
    def test_takes_the_pin(self, anna: PSU, app: App) -> None:
        opened = asked_on(app)
        with pytest.raises(CodeRefused):
            add_verification(**adding(app, opened, Device(origin=ORIGIN), pin="000000"), now=LATER)
        assert (UserVerificationKey.objects.count(), failures(anna)) == (0, 1)
        message = adding(app, opened, Device(origin=ORIGIN))
        key = add_verification(**message, now=LATER)
        assert add_verification(**message, now=LATER) == key  # Over a bad net.
        [event] = AuditEvent.objects.filter(event="sca.verification.added")
        assert event.data["elements"] == ["knowledge", "possession"]

    def test_is_never_allowed_by_a_finger(self, app: App, finger: Device) -> None:
        opened = asked_on(app)
        with pytest.raises(CodeRefused):
            answer_by_app(**yes(app, opened, assertion(opened, finger)), now=LATER)

    @pytest.mark.parametrize("creation", [{"challenge": b64(bytes(32))}, {"rp": {"id": "localhost"}}])
    def test_takes_the_key_that_was_asked_for(self, anna: PSU, app: App, creation: dict[str, Any]) -> None:
        for finger in (Device(origin="https://evil.example"), Device(origin=ORIGIN, verifies_user=False)):
            with pytest.raises(DeviceAnswerMalformed):
                add_verification(**adding(app, asked_on(app), finger), now=LATER)
        with pytest.raises(DeviceAnswerMalformed):
            add_verification(
                **adding(app, asked_on(app), Device(origin=ORIGIN), creation=creation), now=LATER
            )
        assert failures(anna) == 0

    def test_is_for_the_device_that_asked(self, anna: PSU, app: App) -> None:
        other = App()
        other.bind(anna)
        opened = asked_on(app)
        assert list_requests(device=SigningDevice.objects.get(pk=other.device_id), now=LATER) == []
        with pytest.raises(CodeRefused):
            add_verification(**adding(other, opened, Device(origin=ORIGIN)), now=LATER)

    def test_for_a_payments_request_is_refused(self, anna: PSU, app: App) -> None:
        with pytest.raises(CodeRefused):
            add_verification(**adding(app, paying(anna, app), Device(origin=ORIGIN)), now=LATER)


class TestSwitchedOff:
    def test_by_the_app(self, anna: PSU, app: App, finger: Device) -> None:
        app.counter += 1
        said = {"kind": "verification", "device_id": app.device_id, "counter": app.counter, "is_on": False}
        body, signature = app.signed(said)
        assert ask_verification(body=body, signature=signature, now=LATER) is None
        opened = paying(anna, app)
        with pytest.raises(CodeRefused):
            answer_by_app(**yes(app, opened, assertion(opened, finger)), now=LATER)

    def test_by_its_customer_alone_and_once(self, anna: PSU, app: App, finger: Device) -> None:
        def off(psu: PSU) -> bool:
            return withdraw_verification(
                user_id=psu.user_id, device_id=app.device_id, reason=WithdrawalReason.REMOVED, now=LATER
            )

        assert [off(customer("Bruno")), off(anna), off(anna)] == [False, True, False]

    @pytest.mark.req("RTS-27")
    def test_with_the_device(self, anna: PSU, app: App, finger: Device) -> None:
        withdraw_device(
            user_id=anna.user_id, device_id=app.device_id, reason=WithdrawalReason.FROZEN, now=LATER
        )
        assert UserVerificationKey.objects.get().withdrawn_because == "frozen"


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ("UPDATE sca_userverificationkey SET sign_count = -1", "count_not_negative"),
        ("UPDATE sca_userverificationkey SET withdrawn_because = 'removed'", "withdrawn_for_a_reason"),
        ("UPDATE sca_userverificationkey SET withdrawn_at = now()", "withdrawn_for_a_reason"),
        (
            "INSERT INTO sca_userverificationkey (device_id, credential_id, public_key, sign_count, aaguid,"
            " is_synced, added_at, withdrawn_because) SELECT device_id, 'x', 'x', 0, aaguid, false, now(), ''"
            " FROM sca_userverificationkey",
            "one_per_device",
        ),
        (
            "UPDATE sca_challenge SET answered_at = NULL, integrity = '',"
            " verified_by_id = (SELECT id FROM sca_userverificationkey)",
            "verified_beside_a_device",
        ),
    ],
)
def test_the_database_refuses(app: App, finger: Device, change: str, name: str) -> None:
    with pytest.raises(IntegrityError, match=name), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(change)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
