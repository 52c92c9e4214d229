from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from apps.console.access import open_session, public, redirect_to
from apps.console.errors import add_answer
from apps.console.forms import CodeForm, RegistrationForm
from apps.console.pending import PendingRegistration, expiry, new_sealed_secret, opened_secret
from apps.console.views.throttling import REGISTRATION
from apps.core import clock
from apps.core.errors import DomainError
from apps.identity.queries import get_user_by_username
from apps.identity.services import UsernameTaken, register_member
from apps.sca.services import enrol_authenticator
from apps.web.qr import describe_authenticator

if TYPE_CHECKING:
    from apps.console.access import VisitorRequest


@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
@public
def register(request: VisitorRequest) -> HttpResponse:
    """Choose user ID and password. Nothing is stored but in the session until the second element works."""
    if request.console_member is not None:
        return redirect_to("console:overview")
    form = RegistrationForm(
        request.POST if request.method == "POST" else None, initial={"language": (get_language() or "en")[:2]}
    )
    if request.method == "POST" and (refusal := REGISTRATION.refusal(request)):
        return refusal
    if form.is_valid():
        username = form.cleaned_data["username"]
        if get_user_by_username(username=username) is None:
            PendingRegistration(
                expires_at=expiry(clock.now()),
                username=username,
                email=form.cleaned_data["email"],
                language=form.cleaned_data["language"],
                password_hash=make_password(form.cleaned_data["password"]),
                sealed_secret=new_sealed_secret(),
            ).keep(request)
            return redirect_to("console:register-authenticator")
        add_answer(form, UsernameTaken(field="username"))
    return render(request, "console/registration.html", {"form": form})


@require_http_methods(["GET", "HEAD", "POST"])
@public
def authenticator(request: HttpRequest) -> HttpResponse:
    """Enrol the authenticator app; the first right code makes the log-in, and signs in."""
    now = clock.now()
    pending = PendingRegistration.find(request, now=now)
    if pending is None:
        if request.method == "POST":
            messages.info(request, _("This took too long. Please start again."))
        return redirect_to("console:register")
    secret = opened_secret(pending)
    form = CodeForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            with transaction.atomic():
                user = register_member(
                    username=pending.username,
                    password_hash=pending.password_hash,
                    email=pending.email,
                    language=pending.language,
                    now=now,
                )
                device = enrol_authenticator(
                    user=user, secret=secret, code=form.cleaned_data["code"], now=now
                )
        except UsernameTaken:
            PendingRegistration.forget(request)
            messages.error(request, _("Somebody has taken this user ID in the meantime. Choose another one."))
            return redirect_to("console:register")
        except DomainError as error:
            add_answer(form, error)
        else:
            PendingRegistration.forget(request)
            open_session(request=request, user=user, device=device, now=now)
            messages.success(
                request, _("Your log-in is ready. From now on you need password and authenticator app.")
            )
            return redirect_to("console:overview")
    setup = describe_authenticator(secret=secret, username=pending.username, place="Developers")
    return render(request, "console/authenticator.html", {"form": form, "setup": setup, "is_sign_in": False})
