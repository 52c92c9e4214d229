import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase
from django.urls import resolve
from django.utils import translation

from apps.xs2a.parsers import body_stream

PREFIX = "/v1/"
CHUNK_BYTES = 64 * 1024
DRAIN_BYTES_MAX = 32 * 1024 * 1024
DRAIN_SECONDS_MAX = 5.0
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
        try:
            return self._answer(request)
        finally:
            _drain(request)

    def _answer(self, request: HttpRequest) -> HttpResponseBase:
        # Among this door's own paths only, which is all there is below the prefix.
        match = request.resolver_match = resolve(request.path_info[len(PREFIX) - 1 :], urlconf=URLCONF)
        response: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
        return response


def _drain(request: HttpRequest) -> None:
    """Read what is left of a body, within bounds: a client that is still sending would not see its answer."""
    if not (request.META.get("CONTENT_LENGTH") or request.META.get("HTTP_TRANSFER_ENCODING")):
        return
    stream, left, until = body_stream(request), DRAIN_BYTES_MAX, time.monotonic() + DRAIN_SECONDS_MAX
    try:
        while left > 0 and time.monotonic() < until and (chunk := stream.read(min(left, CHUNK_BYTES))):
            left -= len(chunk)
    except OSError:
        # The client is gone, and so is whoever would have read the answer.
        pass
