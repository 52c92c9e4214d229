"""Small secrets at rest: AES-256-GCM, bound to their purpose and owner, so that no stored value fits another place."""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from apps.core.keys import derive_former_keys, derive_key

_NONCE_BYTES = 12


def seal(value: bytes, *, purpose: str, owner: str) -> str:
    """``value`` as it may be stored: URL-safe Base64 text."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = AESGCM(derive_key(purpose)).encrypt(nonce, value, owner.encode())
    return urlsafe_b64encode(nonce + sealed).decode()


def unseal(stored: str, *, purpose: str, owner: str) -> bytes:
    """What was sealed for this purpose and owner, also under a secret key since replaced.

    :raises cryptography.exceptions.InvalidTag: altered, another's, or its key is gone.
    """
    raw = urlsafe_b64decode(stored)
    for key in (derive_key(purpose), *derive_former_keys(purpose)):
        try:
            return AESGCM(key).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], owner.encode())
        except InvalidTag:
            continue
    raise InvalidTag
