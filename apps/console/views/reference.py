from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.console.access import public
from apps.console.reference import DEVIATIONS, SERVICES
from apps.web.error_catalogue import OAUTH_ERRORS, TPP_MESSAGES, find_error


@require_safe
@public
def reference(request: HttpRequest) -> HttpResponse:
    """Every endpoint that this bank offers, and where it differs from the standard."""
    return render(request, "console/reference.html", {"services": SERVICES, "deviations": DEVIATIONS})


@require_safe
@public
def error_list(request: HttpRequest) -> HttpResponse:
    """The codes that the interface answers with."""
    return render(
        request, "console/error_list.html", {"tpp_messages": TPP_MESSAGES, "oauth_errors": OAUTH_ERRORS}
    )


@require_safe
@public
def error_detail(request: HttpRequest, code: str) -> HttpResponse:
    """One code: what it means, why it came, what to do."""
    entry = find_error(code)
    if entry is None:
        raise Http404
    return render(request, "console/error_detail.html", {"entry": entry})
