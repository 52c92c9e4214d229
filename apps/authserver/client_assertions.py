"""What a client assertion must say (RFC 7523 3, FAPI 2.0 5.3.2.1-8 and -13). Pure: no tables, no clock."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.authserver.jose import JWTInvalid, UnverifiedJWT, numeric_date, read_jwt
from apps.authserver.refusals import ClientAuthenticationFailed

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_JWT_TYPES = frozenset({"jwt", "client-authentication+jwt"})
LIFETIME_MAX = timedelta(hours=1)
EXPIRY_LEEWAY = timedelta(seconds=10)
# FAPI 2.0 5.3.2.1-13: 10 s ahead must pass (clocks differ), more than 60 s must not.
AHEAD_MAX = timedelta(seconds=60)
JTI_LENGTH_MAX = 255
_CLIENT_ID = re.compile(r"[A-Za-z0-9._~-]{1,64}")


@dataclass(frozen=True, slots=True)
class AssertionClaims:
    """What remains of a believed assertion: its name, and how long the name must be remembered."""

    jti: str
    remember_until: datetime


def read_client_assertion(assertion: str) -> tuple[str, UnverifiedJWT]:
    """The client that the assertion claims to be from, and the assertion taken apart; nothing is believed yet.

    :raises ClientAuthenticationFailed: no assertion that could ever be right.
    """
    try:
        token = read_jwt(assertion, types=ASSERTION_JWT_TYPES)
    except JWTInvalid as error:
        raise ClientAuthenticationFailed(f"assertion: {error.detail}") from error
    client_id = token.claims.get("sub")
    if not isinstance(client_id, str) or not _CLIENT_ID.fullmatch(client_id):
        raise ClientAuthenticationFailed("assertion: sub")
    return client_id, token


def check_assertion_claims(
    token: UnverifiedJWT, *, client_id: str, issuer: str, now: datetime
) -> AssertionClaims:
    """The claims of an assertion whose signature holds.

    ``aud`` is the issuer as one string: a list, the token endpoint, anything else is refused, so that an
    assertion made for another server is worthless here.

    :raises ClientAuthenticationFailed: naming the claim in ``detail``.
    """
    claims = token.claims
    if claims.get("iss") != client_id or claims.get("sub") != client_id:
        raise ClientAuthenticationFailed("assertion: iss")
    if claims.get("aud") != issuer:
        raise ClientAuthenticationFailed("assertion: aud")
    expires_at = numeric_date(claims.get("exp"))
    if expires_at is None or not now - EXPIRY_LEEWAY < expires_at <= now + LIFETIME_MAX + EXPIRY_LEEWAY:
        raise ClientAuthenticationFailed("assertion: exp")
    for name in ("iat", "nbf"):
        moment = numeric_date(claims.get(name))
        if name in claims and (moment is None or moment > now + AHEAD_MAX):
            raise ClientAuthenticationFailed(f"assertion: {name}")
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= JTI_LENGTH_MAX:
        raise ClientAuthenticationFailed("assertion: jti")
    return AssertionClaims(jti=jti, remember_until=expires_at + EXPIRY_LEEWAY)
