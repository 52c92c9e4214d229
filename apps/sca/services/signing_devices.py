"""The bank's app and its tokens: a request that one device alone can open, and an answer over exactly what it has shown
(RTS art. 4, 5, 7, 9; S3-10 to S3-19).

The app answers over the net, signed with a key that never leaves it, or with a short code that its customer types; a
token with the code alone. The PIN is nowhere checked but here, and each try counts: whoever has the device has nothing
to try PINs on.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from apps.audit.services import record_event
from apps.core.canonical import canonical_hash
from apps.core.errors import DomainError, NotFound
from apps.core.ids import parse_uuid
from apps.core.keys import derive_key
from apps.core.sealing import seal, unseal
from apps.identity.models import PSU, User
from apps.notifications.services import enqueue_message
from apps.sca.device_protocol import (
    PIN_KEY_BYTES,
    RequestKeys,
    bank_key,
    from_text,
    is_signed,
    keys_for_app,
    keys_for_token,
    pin_proof,
    public_bytes,
    read_public_key,
    request_content,
    seal_for_app,
    seal_for_token,
    short_code,
)
from apps.sca.device_view import view_on_device
from apps.sca.integrity import judge_integrity
from apps.sca.models import AuthenticationState, Challenge, DeviceEnrolment, SigningDevice
from apps.sca.queries import list_signing_devices
from apps.sca.rules import (
    DEVICE_METHODS,
    AuthenticationMethod,
    ChallengeStatus,
    DeviceKind,
    EnrolmentStatus,
    Integrity,
    Purpose,
    WithdrawalReason,
    check_short_code_form,
)
from apps.sca.services.attempts import inside_test_transaction, release_attempt, reserve_attempt
from apps.sca.services.challenges import (
    CodeRefused,
    Proof,
    TooManyCodes,
    count_try,
    counted_refusal,
    fresh_nonce,
    has_asked_too_often,
    open_challenge,
    select_method,
    void_challenge,
)
from apps.sca.services.enrolments import check_enrolment_under_way, lock_enrolment
from apps.sca.services.notices import promise_device_notice

WAKE_APP_TASK = "sca.wake_app"
_ACTIVATION_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_ACTIVATION_LENGTH = 20


class DeviceUnknown(DomainError):
    """There is no such device, or it was withdrawn: whoever has it must be bound anew."""

    code = "device_unknown"


class DeviceAnswerMalformed(DomainError):
    """Not what the app sends. Nothing was compared, nothing counted."""

    code = "device_answer_malformed"


class ActivationRefused(DomainError):
    """No enrolment waits for this activation code, or its time is over."""

    code = "activation_refused"


class NotAnsweredYet(DomainError):
    """The app has not answered; nothing is wrong, and nothing counted."""

    code = "not_answered_yet"


@dataclass(frozen=True, slots=True)
class SealedRequest:
    """One challenge for one device, as bytes that it alone can open."""

    challenge_id: UUID
    device_id: int | None
    device_name: str
    sealed: bytes


# Asking ---------------------------------------------------------------------------------------------------


@transaction.atomic
def ask_device(
    *,
    user: User | None,
    purpose: Purpose,
    snapshot: dict[str, Any],
    authorisation_id: UUID | None = None,
    hide_limit: bool = True,
    now: datetime,
) -> UUID:
    """Open a challenge over ``snapshot`` for the app and the tokens of ``user``, and wake the app; its id.

    ``user`` None makes a decoy, and so do the same reasons as of a code (:func:`apps.sca.services.send_code`): no
    device, a pause, too many requests. What was under way for the same authorisation before is void from now on.

    :raises apps.sca.services.TooManyCodes: with ``hide_limit=False`` only.
    :raises apps.sca.services.AuthorisationOver: the authorisation is final or expired.
    """
    if authorisation_id is not None:
        select_method(authorisation_id=authorisation_id, now=now)
    devices = list_signing_devices(user_id=user.pk) if user is not None else []
    owner = user if user is not None and devices and not _is_held_up(user, now=now) else None
    if owner is None and user is not None and not hide_limit:
        raise TooManyCodes(str(user.pk))
    snapshot = {"purpose": purpose.value, **snapshot}
    has_app = owner is None or any(device.is_app for device in devices)
    challenge = open_challenge(
        user=owner,
        is_decoy=owner is None,
        purpose=purpose,
        method=AuthenticationMethod.PUSH_OTP if has_app else AuthenticationMethod.PHOTO_OTP,
        snapshot=snapshot,
        nonce=fresh_nonce(),
        authorisation_id=authorisation_id,
        shown=view_on_device(snapshot=snapshot, language=owner.language if owner else "en"),
        now=now,
    )
    for device in devices if owner is not None else ():
        if device.push_endpoint:
            enqueue_message(
                topic=WAKE_APP_TASK,
                payload={"challenge_id": str(challenge.pk), "device_id": device.pk},
                effect_key=f"wake:{challenge.pk}:{device.pk}",
            )
    return challenge.pk


def seal_request(*, challenge: Challenge, device: SigningDevice) -> SealedRequest:
    """The challenge for this device alone."""
    content = _content_of(challenge)
    sealed = (
        seal_for_app(
            content,
            own=_bank_key(challenge),
            agreement_key=bytes(device.agreement_key or b""),
            challenge_id=challenge.pk,
        )
        if device.is_app
        else seal_for_token(content, token_key=_token_key(device), challenge_id=challenge.pk)
    )
    return SealedRequest(challenge.pk, device.pk, device.name, sealed)


def seal_for_page(*, challenge_id: UUID) -> SealedRequest:
    """The request that a page shows: for the device that its customer used last. A decoy's is as long and as random, is
    the same at every look, and no device opens it (N7).

    :raises NotFound: no challenge of a device.
    """
    challenge = Challenge.objects.filter(pk=challenge_id, method__in=DEVICE_METHODS).first()
    if challenge is None:
        raise NotFound("challenge")
    devices = list_signing_devices(user_id=challenge.user_id) if challenge.user_id else []
    if devices:
        return seal_request(challenge=challenge, device=devices[0])
    nobody = bank_key(secret=derive_key("sca.device-decoy.v1"), nonce=bytes(challenge.nonce))
    sealed = seal_for_app(
        _content_of(challenge),
        own=_bank_key(challenge),
        agreement_key=public_bytes(nobody),
        challenge_id=challenge.pk,
    )
    return SealedRequest(challenge.pk, None, "", sealed)


def list_requests(*, device: SigningDevice, now: datetime) -> list[SealedRequest]:
    """What waits for an answer of this app's customer, the newest first."""
    waiting = Challenge.objects.filter(
        user_id=device.user_id,
        method__in=DEVICE_METHODS,
        status=ChallengeStatus.OPEN,
        answered_at=None,
        expires_at__gt=now,
        attempts__lt=settings.SCA_MAX_ATTEMPTS,
    ).order_by("-generated_at")
    return [seal_request(challenge=challenge, device=device) for challenge in waiting[:10]]


# Answering ------------------------------------------------------------------------------------------------


def answer_by_app(*, body: bytes, signature: bytes, now: datetime) -> None:
    """The app's answer to a challenge, signed by its own key: yes, after its customer has entered his PIN, or no.

    Nothing is authorised by it yet: the page on which the customer began fetches it with :func:`take_device_answer`.
    The same answer may come twice, as over a bad net. Each PIN is counted before it is compared; what is not signed by
    the device is not, so that nobody without the device can wear its customer's tries out. A count that did not grow,
    or changed surroundings, withdraw the device at once (RTS art. 7(2), 9(3)). Must not be called inside a transaction.

    :raises DeviceAnswerMalformed: not what the app sends, or not signed by its key.
    :raises DeviceUnknown: no such device, or withdrawn, now or before.
    :raises apps.sca.services.CodeRefused: the PIN, or the challenge is not this customer's or waits no more.
    """
    if connection.in_atomic_block and not inside_test_transaction():
        raise RuntimeError("answer_by_app commits what it counts: call it outside a transaction")
    device, said = read_app_message(body=body, signature=signature, kind="answer")
    challenge_id = parse_uuid(str(said.get("challenge_id", "")))
    challenge = Challenge.objects.filter(
        pk__in=[challenge_id] if challenge_id else [], user_id=device.user_id, method__in=DEVICE_METHODS
    ).first()
    if challenge is None:
        raise CodeRefused("no challenge of his", is_over=True)
    if challenge.answered_by_id == device.pk:
        return
    verdict = judge_integrity(report=said, bound=bytes(device.environment or b""))
    if verdict != Integrity.SOUND:
        reason = WithdrawalReason.CHANGED if verdict == Integrity.CHANGED else WithdrawalReason.UNSOUND
        _lose(device, challenge=challenge, verdict=verdict, reason=reason, now=now)
    if not _count_up(device, said):
        _lose(device, challenge=challenge, verdict=verdict, reason=WithdrawalReason.COPIED, now=now)
    if said.get("is_approved") is not True:
        _note_refusal(challenge, device, now=now)
        return
    given, right = (
        _bytes_of(said, "pin_proof"),
        pin_proof(pin_key=_pin_key(device), content=_content_of(challenge)),
    )
    _count_and_compare(challenge, lambda _counted: hmac.compare_digest(given, right), now=now)
    _note_answer(challenge.pk, device, verdict=verdict, method=AuthenticationMethod.PUSH_OTP, now=now)


def take_device_answer(*, challenge_id: UUID, now: datetime) -> Proof:
    """What the app has answered, for the page that waits for it.

    :raises NotAnsweredYet: it has not, and still may.
    :raises apps.sca.services.CodeRefused: it cannot any more.
    """
    challenge = Challenge.objects.filter(
        pk=challenge_id, method__in=DEVICE_METHODS, status=ChallengeStatus.OPEN, expires_at__gt=now
    ).first()
    if challenge is None:
        raise CodeRefused("challenge is not open", is_over=True)
    if challenge.answered_at is None or challenge.user_id is None:
        raise NotAnsweredYet(str(challenge_id))
    return _proof_of(challenge)


def check_short_code(*, challenge_id: UUID, code: str, now: datetime) -> Proof:
    """Compare a code that the customer has read from his app or token. Counted and committed before it is compared, as
    :func:`apps.sca.services.check_code`; must not be called inside a transaction.

    :raises apps.sca.rules.CodeMalformed: not eight digits; nothing counted.
    :raises apps.sca.services.CodeRefused: anything else.
    """
    if connection.in_atomic_block and not inside_test_transaction():
        raise RuntimeError("check_short_code commits what it counts: call it outside a transaction")
    code = check_short_code_form(code)
    challenge = Challenge.objects.filter(pk=challenge_id, method__in=DEVICE_METHODS).first()
    if challenge is None:
        raise CodeRefused("no challenge of a device", is_over=True)
    matching: list[SigningDevice] = []

    def is_right(counted: Challenge) -> bool:
        # All of them, so that it takes as long whichever it was.
        devices = list_signing_devices(user_id=counted.user_id) if counted.user_id else []
        matching.extend(one for one in devices if hmac.compare_digest(_short_code_of(counted, one), code))
        return bool(matching)

    _count_and_compare(challenge, is_right, now=now)
    _note_answer(challenge.pk, matching[0], method=AuthenticationMethod.PHOTO_OTP, now=now)
    return _proof_of(Challenge.objects.get(pk=challenge.pk))


def read_app_message(*, body: bytes, signature: bytes, kind: str) -> tuple[SigningDevice, dict[str, Any]]:
    """Who speaks, and what he says: a JSON object of this kind, signed by the key of the device that it names.

    :raises DeviceAnswerMalformed: anything else.
    :raises DeviceUnknown: the device was withdrawn, or never was.
    """
    said = read_message(body, kind=kind)
    device_id = said.get("device_id")
    device = (
        SigningDevice.objects.filter(pk=device_id, kind=DeviceKind.APP).first()
        if isinstance(device_id, int) and not isinstance(device_id, bool) and 0 < device_id < 2**63
        else None
    )
    if device is None:
        raise DeviceUnknown("no such device")
    if not is_signed(signing_key=bytes(device.signing_key or b""), body=body, signature=signature):
        raise DeviceAnswerMalformed("not signed by it")
    if not device.confirmed:
        raise DeviceUnknown(device.withdrawn_because)
    return device, said


def read_message(body: bytes, *, kind: str) -> dict[str, Any]:
    """A message of the app: a JSON object that says what it is, so that none passes for another.

    :raises DeviceAnswerMalformed: anything else.
    """
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        raise DeviceAnswerMalformed("no JSON") from None
    if not isinstance(said, dict) or said.get("kind") != kind:
        raise DeviceAnswerMalformed("another kind")
    return said


# Binding and withdrawing ----------------------------------------------------------------------------------


@transaction.atomic
def make_activation_code(*, enrolment_id: UUID, psu: PSU, now: datetime) -> str:
    """The code that binds an app to this customer, for an enrolment that he has signed; the one before it is void. Of
    100 bits, and the bank keeps a keyed hash of it only (RTS art. 23, 26).

    :raises EnrolmentOver: not signed, made use of already, or too long ago.
    """
    enrolment = lock_enrolment(enrolment_id, user_id=psu.user_id)
    check_enrolment_under_way(enrolment=enrolment, kind=DeviceKind.APP, now=now)
    code = "".join(secrets.choice(_ACTIVATION_ALPHABET) for _ in range(_ACTIVATION_LENGTH))
    enrolment.activation_hash = _hash_activation(code)
    enrolment.save(update_fields=["activation_hash"])
    return code


@transaction.atomic
def bind_app(*, body: bytes, signature: bytes, now: datetime) -> SigningDevice:
    """Bind the app that presents an activation code: its public keys, what it makes of its PIN, and what it runs in.

    The message is signed by the new key, so that nobody can bind a key that he does not have. The customer is told by
    text message.

    :raises DeviceAnswerMalformed: not what the app sends.
    :raises ActivationRefused: no enrolment waits for this code.
    """
    said = read_message(body, kind="activate")
    signing_key, agreement_key = _point_of(said, "signing_key"), _point_of(said, "agreement_key")
    environment, pin_key = _bytes_of(said, "environment_hash"), _bytes_of(said, "pin_key")
    if not is_signed(signing_key=signing_key, body=body, signature=signature):
        raise DeviceAnswerMalformed("not signed by the new key")
    if len(environment) != 32 or len(pin_key) != PIN_KEY_BYTES or signing_key == agreement_key:
        raise DeviceAnswerMalformed("keys")
    code = str(said.get("activation_code", "")).upper().replace(" ", "").replace("-", "")
    found = DeviceEnrolment.objects.filter(
        activation_hash=_hash_activation(code), kind=DeviceKind.APP, status=EnrolmentStatus.SIGNED
    ).first()
    if found is None:
        raise ActivationRefused("no such code")
    enrolment = lock_enrolment(found.pk, user_id=found.user_id)
    try:
        check_enrolment_under_way(enrolment=enrolment, kind=DeviceKind.APP, now=now)
    except DomainError as error:
        raise ActivationRefused(error.code) from None
    if SigningDevice.objects.filter(signing_key=signing_key).exists():
        raise ActivationRefused("known key")
    device = SigningDevice.objects.create(
        user_id=enrolment.user_id,
        kind=DeviceKind.APP,
        name=enrolment.name,
        confirmed=True,
        agreement_key=agreement_key,
        signing_key=signing_key,
        pin_key=_sealed(pin_key, owner=signing_key),
        environment=environment,
        enrolled_at=now,
    )
    finish_enrolment(enrolment, device, now=now)
    return device


def finish_enrolment(enrolment: DeviceEnrolment, device: SigningDevice, *, now: datetime) -> None:
    """Note that the device of a signed enrolment exists, on the trail and to the customer."""
    enrolment.status, enrolment.device, enrolment.activation_hash = EnrolmentStatus.DONE, device, None
    enrolment.save(update_fields=["status", "device", "activation_hash"])
    record_event(
        event="sca.device.enrolled",
        object_type="user",
        object_id=device.user_id,
        actor_type="psu",
        actor_id=device.user_id,
        at=now,
        data={
            "method": device.kind,
            "device": device.pk,
            "name": device.name,
            "serial_number": device.serial_number,
            "enrolment": enrolment.pk,
        },
    )
    promise_device_notice(
        user_id=device.user_id, kind=device.kind, device_id=device.pk, name=device.name, what="added"
    )


@transaction.atomic
def withdraw_device(
    *, user_id: UUID, device_id: int, reason: WithdrawalReason, now: datetime
) -> SigningDevice:
    """Take a device's power, at once and for good (RTS art. 27): it answers nothing any more, and the sessions that it
    opened end. What it signed before stays signed. Nothing when it was withdrawn before.

    :raises NotFound: the customer has no such device.
    """
    device = SigningDevice.objects.select_for_update().filter(pk=device_id, user_id=user_id).first()
    if device is None:
        raise NotFound("device")
    if not device.confirmed:
        return device
    device.confirmed, device.withdrawn_at, device.withdrawn_because = False, now, reason
    device.push_endpoint, device.push_key, device.push_secret = "", None, None
    device.save()
    Challenge.objects.filter(user_id=user_id, method__in=DEVICE_METHODS, status=ChallengeStatus.OPEN).update(
        status=ChallengeStatus.VOIDED
    )
    record_event(
        event="sca.device.withdrawn",
        object_type="user",
        object_id=user_id,
        actor_type="psu" if reason == WithdrawalReason.REMOVED else "system",
        actor_id=user_id if reason == WithdrawalReason.REMOVED else "",
        at=now,
        data={"method": device.kind, "device": device.pk, "reason": reason.value},
    )
    promise_device_notice(
        user_id=user_id, kind=device.kind, device_id=device.pk, name=device.name, what=reason.value
    )
    return device


@transaction.atomic
def subscribe_app(*, body: bytes, signature: bytes, now: datetime) -> SigningDevice:
    """Where the app wants to be woken from now on; an empty endpoint: nowhere (RFC 8030).

    :raises DeviceAnswerMalformed: not what the app sends, or an address of no push service that the bank knows.
    :raises DeviceUnknown: no such device, withdrawn, or one whose count did not grow: an old message, sent again.
    """
    device, said = read_app_message(body=body, signature=signature, kind="subscribe")
    endpoint = said.get("endpoint")
    if endpoint == "":
        key = secret = None
    else:
        key, secret = _point_of(said, "p256dh"), _bytes_of(said, "auth")
        if not is_push_service(endpoint) or len(secret) != 16:
            raise DeviceAnswerMalformed("subscription")
    if not _count_up(device, said):
        raise DeviceAnswerMalformed("an old message")
    SigningDevice.objects.filter(pk=device.pk, confirmed=True).update(
        push_endpoint=endpoint, push_key=key, push_secret=secret
    )
    device.refresh_from_db()
    return device


def forget_subscription(*, device_id: int, endpoint: str) -> None:
    """The push service knows the address no more; the app will bring another when it is opened next."""
    SigningDevice.objects.filter(pk=device_id, push_endpoint=endpoint).update(
        push_endpoint="", push_key=None, push_secret=None
    )


def is_push_service(endpoint: object) -> bool:
    """Whether the bank sends anything to this address: it begins with one of ``SCA_PUSH_SERVICES``. Devices name
    addresses, and the bank must not be sent around in its own house."""
    return (
        isinstance(endpoint, str)
        and len(endpoint) <= 2_000
        and endpoint.isascii()
        and endpoint.isprintable()
        and any(_is_below(endpoint, service) for service in settings.SCA_PUSH_SERVICES)
    )


def _is_below(endpoint: str, service: str) -> bool:
    scheme, _, rest = endpoint.partition("://")
    host, _, path = rest.partition("/")
    wanted_scheme, _, wanted_host = service.rstrip("/").partition("://")
    is_host = host == wanted_host or (wanted_host.startswith("*.") and host.endswith(wanted_host[1:]))
    return scheme == wanted_scheme and is_host and bool(path) and "@" not in host


# Inside ---------------------------------------------------------------------------------------------------


def _is_held_up(user: User, *, now: datetime) -> bool:
    AuthenticationState.objects.get_or_create(user=user)
    state = AuthenticationState.objects.select_for_update().get(user=user)
    if state.blocked_for_good or (state.blocked_until is not None and state.blocked_until > now):
        return True
    # Nobody is to be worn down by requests until he approves one (MFA fatigue).
    return has_asked_too_often(user=user, methods=DEVICE_METHODS, now=now)


def _count_and_compare(challenge: Challenge, is_right: Callable[[Challenge], bool], *, now: datetime) -> None:
    counted = count_try(challenge_id=challenge.pk, methods=DEVICE_METHODS, now=now)
    if counted is None:
        raise CodeRefused("challenge is not open", is_over=True)
    matches = is_right(counted)
    if counted.user_id is not None and not reserve_attempt(user_id=counted.user_id, now=now):
        raise CodeRefused("sign-in is paused", is_over=True)
    if counted.user_id is None or not matches:
        raise counted_refusal(
            challenge=counted,
            user_id=counted.user_id,
            detail="PIN or code not right" if counted.user_id else "decoy",
            what="device",
            now=now,
        )
    # It may be long before the page fetches the answer, or never: until then nothing has failed.
    release_attempt(user_id=counted.user_id)


@transaction.atomic
def _note_answer(
    challenge_id: UUID,
    device: SigningDevice,
    *,
    method: AuthenticationMethod,
    verdict: Integrity | None = None,
    now: datetime,
) -> None:
    if not SigningDevice.objects.filter(pk=device.pk, confirmed=True).update(last_used_at=now):
        raise DeviceUnknown("withdrawn meanwhile")
    noted = Challenge.objects.filter(pk=challenge_id, status=ChallengeStatus.OPEN, expires_at__gt=now).update(
        answered_at=now, answered_by=device, integrity=verdict or "", method=method
    )
    if not noted:
        raise CodeRefused("over meanwhile", is_over=True)
    record_event(
        event="sca.challenge.answered",
        object_type="challenge",
        object_id=challenge_id,
        actor_type="psu",
        actor_id=device.user_id,
        at=now,
        data={"method": method.value, "device": device.pk, "integrity": verdict.value if verdict else ""},
    )


def _note_refusal(challenge: Challenge, device: SigningDevice, *, now: datetime) -> None:
    """The customer's no, on his own device: the challenge is void. Whoever asked had his session, or his password."""
    with transaction.atomic():
        record_event(
            event="sca.challenge.declined",
            object_type="challenge",
            object_id=challenge.pk,
            actor_type="psu",
            actor_id=device.user_id,
            at=now,
            data={"device": device.pk, "purpose": challenge.purpose},
        )
        void_challenge(challenge_id=challenge.pk, reason="declined", now=now)


def _lose(
    device: SigningDevice,
    *,
    challenge: Challenge,
    verdict: Integrity,
    reason: WithdrawalReason,
    now: datetime,
) -> None:
    with transaction.atomic():
        record_event(
            event="sca.device.distrusted",
            object_type="user",
            object_id=device.user_id,
            actor_type="system",
            at=now,
            data={"device": device.pk, "integrity": verdict.value, "challenge": challenge.pk},
        )
        withdraw_device(user_id=device.user_id, device_id=device.pk, reason=reason, now=now)
    raise DeviceUnknown(reason.value)


def _count_up(device: SigningDevice, said: dict[str, Any]) -> bool:
    """Whether the app's own count has grown; in one statement, so that of two with the same count one is late."""
    counter = said.get("counter")
    if not isinstance(counter, int) or isinstance(counter, bool) or not 0 < counter < 2**62:
        raise DeviceAnswerMalformed("counter")
    grown = SigningDevice.objects.filter(pk=device.pk, confirmed=True, counter__lt=counter)
    return bool(grown.update(counter=counter))


def _proof_of(challenge: Challenge) -> Proof:
    return Proof(
        challenge_id=challenge.pk,
        user_id=challenge.user_id,  # type: ignore[arg-type]  # No decoy is ever answered.
        purpose=challenge.purpose,
        snapshot_hash=bytes(challenge.snapshot_hash),
        authorisation_id=challenge.authorisation_id,
        method=challenge.method,
        device_id=challenge.answered_by_id,
    )


def _content_of(challenge: Challenge) -> bytes:
    # From the snapshot itself, not from the hash beside it, as with passkeys.
    return request_content(
        nonce=bytes(challenge.nonce),
        snapshot_hash=canonical_hash(challenge.snapshot),
        shown=challenge.shown or {},
    )


def _short_code_of(challenge: Challenge, device: SigningDevice) -> str:
    pin_key = _pin_key(device) if device.is_app else b""
    return short_code(keys=_keys_for(challenge, device), pin_key=pin_key, content=_content_of(challenge))


def _keys_for(challenge: Challenge, device: SigningDevice) -> RequestKeys:
    if device.is_app:
        return keys_for_app(
            own=_bank_key(challenge),
            agreement_key=bytes(device.agreement_key or b""),
            challenge_id=challenge.pk,
        )
    return keys_for_token(token_key=_token_key(device), challenge_id=challenge.pk)


def _bank_key(challenge: Challenge) -> Any:
    return bank_key(secret=derive_key("sca.device.v1"), nonce=bytes(challenge.nonce))


def _pin_key(device: SigningDevice) -> bytes:
    return unseal(device.pin_key, purpose="sca.device-pin.v1", owner=bytes(device.signing_key or b"").hex())


def _sealed(pin_key: bytes, *, owner: bytes) -> str:
    return seal(pin_key, purpose="sca.device-pin.v1", owner=owner.hex())


def _token_key(device: SigningDevice) -> bytes:
    return unseal(device.token_key, purpose="sca.token.v1", owner=device.serial_number)


def _hash_activation(code: str) -> bytes:
    return hmac.digest(derive_key("sca.activation.v1"), code.encode(), hashlib.sha256)


def _point_of(said: dict[str, Any], name: str) -> bytes:
    point = _bytes_of(said, name)
    try:
        read_public_key(point)
    except ValueError:
        raise DeviceAnswerMalformed(name) from None
    return point


def _bytes_of(said: dict[str, Any], name: str) -> bytes:
    text = said.get(name)
    if not isinstance(text, str) or len(text) > 200:
        raise DeviceAnswerMalformed(name)
    try:
        return from_text(text)
    except ValueError:
        raise DeviceAnswerMalformed(name) from None
