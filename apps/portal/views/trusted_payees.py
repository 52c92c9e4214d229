"""The payees whom a customer trusts. To add or rename one is signed with a code over it; removing needs none (RTS art.
13; PSD2 art. 97(1)(c))."""

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from apps.payments.trusted_payees import (
    PayeeTrustedAlready,
    TrustedPayeeChangeOver,
    ask_to_rename_trusted_payee,
    ask_to_trust_payee,
    authorise_trusted_payee_change,
    get_trusted_payee,
    get_trusted_payee_change,
    list_trusted_payees,
    refuse_trusted_payee_change,
    remove_trusted_payee,
    send_trusted_payee_code,
    start_trusted_payee_authorisation,
    trusted_payee_snapshot,
)
from apps.portal.changes import ChangeToSign, take_answer
from apps.portal.errors import ANSWERS, field_text
from apps.portal.forms import PayeeNameForm, TrustedPayeeForm
from apps.portal.guard import Visit, customers_only
from apps.portal.signing import (
    chosen_method,
    code_under_way,
    open_authorisation_id,
    sign_context,
)
from apps.sca.exemptions import Article
from apps.sca.rules import SubjectType
from apps.sca.services import TooManyCodes
from apps.web.views.preferences import SeeOther


@require_http_methods(["GET", "HEAD", "POST"])
@customers_only
def show(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The list, and the form to put somebody on it."""
    form = TrustedPayeeForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        name, iban = form.cleaned_data["creditor_name"], form.cleaned_data["creditor_iban"]
        try:
            change = ask_to_trust_payee(psu=visit.psu, name=name, iban=iban, now=visit.now)
        except PayeeTrustedAlready as error:
            form.add_error("creditor_iban", field_text(error))
        else:
            _send(request, change.pk, visit)
            return SeeOther(reverse("portal:trusted-payees-sign", args=[change.pk]))
    context = {
        "form": form,
        "payees": list_trusted_payees(psu_id=visit.psu.pk),
        "is_in_use": Article.TRUSTED_PAYEE in settings.SCA_EXEMPTIONS,
    }
    return render(request, "portal/trusted_payees.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@customers_only
def rename(request: HttpRequest, visit: Visit, payee_id: UUID) -> HttpResponse:
    """The form with the name of one on the list. Another IBAN is another payee."""
    payee = get_trusted_payee(psu_id=visit.psu.pk, payee_id=payee_id)
    data = request.POST if request.method == "POST" else None
    form = PayeeNameForm(data, initial={"creditor_name": payee.name})
    if form.is_valid():
        change = ask_to_rename_trusted_payee(
            psu=visit.psu, payee_id=payee_id, name=form.cleaned_data["creditor_name"], now=visit.now
        )
        if change is None:
            return SeeOther(reverse("portal:trusted-payees"))
        _send(request, change.pk, visit)
        return SeeOther(reverse("portal:trusted-payees-sign", args=[change.pk]))
    return render(request, "portal/trusted_payee_rename.html", {"form": form, "payee": payee})


@require_POST
@customers_only
def remove(request: HttpRequest, visit: Visit, payee_id: UUID) -> HttpResponse:
    """Off the list, at once."""
    remove_trusted_payee(psu=visit.psu, payee_id=payee_id, now=visit.now)
    messages.success(request, gettext("Removed from your trusted payees."))
    return SeeOther(reverse("portal:trusted-payees"))


@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
@customers_only
def sign(request: HttpRequest, visit: Visit, change_id: UUID) -> HttpResponse:
    """What is to change on the list, and the code that changes it."""
    change = get_trusted_payee_change(psu_id=visit.psu.pk, change_id=change_id)
    if change.status != "open":
        return SeeOther(reverse("portal:trusted-payees"))
    authorisation_id = _authorisation_id(change_id, visit)
    challenge = code_under_way(authorisation_id, visit)
    answered = take_answer(
        request,
        visit,
        ChangeToSign(
            here=reverse("portal:trusted-payees-sign", args=[change_id]),
            done=reverse("portal:trusted-payees"),
            back=reverse("portal:trusted-payees"),
            authorise=lambda authorisation_id, proof: authorise_trusted_payee_change(
                change_id=change_id,
                authorisation_id=authorisation_id,
                psu=visit.psu,
                proof=proof,
                now=visit.now,
            ),
            refuse=lambda reason: refuse_trusted_payee_change(
                change_id=change_id, psu=visit.psu, reason=reason, now=visit.now
            ),
            over=TrustedPayeeChangeOver,
            signed_text=gettext("Your list of trusted payees has changed."),
            worn_out_text=gettext("The code was wrong too often. Your list is as it was."),
            overtaken_text=gettext("Your list changed meanwhile. Enter it again."),
        ),
        authorisation_id=authorisation_id,
        challenge=challenge,
    )
    if isinstance(answered, HttpResponse):
        return answered
    # What the code was made over, once one was sent.
    shown = challenge.snapshot if challenge is not None else trusted_payee_snapshot(change=change)
    context = sign_context(visit, challenge, answered) | {"change": change, "shown": shown}
    return render(request, "portal/trusted_payees_sign.html", context)


@require_POST
@customers_only
def send_code(request: HttpRequest, visit: Visit, change_id: UUID) -> HttpResponse:
    """Another code for the same change."""
    _send(request, change_id, visit)
    return SeeOther(reverse("portal:trusted-payees-sign", args=[change_id]))


@require_POST
@customers_only
def cancel(request: HttpRequest, visit: Visit, change_id: UUID) -> HttpResponse:
    """Leave the list as it is."""
    refuse_trusted_payee_change(change_id=change_id, psu=visit.psu, reason="cancelled", now=visit.now)
    return SeeOther(reverse("portal:trusted-payees"))


def _send(request: HttpRequest, change_id: UUID, visit: Visit) -> None:
    try:
        send_trusted_payee_code(
            change_id=change_id,
            authorisation_id=_authorisation_id(change_id, visit)
            or start_trusted_payee_authorisation(change_id=change_id, psu=visit.psu, now=visit.now).pk,
            psu=visit.psu,
            method=chosen_method(request, visit),
            now=visit.now,
        )
    except (TooManyCodes, TrustedPayeeChangeOver) as error:
        messages.error(request, str(ANSWERS[type(error)].text))


def _authorisation_id(change_id: UUID, visit: Visit) -> UUID | None:
    return open_authorisation_id(subject_type=SubjectType.TRUSTED_PAYEES, subject_id=change_id, visit=visit)
