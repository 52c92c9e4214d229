"""How a refusal is told: JSON to machines, a page to people; and what a room's error means to a TPP.

At the token endpoint the codes are those of RFC 6749 5.2, at the authorization endpoint those of RFC 6749
4.1.2.1 and OIDC Core 3.1.2.6.
"""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from apps.authserver.refusals import (
    AuthorizationNotProved,
    AuthorizationRequestClosed,
    ClientAuthenticationFailed,
    GrantRefused,
    IDTokenRefused,
    SigningKeyMissing,
    TokenRefused,
)
from apps.consents import services as consents
from apps.core.errors import DomainError, InvalidInput, NotFound
from apps.payments import services as payments
from apps.sca import rules as sca_rules
from apps.sca import services as sca
from apps.tpp import services as tpp

# What a room's refusal is called towards a TPP. Missing, foreign and no longer open objects look the same: else
# one TPP could find out about another's consents ("-ensure-server-handles-non-matching-intent-id").
OAUTH_ERRORS: dict[type[DomainError], str] = {
    NotFound: "access_denied",
    InvalidInput: "invalid_request",
    consents.ConsentNotValid: "access_denied",
    consents.ConsentExpired: "access_denied",
    consents.AccessNotGranted: "access_denied",
    consents.AccessExceeded: "access_denied",
    consents.ConsentStatusInvalid: "access_denied",
    consents.ConsentNotConfirmable: "access_denied",
    consents.AccountsNotYours: "access_denied",
    consents.RequestIdReused: "invalid_request",
    payments.PaymentStatusInvalid: "access_denied",
    payments.CurrencyNotSupported: "invalid_request",
    payments.SameAccount: "invalid_request",
    payments.DebtorAccountNotYours: "access_denied",
    payments.RequestIdReused: "invalid_request",
    sca_rules.CodeMalformed: "access_denied",
    sca.CodeRefused: "access_denied",
    sca.DynamicLinkBroken: "access_denied",
    sca.TooManyCodes: "access_denied",
    sca.TextMessageNotEnough: "access_denied",
    sca.AuthorisationOver: "access_denied",
    tpp.TPPAlreadyRegistered: "invalid_request",
    tpp.AppNameTaken: "invalid_request",
    tpp.KeyAlreadyRegistered: "invalid_request",
    tpp.TooMany: "invalid_request",
    tpp.TPPNotActive: "unauthorized_client",
    AuthorizationRequestClosed: "access_denied",
    AuthorizationNotProved: "access_denied",
    ClientAuthenticationFailed: "invalid_client",
    GrantRefused: "invalid_grant",
    TokenRefused: "invalid_token",
    IDTokenRefused: "invalid_token",
    SigningKeyMissing: "server_error",
}

# RFC 6749 5.2: 400 for everything but a client that could not prove itself. A 401 would want a challenge, and
# there is no HTTP scheme for private_key_jwt; "Bearer" there would be a lie (trap 15), so none is sent.
TOKEN_ENDPOINT_STATUS = {"invalid_client": 401, "server_error": 500, "temporarily_unavailable": 503}

DESCRIPTIONS = {
    "invalid_client": "Client authentication failed.",
    "invalid_grant": "The code or token is invalid, expired, revoked, used, or not yours.",
    "invalid_request": "The request is malformed.",
    "invalid_scope": "The scope is not available to this client.",
    "unsupported_grant_type": "authorization_code, refresh_token and client_credentials are supported.",
    "unauthorized_client": "The client may not use this grant type.",
}

UNROUTED_DESCRIPTIONS = {404: "There is no such endpoint.", 500: "The request failed on our side."}


def oauth_error_of(error: DomainError) -> str:
    """The OAuth name of a room's refusal: its own row, or that of the error it is a kind of."""
    return next((OAUTH_ERRORS[kind] for kind in type(error).__mro__ if kind in OAUTH_ERRORS), "server_error")


def no_store(response: HttpResponse) -> HttpResponse:
    """Mark an answer that holds or concerns credentials as never to be kept (RFC 6749 5.1)."""
    response["Cache-Control"] = "no-store"
    response["Pragma"] = "no-cache"
    return response


def oauth_error(error: str, description: str = "", *, status: int | None = None) -> HttpResponse:
    """The JSON error of RFC 6749 5.2."""
    body = {"error": error, "error_description": description or DESCRIPTIONS.get(error, "")}
    if not body["error_description"]:
        del body["error_description"]
    return no_store(JsonResponse(body, status=status or TOKEN_ENDPOINT_STATUS.get(error, 400)))


def method_not_allowed(*allowed: str) -> HttpResponse:
    """405 with the methods that are there."""
    response = oauth_error("invalid_request", "Method not allowed.", status=405)
    response["Allow"] = ", ".join(allowed)
    return response


def error_page(request: HttpRequest, *, error: str, status: int = 400) -> HttpResponse:
    """The page for a customer who was sent here with a request that cannot be trusted; it leads nowhere."""
    return no_store(render(request, "authserver/request_refused.html", {"error": error}, status=status))


def render_unrouted(request: HttpRequest, *, status: int) -> HttpResponse:
    """The answer under ``/oauth/`` when no view gave one: unknown path, or a fault of ours."""
    error = "server_error" if status >= 500 else "invalid_request"
    description = UNROUTED_DESCRIPTIONS.get(status, "The request was refused.")
    if request.path_info == "/oauth/authorize":  # The one endpoint here that people see.
        return error_page(request, error=error, status=status)
    return oauth_error(error, description, status=status)
