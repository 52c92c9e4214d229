"""Saying that a payment was not one's own (PSD2 art. 71)."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from apps.core.clock import bank_date
from apps.fraud.queries import get_report_of, is_reportable
from apps.fraud.rules import ReportReason, refund_due_on
from apps.fraud.services import report_payment
from apps.payments.queries import get_payment_for_psu
from apps.portal.forms import FraudReportForm
from apps.portal.guard import Visit, customers_only
from apps.web.freezing import freeze_customer
from apps.web.views.preferences import SeeOther


@require_http_methods(["GET", "HEAD", "POST"])
@customers_only
def report(request: HttpRequest, visit: Visit, payment_id: UUID) -> HttpResponse:
    """Why, and whether everything is to be frozen. No code: whoever needs this may have lost the phone. A payment that
    was reported, or cannot be, leads back to its page, which says so."""
    payment = get_payment_for_psu(psu_id=visit.psu.pk, payment_id=payment_id)
    form = FraudReportForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        if get_report_of(payment_id=payment.pk) is None:
            report_payment(
                payment_id=payment.pk,
                psu=visit.psu,
                reason=ReportReason(form.cleaned_data["reason"]),
                note=form.cleaned_data["note"],
                now=visit.now,
            )
        if form.cleaned_data["freeze"]:
            freeze_customer(
                psu_id=visit.psu.pk,
                actor_type="psu",
                actor_id=visit.psu.pk,
                reason="frozen with a report of fraud",
                now=visit.now,
            )
            logout(request)
            return SeeOther(reverse("portal:frozen"))
        messages.success(request, gettext("We have your report."))
        return SeeOther(reverse("portal:payment", args=[payment.pk]))
    if not is_reportable(payment=payment, now=visit.now):
        return SeeOther(reverse("portal:payment", args=[payment.pk]))
    context = {"payment": payment, "form": form, "due_on": refund_due_on(bank_date(visit.now))}
    return render(request, "portal/payment_report.html", context, status=422 if form.errors else 200)
