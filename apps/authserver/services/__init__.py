"""Every change this door makes, by noun. Callers import from here."""

from apps.authserver.services.authorizations import (
    complete_authorization,
    deny_authorization,
    identify_client,
    request_authorization,
)
from apps.authserver.services.clients import authenticate_client, load_application
from apps.authserver.services.grants import accept_refresh_token, redeem_code, revoke_grant
from apps.authserver.services.housekeeping import purge_expired
from apps.authserver.services.tokens import (
    authenticate_access_token,
    issue_id_token,
    revoke_token,
    store_tokens,
    verify_id_token,
)

__all__ = [
    "accept_refresh_token",
    "authenticate_access_token",
    "authenticate_client",
    "complete_authorization",
    "deny_authorization",
    "identify_client",
    "issue_id_token",
    "load_application",
    "purge_expired",
    "redeem_code",
    "request_authorization",
    "revoke_grant",
    "revoke_token",
    "store_tokens",
    "verify_id_token",
]
