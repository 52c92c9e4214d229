"""The secrets of authenticator apps at rest: AES-256-GCM, bound to their owner, so that no row fits another (S0-5)."""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from apps.core.keys import derive_former_keys, derive_key

AUTHENTICATOR_SECRET_BYTES = 20
_PURPOSE = "sca.authenticator-secret.v1"
_NONCE_BYTES = 12


def seal_secret(secret: bytes, *, owner: str) -> str:
    """``secret`` as it may be stored: 64 characters."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = AESGCM(derive_key(_PURPOSE)).encrypt(nonce, secret, owner.encode())
    return urlsafe_b64encode(nonce + sealed).decode()


def open_secret(stored: str, *, owner: str) -> bytes:
    """What was sealed for ``owner``, also under a secret key since replaced.

    :raises cryptography.exceptions.InvalidTag: altered, another's, or its key is gone.
    """
    raw = urlsafe_b64decode(stored)
    for key in (derive_key(_PURPOSE), *derive_former_keys(_PURPOSE)):
        try:
            return AESGCM(key).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], owner.encode())
        except InvalidTag:
            continue
    raise InvalidTag
