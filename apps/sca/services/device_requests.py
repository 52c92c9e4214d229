"""Asking the bank's app and its tokens: a request that one device alone can open (RTS art. 5, S3-10 to S3-19)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.db import transaction
from django.utils.translation import get_language

from apps.core.canonical import canonical_hash
from apps.core.errors import NotFound
from apps.core.keys import derive_key
from apps.identity.models import User
from apps.notifications.services import enqueue_message
from apps.sca.device_protocol import (
    RequestKeys,
    bank_key,
    keys_for_app,
    keys_for_token,
    public_bytes,
    request_content,
    seal_for_app,
    seal_for_token,
)
from apps.sca.device_view import view_on_device
from apps.sca.models import AuthenticationState, Challenge, SigningDevice
from apps.sca.queries import list_signing_devices
from apps.sca.rules import DEVICE_METHODS, AuthenticationMethod, ChallengeStatus, Purpose
from apps.sca.services.challenges import (
    TooManyCodes,
    fresh_nonce,
    has_asked_too_often,
    open_challenge,
    select_method,
)
from apps.sca.services.device_secrets import token_key_of

WAKE_APP_TASK = "sca.wake_app"


@dataclass(frozen=True, slots=True)
class SealedRequest:
    """One challenge for one device, as bytes that it alone can open."""

    challenge_id: UUID
    device_id: int | None
    device_name: str
    sealed: bytes


@transaction.atomic
def ask_device(
    *,
    user: User | None,
    purpose: Purpose,
    snapshot: dict[str, Any],
    method: AuthenticationMethod,
    authorisation_id: UUID | None = None,
    hide_limit: bool = True,
    now: datetime,
) -> UUID:
    """Open a challenge over ``snapshot`` for the apps of ``user`` (``PUSH_OTP``), which are woken, or for his tokens
    (``PHOTO_OTP``); its id. The device shows it in the language of the page on which it was asked for.

    ``user`` None makes a decoy, and so do the same reasons as of a code (:func:`apps.sca.services.send_code`): no
    device, a pause, too many requests. What was under way for the same authorisation before is void from now on.

    :raises apps.sca.services.TooManyCodes: with ``hide_limit=False`` only.
    :raises apps.sca.services.AuthorisationOver: the authorisation is final or expired.
    """
    if authorisation_id is not None:
        select_method(authorisation_id=authorisation_id, now=now)
    devices = _devices_for(method, user_id=user.pk) if user is not None else []
    owner = user if user is not None and devices and not is_held_up(user, now=now) else None
    if owner is None and user is not None and not hide_limit:
        raise TooManyCodes(str(user.pk))
    snapshot = {"purpose": purpose.value, **snapshot}
    challenge = open_challenge(
        user=owner,
        is_decoy=owner is None,
        purpose=purpose,
        method=method,
        snapshot=snapshot,
        nonce=fresh_nonce(),
        authorisation_id=authorisation_id,
        # Not the customer's own language: a decoy has none, and must be as long.
        shown=view_on_device(snapshot=snapshot, language=get_language() or settings.LANGUAGE_CODE),
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
    content = content_of(challenge)
    sealed = (
        seal_for_app(
            content,
            own=_bank_key(challenge),
            agreement_key=bytes(device.agreement_key or b""),
            challenge_id=challenge.pk,
        )
        if device.is_app
        else seal_for_token(content, token_key=token_key_of(device), challenge_id=challenge.pk)
    )
    return SealedRequest(challenge.pk, device.pk, device.name, sealed)


def seal_for_page(*, challenge_id: UUID) -> SealedRequest:
    """The request that a page shows: for the app or the token, as was asked, that its customer used last. A decoy's is
    as long and as random, is the same at every look, and no device opens it (N7).

    :raises NotFound: no challenge of a device.
    """
    challenge = Challenge.objects.filter(pk=challenge_id, method__in=DEVICE_METHODS).first()
    if challenge is None:
        raise NotFound("challenge")
    method = AuthenticationMethod(challenge.method)
    devices = _devices_for(method, user_id=challenge.user_id) if challenge.user_id else []
    if devices:
        return seal_request(challenge=challenge, device=devices[0])
    nobody = bank_key(secret=derive_key("sca.device-decoy.v1"), nonce=bytes(challenge.nonce))
    sealed = (
        seal_for_app(
            content_of(challenge),
            own=_bank_key(challenge),
            agreement_key=public_bytes(nobody),
            challenge_id=challenge.pk,
        )
        if method == AuthenticationMethod.PUSH_OTP
        else seal_for_token(
            content_of(challenge),
            token_key=nobody.private_numbers().private_value.to_bytes(32, "big"),
            challenge_id=challenge.pk,
        )
    )
    return SealedRequest(challenge.pk, None, "", sealed)


def seal_for_other_devices(*, challenge_id: UUID) -> list[SealedRequest]:
    """The same for his other apps, or his other tokens: for a page behind the sign-in, where he says which he holds."""
    challenge = Challenge.objects.filter(pk=challenge_id, method__in=DEVICE_METHODS).first()
    if challenge is None or challenge.user_id is None:
        return []
    devices = _devices_for(AuthenticationMethod(challenge.method), user_id=challenge.user_id)
    return [seal_request(challenge=challenge, device=device) for device in devices[1:]]


def list_requests(*, device: SigningDevice, now: datetime) -> list[SealedRequest]:
    """What waits for an answer of this app's customer, the newest first."""
    waiting = Challenge.objects.filter(
        user_id=device.user_id,
        method__in=DEVICE_METHODS,
        status=ChallengeStatus.OPEN,
        answered_at=None,
        expires_at__gt=now,
        attempts__lt=settings.SCA_MAX_ATTEMPTS,
    )
    # What an app has asked for itself it was given, and no other device is to show it.
    waiting = waiting.exclude(purpose=Purpose.VERIFICATION).order_by("-generated_at")
    return [seal_request(challenge=challenge, device=device) for challenge in waiting[:10]]


def content_of(challenge: Challenge) -> bytes:
    # From the snapshot itself, not from the hash beside it, as with passkeys.
    return request_content(
        nonce=bytes(challenge.nonce),
        snapshot_hash=canonical_hash(challenge.snapshot),
        shown=challenge.shown or {},
    )


def keys_for(challenge: Challenge, device: SigningDevice) -> RequestKeys:
    if device.is_app:
        return keys_for_app(
            own=_bank_key(challenge),
            agreement_key=bytes(device.agreement_key or b""),
            challenge_id=challenge.pk,
        )
    return keys_for_token(token_key=token_key_of(device), challenge_id=challenge.pk)


def _bank_key(challenge: Challenge) -> ec.EllipticCurvePrivateKey:
    return bank_key(secret=derive_key("sca.device.v1"), nonce=bytes(challenge.nonce))


def _devices_for(method: AuthenticationMethod, *, user_id: UUID) -> list[SigningDevice]:
    is_app = method == AuthenticationMethod.PUSH_OTP
    return [one for one in list_signing_devices(user_id=user_id) if one.is_app == is_app]


def is_held_up(user: User, *, now: datetime) -> bool:
    """Whether the customer is to be asked nothing just now: he is paused, or was asked too often."""
    AuthenticationState.objects.get_or_create(user=user)
    state = AuthenticationState.objects.select_for_update().get(user=user)
    if state.blocked_for_good or (state.blocked_until is not None and state.blocked_until > now):
        return True
    # Nobody is to be worn down by requests until he approves one (MFA fatigue).
    return has_asked_too_often(user=user, methods=DEVICE_METHODS, now=now)
