from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from apps.console.access import open_session, own_page, public, redirect_to
from apps.console.errors import add_answer
from apps.console.forms import CodeForm, SignInForm
from apps.console.pending import PendingEnrolment, PendingSignIn, expiry, new_sealed_secret, opened_secret
from apps.console.views.throttling import SIGN_IN
from apps.core import clock
from apps.core.errors import DomainError, NotFound
from apps.identity.queries import get_member
from apps.sca.queries import get_authenticator
from apps.sca.rules import CodeMalformed
from apps.sca.services import check_authenticator_code, check_knowledge, enrol_authenticator
from apps.web.qr import describe_authenticator
from apps.web.views.preferences import SeeOther


@sensitive_post_parameters("password")
@sensitive_variables("password")
@require_http_methods(["GET", "HEAD", "POST"])
@public
def sign_in(request: HttpRequest) -> HttpResponse:
    """User ID and password. The next page always comes and looks the same, right or wrong (RTS art. 4(3)(a), N7)."""
    next_page = own_page(request.POST.get("next") or request.GET.get("next", ""))
    form = SignInForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return render(request, "console/sign_in.html", {"form": form, "next_page": next_page})
    if refusal := SIGN_IN.refusal(request):
        return refusal
    now = clock.now()
    user_id = _member_id(username=form.cleaned_data["username"], password=form.cleaned_data["password"])
    PendingEnrolment.forget(request)
    if settings.SANDBOX and user_id is not None and get_authenticator(user_id=user_id) is None:
        PendingSignIn.forget(request)
        PendingEnrolment(
            expires_at=expiry(now),
            user_id=str(user_id),
            next_page=next_page,
            sealed_secret=new_sealed_secret(),
        ).keep(request)
        return redirect_to("console:sign-in-authenticator")
    PendingSignIn(expires_at=expiry(now), user_id=str(user_id) if user_id else "", next_page=next_page).keep(
        request
    )
    return redirect_to("console:sign-in-code")


@require_http_methods(["GET", "HEAD", "POST"])
@public
def code(request: HttpRequest) -> HttpResponse:
    """The code of the authenticator app: one answer for whatever is wrong, five tries, then from the beginning."""
    now = clock.now()
    pending = PendingSignIn.find(request, now=now)
    if pending is None:
        return _start_again(request)
    form = CodeForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return render(request, "console/sign_in_code.html", {"form": form})
    if refusal := SIGN_IN.refusal(request):
        return refusal
    try:
        device = check_authenticator_code(
            user_id=UUID(pending.user_id) if pending.user_id else None,
            code=form.cleaned_data["code"],
            now=now,
        )
    except CodeMalformed as error:
        add_answer(form, error)
        return render(request, "console/sign_in_code.html", {"form": form})
    if device is not None:
        return _enter(request, user_id=UUID(pending.user_id), next_page=pending.next_page)
    pending.tries += 1
    if pending.tries >= settings.SCA_MAX_ATTEMPTS:
        PendingSignIn.forget(request)
        messages.error(request, _("User ID, password or code is not right. Please start again."))
        return redirect_to("console:sign-in")
    pending.keep(request)
    form.add_error("code", _("User ID, password or code is not right. Each code works only once."))
    return render(request, "console/sign_in_code.html", {"form": form})


@require_http_methods(["GET", "HEAD", "POST"])
@public
def authenticator(request: HttpRequest) -> HttpResponse:
    """Sandbox only: a seeded member enrols his authenticator app on first sign-in.

    Elsewhere there is no log-in without one: a password alone must never be enough to add the second element (S0-9).
    """
    now = clock.now()
    pending = PendingEnrolment.find(request, now=now)
    if pending is None or not settings.SANDBOX:
        return _start_again(request)
    try:
        user = get_member(user_id=UUID(pending.user_id))
    except NotFound:
        return _start_again(request)
    secret = opened_secret(pending)
    form = CodeForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            enrol_authenticator(user=user, secret=secret, code=form.cleaned_data["code"], now=now)
            return _enter(request, user_id=user.pk, next_page=pending.next_page)
        except DomainError as error:
            add_answer(form, error)
    setup = describe_authenticator(secret=secret, username=user.get_username(), place="Developers")
    return render(request, "console/authenticator.html", {"form": form, "setup": setup, "is_sign_in": True})


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session."""
    logout(request)
    messages.success(request, _("You are signed out."))
    return redirect_to("console:overview")


@sensitive_variables("password")
def _member_id(*, username: str, password: str) -> UUID | None:
    """The member whose password this is. Customers and staff have their own doors, and count as wrong here."""
    user = check_knowledge(username=username, password=password, now=clock.now())
    try:
        return get_member(user_id=user.pk).pk if user is not None else None
    except NotFound:
        return None


def _enter(request: HttpRequest, *, user_id: UUID, next_page: str) -> HttpResponse:
    device = get_authenticator(user_id=user_id)
    try:
        user = get_member(user_id=user_id)
    except NotFound:
        return _start_again(request)
    if device is None:
        return _start_again(request)
    with transaction.atomic():
        open_session(request=request, user=user, device=device, now=clock.now())
    PendingSignIn.forget(request)
    PendingEnrolment.forget(request)
    return SeeOther(own_page(next_page))


def _start_again(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        messages.info(request, _("This took too long. Please sign in again."))
    return redirect_to("console:sign-in")
