"""A public key as people have it: PEM or JWK in, one canonical JWK out. Private keys are sent back unread."""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

TEXT_LENGTH_MAX = 8192
RSA_BITS_MIN, RSA_BITS_MAX = 2048, 8192
ALGORITHM_OF_KIND = {"EC": "ES256", "RSA": "PS256", "OKP": "EdDSA"}  # FAPI 2.0 5.4.1
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+")
_KID = re.compile(r"[A-Za-z0-9._~=-]{1,64}")


class KeyRefused(Exception):
    """The text holds no key that can be registered; ``text`` says why, to the developer."""

    def __init__(self, text: str | Promise) -> None:
        super().__init__(str(text))
        self.text = text


class PrivateKeyPasted(KeyRefused):
    """A private key. It has left the developer's machine and must not be used any more."""

    def __init__(self) -> None:
        super().__init__(_("This is a private key. We have not stored it."))


def parse_public_key(text: str) -> dict[str, str]:
    """The public key in ``text`` as a JWK of only the members that make it, plus ``kid`` if it named one.

    :raises PrivateKeyPasted: a private key is in it.
    :raises KeyRefused: no key, several, or one of another kind.
    """
    text = text.strip()
    if "PRIVATE KEY" in text.upper():
        raise PrivateKeyPasted
    if text.startswith("-----BEGIN"):
        return _from_pem(text)
    if text.startswith("{"):
        return _from_json(text)
    raise KeyRefused(_("This is neither PEM (-----BEGIN PUBLIC KEY-----) nor a JWK (a JSON object)."))


def _from_pem(text: str) -> dict[str, str]:
    if "-----BEGIN CERTIFICATE" in text:
        raise KeyRefused(
            _("This is a certificate. Paste the public key in it, which begins -----BEGIN PUBLIC KEY-----.")
        )
    try:
        key = load_pem_public_key(text.encode("ascii", "replace"))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyRefused(_("This PEM text cannot be read. Has all of it been pasted?")) from error
    return _to_jwk(key)


def _from_json(text: str) -> dict[str, str]:
    try:
        value = json.loads(text, object_pairs_hook=_refuse_duplicates)
    except (ValueError, RecursionError) as error:
        raise KeyRefused(_("This JSON cannot be read.")) from error
    if "keys" in value:
        keys = value["keys"]
        if not isinstance(keys, list) or len(keys) != 1 or not isinstance(keys[0], dict):
            raise KeyRefused(_("Paste one key at a time."))
        value = keys[0]
    if _PRIVATE_MEMBERS & value.keys():
        raise PrivateKeyPasted
    try:
        public = _to_jwk(_import_jwk(value))
    except (ValueError, TypeError, KeyError) as error:
        raise KeyRefused(_("This JWK cannot be read: a member is missing or malformed.")) from error
    _check_use(value, algorithm=ALGORITHM_OF_KIND[public["kty"]])
    kid = value.get("kid")
    if kid is not None:
        if not isinstance(kid, str) or not _KID.fullmatch(kid):
            raise KeyRefused(_("The key ID (kid) has up to 64 letters, digits and . _ ~ = -"))
        public["kid"] = kid
    return public


def _check_use(value: dict[str, Any], *, algorithm: str) -> None:
    if value.get("use", "sig") != "sig":
        raise KeyRefused(_("This key is meant for encryption (use), not for signatures."))
    if value.get("alg", algorithm) != algorithm:
        raise KeyRefused(
            _("This key names an algorithm (alg) that we do not take: ES256, PS256 and EdDSA are.")
        )


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("duplicate member")
    return value


def _import_jwk(value: dict[str, Any]) -> object:
    """The library's key: it refuses points that are not on the curve."""
    kind = (value.get("kty"), value.get("crv"))
    if kind == ("EC", "P-256"):
        x, y = (int.from_bytes(_decode(value[name]), "big") for name in ("x", "y"))
        return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    if kind == ("OKP", "Ed25519"):
        return ed25519.Ed25519PublicKey.from_public_bytes(_decode(value["x"]))
    if value.get("kty") == "RSA":
        n, e = (int.from_bytes(_decode(value[name]), "big") for name in ("n", "e"))
        _check_rsa_bits(n.bit_length())
        return rsa.RSAPublicNumbers(e, n).public_key()
    raise KeyRefused(_("We take keys of the kinds EC P-256, RSA and Ed25519."))


def _to_jwk(key: object) -> dict[str, str]:
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        point = key.public_numbers()
        return {"kty": "EC", "crv": "P-256", "x": _encode(point.x, 32), "y": _encode(point.y, 32)}
    if isinstance(key, ed25519.Ed25519PublicKey):
        raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
        return {"kty": "OKP", "crv": "Ed25519", "x": _encode(int.from_bytes(raw, "big"), 32)}
    if isinstance(key, rsa.RSAPublicKey):
        _check_rsa_bits(key.key_size)
        numbers = key.public_numbers()
        if numbers.e < 65537:
            raise KeyRefused(_("The exponent of this RSA key is too small; 65537 is usual."))
        n, e = (_encode(number, (number.bit_length() + 7) // 8) for number in (numbers.n, numbers.e))
        return {"kty": "RSA", "n": n, "e": e}
    raise KeyRefused(_("We take keys of the kinds EC P-256, RSA and Ed25519."))


def _check_rsa_bits(bits: int) -> None:
    if not RSA_BITS_MIN <= bits <= RSA_BITS_MAX:
        raise KeyRefused(_("RSA keys have 2048 to 8192 bits here."))


def _decode(text: object) -> bytes:
    if not isinstance(text, str) or not _BASE64URL.fullmatch(text) or len(text) % 4 == 1:
        raise ValueError("not base64url")
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _encode(number: int, length: int) -> str:
    return urlsafe_b64encode(number.to_bytes(length, "big")).rstrip(b"=").decode()
