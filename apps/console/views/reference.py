from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.console.access import public
from apps.console.reference import DEVIATIONS, SERVICES
from apps.web.error_catalogue import OAUTH_ERRORS, TPP_MESSAGES, find_error

CONTRACT = Path("docs/reference/contract/psd2-api-1.3.12.yaml")


@require_safe
@public
def reference(request: HttpRequest) -> HttpResponse:
    """Every endpoint that this bank offers, and where it differs from the standard."""
    return render(request, "console/reference.html", {"services": SERVICES, "deviations": DEVIATIONS})


@require_safe
def contract(request: HttpRequest) -> FileResponse:
    """The Berlin Group's OpenAPI file, as it is vendored with its licence in its head."""
    try:
        file = (Path(settings.BASE_DIR) / CONTRACT).open("rb")
    except FileNotFoundError as error:  # An installation without the docs.
        raise Http404 from error
    response = FileResponse(file, as_attachment=True, filename=CONTRACT.name, content_type="application/yaml")
    response["Cache-Control"] = "public, max-age=86400"
    return response


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
