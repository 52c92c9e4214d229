"""Payments for a later day, or for a rail that is closed now: handed to the engine when the time has come."""

from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet

from apps.core.clock import bank_date
from apps.payments.models import PaymentInitiation
from apps.payments.products import goes_later, is_open
from apps.payments.rules import (
    PaymentProduct,
    TransactionStatus,
)
from apps.payments.scheduling import (
    latest_due_request,
)
from apps.payments.services.status import promise_execution, record_on_payment


def release_due_payments(*, now: datetime, limit: int = 500) -> int:
    """Hand to the engine what waited for today, for an earlier day that was missed, or for its rail; returns how many.

    Each in a transaction of its own. A second runner at the same time passes over what the first has in hand, and
    afterwards finds it released: no payment is handed over twice.
    """
    today = bank_date(now)
    due = _due(now=now)
    released = 0
    for payment_id in list(due.values_list("pk", flat=True)[:limit]):
        with transaction.atomic():
            payment = due.select_for_update(skip_locked=True).filter(pk=payment_id).first()
            if payment is None:
                continue
            payment.released_at = now
            payment.save(update_fields=["released_at"])
            # The day is part of the key: a release that the engine gave back (hold_back_payment) can be made anew.
            promise_execution(payment, effect_key=f"execute:{payment.pk}:{today}")
            record_on_payment(
                payment, event="payments.payment.released", actor_type="system", actor_id="", now=now
            )
        released += 1
    return released


def hold_back_payment(*, payment: PaymentInitiation, now: datetime) -> bool:
    """For the engine, on a locked payment: True when its time has not come, and then it waits again.

    A message can come too early when it was forged, or when the clock was set back after the release.
    """
    if not goes_later(payment.payment_product, requested=payment.requested_execution_date, now=now):
        return False
    payment.released_at = None
    payment.save(update_fields=["released_at"])
    record_on_payment(payment, event="payments.payment.held_back", actor_type="engine", actor_id="", now=now)
    return True


def _due(*, now: datetime) -> QuerySet[PaymentInitiation]:
    """What waits and may go now, the longest waiting first; :func:`apps.payments.products.goes_later` in SQL."""
    today = bank_date(now)
    has_come = Q(requested_execution_date__lte=latest_due_request(is_instant=False, today=today)) | Q(
        payment_product=PaymentProduct.INSTANT_SEPA_CREDIT_TRANSFERS,
        requested_execution_date__lte=latest_due_request(is_instant=True, today=today),
    )
    urgent = Q(payment_product=PaymentProduct.TARGET_2_PAYMENTS)
    if is_open(PaymentProduct.TARGET_2_PAYMENTS, now=now):
        has_come |= urgent & Q(requested_execution_date=None)
    else:
        has_come &= ~urgent
    return PaymentInitiation.objects.filter(
        has_come, transaction_status=TransactionStatus.ACTC, released_at=None
    ).order_by("requested_execution_date", "authorised_at")
