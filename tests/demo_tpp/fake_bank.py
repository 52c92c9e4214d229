"""A very small bank for ShopPay's own unit tests: enough of the contract to answer, and knobs to misbehave.

It checks what ShopPay sends (client assertion, PKCE, headers) and notes every request. It is no model of the real
bank; the journeys play against that one.
"""

import base64
import hashlib
import json
import time
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, jsonify, redirect, request
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

ISSUER = "http://localhost:8000"
CLIENT_ID = "shoppay-app"
CLIENT_KID = "shoppay-key-1"
REDIRECT_URI = "http://127.0.0.1:8100/callback"
IBAN = "DE44100999000000000017"


def iban_with_code(bank_code: str, number: int) -> str:
    """A valid German IBAN."""
    bban = f"{bank_code}{number:010d}"
    check = 98 - int(bban + "131400") % 97
    return f"DE{check:02d}{bban}"


@dataclass
class FakeBank:
    """State and knobs of one fake bank."""

    client_public_key: ECKey
    issuer: str = ISSUER
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "bank-1", "use": "sig"}))
    signing_key: ECKey | None = None
    id_token_claims: dict[str, Any] = field(default_factory=dict)
    id_token_header: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    drop_metadata: tuple[str, ...] = ()
    drop_claims: tuple[str, ...] = ()
    id_token_lifetime: int = 300
    access_lifetime: int = 300
    refresh_gives_id_token: bool = True
    refresh_error: str = ""
    rotate_refresh_token: bool = False
    refusals: dict[str, tuple[int, Any]] = field(default_factory=dict)
    statuses: list[str] = field(default_factory=lambda: ["ACSC"])
    status_extra: dict[str, Any] = field(default_factory=dict)
    statuses_of: dict[str, str] = field(default_factory=dict)
    valid_until: str = ""
    sca_oauth: str | None = None
    sca_redirect: str | None = None
    clock: Any = lambda: int(time.time())
    requests: list[Any] = field(default_factory=list)
    consents: dict[str, dict[str, Any]] = field(default_factory=dict)
    payments: dict[str, dict[str, Any]] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    jtis: set[str] = field(default_factory=set)
    nonces: dict[str, str] = field(default_factory=dict)

    def app(self) -> Flask:
        """The WSGI application."""
        app = Flask(__name__)
        app.before_request(self._note)
        app.add_url_rule("/.well-known/openid-configuration", view_func=self._metadata, endpoint="oidc")
        app.add_url_rule(
            "/.well-known/oauth-authorization-server", view_func=self._metadata, endpoint="oauth"
        )
        app.add_url_rule("/oauth/jwks", view_func=self._jwks, endpoint="jwks")
        app.add_url_rule("/oauth/authorize", view_func=self._authorize, endpoint="authorize")
        app.add_url_rule("/oauth/token", view_func=self._token, endpoint="token", methods=["POST"])
        app.add_url_rule("/oauth/revoke", view_func=self._revoke, endpoint="revoke", methods=["POST"])
        app.add_url_rule("/v1/consents", view_func=self._consents, endpoint="consents", methods=["POST"])
        app.add_url_rule(
            "/v1/consents/<consent_id>",
            view_func=self._delete_consent,
            endpoint="consent",
            methods=["DELETE"],
        )
        app.add_url_rule("/v1/accounts", view_func=self._accounts, endpoint="accounts")
        app.add_url_rule(
            "/v1/accounts/<_id>/transactions", view_func=self._transactions, endpoint="transactions"
        )
        app.add_url_rule("/v1/consents/<consent_id>", view_func=self._get_consent, endpoint="get_consent")
        path = "/v1/payments/sepa-credit-transfers"
        app.add_url_rule(path, view_func=self._initiate, endpoint="payments", methods=["POST"])
        app.add_url_rule(f"{path}/<payment_id>/status", view_func=self._status, endpoint="status")
        app.add_url_rule("/authorise/<payment_id>/", view_func=self._approve, endpoint="approve")
        return app

    def last(self, path: str) -> Any:
        """The last request to this path."""
        return next(entry for entry in reversed(self.requests) if entry.path == path)

    def count(self, path: str) -> int:
        """How many requests this path had."""
        return sum(1 for entry in self.requests if entry.path == path)

    def _note(self) -> Any:
        body = request.get_json(silent=True) if request.is_json else request.form.to_dict()
        self.requests.append(Noted(request.method, request.path, dict(request.headers), body))
        status, content = self.refusals.get(f"{request.method} {request.path}", (0, None))
        if status:
            response = content if isinstance(content, Response) else jsonify(content)
            response.status_code = status
            return response
        return None

    def _metadata(self) -> Response:
        document = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/oauth/authorize",
            "token_endpoint": f"{self.issuer}/oauth/token",
            "revocation_endpoint": f"{self.issuer}/oauth/revoke",
            "jwks_uri": f"{self.issuer}/oauth/jwks",
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
        } | self.metadata
        return jsonify({name: value for name, value in document.items() if name not in self.drop_metadata})

    def _jwks(self) -> Response:
        return jsonify(KeySet([self.key]).as_dict(private=False))

    def _authorize(self) -> Any:
        code, values = self.authorise(request.args.to_dict())
        query = urlencode({"code": code, "state": values["state"], "iss": self.issuer})
        return redirect(f"{values['redirect_uri']}?{query}", 303)

    def authorise(self, values: dict[str, str]) -> tuple[str, dict[str, str]]:
        """The customer says yes: the code for this authorization request."""
        assert values["response_type"] == "code"
        assert values["client_id"] == CLIENT_ID
        assert values["redirect_uri"] == REDIRECT_URI
        assert values["code_challenge_method"] == "S256"
        consent_id = values["scope"].removeprefix("openid AIS:")
        assert consent_id in self.consents
        code = uuid.uuid4().hex
        self.codes[code] = values
        return code, values

    def _token(self) -> Any:
        form = request.form
        assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        assertion = jwt.decode(form["client_assertion"], self.client_public_key, algorithms=["ES256"])
        claims = assertion.claims
        assert assertion.header["kid"] == CLIENT_KID
        assert claims["iss"] == claims["sub"] == CLIENT_ID
        assert claims["aud"] == self.issuer, "one string, the issuer"
        assert claims["exp"] - claims["iat"] <= 60
        assert claims["jti"] not in self.jtis
        self.jtis.add(claims["jti"])
        if form["grant_type"] == "client_credentials":
            return self._tokens(form["scope"])
        if form["grant_type"] == "refresh_token":
            if self.refresh_error:
                return jsonify(error=self.refresh_error, error_description="No longer."), 400
            assert form["refresh_token"] in self.tokens
            nonce = self.nonces[form["refresh_token"]]
            rotated = self._new_refresh(nonce) if self.rotate_refresh_token else None
            return self._tokens(
                "openid", nonce=nonce, refresh=rotated, with_id_token=self.refresh_gives_id_token
            )
        asked = self.codes.pop(form["code"], None)
        if asked is None:
            return jsonify(error="invalid_grant", error_description="Unknown code."), 400
        assert form["redirect_uri"] == asked["redirect_uri"]
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"]
        return self._tokens(asked["scope"], nonce=asked["nonce"], refresh=self._new_refresh(asked["nonce"]))

    def _new_refresh(self, nonce: str) -> str:
        refresh = "refresh-" + uuid.uuid4().hex
        self.tokens[refresh] = "refresh"
        self.nonces[refresh] = nonce
        return refresh

    def _tokens(
        self, scope: str, nonce: str | None = None, refresh: str | None = None, with_id_token: bool = True
    ) -> Response:
        access_token = "access-" + uuid.uuid4().hex
        self.tokens[access_token] = scope
        answer = {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": self.access_lifetime,
            "scope": scope,
        }
        if refresh:
            answer["refresh_token"] = refresh
        if nonce and with_id_token:
            answer["id_token"] = self.id_token(nonce=nonce, access_token=access_token)
        return jsonify(answer)

    def id_token(self, *, nonce: str, access_token: str) -> str:
        """An ID token, bent as the knobs say."""
        now = self.clock()
        digest = hashlib.sha256(access_token.encode()).digest()[:16]
        claims = {
            "iss": self.issuer,
            "sub": "psu-anna",
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + self.id_token_lifetime,
            "nonce": nonce,
            "auth_time": now,
            "at_hash": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        } | self.id_token_claims
        for name in self.drop_claims:
            claims.pop(name)
        key = self.signing_key or self.key
        header = {"alg": "ES256", "kid": "bank-1"} | self.id_token_header
        return jwt.encode(header, claims, key, algorithms=["ES256"])

    def _revoke(self) -> Any:
        self.tokens.pop(request.form["token"], None)
        return "", 200

    def _bearer(self) -> str:
        return self.tokens.get(request.headers.get("Authorization", "").removeprefix("Bearer "), "")

    def _consents(self) -> Any:
        assert self._bearer() == "aisp"
        assert request.headers["PSU-IP-Address"] == "127.0.0.1"
        uuid.UUID(request.headers["X-Request-ID"])
        consent_id = str(uuid.uuid4())
        self.consents[consent_id] = request.get_json()
        link = self.sca_oauth or f"{self.issuer}/.well-known/oauth-authorization-server"
        return jsonify(
            consentStatus="received", consentId=consent_id, _links={"scaOAuth": {"href": link}}
        ), 201

    def _get_consent(self, consent_id: str) -> Any:
        assert self._bearer() == "aisp"
        kept = self.consents[consent_id] | {"consentStatus": "valid"}
        return jsonify(kept | ({"validUntil": self.valid_until} if self.valid_until else {}))

    def _delete_consent(self, consent_id: str) -> Any:
        assert self._bearer() == "aisp"
        self.consents.pop(consent_id)
        return "", 204

    def _accounts(self) -> Any:
        if not self._bearer().startswith("openid"):
            return jsonify(tppMessages=[{"category": "ERROR", "code": "TOKEN_INVALID"}]), 401
        assert request.headers["Consent-ID"] in self.consents
        account = {
            "resourceId": "r-1",
            "iban": IBAN,
            "currency": "EUR",
            "name": "Girokonto",
            "balances": [
                {"balanceType": "closingBooked", "balanceAmount": {"currency": "EUR", "amount": "1234.50"}},
                {
                    "balanceType": "interimAvailable",
                    "balanceAmount": {"currency": "EUR", "amount": "1734.50"},
                },
            ],
        }
        return jsonify(accounts=[account])

    def _transactions(self, _id: str) -> Any:
        booked = [
            {
                "transactionAmount": {"currency": "EUR", "amount": "-54.20"},
                "creditorName": "REWE Markt",
                "bookingDate": "2026-11-20",
                "remittanceInformationUnstructured": "<script>alert(1)</script>",
            }
        ]
        return jsonify(transactions={"booked": booked, "_links": {}})

    def _initiate(self) -> Any:
        assert self._bearer() == "pisp"
        payment_id = str(uuid.uuid4())
        self.payments[payment_id] = {"body": request.get_json(), "headers": dict(request.headers)}
        link = self.sca_redirect or f"{self.issuer}/authorise/{payment_id}/"
        answer = {
            "transactionStatus": "RCVD",
            "paymentId": payment_id,
            "_links": {"scaRedirect": {"href": link}},
        }
        return jsonify(answer), 201

    def _status(self, payment_id: str) -> Any:
        assert payment_id in self.payments
        if payment_id in self.statuses_of:
            return jsonify(transactionStatus=self.statuses_of[payment_id])
        status = self.statuses[0] if len(self.statuses) == 1 else self.statuses.pop(0)
        return jsonify({"transactionStatus": status} | self.status_extra)

    def _approve(self, payment_id: str) -> Any:
        return redirect(self.payments[payment_id]["headers"]["Tpp-Redirect-Uri"], 303)


@dataclass(frozen=True)
class Noted:
    """One request the bank got."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any

    def __str__(self) -> str:
        return json.dumps([self.method, self.path, self.body])
