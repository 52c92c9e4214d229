"""Another passkey: signed first by what the customer has already, then made by the device (RTS art. 24(2)(b)). And one
taken away, which needs no signature: it makes the access smaller."""

import json
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from apps.portal.errors import ANSWERS, answer_for
from apps.portal.forms import DeviceNameForm
from apps.portal.guard import Visit, customers_only
from apps.portal.views.enrolments import ask_for_signature
from apps.sca.queries import get_enrolment, get_passkey
from apps.sca.rules import DeviceKind, EnrolmentStatus, WithdrawalReason
from apps.sca.services import (
    EnrolmentOver,
    PasskeyAnswerMalformed,
    PasskeyNotAccepted,
    add_passkey,
    check_enrolment_under_way,
    passkey_creation,
    start_enrolment,
    withdraw_passkey,
)
from apps.web.views.preferences import SeeOther


@require_http_methods(["GET", "HEAD", "POST"])
@customers_only
def new(request: HttpRequest, visit: Visit) -> HttpResponse:
    """What a passkey is, and the name of the device that gets one."""
    form = DeviceNameForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        enrolment = start_enrolment(
            psu=visit.psu, kind=DeviceKind.PASSKEY, name=form.cleaned_data["name"], now=visit.now
        )
        ask_for_signature(request, enrolment, visit)
        return SeeOther(reverse("portal:enrolment-sign", args=[enrolment.pk]))
    return render(request, "portal/passkey_new.html", {"form": form}, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@customers_only
def make(request: HttpRequest, visit: Visit, enrolment_id: UUID) -> HttpResponse:
    """The device makes the key; from then on it signs."""
    enrolment = get_enrolment(user_id=visit.psu.user_id, enrolment_id=enrolment_id)
    refusal = ""
    try:
        if request.method == "POST":
            passkey = add_passkey(
                enrolment_id=enrolment_id, psu=visit.psu, answer=request.POST.get("answer", ""), now=visit.now
            )
            messages.success(
                request,
                gettext("“%(name)s” can sign for you from now on.") % {"name": passkey.name},
            )
            return SeeOther(reverse("portal:security"))
        check_enrolment_under_way(enrolment=enrolment, kind=DeviceKind.PASSKEY, now=visit.now)
    except EnrolmentOver:
        if enrolment.status != EnrolmentStatus.DONE:  # A form sent twice: the first has added it.
            messages.error(request, str(ANSWERS[EnrolmentOver].text))
        return SeeOther(reverse("portal:security"))
    except PasskeyNotAccepted as error:
        refusal = _synced_text() if error.is_synced else str(ANSWERS[PasskeyNotAccepted].text)
    except PasskeyAnswerMalformed as error:
        refusal = str(answer_for(error).text)
    context = {
        "enrolment": enrolment,
        "creation": json.dumps(passkey_creation(enrolment=enrolment, psu=visit.psu)),
        "refusal": refusal,
    }
    return render(request, "portal/passkey_make.html", context, status=400 if refusal else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@customers_only
def remove(request: HttpRequest, visit: Visit, passkey_id: int) -> HttpResponse:
    """Ask once, then withdraw it for good."""
    passkey = get_passkey(user_id=visit.psu.user_id, passkey_id=passkey_id)
    if request.method == "POST":
        withdraw_passkey(
            user_id=visit.psu.user_id,
            passkey_id=passkey.pk,
            reason=WithdrawalReason.REMOVED,
            now=visit.now,
        )
        messages.success(request, gettext("“%(name)s” opens nothing any more.") % {"name": passkey.name})
        return SeeOther(reverse("portal:security"))
    is_this_session = request.user.otp_device == passkey  # type: ignore[union-attr]
    context = {"passkey": passkey, "is_this_session": is_this_session}
    return render(request, "portal/passkey_remove.html", context)


def _synced_text() -> str:
    return gettext(
        "This passkey would be copied to your other devices by whoever keeps your passwords. For an account the law"
        " asks for one that stays where it is: choose this computer itself, or a security key."
    )
