from datetime import MAXYEAR
from uuid import UUID

from django.contrib import admin
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from apps.accounts.models import PaymentAccount
from apps.core import clock
from apps.staff.actions import VIEW_CHARGES
from apps.staff.acts import require_permission, staff_id
from apps.statements.fee_queries import list_fee_years
from apps.statements.fee_rules import FeeStatementFormat
from apps.statements.fee_services import fetch_fee_statement_for_staff
from apps.statements.rules import PeriodNotOffered


@require_safe
def account_fees(request: HttpRequest, account_id: UUID) -> HttpResponse:
    """Which statement of fees: year and format."""
    require_permission(request, VIEW_CHARGES)
    account = _account(account_id)
    context = {
        **admin.site.each_context(request),
        "title": _("Statement of fees"),
        "account": account,
        "years": list_fee_years(account=account, now=clock.now()),
        "formats": [(one.value, one.value.upper()) for one in FeeStatementFormat],
    }
    return render(request, "staff/account_fees.html", context)


@require_safe
def fee_file(request: HttpRequest, account_id: UUID) -> HttpResponseBase:
    """The file, as the customer gets it; that a member of staff took it is in the trail."""
    require_permission(request, VIEW_CHARGES)
    account = _account(account_id)
    year = request.GET.get("year", "")
    try:
        file_format = FeeStatementFormat(request.GET.get("format", ""))
        if not (year.isascii() and year.isdigit() and 1 <= int(year[:5]) <= MAXYEAR):
            raise ValueError(year)
        statement = fetch_fee_statement_for_staff(
            account=account,
            year=int(year),
            file_format=file_format,
            language=request.LANGUAGE_CODE,
            staff_id=staff_id(request),
            now=clock.now(),
        )
    except (ValueError, PeriodNotOffered):
        raise Http404 from None
    return FileResponse(
        statement.content, as_attachment=True, filename=statement.name, content_type=statement.content_type
    )


def _account(account_id: UUID) -> PaymentAccount:
    account = PaymentAccount.objects.filter(pk=account_id).first()
    if account is None:
        raise Http404
    return account
