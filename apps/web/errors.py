"""Error pages: what happened, what to do, a way back, and the request's id. JSON doors keep their own format."""

import logging
from typing import Protocol

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import escape
from django.utils.module_loading import import_string

logger = logging.getLogger(__name__)

HOMES = (("/developers/", "console:overview"), ("/staff/", "admin:index"))

# Shown when even the error page cannot be rendered, perhaps because no translation can be read: in both languages.
# No style: the CSP allows no inline one.
LAST_RESORT = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Technical problem</title></head>'
    "<body><main><h1>Something went wrong on our side</h1><p>Please try again in a few minutes.</p>"
    '<h2 lang="de">Bei uns ist etwas schiefgegangen</h2>'
    '<p lang="de">Bitte versuchen Sie es in ein paar Minuten noch einmal.</p>'
    "<p>Request ID: {request_id}</p></main></body></html>"
)


class ErrorRenderer(Protocol):
    """How a JSON door answers a path or a failure that never reached one of its views."""

    def __call__(self, request: HttpRequest, *, status: int) -> HttpResponse: ...


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """The request cannot be understood."""
    return render_error(request, status=400)


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Signed in, but not allowed here."""
    return render_error(request, status=403)


def page_not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """No such page, or nothing of this caller's."""
    return render_error(request, status=404)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The form's protection token is missing or old; usually cookies are off or the page was open too long."""
    logger.warning("form refused: %s", reason)
    return render_error(request, status=403, template="web/csrf_failure.html")


def body_too_large(request: HttpRequest, *, most: int) -> HttpResponse:
    """The call sends more than this address takes; ``most`` is how many bytes that is."""
    return render_error(request, status=413, most=most)


def server_error(request: HttpRequest) -> HttpResponse:
    """A fault of ours. Must render while the database, the templates or both are broken."""
    try:
        return render_error(request, status=500)
    except Exception:
        logger.exception("the error page itself failed")
        request_id = escape(getattr(request, "request_id", ""))
        return HttpResponse(LAST_RESORT.format(request_id=request_id), status=500)


def render_error(request: HttpRequest, *, status: int, template: str = "", **context: object) -> HttpResponse:
    """The error in the format of the door the path belongs to (``settings.WEB_ERROR_RENDERERS``), else as a page."""
    for prefix, dotted_path in settings.WEB_ERROR_RENDERERS.items():
        if request.path_info.startswith(prefix):
            renderer: ErrorRenderer = import_string(dotted_path)
            return renderer(request, status=status)
    context |= {"home_url_name": _home_of(request.path_info)}
    return render(request, template or f"{status}.html", context, status=status)


def _home_of(path: str) -> str:
    return next((url_name for prefix, url_name in HOMES if path.startswith(prefix)), "portal:home")
