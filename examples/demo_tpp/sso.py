"""ShopPay's own single sign-on tokens: JWTs that say who the user is and what the client may do (S0-16, S0-36).

They prove the user to ShopPay and to nobody else. In particular they are not an element of the bank's strong
customer authentication, although the founding text calls them a "first factor": the bank authenticates its customer
itself (decision N1).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import ECKey
from joserfc.jwt import JWTClaimsRegistry

ALGORITHM = "ES256"
TOKEN_TYPE = "sso+jwt"  # noqa: S105  not a secret
LIFETIME_SECONDS = 15 * 60
MAX_TOKEN_LENGTH = 4096

SCOPE_ENROL = "enrol"
SCOPE_ACCOUNTS = "accounts"
SCOPE_PAY = "pay"
ALL_SCOPES = (SCOPE_ENROL, SCOPE_ACCOUNTS, SCOPE_PAY)


class SSOTokenRefused(Exception):
    """A token was missing or failed a check. ``reason`` is stable; str() is fit for the client.

    Reasons: missing, malformed, signature, expired, claims, revoked, scope.
    """

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class SSOClaims:
    """What a checked token says."""

    subject: str
    scopes: frozenset[str]
    jti: str
    expires_at: int


def make_signing_key() -> bytes:
    """A new P-256 private key as PEM."""
    return ECKey.generate_key("P-256").as_pem(private=True)


class SSO:
    """Issues and checks the tokens with ShopPay's own key."""

    def __init__(
        self,
        *,
        private_key_pem: bytes,
        issuer: str,
        is_revoked: Callable[[str], bool],
        clock: Callable[[], int],
    ) -> None:
        key = ECKey.import_key(private_key_pem)
        self._key = ECKey.import_key(key.as_dict(private=True) | {"kid": key.thumbprint()})
        self._kid = str(self._key.kid)
        self._issuer = issuer
        self._audience = f"{issuer}/api"
        self._is_revoked = is_revoked
        self._clock = clock

    def issue(self, *, subject: str, scopes: Iterable[str] = ALL_SCOPES) -> str:
        """A token for this user, good for 15 minutes and for these scopes."""
        now = self._clock()
        claims = {
            "iss": self._issuer,
            "sub": subject,
            "aud": self._audience,
            "iat": now,
            "nbf": now,
            "exp": now + LIFETIME_SECONDS,
            "jti": secrets.token_urlsafe(18),
            "scope": " ".join(sorted(scopes)),
        }
        header = {"alg": ALGORITHM, "kid": self._kid, "typ": TOKEN_TYPE}
        return jwt.encode(header, claims, self._key, algorithms=[ALGORITHM])

    def verify(self, token: str | None, *, scope: str | None = None) -> SSOClaims:
        """Check signature, expiry and authorisation, in this order. Raises SSOTokenRefused."""
        if not token:
            raise SSOTokenRefused("missing", "Log in first: this needs a ShopPay token.")
        if len(token) > MAX_TOKEN_LENGTH or not re.fullmatch(
            r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*", token
        ):
            raise SSOTokenRefused("malformed", "This is not a ShopPay token.")
        try:
            # One algorithm and one key, both ours: what the header claims (alg none, HS256 with our public key, an
            # embedded key, a key address) is never followed. RFC 8725 3.1.
            decoded = jwt.decode(token, self._key, algorithms=[ALGORITHM])
        except (JoseError, ValueError, TypeError, RecursionError) as error:
            raise SSOTokenRefused("signature", "The token's signature is not ShopPay's.") from error
        if decoded.header.get("typ") != TOKEN_TYPE or decoded.header.get("kid") != self._kid:
            raise SSOTokenRefused("signature", "The token's signature is not ShopPay's.")
        claims = decoded.claims
        try:
            registry = JWTClaimsRegistry(
                now=self._clock,
                iss={"essential": True, "value": self._issuer},
                aud={"essential": True, "value": self._audience},
                sub={"essential": True},
                exp={"essential": True},
                jti={"essential": True},
                scope={"essential": True, "allow_blank": True},
            )
            registry.validate(claims)
        except ExpiredTokenError as error:
            raise SSOTokenRefused("expired", "The token has expired. Log in again.") from error
        except (JoseError, ValueError, TypeError) as error:
            raise SSOTokenRefused("claims", "The token is not meant for this use.") from error
        checked = SSOClaims(
            subject=str(claims["sub"]),
            scopes=frozenset(str(claims["scope"]).split()),
            jti=str(claims["jti"]),
            expires_at=int(claims["exp"]),
        )
        if self._is_revoked(checked.jti):
            raise SSOTokenRefused("revoked", "You have logged out. Log in again.")
        if scope is not None and scope not in checked.scopes:
            raise SSOTokenRefused("scope", f"The token does not allow '{scope}'.")
        return checked
