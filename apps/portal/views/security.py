"""What protects the account, and what happened around it."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.portal.guard import Visit, customers_only
from apps.sca.queries import get_authentication_state, get_sms_device, list_code_uses


@require_safe
@customers_only
def security(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The registered mobile, the latest codes, failed attempts, this session, and how to report fraud."""
    user_id = visit.psu.user_id
    state = get_authentication_state(user_id=user_id)
    context = {
        "psu": visit.psu,
        "device": get_sms_device(user_id=user_id),
        "codes": list_code_uses(user_id=user_id),
        "now": visit.now,
        "failures": state.consecutive_failures if state else 0,
        "is_paused": bool(state and state.blocked_until and state.blocked_until > visit.now),
        "paused_until": state.blocked_until if state else None,
    }
    return render(request, "portal/security.html", context)
