"""What the engine reports of a payment that it has in hand."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from apps.core import request_context
from apps.notifications.services import Promise, enqueue_messages
from apps.payments.models import PaymentInitiation
from apps.payments.rules import (
    StatusReason,
    TransactionStatus,
)
from apps.payments.services.status import (
    StatusChange,
    change_statuses,
    lock_payment,
    lock_payments,
    record_on_payment,
)

SEND_REFUSAL_NOTICE_TASK = "payments.send_refusal_notice"


def lock_payment_for_execution(*, payment_id: UUID) -> PaymentInitiation:
    """The payment under a row lock, for the engine, in its transaction.

    :raises apps.payments.queries.PaymentUnknown: there is none.
    """
    return lock_payment(payment_id)


def lock_payments_for_execution(*, payment_ids: Iterable[UUID]) -> list[PaymentInitiation]:
    """Payments under row locks, for the engine, in its transaction; in the order of their ids.

    :raises apps.payments.queries.PaymentUnknown: one of them is missing.
    """
    return lock_payments(payment_ids)


@dataclass(frozen=True, slots=True)
class ExecutionReport:
    """What the engine did with a locked payment: its next status, and why it was refused.

    ``request_id`` is the call that caused it; by default the one being served.
    """

    payment: PaymentInitiation
    status: TransactionStatus
    core_user_id: str = ""
    reason: StatusReason | None = None
    request_id: str = field(default_factory=request_context.request_id.get)


def note_execution(
    *,
    payment: PaymentInitiation,
    status: TransactionStatus,
    core_user_id: str = "",
    reason: StatusReason | None = None,
    now: datetime,
) -> None:
    """The engine's report on a locked payment; the TPP is told, if it asked to be (S0-46)."""
    note_executions([ExecutionReport(payment, status, core_user_id, reason)], now=now)


def note_executions(reports: Sequence[ExecutionReport], *, now: datetime) -> None:
    """The engine's reports on many locked payments, in a few round trips; see :func:`note_execution`.

    :raises apps.payments.services.PaymentStatusInvalid: one of them is not in a status in which this can be.
    """
    for report in reports:
        report.payment.core_user_id = report.core_user_id or report.payment.core_user_id
        report.payment.status_reason = report.reason or ""
    change_statuses(
        [StatusChange(report.payment, report.status, report.request_id) for report in reports],
        actor_type="engine",
        now=now,
    )
    enqueue_messages(
        [
            Promise(
                topic=SEND_REFUSAL_NOTICE_TASK,
                payload={"payment_id": str(report.payment.pk)},
                effect_key=f"refusal:{report.payment.pk}",
                correlation_id=report.request_id,
            )
            for report in reports
            if report.status == TransactionStatus.RJCT and _is_unattended(report.payment)
        ]
    )


def _is_unattended(payment: PaymentInitiation) -> bool:
    """Nobody is looking at a page: he is told where he is (PSD2 art. 79(1))."""
    return payment.standing_order_id is not None or payment.requested_execution_date is not None


def note_return(*, payment: PaymentInitiation, reason: str, now: datetime) -> None:
    """The engine's report that the money of a payment that was done came back; the payment stays done, as it was."""
    payment.return_reason, payment.returned_at = reason, now
    payment.save(update_fields=["return_reason", "returned_at"])
    record_on_payment(
        payment,
        event="payments.payment.returned",
        actor_type="engine",
        actor_id="",
        now=now,
        data={"reason": reason},
    )
