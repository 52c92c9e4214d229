from typing import Any
from uuid import UUID

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from apps.core import clock
from apps.core.clock import bank_date
from apps.core.legal_limits import RISK_ANALYSIS_BANDS
from apps.core.money import format_money
from apps.fraud.queries import Rates, get_rates, get_report, list_notices, report_quarter
from apps.fraud.rules import NoticeKind, ReportOutcome, ReportReason
from apps.fraud.services import decide_report, note_exceeded_told, report_payment, restore_exemption
from apps.payments.queries import get_payment
from apps.sca.exemptions import Article
from apps.sca.fraud_rates import USABLE_STATES, BandState, Quarter
from apps.sca.policy import exemption_policy
from apps.staff.actions import DECIDE_REPORT, NOTE_AUTHORITY, TAKE_REPORT, VIEW_REPORTS
from apps.staff.acts import ActPage, answer_act, found, require_permission, staff_id
from apps.staff.cells import Cell, LabelledCell
from apps.staff.forms import DecideReportForm, TakeReportForm

_METHODS = ["GET", "HEAD", "POST"]


@require_http_methods(_METHODS)
def take_report(request: HttpRequest, payment_id: UUID) -> HttpResponse:
    """Keep what a customer says by telephone or at a branch: he need not be able to sign in (PSD2 art. 72)."""
    require_permission(request, TAKE_REPORT)
    payment = found(get_payment, payment_id=payment_id)
    if payment.psu is None:
        raise Http404
    page = ActPage(
        title=_("Take in a report of fraud"),
        about=[
            LabelledCell(_("Customer"), Cell("text", str(payment.psu))),
            LabelledCell(_("Amount"), Cell("money", payment.amount_minor, currency=payment.currency)),
            LabelledCell(_("Status"), Cell("badge", payment.transaction_status)),
        ],
        consequences=[
            _("The payment is in the queue to be judged."),
            _("What was not authorised has to be paid back by the end of the next business day."),
            _("Freezing the customer's access and recalling the money are acts of their own."),
        ],
        button=_("Take in"),
        done=_("The report is taken in."),
        back_url=reverse("admin:payments_paymentinitiation_change", args=[payment.pk]),
        reason_hint=_("What the customer says. No personal data, no password and no code."),
    )
    return answer_act(
        request,
        page=page,
        form_class=TakeReportForm,
        carry_out=lambda reason, what: report_payment(
            payment_id=payment.pk,
            psu=payment.psu,
            reason=ReportReason(what),
            note=reason,
            staff_id=staff_id(request),
            now=clock.now(),
        ),
    )


@require_http_methods(_METHODS)
def decide(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Judge a report: fraud, which is paid back and counts, or not."""
    require_permission(request, DECIDE_REPORT)
    report = found(get_report, report_id=report_id)
    page = ActPage(
        title=_("Judge a report of fraud"),
        about=[
            LabelledCell(_("Customer"), Cell("text", str(report.psu))),
            LabelledCell(_("Amount"), Cell("money", report.payment.amount_minor, currency=report.currency)),
            LabelledCell(_("What the customer says"), Cell("text", report.get_reason_display())),
            LabelledCell(_("To be paid back by"), Cell("date", report.refund_due_on)),
            LabelledCell(_("Status"), Cell("badge", report.status)),
        ],
        consequences=[
            _("It is judged once, with your name and your reason, and the customer sees the outcome."),
            _("Fraud counts in the fraud rate at once, whether or not the money is recovered."),
            _(
                "What the customer did not authorise is paid back by the engine: amount and fee, at the bank's cost."
            ),
            _(
                "Not paying back in time takes grounds to suspect the customer, told to the authority in writing."
            ),
        ],
        button=_("Judge"),
        done=_("The report is judged."),
        back_url=reverse("admin:fraud_fraudreport_change", args=[report.pk]),
        is_danger=True,
    )
    return answer_act(
        request,
        page=page,
        form_class=DecideReportForm,
        carry_out=lambda reason, outcome: decide_report(
            report_id=report.pk,
            outcome=ReportOutcome(outcome),
            reason=reason,
            staff_id=staff_id(request),
            now=clock.now(),
        ),
    )


@require_safe
def rates(request: HttpRequest) -> HttpResponse:
    """The fraud rate against the annex's reference rates, band by band and quarter by quarter (RTS art. 18-21)."""
    require_permission(request, VIEW_REPORTS)
    now = clock.now()
    known, quarter = get_rates(now=now), _quarter_asked(request, today=bank_date(now))
    notices = {
        (notice.etv_minor, Quarter(notice.year, notice.quarter)): notice
        for notice in list_notices().filter(kind=NoticeKind.EXCEEDED)
    }
    context = {
        **admin.site.each_context(request),
        "title": _("Fraud rates"),
        "present": known.present,
        "is_in_use": Article.RISK_ANALYSIS in exemption_policy().articles,
        "bands": [_band_row(known, number) for number in range(len(known.bands))],
        "quarters": [
            {
                "quarter": step_quarter,
                "rate": rate,
                "bands": [
                    {
                        "etv_minor": standing.band.etv_minor,
                        "step": standing.steps[number],
                        "is_told": (standing.band.etv_minor, step_quarter) in notices,
                    }
                    for standing in known.bands
                ],
            }
            for number, (step_quarter, rate) in reversed(list(enumerate(known.quarters)))
        ],
        "notices": list_notices()[:20],
        "quarter": quarter,
        "report": report_quarter(quarter=quarter, now=now),
        "may_note": request.user.has_perm(NOTE_AUTHORITY),
    }
    return render(request, "staff/fraud_rates.html", context)


@require_http_methods(_METHODS)
def told(request: HttpRequest, etv_minor: int, year: int, number: int) -> HttpResponse:
    """Note that the authority was told of a quarter above the reference rate (RTS art. 20(1))."""
    require_permission(request, NOTE_AUTHORITY)
    quarter = _quarter(year, number)
    page = _notice_page(
        etv_minor,
        title=_("Note a report to the authority"),
        quarter=quarter,
        consequences=[
            _("It is kept that the authority was told of this quarter. The software sends nothing itself.")
        ],
    )
    return answer_act(
        request,
        page=page,
        carry_out=lambda reason: note_exceeded_told(
            etv_minor=etv_minor, quarter=quarter, note=reason, staff_id=staff_id(request), now=clock.now()
        ),
    )


@require_http_methods(_METHODS)
def restore(request: HttpRequest, etv_minor: int) -> HttpResponse:
    """Use transaction risk analysis again in a band, once the authority was told (RTS art. 20(3)-(4))."""
    require_permission(request, NOTE_AUTHORITY)
    page = _notice_page(
        etv_minor,
        title=_("Use the exemption again"),
        quarter=Quarter.of(bank_date(clock.now())),
        consequences=[
            _(
                "It is kept that the authority was told beforehand and has the evidence of a quarter within the rate."
            ),
            _("Payments of this band may go out without a code again, while the present rate holds too."),
        ],
    )
    return answer_act(
        request,
        page=page,
        carry_out=lambda reason: restore_exemption(
            etv_minor=etv_minor, note=reason, staff_id=staff_id(request), now=clock.now()
        ),
    )


def _notice_page(etv_minor: int, *, title: str, quarter: Quarter, consequences: list[str]) -> ActPage:
    if etv_minor not in {band.etv_minor for band in RISK_ANALYSIS_BANDS}:
        raise Http404
    return ActPage(
        title=title,
        about=[
            LabelledCell(_("Payments up to"), Cell("money", etv_minor, currency="EUR")),
            LabelledCell(_("Quarter"), Cell("text", str(quarter))),
        ],
        consequences=consequences,
        button=_("Keep it"),
        done=_("It is noted."),
        back_url=reverse("admin:fraud-rates"),
        reason_hint=_("How and when the authority was told, and by which reference it knows it."),
    )


def _band_row(rates: Rates, number: int) -> dict[str, Any]:
    standing = rates.bands[number]
    is_within = rates.present is not None and rates.present.is_within(standing.band)
    return {
        "name": format_money(standing.band.etv_minor, "EUR"),
        "etv_minor": standing.band.etv_minor,
        "reference": standing.band.percent,
        "state": standing.state,
        "state_words": _STATES[standing.state](),
        "is_within": is_within,
        "is_usable": is_within and standing.state in USABLE_STATES,
        "is_restorable": standing.state == BandState.RESTORABLE,
    }


_STATES = {
    BandState.IN_USE: lambda: _("may be used"),
    BandState.ABOVE_ONCE: lambda: _("one quarter above"),
    BandState.CEASED: lambda: _("given up after two quarters above"),
    BandState.RESTORABLE: lambda: _("given up; a quarter within the rate has followed"),
}


def _quarter(year: int, number: int) -> Quarter:
    try:
        return Quarter(year, number)
    except ValueError:
        raise Http404 from None


def _quarter_asked(request: HttpRequest, *, today: Any) -> Quarter:
    """``?quarter=2026-3``; the running one without, and 404 for what is none."""
    asked = request.GET.get("quarter", "")
    if not asked:
        return Quarter.of(today)
    year, _dash, number = asked.partition("-")
    if not (year.isascii() and year.isdigit() and len(year) == 4 and number in ("1", "2", "3", "4")):
        raise Http404
    return _quarter(int(year), int(number))
