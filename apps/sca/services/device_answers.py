"""Answers of the bank's app and its tokens, over exactly what they have shown (RTS art. 4, 5, 7, 9; S3-10 to S3-19).

The app answers over the net, signed with a key that never leaves it, or with a short code that its customer types; a
token with the code alone. The PIN is nowhere checked but here, and each try counts: whoever has the device has nothing
to try PINs on.
"""

import hmac
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from apps.audit.services import record_event
from apps.core.errors import DomainError
from apps.core.ids import parse_uuid
from apps.sca.device_protocol import pin_proof, short_code
from apps.sca.integrity import judge_integrity
from apps.sca.models import Challenge, SigningDevice, UserVerificationKey
from apps.sca.queries import get_verification_key, list_signing_devices
from apps.sca.rules import (
    DEVICE_METHODS,
    AuthenticationMethod,
    ChallengeStatus,
    Integrity,
    Purpose,
    WithdrawalReason,
    check_short_code_form,
)
from apps.sca.services.app_messages import (
    DeviceAnswerMalformed,
    DeviceUnknown,
    bytes_of,
    count_up,
    read_app_message,
)
from apps.sca.services.attempts import inside_test_transaction, release_attempt, reserve_attempt
from apps.sca.services.challenges import (
    CodeRefused,
    Proof,
    count_try,
    counted_refusal,
    void_challenge,
)
from apps.sca.services.device_requests import content_of, keys_for
from apps.sca.services.device_secrets import pin_key_of
from apps.sca.services.signing_devices import withdraw_device
from apps.sca.services.user_verification import (
    count_of_verification,
    credential_of,
    note_key_use,
    withdraw_verification,
)


class NotAnsweredYet(DomainError):
    """The app has not answered; nothing is wrong, and nothing counted."""

    code = "not_answered_yet"


def answer_by_app(*, body: bytes, signature: bytes, now: datetime) -> None:
    """The app's answer to a challenge, signed by its own key: yes, after its customer has entered his PIN or shown his
    telephone a finger or his face (``verification``), or no.

    Nothing is authorised by it yet: the page on which the customer began fetches it with :func:`take_device_answer`.
    A yes may come twice, as over a bad net; a no after it still stops what is not carried out yet. Each PIN is counted
    before it is compared; what is not signed by the device is not, so that nobody without the device can wear its
    customer's tries out. A count that did not grow, or changed surroundings, withdraw the device at once (RTS art.
    7(2), 9(3)). Must not be called inside a transaction.

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
    is_approved = said.get("is_approved") is True
    if challenge is None or (is_approved and challenge.purpose == Purpose.VERIFICATION):
        raise CodeRefused("no challenge of his", is_over=True)
    if is_approved and challenge.answered_by_id == device.pk:
        return
    verdict = check_soundness(device, said, challenge=challenge, now=now)
    if not is_approved:
        _note_refusal(challenge, device, now=now)
        return
    if "verification" not in said:
        compare_pin(challenge, device, said, now=now)
        note_answer(challenge.pk, device, verdict=verdict, method=AuthenticationMethod.PUSH_OTP, now=now)
        return
    if "pin_proof" in said:
        raise DeviceAnswerMalformed("one of the two")
    key = _compare_verification(challenge, device, said, now=now)
    note_answer(challenge.pk, device, key=key, verdict=verdict, method=AuthenticationMethod.PUSH_OTP, now=now)


def check_soundness(
    device: SigningDevice, said: dict[str, Any], *, challenge: Challenge, now: datetime
) -> Integrity:
    """What the bank thinks of the device's surroundings, and whether its count has grown.

    :raises DeviceUnknown: it is withdrawn for it.
    """
    verdict = judge_integrity(report=said, bound=bytes(device.environment or b""))
    if verdict != Integrity.SOUND:
        reason = WithdrawalReason.CHANGED if verdict == Integrity.CHANGED else WithdrawalReason.UNSOUND
        _lose(device, challenge=challenge, verdict=verdict, reason=reason, now=now)
    if not count_up(device, said):
        _lose(device, challenge=challenge, verdict=verdict, reason=WithdrawalReason.COPIED, now=now)
    return verdict


def compare_pin(challenge: Challenge, device: SigningDevice, said: dict[str, Any], *, now: datetime) -> None:
    """Compare the proof of the PIN over what was shown; counted before.

    :raises apps.sca.services.CodeRefused: it is another, or the challenge waits no more.
    """
    given, right = (
        bytes_of(said, "pin_proof"),
        pin_proof(pin_key=pin_key_of(device), content=content_of(challenge)),
    )
    count_and_compare(challenge, lambda _counted: hmac.compare_digest(given, right), device=device, now=now)


def _compare_verification(
    challenge: Challenge, device: SigningDevice, said: dict[str, Any], *, now: datetime
) -> UserVerificationKey:
    credential = credential_of(said)
    key = get_verification_key(user_id=device.user_id, device_id=device.pk)
    counts: list[int] = []

    def is_right(counted: Challenge) -> bool:
        if key is not None:
            count = count_of_verification(challenge=counted, key=key, credential=credential)
            counts.extend([] if count is None else [count])
        return bool(counts)

    count_and_compare(challenge, is_right, device=device, now=now)
    # Only a true signature comes here: its old count tells of a copy, of which nothing on this device is safe.
    if not note_key_use(key=key, count=counts[0], now=now):  # type: ignore[arg-type]
        _lose(device, challenge=challenge, verdict=Integrity.SOUND, reason=WithdrawalReason.COPIED, now=now)
    return key  # type: ignore[return-value]


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
    return proof_of(challenge)


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

    count_and_compare(challenge, is_right, now=now)
    note_answer(challenge.pk, matching[0], method=AuthenticationMethod.PHOTO_OTP, now=now)
    return proof_of(Challenge.objects.get(pk=challenge.pk))


def count_and_compare(
    challenge: Challenge,
    is_right: Callable[[Challenge], bool],
    *,
    device: SigningDevice | None = None,
    now: datetime,
) -> None:
    """Count a try, then ask ``is_right``. After five failures of ``device`` its PIN alone is asked for again: whoever
    tries there is perhaps not its customer.

    :raises apps.sca.services.CodeRefused: it was not, the challenge waits no more, or signing is paused.
    """
    counted = count_try(challenge_id=challenge.pk, methods=DEVICE_METHODS, now=now)
    if counted is None:
        _count_in_vain(challenge, now=now)
        raise CodeRefused("challenge is not open", is_over=True)
    matches = is_right(counted)
    if counted.user_id is not None and not reserve_attempt(user_id=counted.user_id, now=now):
        raise CodeRefused("sign-in is paused", is_over=True)
    if counted.user_id is None or not matches:
        refused = counted_refusal(
            challenge=counted,
            user_id=counted.user_id,
            detail="PIN or code not right" if counted.user_id else "decoy",
            what="device",
            now=now,
        )
        if refused.is_over and device is not None:
            withdraw_verification(
                user_id=device.user_id, device_id=device.pk, reason=WithdrawalReason.FAILURES, now=now
            )
        raise refused
    # It may be long before the page fetches the answer, or never: until then nothing has failed.
    release_attempt(user_id=counted.user_id)


def _count_in_vain(challenge: Challenge, *, now: datetime) -> None:
    """Use up the tries of what the customer has refused, too: its page must not outlast a decoy's (N7)."""
    Challenge.objects.filter(
        pk=challenge.pk,
        status=ChallengeStatus.VOIDED,
        attempts__lt=settings.SCA_MAX_ATTEMPTS,
        expires_at__gt=now,
    ).update(attempts=F("attempts") + 1)


@transaction.atomic
def note_answer(
    challenge_id: UUID,
    device: SigningDevice,
    *,
    method: AuthenticationMethod,
    verdict: Integrity | None = None,
    key: UserVerificationKey | None = None,
    now: datetime,
) -> None:
    """Note whose answer it was, and by what; the page fetches it.

    :raises DeviceUnknown: withdrawn meanwhile.
    :raises apps.sca.services.CodeRefused: the challenge is over meanwhile.
    """
    if not SigningDevice.objects.filter(pk=device.pk, confirmed=True).update(last_used_at=now):
        raise DeviceUnknown("withdrawn meanwhile")
    noted = Challenge.objects.filter(pk=challenge_id, status=ChallengeStatus.OPEN, expires_at__gt=now).update(
        answered_at=now, answered_by=device, integrity=verdict or "", method=method, verified_by=key
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
        data={
            "method": method.value,
            "device": device.pk,
            "integrity": verdict.value if verdict else "",
            "verified_by": key.pk if key else "",
        },
    )


def _note_refusal(challenge: Challenge, device: SigningDevice, *, now: datetime) -> None:
    """The customer's no, on his own device: the challenge is void. Whoever asked had his session, or his password."""
    with transaction.atomic():
        if not void_challenge(challenge_id=challenge.pk, reason="declined", now=now):
            raise CodeRefused("signed or over already", is_over=True)
        record_event(
            event="sca.challenge.declined",
            object_type="challenge",
            object_id=challenge.pk,
            actor_type="psu",
            actor_id=device.user_id,
            at=now,
            data={"device": device.pk, "purpose": challenge.purpose},
        )


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


def proof_of(challenge: Challenge) -> Proof:
    """That a device has answered this rightly, and by what."""
    return Proof(
        challenge_id=challenge.pk,
        user_id=challenge.user_id,  # type: ignore[arg-type]  # No decoy is ever answered.
        purpose=challenge.purpose,
        snapshot_hash=bytes(challenge.snapshot_hash),
        authorisation_id=challenge.authorisation_id,
        method=challenge.method,
        device_id=challenge.answered_by_id,
        is_user_verified=challenge.verified_by_id is not None,
    )


def _short_code_of(challenge: Challenge, device: SigningDevice) -> str:
    return short_code(
        keys=keys_for(challenge, device), pin_key=pin_key_of(device), content=content_of(challenge)
    )
