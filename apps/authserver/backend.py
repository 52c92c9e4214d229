"""How a Django request becomes an oauthlib one: strictly (traps 10 and 13)."""

from typing import Any

from django.http import HttpRequest
from oauth2_provider.oauth2_backends import OAuthLibCore
from oauthlib.oauth2.rfc6749 import errors

from apps.authserver.parameters import MalformedForm, read_body


class StrictOAuthLibCore(OAuthLibCore):
    """``OAUTH2_BACKEND_CLASS``."""

    def extract_body(self, request: HttpRequest) -> list[tuple[str, str]]:
        """The body's parameters, one value each.

        :raises InvalidRequestError: repeated parameters, which the library would settle by taking the last.
        """
        try:
            parameters = read_body(request)
        except MalformedForm as error:
            raise errors.InvalidRequestError("The body is not a form.") from error
        if parameters.repeated:
            raise errors.InvalidRequestError("Parameters are repeated.")
        return list(parameters.values.items())

    def extract_headers(self, request: HttpRequest) -> dict[str, str]:
        """Only what the token endpoint looks at; the library would hand over the whole environment."""
        authorization = request.META.get("HTTP_AUTHORIZATION")
        return {} if authorization is None else {"Authorization": authorization}

    def verify_request(self, request: HttpRequest, scopes: list[str]) -> tuple[bool, Any]:
        """Never: resources are guarded by ``services.authenticate_access_token`` alone."""
        return False, None
