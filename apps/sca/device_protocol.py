"""What the bank and a customer's own signing device say to one another, as bytes (decision 0031).

A *request* is a message that one device alone can open. What it opens to is the *content*: 32 bytes that stand for the
whole snapshot, and the lines that the device shows. A device answers over the SHA-256 of exactly the content that it
has opened and shown, so that there is nothing that could be shown and not be signed (RTS art. 5(1)(a)-(b), S3-3).

==== ================================================================ ==========================
kind  bytes of the request                                            shared secret
==== ================================================================ ==========================
1     ``01``, challenge id (16), public key of the bank (65), sealed  ECDH (P-256) of that key and the app's
2     ``02``, challenge id (16), sealed                               the key inside the token
==== ================================================================ ==========================

``sealed`` is AES-256-GCM under a key of this request alone (HKDF-SHA-256 of the shared secret, salted with the
challenge's id), with a nonce of zeros, since nothing else is ever sealed with it, and all that stands before it as
associated data. The same secret gives the key of the short code, which a person can type. No queries, no clock.

A token is bound by a request whose lines say ``"asks": "new_pin"``: its owner chooses a PIN on it, and types fourteen
digits, the short code and then the PIN, hidden by a pad that hangs on the code (:func:`read_new_pin`).
"""

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from apps.core.canonical import canonical_json

APP_REQUEST, TOKEN_REQUEST = b"\x01", b"\x02"
SHORT_CODE_DIGITS = 8
PIN_KEY_BYTES = TOKEN_KEY_BYTES = 32
PIN_DIGITS = 6
_NO_NONCE = bytes(12)
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256 (SEC 2, 2.4.2)


@dataclass(frozen=True, slots=True)
class RequestKeys:
    """What the shared secret gives for one challenge: a key that seals, and one that makes the short code."""

    sealing: bytes
    code: bytes


def request_content(*, nonce: bytes, snapshot_hash: bytes, shown: dict[str, Any]) -> bytes:
    """What a device opens: what stands for the snapshot, then the lines to show, as JSON in one spelling."""
    whole = hashlib.sha256(b"bankportal.device.v1|" + nonce + snapshot_hash).digest()
    return whole + canonical_json(shown)


def bank_key(*, secret: bytes, nonce: bytes) -> ec.EllipticCurvePrivateKey:
    """The bank's half of the agreement with apps, for one challenge; made again from its nonce, so stored nowhere."""
    wide = HKDF(
        algorithm=hashes.SHA256(), length=48, salt=nonce, info=b"bankportal.device.bank-key.v1"
    ).derive(secret)
    # 384 bits reduced: no key is likelier than another (FIPS 186-5, A.2.1).
    return ec.derive_private_key(int.from_bytes(wide, "big") % (_ORDER - 1) + 1, ec.SECP256R1())


def keys_for_app(*, own: ec.EllipticCurvePrivateKey, agreement_key: bytes, challenge_id: UUID) -> RequestKeys:
    """The keys that the bank shares with the app whose public key is ``agreement_key``."""
    return _request_keys(own.exchange(ec.ECDH(), read_public_key(agreement_key)), challenge_id)


def keys_for_token(*, token_key: bytes, challenge_id: UUID) -> RequestKeys:
    """The keys that the bank shares with a token."""
    return _request_keys(token_key, challenge_id)


def seal_for_app(
    content: bytes, *, own: ec.EllipticCurvePrivateKey, agreement_key: bytes, challenge_id: UUID
) -> bytes:
    """The request of kind 1."""
    keys = keys_for_app(own=own, agreement_key=agreement_key, challenge_id=challenge_id)
    return _seal(content, keys, APP_REQUEST + challenge_id.bytes + public_bytes(own))


def seal_for_token(content: bytes, *, token_key: bytes, challenge_id: UUID) -> bytes:
    """The request of kind 2."""
    keys = keys_for_token(token_key=token_key, challenge_id=challenge_id)
    return _seal(content, keys, TOKEN_REQUEST + challenge_id.bytes)


def short_code(*, keys: RequestKeys, pin_key: bytes, content: bytes) -> str:
    """Eight digits over the content, for a person to type (S3-12). With another PIN they are others, and the device
    does not know which are right: whoever finds it cannot try PINs without the bank counting."""
    mac = hmac.digest(keys.code, pin_key + hashlib.sha256(content).digest(), hashlib.sha256)
    return str(int.from_bytes(mac[:8], "big") % 10**SHORT_CODE_DIGITS).zfill(SHORT_CODE_DIGITS)


def pin_proof(*, pin_key: bytes, content: bytes) -> bytes:
    """That the right PIN was entered after this content was shown; worth nothing for another."""
    return hmac.digest(
        pin_key, b"bankportal.device.pin.v1|" + hashlib.sha256(content).digest(), hashlib.sha256
    )


def token_pin_key(*, token_key: bytes, pin: str) -> bytes:
    """What a token makes of its PIN. Not slow: whoever has neither the token's key nor the bank has nothing to try
    PINs on, and whoever has the key has no answer to compare with."""
    return hmac.digest(token_key, b"bankportal.token.pin.v1|" + pin.encode(), hashlib.sha256)


def read_new_pin(*, keys: RequestKeys, code: str, hidden: str) -> str:
    """The PIN that a token was given, of the digits that hide it. The pad hangs on the code, which hangs on the PIN:
    no pad ever hides two PINs. Whether it is the right one, only the code over it tells."""
    pad = hmac.digest(keys.code, b"bankportal.token.new-pin.v1|" + code.encode(), hashlib.sha256)
    pin = (int(hidden) - int.from_bytes(pad[:8], "big")) % 10**PIN_DIGITS
    return str(pin).zfill(PIN_DIGITS)


def verification_challenge(content: bytes) -> bytes:
    """What the telephone's own authenticator signs once it has made sure of its user: over the very content that the
    app has opened and shown, as the PIN's proof is (decision 0040)."""
    return hashlib.sha256(b"bankportal.device.verification.v1|" + hashlib.sha256(content).digest()).digest()


def is_signed(*, signing_key: bytes, body: bytes, signature: bytes) -> bool:
    """Whether ``signature`` (ECDSA on P-256 with SHA-256, r and s of 32 bytes) over ``body`` is the device's."""
    if len(signature) != 64:
        return False
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        read_public_key(signing_key).verify(encode_dss_signature(r, s), body, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def read_public_key(point: bytes) -> ec.EllipticCurvePublicKey:
    """A public key as 65 bytes, uncompressed.

    :raises ValueError: anything else, a point that is not on the curve included.
    """
    if len(point) != 65:
        raise ValueError("not an uncompressed point")
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)


def public_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The public half of ``key``, as 65 bytes."""
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def to_text(data: bytes) -> str:
    """Bytes as they stand in JSON, in links and in pictures: Base64 for URLs, without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def from_text(text: str) -> bytes:
    """The bytes that :func:`to_text` has written.

    :raises ValueError: another spelling.
    """
    data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if to_text(data) != text:
        raise ValueError("not Base64 for URLs in its one spelling")
    return data


def read_shown(content: bytes) -> dict[str, Any]:
    """The lines of a content, as the device shows them."""
    shown: dict[str, Any] = json.loads(content[32:])
    return shown


def _request_keys(shared: bytes, challenge_id: UUID) -> RequestKeys:
    wide = HKDF(
        algorithm=hashes.SHA256(), length=64, salt=challenge_id.bytes, info=b"bankportal.device.request.v1"
    ).derive(shared)
    return RequestKeys(sealing=wide[:32], code=wide[32:])


def _seal(content: bytes, keys: RequestKeys, head: bytes) -> bytes:
    return head + AESGCM(keys.sealing).encrypt(_NO_NONCE, content, head)
