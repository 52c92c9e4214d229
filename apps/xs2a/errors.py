"""What each refusal means to a TPP: HTTP status and code of the contract, in one table.

The words are for the TPP's developers. Which of several things was wrong is told where it helps them and no stranger:
objects of others and missing objects look the same.
"""

import logging
from dataclasses import dataclass

from django.core.exceptions import SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import MethodNotAllowed, NotAcceptable

from apps.accounts import queries as accounts
from apps.authserver import refusals as authserver
from apps.consents import queries as consent_queries
from apps.consents import services as consents
from apps.core.errors import DomainError, InvalidInput, NotFound
from apps.identity import queries as identity
from apps.payments import limits, recurrence, scheduling
from apps.payments import queries as payment_queries
from apps.payments import services as payments
from apps.sca import rules as sca_rules
from apps.sca import services as sca
from apps.statements import rules as statements
from apps.xs2a import refusals
from apps.xs2a.answers import empty_answer, json_answer
from apps.xs2a.serializers.reading import describe

logger = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 5
TEXT_LENGTH_MAX = 500
# The contract gives these no body.
EMPTY = frozenset({415, 500, 503})
EMPTY_FOR_PAYMENTS = frozenset({406, 429})


@dataclass(frozen=True, slots=True)
class Answer:
    """HTTP status and tppMessages code; ``text`` when the refusal itself says none; ``bearer`` the OAuth error."""

    status: int
    code: str
    text: str | Promise = ""
    bearer: str = ""


_REUSED = _("This X-Request-ID was used for another request.")

ERRORS: dict[type[DomainError], Answer] = {
    # This door
    refusals.FormatError: Answer(400, "FORMAT_ERROR"),
    refusals.ParameterNotSupported: Answer(400, "PARAMETER_NOT_SUPPORTED"),
    refusals.ParameterNotConsistent: Answer(400, "PARAMETER_NOT_CONSISTENT"),
    refusals.PeriodInvalid: Answer(400, "PERIOD_INVALID"),
    refusals.SessionsNotSupported: Answer(400, "SESSIONS_NOT_SUPPORTED"),
    refusals.ConsentUnknownInHeader: Answer(400, "CONSENT_UNKNOWN"),
    refusals.AccountUnknownInBody: Answer(400, "RESOURCE_UNKNOWN"),
    refusals.ConsentNotOfToken: Answer(401, "CONSENT_INVALID"),
    refusals.TokenMissing: Answer(401, "TOKEN_UNKNOWN"),
    refusals.TokenNotForService: Answer(401, "TOKEN_INVALID", bearer="insufficient_scope"),
    refusals.RoleMissing: Answer(401, "ROLE_INVALID", bearer="insufficient_scope"),
    refusals.IDTokenNotAccepted: Answer(401, "PSU_CREDENTIALS_INVALID"),
    refusals.ResourceExpired: Answer(403, "RESOURCE_EXPIRED"),
    refusals.ProductUnknown: Answer(404, "PRODUCT_UNKNOWN"),
    refusals.ServiceNotOffered: Answer(405, "SERVICE_INVALID"),
    refusals.CancellationInvalid: Answer(405, "CANCELLATION_INVALID"),
    refusals.RequestedFormatsInvalid: Answer(406, "REQUESTED_FORMATS_INVALID"),
    refusals.MediaTypeNotSupported: Answer(415, ""),
    # Tokens
    authserver.TokenUnknown: Answer(401, "TOKEN_UNKNOWN", _("This token is not known."), "invalid_token"),
    authserver.TokenExpired: Answer(401, "TOKEN_EXPIRED", _("The token has expired."), "invalid_token"),
    authserver.TokenInvalid: Answer(
        401, "TOKEN_INVALID", _("The token is not valid any more."), "invalid_token"
    ),
    # The token stands in for the certificate until TPPs come with theirs: the same code then as now.
    authserver.TokenHolderBlocked: Answer(
        401, "CERTIFICATE_BLOCKED", _("The bank has blocked your company or this app."), "invalid_token"
    ),
    authserver.TokenConsentInvalid: Answer(
        401, "CONSENT_INVALID", _("The consent behind the token is not valid."), "invalid_token"
    ),
    authserver.TokenConsentExpired: Answer(
        401, "CONSENT_EXPIRED", _("The consent behind the token has expired."), "invalid_token"
    ),
    authserver.TokenRefused: Answer(401, "TOKEN_INVALID", _("The token is not valid."), "invalid_token"),
    authserver.IDTokenRefused: Answer(
        401,
        "PSU_CREDENTIALS_INVALID",
        _("The ID token is none that this bank gave this app, or it has expired or was revoked."),
    ),
    # Consents and accounts
    consent_queries.ConsentUnknown: Answer(
        403, "CONSENT_UNKNOWN", _("There is no such consent of this app.")
    ),
    consents.ConsentNotValid: Answer(401, "CONSENT_INVALID", _("The consent is not valid.")),
    consents.ConsentExpired: Answer(401, "CONSENT_EXPIRED", _("The consent has expired.")),
    consents.AccessNotGranted: Answer(401, "CONSENT_INVALID", _("The consent does not cover this.")),
    consents.AccessExceeded: Answer(
        429, "ACCESS_EXCEEDED", _("The accesses without the customer are used up for now.")
    ),
    consents.ConsentStatusInvalid: Answer(
        409, "STATUS_INVALID", _("The consent does not wait for an authorisation.")
    ),
    consents.ConsentNotConfirmable: Answer(409, "STATUS_INVALID", _("The consent cannot be confirmed.")),
    consents.AccountsNotYours: Answer(401, "CONSENT_INVALID", _("The consent does not cover this.")),
    consents.RequestIdReused: Answer(400, "PARAMETER_NOT_CONSISTENT", _REUSED),
    accounts.AccountBlocked: Answer(400, "RESOURCE_BLOCKED", _("The account is blocked.")),
    accounts.DebitNotAllowed: Answer(
        403, "SERVICE_BLOCKED", _("The service is not available for this customer.")
    ),
    identity.CoreUserUnknown: Answer(
        403, "SERVICE_BLOCKED", _("The service is not available for this customer.")
    ),
    identity.OperationNotAllowed: Answer(
        403, "SERVICE_BLOCKED", _("The service is not available for this customer.")
    ),
    # Payments
    payment_queries.PaymentUnknown: Answer(
        404, "RESOURCE_UNKNOWN", _("There is no such payment of this app.")
    ),
    payments.PaymentStatusInvalid: Answer(
        409, "STATUS_INVALID", _("The payment does not wait for an authorisation.")
    ),
    payments.CreditorNotConfirmed: Answer(
        409, "STATUS_INVALID", _("The customer has to confirm the payee first (creditorNameConfirmation).")
    ),
    payments.CurrencyNotSupported: Answer(
        400, "PAYMENT_FAILED", _("SEPA credit transfers are paid in euro, from an account in euro.")
    ),
    payments.SameAccount: Answer(400, "PAYMENT_FAILED", _("Debtor's and creditor's account are the same.")),
    payments.DebtorAccountNotYours: Answer(
        401, "PSU_CREDENTIALS_INVALID", _("The ID token does not belong to the debtor account.")
    ),
    payments.RequestIdReused: Answer(400, "PARAMETER_NOT_CONSISTENT", _REUSED),
    # Statements
    statements.PeriodNotOffered: Answer(
        400, "PERIOD_INVALID", _("There is no report of this period: up to 13 months, not in the future.")
    ),
    statements.StatementDoesNotAddUp: Answer(503, ""),
    limits.LimitExceeded: Answer(
        400, "PAYMENT_FAILED", _("The payment is more than a limit that the customer has set allows.")
    ),
    scheduling.ExecutionDateInvalid: Answer(400, "EXECUTION_DATE_INVALID"),
    # Standing orders
    recurrence.StartTooEarly: Answer(400, "EXECUTION_DATE_INVALID"),
    recurrence.StartTooFar: Answer(400, "EXECUTION_DATE_INVALID"),
    recurrence.EndTooEarly: Answer(400, "PERIOD_INVALID"),
    # Authorisations: codes never come through this door, so most of these cannot happen here.
    sca.AuthorisationOver: Answer(403, "RESOURCE_EXPIRED", _("The authorisation is over.")),
    sca.TooManyCodes: Answer(409, "STATUS_INVALID", _("Too many codes were asked for.")),
    sca.TextMessageNotEnough: Answer(
        409, "STATUS_INVALID", _("The amount takes another method than a text message.")
    ),
    sca.CodeRefused: Answer(401, "PSU_CREDENTIALS_INVALID", _("The code was not accepted.")),
    sca.DynamicLinkBroken: Answer(409, "STATUS_INVALID", _("The payment has changed.")),
    sca_rules.CodeMalformed: Answer(401, "PSU_CREDENTIALS_INVALID", _("The code was not accepted.")),
    # What every room may say
    NotFound: Answer(404, "RESOURCE_UNKNOWN", _("There is nothing here for this app.")),
    InvalidInput: Answer(400, "FORMAT_ERROR"),
}


def refuse(error: Exception, *, for_payments: bool) -> HttpResponse | None:
    """The answer to an exception in a view; None when it is a fault of ours."""
    if isinstance(error, DomainError):
        return _refuse(error, for_payments=for_payments)
    if isinstance(error, MethodNotAllowed):
        return tpp_message(405, "SERVICE_INVALID", _("This method is not offered here."))
    if isinstance(error, NotAcceptable):
        refusal = refusals.RequestedFormatsInvalid(_("The answer is application/json."), path="Accept")
        return _refuse(refusal, for_payments=for_payments)
    if isinstance(error, SuspiciousOperation | UnreadablePostError):
        return tpp_message(400, "FORMAT_ERROR", _("The request cannot be read."))
    if isinstance(error, OperationalError | InterfaceError):
        # The database is away or a statement took too long: nothing was done, and it may be tried again.
        logger.exception("the database did not answer")
        return empty_answer(status=503, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})
    return None


def render_unrouted(request: HttpRequest, *, status: int) -> HttpResponse:
    """The answer below ``/v1/`` when no view gave one: unknown path, bad request line, or a fault of ours."""
    if status in EMPTY:
        return empty_answer(status=status)
    if status == 404:
        return tpp_message(404, "RESOURCE_UNKNOWN", _("The interface has no such path."))
    if status == 403:
        return tpp_message(403, "RESOURCE_UNKNOWN", _("The request was refused."))
    return tpp_message(status, "FORMAT_ERROR", _("The request cannot be understood."))


def answer_of(error: DomainError) -> Answer:
    """The row of an error: its own, or that of the error it is a kind of."""
    return next((ERRORS[kind] for kind in type(error).__mro__ if kind in ERRORS), Answer(500, ""))


def tpp_message(
    status: int,
    code: str,
    text: str | Promise,
    *,
    path: str = "",
    headers: dict[str, str] | None = None,
) -> HttpResponse:
    """One message in the contract's error format."""
    message = {"category": "ERROR", "code": code}
    if path:
        message["path"] = path
    if text:
        message["text"] = str(text)[:TEXT_LENGTH_MAX]
    return json_answer({"tppMessages": [message]}, status=status, headers=headers)


def _refuse(error: DomainError, *, for_payments: bool) -> HttpResponse | None:
    answer = answer_of(error)
    if answer.status == 500:
        return None
    logger.info("refused: %s %s: %s", answer.status, answer.code, error)
    headers = {"WWW-Authenticate": _challenge(answer)} if answer.status == 401 else {}
    if answer.status in EMPTY or (for_payments and answer.status in EMPTY_FOR_PAYMENTS):
        return empty_answer(status=answer.status, headers=headers)
    text, path = answer.text, ""
    if isinstance(error, refusals.RequestRefused):
        text, path = error.text or text, error.path
    elif isinstance(error, InvalidInput):
        text, path = describe(error), error.field
    return tpp_message(answer.status, answer.code, text, path=path, headers=headers)


def _challenge(answer: Answer) -> str:
    """RFC 6750 3; RFC 9110 wants a challenge with every 401, whatever the code of the contract."""
    return f'Bearer error="{answer.bearer}"' if answer.bearer else "Bearer"
