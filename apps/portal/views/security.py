"""What protects the account, what happened around it, and how to stop everything."""

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout, update_session_auth_hash
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.core.errors import NotFound
from apps.identity.queries import get_psu, list_sessions
from apps.identity.services import end_session, end_sessions
from apps.identity.sessions import ID_KEY
from apps.portal.forms import FreezeForm
from apps.portal.guard import Visit, customers_only
from apps.sca.queries import (
    count_recovery_codes,
    get_authentication_state,
    get_sign_in_app,
    get_sms_device,
    list_code_uses,
    list_passkeys,
    list_signing_devices,
    list_verified_devices,
)
from apps.sca.rules import MessageContent
from apps.web.freezing import freeze_customer
from apps.web.views.preferences import SeeOther


@require_safe
@customers_only
def security(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The registered mobile, the passkeys, the latest codes, failed attempts, this session, and how to report fraud."""
    user_id = visit.psu.user_id
    state = get_authentication_state(user_id=user_id)
    context = {
        "psu": visit.psu,
        "messages_by_link": settings.SCA_MESSAGE_CONTENT == MessageContent.LINK,
        "device": get_sms_device(user_id=user_id),
        "passkeys": list_passkeys(user_id=user_id),
        "signing_devices": list_signing_devices(user_id=user_id),
        "verified_devices": list_verified_devices(user_id=user_id),
        "sign_in_app": get_sign_in_app(user_id=user_id),
        "recovery_codes_left": count_recovery_codes(user_id=user_id),
        "codes": list_code_uses(user_id=user_id),
        "now": visit.now,
        "sessions": list_sessions(
            user_id=user_id, idle_since=visit.now - timedelta(seconds=settings.SESSION_IDLE_SECONDS)
        ),
        "session_id": request.session.get(ID_KEY, ""),
        "failures": state.consecutive_failures if state else 0,
        "is_paused": bool(state and state.blocked_until and state.blocked_until > visit.now),
        "paused_until": state.blocked_until if state else None,
    }
    return render(request, "portal/security.html", context)


@require_POST
@customers_only
def end_one_session(request: HttpRequest, visit: Visit, session_id: UUID) -> HttpResponse:
    """Sign out in one other browser; in this one it is the sign-out."""
    if str(session_id) == request.session.get(ID_KEY):
        raise NotFound("session")
    end_session(user_id=visit.psu.user_id, session_id=session_id, now=visit.now)
    messages.success(request, gettext("That browser is signed out."))
    return SeeOther(reverse("portal:security"))


@require_POST
@customers_only
def end_other_sessions(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Sign out everywhere but here."""
    end_sessions(user_id=visit.psu.user_id, actor_type="psu", actor_id=visit.psu.pk, now=visit.now)
    update_session_auth_hash(request, get_psu(psu_id=visit.psu.pk).user)
    messages.success(request, gettext("You are signed out everywhere but here."))
    return SeeOther(reverse("portal:security"))


@require_http_methods(["GET", "HEAD", "POST"])
@customers_only
def freeze(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Stop every use of this access. No code is asked for: whoever needs this may have lost the phone."""
    form = FreezeForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        freeze_customer(
            psu_id=visit.psu.pk,
            actor_type="psu",
            actor_id=visit.psu.pk,
            reason="frozen in the portal",
            now=visit.now,
        )
        logout(request)
        return SeeOther(reverse("portal:frozen"))
    context = {"form": form, "device": get_sms_device(user_id=visit.psu.user_id)}
    return render(request, "portal/freeze.html", context, status=422 if form.errors else 200)


@require_safe
def frozen(request: HttpRequest) -> HttpResponse:
    """What holds now, for somebody who is signed out. Says nothing of anybody, so anybody may read it."""
    return render(request, "portal/frozen.html")
