"""Fingerprint or face in the place of the app's PIN: a key in the telephone's own authenticator that signs once it has
made sure of its user (RTS art. 8, S3-17, decision 0040).

It comes beside the signature of the app's own key, never instead of it, and over the very content that the app has
opened and shown. What the authenticator asked for, it does not tell: finger, face, or the code of the screen lock.
"""

from datetime import datetime
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from apps.audit.services import record_event
from apps.sca.device_protocol import verification_challenge
from apps.sca.models import Challenge, SigningDevice, UserVerificationKey
from apps.sca.queries import get_verification_key
from apps.sca.rules import WithdrawalReason
from apps.sca.services.app_messages import DeviceAnswerMalformed
from apps.sca.services.device_requests import content_of
from apps.sca.services.notices import promise_security_notice
from apps.sca.services.passkeys import PasskeyAnswerMalformed, parse_answer

if TYPE_CHECKING:
    from apps.sca.webauthn import NewKey, RelyingParty


def credential_of(said: dict[str, Any]) -> dict[str, Any]:
    """The authenticator's answer in a message of the app.

    :raises DeviceAnswerMalformed: none.
    """
    text = said.get("verification")
    if not isinstance(text, str):
        raise DeviceAnswerMalformed("verification")
    try:
        return parse_answer(text)
    except PasskeyAnswerMalformed as error:
        raise DeviceAnswerMalformed(str(error)) from None


def count_of_verification(
    *, challenge: Challenge, key: UserVerificationKey, credential: dict[str, Any]
) -> int | None:
    """The authenticator's count after an answer that is true: by this key, over this challenge's content, at the app's
    own address, its user verified; else None."""
    if _webauthn().credential_id_of(credential) != bytes(key.credential_id):
        return None
    count: int | None = _webauthn().verify_answer(
        party=_relying_party(),
        challenge=verification_challenge(content_of(challenge)),
        public_key=bytes(key.public_key),
        answer=credential,
    )
    return count


def new_key_of(*, challenge: Challenge, credential: dict[str, Any]) -> "NewKey":
    """The key that the telephone has made for this challenge.

    :raises DeviceAnswerMalformed: for another challenge or address, its user not verified, or a key that is known.
    """
    made: NewKey | None = _webauthn().verify_new_key(
        party=_relying_party(), challenge=verification_challenge(content_of(challenge)), answer=credential
    )
    if made is None or UserVerificationKey.objects.filter(credential_id=made.credential_id).exists():
        raise DeviceAnswerMalformed("not the key that was asked for")
    return made


def credential_id_of(credential: dict[str, Any]) -> bytes:
    """Which key the answer is said to be of; empty if that cannot be read."""
    credential_id: bytes = _webauthn().credential_id_of(credential)
    return credential_id


def note_key_use(*, key: UserVerificationKey, count: int, now: datetime) -> bool:
    """Whether the authenticator's count has grown, and the key is still on; in one statement, as with passkeys."""
    grown = Q(sign_count__lt=count) if count else Q(sign_count=0)
    kept = UserVerificationKey.objects.filter(grown, pk=key.pk, withdrawn_at=None)
    return bool(kept.update(sign_count=count, last_used_at=now))


@transaction.atomic
def withdraw_verification(*, user_id: UUID, device_id: int, reason: WithdrawalReason, now: datetime) -> bool:
    """Have the PIN alone open the app on this device, at once; False when it did before.

    Takes no signature: it makes the access smaller. The customer is told by text message, unless the device itself is
    withdrawn, of which he is told anyway.
    """
    key = get_verification_key(user_id=user_id, device_id=device_id)
    if key is None or not UserVerificationKey.objects.filter(pk=key.pk, withdrawn_at=None).update(
        withdrawn_at=now, withdrawn_because=reason
    ):
        return False
    is_by_customer = reason == WithdrawalReason.REMOVED
    record_event(
        event="sca.verification.withdrawn",
        object_type="user",
        object_id=user_id,
        actor_type="psu" if is_by_customer else "system",
        actor_id=user_id if is_by_customer else "",
        at=now,
        data={"device": device_id, "key": key.pk, "reason": reason.value},
    )
    if SigningDevice.objects.filter(pk=device_id, confirmed=True).exists():
        promise_security_notice(user_id=user_id, what="verification_off", now=now)
    return True


def _relying_party() -> "RelyingParty":
    # The app's own address: keys of the portal are no keys here, nor these there (RTS art. 9(1)).
    parts = urlsplit(settings.AUTHENTICATOR_BASE_URL)
    party: RelyingParty = _webauthn().RelyingParty(
        id=parts.hostname or "", name=settings.BANK_NAME, origin=f"{parts.scheme}://{parts.netloc}"
    )
    return party


def _webauthn() -> ModuleType:
    # Late: see there.
    from apps.sca import webauthn

    return webauthn
