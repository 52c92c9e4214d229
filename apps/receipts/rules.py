"""What a signed receipt is, and when it is genuine: pure functions on bytes, so that nobody needs the bank to ask.

A receipt is a JSON document: a JWS in flattened JSON serialisation (RFC 7515 7.2.2), ES256 only, whose payload is the
canonical JSON of its content. One receipt has one spelling: every part must be written the way it is written here.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from joserfc import jwk
from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry

from apps.core.canonical import canonical_hash, canonical_json
from apps.core.errors import DomainError

RECEIPT_TYPE = "authorisation-receipt+jws"
RECEIPT_VERSION = 1
RECEIPT_BYTES_MAX = 512 * 1024
# A receipt may be on its way through the program while its key is retired.
RETIREMENT_GRACE = timedelta(minutes=5)
_ES256 = JWSRegistry.algorithms["ES256"]
# The order of P-256. With (r, s) also (r, order - s) is a signature; of the two only the one with the lower s is taken.
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_MEMBERS = {"payload", "protected", "signature"}
_CONTENT = {
    "version": int,
    "receipt_id": str,
    "issuer": str,
    "issued_at": str,
    "bank": dict,
    "subject": dict,
    "status": dict,
    "signatures": list,
}
_SIGNATURE = {
    "authorisation_id": str,
    "customer": str,
    "signed_at": str,
    "elements": list,
    "method": str,
    "snapshot": dict,
    "snapshot_sha256": str,
}


class ReceiptKind(StrEnum):
    """What there are receipts for, as the portal's addresses call it."""

    PAYMENT = "payment"
    STANDING_ORDER = "standing-order"
    FILE = "file"
    CONSENT = "consent"
    LIMITS = "limits"


class ReceiptRefused(DomainError):
    """Not a receipt of this bank as it was given out. ``detail`` says why, in plain words."""

    code = "receipt_refused"


def sign_receipt(content: Mapping[str, Any], *, private_key: jwk.ECKey) -> bytes:
    """The document of a receipt. The key's RFC 7638 thumbprint is its ``kid``."""
    header = {"alg": "ES256", "kid": private_key.thumbprint(), "typ": RECEIPT_TYPE}
    protected, payload = _encode(canonical_json(header)), _encode(canonical_json(content))
    signature = _lower(_ES256.sign(f"{protected}.{payload}".encode("ascii"), private_key))
    return canonical_json({"payload": payload, "protected": protected, "signature": _encode(signature)})


def verify_receipt(document: bytes, *, keys: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The content of a genuine receipt. ``keys`` are the members of the bank's JWK Set for receipts.

    Genuine: to the last byte as it was written; type and algorithm are those of receipts; one of the keys, at a time at
    which it signed, has signed it; and what is said to have been authorised hashes to what was signed with the codes.

    :raises ReceiptRefused: anything else.
    """
    if len(document) > RECEIPT_BYTES_MAX:
        raise ReceiptRefused("it is too large for a receipt")
    parts = _read(document, "the file is no receipt, or it was altered")
    if set(parts) != _MEMBERS or not all(isinstance(part, str) for part in parts.values()):
        raise ReceiptRefused("the file is no receipt, or it was altered")
    header = _read(_decode(parts["protected"]), "its head is not as the bank writes it")
    if header.get("alg") != "ES256":
        raise ReceiptRefused("it is not signed with ES256, the only algorithm for receipts")
    if header.get("typ") != RECEIPT_TYPE:
        raise ReceiptRefused("what was signed is of another type than a receipt")
    if set(header) != {"alg", "kid", "typ"} or not isinstance(header["kid"], str):
        raise ReceiptRefused("its head is not as the bank writes it")
    key = _find_key(header["kid"], keys)
    if not _is_signed(parts, key):
        raise ReceiptRefused("the signature does not fit: it was altered, or the bank did not sign it")
    content = _read(_decode(parts["payload"]), "its content is not as the bank writes it")
    _check_content(content)
    _check_life(content, key)
    return content


def read_jwks(document: bytes) -> list[dict[str, Any]]:
    """The members of a JWK Set as it was fetched from the bank.

    :raises ReceiptRefused: it is none.
    """
    try:
        keys = json.loads(document)["keys"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ReceiptRefused("this is no JWK Set") from None
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
        raise ReceiptRefused("this is no JWK Set")
    return keys


def public_jwk(
    *, key: Mapping[str, Any], kid: str, created_at: datetime, retired_at: datetime | None
) -> dict[str, Any]:
    """A key as it is published. ``iat`` and ``exp`` bound the time at which it signed (as OpenID Federation writes its
    historical keys); without ``exp`` it still does."""
    published = {**key, "kid": kid, "use": "sig", "alg": "ES256", "iat": int(created_at.timestamp())}
    if retired_at is not None:
        published["exp"] = int((retired_at + RETIREMENT_GRACE).timestamp())
    return published


def _find_key(kid: str, keys: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The key with this name, if it may sign receipts at all; its name must be its own thumbprint."""
    for key in keys:
        if key.get("kid") != kid:
            continue
        is_fit = (key.get("kty"), key.get("crv"), key.get("alg"), key.get("use")) == (
            "EC",
            "P-256",
            "ES256",
            "sig",
        )
        try:
            if is_fit and "d" not in key and _public_key(key).thumbprint() == kid:
                return key
        except (JoseError, ValueError, TypeError, KeyError):
            pass
        raise ReceiptRefused("the key that it names is not fit to sign receipts")
    raise ReceiptRefused("it is not signed with one of the bank's keys for receipts")


def _is_signed(parts: Mapping[str, str], key: Mapping[str, Any]) -> bool:
    try:
        signed = f"{parts['protected']}.{parts['payload']}".encode("ascii")
        signature = _decode(parts["signature"])
        is_low = int.from_bytes(signature[32:], "big") <= _ORDER // 2
        return is_low and bool(_ES256.verify(signed, signature, _public_key(key)))
    except (JoseError, ValueError, TypeError):
        return False


def _lower(signature: bytes) -> bytes:
    """The one spelling of an ES256 signature that is taken."""
    s = int.from_bytes(signature[32:], "big")
    return signature if s <= _ORDER // 2 else signature[:32] + (_ORDER - s).to_bytes(32, "big")


def _public_key(key: Mapping[str, Any]) -> jwk.ECKey:
    return jwk.ECKey.import_key({name: key[name] for name in ("kty", "crv", "x", "y")})


def _check_content(content: Mapping[str, Any]) -> None:
    _check_members(content, _CONTENT)
    if content["version"] != RECEIPT_VERSION:
        raise ReceiptRefused("it is of a version that this program does not know")
    if not content["signatures"]:
        raise ReceiptRefused("it tells of no signature")
    for signature in content["signatures"]:
        if not isinstance(signature, dict):
            raise ReceiptRefused("its content is not as the bank writes it")
        _check_members(signature, _SIGNATURE)
        if canonical_hash(signature["snapshot"]).hex() != signature["snapshot_sha256"]:
            raise ReceiptRefused("what was authorised does not hash to what was signed")


def _check_members(value: Mapping[str, Any], members: Mapping[str, type]) -> None:
    if any(type(value.get(name)) is not kind for name, kind in members.items()):
        raise ReceiptRefused("its content is not as the bank writes it")


def _check_life(content: Mapping[str, Any], key: Mapping[str, Any]) -> None:
    """Whoever comes by a retired key signs nothing with today's date."""
    try:
        issued_at = datetime.fromisoformat(content["issued_at"]).astimezone(UTC).timestamp()
        is_in_time = int(key["iat"]) <= issued_at <= int(key.get("exp", issued_at + 1))
    except (KeyError, TypeError, ValueError, OverflowError):
        raise ReceiptRefused("when it was issued, or when its key was in use, is not told") from None
    if not is_in_time:
        raise ReceiptRefused("its key was not in use when it is said to have been issued")


def _read(document: bytes, otherwise: str) -> dict[str, Any]:
    """The object that these bytes are the one canonical spelling of."""
    try:
        value = json.loads(document.decode("utf-8"))
        if isinstance(value, dict) and canonical_json(value) == document:
            return value
    except (ValueError, TypeError, RecursionError):
        pass
    raise ReceiptRefused(otherwise)


def _encode(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii")


def _decode(text: str) -> bytes:
    try:
        value = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        raise ReceiptRefused("it was altered: a part of it is no base64url") from None
    if _encode(value) != text:
        raise ReceiptRefused("it was altered: a part of it is no canonical base64url")
    return value
