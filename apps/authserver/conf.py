"""Lifetimes, and django-oauth-toolkit's settings. Imports nothing: the project's settings read it."""

# FAPI 2.0 5.3.2.1-11: a code lives at most 60 seconds.
AUTHORIZATION_CODE_TTL_SECONDS = 60
AUTHORIZATION_REQUEST_TTL_SECONDS = 600
ACCESS_TOKEN_TTL_SECONDS = 600
ID_TOKEN_TTL_SECONDS = 3600
# A refresh token dies with its consent; this is the outer bound for those that have none (RTS art. 10a).
REFRESH_TOKEN_TTL_DAYS = 180

# Every gate of the library shut. What it can do beyond these, it cannot do here: its URLs are not mounted,
# and the server, validator and backend named below are the bank's own.
OAUTH2_PROVIDER: dict[str, object] = {
    "OAUTH2_SERVER_CLASS": "apps.authserver.server.AuthorizationServer",
    "OAUTH2_VALIDATOR_CLASS": "apps.authserver.validator.BankValidator",
    "OAUTH2_BACKEND_CLASS": "apps.authserver.backend.StrictOAuthLibCore",
    "OIDC_ENABLED": True,
    "SCOPES": {
        "openid": "Who you are to this company",
        "aisp": "Account information, set up by the company",
        "pisp": "Payment initiation, set up by the company",
        "piisp": "Confirmation of funds, set up by the company",
    },
    "DEFAULT_SCOPES": [],  # Trap 6: asking for nothing gets nothing.
    "AUTHORIZATION_CODE_EXPIRE_SECONDS": AUTHORIZATION_CODE_TTL_SECONDS,
    "ACCESS_TOKEN_EXPIRE_SECONDS": ACCESS_TOKEN_TTL_SECONDS,
    "ID_TOKEN_EXPIRE_SECONDS": ID_TOKEN_TTL_SECONDS,
    "REFRESH_TOKEN_EXPIRE_SECONDS": REFRESH_TOKEN_TTL_DAYS * 86400,
    "REFRESH_TOKEN_GRACE_PERIOD_SECONDS": 0,
    "REFRESH_TOKEN_REUSE_PROTECTION": True,
    "ROTATE_REFRESH_TOKEN": False,  # FAPI 2.0 5.3.2.1-9.
    "PKCE_REQUIRED": True,
    "ALLOWED_REDIRECT_URI_SCHEMES": ["https"],
    "ALLOWED_SCHEMES": ["https"],
    "ALLOW_URI_WILDCARDS": False,
    "REQUEST_APPROVAL_PROMPT": "force",
    "OIDC_RESPONSE_TYPES_SUPPORTED": ["code"],
    "OAUTH2_RESPONSE_TYPES_SUPPORTED": ["code"],
    "OAUTH2_GRANT_TYPES_SUPPORTED": ["authorization_code", "refresh_token", "client_credentials"],
    "OIDC_TOKEN_ENDPOINT_AUTH_METHODS_SUPPORTED": ["private_key_jwt"],
    "OAUTH2_TOKEN_ENDPOINT_AUTH_METHODS_SUPPORTED": ["private_key_jwt"],
    **{
        f"{model}_ADMIN_CLASS": "apps.authserver.admin.HiddenAdmin"
        for model in ("APPLICATION", "GRANT", "ACCESS_TOKEN", "REFRESH_TOKEN", "ID_TOKEN")
    },
    "DCR_ENABLED": False,
    "CIMD_ENABLED": False,
    "COMPLIANT_BCP_RFC9700_IMPLICIT_GRANT": True,
    "COMPLIANT_BCP_RFC9700_PASSWORD_GRANT": True,
    "COMPLIANT_BCP_RFC9700_PKCE_METHOD": True,
    "COMPLIANT_BCP_RFC9700_ACCESS_TOKEN_TRANSPORT": True,
    "COMPLIANT_BCP_RFC9700_AUTHZ_RESPONSE_ISS": True,
    "COMPLIANT_BCP_RFC9700_TOKEN_STORAGE": True,
    "COMPLIANT_BCP_RFC9700_REFRESH_TOKEN": True,
    "COMPLIANT_BCP_RFC9700_REDIRECT_URI_SCHEME": True,
    "COMPLIANT_BCP_RFC9700_REDIRECT_URI_MATCHING": True,
    "COMPLIANT_BCP_RFC9700_PKCE_REQUIRED": True,
}
