from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.consents.queries import get_first_consent_at
from apps.console.access import public
from apps.console.progress import list_steps
from apps.tpp.queries import list_apps_for_member, list_tpps_for_member

if TYPE_CHECKING:
    from apps.console.access import VisitorRequest


@require_safe
@public
def overview(request: VisitorRequest) -> HttpResponse:
    """For a member: what comes next. For everybody else: what this is."""
    member = request.console_member
    if member is None:
        return render(request, "console/landing.html")
    tpps = list(list_tpps_for_member(user_id=member.pk))
    apps = list(list_apps_for_member(user_id=member.pk).prefetch_related("keys"))
    first_call_at = get_first_consent_at(app_ids=[app.pk for app in apps])
    steps = list_steps(tpps=tpps, apps=apps, first_call_at=first_call_at)
    context = {
        "steps": steps,
        "step_labels": [step.label for step in steps],
        "current": next((number for number, step in enumerate(steps, 1) if not step.is_done), len(steps) + 1),
        "next_step": next((step for step in steps if not step.is_done), None),
        "apps": apps,
        "tpps": tpps,
        "minutes_to_first_call": _minutes(
            min((app.registered_at for app in apps), default=None), first_call_at
        ),
    }
    return render(request, "console/overview.html", context)


@require_safe
@public
def callback(request: HttpRequest) -> HttpResponse:
    """Sandbox: what an app would receive at its redirect URI, shown to be copied. Nothing is stored or fetched."""
    if not settings.SANDBOX:
        raise Http404
    names = ("code", "state", "iss", "error", "error_description")
    context = {
        "answer": [(name, request.GET[name]) for name in names if name in request.GET],
        "address": request.build_absolute_uri(),
        "is_error": "error" in request.GET,
        "is_other_issuer": "iss" in request.GET and request.GET["iss"] != settings.PUBLIC_BASE_URL,
    }
    return render(request, "console/callback.html", context)


def _minutes(begun_at: datetime | None, done_at: datetime | None) -> int | None:
    """Rounded up; None if it took longer than a day, which says nothing about how easy it was."""
    if begun_at is None or done_at is None or not timedelta(0) <= done_at - begun_at < timedelta(days=1):
        return None
    return max(1, -(-int((done_at - begun_at).total_seconds()) // 60))
