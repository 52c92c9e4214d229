from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from apps.console.access import member_required, redirect_to
from apps.console.errors import add_answer
from apps.console.forms import AppForm, RedirectURIsForm, answer_page_uri
from apps.console.programs import configure, env_file
from apps.core import clock
from apps.core.errors import DomainError
from apps.tpp.queries import (
    get_app_for_member,
    get_tpp_for_member,
    list_apps_for_member,
    list_keys,
    list_tpps_for_member,
)
from apps.tpp.rules import KeyStatus, TPPStatus
from apps.tpp.services import change_redirect_uris, register_app

if TYPE_CHECKING:
    from apps.console.access import MemberRequest


@require_safe
@member_required
def app_list(request: MemberRequest) -> HttpResponse:
    """Every app of the member's companies."""
    user_id = request.console_member.pk
    context = {
        "apps": list_apps_for_member(user_id=user_id).prefetch_related("keys"),
        "tpps": list(list_tpps_for_member(user_id=user_id)),
    }
    return render(request, "console/app_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@member_required
def app_new(request: MemberRequest) -> HttpResponse:
    """Register an app of one of the member's companies."""
    user_id = request.console_member.pk
    tpps = list(list_tpps_for_member(user_id=user_id))
    if not tpps:
        messages.info(request, _("Register your company first; its apps come next."))
        return redirect_to("console:company-new")
    form = AppForm(request.POST if request.method == "POST" else None, tpps=tpps)
    if form.is_valid():
        tpp = get_tpp_for_member(user_id=user_id, tpp_id=UUID(form.cleaned_data["tpp"]))
        try:
            app = register_app(
                tpp_id=tpp.pk,
                name=form.cleaned_data["name"],
                redirect_uris=form.cleaned_data["redirect_uris"],
                member_id=user_id,
                now=clock.now(),
            )
        except DomainError as error:
            add_answer(form, error)
        else:
            messages.success(request, _("%(app)s is registered. Now give it a key.") % {"app": app.name})
            return redirect_to("console:key-new", app_id=app.pk)
    blocked = [tpp for tpp in tpps if tpp.status == TPPStatus.BLOCKED]
    return render(
        request, "console/app_new.html", {"form": form, "blocked": blocked, "answer_page": answer_page_uri()}
    )


@require_safe
@member_required
def app_detail(request: MemberRequest, app_id: UUID) -> HttpResponse:
    """One app: its state, client ID, redirect URIs, keys, and the configuration to copy."""
    app = get_app_for_member(user_id=request.console_member.pk, app_id=app_id)
    keys = list(list_keys(app_id=app.pk))
    active = [key for key in keys if key.status == KeyStatus.ACTIVE]
    context = {
        "app": app,
        "keys": keys,
        "active_keys": active,
        "env_file": env_file(configure(app=app, key=active[0])) if active else "",
    }
    return render(request, "console/app_detail.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@member_required
def redirect_uris(request: MemberRequest, app_id: UUID) -> HttpResponse:
    """Change where customers may be sent back to; each address that cannot be registered is named with its line."""
    user_id = request.console_member.pk
    app = get_app_for_member(user_id=user_id, app_id=app_id)
    form = RedirectURIsForm(
        request.POST if request.method == "POST" else None, initial={"redirect_uris": app.redirect_uris}
    )
    if form.is_valid():
        try:
            change_redirect_uris(
                app_id=app.pk,
                redirect_uris=form.cleaned_data["redirect_uris"],
                member_id=user_id,
                now=clock.now(),
            )
        except DomainError as error:
            add_answer(form, error)
        else:
            messages.success(request, _("The redirect URIs are saved. They hold from the next request on."))
            return redirect_to("console:app-detail", app_id=app.pk)
    context = {"form": form, "app": app, "answer_page": answer_page_uri()}
    return render(request, "console/app_redirect_uris.html", context)
