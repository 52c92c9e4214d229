"""One reader and one writer of signed tokens (RFC 7515, 7519, 8725), on joserfc's keys and algorithms.

The reader is stricter than the library: a closed list of algorithms, keys that are strong enough for them,
no duplicate JSON members, no ``crit``, a size limit, and nothing in the header ever chooses a key by itself.
"""

import base64
import binascii
import json
import math
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from joserfc import jwk
from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry

from apps.authserver.rules import SIGNING_ALGORITHMS
from apps.core.errors import DomainError

JWT_BYTES_MAX = 8 * 1024
# Base64url lengths of an RSA modulus of 2048 and of 8192 bits (RFC 7518 6.3.1.1).
RSA_MODULUS_LENGTH_MIN, RSA_MODULUS_LENGTH_MAX = 342, 1366
_KEY_SHAPES = {"ES256": ("EC", "P-256"), "PS256": ("RSA", None), "EdDSA": ("OKP", "Ed25519")}
NUMERIC_DATE_MAX = 253402300799  # 9999-12-31: the last moment a datetime can hold.
_SEGMENT = re.compile(r"[A-Za-z0-9_-]+")
_ALGORITHMS = {name: JWSRegistry.algorithms[name] for name in SIGNING_ALGORITHMS}


class JWTInvalid(DomainError):
    """Not a token that this reader accepts. ``detail`` says why, for the log only."""

    code = "jwt_invalid"


@dataclass(frozen=True, slots=True)
class UnverifiedJWT:
    """A token taken apart. Nothing in it is true before :func:`verify_signature`."""

    header: dict[str, Any]
    claims: dict[str, Any]
    signing_input: bytes
    signature: bytes

    @property
    def kid(self) -> str | None:
        kid = self.header.get("kid")
        return kid if isinstance(kid, str) else None


def read_jwt(token: str, *, types: Collection[str]) -> UnverifiedJWT:
    """Take a compact JWS apart. ``types`` are the lower-case ``typ`` values allowed beside an absent one.

    :raises JWTInvalid: size, form, algorithm, type, or critical extensions (RFC 8725 3.1, 3.11).
    """
    if len(token) > JWT_BYTES_MAX:
        raise JWTInvalid("too large")
    segments = token.split(".")
    if len(segments) != 3:
        raise JWTInvalid("not a compact JWS")
    header, claims = _read_object(segments[0]), _read_object(segments[1])
    if header.get("alg") not in SIGNING_ALGORITHMS:
        raise JWTInvalid("algorithm")
    typ = header.get("typ")
    if typ is not None and (not isinstance(typ, str) or typ.lower() not in types):
        raise JWTInvalid("type")
    if "crit" in header or "b64" in header or "zip" in header or "enc" in header:
        raise JWTInvalid("extension")
    if "kid" in header and not isinstance(header["kid"], str):
        raise JWTInvalid("kid")
    signing_input = f"{segments[0]}.{segments[1]}".encode("ascii")
    return UnverifiedJWT(header, claims, signing_input, _decode_segment(segments[2]))


def verify_signature(token: UnverifiedJWT, keys: Iterable[dict[str, Any]]) -> bool:
    """Whether one of the public keys made the signature. A ``kid`` narrows the choice, never widens it."""
    algorithm = _ALGORITHMS[token.header["alg"]]
    for public_jwk in keys:
        if token.kid is not None and public_jwk.get("kid") != token.kid:
            continue
        try:
            key = _import_public_key(json.dumps(public_jwk, sort_keys=True), token.header["alg"])
            if algorithm.verify(token.signing_input, token.signature, key):
                return True
        except (JoseError, ValueError, TypeError, OverflowError):
            continue  # An unusable key is no key; another of the app's keys may fit.
    return False


def sign_jwt(claims: dict[str, Any], *, key: jwk.ECKey, kid: str, typ: str = "JWT") -> str:
    """A compact ES256 JWS over ``claims``."""
    header = {"alg": "ES256", "kid": kid, "typ": typ}
    signing_input = f"{_encode_object(header)}.{_encode_object(claims)}"
    signature = _ALGORITHMS["ES256"].sign(signing_input.encode("ascii"), key)
    return f"{signing_input}.{_encode(signature)}"


def numeric_date(value: object) -> datetime | None:
    """The moment that a NumericDate names, or None when it is not one (NaN, text, booleans, year 10000)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return datetime.fromtimestamp(value, tz=UTC) if 0 <= value <= NUMERIC_DATE_MAX else None


def check_public_key(public_jwk: dict[str, Any], algorithm: str) -> None:
    """Refuse a key that is not fit for the algorithm.

    :raises JWTInvalid: wrong family or curve, RSA outside 2048 to 8192 bits, a private or symmetric key.
    """
    try:
        _import_public_key(json.dumps(public_jwk, sort_keys=True), algorithm)
    except (JoseError, ValueError, TypeError, OverflowError) as error:
        raise JWTInvalid(f"key: {type(error).__name__}") from error


@lru_cache(maxsize=2048)
def _import_public_key(canonical_jwk: str, algorithm: str) -> Any:
    """The key, once its shape is known to fit: what does not fit is never handed to the library."""
    public_jwk = json.loads(canonical_jwk)
    if (public_jwk.get("kty"), public_jwk.get("crv")) != _KEY_SHAPES[algorithm] or "d" in public_jwk:
        raise ValueError("not a public key for this algorithm")
    modulus = public_jwk.get("n", "")
    if algorithm == "PS256" and not RSA_MODULUS_LENGTH_MIN <= len(modulus) <= RSA_MODULUS_LENGTH_MAX:
        raise ValueError("RSA key size")
    key = jwk.import_key(public_jwk)
    _ALGORITHMS[algorithm].check_key(key)
    return key


def _read_object(segment: str) -> dict[str, Any]:
    try:
        value = json.loads(
            _decode_segment(segment).decode("utf-8"),
            object_pairs_hook=_refuse_duplicates,
            parse_constant=_refuse_constant,
        )
    except (ValueError, RecursionError) as error:
        raise JWTInvalid(f"JSON: {type(error).__name__}") from error
    if not isinstance(value, dict):
        raise JWTInvalid("not an object")
    return value


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Python keeps the last of two equal names, others the first: two readers, two meanings (RFC 8725 2.4).
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("duplicate member")
    return value


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _decode_segment(segment: str) -> bytes:
    if not _SEGMENT.fullmatch(segment) or len(segment) % 4 == 1:
        raise JWTInvalid("base64url")
    try:
        value = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except (ValueError, binascii.Error) as error:
        raise JWTInvalid("base64url") from error
    if _encode(value) != segment:
        raise JWTInvalid("base64url is not canonical")  # Else one token has many spellings.
    return value


def _encode(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii")


def _encode_object(value: dict[str, Any]) -> str:
    return _encode(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())
