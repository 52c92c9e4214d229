import logging
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from apps.authserver import services
from apps.authserver.authorization_parameters import check_authorization_parameters, state_to_return
from apps.authserver.errors import error_page, method_not_allowed, no_store
from apps.authserver.metadata import issuer
from apps.authserver.parameters import MalformedForm, Parameters, read_body, read_query
from apps.authserver.refusals import AuthorizationRefused, UntrustedAuthorizationRequest
from apps.authserver.rules import answer_url
from apps.core import clock

logger = logging.getLogger(__name__)


class SeeOther(HttpResponseRedirect):
    """303: the browser asks with GET, whatever it asked with before (FAPI 2.0 5.3.2.2-10, -11)."""

    status_code = 303


class AuthorizeView(View):
    """``/oauth/authorize``: a TPP sends its customer here (RFC 6749 4.1.1, OIDC Core 3.1.2).

    Nothing is granted here. The request is checked, kept, and the customer is sent on to the pages where the
    bank asks him; those know an id and read everything else from the row (trap 4). OIDC Core 3.1.2.1 wants
    POST too; it comes from another site, carries no authority of the customer, and so needs no CSRF token.
    """

    http_method_names = ["get", "post"]

    @method_decorator(csrf_exempt)
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return super().dispatch(request, *args, **kwargs)

    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return method_not_allowed("GET", "POST")

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.answer(request, read_query)

    def post(self, request: HttpRequest) -> HttpResponse:
        return self.answer(request, read_body)

    def answer(self, request: HttpRequest, read: Any) -> HttpResponse:
        try:
            parameters: Parameters = read(request)
            client = services.identify_client(parameters=parameters)
        except MalformedForm as error:
            logger.info("authorization request unreadable: %s", error.detail)
            return error_page(request, error="invalid_request")
        except UntrustedAuthorizationRequest as error:
            logger.info("authorization request not trusted: %s", error.description)
            return error_page(request, error=error.error)
        try:
            asked = check_authorization_parameters(parameters)
            authorization_request = services.request_authorization(
                application=client.application, redirect_uri=client.redirect_uri, asked=asked, now=clock.now()
            )
        except AuthorizationRefused as error:
            logger.info("authorization request refused: %s: %s", error.error, error.description)
            url = answer_url(
                redirect_uri=client.redirect_uri,
                issuer=issuer(),
                state=state_to_return(parameters),
                answer={"error": error.error, "error_description": error.description},
            )
            return no_store(TPPRedirect(url))
        return no_store(SeeOther(reverse("portal:authorise", args=[authorization_request.authorisation_id])))


class TPPRedirect(SeeOther):
    """To a redirect URI that was compared to the letter; https, or http on a developer's machine."""

    allowed_schemes = ["https", "http"]
