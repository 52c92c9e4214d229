"""oauthlib's token endpoint with the three grants that exist here.

Not the library's ready-made ``Server``: that one also speaks implicit, hybrid, password and device, takes an
ID token for an access token (trap 2), and consumes or leaks a code before the client is known. The
authorization, revocation and resource endpoints are this bank's own code.
"""

import secrets
from typing import Any

from oauthlib.common import Request
from oauthlib.oauth2.rfc6749 import errors
from oauthlib.oauth2.rfc6749.endpoints import TokenEndpoint
from oauthlib.oauth2.rfc6749.grant_types import AuthorizationCodeGrant as OAuth2AuthorizationCodeGrant
from oauthlib.oauth2.rfc6749.grant_types import ClientCredentialsGrant
from oauthlib.oauth2.rfc6749.tokens import BearerToken
from oauthlib.openid import RequestValidator
from oauthlib.openid.connect.core.grant_types import AuthorizationCodeGrant, RefreshTokenGrant


def random_token(request: Request, refresh_token: bool = False) -> str:
    """256 random bits (FAPI 2.0 5.4.1 asks for 128)."""
    return secrets.token_urlsafe(32)


class CodeGrant(OAuth2AuthorizationCodeGrant):
    """Redeeming a code: the client first, then all the rest in one step, which spends the code."""

    def validate_token_request(self, request: Request) -> None:
        if request.code is None:
            raise errors.InvalidRequestError("code is missing.", request=request)
        self.validate_client_authentication(request)
        self.validate_grant_type(request)
        # Trap 9: missing or wrong, code, verifier and redirect URI are all the same answer.
        if not self.request_validator.validate_code(request.client_id, request.code, request.client, request):
            raise errors.InvalidGrantError(request=request)


class OpenIDCodeGrant(AuthorizationCodeGrant):
    """The code grant with an ID token beside the access token."""

    def __init__(self, request_validator: RequestValidator) -> None:
        self.proxy_target = CodeGrant(request_validator=request_validator)
        self.register_token_modifier(self.add_id_token)


class AuthorizationServer(TokenEndpoint):
    """``OAUTH2_SERVER_CLASS``. Whatever grant is not listed here does not exist."""

    def __init__(
        self, request_validator: RequestValidator, token_expires_in: int, *args: Any, **kwargs: Any
    ) -> None:
        code_grant = OpenIDCodeGrant(request_validator)
        TokenEndpoint.__init__(
            self,
            default_grant_type="authorization_code",
            default_token_type=BearerToken(request_validator, random_token, token_expires_in),
            grant_types={
                "authorization_code": code_grant,
                "refresh_token": RefreshTokenGrant(request_validator),
                "client_credentials": ClientCredentialsGrant(request_validator),
            },
        )
        self.request_validator = request_validator
