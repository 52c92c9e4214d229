from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from apps.authserver import services
from apps.authserver.errors import no_store, oauth_error
from apps.authserver.parameters import Parameters
from apps.authserver.refusals import ClientAuthenticationFailed
from apps.authserver.views.token import ClientRequestView


class RevokeView(ClientRequestView):
    """``POST /oauth/revoke`` (RFC 7009): an app gives a token back; 200 whether it existed or not."""

    def answer(self, request: HttpRequest, parameters: Parameters) -> HttpResponse:
        try:
            application = services.authenticate_client(
                assertion_type=parameters.get("client_assertion_type"),
                assertion=parameters.get("client_assertion"),
                client_id=parameters.get("client_id"),
                now=timezone.now(),
            )
        except ClientAuthenticationFailed:
            return oauth_error("invalid_client")
        token = parameters.get("token")
        if token is None:
            return oauth_error("invalid_request", "token is missing.")
        services.revoke_token(application=application, token=token, now=timezone.now())
        return no_store(HttpResponse(status=200, content_type="application/json"))
