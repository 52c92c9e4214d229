from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from apps.console.access import member_required, redirect_to
from apps.console.countries import country_name
from apps.console.errors import add_answer
from apps.console.forms import CompanyForm
from apps.console.views.throttling import COMPANIES
from apps.core import clock
from apps.core.errors import DomainError
from apps.tpp.queries import list_members, list_tpps_for_member
from apps.tpp.rules import Role
from apps.tpp.services import register_tpp

if TYPE_CHECKING:
    from apps.console.access import MemberRequest


@require_safe
@member_required
def company_list(request: MemberRequest) -> HttpResponse:
    """The companies of a member: what the bank knows of them, and who else manages their apps."""
    companies = [
        {
            "tpp": tpp,
            "country": country_name(tpp.country),
            "roles": [(role.value, role.label) for role in Role if role.value in tpp.roles],
            "members": list_members(tpp_id=tpp.pk),
        }
        for tpp in list_tpps_for_member(user_id=request.console_member.pk)
    ]
    return render(request, "console/company_list.html", {"companies": companies})


@require_http_methods(["GET", "HEAD", "POST"])
@member_required
def company_new(request: MemberRequest) -> HttpResponse:
    """Register a TPP with the roles it says it has: in the sandbox only.

    Elsewhere the roles come out of the eIDAS certificate of its first call (RTS art. 34, N2), never out of a form.
    """
    if not settings.SANDBOX:
        if request.method == "POST":
            raise PermissionDenied
        return render(request, "console/company_new_production.html")
    member = request.console_member
    form = CompanyForm(
        request.POST if request.method == "POST" else None, initial={"contact_email": member.email}
    )
    if form.is_valid():
        if refusal := COMPANIES.refusal(request):
            return refusal
        try:
            tpp = register_tpp(**form.cleaned_data, member_id=member.pk, now=clock.now())
        except DomainError as error:
            add_answer(form, error)
        else:
            messages.success(request, _("%(company)s is registered.") % {"company": tpp.brand_name})
            return redirect_to("console:overview")
    return render(request, "console/company_new.html", {"form": form})
