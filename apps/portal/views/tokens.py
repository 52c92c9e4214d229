"""A token of the bank's, for whoever has no smartphone or wants none: bound here, once it was signed (RTS art. 23, 24).
What removes it is the page of the app's removal."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from apps.portal.errors import ANSWERS
from apps.portal.forms import DeviceNameForm, SerialNumberForm, TokenCodeForm
from apps.portal.guard import Visit, customers_only
from apps.portal.signing import show_request
from apps.portal.views.enrolments import ask_for_signature
from apps.sca.queries import get_enrolment
from apps.sca.rules import CodeMalformed, DeviceKind
from apps.sca.services import (
    EnrolmentOver,
    TokenRefused,
    WeakPIN,
    bind_token,
    name_token,
    seal_activation,
    start_enrolment,
)
from apps.web.views.preferences import SeeOther


@require_http_methods(["GET", "HEAD", "POST"])
@customers_only
def new(request: HttpRequest, visit: Visit) -> HttpResponse:
    """What a token is, and what its owner calls it."""
    form = DeviceNameForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        enrolment = start_enrolment(
            psu=visit.psu, kind=DeviceKind.TOKEN, name=form.cleaned_data["name"], now=visit.now
        )
        ask_for_signature(request, enrolment, visit)
        return SeeOther(reverse("portal:enrolment-sign", args=[enrolment.pk]))
    return render(request, "portal/token_new.html", {"form": form}, status=422 if form.errors else 200)


@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
@customers_only
def activate(request: HttpRequest, visit: Visit, enrolment_id: UUID) -> HttpResponse:
    """First which token it is, then the picture for it and the digits that it shows: proof that its owner holds it."""
    enrolment = get_enrolment(user_id=visit.psu.user_id, enrolment_id=enrolment_id)
    here = reverse("portal:token-activate", args=[enrolment_id])
    number_form, code_form = SerialNumberForm(), TokenCodeForm()
    try:
        if "serial_number" in request.POST:
            number_form = SerialNumberForm(request.POST)
            if number_form.is_valid():
                number = number_form.cleaned_data["serial_number"]
                name_token(enrolment_id=enrolment_id, psu=visit.psu, serial_number=number, now=visit.now)
                return SeeOther(here)
        elif request.method == "POST":
            code_form = TokenCodeForm(request.POST)
            refusal = _bind(code_form, enrolment_id, visit)
            if not refusal and code_form.is_valid():
                messages.success(
                    request, gettext("“%(name)s” can sign for you from now on.") % {"name": enrolment.name}
                )
                return SeeOther(reverse("portal:security"))
            code_form = TokenCodeForm.with_error(refusal) if refusal else code_form
        sealed = seal_activation(enrolment_id=enrolment_id, psu=visit.psu, now=visit.now)
    except EnrolmentOver:
        messages.error(request, str(ANSWERS[EnrolmentOver].text))
        return SeeOther(reverse("portal:security"))
    except TokenRefused as error:
        messages.error(request, str(ANSWERS[type(error)].text))
        return SeeOther(reverse("portal:security"))
    context = {
        "enrolment": enrolment,
        "number_form": number_form,
        "code_form": code_form,
        "asks_again": "again" in request.GET or bool(number_form.errors),
        "shown": show_request(sealed),
    }
    status = 422 if number_form.errors or code_form.errors else 200
    return render(request, "portal/token_activate.html", context, status=status)


def _bind(form: TokenCodeForm, enrolment_id: UUID, visit: Visit) -> str:
    """Bind it; what to say under the field when that did not work.

    :raises TokenRefused: no try is left.
    """
    if not form.is_valid():
        return ""
    try:
        bind_token(enrolment_id=enrolment_id, psu=visit.psu, code=form.cleaned_data["code"], now=visit.now)
    except CodeMalformed:
        return gettext("These are not fourteen digits.")
    except WeakPIN:
        return gettext(
            "Choose a PIN that is no row of equal or following digits, and read the picture again."
        )
    except TokenRefused as error:
        if error.is_over:
            raise
        return gettext("This was not right: the serial number, or a digit. Read the picture again.")
    return ""
