from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from apps.console.access import member_required, redirect_to
from apps.console.errors import add_answer, answer_to
from apps.console.forms import KeyForm
from apps.core import clock
from apps.core.errors import DomainError
from apps.tpp.queries import get_app_for_member, get_key, list_keys
from apps.tpp.rules import KeyStatus
from apps.tpp.services import add_app_key, retire_app_key

if TYPE_CHECKING:
    from apps.console.access import MemberRequest


@sensitive_post_parameters("public_key")  # It may be a private one, by mistake: not for a log either.
@require_http_methods(["GET", "HEAD", "POST"])
@member_required
def key_new(request: MemberRequest, app_id: UUID) -> HttpResponse:
    """Register a public key: pasted as PEM or JWK, or made in the browser. Two may be active while one is replaced."""
    user_id = request.console_member.pk
    app = get_app_for_member(user_id=user_id, app_id=app_id)
    form = KeyForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            key = add_app_key(
                app_id=app.pk, jwk=form.cleaned_data["public_key"], member_id=user_id, now=clock.now()
            )
        except DomainError as error:
            add_answer(form, error)
        else:
            messages.success(
                request, _("The key %(kid)s is registered and can be used at once.") % {"kid": key.kid}
            )
            return redirect_to("console:app-detail", app_id=app.pk)
    return render(request, "console/key_new.html", {"form": form, "app": app})


@require_http_methods(["GET", "HEAD", "POST"])
@member_required
def key_retire(request: MemberRequest, app_id: UUID, key_id: int) -> HttpResponse:
    """Stop trusting a key, at once, after the consequence was shown."""
    user_id = request.console_member.pk
    app = get_app_for_member(user_id=user_id, app_id=app_id)
    key = get_key(app_id=app.pk, key_id=key_id)
    refusal = ""
    if request.method == "POST":
        try:
            retire_app_key(app_id=app.pk, kid=key.kid, member_id=user_id, now=clock.now())
        except DomainError as error:
            refusal = str(answer_to(error).text)
        else:
            messages.success(
                request, _("The key %(kid)s is retired. The bank refuses it from now on.") % {"kid": key.kid}
            )
            return redirect_to("console:app-detail", app_id=app.pk)
    others = list_keys(app_id=app.pk).filter(status=KeyStatus.ACTIVE).exclude(pk=key.pk).count()
    return render(
        request, "console/key_retire.html", {"app": app, "key": key, "others": others, "refusal": refusal}
    )
