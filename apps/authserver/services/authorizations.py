"""From a TPP's request to the answer at its redirect URI.

What happens between is the customer's business with the bank: the pages that ask him know an authorisation id
and nothing that came with the browser.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.authserver.authorization_parameters import AuthorizationParameters
from apps.authserver.conf import AUTHORIZATION_CODE_TTL_SECONDS
from apps.authserver.errors import oauth_error_of
from apps.authserver.metadata import issuer
from apps.authserver.models import Application, AuthorizationRequest, Grant, PairwiseSubject
from apps.authserver.parameters import Parameters
from apps.authserver.refusals import (
    AuthorizationNotProved,
    AuthorizationRefused,
    AuthorizationRequestClosed,
    UntrustedAuthorizationRequest,
)
from apps.authserver.rules import (
    ACR_SCA,
    AMR_BY_METHOD,
    ANSWERS_WITHOUT_CODE,
    ROLE_FOR_KIND,
    AuthorizationOutcome,
    AuthorizationScope,
    GrantKind,
    answer_url,
    credential_hash,
)
from apps.authserver.services.clients import load_application
from apps.authserver.trail import record
from apps.consents.queries import get_consent_for_app
from apps.consents.services import start_consent_authorisation
from apps.core.errors import DomainError, NotFound
from apps.payments.kinds import find_for_app
from apps.payments.rules import SIGNABLE_STATUSES
from apps.sca.queries import get_authorisation, list_authorisations
from apps.sca.rules import SubjectType
from apps.tpp.queries import get_active_app

if TYPE_CHECKING:
    from apps.identity.models import PSU

# A TPP has a reason for a second try, none for a hundred at once.
OPEN_REQUESTS_MAX = 20
# The SCA authorisation's own end decides; an answer given in its last second still finds the request open.
ANSWER_GRACE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class IdentifiedClient:
    """An app, and the address of its to which this customer may be sent back."""

    application: Application
    redirect_uri: str


def identify_client(*, parameters: Parameters) -> IdentifiedClient:
    """Who asks, and where an answer may go. Checked before anything else: until this holds, nobody is
    redirected.

    :raises UntrustedAuthorizationRequest: unknown, suspended or blocked client; no redirect URI, or one that
        is not registered to the letter (FAPI 2.0 5.3.2.1-7).
    """
    client_id, redirect_uri = parameters.get("client_id"), parameters.get("redirect_uri")
    if client_id is None or redirect_uri is None or {"client_id", "redirect_uri"} & parameters.repeated:
        raise UntrustedAuthorizationRequest("invalid_request", "client_id and redirect_uri, once each")
    try:
        application = load_application(app=get_active_app(client_id=client_id))
    except NotFound as error:
        raise UntrustedAuthorizationRequest("unauthorized_client", "client") from error
    if not application.redirect_uri_allowed(redirect_uri):
        raise UntrustedAuthorizationRequest("invalid_request", "redirect_uri")
    return IdentifiedClient(application, redirect_uri)


@transaction.atomic
def request_authorization(
    *, application: Application, redirect_uri: str, asked: AuthorizationParameters, now: datetime
) -> AuthorizationRequest:
    """Take in a TPP's request and open the SCA authorisation in which its customer will answer.

    The same request again, as a page reloaded makes it, is the same row as long as it is open.

    :raises AuthorizationRefused: ``invalid_scope`` when the TPP's licence does not cover it;
        ``access_denied`` when the consent or payment is missing, another app's, or cannot be authorised: all
        alike.
    """
    if ROLE_FOR_KIND[asked.scope.kind] not in application.app.tpp.roles:
        raise AuthorizationRefused("invalid_scope", "The scope is not available to this client.")
    mine = AuthorizationRequest.objects.filter(
        application=application,
        scope=str(asked.scope),
        outcome=AuthorizationOutcome.OPEN,
        expires_at__gt=timezone.now(),
    )
    for same in mine.filter(
        redirect_uri=redirect_uri, state=asked.state, nonce=asked.nonce, code_challenge=asked.code_challenge
    ):
        authorisation = get_authorisation(authorisation_id=same.authorisation_id)
        if authorisation.is_open and authorisation.expires_at > now:
            return same
    if mine.count() >= OPEN_REQUESTS_MAX:
        raise AuthorizationRefused("access_denied", "Too many authorization requests are open.")
    prepared = _find_prepared_authorisation(application, asked.scope, now=now)
    if prepared is not None:
        try:
            with transaction.atomic():
                return _keep_request(application, redirect_uri, asked, authorisation_id=prepared)
        except IntegrityError:
            # Another request took it at this moment; this one opens its own.
            pass
    authorisation_id = _open_authorisation(application, asked.scope, now=now)
    return _keep_request(application, redirect_uri, asked, authorisation_id=authorisation_id)


def complete_authorization(
    *, authorisation_id: UUID, psu: "PSU", auth_time: datetime, now: datetime
) -> str | None:
    """The customer has allowed it: the address, with a code in it, to which his browser goes next (S0-28).

    Call it after the consent is confirmed or the payment authorised, in the same transaction. ``auth_time``
    is the moment of his strong customer authentication, ``now`` the present, both in bank time. None when no
    OAuth request belongs to this authorisation. When app, TPP or customer may no longer act, the address
    carries an error instead.

    :raises AuthorizationNotProved: the SCA authorisation is not finalised by this customer; nothing is
        issued.
    :raises AuthorizationRequestClosed: the request was answered before.
    """
    with transaction.atomic():
        asked = _lock_request(authorisation_id)
        if asked is None:
            return None
        if asked.outcome != AuthorizationOutcome.OPEN:
            raise AuthorizationRequestClosed(asked.outcome)
        authorisation = get_authorisation(authorisation_id=authorisation_id)
        if authorisation.sca_status != "finalised" or authorisation.psu_id != psu.pk:
            raise AuthorizationNotProved(str(authorisation_id))
        moment = timezone.now()
        if not asked.application.is_usable(None) or not psu.user.is_active or asked.expires_at <= moment:
            return _answer_without_code(asked, error="access_denied", psu=psu)
        code = secrets.token_urlsafe(32)
        grant = Grant.objects.create(
            authorization_request=asked,
            application=asked.application,
            user_id=psu.user_id,
            psu=psu,
            **asked.object_ids(),
            subject=_subject_of(psu, application=asked.application),
            code=credential_hash(code),
            expires=moment + timedelta(seconds=AUTHORIZATION_CODE_TTL_SECONDS),
            redirect_uri=asked.redirect_uri,
            scope=asked.scope,
            code_challenge=asked.code_challenge,
            code_challenge_method=Grant.CODE_CHALLENGE_S256,
            nonce=asked.nonce,
            # The sandbox may have moved the bank's clock; what goes into an ID token is real time.
            auth_time=moment - max(now - auth_time, timedelta()),
            acr=ACR_SCA,
            amr=list(AMR_BY_METHOD[authorisation.method]),
        )
        _close(asked, outcome=AuthorizationOutcome.GRANTED)
        record(
            "authorization.granted",
            asked,
            actor_type="psu",
            actor_id=psu.pk,
            data={"app": asked.application.app_id, "authorisation": authorisation_id, "grant": grant.pk},
        )
        return _answer_url(asked, {"code": code})


def deny_authorization(*, authorisation_id: UUID, error: str = "access_denied") -> str | None:
    """The customer refused, or could not go on: the address with the error to which his browser goes next.

    None when no OAuth request belongs to this authorisation. Denying twice gives the same answer.

    :raises AuthorizationRequestClosed: it was granted before.
    """
    if error not in ANSWERS_WITHOUT_CODE:
        raise ValueError(error)
    with transaction.atomic():
        asked = _lock_request(authorisation_id)
        if asked is None:
            return None
        if asked.outcome == AuthorizationOutcome.GRANTED:
            raise AuthorizationRequestClosed(asked.outcome)
        if asked.outcome == AuthorizationOutcome.DENIED:
            return _answer_url(asked, {"error": error})
        return _answer_without_code(asked, error=error, psu=None)


def _keep_request(
    application: Application, redirect_uri: str, asked: AuthorizationParameters, *, authorisation_id: UUID
) -> AuthorizationRequest:
    moment = timezone.now()
    return AuthorizationRequest.objects.create(
        application=application,
        authorisation_id=authorisation_id,
        **{_column(application, asked.scope): asked.scope.object_id},
        redirect_uri=redirect_uri,
        scope=str(asked.scope),
        state=asked.state,
        nonce=asked.nonce,
        code_challenge=asked.code_challenge,
        created_at=moment,
        expires_at=moment + timedelta(seconds=settings.SCA_AUTHORISATION_TTL_SECONDS) + ANSWER_GRACE,
    )


def _column(application: Application, scope: AuthorizationScope) -> str:
    """Where a request keeps the id of what it is for."""
    if scope.kind is GrantKind.CONSENT:
        return "consent_id"
    kind, _order = find_for_app(app_id=application.app_id, order_id=scope.object_id)
    return "payment_id" if kind.subject_type is SubjectType.PAYMENT else "standing_order_id"


def _find_prepared_authorisation(
    application: Application, scope: AuthorizationScope, *, now: datetime
) -> UUID | None:
    """The authorisation that the XS2A interface opened for this consent or payment and told the TPP of, so that the
    scaStatus link of its answer leads to what really happens.

    One that an authorization request has taken, or that has less than half of its time left, is left alone.
    """
    app_id, object_id = application.app_id, scope.object_id
    try:
        if scope.kind is GrantKind.CONSENT:
            waits = get_consent_for_app(app_id=app_id, consent_id=object_id).consent_status == "received"
            is_second = False
            subject_type = SubjectType.CONSENT
        else:
            kind, order = find_for_app(app_id=app_id, order_id=object_id)
            waits, is_second = order.transaction_status in SIGNABLE_STATUSES, order.is_partly_signed
            subject_type = kind.subject_type
    except NotFound:
        return None
    enough = now + timedelta(seconds=settings.SCA_AUTHORISATION_TTL_SECONDS / 2)
    opened = [
        authorisation.pk
        for authorisation in list_authorisations(subject_type=subject_type, subject_id=object_id)
        if waits
        and authorisation.is_open
        and authorisation.expires_at > enough
        # Who signs as the second in the portal has opened his for himself.
        and not (is_second and authorisation.psu_id)
    ]
    taken = set(
        AuthorizationRequest.objects.filter(authorisation_id__in=opened).values_list(
            "authorisation_id", flat=True
        )
    )
    return next((authorisation_id for authorisation_id in opened if authorisation_id not in taken), None)


def _open_authorisation(application: Application, scope: AuthorizationScope, *, now: datetime) -> UUID:
    app_id, object_id = application.app_id, scope.object_id
    try:
        if scope.kind is GrantKind.CONSENT:
            get_consent_for_app(app_id=app_id, consent_id=object_id)
            return start_consent_authorisation(consent_id=object_id, now=now).pk
        kind, _order = find_for_app(app_id=app_id, order_id=object_id)
        return kind.start_authorisation(order_id=object_id, now=now).pk
    except DomainError as error:
        raise AuthorizationRefused(
            oauth_error_of(error), "Nothing of this client's can be authorised here."
        ) from error


def _lock_request(authorisation_id: UUID) -> AuthorizationRequest | None:
    return (
        AuthorizationRequest.objects.select_for_update(of=("self",))
        .select_related("application__app__tpp")
        .filter(authorisation_id=authorisation_id)
        .first()
    )


def _subject_of(psu: "PSU", *, application: Application) -> str:
    subject, _ = PairwiseSubject.objects.get_or_create(tpp_id=application.app.tpp_id, psu=psu)
    return str(subject.identifier)


def _answer_without_code(asked: AuthorizationRequest, *, error: str, psu: "PSU | None") -> str:
    _close(asked, outcome=AuthorizationOutcome.DENIED)
    record(
        "authorization.denied",
        asked,
        actor_type="psu" if psu else "anonymous",
        actor_id=psu.pk if psu else "",
        data={"app": asked.application.app_id, "authorisation": asked.authorisation_id, "error": error},
    )
    return _answer_url(asked, {"error": error})


def _close(asked: AuthorizationRequest, *, outcome: AuthorizationOutcome) -> None:
    asked.outcome, asked.answered_at = outcome, timezone.now()
    asked.save(update_fields=["outcome", "answered_at"])


def _answer_url(asked: AuthorizationRequest, answer: dict[str, str]) -> str:
    return answer_url(redirect_uri=asked.redirect_uri, issuer=issuer(), state=asked.state, answer=answer)
