"""Pure decisions of the protocol: scopes, PKCE, hashes, and the one way an answer is written into a URL."""

import base64
import hashlib
import hmac
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit
from uuid import UUID

from django.db import models

from apps.authserver.refusals import AuthorizationRefused
from apps.core.ids import parse_uuid
from apps.sca.rules import AuthenticationMethod

# FAPI 2.0 5.4.1. Never "none", never HMAC, never RSASSA-PKCS1-v1_5.
SIGNING_ALGORITHMS = ("ES256", "PS256", "EdDSA")
ID_TOKEN_ALGORITHM = "ES256"  # noqa: S105 (no password)
GRANT_TYPES = ("authorization_code", "refresh_token", "client_credentials")

# What the bank did when it authenticated the customer: two elements of different categories, checked for this one
# authorisation (RTS art. 4). By what, in the words of RFC 8176: password and SMS code; or a key in his possession,
# whose device had made sure of him.
ACR_SCA = "urn:lindenbank:acr:sca"
AMR_BY_METHOD: dict[str, tuple[str, ...]] = {
    AuthenticationMethod.SMS_OTP: ("pwd", "otp", "sms", "mfa"),
    AuthenticationMethod.PASSKEY: ("pop", "user", "mfa"),
}

CLIENT_SCOPE_ROLES = {"aisp": "AISP", "pisp": "PISP", "piisp": "PIISP"}

# With what an authorization may end other than a code (RFC 6749 4.1.2.1).
ANSWERS_WITHOUT_CODE = frozenset({"access_denied", "server_error", "temporarily_unavailable"})

STATE_LENGTH_MAX = 2048
NONCE_LENGTH_MAX = 255

_S256_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_CODE_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_RESERVED_IN_ANSWERS = frozenset(
    {"code", "state", "iss", "error", "error_description", "error_uri", "response"}
)


class AuthorizationOutcome(models.TextChoices):
    """What became of an authorization request."""

    OPEN = "open"
    GRANTED = "granted"
    DENIED = "denied"


class GrantKind(StrEnum):
    """What a customer is asked to authorise; the value is the prefix in the scope."""

    CONSENT = "AIS"
    PAYMENT = "PIS"


ROLE_FOR_KIND = {GrantKind.CONSENT: "AISP", GrantKind.PAYMENT: "PISP"}


@dataclass(frozen=True, slots=True)
class AuthorizationScope:
    """``openid AIS:<consentId>`` or ``openid PIS:<paymentId>``, understood."""

    kind: GrantKind
    object_id: UUID

    @property
    def object_scope(self) -> str:
        return f"{self.kind.value}:{self.object_id}"

    def __str__(self) -> str:
        return f"openid {self.object_scope}"


def parse_authorization_scope(text: str) -> AuthorizationScope:
    """The one object that the scope names. Order has no meaning; nothing is ever added.

    :raises AuthorizationRefused: ``invalid_scope`` for anything but ``openid`` and one consent or payment.
    """
    others = set(text.split(" ")) - {"openid"}
    if "openid" not in text.split(" ") or len(others) != 1:
        raise AuthorizationRefused(
            "invalid_scope", "scope is 'openid AIS:<consentId>' or 'openid PIS:<paymentId>'."
        )
    prefix, _, name = others.pop().partition(":")
    object_id = parse_uuid(name)
    if prefix not in list(GrantKind) or object_id is None:
        raise AuthorizationRefused(
            "invalid_scope", "scope is 'openid AIS:<consentId>' or 'openid PIS:<paymentId>'."
        )
    return AuthorizationScope(GrantKind(prefix), object_id)


def is_client_scope_allowed(*, scopes: Collection[str], roles: Collection[str]) -> bool:
    """Whether an app may have these scopes for itself: at least one, each backed by its TPP's role."""
    return bool(scopes) and all(CLIENT_SCOPE_ROLES.get(scope) in roles for scope in scopes)


def is_s256_challenge(text: str) -> bool:
    """Whether this is a SHA-256 in base64url without padding (RFC 7636 4.2)."""
    return _S256_CHALLENGE.fullmatch(text) is not None


def is_verifier_of(*, verifier: str, challenge: str) -> bool:
    """Whether ``verifier`` is well formed and hashes to ``challenge`` (RFC 7636 4.6), in constant time."""
    if _CODE_VERIFIER.fullmatch(verifier) is None:
        return False
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    computed = base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
    return hmac.compare_digest(computed, challenge)


def credential_hash(credential: str) -> str:
    """How codes and tokens are kept: SHA-256 in hex. They carry 256 random bits, so no salt or stretching."""
    return hashlib.sha256(credential.encode("utf-8", "surrogatepass")).hexdigest()


def access_token_hash(access_token: str) -> str:
    """``at_hash``: the left half of the SHA-256 of the access token, base64url (OIDC Core 3.1.3.6)."""
    digest = hashlib.sha256(access_token.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode("ascii")


def answer_url(*, redirect_uri: str, issuer: str, state: str | None, answer: Mapping[str, str]) -> str:
    """The redirect that carries every authorization answer, good or bad; there is no other builder.

    ``iss`` is always there (RFC 9207 2, on errors too), ``state`` whenever the request had one. Query
    parameters that the TPP registered stay, but none of them can pass for a part of the answer.
    """
    parts = urlsplit(redirect_uri)
    registered = [
        pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] not in _RESERVED_IN_ANSWERS
    ]
    pairs = [*registered, *answer.items()]
    if state:
        pairs.append(("state", state))
    pairs.append(("iss", issuer))
    return urlunsplit(parts._replace(query=urlencode(pairs, quote_via=quote), fragment=""))
