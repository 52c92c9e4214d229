"""One authorisation for a company: what is asked and by whom, and how far this browser has come with it.

What is asked is read from the bank's own rows at every step; the browser brings nothing but an id. How far it has come
is in its session, under ``authorise:<id>``: another browser with the same link starts from the beginning.
"""

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit
from uuid import UUID

from cryptography.exceptions import InvalidTag
from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase

from apps.authserver.refusals import AuthorizationRequestClosed
from apps.authserver.services import deny_authorization
from apps.consents.queries import get_consent, list_account_choices, wanted_ibans
from apps.consents.rules import ConsentStatus
from apps.consents.services import consent_snapshot, reject_consent, send_consent_code
from apps.core.sealing import seal, unseal
from apps.payments.kinds import kind_of
from apps.payments.rules import SIGNABLE_STATUSES, StatusReason
from apps.payments.services import may_sign
from apps.sca.queries import get_authorisation, get_open_challenge_id
from apps.sca.rules import AuthenticationMethod, Purpose, SCAStatus, SubjectType
from apps.sca.services import ask_passkey, fail_authorisation, issue_challenge, take_code_sent_ahead

if TYPE_CHECKING:
    from apps.consents.models import Consent
    from apps.consents.queries import AccountChoice
    from apps.identity.models import PSU
    from apps.payments.kinds import InitiationKind
    from apps.payments.models import AnyInitiation
    from apps.sca.models import SCAAuthorisation
    from apps.sca.services import Proof
    from apps.tpp.models import TPP, App

_KEY_PREFIX = "authorise:"
_RETURN_PURPOSE = "portal.return.v1"


@dataclass(frozen=True)
class Asked(ABC):
    """What a company asks of a customer, in one authorisation."""

    authorisation: "SCAAuthorisation"
    app: "App"

    @property
    def id(self) -> UUID:
        return self.authorisation.pk

    @property
    def tpp(self) -> "TPP":
        return self.app.tpp

    @property
    def is_company_blocked(self) -> bool:
        return self.tpp.status != "active" or self.app.status != "active"

    @property
    def is_granted(self) -> bool:
        return self.authorisation.sca_status == SCAStatus.FINALISED

    def is_waiting(self, *, now: datetime) -> bool:
        """Whether the customer may still answer."""
        return self.authorisation.is_open and self.authorisation.expires_at > now and self.is_unanswered

    @property
    @abstractmethod
    def is_unanswered(self) -> bool:
        """Whether nobody has answered it in another way, such as the company by taking it back."""

    @property
    @abstractmethod
    def addresses(self) -> tuple[str, str]:
        """Where the company wants the customer back: after success, after failure."""

    @abstractmethod
    def snapshot(self) -> dict[str, Any]:
        """What a code for it is made over, and what its page shows."""

    @abstractmethod
    def send_code(
        self,
        psu: "PSU | None",
        *,
        method: AuthenticationMethod = AuthenticationMethod.SMS_OTP,
        is_resend: bool = False,
        now: datetime,
    ) -> UUID:
        """Send the customer's code, or ask his app or token; a decoy when there is nobody. The challenge's id."""

    @property
    @abstractmethod
    def purpose(self) -> Purpose:
        """What a challenge for it is for."""

    def ask_passkey(self, *, now: datetime) -> UUID:
        """A challenge over it that the passkey of whoever comes may sign; its id. A code under way stays."""
        return ask_passkey(
            user=None, purpose=self.purpose, snapshot=self.snapshot(), authorisation_id=self.id, now=now
        )

    @abstractmethod
    def reject(self, *, reason: StatusReason, now: datetime) -> None:
        """The customer's no, or his failure to prove himself."""


@dataclass(frozen=True)
class AskedConsent(Asked):
    """Leave to see accounts."""

    consent: "Consent"
    purpose = Purpose.CONSENT

    @property
    def is_unanswered(self) -> bool:
        return self.consent.consent_status == ConsentStatus.RECEIVED

    @property
    def addresses(self) -> tuple[str, str]:
        return self.consent.tpp_redirect_uri, self.consent.tpp_nok_redirect_uri

    def snapshot(self) -> dict[str, Any]:
        return consent_snapshot(consent=self.consent)

    def send_code(
        self,
        psu: "PSU | None",
        *,
        method: AuthenticationMethod = AuthenticationMethod.SMS_OTP,
        is_resend: bool = False,
        now: datetime,
    ) -> UUID:
        return send_consent_code(
            authorisation_id=self.id, consent_id=self.consent.pk, psu=psu, method=method, now=now
        )

    def reject(self, *, reason: StatusReason, now: datetime) -> None:
        reject_consent(consent_id=self.consent.pk, reason=reason.value, now=now)

    def offered_accounts(self, psu: "PSU") -> "list[AccountChoice]":
        """The accounts that may be ticked; none when the request names accounts that are not his (S0-21)."""
        choices = list_account_choices(consent=self.consent, psu_id=psu.pk)
        named = wanted_ibans(consent=self.consent)
        return choices if named <= {choice.account.iban for choice in choices} else []


@dataclass(frozen=True)
class AskedPayment(Asked):
    """Release of a payment, or of a series of them: a standing order."""

    payment: "AnyInitiation"
    kind: "InitiationKind"

    @property
    def purpose(self) -> Purpose:
        return self.kind.purpose

    @property
    def is_series(self) -> bool:
        """Whether it is a standing order."""
        return self.purpose == Purpose.STANDING_ORDER

    @property
    def is_unanswered(self) -> bool:
        return self.payment.transaction_status in SIGNABLE_STATUSES

    @property
    def addresses(self) -> tuple[str, str]:
        return self.payment.tpp_redirect_uri, self.payment.tpp_nok_redirect_uri

    def snapshot(self) -> dict[str, Any]:
        return self.kind.snapshot(self.payment)

    def send_code(
        self,
        psu: "PSU | None",
        *,
        method: AuthenticationMethod = AuthenticationMethod.SMS_OTP,
        is_resend: bool = False,
        now: datetime,
    ) -> UUID:
        """The code that went out when the payment was initiated (S0-41) is the one to enter for the first who comes to
        the page; somebody else who comes first gets a decoy of the same age, and no code is made void by him. So does
        one of several who has signed already."""
        if psu is not None and not may_sign(self.payment, psu=psu):
            psu = None
        by_message = method == AuthenticationMethod.SMS_OTP
        ahead = (
            take_code_sent_ahead(authorisation_id=self.id, now=now) if by_message and not is_resend else None
        )
        if ahead is not None and psu is not None and ahead.user_id == psu.user_id:
            return ahead.challenge_id
        if ahead is not None or (
            psu is None and get_open_challenge_id(authorisation_id=self.id, now=now) is not None
        ):
            return issue_challenge(
                user=None,
                purpose=self.purpose,
                snapshot=self.snapshot(),
                method=method,
                generated_at=ahead.generated_at if ahead else None,
                now=now,
            )
        return self.kind.send_code(
            order_id=self.payment.pk, authorisation_id=self.id, psu=psu, method=method, now=now
        )

    def sign(self, *, psu: "PSU", proof: "Proof", now: datetime) -> "AnyInitiation":
        """The customer's yes, by his code."""
        return self.kind.authorise(
            order_id=self.payment.pk, authorisation_id=self.id, psu=psu, proof=proof, now=now
        )

    def reject(self, *, reason: StatusReason, now: datetime) -> None:
        self.kind.reject(order_id=self.payment.pk, reason=reason, now=now)


@dataclass
class Progress:
    """How far one browser has come. ``stage``: "" (nothing yet), code or passkey, confirm, done."""

    stage: str = ""
    step: dict[str, Any] | None = None
    psu_id: str = ""
    authenticated_at: str = ""
    last_action_at: str = ""
    outcome: str = ""
    return_url: str = ""
    has_returned: bool = False

    def is_idle(self, *, now: datetime) -> bool:
        """Whether nothing was done for too long since the customer proved himself (RTS art. 4(3)(d))."""
        if self.stage != "confirm":
            return False
        return now - datetime.fromisoformat(self.last_action_at) > timedelta(
            seconds=settings.SESSION_IDLE_SECONDS
        )


def get_asked(*, authorisation_id: UUID) -> Asked | None:
    """What a link asks; None for what the portal signs on pages of its own.

    :raises apps.core.errors.NotFound: there is no such authorisation.
    """
    authorisation = get_authorisation(authorisation_id=authorisation_id)
    if authorisation.subject_type == SubjectType.CONSENT:
        consent = get_consent(consent_id=authorisation.subject_id)
        return AskedConsent(authorisation, consent.app, consent)
    kind = kind_of(authorisation.subject_type)
    payment = kind.get(order_id=authorisation.subject_id) if kind else None
    if kind is None or payment is None or payment.app is None:
        return None
    return AskedPayment(authorisation, payment.app, payment, kind)


def load_progress(session: SessionBase, authorisation_id: UUID) -> Progress:
    """What the session keeps of this authorisation."""
    stored = session.get(f"{_KEY_PREFIX}{authorisation_id}", {})
    progress = Progress(**stored)
    progress.return_url = _opened(progress.return_url, authorisation_id)
    return progress


def store_progress(session: SessionBase, authorisation_id: UUID, progress: Progress) -> None:
    """Keep it; earlier authorisations of this browser that are finished are forgotten.

    The way back may hold an authorization code, and sessions are rows of the database: it is kept encrypted (S0-5).
    """
    key = f"{_KEY_PREFIX}{authorisation_id}"
    others = [name for name in list(session.keys()) if name.startswith(_KEY_PREFIX) and name != key]
    for other in others:
        if session[other].get("stage") == "done":
            del session[other]
    session[key] = asdict(progress) | {"return_url": _sealed(progress.return_url, authorisation_id)}


def _sealed(url: str, authorisation_id: UUID) -> str:
    return seal(url.encode(), purpose=_RETURN_PURPOSE, owner=str(authorisation_id)) if url else ""


def _opened(stored: str, authorisation_id: UUID) -> str:
    try:
        return unseal(stored, purpose=_RETURN_PURPOSE, owner=str(authorisation_id)).decode() if stored else ""
    except (
        InvalidTag,
        ValueError,
    ):  # The secret key is another since; the company's own pages are still there.
        return ""


def reload_progress(session: SessionBase, authorisation_id: UUID) -> Progress:
    """What another request of the same browser has stored meanwhile (a form sent twice)."""
    return load_progress(type(session)(session.session_key), authorisation_id)


def refuse(asked: Asked, *, reason: StatusReason, now: datetime) -> str:
    """End it without success: the consent or payment is refused. Returns where the browser goes, "" if nowhere."""
    if asked.is_waiting(now=now):
        asked.reject(reason=reason, now=now)
        fail_authorisation(authorisation_id=asked.id, reason=reason.value, now=now)
    return failure_url(asked)


def failure_url(asked: Asked) -> str:
    """The company's address for "it did not work", with the error; "" when it gave none or was answered already."""
    try:
        oauth_answer = deny_authorization(authorisation_id=asked.id, error="access_denied")
    except AuthorizationRequestClosed:
        return ""
    redirect_uri, nok_redirect_uri = asked.addresses
    return web_address(oauth_answer or nok_redirect_uri or _with_query(redirect_uri, error="access_denied"))


def success_url(asked: Asked) -> str:
    """The company's address for "it worked" where no OAuth request waits for a code."""
    return web_address(asked.addresses[0])


def carries_error(url: str) -> bool:
    """Whether an OAuth answer is a refusal."""
    return "error" in parse_qs(urlsplit(url).query)


def web_address(url: str) -> str:
    """The address if a browser may be sent there; registration has checked it, this is the second lock."""
    return url if url.startswith(("https://", "http://")) else ""


def _with_query(url: str, **query: str) -> str:
    if not url:
        return ""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query="&".join(filter(None, [parts.query, urlencode(query)]))))
