"""What we ask of the WebAuthn library, and nothing else of it: requests for browsers, and whether an answer is true.

It weighs seven megabytes in each process that knows it, so ``sca.services.passkeys`` imports this only when a passkey
is at hand: the workers of the queue never do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from webauthn import (
    base64url_to_bytes,
    generate_authentication_options,
    generate_registration_options,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import options_to_json_dict
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    CredentialDeviceType,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

# What a malformed answer can bring about inside the library, beside its own errors.
_REFUSALS = (WebAuthnException, ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError)


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """Who asks: the domain that keys belong to, and the one address whose pages may ask (RTS art. 28)."""

    id: str
    name: str
    origin: str


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that a device has made, and what it told of itself."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    aaguid: str
    is_synced: bool


def authentication_request(
    *, party: RelyingParty, challenge: bytes, credential_ids: Sequence[bytes], timeout_seconds: int
) -> dict[str, Any]:
    """PublicKeyCredentialRequestOptions as JSON; without ids the device offers what it has."""
    return options_to_json_dict(
        generate_authentication_options(
            rp_id=party.id,
            challenge=challenge,
            timeout=timeout_seconds * 1000,
            allow_credentials=_descriptors(credential_ids),
            user_verification=UserVerificationRequirement.REQUIRED,
        )
    )


def registration_request(
    *,
    party: RelyingParty,
    challenge: bytes,
    user_handle: bytes,
    user_name: str,
    display_name: str,
    known_ids: Sequence[bytes],
    timeout_seconds: int,
) -> dict[str, Any]:
    """PublicKeyCredentialCreationOptions as JSON, for a key that is found without a user name and asks for its user."""
    return options_to_json_dict(
        generate_registration_options(
            rp_id=party.id,
            rp_name=party.name,
            user_id=user_handle,
            user_name=user_name,
            user_display_name=display_name,
            challenge=challenge,
            timeout=timeout_seconds * 1000,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=_descriptors(known_ids),
        )
    )


def credential_id_of(answer: dict[str, Any]) -> bytes:
    """Which key an answer is said to be of; empty if that cannot be read."""
    try:
        return base64url_to_bytes(answer["id"])
    except ValueError:
        return b""


def verify_answer(
    *, party: RelyingParty, challenge: bytes, public_key: bytes, answer: dict[str, Any]
) -> int | None:
    """The device's count after an answer that is true in every respect but that count; else None.

    The count is the caller's business: only a true signature may have a key withdrawn for it.
    """
    try:
        return verify_authentication_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=public_key,
            credential_current_sign_count=0,
            require_user_verification=True,
        ).new_sign_count
    except _REFUSALS:
        return None


def verify_new_key(*, party: RelyingParty, challenge: bytes, answer: dict[str, Any]) -> NewKey | None:
    """The key that a device has made for this challenge, its user verified; None if the answer is not true."""
    try:
        made = verify_registration_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_verification=True,
        )
    except _REFUSALS:
        return None
    return NewKey(
        credential_id=made.credential_id,
        public_key=made.credential_public_key,
        sign_count=made.sign_count,
        aaguid=made.aaguid,
        is_synced=made.credential_device_type == CredentialDeviceType.MULTI_DEVICE,
    )


def _descriptors(credential_ids: Sequence[bytes]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=one) for one in credential_ids]
