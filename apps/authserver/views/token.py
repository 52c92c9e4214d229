import json
import logging
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from oauth2_provider.views.mixins import OAuthLibMixin

from apps.authserver.errors import method_not_allowed, no_store, oauth_error
from apps.authserver.parameters import MalformedForm, Parameters, read_body
from apps.authserver.refusals import SigningKeyMissing
from apps.authserver.rules import GRANT_TYPES

logger = logging.getLogger(__name__)


class ClientRequestView(OAuthLibMixin, View):
    """A POST by an app that proves itself. Cookies mean nothing here, so there is nothing to forge."""

    http_method_names = ["post"]

    @method_decorator(csrf_exempt)
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return super().dispatch(request, *args, **kwargs)

    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return method_not_allowed("POST")

    def post(self, request: HttpRequest) -> HttpResponse:
        if request.META.get("QUERY_STRING"):
            return oauth_error("invalid_request", "Parameters belong into the body.")
        try:
            parameters = read_body(request)
        except MalformedForm as error:
            logger.info("form refused: %s", error.detail)
            return oauth_error("invalid_request", "The body is not a well-formed form.")
        if parameters.repeated:  # Trap 10, RFC 6749 3.2.
            return oauth_error("invalid_request", "A parameter is repeated.")
        if parameters.get("client_assertion") and (
            parameters.get("client_secret") or "Authorization" in request.headers
        ):
            return oauth_error("invalid_request", "More than one client authentication method.")
        try:
            # One transaction: the assertion's name, the spent code and the tokens are kept together. Refusals
            # are answers and not exceptions, so what must be remembered about them is kept as well.
            with transaction.atomic():
                return self.answer(request, parameters)
        except SigningKeyMissing:
            logger.critical("no key to sign ID tokens with: run manage.py rotate_oidc_key")
            return oauth_error("server_error")

    def answer(self, request: HttpRequest, parameters: Parameters) -> HttpResponse:
        """What this endpoint does with a well-formed request."""
        raise NotImplementedError


class TokenView(ClientRequestView):
    """``POST /oauth/token`` (RFC 6749 3.2, S0-30, S0-31)."""

    def answer(self, request: HttpRequest, parameters: Parameters) -> HttpResponse:
        grant_type = parameters.get("grant_type")
        if grant_type is None:
            return oauth_error("invalid_request", "grant_type is missing.")
        if grant_type not in GRANT_TYPES:
            return oauth_error("unsupported_grant_type")
        _, _, body, status = self.create_token_response(request)
        content: dict[str, Any] = json.loads(body)
        if status == 200:
            return no_store(JsonResponse(content))
        return oauth_error(content["error"])
