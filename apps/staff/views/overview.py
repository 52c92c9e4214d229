from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.core import clock
from apps.fraud.queries import get_queue_state
from apps.risk.queries import count_open_cases
from apps.screening.queries import get_screening_state
from apps.staff.actions import VIEW_TRAIL
from apps.staff.queries import get_day_figures, list_security_events


def overview(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """The bank today, and what somebody should look at."""
    may_view_trail = request.user.has_perm(VIEW_TRAIL)
    context |= {
        "figures": get_day_figures(now=clock.now()),
        "screening": get_screening_state(now=clock.real_now()),
        "reports": get_queue_state(now=clock.now()),
        "open_risk_cases": count_open_cases(),
        "may_view_trail": may_view_trail,
        "security_events": list_security_events() if may_view_trail else [],
    }
    return render(request, "staff/overview.html", context)
