"""What this server can do, told truthfully and from one place (RFC 8414, OIDC Discovery 1.0)."""

from typing import Any

from django.conf import settings
from django.urls import reverse

from apps.authserver.rules import (
    ACR_SCA,
    CLIENT_SCOPE_ROLES,
    GRANT_TYPES,
    ID_TOKEN_ALGORITHM,
    SIGNING_ALGORITHMS,
)


def issuer() -> str:
    """The bank's issuer identifier: configured, never taken from a request's Host."""
    return settings.PUBLIC_BASE_URL


def endpoint(name: str) -> str:
    """The absolute URL of one of this server's endpoints."""
    return issuer() + reverse(f"authserver:{name}")


def build_metadata() -> dict[str, Any]:
    """The document behind both well-known addresses."""
    client_authentication = {
        f"{name}_endpoint_auth_{what}": value
        for name in ("token", "revocation")
        for what, value in (
            ("methods_supported", ["private_key_jwt"]),
            ("signing_alg_values_supported", list(SIGNING_ALGORITHMS)),
        )
    }
    return {
        "issuer": issuer(),
        "authorization_endpoint": endpoint("authorize"),
        "token_endpoint": endpoint("token"),
        "revocation_endpoint": endpoint("revoke"),
        "userinfo_endpoint": endpoint("userinfo"),
        "jwks_uri": endpoint("jwks"),
        "scopes_supported": ["openid", *CLIENT_SCOPE_ROLES],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(GRANT_TYPES),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": [ID_TOKEN_ALGORITHM],
        "acr_values_supported": [ACR_SCA],
        "claims_supported": [
            *("iss", "sub", "aud", "exp", "iat", "auth_time", "acr", "amr", "nonce", "at_hash", "jti"),
        ],
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "ui_locales_supported": [code for code, _ in settings.LANGUAGES],
        **client_authentication,
    }
