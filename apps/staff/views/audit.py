import logging
from time import monotonic
from typing import Any

from django.contrib import admin
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from apps.audit.queries import ChainReport, verify_chains
from apps.core.ids import parse_uuid
from apps.core.read_only_admin import ReadOnlyAdmin
from apps.staff.actions import VIEW_TRAIL
from apps.staff.acts import require_permission
from apps.staff.story import events_of

BROKEN_SHOWN_MAX = 50

logger = logging.getLogger(__name__)


@require_http_methods(["GET", "HEAD", "POST"])
def verify(request: HttpRequest) -> HttpResponse:
    """Recompute every hash of the trail, when asked to by POST: it reads all of it."""
    require_permission(request, VIEW_TRAIL)
    context = {**admin.site.each_context(request), "title": _("Verify the audit trail"), "report": None}
    if request.method == "POST":
        started, report = monotonic(), _report()
        context |= {
            "is_done": True,
            "report": report,
            "broken": report.broken[:BROKEN_SHOWN_MAX] if report else [],
            "seconds": monotonic() - started,
        }
    return render(request, "staff/trail_verify.html", context)


@require_safe
def story(request: HttpRequest, object_type: str, object_id: str) -> HttpResponse:
    """Everything that happened to one object, oldest first, with the facts that were recorded."""
    require_permission(request, VIEW_TRAIL)
    events = events_of(_names_of(object_type, object_id))
    if not events:
        raise Http404
    context = {
        **admin.site.each_context(request),
        "title": _("Story of %(type)s %(id)s") % {"type": object_type, "id": object_id},
        "events": events,
    }
    return render(request, "staff/trail_story.html", context)


def _names_of(object_type: str, object_id: str) -> list[tuple[str, Any]]:
    """A customer, for one, is told of under two names: his own and his log-in's."""
    names: list[tuple[str, Any]] = [(object_type, object_id)]
    for model, page in admin.site._registry.items():
        if (
            isinstance(page, ReadOnlyAdmin)
            and page.audit_object_type == object_type
            and parse_uuid(object_id)
        ):
            row = model._default_manager.filter(pk=object_id).first()
            names = page.audit_objects(row) if row is not None else names
    return names


def _report() -> ChainReport | None:
    """None when it takes longer than a statement of a web process may: then ``manage.py audit verify`` has to."""
    try:
        return verify_chains()
    except OperationalError:
        logger.warning("the trail is too long to be verified from a page")
        return None
