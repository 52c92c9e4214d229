"""For somebody who has lost the telephone or the device that he signs with: password and a recovery or activation code,
then another number or passkey (RTS art. 24-26). Signs nothing, and signs nobody in."""

import json
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from apps.core import clock
from apps.core.errors import NotFound
from apps.identity.queries import get_psu_of_user
from apps.portal.errors import ANSWERS, answer_for
from apps.portal.forms import CodeForm, NumberForm, RecoverForm
from apps.portal.guard import count_password, retry_later
from apps.sca.queries import get_reactivation
from apps.sca.rules import CodeMalformed
from apps.sca.services import (
    CodeRefused,
    EnrolmentOver,
    PasskeyAnswerMalformed,
    PasskeyNotAccepted,
    ReactivationOver,
    add_reactivated_passkey,
    confirm_number,
    enrolment_of_reactivation,
    passkey_creation,
    send_number_code,
    start_reactivation,
)
from apps.web.views.preferences import SeeOther

if TYPE_CHECKING:
    from apps.sca.models import Reactivation

SESSION_KEY = "portal.reactivation"


@sensitive_post_parameters("password", "code")
@require_http_methods(["GET", "HEAD", "POST"])
def start(request: HttpRequest) -> HttpResponse:
    """User ID, password and the code. One answer to everything that is wrong (RTS art. 4(3)(a))."""
    form, status, too_many = RecoverForm(), 200, None
    if request.method == "POST":
        form, status = RecoverForm(request.POST), 422
        throttle = count_password(request)
        if not throttle.is_allowed:
            status, too_many = 429, throttle
        elif form.is_valid():
            try:
                reactivation = start_reactivation(
                    username=form.cleaned_data["user_id"],
                    password=form.cleaned_data["password"],
                    code=form.cleaned_data["code"],
                    now=clock.now(),
                )
            except CodeRefused:
                form.add_error(
                    None,
                    gettext(
                        "This did not work. The user ID, the password or the code is not right, or the code is too"
                        " old."
                    ),
                )
            else:
                logout(request)  # Nothing of a session that somebody planted in this browser.
                request.session[SESSION_KEY] = str(reactivation.pk)
                return SeeOther(reverse("portal:recover-choose"))
    context = {"form": form, "too_many": too_many}
    return retry_later(render(request, "portal/recover.html", context, status=status), too_many)


@require_http_methods(["GET", "HEAD", "POST"])
def choose(request: HttpRequest) -> HttpResponse:
    """Another number, whose code comes next; or a passkey of this device."""
    now = clock.now()
    reactivation = _under_way(request, now=now)
    if reactivation is None:
        return _over(request)
    form = NumberForm(request.POST if request.method == "POST" else None)
    try:
        if form.is_valid():
            send_number_code(
                reactivation_id=reactivation.pk, phone_number=form.cleaned_data["phone_number"], now=now
            )
            return SeeOther(reverse("portal:recover-number"))
    except ReactivationOver:
        return _over(request)
    return render(request, "portal/recover_choose.html", {"form": form}, status=422 if form.errors else 200)


@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
def number(request: HttpRequest) -> HttpResponse:
    """The code that went to the new number."""
    now, form = clock.now(), CodeForm()
    reactivation = _under_way(request, now=now)
    if reactivation is None or not reactivation.phone_number:
        return _over(request)
    if request.method == "POST":
        try:
            confirm_number(reactivation_id=reactivation.pk, code=request.POST.get("code", ""), now=now)
        except CodeMalformed as error:
            form = CodeForm.with_error(str(answer_for(error).text))
        except CodeRefused:
            form = CodeForm.with_error(gettext("This code was not right. Check it, or have a new one sent."))
        except ReactivationOver:
            return _over(request)
        else:
            return _done(request, gettext("Your number is changed. Sign in with it now."))
    context = {"form": form, "phone_number": reactivation.phone_number}
    return render(request, "portal/recover_number.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def passkey(request: HttpRequest) -> HttpResponse:
    """The device makes a key, which signs in at once."""
    now, refusal = clock.now(), ""
    reactivation = _under_way(request, now=now)
    if reactivation is None:
        return _over(request)
    try:
        psu = get_psu_of_user(user_id=reactivation.user_id)
        enrolment = enrolment_of_reactivation(reactivation_id=reactivation.pk, now=now)
        if request.method == "POST":
            add_reactivated_passkey(
                reactivation_id=reactivation.pk,
                enrolment_id=enrolment.pk,
                psu=psu,
                answer=request.POST.get("answer", ""),
                now=now,
            )
            return _done(request, gettext("Your passkey is there. Sign in with it now."))
    except (PasskeyNotAccepted, PasskeyAnswerMalformed) as error:
        refusal = str(answer_for(error).text)
    except (ReactivationOver, EnrolmentOver, NotFound):
        return _over(request)
    context = {"creation": json.dumps(passkey_creation(enrolment=enrolment, psu=psu)), "refusal": refusal}
    return render(request, "portal/recover_passkey.html", context, status=400 if refusal else 200)


def _under_way(request: HttpRequest, *, now: datetime) -> "Reactivation | None":
    stored = request.session.get(SESSION_KEY)
    if stored is None:
        return None
    try:
        return get_reactivation(reactivation_id=UUID(stored), now=now)
    except NotFound:
        return None


def _done(request: HttpRequest, text: str) -> HttpResponse:
    request.session.pop(SESSION_KEY, None)
    messages.success(request, text)
    return SeeOther(reverse("portal:sign-in"))


def _over(request: HttpRequest) -> HttpResponse:
    if request.session.pop(SESSION_KEY, None) is not None:
        messages.error(request, str(ANSWERS[ReactivationOver].text))
    return SeeOther(reverse("portal:recover"))
