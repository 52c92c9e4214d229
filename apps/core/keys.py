"""Keys derived from the one secret of the installation, each for one purpose (HKDF-SHA256, RFC 5869)."""

from functools import lru_cache

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


def derive_key(purpose: str) -> bytes:
    """32 bytes that belong to ``purpose`` alone; knowing one says nothing about another."""
    return _derive(settings.SECRET_KEY, purpose)


def derive_former_keys(purpose: str) -> list[bytes]:
    """The same of the secrets since replaced (``SECRET_KEY_FALLBACKS``): to read with, never to write with."""
    return [_derive(secret, purpose) for secret in settings.SECRET_KEY_FALLBACKS]


@lru_cache(maxsize=32)
def _derive(secret: str, purpose: str) -> bytes:
    if not secret:
        raise ValueError("SECRET_KEY is not set")
    return HKDF(algorithm=SHA256(), length=32, salt=b"bankportal", info=purpose.encode()).derive(
        secret.encode()
    )
