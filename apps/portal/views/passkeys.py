"""Another passkey: signed first by what the customer has already, then made by the device (RTS art. 24(2)(b)). And one
taken away, which needs no signature: it makes the access smaller."""

import json
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from apps.portal.changes import ChangeToSign, take_answer
from apps.portal.errors import ANSWERS, answer_for
from apps.portal.forms import PasskeyForm
from apps.portal.guard import Visit, customers_only
from apps.portal.signing import (
    chosen_method,
    code_under_way,
    open_authorisation_id,
    sign_context,
)
from apps.sca.queries import get_enrolment, get_passkey
from apps.sca.rules import DeviceKind, EnrolmentStatus, Purpose, SubjectType, WithdrawalReason
from apps.sca.services import (
    EnrolmentOver,
    PasskeyAnswerMalformed,
    PasskeyNotAccepted,
    TooManyCodes,
    add_passkey,
    check_enrolment_under_way,
    close_enrolment,
    enrolment_snapshot,
    issue_challenge,
    passkey_creation,
    sign_enrolment,
    start_enrolment,
    withdraw_passkey,
)
from apps.web.views.preferences import SeeOther


@require_http_methods(["GET", "HEAD", "POST"])
@customers_only
def new(request: HttpRequest, visit: Visit) -> HttpResponse:
    """What a passkey is, and the name of the device that gets one."""
    form = PasskeyForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        enrolment = start_enrolment(
            kind=DeviceKind.PASSKEY, psu=visit.psu, name=form.cleaned_data["name"], now=visit.now
        )
        _ask(request, enrolment.pk, visit)
        return SeeOther(reverse("portal:passkey-sign", args=[enrolment.pk]))
    return render(request, "portal/passkey_new.html", {"form": form}, status=422 if form.errors else 200)


@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
@customers_only
def sign(request: HttpRequest, visit: Visit, enrolment_id: UUID) -> HttpResponse:
    """What changes, and the signature that allows it."""
    enrolment = get_enrolment(user_id=visit.psu.user_id, enrolment_id=enrolment_id)
    if enrolment.status == EnrolmentStatus.SIGNED:
        return SeeOther(reverse("portal:passkey-make", args=[enrolment_id]))
    if enrolment.status != EnrolmentStatus.OPEN:
        return SeeOther(reverse("portal:security"))
    authorisation_id = _authorisation_id(enrolment_id, visit)
    challenge = code_under_way(authorisation_id, visit)
    answered = take_answer(
        request,
        visit,
        ChangeToSign(
            here=reverse("portal:passkey-sign", args=[enrolment_id]),
            done=reverse("portal:passkey-make", args=[enrolment_id]),
            back=reverse("portal:security"),
            authorise=lambda authorisation_id, proof: sign_enrolment(
                enrolment_id=enrolment_id,
                authorisation_id=authorisation_id,
                psu=visit.psu,
                proof=proof,
                now=visit.now,
            ),
            # Of a form sent twice the slower half must not undo what the other has signed.
            refuse=lambda reason: close_enrolment(
                enrolment_id=enrolment_id,
                user_id=visit.psu.user_id,
                reason=reason,
                if_signed=False,
                now=visit.now,
            ),
            over=EnrolmentOver,
            worn_out_text=gettext("The code was wrong too often. No passkey was added."),
            overtaken_text=str(ANSWERS[EnrolmentOver].text),
        ),
        authorisation_id=authorisation_id,
        challenge=challenge,
    )
    if isinstance(answered, HttpResponse):
        return answered
    shown = challenge.snapshot if challenge else enrolment_snapshot(enrolment=enrolment)
    context = sign_context(visit, challenge, answered) | {"enrolment": enrolment, "shown": shown}
    return render(request, "portal/passkey_sign.html", context)


@require_POST
@customers_only
def send_code(request: HttpRequest, visit: Visit, enrolment_id: UUID) -> HttpResponse:
    """Another challenge for the same wish, by the method that is asked for."""
    _ask(request, enrolment_id, visit)
    return SeeOther(reverse("portal:passkey-sign", args=[enrolment_id]))


@require_POST
@customers_only
def cancel(request: HttpRequest, visit: Visit, enrolment_id: UUID) -> HttpResponse:
    """Give it up."""
    close_enrolment(enrolment_id=enrolment_id, user_id=visit.psu.user_id, reason="cancelled", now=visit.now)
    return SeeOther(reverse("portal:security"))


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


def _ask(request: HttpRequest, enrolment_id: UUID, visit: Visit) -> None:
    enrolment = get_enrolment(user_id=visit.psu.user_id, enrolment_id=enrolment_id)
    authorisation_id = _authorisation_id(enrolment_id, visit)
    if authorisation_id is None or enrolment.status != EnrolmentStatus.OPEN:
        messages.error(request, str(ANSWERS[EnrolmentOver].text))
        return
    try:
        issue_challenge(
            user=visit.psu.user,
            purpose=Purpose.DEVICE,
            snapshot=enrolment_snapshot(enrolment=enrolment),
            method=chosen_method(request, visit),
            authorisation_id=authorisation_id,
            hide_limit=False,
            now=visit.now,
        )
    except TooManyCodes:
        messages.error(request, str(ANSWERS[TooManyCodes].text))


def _authorisation_id(enrolment_id: UUID, visit: Visit) -> UUID | None:
    return open_authorisation_id(subject_type=SubjectType.DEVICE, subject_id=enrolment_id, visit=visit)


def _synced_text() -> str:
    return gettext(
        "This passkey would be copied to your other devices by whoever keeps your passwords. For an account the law"
        " asks for one that stays where it is: choose this computer itself, or a security key."
    )
