"""Another device for a customer's access, whatever its kind: signed first by what he has already (RTS art. 24(2)(b)).
What comes after that, the pages of each kind know."""

from typing import TYPE_CHECKING
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from apps.portal.changes import ChangeToSign, ask_for_change, take_answer
from apps.portal.errors import ANSWERS
from apps.portal.guard import Visit, customers_only
from apps.portal.signing import code_under_way, open_authorisation_id, sign_context
from apps.sca.queries import get_enrolment
from apps.sca.rules import DeviceKind, EnrolmentStatus, Purpose, SubjectType
from apps.sca.services import (
    EnrolmentOver,
    close_enrolment,
    enrolment_snapshot,
    sign_enrolment,
)
from apps.web.views.preferences import SeeOther

if TYPE_CHECKING:
    from apps.sca.models import DeviceEnrolment

# The page on which a signed device is made.
_MAKE_PAGES = {
    DeviceKind.PASSKEY: "portal:passkey-make",
    DeviceKind.APP: "portal:signing-app-activate",
    DeviceKind.TOKEN: "portal:token-activate",
}


@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
@customers_only
def sign(request: HttpRequest, visit: Visit, enrolment_id: UUID) -> HttpResponse:
    """What changes, and the signature that allows it."""
    enrolment = get_enrolment(user_id=visit.psu.user_id, enrolment_id=enrolment_id)
    done = reverse(_MAKE_PAGES[DeviceKind(enrolment.kind)], args=[enrolment_id])
    if enrolment.status == EnrolmentStatus.SIGNED:
        return SeeOther(done)
    if enrolment.status != EnrolmentStatus.OPEN:
        return SeeOther(reverse("portal:security"))
    authorisation_id = _authorisation_id(enrolment_id, visit)
    challenge = code_under_way(authorisation_id, visit)
    answered = take_answer(
        request,
        visit,
        ChangeToSign(
            here=reverse("portal:enrolment-sign", args=[enrolment_id]),
            done=done,
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
            worn_out_text=gettext("The code was wrong too often. No device was added."),
            overtaken_text=str(ANSWERS[EnrolmentOver].text),
        ),
        authorisation_id=authorisation_id,
        challenge=challenge,
    )
    if isinstance(answered, HttpResponse):
        return answered
    shown = challenge.snapshot if challenge else enrolment_snapshot(enrolment=enrolment)
    context = sign_context(visit, challenge, answered) | {"enrolment": enrolment, "shown": shown}
    return render(request, "portal/enrolment_sign.html", context)


@require_POST
@customers_only
def send_code(request: HttpRequest, visit: Visit, enrolment_id: UUID) -> HttpResponse:
    """Another challenge for the same wish, by the method that is asked for."""
    ask_for_signature(request, get_enrolment(user_id=visit.psu.user_id, enrolment_id=enrolment_id), visit)
    return SeeOther(reverse("portal:enrolment-sign", args=[enrolment_id]))


@require_POST
@customers_only
def cancel(request: HttpRequest, visit: Visit, enrolment_id: UUID) -> HttpResponse:
    """Give it up."""
    close_enrolment(enrolment_id=enrolment_id, user_id=visit.psu.user_id, reason="cancelled", now=visit.now)
    return SeeOther(reverse("portal:security"))


def ask_for_signature(request: HttpRequest, enrolment: "DeviceEnrolment", visit: Visit) -> None:
    """Open the challenge over a wish that waits; what forbids it is said on the next page."""
    is_open = enrolment.status == EnrolmentStatus.OPEN
    ask_for_change(
        request,
        visit,
        purpose=Purpose.DEVICE,
        snapshot=enrolment_snapshot(enrolment=enrolment),
        authorisation_id=_authorisation_id(enrolment.pk, visit) if is_open else None,
        over=EnrolmentOver,
    )


def _authorisation_id(enrolment_id: UUID, visit: Visit) -> UUID | None:
    return open_authorisation_id(subject_type=SubjectType.DEVICE, subject_id=enrolment_id, visit=visit)
