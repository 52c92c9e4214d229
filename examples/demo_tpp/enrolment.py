"""Connecting an IBAN: from the user's wish to the stored tokens (figure 1: S0-15 to S0-32), and its end."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote

from examples.demo_tpp.bank import BankAnswerInvalid, BankClient, BankFault, BankRefused, Call, TokenSet
from examples.demo_tpp.directory import Directory
from examples.demo_tpp.store import AuthorizationFlow, Enrolment, Store
from examples.demo_tpp.vault import TokenVault, VaultError

CONSENT_DAYS = 90
FLOW_SECONDS = 60 * 60
RENEW_BEFORE_SECONDS = 30
DAYS_SHOWN = 30
MAX_TRANSACTIONS_SHOWN = 25
# The bank says with these that the consent itself is over, not only a token.
CONSENT_IS_OVER = ("CONSENT_INVALID", "CONSENT_EXPIRED", "CONSENT_UNKNOWN")


class CallbackRefused(Exception):
    """The browser came back with something ShopPay must not act on; ``reason`` is stable.

    Reasons: malformed, unknown_state, other_browser, used, expired, issuer.
    """

    def __init__(self, reason: str, enrolment: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.enrolment = enrolment


class BankSaidNo(Exception):
    """The bank sent the customer back with an OAuth error, such as access_denied."""

    def __init__(self, *, error: str, description: str, enrolment: str) -> None:
        super().__init__(error)
        self.error = error
        self.description = description
        self.enrolment = enrolment


class NotEnrolled(Exception):
    """There are no tokens for this user's IBAN: connect it first (S0-37)."""

    def __init__(self, iban: str) -> None:
        super().__init__(iban)
        self.iban = iban


class EnrolmentOver(Exception):
    """The consent behind this enrolment has ended at the bank; its tokens are wiped."""

    def __init__(self, enrolment: str, cause: BankFault | None = None) -> None:
        super().__init__(enrolment)
        self.enrolment = enrolment
        self.cause = cause


@dataclass(frozen=True, slots=True)
class AccountView:
    """One account as the bank shows it to ShopPay, with balances and booked transactions."""

    resource_id: str
    iban: str
    name: str
    currency: str
    balances: tuple[Mapping[str, Any], ...]
    transactions: tuple[Mapping[str, Any], ...]


def hash_of(value: str) -> str:
    """SHA-256, for random values that only need to be recognised."""
    return hashlib.sha256(value.encode()).hexdigest()


class Enrolments:
    """Starts, finishes, uses and ends enrolments."""

    def __init__(
        self,
        *,
        store: Store,
        vault: TokenVault,
        directory: Directory,
        bank_client: Callable[[str], BankClient],
        redirect_uri: str,
        clock: Callable[[], int],
    ) -> None:
        self._store = store
        self._vault = vault
        self._directory = directory
        self._bank_client = bank_client
        self._redirect_uri = redirect_uri
        self._clock = clock
        self._renewal_locks: dict[str, threading.Lock] = {}

    def start(
        self, *, user: str, iban_text: str, browser: str, call: Callable[[str], Call]
    ) -> tuple[str, str]:
        """Ask the IBAN's bank for a consent; return (enrolment id, where to send the browser).

        ``browser`` is a secret only this browser holds: the answer must come back through the same one. Raises
        InvalidIBAN, UnknownBank, BankFault. Nothing is stored unless the bank took the consent in.
        """
        iban, bank = self._directory.find_bank(iban_text)
        client = self._bank_client(bank.issuer)
        enrolment_id = str(uuid.uuid4())
        valid_until = (
            (datetime.fromtimestamp(self._clock(), UTC) + timedelta(days=CONSENT_DAYS)).date().isoformat()
        )
        answer = client.create_consent(
            iban=iban, valid_until=valid_until, redirect_uri=self._redirect_uri, call=call(enrolment_id)
        )
        link = answer["_links"].get("scaOAuth")
        state, nonce, code_verifier = (secrets.token_urlsafe(48) for _ in range(3))
        redirect = client.authorization_url(
            consent_id=answer["consentId"],
            state=state,
            nonce=nonce,
            code_verifier=code_verifier,
            link=str(link.get("href", "")) if isinstance(link, dict) else None,
            about=enrolment_id,
        )
        now = self._clock()
        flow = AuthorizationFlow(
            state_hash=hash_of(state),
            user=user,
            enrolment=enrolment_id,
            browser_hash=hash_of(browser),
            sealed_secrets=self._vault.seal(
                {"nonce": nonce, "code_verifier": code_verifier}, owner=hash_of(state)
            ),
            issuer=bank.issuer,
            created_at=now,
            expires_at=now + FLOW_SECONDS,
            used_at=None,
        )
        self._store.add_enrolment(
            key=enrolment_id,
            user=user,
            iban=iban,
            issuer=bank.issuer,
            consent_id=answer["consentId"],
            valid_until=valid_until,
            created_at=now,
            flow=flow,
        )
        return enrolment_id, redirect

    def finish(
        self,
        *,
        answer: Mapping[str, list[str]],
        browser: str | None,
        user: str | None,
        call: Callable[[str], Call],
    ) -> Enrolment:
        """Act on the bank's answer in the browser (S0-29): check it, fetch the tokens, keep them sealed.

        ``answer`` holds the query parameters, ``browser`` the secret of this browser, ``user`` whom a valid ShopPay
        token names, if one came along. Raises CallbackRefused, BankSaidNo, BankFault.
        """
        if any(len(values) != 1 for values in answer.values()):
            raise CallbackRefused("malformed")
        values = {name: entries[0] for name, entries in answer.items()}
        state = values.get("state", "")
        flow = self._store.get_flow(hash_of(state)) if 0 < len(state) <= 512 else None
        if flow is None:
            raise CallbackRefused("unknown_state")
        same_browser = browser is not None and hmac.compare_digest(hash_of(browser), flow.browser_hash)
        if not same_browser and user != flow.user:
            # Somebody is handed another one's answer: the code must not be used (login CSRF, code injection).
            raise CallbackRefused("other_browser")
        if not self._store.use_flow(flow.state_hash, now=self._clock()):
            raise CallbackRefused("used", flow.enrolment)
        if self._clock() >= flow.expires_at:
            self._store.refuse_enrolment(flow.enrolment, reason="expired", now=self._clock())
            raise CallbackRefused("expired", flow.enrolment)
        self._check_issuer(flow, values.get("iss"))
        if "error" in values:
            error = values["error"][:64]
            self._store.refuse_enrolment(flow.enrolment, reason=error, now=self._clock())
            raise BankSaidNo(
                error=error, description=values.get("error_description", "")[:300], enrolment=flow.enrolment
            )
        if not values.get("code"):
            self._store.refuse_enrolment(flow.enrolment, reason="malformed", now=self._clock())
            raise CallbackRefused("malformed", flow.enrolment)
        enrolment = self._fetch_tokens(flow, code=values["code"])
        return self._note_validity(enrolment, call=call(enrolment.id))

    def _check_issuer(self, flow: AuthorizationFlow, issuer: str | None) -> None:
        # RFC 9207 2.4: an answer from another server than the one asked is a mix-up attack. A missing iss is
        # tolerated only from a bank whose metadata does not promise it.
        if issuer is None:
            metadata = self._bank_client(flow.issuer).metadata(about=flow.enrolment)
            if not metadata.get("authorization_response_iss_parameter_supported"):
                return
        if issuer != flow.issuer:
            self._store.refuse_enrolment(flow.enrolment, reason="issuer", now=self._clock())
            raise CallbackRefused("issuer", flow.enrolment)

    def _fetch_tokens(self, flow: AuthorizationFlow, *, code: str) -> Enrolment:
        enrolment = self._store.get_enrolment(flow.enrolment, user=flow.user)
        if enrolment is None or enrolment.state != "pending":
            raise CallbackRefused("used", flow.enrolment)
        secret = self._vault.open(flow.sealed_secrets, owner=flow.state_hash)
        try:
            tokens = self._bank_client(flow.issuer).exchange_code(
                code=code, code_verifier=secret["code_verifier"], nonce=secret["nonce"], about=enrolment.id
            )
        except BankFault:
            self._store.refuse_enrolment(enrolment.id, reason="tokens", now=self._clock())
            raise
        self._store.activate_enrolment(
            enrolment.id,
            user=flow.user,
            iban=enrolment.iban,
            subject=tokens.subject,
            sealed_tokens=self._vault.seal(tokens.as_dict(), owner=_owner_of(enrolment)),
            access_expires_at=tokens.access_expires_at,
            id_token_expires_at=tokens.id_token_expires_at,
            now=self._clock(),
        )
        confirmed = self._store.get_enrolment(enrolment.id, user=flow.user)
        if confirmed is None or confirmed.state != "active":
            raise CallbackRefused("used", enrolment.id)
        return confirmed

    def _note_validity(self, enrolment: Enrolment, *, call: Call) -> Enrolment:
        # The bank may have shortened the time asked for; the user is shown the bank's date.
        try:
            consent = self._bank_client(enrolment.issuer).get_consent(enrolment.consent_id, call=call)
            valid_until = date.fromisoformat(str(consent.get("validUntil", ""))).isoformat()
        except (BankFault, ValueError):
            # The account is connected all the same; the date asked for stands.
            return enrolment
        self._store.record_validity(enrolment.id, valid_until=valid_until)
        return replace(enrolment, valid_until=valid_until)

    # Using an enrolment

    def tokens_for(
        self, enrolment: Enrolment, *, id_token_needed: bool = False, force: bool = False
    ) -> TokenSet:
        """The tokens of an active enrolment, renewed by the refresh grant when they have expired.

        Raises NotEnrolled, EnrolmentOver, BankFault.
        """
        with self._renewal_locks.setdefault(enrolment.id, threading.Lock()):
            # Read again under the lock: another request may have renewed them or ended the enrolment.
            current = self._store.get_enrolment(enrolment.id, user=enrolment.user)
            if current is None or current.state != "active" or current.sealed_tokens is None:
                raise NotEnrolled(enrolment.iban)
            try:
                tokens = TokenSet(**self._vault.open(current.sealed_tokens, owner=_owner_of(current)))
            except VaultError:
                # A lost key: what cannot be read is of no use to anybody.
                self._store.end_enrolment(current.id, reason="unreadable", now=self._clock())
                raise EnrolmentOver(current.id) from None
            soon = self._clock() + RENEW_BEFORE_SECONDS
            due = tokens.id_token_expires_at if id_token_needed else tokens.access_expires_at
            renewed_meanwhile = current.sealed_tokens != enrolment.sealed_tokens
            if due > soon and (not force or renewed_meanwhile):
                return tokens
            return self._renew(current, tokens, id_token_needed=id_token_needed)

    def _renew(self, enrolment: Enrolment, tokens: TokenSet, *, id_token_needed: bool) -> TokenSet:
        if not tokens.refresh_token:
            self._store.end_enrolment(enrolment.id, reason="expired", now=self._clock())
            raise EnrolmentOver(enrolment.id)
        try:
            renewed = self._bank_client(enrolment.issuer).refresh(tokens, about=enrolment.id)
        except BankRefused as refused:
            if refused.has_code("invalid_grant"):
                self._store.end_enrolment(enrolment.id, reason="expired", now=self._clock())
                raise EnrolmentOver(enrolment.id, refused) from refused
            raise
        self._store.replace_tokens(
            enrolment.id,
            sealed_tokens=self._vault.seal(renewed.as_dict(), owner=_owner_of(enrolment)),
            access_expires_at=renewed.access_expires_at,
            id_token_expires_at=renewed.id_token_expires_at,
        )
        if id_token_needed and renewed.id_token_expires_at <= self._clock():
            raise BankAnswerInvalid("The bank did not renew the ID token.")
        return renewed

    def read_accounts(self, enrolment: Enrolment, *, call: Call) -> list[AccountView]:
        """The accounts of this enrolment with balances and the latest booked transactions."""
        answer = self._read(enrolment, "/v1/accounts?withBalance=true", call=call)
        return [self._view(enrolment, account, call=call) for account in _objects(answer.get("accounts"))]

    def _view(self, enrolment: Enrolment, account: Mapping[str, Any], *, call: Call) -> AccountView:
        resource_id = str(account.get("resourceId", ""))
        path = f"/v1/accounts/{quote(resource_id, safe='')}"
        balances = account.get("balances")
        if not balances:
            balances = self._read(enrolment, f"{path}/balances", call=call).get("balances")
        since = (datetime.fromtimestamp(self._clock(), UTC) - timedelta(days=DAYS_SHOWN)).date().isoformat()
        query = f"{path}/transactions?bookingStatus=booked&dateFrom={since}"
        report = self._read(enrolment, query, call=call).get("transactions")
        booked = _objects(report.get("booked") if isinstance(report, dict) else None)
        return AccountView(
            resource_id=resource_id,
            iban=str(account.get("iban", "")),
            name=str(account.get("displayName") or account.get("name") or account.get("product") or ""),
            currency=str(account.get("currency", "")),
            balances=tuple(entry for entry in _objects(balances) if _is_amount(entry.get("balanceAmount"))),
            transactions=tuple(entry for entry in booked if _is_amount(entry.get("transactionAmount")))[
                :MAX_TRANSACTIONS_SHOWN
            ],
        )

    def _read(self, enrolment: Enrolment, path: str, *, call: Call) -> dict[str, Any]:
        client = self._bank_client(enrolment.issuer)
        tokens = self.tokens_for(enrolment)
        try:
            return client.read_accounts(tokens, consent_id=enrolment.consent_id, path=path, call=call)
        except BankRefused as refused:
            if refused.has_code(*CONSENT_IS_OVER):
                self._store.end_enrolment(enrolment.id, reason=refused.messages[0].code, now=self._clock())
                raise EnrolmentOver(enrolment.id, refused) from refused
            if refused.status != 401 or not refused.has_code(
                "TOKEN_EXPIRED", "TOKEN_INVALID", "TOKEN_UNKNOWN"
            ):
                raise
        tokens = self.tokens_for(enrolment, force=True)
        return client.read_accounts(tokens, consent_id=enrolment.consent_id, path=path, call=call)

    def end(self, enrolment: Enrolment, *, call: Call) -> None:
        """The user disconnects the IBAN: the consent is deleted at the bank, the tokens are revoked and wiped.

        Raises BankFault when the bank does not confirm; then the enrolment stays as it is, so that the user knows.
        A consent the bank calls over already counts as deleted.
        """
        client = self._bank_client(enrolment.issuer)
        try:
            client.delete_consent(enrolment.consent_id, call=call)
        except BankRefused as refused:
            if not refused.has_code(*CONSENT_IS_OVER, "STATUS_INVALID", "RESOURCE_UNKNOWN"):
                raise
        if enrolment.sealed_tokens is not None:
            try:
                tokens = TokenSet(**self._vault.open(enrolment.sealed_tokens, owner=_owner_of(enrolment)))
                client.revoke(tokens, about=enrolment.id)
            except (BankFault, VaultError):
                # Deleting the consent has already made them worthless; this was only tidying up.
                pass
        self._store.end_enrolment(enrolment.id, reason="disconnected", now=self._clock())


def _owner_of(enrolment: Enrolment) -> str:
    return f"{enrolment.user} {enrolment.iban} {enrolment.id}"


def _objects(value: Any) -> list[Mapping[str, Any]]:
    """The objects of a list the bank sent; whatever else it holds is left out."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _is_amount(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(value.get(name), str) for name in ("amount", "currency")
    )
