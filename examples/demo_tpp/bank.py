"""ShopPay's side of a bank's interface: OpenID Connect by Authlib, Berlin Group NextGenPSD2 by plain HTTP.

One object speaks to one bank. Everything a bank says is checked before it is believed: issuer, signature, audience,
nonce, where its links lead.
"""

from __future__ import annotations

import re
import ssl
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote, urljoin, urlsplit

import httpx2
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oauth2.rfc7523.assertion import private_key_jwt_sign
from authlib.oidc.core import CodeIDToken
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc import jwk, jws, jwt
from joserfc.errors import JoseError

from examples.demo_tpp.directory import Bank, origin_of
from examples.demo_tpp.store import BankCall

ID_TOKEN_ALGORITHMS = ("ES256", "PS256")
CLIENT_ALGORITHMS = {"EC": "ES256", "RSA": "PS256", "OKP": "EdDSA"}
ASSERTION_LIFETIME_SECONDS = 60
METADATA_LIFETIME_SECONDS = 300
MIN_SECONDS_BETWEEN_KEY_FETCHES = 10
EXPIRY_MARGIN_SECONDS = 30
CLOCK_LEEWAY_SECONDS = 10
TIMEOUT = httpx2.Timeout(15.0, connect=4.0)
LIMITS = httpx2.Limits(max_connections=8, max_keepalive_connections=4)
WELL_KNOWN_PATHS = ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server")


@dataclass(frozen=True, slots=True)
class TPPMessage:
    """One message of the bank: its code and its text, as it sent them."""

    code: str
    text: str
    category: str = "ERROR"
    path: str = ""


class BankFault(Exception):
    """Something between ShopPay and the bank went wrong."""


class BankUnavailable(BankFault):
    """The bank did not answer."""


class BankAnswerInvalid(BankFault):
    """The bank's answer is not what its contract says, or fails a security check."""


class BankRefused(BankFault):
    """The bank said no: its HTTP status and its messages."""

    def __init__(self, *, status: int, messages: tuple[TPPMessage, ...], request_id: str = "") -> None:
        super().__init__("; ".join(f"{message.code}: {message.text}".rstrip(": ") for message in messages))
        self.status = status
        self.messages = messages
        self.request_id = request_id

    def has_code(self, *codes: str) -> bool:
        """Whether one of these codes is among the messages."""
        return any(message.code in codes for message in self.messages)


@dataclass(frozen=True, slots=True)
class Call:
    """On whose behalf the bank is called: the customer's device, and what the call is about for our own record."""

    psu_ip_address: str | None
    psu_user_agent: str = ""
    language: str = "en"
    about: str = ""

    def headers(self) -> dict[str, str]:
        """The PSU headers of the Berlin Group contract; the IP address only when the customer is really there."""
        headers = {"PSU-Accept-Language": self.language}
        if self.psu_ip_address:
            headers["PSU-IP-Address"] = self.psu_ip_address
        if self.psu_user_agent:
            headers["PSU-User-Agent"] = self.psu_user_agent
        return headers


@dataclass(frozen=True, slots=True)
class TokenSet:
    """What the token endpoint gave, times as epoch seconds. ``subject`` is the customer's id at the bank."""

    access_token: str
    access_expires_at: int
    refresh_token: str
    id_token: str
    id_token_expires_at: int
    subject: str
    nonce: str

    def as_dict(self) -> dict[str, Any]:
        """For the vault."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class ClientIdentity:
    """Who ShopPay is at the bank: the registered app and its key."""

    client_id: str
    kid: str
    private_key_pem: str
    redirect_uri: str


class _ShortLivedAssertion(PrivateKeyJWT):
    """Authlib's private_key_jwt with a short life and the issuer as audience, as FAPI 2.0 5.3.3.1 wants it."""

    def __init__(self, *, audience: str, kid: str, algorithm: str) -> None:
        super().__init__(token_endpoint=audience, headers={"kid": kid}, alg=algorithm)

    def sign(self, auth: Any, token_endpoint: str) -> str:
        assertion: str = private_key_jwt_sign(
            auth.client_secret,
            client_id=auth.client_id,
            token_endpoint=token_endpoint,
            alg=self.alg,
            header=dict(self.headers),
            expires_in=ASSERTION_LIFETIME_SECONDS,
        )
        return assertion


class BankClient:
    """Calls one bank of the directory."""

    def __init__(
        self,
        *,
        bank: Bank,
        identity: ClientIdentity,
        clock: Callable[[], int],
        record: Callable[[str, BankCall], None],
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self.bank = bank
        self._identity = identity
        self._clock = clock
        self._record = record
        # The connection pool is shared by the token client and the resource client.
        self._transport = transport or httpx2.HTTPTransport(limits=LIMITS, retries=1, verify=_trust(bank))
        self._http = httpx2.Client(transport=self._transport, timeout=TIMEOUT, follow_redirects=False)
        self._key = jwk.import_key(identity.private_key_pem, _key_type(identity.private_key_pem))
        self._lock = threading.RLock()
        self._metadata: dict[str, Any] | None = None
        self._metadata_until = 0
        self._keys: jwk.KeySet | None = None
        self._keys_fetched_at = 0
        self._client_tokens: dict[str, tuple[str, int]] = {}

    # Discovery

    def metadata(self, *, link: str | None = None, about: str = "") -> dict[str, Any]:
        """The authorization server's metadata (RFC 8414, OpenID Connect Discovery).

        ``link`` is the scaOAuth link of a consent; it must be a well-known address of the very issuer the bank
        directory names, else another server could slip in here. Raises BankAnswerInvalid, BankUnavailable.
        """
        issuer = self.bank.issuer
        allowed = {issuer + path for path in WELL_KNOWN_PATHS}
        url = urljoin(self.bank.base_url + "/", link) if link else issuer + WELL_KNOWN_PATHS[0]
        if url not in allowed:
            raise BankAnswerInvalid(f"The bank's scaOAuth link leads to another server: {origin_of(url)}.")
        with self._lock:
            if self._metadata is not None and self._clock() < self._metadata_until:
                return self._metadata
            document = self._json(self._send("GET", url, about=about))
            if document.get("issuer") != issuer:
                raise BankAnswerInvalid("The bank's metadata names another issuer.")
            for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                _check_address(str(document.get(name, "")), name)
            if "S256" not in document.get("code_challenge_methods_supported", ["S256"]):
                raise BankAnswerInvalid("The bank does not support PKCE with S256.")
            self._metadata = document
            self._metadata_until = self._clock() + METADATA_LIFETIME_SECONDS
            return document

    # Tokens

    def client_token(self, scope: str, *, about: str = "") -> str:
        """A client-credentials access token for 'aisp' or 'pisp', kept until shortly before it expires."""
        with self._lock:
            token, expires_at = self._client_tokens.get(scope, ("", 0))
            if token and self._clock() < expires_at - EXPIRY_MARGIN_SECONDS:
                return token
        answer = self._token_request(
            about, lambda client, url: client.fetch_token(url, grant_type="client_credentials", scope=scope)
        )
        expires_at = self._clock() + _expires_in(answer)
        with self._lock:
            self._client_tokens[scope] = (str(answer["access_token"]), expires_at)
        return str(answer["access_token"])

    def authorization_url(
        self,
        *,
        consent_id: str,
        state: str,
        nonce: str,
        code_verifier: str,
        link: str | None = None,
        about: str = "",
    ) -> str:
        """Where the customer's browser is sent to: code flow, PKCE S256, state, nonce."""
        endpoint = self.metadata(link=link, about=about)["authorization_endpoint"]
        with self._oauth_client() as client:
            url, _ = client.create_authorization_url(
                endpoint,
                state=state,
                nonce=nonce,
                code_verifier=code_verifier,
                scope=f"openid AIS:{consent_id}",
            )
        return str(url)

    def exchange_code(self, *, code: str, code_verifier: str, nonce: str, about: str = "") -> TokenSet:
        """Access, refresh and ID token for the authorization code (S0-30). Raises BankFault."""
        answer = self._token_request(
            about,
            lambda client, url: client.fetch_token(
                url, grant_type="authorization_code", code=code, code_verifier=code_verifier
            ),
        )
        if not answer.get("id_token"):
            raise BankAnswerInvalid("The bank sent no ID token.")
        claims = self.validate_id_token(
            str(answer["id_token"]), nonce=nonce, access_token=str(answer["access_token"]), about=about
        )
        return TokenSet(
            access_token=str(answer["access_token"]),
            access_expires_at=self._clock() + _expires_in(answer),
            refresh_token=str(answer.get("refresh_token") or ""),
            id_token=str(answer["id_token"]),
            id_token_expires_at=int(claims["exp"]),
            subject=str(claims["sub"]),
            nonce=nonce,
        )

    def refresh(self, tokens: TokenSet, *, about: str = "") -> TokenSet:
        """New access and ID tokens by the refresh grant; a bank that rotates refresh tokens is followed.

        The new ID token must be about the same customer (OpenID Connect Core 12.2).
        """
        answer = self._token_request(
            about, lambda client, url: client.refresh_token(url, refresh_token=tokens.refresh_token)
        )
        id_token, id_token_expires_at = tokens.id_token, tokens.id_token_expires_at
        if answer.get("id_token"):
            id_token = str(answer["id_token"])
            claims = self.validate_id_token(
                id_token, nonce=None, access_token=str(answer["access_token"]), about=about
            )
            if claims["sub"] != tokens.subject or claims.get("nonce", tokens.nonce) != tokens.nonce:
                raise BankAnswerInvalid("The renewed ID token is about somebody else.")
            id_token_expires_at = int(claims["exp"])
        return TokenSet(
            access_token=str(answer["access_token"]),
            access_expires_at=self._clock() + _expires_in(answer),
            refresh_token=str(answer.get("refresh_token") or tokens.refresh_token),
            id_token=id_token,
            id_token_expires_at=id_token_expires_at,
            subject=tokens.subject,
            nonce=tokens.nonce,
        )

    def revoke(self, tokens: TokenSet, *, about: str = "") -> None:
        """Tell the bank that the refresh token is not needed any more (RFC 7009), where it offers that."""
        endpoint = self.metadata(about=about).get("revocation_endpoint")
        if not endpoint or not tokens.refresh_token:
            return
        with self._oauth_client(about) as client:
            try:
                client.revoke_token(endpoint, token=tokens.refresh_token)
            except (httpx2.HTTPError, OAuthError) as error:
                raise BankUnavailable("The bank did not take the tokens back.") from error

    def validate_id_token(
        self, token: str, *, nonce: str | None, access_token: str, about: str = ""
    ) -> Mapping[str, Any]:
        """Check an ID token as OpenID Connect Core 3.1.3.7 says; return its claims.

        Signature by a key of the bank's JWKS named by ``kid``, ES256 or PS256 only; then issuer, audience, expiry,
        nonce and at_hash. Raises BankAnswerInvalid.
        """
        try:
            decoded = jwt.decode(token, self._keys_for(token, about), algorithms=list(ID_TOKEN_ALGORITHMS))
            claims = CodeIDToken(
                decoded.claims,
                decoded.header,
                options={
                    "iss": {"essential": True, "value": self.bank.issuer},
                    "aud": {"essential": True, "value": self._identity.client_id},
                },
                params={"nonce": nonce, "client_id": self._identity.client_id, "access_token": access_token},
            )
            claims.validate(now=self._clock, leeway=CLOCK_LEEWAY_SECONDS)
        except (JoseError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise BankAnswerInvalid(f"The bank's ID token is not valid ({type(error).__name__}).") from error
        # The library takes a list that contains the value; one issuer and one audience are exact here.
        if claims["iss"] != self.bank.issuer or claims["aud"] not in (
            self._identity.client_id,
            [self._identity.client_id],
        ):
            raise BankAnswerInvalid("The bank's ID token is not meant for ShopPay alone.")
        if "at_hash" not in claims:
            raise BankAnswerInvalid(
                "The bank's ID token is not tied to the access token (at_hash is missing)."
            )
        return claims

    def _keys_for(self, token: str, about: str) -> jwk.KeySet:
        try:
            header = jwt_header(token)
        except ValueError as error:
            raise BankAnswerInvalid("The bank's ID token cannot be read.") from error
        kid = header.get("kid")
        if not isinstance(kid, str) or header.get("alg") not in ID_TOKEN_ALGORITHMS:
            raise BankAnswerInvalid("The bank's ID token is not signed as agreed.")
        with self._lock:
            known = self._keys is not None and any(key.kid == kid for key in self._keys.keys)
            age = self._clock() - self._keys_fetched_at
            # A new kid means new keys, but a forged one must not make us ask the bank at every try.
            if (not known and age >= MIN_SECONDS_BETWEEN_KEY_FETCHES) or age >= METADATA_LIFETIME_SECONDS:
                document = self._json(self._send("GET", self.metadata(about=about)["jwks_uri"], about=about))
                self._keys = jwk.KeySet.import_key_set({"keys": _signing_keys(document)})
                self._keys_fetched_at = self._clock()
            keys = [key for key in (self._keys.keys if self._keys else ()) if key.kid == kid]
        if len(keys) != 1:
            raise BankAnswerInvalid("The bank's ID token is signed with a key the bank does not publish.")
        return jwk.KeySet(keys)

    def _oauth_client(self, about: str = "") -> OAuth2Client:
        client = OAuth2Client(
            client_id=self._identity.client_id,
            client_secret=self._key,
            token_endpoint_auth_method="private_key_jwt",  # noqa: S106  a method, no secret
            revocation_endpoint_auth_method="private_key_jwt",
            redirect_uri=self._identity.redirect_uri,
            code_challenge_method="S256",
            transport=_Borrowed(self._transport),
            timeout=TIMEOUT,
            event_hooks={"response": [lambda response: self._note(response, about)]},
        )
        client.register_client_auth_method(
            _ShortLivedAssertion(
                audience=self.bank.issuer,
                kid=self._identity.kid,
                algorithm=CLIENT_ALGORITHMS[str(self._key.key_type)],
            )
        )
        return client

    def _token_request(self, about: str, ask: Callable[[OAuth2Client, str], Any]) -> dict[str, Any]:
        endpoint = self.metadata(about=about)["token_endpoint"]
        with self._oauth_client(about) as client:
            try:
                answer = dict(ask(client, endpoint))
            except OAuthError as error:
                message = TPPMessage(code=str(error.error), text=str(error.description or ""))
                raise BankRefused(status=400, messages=(message,)) from error
            except httpx2.HTTPStatusError as error:
                raise BankUnavailable(
                    f"The bank's token endpoint answered {error.response.status_code}."
                ) from error
            except httpx2.HTTPError as error:
                raise BankUnavailable("The bank does not answer.") from error
            except ValueError as error:
                raise BankAnswerInvalid("The bank's token answer is not JSON.") from error
        if (
            not isinstance(answer.get("access_token"), str)
            or str(answer.get("token_type", "")).lower() != "bearer"
        ):
            raise BankAnswerInvalid("The bank's token answer has no bearer access token.")
        return answer

    # Consents and account information (AIS)

    def create_consent(self, *, iban: str, valid_until: str, redirect_uri: str, call: Call) -> dict[str, Any]:
        """POST /v1/consents for this one IBAN: accounts, balances, transactions (S0-19)."""
        account = [{"iban": iban}]
        body = {
            "access": {"accounts": account, "balances": account, "transactions": account},
            "recurringIndicator": True,
            "validUntil": valid_until,
            "frequencyPerDay": 4,
            "combinedServiceIndicator": False,
        }
        headers = {"TPP-Redirect-URI": redirect_uri, "TPP-Redirect-Preferred": "true"}
        answer = self._with_client_token(
            "aisp", "POST", "/v1/consents", call=call, headers=headers, body=body
        )
        if not isinstance(answer.get("consentId"), str) or not isinstance(answer.get("_links"), dict):
            raise BankAnswerInvalid("The bank's answer to the consent request has no consentId.")
        return answer

    def get_consent(self, consent_id: str, *, call: Call) -> dict[str, Any]:
        """GET /v1/consents/{consentId}: what the bank holds, which may be less than was asked for."""
        return self._with_client_token("aisp", "GET", f"/v1/consents/{_segment(consent_id)}", call=call)

    def delete_consent(self, consent_id: str, *, call: Call) -> None:
        """DELETE /v1/consents/{consentId}: the TPP ends the consent."""
        self._with_client_token("aisp", "DELETE", f"/v1/consents/{_segment(consent_id)}", call=call)

    def read_accounts(self, tokens: TokenSet, *, consent_id: str, path: str, call: Call) -> dict[str, Any]:
        """One GET below /v1/accounts with the customer's token and consent."""
        return self._api(
            "GET", path, token=tokens.access_token, call=call, headers={"Consent-ID": consent_id}
        )

    # Payments (PIS)

    def initiate_payment(
        self, body: Mapping[str, Any], *, id_token: str | None, redirect_uris: tuple[str, str], notification_uri: str,
        call: Call,
    ) -> dict[str, Any]:  # fmt: skip
        """POST /v1/payments/sepa-credit-transfers with the customer's ID token (S0-38)."""
        headers = {
            "TPP-Redirect-URI": redirect_uris[0],
            "TPP-Nok-Redirect-URI": redirect_uris[1],
            "TPP-Redirect-Preferred": "true",
            "TPP-Notification-URI": notification_uri,
            "TPP-Notification-Content-Preferred": "status=LAST",
        }
        if id_token is not None:
            headers["PSU-ID-Token"] = id_token
        path = "/v1/payments/sepa-credit-transfers"
        answer = self._with_client_token("pisp", "POST", path, call=call, headers=headers, body=body)
        if not isinstance(answer.get("paymentId"), str) or not isinstance(answer.get("_links"), dict):
            raise BankAnswerInvalid("The bank's answer to the payment has no paymentId.")
        return answer

    def get_payment_status(self, payment_id: str, *, call: Call) -> dict[str, Any]:
        """GET /v1/payments/sepa-credit-transfers/{paymentId}/status."""
        path = f"/v1/payments/sepa-credit-transfers/{_segment(payment_id)}/status"
        return self._with_client_token("pisp", "GET", path, call=call)

    def sca_redirect(self, answer: Mapping[str, Any]) -> str:
        """The address the customer authorises the payment at; only pages of this bank (S0-3)."""
        link = answer.get("_links", {}).get("scaRedirect", {})
        url = urljoin(self.bank.base_url + "/", str(link.get("href", "")) if isinstance(link, dict) else "")
        if origin_of(url) != self.bank.origin or url == self.bank.base_url + "/":
            raise BankAnswerInvalid("The bank's redirect does not lead to the bank.")
        return url

    # HTTP

    def _with_client_token(
        self, scope: str, method: str, path: str, *, call: Call, headers: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        token = self.client_token(scope, about=call.about)
        try:
            return self._api(method, path, token=token, call=call, headers=headers, body=body)
        except BankRefused as refused:
            # A kept token may have been revoked, or the bank begun afresh: one try with a new one.
            if refused.status != 401 or not refused.has_code(
                "TOKEN_INVALID", "TOKEN_EXPIRED", "TOKEN_UNKNOWN"
            ):
                raise
            with self._lock:
                self._client_tokens.pop(scope, None)
        token = self.client_token(scope, about=call.about)
        return self._api(method, path, token=token, call=call, headers=headers, body=body)

    def _api(
        self, method: str, path: str, *, token: str, call: Call, headers: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        request_headers = {
            "Accept": "application/json",
            "Authorization": f"Bearer {token}",
            **call.headers(),
            **(headers or {}),
        }
        url = self.bank.base_url + path
        return self._json(self._send(method, url, headers=request_headers, body=body, about=call.about))

    def _send(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None, about: str = "",
    ) -> httpx2.Response:  # fmt: skip
        request_id = str(uuid.uuid4())
        started = time.monotonic()
        try:
            response = self._http.request(
                method, url, headers={**(headers or {}), "X-Request-ID": request_id}, json=body
            )
        except httpx2.HTTPError as error:
            self._record_call(about, method, url, 0, request_id, started)
            raise BankUnavailable("The bank does not answer.") from error
        self._record_call(about, method, url, response.status_code, request_id, started)
        if response.status_code >= 400:
            raise _refusal(response, request_id)
        if response.status_code >= 300:
            raise BankAnswerInvalid(f"The bank answered {response.status_code} where an answer was due.")
        return response

    def _json(self, response: httpx2.Response) -> dict[str, Any]:
        if response.status_code == 204:
            return {}
        try:
            content = response.json()
        except (ValueError, RecursionError) as error:
            raise BankAnswerInvalid("The bank's answer is not JSON.") from error
        if not isinstance(content, dict):
            raise BankAnswerInvalid("The bank's answer is not a JSON object.")
        return content

    def _note(self, response: httpx2.Response, about: str) -> None:
        self._record_call(
            about, response.request.method, str(response.request.url), response.status_code, "", None
        )

    def _record_call(
        self, about: str, method: str, url: str, status: int, request_id: str, started: float | None
    ) -> None:
        # Only the path: a query may hold what nobody else should read.
        milliseconds = round((time.monotonic() - started) * 1000) if started is not None else 0
        call = BankCall(
            at=self._clock(), method=method, path=urlsplit(url).path, status=status, request_id=request_id,
            milliseconds=milliseconds,
        )  # fmt: skip
        self._record(about, call)


def _trust(bank: Bank) -> ssl.SSLContext | bool:
    """The certificates to trust. A bank on loopback http needs none: then a context that trusts nobody, which spares
    the several megabytes of the system's list and refuses every https address it might be led to.
    """
    if all(url.startswith("http://") for url in (bank.base_url, bank.issuer)):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return True


class _Borrowed(httpx2.BaseTransport):
    """The shared transport for a short-lived client, whose end must not close the connections."""

    def __init__(self, transport: httpx2.BaseTransport) -> None:
        self._transport = transport

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        return self._transport.handle_request(request)


def jwt_header(token: str) -> dict[str, Any]:
    """The unverified header of a JWT, only good for choosing the key. Raises ValueError."""
    try:
        return dict(jws.extract_compact(token.encode()).headers())
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise ValueError("not a JWT") from error


def _signing_keys(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    keys = document.get("keys")
    if not isinstance(keys, list):
        raise BankAnswerInvalid("The bank's JWKS has no keys.")
    return [
        key for key in keys if isinstance(key, dict) and key.get("kid") and key.get("use", "sig") == "sig"
    ]


def _key_type(pem: str) -> Literal["EC", "RSA", "OKP"]:
    key = load_pem_private_key(pem.encode(), password=None)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return "EC"
    return "RSA" if isinstance(key, rsa.RSAPrivateKey) else "OKP"


def _expires_in(answer: Mapping[str, Any]) -> int:
    value = answer.get("expires_in", 300)
    return value if isinstance(value, int) and 0 < value < 10**8 else 300


def _segment(value: str) -> str:
    return quote(value, safe="")


def _check_address(url: str, name: str) -> None:
    parts = urlsplit(url)
    loopback = parts.hostname in ("127.0.0.1", "localhost", "::1")
    if not parts.netloc or not (parts.scheme == "https" or (parts.scheme == "http" and loopback)):
        raise BankAnswerInvalid(f"The bank's {name} is not a https address.")


def _refusal(response: httpx2.Response, request_id: str) -> BankFault:
    """The bank's messages out of an error answer, Berlin Group's own or problem+json."""
    try:
        content = response.json()
    except (ValueError, RecursionError):
        content = None
    messages: list[TPPMessage] = []
    if isinstance(content, dict):
        listed = content.get("tppMessages") or content.get("additionalErrors") or []
        if not listed and content.get("code"):
            listed = [content]
        for entry in listed if isinstance(listed, list) else []:
            if isinstance(entry, dict):
                messages.append(
                    TPPMessage(
                        code=_printable(entry.get("code")),
                        text=_printable(entry.get("text") or entry.get("detail") or entry.get("title")),
                        category=_printable(entry.get("category") or "ERROR"),
                        path=_printable(entry.get("path")),
                    )
                )
    if not messages:
        if response.status_code >= 500:
            return BankUnavailable(
                f"The bank has a fault (HTTP {response.status_code}, request {request_id})."
            )
        messages.append(TPPMessage(code=f"HTTP {response.status_code}", text=response.reason_phrase))
    return BankRefused(
        status=response.status_code,
        messages=tuple(messages[:10]),
        request_id=response.headers.get("X-Request-ID", request_id)[:64],
    )


def _printable(value: Any) -> str:
    return re.sub(r"\s+", " ", "".join(c for c in str(value or "") if c.isprintable() or c.isspace()))[
        :500
    ].strip()
