"""A TPP's program, as the tests drive it: keys, assertions, PKCE, requests. Knows nothing of the server's code."""

import base64
import hashlib
import hmac
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from django.test import Client
from joserfc import jwk, jws

ISSUER = "http://localhost:8000"
REDIRECT_URI = "https://shoppay.example/callback"
OTHER_REDIRECT_URI = "https://shoppay.example/other?shop=7"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
FORM = "application/x-www-form-urlencoded"

EC_KEY = jwk.ECKey.generate_key("P-256")
OTHER_EC_KEY = jwk.ECKey.generate_key("P-256")
ED_KEY = jwk.OKPKey.generate_key("Ed25519")
RSA_KEY = jwk.RSAKey.generate_key(2048)


def b64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def signed(header: dict[str, Any], claims: dict[str, Any] | bytes, key: Any) -> str:
    """A JWS with whatever header, payload and algorithm, right or wrong."""
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    signing_input = f"{b64(json.dumps(header).encode())}.{b64(payload)}"
    signature = jws.JWSRegistry.algorithms[header["alg"]].sign(signing_input.encode(), key)
    return f"{signing_input}.{b64(signature)}"


def hmac_signed(header: dict[str, Any], claims: dict[str, Any], secret: bytes) -> str:
    """A JWS keyed with any bytes, a public key's PEM for one."""
    signing_input = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}"
    return f"{signing_input}.{b64(hmac.digest(secret, signing_input.encode(), 'sha256'))}"


@dataclass
class PKCE:
    """One authorization's proof."""

    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    @property
    def challenge(self) -> str:
        return b64(hashlib.sha256(self.verifier.encode()).digest())


@dataclass
class TPPProgram:
    """An app with its private key."""

    client_id: str
    key: Any = field(default_factory=lambda: EC_KEY)
    kid: str = "test-key"
    alg: str = "ES256"
    redirect_uri: str = REDIRECT_URI
    http: Client = field(default_factory=Client)

    def claims(self, **changes: Any) -> dict[str, Any]:
        """A good assertion's claims; ``None`` takes one out."""
        now = int(time.time())
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": ISSUER,
            "jti": secrets.token_urlsafe(16),
            "iat": now,
            "exp": now + 60,
        } | changes
        return {name: value for name, value in claims.items() if value is not None}

    def assertion(self, *, header: dict[str, Any] | None = None, key: Any = None, **changes: Any) -> str:
        header = {"alg": self.alg, "kid": self.kid} | (header or {})
        return signed(header, self.claims(**changes), key or self.key)

    def proof(self, assertion: str | None = None) -> dict[str, str]:
        """The two parameters of private_key_jwt."""
        return {
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion or self.assertion(),
        }

    def post(self, path: str, form: dict[str, str], **headers: str) -> Any:
        return self.http.post(path, urlencode(form), content_type=FORM, headers=headers)

    def token(self, **form: str) -> Any:
        """POST /oauth/token with a fresh assertion unless the form brings one."""
        return self.post("/oauth/token", self.proof() | form)

    def client_token(self, scope: str) -> Any:
        return self.token(grant_type="client_credentials", scope=scope)

    def redeem(self, code: str, pkce: PKCE, **changes: str) -> Any:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": pkce.verifier,
        } | changes
        return self.token(**{name: value for name, value in form.items() if value})

    def refresh(self, refresh_token: str, **form: str) -> Any:
        return self.token(grant_type="refresh_token", refresh_token=refresh_token, **form)

    def authorize(self, scope: str, pkce: PKCE | None = None, /, **changes: str) -> Any:
        """GET /oauth/authorize; an empty string takes a parameter out."""
        return self.http.get("/oauth/authorize", self.authorization_request(scope, pkce, **changes))

    def authorization_request(
        self, scope: str, pkce: PKCE | None = None, /, **changes: str
    ) -> dict[str, str]:
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": scope,
            "state": "a state",
            "nonce": "a nonce",
            "code_challenge": (pkce or PKCE()).challenge,
            "code_challenge_method": "S256",
        } | changes
        return {name: value for name, value in query.items() if value}


def answer(location: str | None) -> dict[str, str]:
    """The parameters of an authorization answer; one value each, or the test fails."""
    assert location is not None
    values = parse_qs(urlsplit(location).query, keep_blank_values=True)
    assert all(len(value) == 1 for value in values.values()), location
    return {name: value[0] for name, value in values.items()}


def claims_of(token: str) -> dict[str, Any]:
    """A JWT's claims, unverified."""
    segment = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))


def header_of(token: str) -> dict[str, Any]:
    """A JWT's header, unverified."""
    segment = token.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
