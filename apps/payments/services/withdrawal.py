"""Orders that come to nothing: refused before they are authorised, taken back, never signed (PSD2 art. 80)."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from apps.core.clock import bank_date
from apps.identity.models import PSU
from apps.payments.models import PaymentInitiation
from apps.payments.queries import PaymentUnknown
from apps.payments.rules import SIGNABLE_STATUSES, StatusReason, TransactionStatus
from apps.payments.scheduling import (
    last_day_to_cancel,
)
from apps.payments.services.status import (
    PaymentStatusInvalid,
    SignedAlready,
    change_status,
    is_stale,
    lock_payment,
    may_sign,
    unsigned_in_time,
)
from apps.sca import services as sca
from apps.sca.queries import has_signed
from apps.sca.rules import SubjectType


class TooLateToCancel(PaymentStatusInvalid):
    """The business day before the payment's day is over: it is irrevocable now (PSD2 art. 80(4))."""

    code = "too_late_to_cancel"


@transaction.atomic
def reject_payment(*, payment_id: UUID, reason: StatusReason, now: datetime) -> PaymentInitiation:
    """The customer cancels on the authorisation page, or cannot prove himself: ``RJCT``. Later it changes nothing: what
    one has signed is not undone by a stranger with a link or by wrong codes (see :func:`decline_payment`)."""
    payment = lock_payment(payment_id)
    if payment.transaction_status == TransactionStatus.RCVD:
        _reject(payment, reason=reason, actor_type="psu", actor_id="", now=now)
    return payment


@transaction.atomic
def decline_payment(*, payment_id: UUID, psu: PSU, now: datetime) -> PaymentInitiation:
    """Who would have to sign a payment as the second does not want it: ``RJCT``.

    :raises apps.payments.queries.PaymentUnknown: he could not sign it either.
    :raises SignedAlready: he has signed it: he takes it back (:func:`cancel_payment`).
    :raises PaymentStatusInvalid: it does not wait for a second signature (any more).
    """
    payment = lock_payment(payment_id)
    if payment.psu_id == psu.pk:
        raise SignedAlready(str(psu.pk))
    if not payment.is_partly_signed:
        raise PaymentStatusInvalid(payment.transaction_status)
    if not may_sign(payment, psu=psu):
        raise PaymentUnknown
    _reject(payment, reason=StatusReason.CUST, actor_type="psu", actor_id=psu.pk, now=now)
    return payment


@transaction.atomic
def cancel_payment(
    *, payment_id: UUID, psu_id: UUID | None = None, app_id: UUID | None = None, now: datetime
) -> PaymentInitiation:
    """Take back an order that was not authorised yet, not by all, or that waits for its day: ``CANC``; by its customer
    (the first of several who sign; once all have, any of them: the consent of one would be missing) or its TPP.

    :raises apps.payments.queries.PaymentUnknown: not the caller's.
    :raises TooLateToCancel: it waits for its day, and the business day before that is over (PSD2 art. 80(4)).
    :raises PaymentStatusInvalid: with the engine, or final: it can no longer be taken back (PSD2 art. 80(1)).
    """
    payment = lock_payment(payment_id)
    if (psu_id is None) == (app_id is None) or (psu_id and not _is_his_to_cancel(payment, psu_id=psu_id)):
        raise PaymentUnknown
    if app_id is not None and payment.app_id != app_id:
        raise PaymentUnknown
    if not payment.is_scheduled and payment.transaction_status not in SIGNABLE_STATUSES:
        raise PaymentStatusInvalid(payment.transaction_status)
    if payment.is_scheduled and not is_cancellable(payment=payment, now=now):
        raise TooLateToCancel(str(payment.requested_execution_date))
    change_status(
        payment,
        status=TransactionStatus.CANC,
        actor_type="psu" if psu_id else "tpp",
        actor_id=psu_id or app_id or "",
        now=now,
    )
    sca.fail_authorisations_of(
        subject_type=SubjectType.PAYMENT, subject_id=payment.pk, reason="cancelled", now=now
    )
    return payment


def is_cancellable(*, payment: PaymentInitiation, psu_id: UUID | None = None, now: datetime) -> bool:
    """Whether the order can be taken back at ``now``, and by this customer: before all have authorised it, or until the
    end of the business day before its day (PSD2 art. 80(4))."""
    if psu_id is not None and not _is_his_to_cancel(payment, psu_id=psu_id):
        return False
    if payment.is_scheduled and payment.requested_execution_date is not None:
        return bank_date(now) <= last_day_to_cancel(payment.requested_execution_date)
    return payment.transaction_status in SIGNABLE_STATUSES


def _is_his_to_cancel(payment: PaymentInitiation, *, psu_id: UUID) -> bool:
    return payment.psu_id == psu_id or (
        payment.is_scheduled
        and has_signed(subject_type=SubjectType.PAYMENT, subject_id=payment.pk, psu_id=psu_id)
    )


def expire_payments(*, now: datetime) -> int:
    """Refuse what nobody authorised in time, and what no second person did; returns how many."""
    due = list(PaymentInitiation.objects.filter(unsigned_in_time(now=now)).values_list("pk", flat=True)[:500])
    for payment_id in due:
        _expire(payment_id, now=now)
    return len(due)


@transaction.atomic
def _expire(payment_id: UUID, *, now: datetime) -> None:
    payment = lock_payment(payment_id)
    if payment.transaction_status in SIGNABLE_STATUSES and is_stale(payment, now=now):
        _reject(payment, reason=StatusReason.DS02, actor_type="system", actor_id="", now=now)


def _reject(
    payment: PaymentInitiation, *, reason: StatusReason, actor_type: str, actor_id: UUID | str, now: datetime
) -> None:
    payment.status_reason = reason
    change_status(payment, status=TransactionStatus.RJCT, actor_type=actor_type, actor_id=actor_id, now=now)
    sca.fail_authorisations_of(
        subject_type=SubjectType.PAYMENT, subject_id=payment.pk, reason=reason.value, now=now
    )
