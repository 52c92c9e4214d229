"""The remaining time of the session, and the one click that extends it (WCAG 2.2.1)."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_POST, require_safe

from apps.web import idle
from apps.web.middleware import is_signed_in
from apps.web.views.preferences import SeeOther, safe_next


@require_safe
def remaining(request: HttpRequest) -> HttpResponse:
    """Seconds left. Asked in the background by idle.js, because another tab may have extended the session."""
    return _remaining(request)


@require_POST
def extend(request: HttpRequest) -> HttpResponse:
    """The button "I am still here": a click is an action of the user, so the middleware has extended already."""
    if "application/json" in request.headers.get("Accept", ""):
        return _remaining(request)
    return SeeOther(safe_next(request))


def _remaining(request: HttpRequest) -> HttpResponse:
    if not is_signed_in(request):
        return JsonResponse({"signed_out": True}, status=401)
    return JsonResponse({"remaining_seconds": idle.remaining_seconds(request)})
