"""The customer's own limits. Lowering holds at once; anything higher is signed with a code over the new limits
(PSD2 art. 97(1)(c))."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from apps.payments.limit_rules import LimitKind
from apps.payments.limits import (
    LimitChangeOver,
    authorise_limit_change,
    change_limits,
    get_day_use,
    get_last_limit_change,
    get_limit_change,
    get_limits,
    refuse_limit_change,
    send_limit_code,
    start_limit_authorisation,
)
from apps.portal.changes import ChangeToSign, take_answer
from apps.portal.errors import ANSWERS
from apps.portal.forms import LimitsForm
from apps.portal.guard import Visit, customers_only
from apps.portal.phrases import LIMIT_NAMES
from apps.portal.signing import (
    chosen_method,
    code_under_way,
    open_authorisation_id,
    sign_context,
)
from apps.sca.rules import SubjectType
from apps.sca.services import TooManyCodes
from apps.web.views.preferences import SeeOther


@require_http_methods(["GET", "HEAD", "POST"])
@customers_only
def show(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The limits, what is left of them today, and the form to change them."""
    limits = get_limits(psu_id=visit.psu.pk)
    data = request.POST if request.method == "POST" else None
    form = LimitsForm(data, limits=limits, maximum_minor=settings.PAYMENT_LIMIT_MAX_MINOR)
    if form.is_valid():
        change = change_limits(psu=visit.psu, new=form.limits(), now=visit.now)
        if change is not None:
            _send(request, change.pk, visit)
            return SeeOther(reverse("portal:limits-sign", args=[change.pk]))
        messages.success(request, gettext("Your limits hold from now on."))
        return SeeOther(reverse("portal:limits"))
    use = get_day_use(psu_id=visit.psu.pk, now=visit.now)
    rows = [(LIMIT_NAMES[kind], limits.of(kind), use.of(kind)) for kind in LimitKind]
    context = {
        "form": form,
        "fields": [form[kind.value] for kind in LimitKind],
        "rows": rows,
        "last_change": get_last_limit_change(psu_id=visit.psu.pk),
    }
    return render(request, "portal/limits.html", context)


@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
@customers_only
def sign(request: HttpRequest, visit: Visit, change_id: UUID) -> HttpResponse:
    """The old limits and the new ones, and the code that lets the new ones hold."""
    change = get_limit_change(psu_id=visit.psu.pk, change_id=change_id)
    if change.status != "open":
        return SeeOther(reverse("portal:limits"))
    authorisation_id = _authorisation_id(change_id, visit)
    challenge = code_under_way(authorisation_id, visit)
    answered = take_answer(
        request,
        visit,
        ChangeToSign(
            here=reverse("portal:limits-sign", args=[change_id]),
            done=reverse("portal:limits"),
            back=reverse("portal:limits"),
            authorise=lambda authorisation_id, proof: authorise_limit_change(
                change_id=change_id,
                authorisation_id=authorisation_id,
                psu=visit.psu,
                proof=proof,
                now=visit.now,
            ),
            refuse=lambda reason: refuse_limit_change(
                change_id=change_id, psu=visit.psu, reason=reason, now=visit.now
            ),
            over=LimitChangeOver,
            signed_text=gettext("Your limits hold from now on."),
            worn_out_text=gettext("The code was wrong too often. Your limits are as they were."),
            overtaken_text=gettext("Your limits changed meanwhile. Enter the new ones again."),
        ),
        authorisation_id=authorisation_id,
        challenge=challenge,
    )
    if isinstance(answered, HttpResponse):
        return answered
    context = sign_context(visit, challenge, answered) | {"change": change, "rows": _rows(change, challenge)}
    return render(request, "portal/limits_sign.html", context)


@require_POST
@customers_only
def send_code(request: HttpRequest, visit: Visit, change_id: UUID) -> HttpResponse:
    """Another code for the same change."""
    _send(request, change_id, visit)
    return SeeOther(reverse("portal:limits-sign", args=[change_id]))


@require_POST
@customers_only
def cancel(request: HttpRequest, visit: Visit, change_id: UUID) -> HttpResponse:
    """Leave the limits as they are."""
    refuse_limit_change(change_id=change_id, psu=visit.psu, reason="cancelled", now=visit.now)
    return SeeOther(reverse("portal:limits"))


def _send(request: HttpRequest, change_id: UUID, visit: Visit) -> None:
    try:
        send_limit_code(
            change_id=change_id,
            authorisation_id=_authorisation_id(change_id, visit)
            or start_limit_authorisation(change_id=change_id, psu=visit.psu, now=visit.now).pk,
            psu=visit.psu,
            method=chosen_method(request, visit),
            now=visit.now,
        )
    except TooManyCodes:
        messages.error(request, str(ANSWERS[TooManyCodes].text))
    except LimitChangeOver:
        messages.error(request, str(ANSWERS[LimitChangeOver].text))


def _authorisation_id(change_id: UUID, visit: Visit) -> UUID | None:
    return open_authorisation_id(subject_type=SubjectType.LIMITS, subject_id=change_id, visit=visit)


def _rows(change: Any, challenge: Any) -> list[tuple[Any, int, int]]:
    """Name, old and new limit; as the code was made over them, once one was sent."""
    if challenge is not None:
        old, new = challenge.snapshot["old"], challenge.snapshot["new"]
        return [(LIMIT_NAMES[kind], old[kind], new[kind]) for kind in LimitKind]
    return [
        (LIMIT_NAMES[kind], change.replaced[kind], getattr(change, f"{kind.value}_minor"))
        for kind in LimitKind
    ]
