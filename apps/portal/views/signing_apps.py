"""The bank's own app on a customer's telephone: bound here, after it was signed, and removed here (RTS art. 24, 27)."""

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.portal.errors import ANSWERS
from apps.portal.forms import DeviceNameForm
from apps.portal.guard import Visit, customers_only
from apps.portal.views.enrolments import ask_for_signature
from apps.sca.queries import get_enrolment, get_signing_device
from apps.sca.rules import DeviceKind, EnrolmentStatus, WithdrawalReason
from apps.sca.services import (
    EnrolmentOver,
    make_activation_code,
    start_enrolment,
    withdraw_device,
    withdraw_verification,
)
from apps.web.pictures import link_picture
from apps.web.views.preferences import SeeOther


@require_http_methods(["GET", "HEAD", "POST"])
@customers_only
def new(request: HttpRequest, visit: Visit) -> HttpResponse:
    """What the app is, and the name of the device that gets it."""
    form = DeviceNameForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        enrolment = start_enrolment(
            psu=visit.psu, kind=DeviceKind.APP, name=form.cleaned_data["name"], now=visit.now
        )
        ask_for_signature(request, enrolment, visit)
        return SeeOther(reverse("portal:enrolment-sign", args=[enrolment.pk]))
    return render(request, "portal/signing_app_new.html", {"form": form}, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@customers_only
def activate(request: HttpRequest, visit: Visit, enrolment_id: UUID) -> HttpResponse:
    """The activation code, once and for ten minutes: a picture for the telephone, and in letters. The page goes on when
    the app has used it."""
    enrolment = get_enrolment(user_id=visit.psu.user_id, enrolment_id=enrolment_id)
    if enrolment.status == EnrolmentStatus.DONE:
        messages.success(
            request, gettext("“%(name)s” can sign for you from now on.") % {"name": enrolment.name}
        )
        return SeeOther(reverse("portal:security"))
    try:
        # Looking at it again makes a new one: the bank could not tell the old one, it does not know it.
        code = make_activation_code(enrolment_id=enrolment_id, psu=visit.psu, now=visit.now)
    except EnrolmentOver:
        messages.error(request, str(ANSWERS[EnrolmentOver].text))
        return SeeOther(reverse("portal:security"))
    link = f"{settings.AUTHENTICATOR_BASE_URL}/#activate={code}"
    context = {
        "enrolment": enrolment,
        "code": "-".join(code[at : at + 5] for at in range(0, len(code), 5)),
        "app_address": settings.AUTHENTICATOR_BASE_URL,
        "link": link,
        "picture": link_picture(link, title=gettext("Activation code for the camera of your telephone")),
    }
    return render(request, "portal/signing_app_activate.html", context)


@require_safe
@customers_only
def activated(request: HttpRequest, visit: Visit, enrolment_id: UUID) -> HttpResponse:
    """For the page that waits: whether the app was bound, or time is over."""
    enrolment = get_enrolment(user_id=visit.psu.user_id, enrolment_id=enrolment_id)
    return JsonResponse({"done": enrolment.status != EnrolmentStatus.SIGNED})


@require_http_methods(["GET", "HEAD", "POST"])
@customers_only
def remove(request: HttpRequest, visit: Visit, device_id: int) -> HttpResponse:
    """Ask once, then withdraw it for good; a token as well as an app."""
    device = get_signing_device(user_id=visit.psu.user_id, device_id=device_id)
    if request.method == "POST":
        withdraw_device(
            user_id=visit.psu.user_id, device_id=device.pk, reason=WithdrawalReason.REMOVED, now=visit.now
        )
        messages.success(request, gettext("“%(name)s” opens nothing any more.") % {"name": device.name})
        return SeeOther(reverse("portal:security"))
    is_this_session = request.user.otp_device == device  # type: ignore[union-attr]
    return render(
        request, "portal/device_remove.html", {"device": device, "is_this_session": is_this_session}
    )


@require_POST
@customers_only
def pin_alone(request: HttpRequest, visit: Visit, device_id: int) -> HttpResponse:
    """Fingerprint and face approve nothing on this device any more. No signature: it makes the access smaller."""
    device = get_signing_device(user_id=visit.psu.user_id, device_id=device_id)
    if withdraw_verification(
        user_id=visit.psu.user_id, device_id=device.pk, reason=WithdrawalReason.REMOVED, now=visit.now
    ):
        messages.success(
            request,
            gettext("On “%(name)s” the PIN alone opens the app from now on.") % {"name": device.name},
        )
    return SeeOther(reverse("portal:security"))
