from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.console.access import member_required, redirect_to
from apps.console.programs import configure, env_file, python_program, shell_program
from apps.tpp.queries import get_app_for_member, list_apps_for_member, list_keys
from apps.tpp.rules import KeyStatus, Role

if TYPE_CHECKING:
    from apps.console.access import MemberRequest


@require_safe
@member_required
def first_call(request: MemberRequest) -> HttpResponse:
    """Which app is to make it; with one app there is nothing to ask."""
    apps = list(list_apps_for_member(user_id=request.console_member.pk))
    if len(apps) == 1:
        return redirect_to("console:app-first-call", app_id=apps[0].pk)
    return render(request, "console/first_call_choice.html", {"apps": apps})


@require_safe
@member_required
def app_first_call(request: MemberRequest, app_id: UUID) -> HttpResponse:
    """Programs to copy, filled with this app's values; what is missing is said instead."""
    app = get_app_for_member(user_id=request.console_member.pk, app_id=app_id)
    key = list_keys(app_id=app.pk).filter(status=KeyStatus.ACTIVE).first()
    context: dict[str, object] = {"app": app, "key": key}
    if key is not None and app.redirect_uris:
        configuration = configure(app=app, key=key)
        context["configuration"] = configuration
        context["env_file"] = env_file(configuration)
        if Role.AISP in app.tpp.roles:
            context["consent_python"] = python_program(configuration, name="account_information")
            context["consent_shell"] = shell_program(configuration, name="account_information")
        if Role.PISP in app.tpp.roles:
            context["payment_python"] = python_program(configuration, name="payment")
    return render(request, "console/first_call.html", context)
