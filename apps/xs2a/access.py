"""Who is calling, and whether for this: token, scope, role (S0-50, S0-51)."""

from datetime import datetime
from uuid import UUID

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from apps.authserver.bearer import read_bearer_token
from apps.authserver.queries import AccessContext
from apps.authserver.services import authenticate_access_token
from apps.tpp.rules import Role
from apps.xs2a.refusals import RoleMissing, TokenMissing, TokenNotForService

CLIENT_SCOPES = {Role.AISP: "aisp", Role.PISP: "pisp"}


def authenticate(request: HttpRequest, *, now: datetime) -> AccessContext:
    """Who shows which token.

    :raises TokenMissing: none, or not as RFC 6750 has it.
    :raises apps.authserver.refusals.TokenRefused: it opens nothing.
    """
    # In the query or the body a token is not seen.
    token = read_bearer_token(request.META.get("HTTP_AUTHORIZATION", ""))
    if token is None:
        raise TokenMissing(_("Show an access token: Authorization: Bearer …"), path="Authorization")
    return authenticate_access_token(token=token, now=now)


def check_role(caller: AccessContext, role: Role) -> None:
    """The TPP is licensed for the service now, whatever it was when the token was given.

    :raises RoleMissing: it is not.
    """
    if role not in caller.tpp.roles:
        raise RoleMissing(_("Your company is not licensed for this service."))


def check_client_token(caller: AccessContext, role: Role) -> None:
    """The app acts for itself, with a token for this service.

    :raises TokenNotForService: a customer's token, or one for another service.
    """
    if caller.psu_id is not None or CLIENT_SCOPES[role] not in caller.scopes:
        raise TokenNotForService(_("A token of the app itself with the scope of this service is needed."))


def check_may_manage(
    caller: AccessContext, role: Role, *, consent_id: UUID | None = None, payment_id: UUID | None = None
) -> None:
    """The app's own token, or the one a customer gave it for this very consent or payment.

    :raises TokenNotForService: neither.
    """
    if caller.psu_id is None:
        check_client_token(caller, role)
    elif (caller.consent_id, caller.payment_id) != (consent_id, payment_id):
        raise TokenNotForService(_("The token was given for another consent or payment."))
