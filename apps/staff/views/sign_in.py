"""Staff sign in as customers do: user ID and password, then a code by text message; always both pages (N7).

Nobody learns which element was wrong (RTS art. 4(3)(a)): a wrong password, an unknown user ID and a customer's right
one all lead to a code page that no code opens.
"""

from copy import copy
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.auth import login
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods
from django_otp import login as login_with_device

from apps.core import clock
from apps.core.ids import new_id
from apps.identity.models import User
from apps.identity.services import note_login
from apps.sca.queries import get_challenge_view, get_sms_device
from apps.sca.rules import CodeMalformed, Purpose
from apps.sca.services import (
    CodeRefused,
    Proof,
    check_code,
    check_knowledge,
    consume_proof,
    is_proof_of,
    send_code,
)
from apps.staff.errors import ANSWERS
from apps.staff.forms import CodeForm, SignInForm
from apps.web.client_ip import client_ip
from apps.web.throttles import count_call
from apps.web.views.preferences import SeeOther

SESSION_KEY = "staff.sign_in"
_BACKEND = "django.contrib.auth.backends.ModelBackend"
# Guessing is bounded in the database. This only keeps one address from tying up the processes with password hashing.
_PASSWORDS_PER_ADDRESS, _WINDOW_SECONDS = 100, 600


@never_cache
@csrf_protect
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """User ID and password. Any pair leads on to the code page."""
    wanted = _own_page(request.POST.get("next") or request.GET.get("next", ""))
    if admin.site.has_permission(request):
        return SeeOther(wanted)
    form, status = SignInForm(request.POST if request.method == "POST" else None), 200
    if form.is_valid():
        throttle = count_call(
            scope="staff-sign-in",
            key=client_ip(request),
            limit=_PASSWORDS_PER_ADDRESS,
            window_seconds=_WINDOW_SECONDS,
        )
        if throttle.is_allowed:
            _send_code(request, form.cleaned_data, wanted=wanted, now=clock.now())
            return SeeOther(reverse("admin:login-code"))
        status = 429
    context = {"form": form, "next": wanted, "is_throttled": status == 429}
    return render(request, "staff/sign_in.html", context, status=status)


@never_cache
@csrf_protect
@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
def code(request: HttpRequest) -> HttpResponse:
    """The code from the text message, for whoever sent any user ID and password."""
    if admin.site.has_permission(request):
        return SeeOther(reverse("admin:index"))
    attempt = request.session.get(SESSION_KEY)
    if attempt is None:
        return SeeOther(reverse("admin:login"))
    now, form = clock.now(), CodeForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            _enter(request, attempt, form.cleaned_data["code"], now=now)
        except CodeMalformed:
            form.add_error("code", str(ANSWERS[CodeMalformed]))
        except CodeRefused:
            form.add_error("code", str(ANSWERS[CodeRefused]))
        else:
            return SeeOther(attempt["next"])
    challenge = get_challenge_view(challenge_id=UUID(attempt["challenge_id"]))
    if challenge.attempts_left == 0 or challenge.expires_at <= now:
        # The same for a code and for a decoy: both count tries, and both grow old.
        del request.session[SESSION_KEY]
        messages.error(request, str(ANSWERS[CodeRefused]))
        return SeeOther(reverse("admin:login"))
    context = {"form": form, "challenge": challenge}
    return render(request, "staff/sign_in_code.html", context, status=422 if form.errors else 200)


def _own_page(target: str) -> str:
    """``target`` if it is a page of this door, else the overview: no open redirect."""
    home = reverse("admin:index")
    is_ours = target.startswith(home) and url_has_allowed_host_and_scheme(target, allowed_hosts=None)
    return target if is_ours and not target.startswith(reverse("admin:login")) else home


def _send_code(request: HttpRequest, typed: dict[str, Any], *, wanted: str, now: datetime) -> None:
    user = check_knowledge(username=typed["user_id"], password=typed["password"], now=now)
    sign_in_id = str(new_id())
    challenge_id = send_code(
        user=user if user is not None and user.is_staff else None,
        purpose=Purpose.SIGN_IN,
        snapshot=_snapshot(sign_in_id),
        now=now,
    )
    request.session[SESSION_KEY] = {"id": sign_in_id, "challenge_id": str(challenge_id), "next": wanted}


def _snapshot(sign_in_id: str) -> dict[str, str]:
    """What the code is made over: this one attempt at this door, so that it opens no other."""
    return {"door": "staff", "sign_in_id": sign_in_id}


def _enter(request: HttpRequest, attempt: dict[str, Any], typed: str, *, now: datetime) -> None:
    """Check the code, spend it and open the session.

    :raises CodeMalformed: not six digits; nothing was counted.
    :raises CodeRefused: anything else that was wrong.
    """
    proof: Proof = check_code(challenge_id=UUID(attempt["challenge_id"]), code=typed, now=now)
    user = User.objects.filter(pk=proof.user_id, is_active=True, is_staff=True).first()
    device = get_sms_device(user_id=proof.user_id)
    is_ours = is_proof_of(proof=proof, purpose=Purpose.SIGN_IN, snapshot=_snapshot(attempt["id"]))
    if user is None or device is None or not is_ours:
        raise CodeRefused("not a code for this sign-in", is_over=True)
    with transaction.atomic():
        consume_proof(proof=proof, now=now)
    # A new session key, and nothing of a customer's session that may have been open in this browser. Django writes the
    # real time of the sign-in into the user it is given, so that one is a copy: note_login writes bank time.
    request.session.flush()
    login(request, copy(user), backend=_BACKEND)
    login_with_device(request, device)
    note_login(user=user, now=now)
