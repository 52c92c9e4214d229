"""The bank's side of oauthlib's questions. The library's own answers are replaced wherever they are laxer."""

from typing import Any

from django.utils import timezone
from oauth2_provider.oauth2_validators import OAuth2Validator
from oauthlib.common import Request
from oauthlib.oauth2.rfc6749 import errors

from apps.authserver import services
from apps.authserver.models import Application, Grant
from apps.authserver.refusals import ClientAuthenticationFailed, GrantRefused
from apps.authserver.rules import GRANT_TYPES, is_client_scope_allowed


class BankValidator(OAuth2Validator):
    """``OAUTH2_VALIDATOR_CLASS``. ``request.grant`` is the grant, once a code or refresh token is accepted."""

    # --- The client: private_key_jwt and nothing else (trap 1, FAPI 2.0 5.3.2.1-6) ---

    def client_authentication_required(self, request: Request, *args: Any, **kwargs: Any) -> bool:
        return True

    def authenticate_client(self, request: Request, *args: Any, **kwargs: Any) -> bool:
        """Never ``super()``: the library would compare secrets."""
        try:
            request.client = services.authenticate_client(
                assertion_type=getattr(request, "client_assertion_type", None),
                assertion=getattr(request, "client_assertion", None),
                client_id=request.client_id,
                now=timezone.now(),
            )
        except ClientAuthenticationFailed:
            return False
        request.client_id = request.client.client_id
        return True

    def authenticate_client_id(self, client_id: str, request: Request, *args: Any, **kwargs: Any) -> bool:
        return False

    def _check_secret(self, provided_secret: str, stored_secret: str) -> bool:
        return False

    def _authenticate_basic_auth(self, request: Request) -> bool:
        return False

    def _authenticate_request_body(self, request: Request) -> bool:
        return False

    def is_origin_allowed(
        self, client_id: str, origin: str, request: Request, *args: Any, **kwargs: Any
    ) -> bool:
        return False

    # --- What a client may ask for ---

    def validate_grant_type(
        self,
        client_id: str,
        grant_type: str,
        client: Application,
        request: Request,
        *args: Any,
        **kwargs: Any,
    ) -> bool:
        return grant_type in GRANT_TYPES

    def validate_scopes(
        self,
        client_id: str,
        scopes: list[str],
        client: Application,
        request: Request,
        *args: Any,
        **kwargs: Any,
    ) -> bool:
        """Reached by client_credentials only: what the customer granted is read from the grant."""
        request.scopes = list(dict.fromkeys(scopes))
        return is_client_scope_allowed(scopes=scopes, roles=client.app.tpp.roles)

    def get_default_scopes(self, client_id: str, request: Request, *args: Any, **kwargs: Any) -> list[str]:
        return []  # Trap 6.

    # --- The code ---

    def validate_code(
        self, client_id: str, code: str, client: Application, request: Request, *args: Any, **kwargs: Any
    ) -> bool:
        try:
            grant = services.redeem_code(
                application=client,
                code=code,
                redirect_uri=request.redirect_uri,
                code_verifier=request.code_verifier,
                now=timezone.now(),
            )
        except GrantRefused:
            return False
        self._use_grant(request, grant)
        request.scopes = grant.scope.split()
        return True

    def get_authorization_code_nonce(
        self, client_id: str, code: str, redirect_uri: str, request: Request
    ) -> str:
        return request.grant.nonce

    def invalidate_authorization_code(
        self, client_id: str, code: str, request: Request, *args: Any, **kwargs: Any
    ) -> None:
        """Nothing is left to do: the code was spent before anything else happened."""

    def get_authorization_code_scopes(
        self, client_id: str, code: str, redirect_uri: str, request: Request
    ) -> list[str]:
        return []

    def confirm_redirect_uri(self, *args: Any, **kwargs: Any) -> bool:
        return False  # The code's own step compares it; no other caller may.

    def save_authorization_code(self, *args: Any, **kwargs: Any) -> None:
        raise errors.ServerError("Codes are issued by services.complete_authorization.")

    # --- The refresh token ---

    def validate_refresh_token(
        self, refresh_token: str, client: Application, request: Request, *args: Any, **kwargs: Any
    ) -> bool:
        try:
            grant = services.accept_refresh_token(
                application=client, refresh_token=refresh_token, now=timezone.now()
            )
        except GrantRefused:
            return False
        self._use_grant(request, grant)
        return True

    def get_original_scopes(
        self, refresh_token: str, request: Request, *args: Any, **kwargs: Any
    ) -> list[str]:
        return request.grant.scope.split()

    def rotate_refresh_token(self, request: Request) -> bool:
        return False  # FAPI 2.0 5.3.2.1-9.

    def refresh_id_token(self, request: Request) -> bool:
        return True

    # --- What is given out ---

    def get_id_token(self, token: dict[str, Any], token_handler: Any, request: Request) -> str:
        request.id_token = services.issue_id_token(
            grant=request.grant, access_token=token["access_token"], now=timezone.now()
        )
        return request.id_token.jwt

    def _save_bearer_token(self, token: dict[str, Any], request: Request, *args: Any, **kwargs: Any) -> None:
        grant: Grant | None = getattr(request, "grant", None)
        is_first = request.grant_type == "authorization_code"
        services.store_tokens(
            application=request.client,
            grant=grant,
            scopes=token["scope"].split(),
            access_token=token["access_token"],
            refresh_token=token["refresh_token"] if is_first else None,
            id_token=getattr(request, "id_token", None),
            now=timezone.now(),
        )

    # --- What is never decided here ---

    def validate_bearer_token(self, token: str, scopes: list[str], request: Request) -> bool:
        return False  # ``services.authenticate_access_token`` is the only reader of access tokens.

    def validate_id_token(self, token: str, scopes: list[str], request: Request) -> bool:
        return False  # Trap 2.

    def validate_jwt_bearer_token(self, token: str, scopes: list[str], request: Request) -> bool:
        return False  # Trap 2.

    def validate_user(
        self, username: str, password: str, client: Application, request: Request, *args: Any, **kwargs: Any
    ) -> bool:
        return False

    def validate_silent_authorization(self, request: Request) -> bool:
        return False  # Trap 3: the customer is always asked.

    def validate_silent_login(self, request: Request) -> bool:
        return False

    @staticmethod
    def _use_grant(request: Request, grant: Grant) -> None:
        request.grant = grant
        request.user = grant.user
