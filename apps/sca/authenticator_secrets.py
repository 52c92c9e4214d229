"""The secrets of authenticator apps at rest: encrypted and bound to their owner, so that no row fits another (S0-5)."""

from apps.core.sealing import seal, unseal

AUTHENTICATOR_SECRET_BYTES = 20
_PURPOSE = "sca.authenticator-secret.v1"


def seal_secret(secret: bytes, *, owner: str) -> str:
    """``secret`` as it may be stored: 64 characters."""
    return seal(secret, purpose=_PURPOSE, owner=owner)


def open_secret(stored: str, *, owner: str) -> bytes:
    """What was sealed for ``owner``, also under a secret key since replaced.

    :raises cryptography.exceptions.InvalidTag: altered, another's, or its key is gone.
    """
    return unseal(stored, purpose=_PURPOSE, owner=owner)
