"""Paying without a code, where the bank uses an exemption that holds for the payment (RTS chapter III)."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from apps.payments.queries import get_payment_for_psu
from apps.payments.services import CodeNeeded, PaymentStatusInvalid, pay_without_code
from apps.portal.errors import ANSWERS
from apps.portal.guard import Visit, customers_only
from apps.portal.no_code import monitoring_of
from apps.web.views.preferences import SeeOther


@require_POST
@customers_only
def pay_now(request: HttpRequest, visit: Visit, payment_id: UUID) -> HttpResponse:
    """Release what was checked; a second click pays nothing twice. What takes a code by now is led back to it."""
    payment = get_payment_for_psu(psu_id=visit.psu.pk, payment_id=payment_id)
    try:
        pay_without_code(
            payment_id=payment.pk,
            psu=visit.psu,
            monitoring=monitoring_of(payment, visit),
            now=visit.now,
        )
    except CodeNeeded:
        messages.info(request, str(ANSWERS[CodeNeeded].title))
        return SeeOther(reverse("portal:payment-review", args=[payment.pk]))
    except PaymentStatusInvalid:
        pass
    return SeeOther(reverse("portal:payment", args=[payment.pk]))
