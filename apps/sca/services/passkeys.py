"""Passkeys: a device that signs the challenge over a snapshot, once it has made sure of its user (RTS art. 4, 5, 7, 8).

WebAuthn itself is the library's business. Ours is what the challenge stands for, who may add a key, and when one is
withdrawn.
"""

import json
from datetime import datetime
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q

from apps.audit.services import record_event
from apps.core.canonical import canonical_hash
from apps.core.errors import DomainError, NotFound
from apps.identity.models import PSU, User
from apps.sca.models import AuthenticationState, Challenge, DeviceEnrolment, Passkey
from apps.sca.queries import list_passkeys
from apps.sca.rules import (
    AuthenticationMethod,
    ChallengeStatus,
    DeviceKind,
    EnrolmentStatus,
    Purpose,
    SyncedPasskeys,
    WithdrawalReason,
    passkey_challenge,
)
from apps.sca.services.attempts import inside_test_transaction, reserve_attempt, reserve_unblocking
from apps.sca.services.challenges import (
    CodeRefused,
    Proof,
    TooManyCodes,
    count_try,
    counted_refusal,
    fresh_nonce,
    open_challenge,
    select_method,
)
from apps.sca.services.enrolments import (
    MAKING_MAX,
    EnrolmentOver,
    check_enrolment_under_way,
    enrolment_snapshot,
    lock_enrolment,
)
from apps.sca.services.notices import promise_device_notice

if TYPE_CHECKING:
    from apps.sca.webauthn import RelyingParty

# A device's answer is about a kilobyte; one with a long attestation has a few more.
ANSWER_MAX_LENGTH = 16_384
_METHODS = frozenset({AuthenticationMethod.PASSKEY})


class PasskeyAnswerMalformed(DomainError):
    """Not what a browser sends for a passkey. Nothing was compared, nothing counted."""

    code = "passkey_answer_malformed"


class PasskeyNotAccepted(DomainError):
    """The new key is not taken: wrong challenge or address, no user verification, known already, or a key that is
    copied.

    ``is_synced`` tells the last, because its owner can do something about it.
    """

    code = "passkey_not_accepted"

    def __init__(self, detail: str = "", *, is_synced: bool = False) -> None:
        super().__init__(detail)
        self.is_synced = is_synced


# Asking and answering -------------------------------------------------------------------------------------


@transaction.atomic
def ask_passkey(
    *,
    user: User | None,
    purpose: Purpose,
    snapshot: dict[str, Any],
    authorisation_id: UUID | None = None,
    now: datetime,
) -> UUID:
    """Open a challenge over ``snapshot`` for a passkey of ``user``, or of whoever comes if that is None.

    Of somebody known, what was under way for the same authorisation before is void from now on. Of a stranger it is
    not: he may have come by a link. Returns the challenge's id.

    :raises apps.sca.services.TooManyCodes: the user's sign-in is paused or frozen.
    :raises apps.sca.services.AuthorisationOver: the authorisation is final or expired.
    """
    if user is not None:
        if authorisation_id is not None:
            select_method(authorisation_id=authorisation_id, now=now)
        state = AuthenticationState.objects.filter(user=user).first()
        if state is not None and (
            state.blocked_for_good or (state.blocked_until and state.blocked_until > now)
        ):
            raise TooManyCodes(str(user.pk))
    return open_challenge(
        user=user,
        purpose=purpose,
        method=AuthenticationMethod.PASSKEY,
        snapshot={"purpose": purpose.value, **snapshot},
        nonce=fresh_nonce(),
        authorisation_id=authorisation_id,
        now=now,
    ).pk


def passkey_request(*, challenge_id: UUID) -> dict[str, Any]:
    """What the page hands to the browser so that it asks the device (PublicKeyCredentialRequestOptions as JSON).

    For a known customer it names his keys; for a stranger none, and the device offers what it has.

    :raises NotFound: there is no such challenge of a passkey.
    """
    challenge = Challenge.objects.filter(pk=challenge_id, method=AuthenticationMethod.PASSKEY).first()
    if challenge is None:
        raise NotFound("challenge")
    keys = list_passkeys(user_id=challenge.user_id) if challenge.user_id else []
    request: dict[str, Any] = _webauthn().authentication_request(
        party=_relying_party(),
        challenge=_expected_challenge(challenge),
        credential_ids=[bytes(key.credential_id) for key in keys],
        timeout_seconds=settings.SCA_CODE_TTL_SECONDS,
    )
    return request


def check_passkey(*, challenge_id: UUID, answer: str, now: datetime) -> Proof:
    """Verify a device's answer to a challenge. The attempt is counted and committed before anything is compared.

    The signature is over the snapshot's own challenge, for this bank's address, by a key of the customer whom the
    challenge is for, made after the device had made sure of its user. A count that did not grow means that the key was
    copied: it is withdrawn at once (RTS art. 7(2)). Must not be called inside a transaction: a rollback would give the
    attempt back.

    :raises PasskeyAnswerMalformed: not a device's answer; nothing counted.
    :raises CodeRefused: anything else; ``is_over`` tells that no further try can succeed.
    """
    if connection.in_atomic_block and not inside_test_transaction():
        raise RuntimeError("check_passkey commits what it counts: call it outside a transaction")
    credential = parse_answer(answer)
    challenge = count_try(challenge_id=challenge_id, methods=_METHODS, now=now)
    if challenge is None:
        raise CodeRefused("challenge is not open", is_over=True)
    passkey = Passkey.objects.filter(credential_id=_webauthn().credential_id_of(credential)).first()
    user_id = passkey.user_id if passkey is not None else challenge.user_id
    # Only a passkey that is not among what failed lifts a block: see there.
    reserve = reserve_unblocking if challenge.purpose == Purpose.UNBLOCK else reserve_attempt
    if user_id is not None and not reserve(user_id=user_id, now=now):
        raise CodeRefused("sign-in is paused", is_over=True)
    is_his = passkey is not None and challenge.user_id in (None, passkey.user_id)
    count = _verify(challenge, passkey, credential) if passkey is not None and is_his else None
    if passkey is None or count is None or not passkey.is_usable:
        raise counted_refusal(
            challenge=challenge, user_id=user_id, detail="passkey not right", what="passkey", now=now
        )
    if not _note_use(passkey, challenge, count=count, now=now):
        withdraw_passkey(
            user_id=passkey.user_id, passkey_id=passkey.pk, reason=WithdrawalReason.COPIED, now=now
        )
        raise counted_refusal(
            challenge=challenge, user_id=user_id, detail="passkey was copied", what="passkey", now=now
        )
    return Proof(
        challenge_id=challenge.pk,
        user_id=passkey.user_id,
        purpose=challenge.purpose,
        snapshot_hash=bytes(challenge.snapshot_hash),
        authorisation_id=challenge.authorisation_id,
        method=challenge.method,
        passkey_id=passkey.pk,
    )


def parse_answer(answer: str) -> dict[str, Any]:
    """A browser's PublicKeyCredential as JSON.

    :raises PasskeyAnswerMalformed: too long, no JSON object, too deep, or without an id.
    """
    if not answer or len(answer) > ANSWER_MAX_LENGTH:
        raise PasskeyAnswerMalformed("length")
    try:
        credential = json.loads(answer)
    except (ValueError, RecursionError):
        raise PasskeyAnswerMalformed("no JSON") from None
    if not isinstance(credential, dict) or not isinstance(credential.get("id"), str):
        raise PasskeyAnswerMalformed("no credential")
    if not isinstance(credential.get("response"), dict):
        raise PasskeyAnswerMalformed("no response")
    return credential


# Adding and withdrawing -----------------------------------------------------------------------------------


def passkey_creation(*, enrolment: DeviceEnrolment, psu: PSU) -> dict[str, Any]:
    """What the page hands to the browser so that the device makes a key (PublicKeyCredentialCreationOptions as JSON).

    The user handle is random to everybody else: a hash, neither user ID nor name (WebAuthn 14.6.1).
    """
    request: dict[str, Any] = _webauthn().registration_request(
        party=_relying_party(),
        challenge=_registration_challenge(enrolment),
        user_handle=canonical_hash({"passkey_user": str(psu.user_id)}),
        user_name=psu.user.username,
        display_name=psu.full_name,
        known_ids=[bytes(key.credential_id) for key in list_passkeys(user_id=psu.user_id)],
        timeout_seconds=int(MAKING_MAX.total_seconds()),
    )
    return request


@transaction.atomic
def add_passkey(*, enrolment_id: UUID, psu: PSU, answer: str, now: datetime) -> Passkey:
    """Take the key that the device has made, for an enrolment that was signed; the customer is told by text message.

    :raises PasskeyAnswerMalformed: not a device's answer.
    :raises PasskeyNotAccepted: the answer is to something else, or the key is of a kind that the bank does not take.
    :raises EnrolmentOver: not signed, made use of already, or too long ago.
    """
    credential = parse_answer(answer)
    enrolment = lock_enrolment(enrolment_id, user_id=psu.user_id)
    check_enrolment_under_way(enrolment=enrolment, kind=DeviceKind.PASSKEY, now=now)
    # Under a lock, as where something is signed: a freeze waits for this to end, or this finds it.
    state = AuthenticationState.objects.select_for_update(no_key=True).filter(user_id=psu.user_id).first()
    if state is not None and state.frozen_at is not None:
        raise EnrolmentOver("frozen meanwhile")
    made = _webauthn().verify_new_key(
        party=_relying_party(), challenge=_registration_challenge(enrolment), answer=credential
    )
    if made is None:
        raise PasskeyNotAccepted("not the answer to what was asked")
    if made.is_synced and settings.SCA_SYNCED_PASSKEYS != SyncedPasskeys.ACCEPTED:
        raise PasskeyNotAccepted("may be copied to other devices", is_synced=True)
    if Passkey.objects.filter(credential_id=made.credential_id).exists():
        raise PasskeyNotAccepted("known already")
    passkey = Passkey.objects.create(
        user_id=psu.user_id,
        name=enrolment.name,
        confirmed=True,
        credential_id=made.credential_id,
        public_key=made.public_key,
        sign_count=made.sign_count,
        aaguid=UUID(made.aaguid),
        is_synced=made.is_synced,
        enrolled_at=now,
    )
    enrolment.status, enrolment.passkey = EnrolmentStatus.DONE, passkey
    enrolment.save(update_fields=["status", "passkey"])
    record_event(
        event="sca.device.enrolled",
        object_type="user",
        object_id=psu.user_id,
        actor_type="psu",
        actor_id=psu.pk,
        at=now,
        data={
            "method": AuthenticationMethod.PASSKEY.value,
            "passkey": passkey.pk,
            "name": passkey.name,
            "aaguid": str(passkey.aaguid),
            "synced": made.is_synced,
            "enrolment": enrolment.pk,
        },
    )
    promise_device_notice(
        user_id=passkey.user_id,
        kind=DeviceKind.PASSKEY,
        device_id=passkey.pk,
        name=passkey.name,
        what="added",
    )
    return passkey


@transaction.atomic
def withdraw_passkey(*, user_id: UUID, passkey_id: int, reason: WithdrawalReason, now: datetime) -> Passkey:
    """Take a passkey's power, at once and for good: it opens and signs nothing any more, and the sessions that it
    opened end (RTS art. 27). What it signed before stays signed. Nothing when it was withdrawn before.

    :raises NotFound: the customer has no such passkey.
    """
    passkey = Passkey.objects.select_for_update().filter(pk=passkey_id, user_id=user_id).first()
    if passkey is None:
        raise NotFound("passkey")
    if not passkey.confirmed:
        return passkey
    passkey.confirmed, passkey.withdrawn_at, passkey.withdrawn_because = False, now, reason
    passkey.save(update_fields=["confirmed", "withdrawn_at", "withdrawn_because"])
    Challenge.objects.filter(
        user_id=user_id, method=AuthenticationMethod.PASSKEY, status=ChallengeStatus.OPEN
    ).update(status=ChallengeStatus.VOIDED)
    record_event(
        event="sca.device.withdrawn",
        object_type="user",
        object_id=user_id,
        actor_type="psu" if reason == WithdrawalReason.REMOVED else "system",
        actor_id=user_id if reason == WithdrawalReason.REMOVED else "",
        at=now,
        data={"method": AuthenticationMethod.PASSKEY.value, "passkey": passkey.pk, "reason": reason.value},
    )
    promise_device_notice(
        user_id=passkey.user_id,
        kind=DeviceKind.PASSKEY,
        device_id=passkey.pk,
        name=passkey.name,
        what=reason.value,
    )
    return passkey


def _expected_challenge(challenge: Challenge) -> bytes:
    # From the snapshot itself, not from the hash beside it: whoever changes one row's column has not changed both.
    return passkey_challenge(nonce=bytes(challenge.nonce), snapshot_hash=canonical_hash(challenge.snapshot))


def _registration_challenge(enrolment: DeviceEnrolment) -> bytes:
    return passkey_challenge(
        nonce=bytes(enrolment.nonce), snapshot_hash=canonical_hash(enrolment_snapshot(enrolment=enrolment))
    )


def _verify(challenge: Challenge, passkey: Passkey, credential: dict[str, Any]) -> int | None:
    count: int | None = _webauthn().verify_answer(
        party=_relying_party(),
        challenge=_expected_challenge(challenge),
        public_key=bytes(passkey.public_key),
        answer=credential,
    )
    return count


def _relying_party() -> "RelyingParty":
    parts = urlsplit(settings.PUBLIC_BASE_URL)
    party: RelyingParty = _webauthn().RelyingParty(
        id=parts.hostname or "", name=settings.BANK_NAME, origin=f"{parts.scheme}://{parts.netloc}"
    )
    return party


def _webauthn() -> ModuleType:
    # Late: see there.
    from apps.sca import webauthn

    return webauthn


def _note_use(passkey: Passkey, challenge: Challenge, *, count: int, now: datetime) -> bool:
    """Whether the device's count has grown; in one statement, so that of two answers with the same count one is late.

    The same answer to the same challenge may come twice, as a form may that is sent twice: no second device is needed
    for that, and only one of the two can be spent.
    """
    grown = Q(sign_count__lt=count) | Q(sign_count=count, last_challenge_id=challenge.pk)
    if count == 0:
        # A device that keeps no count says 0 for ever. One that kept one, and says 0 now, is another device.
        grown = Q(sign_count=0)
    kept = Passkey.objects.filter(grown, pk=passkey.pk, confirmed=True, suspended_at=None)
    return bool(kept.update(sign_count=count, last_used_at=now, last_challenge_id=challenge.pk))
