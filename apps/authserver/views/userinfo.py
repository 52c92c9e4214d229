from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import View

from apps.authserver import services
from apps.authserver.bearer import read_bearer_token
from apps.authserver.errors import method_not_allowed, no_store
from apps.authserver.queries import get_subject
from apps.authserver.refusals import TokenRefused
from apps.core import clock


class UserInfoView(View):
    """``/oauth/userinfo`` (OIDC Core 5.3): the customer's name towards this TPP, and no more.

    The token comes in the ``Authorization`` header; in the query or the body it is not seen (trap 13).
    """

    http_method_names = ["get"]

    def http_method_not_allowed(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        return method_not_allowed("GET")

    def get(self, request: HttpRequest) -> HttpResponse:
        token = read_bearer_token(request.headers.get("Authorization", ""))
        if token is None:
            return _challenge(401)
        try:
            context = services.authenticate_access_token(token=token, now=clock.now())
        except TokenRefused:
            return _challenge(401, "invalid_token")
        subject = get_subject(token_id=context.token_id) if "openid" in context.scopes else None
        if subject is None:
            return _challenge(403, "insufficient_scope")
        return no_store(JsonResponse({"sub": subject}))


def _challenge(status: int, error: str = "") -> HttpResponse:
    """RFC 6750 3: no error code for a request that shows no token at all."""
    response = no_store(HttpResponse(status=status))
    response["WWW-Authenticate"] = f'Bearer error="{error}"' if error else "Bearer"
    return response
