"""What an authenticator app needs to know: as a QR code to scan, and as letters to type."""

from base64 import b32encode
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import segno
from django.conf import settings
from django.utils.safestring import SafeString, mark_safe


@dataclass(frozen=True, slots=True)
class AuthenticatorSetup:
    """One secret, ready to be shown; and the address that opens an app on the same device."""

    svg: SafeString
    secret_groups: str
    address: str


def describe_authenticator(*, secret: bytes, username: str, place: str = "") -> AuthenticatorSetup:
    """The Key URI that authenticator apps agree on (SHA-1, 6 digits, 30 seconds: their defaults, RFC 6238). ``place``
    tells two apps of one person apart: which door of the bank it is for, if not the portal."""
    secret_text = b32encode(secret).decode().rstrip("=")
    issuer = f"{settings.BANK_NAME} {place}".strip()
    label = quote(f"{issuer}:{username}")
    address = (
        f"otpauth://totp/{label}?{urlencode({'secret': secret_text, 'issuer': issuer}, quote_via=quote)}"
    )
    svg = segno.make(address, error="m", micro=False).svg_inline(
        omitsize=True, border=4, light="#fff", dark="#000", svgclass=None, lineclass=None
    )
    return AuthenticatorSetup(
        # Made by the library from numbers only: paths and attributes, no text of anybody, no style.
        svg=mark_safe(svg),  # noqa: S308
        secret_groups=" ".join(secret_text[at : at + 4] for at in range(0, len(secret_text), 4)),
        address=address,
    )
