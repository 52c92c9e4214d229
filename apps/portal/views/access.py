"""Recovery codes and an app for signing in: signed first by what the customer has already, then made (RTS art. 24)."""

from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from apps.core.errors import NotFound
from apps.core.sealing import seal, unseal
from apps.portal.changes import ChangeToSign, ask_for_change, take_answer
from apps.portal.errors import ANSWERS, answer_for
from apps.portal.forms import AppCodeForm
from apps.portal.guard import Visit, customers_only
from apps.portal.signing import code_under_way, open_authorisation_id, sign_context
from apps.sca.queries import get_access_change
from apps.sca.rules import AccessAction, CodeMalformed, EnrolmentStatus, Purpose, SubjectType
from apps.sca.services import (
    AccessChangeOver,
    CodeRefused,
    access_snapshot,
    add_sign_in_app,
    close_access_change,
    make_authenticator_secret,
    make_recovery_codes,
    remove_sign_in_app,
    sign_access_change,
    start_access_change,
)
from apps.web.qr import describe_authenticator
from apps.web.views.preferences import SeeOther

if TYPE_CHECKING:
    from apps.sca.models import AccessChange

_SECRET_KEY, _PURPOSE = "portal.sign_in_app", "portal.sign-in-app.v1"


@require_POST
@customers_only
def new(request: HttpRequest, visit: Visit, action: str) -> HttpResponse:
    """The wish, and the first question to sign it."""
    if action not in AccessAction.values:
        raise NotFound("action")
    change = start_access_change(psu=visit.psu, action=AccessAction(action), now=visit.now)
    _ask(request, change, visit)
    return SeeOther(reverse("portal:access-sign", args=[change.pk]))


@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
@customers_only
def sign(request: HttpRequest, visit: Visit, change_id: UUID) -> HttpResponse:
    """What changes, and the signature that allows it."""
    change = get_access_change(user_id=visit.psu.user_id, change_id=change_id)
    if change.status == EnrolmentStatus.SIGNED:
        return SeeOther(_making_url(change))
    if change.status != EnrolmentStatus.OPEN:
        return SeeOther(reverse("portal:security"))
    authorisation_id = _authorisation_id(change_id, visit)
    challenge = code_under_way(authorisation_id, visit)
    answered = take_answer(
        request,
        visit,
        ChangeToSign(
            here=reverse("portal:access-sign", args=[change_id]),
            done=_making_url(change),
            back=reverse("portal:security"),
            authorise=lambda authorisation_id, proof: sign_access_change(
                change_id=change_id,
                authorisation_id=authorisation_id,
                psu=visit.psu,
                proof=proof,
                now=visit.now,
            ),
            # Of a form sent twice the slower half must not undo what the other has signed.
            refuse=lambda reason: close_access_change(
                change_id=change_id,
                user_id=visit.psu.user_id,
                reason=reason,
                if_signed=False,
                now=visit.now,
            ),
            over=AccessChangeOver,
            worn_out_text=gettext("The code was wrong too often. Nothing was changed."),
            overtaken_text=str(ANSWERS[AccessChangeOver].text),
        ),
        authorisation_id=authorisation_id,
        challenge=challenge,
    )
    if isinstance(answered, HttpResponse):
        return answered
    shown = challenge.snapshot if challenge else access_snapshot(change=change)
    context = sign_context(visit, challenge, answered) | {"change": change, "shown": shown}
    return render(request, "portal/access_sign.html", context)


@require_POST
@customers_only
def send_code(request: HttpRequest, visit: Visit, change_id: UUID) -> HttpResponse:
    """Another challenge for the same wish, by the method that is asked for."""
    _ask(request, get_access_change(user_id=visit.psu.user_id, change_id=change_id), visit)
    return SeeOther(reverse("portal:access-sign", args=[change_id]))


@require_POST
@customers_only
def cancel(request: HttpRequest, visit: Visit, change_id: UUID) -> HttpResponse:
    """Give it up."""
    close_access_change(change_id=change_id, user_id=visit.psu.user_id, reason="cancelled", now=visit.now)
    return SeeOther(reverse("portal:security"))


@require_http_methods(["GET", "HEAD", "POST"])
@customers_only
def recovery_codes(request: HttpRequest, visit: Visit, change_id: UUID) -> HttpResponse:
    """The codes, on this page once: the answer to the button is the only place where they ever stand."""
    change = get_access_change(user_id=visit.psu.user_id, change_id=change_id)
    codes: list[str] = []
    if request.method == "POST":
        codes = make_recovery_codes(change_id=change_id, psu=visit.psu, now=visit.now)
    elif change.status != EnrolmentStatus.SIGNED:
        return SeeOther(reverse("portal:security"))
    return render(request, "portal/recovery_codes.html", {"change": change, "codes": codes})


@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
@customers_only
def set_up_app(request: HttpRequest, visit: Visit, change_id: UUID) -> HttpResponse:
    """The secret, until the app has shown a right code; from then on on no page."""
    change = get_access_change(user_id=visit.psu.user_id, change_id=change_id)
    if change.action != AccessAction.SIGN_IN_APP or change.status != EnrolmentStatus.SIGNED:
        return SeeOther(reverse("portal:security"))
    stored, owner = request.session.get(_SECRET_KEY), str(change.pk)
    if stored is None or stored["change"] != owner:
        # Sealed: sessions are rows of the database.
        stored = {"change": owner, "secret": seal(make_authenticator_secret(), purpose=_PURPOSE, owner=owner)}
        request.session[_SECRET_KEY] = stored
    secret = unseal(stored["secret"], purpose=_PURPOSE, owner=owner)
    form = AppCodeForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            add_sign_in_app(
                change_id=change_id,
                psu=visit.psu,
                secret=secret,
                code=form.cleaned_data["code"],
                now=visit.now,
            )
        except CodeMalformed as error:
            form.add_error("code", str(answer_for(error).text))
        except CodeRefused:
            form.add_error("code", gettext("This is not the code of this secret. Wait for the next one."))
        else:
            request.session.pop(_SECRET_KEY, None)
            messages.success(request, gettext("Beside your password the app signs you in from now on."))
            return SeeOther(reverse("portal:security"))
    context = {
        "form": form,
        "change": change,
        "setup": describe_authenticator(secret=secret, username=visit.psu.user.username),
    }
    return render(request, "portal/app_set_up.html", context, status=422 if form.errors else 200)


@require_POST
@customers_only
def remove_app(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The app opens nothing any more. It makes the access smaller, so nothing is signed."""
    remove_sign_in_app(user_id=visit.psu.user_id, actor_type="psu", now=visit.now)
    messages.success(request, gettext("The app opens nothing any more."))
    return SeeOther(reverse("portal:security"))


def _making_url(change: "AccessChange") -> str:
    name = "recovery-codes" if change.action == AccessAction.RECOVERY_CODES else "app-set-up"
    return reverse(f"portal:{name}", args=[change.pk])


def _ask(request: HttpRequest, change: "AccessChange", visit: Visit) -> None:
    is_open = change.status == EnrolmentStatus.OPEN
    ask_for_change(
        request,
        visit,
        purpose=Purpose.ACCESS,
        snapshot=access_snapshot(change=change),
        authorisation_id=_authorisation_id(change.pk, visit) if is_open else None,
        over=AccessChangeOver,
    )


def _authorisation_id(change_id: UUID, visit: Visit) -> UUID | None:
    return open_authorisation_id(subject_type=SubjectType.ACCESS, subject_id=change_id, visit=visit)
