"""Statements to take away: what months there are, any period, four formats. The file is whole before it is sent."""

from datetime import MAXYEAR, date, timedelta
from uuid import UUID

from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_safe

from apps.core.clock import bank_date
from apps.core.errors import NotFound
from apps.portal.errors import Answer, field_text
from apps.portal.forms import StatementPeriodForm
from apps.portal.guard import Visit, customers_only, retry_later
from apps.statements.fee_queries import list_fee_years
from apps.statements.fee_rules import FeeStatementFormat
from apps.statements.fee_services import fetch_fee_statement
from apps.statements.queries import get_statement_year
from apps.statements.rules import PERIOD_MONTHS_MAX, PeriodNotOffered, StatementFormat
from apps.statements.services import StatementFile, fetch_month_statement, fetch_period_statement
from apps.web.throttles import Throttle, count_call

# Each costs the bank up to some seconds of work.
_FILES_MAX, _WINDOW_SECONDS = 120, 600
_TOO_MANY = Answer(
    429, _("Too many files in a short time"), _("Wait ten minutes. Then you can go on where you were.")
)


@require_safe
@customers_only
def statement_list(request: HttpRequest, visit: Visit, account_id: UUID) -> HttpResponse:
    """The months of a year, latest first, and the form for any other period."""
    yesterday = bank_date(visit.now) - timedelta(days=1)
    form = StatementPeriodForm(
        initial={
            "date_from": yesterday.replace(day=1),
            "date_to": yesterday,
            "file_format": StatementFormat.PDF,
        }
    )
    return _page(request, visit, account_id, form)


@require_GET
@customers_only
def month(
    request: HttpRequest, visit: Visit, account_id: UUID, year: int, month: int, file_format: str
) -> HttpResponseBase:
    """One month's file."""
    if not (throttle := _count(visit)).is_allowed:
        return _too_many(request, throttle)
    try:
        day, chosen = date(year, month, 1), StatementFormat(file_format)
    except ValueError:
        raise NotFound("statement") from None
    return _answer(
        fetch_month_statement(
            psu_id=visit.psu.pk,
            account_id=account_id,
            month=day,
            file_format=chosen,
            language=_language(),
            now=visit.now,
        )
    )


@require_GET
@customers_only
def period(request: HttpRequest, visit: Visit, account_id: UUID) -> HttpResponseBase:
    """The file of any period; or the form again, with what is wrong at its field."""
    form = StatementPeriodForm(request.GET)
    if not form.is_valid():
        return _page(request, visit, account_id, form)
    if not (throttle := _count(visit)).is_allowed:
        return _too_many(request, throttle)
    try:
        return _answer(
            fetch_period_statement(
                psu_id=visit.psu.pk,
                account_id=account_id,
                period=form.period(),
                file_format=StatementFormat(form.cleaned_data["file_format"]),
                language=_language(),
                now=visit.now,
            )
        )
    except PeriodNotOffered as error:
        form.add_error(error.field, field_text(error))
        return _page(request, visit, account_id, form)


@require_GET
@customers_only
def fees(
    request: HttpRequest, visit: Visit, account_id: UUID, year: int, file_format: str
) -> HttpResponseBase:
    """What the account cost in a year, as the law has it told once a year and free (Directive 2014/92/EU art. 5)."""
    if not (throttle := _count(visit)).is_allowed:
        return _too_many(request, throttle)
    try:
        chosen = FeeStatementFormat(file_format)
    except ValueError:
        raise NotFound("statement of fees") from None
    if not 1 <= year <= MAXYEAR:
        raise NotFound("statement of fees")
    return _answer(
        fetch_fee_statement(
            psu_id=visit.psu.pk,
            account_id=account_id,
            year=year,
            file_format=chosen,
            language=_language(),
            now=visit.now,
        )
    )


def _page(request: HttpRequest, visit: Visit, account_id: UUID, form: StatementPeriodForm) -> HttpResponse:
    wanted = request.GET.get("year", "")
    overview = get_statement_year(
        psu_id=visit.psu.pk,
        account_id=account_id,
        year=int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) == 4 else None,
        now=visit.now,
    )
    account = overview.account
    context = {
        "overview": overview,
        "account": account,
        "form": form,
        "formats": StatementFormat.choices,
        "fee_formats": [(one.value, one.value.upper()) for one in FeeStatementFormat],
        "fee_years": list_fee_years(account=account, now=visit.now),
        "running_year": bank_date(visit.now).year,
        "months_max": PERIOD_MONTHS_MAX,
        "crumbs": [
            (reverse("portal:home"), gettext("Overview")),
            (reverse("portal:account", args=[account.pk]), account.display_name),
            ("", gettext("Statements")),
        ],
    }
    return render(request, "portal/statement_list.html", context)


def _answer(statement: StatementFile) -> FileResponse:
    # Cache-Control: no-store comes with every answer (SecurityHeadersMiddleware).
    return FileResponse(
        statement.content, as_attachment=True, filename=statement.name, content_type=statement.content_type
    )


def _count(visit: Visit) -> Throttle:
    return count_call(
        scope="portal.statement", key=str(visit.psu.pk), limit=_FILES_MAX, window_seconds=_WINDOW_SECONDS
    )


def _too_many(request: HttpRequest, throttle: Throttle) -> HttpResponse:
    return retry_later(render(request, "portal/refusal.html", {"answer": _TOO_MANY}, status=429), throttle)


def _language() -> str:
    return get_language() or "en"
