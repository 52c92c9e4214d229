"""Switching fingerprint or face on in the bank's app: asked for by the app, allowed by its PIN (RTS art. 24(2)(b)).

The device's signature is possession and the PIN is knowledge: that is strong authentication, by the same challenge as
a payment's, with the same tries. No fingerprint ever switches a fingerprint on.
"""

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import get_language

from apps.audit.services import record_event
from apps.core.ids import parse_uuid
from apps.sca.device_view import view_of_verification
from apps.sca.models import Challenge, SigningDevice, UserVerificationKey
from apps.sca.queries import get_verification_key
from apps.sca.rules import AuthenticationMethod, ChallengeStatus, Purpose, WithdrawalReason
from apps.sca.services.app_messages import DeviceAnswerMalformed, DeviceUnknown, count_up, read_app_message
from apps.sca.services.attempts import inside_test_transaction
from apps.sca.services.challenges import CodeRefused, Proof, consume_proof, fresh_nonce, open_challenge
from apps.sca.services.device_answers import check_soundness, compare_pin, note_answer, proof_of
from apps.sca.services.device_requests import SealedRequest, is_held_up, seal_request
from apps.sca.services.notices import promise_security_notice
from apps.sca.services.user_verification import (
    credential_id_of,
    credential_of,
    new_key_of,
    withdraw_verification,
)

if TYPE_CHECKING:
    from apps.sca.webauthn import NewKey


@transaction.atomic
def ask_verification(*, body: bytes, signature: bytes, now: datetime) -> SealedRequest | None:
    """The app wants fingerprint or face on: a request for it, which it opens as any other and answers with its PIN
    (:func:`add_verification`). Or off, which takes no more than its signature: None.

    :raises DeviceAnswerMalformed: not what the app sends, or an old message.
    :raises DeviceUnknown: no such device, or withdrawn.
    :raises apps.sca.services.CodeRefused: signing is paused, or it was asked for too often.
    """
    device, said = read_app_message(body=body, signature=signature, kind="verification")
    if not isinstance(said.get("is_on"), bool):
        raise DeviceAnswerMalformed("is_on")
    if not count_up(device, said):
        raise DeviceAnswerMalformed("an old message")
    if said["is_on"] is False:
        withdraw_verification(
            user_id=device.user_id, device_id=device.pk, reason=WithdrawalReason.REMOVED, now=now
        )
        return None
    if is_held_up(device.user, now=now):
        raise CodeRefused("paused, or asked too often", is_over=True)
    Challenge.objects.filter(
        user_id=device.user_id, purpose=Purpose.VERIFICATION, status=ChallengeStatus.OPEN
    ).update(status=ChallengeStatus.VOIDED)
    challenge = open_challenge(
        user=device.user,
        purpose=Purpose.VERIFICATION,
        method=AuthenticationMethod.PUSH_OTP,
        snapshot={"purpose": Purpose.VERIFICATION.value, "device_id": device.pk, "name": device.name},
        nonce=fresh_nonce(),
        authorisation_id=None,
        shown=view_of_verification(device_name=device.name, language=get_language() or "en"),
        now=now,
    )
    return seal_request(challenge=challenge, device=device)


def add_verification(*, body: bytes, signature: bytes, now: datetime) -> UserVerificationKey:
    """Take the key that the telephone has made, after its customer has entered the app's PIN; it replaces an earlier
    one. The PIN is counted before it is compared; must not be called inside a transaction. The customer is told by
    text message. The same message may come twice, as over a bad net.

    :raises DeviceAnswerMalformed: not what the app sends, or a key for something else; nothing counted.
    :raises DeviceUnknown: no such device, or withdrawn, now or before.
    :raises apps.sca.services.CodeRefused: the PIN, or nothing of the kind waits for this device.
    """
    if connection.in_atomic_block and not inside_test_transaction():
        raise RuntimeError("add_verification commits what it counts: call it outside a transaction")
    device, said = read_app_message(body=body, signature=signature, kind="add_verification")
    credential = credential_of(said)
    before = get_verification_key(user_id=device.user_id, device_id=device.pk)
    if before is not None and bytes(before.credential_id) == credential_id_of(credential):
        return before
    challenge = _challenge_for(device, parse_uuid(str(said.get("challenge_id", ""))))
    made = new_key_of(challenge=challenge, credential=credential)
    verdict = check_soundness(device, said, challenge=challenge, now=now)
    compare_pin(challenge, device, said, now=now)
    note_answer(challenge.pk, device, verdict=verdict, method=AuthenticationMethod.PUSH_OTP, now=now)
    return _add(device, made, proof=proof_of(Challenge.objects.get(pk=challenge.pk)), now=now)


def _challenge_for(device: SigningDevice, challenge_id: UUID | None) -> Challenge:
    challenge = Challenge.objects.filter(
        pk__in=[challenge_id] if challenge_id else [],
        user_id=device.user_id,
        purpose=Purpose.VERIFICATION,
        snapshot__device_id=device.pk,
    ).first()
    if challenge is None:
        raise CodeRefused("nothing waits for this device", is_over=True)
    return challenge


@transaction.atomic
def _add(device: SigningDevice, made: "NewKey", *, proof: Proof, now: datetime) -> UserVerificationKey:
    consume_proof(proof=proof, now=now)
    # A withdrawal at the same moment waits, and then finds the key; or this finds the withdrawal.
    if not SigningDevice.objects.select_for_update().filter(pk=device.pk, confirmed=True).exists():
        raise DeviceUnknown("withdrawn meanwhile")
    UserVerificationKey.objects.filter(device=device, withdrawn_at=None).update(
        withdrawn_at=now, withdrawn_because=WithdrawalReason.REMOVED
    )
    key = UserVerificationKey.objects.create(
        device=device,
        credential_id=made.credential_id,
        public_key=made.public_key,
        sign_count=made.sign_count,
        aaguid=UUID(made.aaguid),
        is_synced=made.is_synced,
        added_at=now,
    )
    record_event(
        event="sca.verification.added",
        object_type="user",
        object_id=device.user_id,
        actor_type="psu",
        actor_id=device.user_id,
        at=now,
        data={
            "device": device.pk,
            "key": key.pk,
            "aaguid": str(key.aaguid),
            "synced": key.is_synced,
            "challenge": proof.challenge_id,
            "elements": proof.elements,
        },
    )
    promise_security_notice(user_id=device.user_id, what="verification_on", now=now)
    return key
