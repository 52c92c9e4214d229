from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase
from django.urls import resolve
from django.utils import translation

PREFIX = "/v1/"
URLCONF = "apps.xs2a.urls"


class XS2AMiddleware:
    """Takes a call of this interface straight to its view, past everything that is made for browsers.

    Sessions, cookies, CSRF tokens, messages and the pages' Content-Security-Policy mean nothing to a TPP's program: so
    none of them can play a part here, and none of them is paid for. What stands before this middleware (request id,
    TLS, headers of every answer) holds as everywhere. An unknown path or a fault raises as usual and is answered by
    ``errors.render_unrouted``.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(PREFIX):
            return self.get_response(request)
        request.get_host()  # Refuses a Host that is not this bank's (ALLOWED_HOSTS).
        # Programs are answered in English, whatever the thread spoke before.
        translation.activate("en")
        # Among this door's own paths only, which is all there is below the prefix.
        match = request.resolver_match = resolve(request.path_info[len(PREFIX) - 1 :], urlconf=URLCONF)
        response: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
        return response
