"""What the engine reports of a payment that it has in hand."""

from datetime import datetime
from uuid import UUID

from apps.notifications.services import enqueue_message
from apps.payments.models import PaymentInitiation
from apps.payments.rules import (
    StatusReason,
    TransactionStatus,
)
from apps.payments.services.status import change_status, lock_payment, record_on_payment

SEND_REFUSAL_NOTICE_TASK = "payments.send_refusal_notice"


def lock_payment_for_execution(*, payment_id: UUID) -> PaymentInitiation:
    """The payment under a row lock, for the engine, in its transaction.

    :raises apps.payments.queries.PaymentUnknown: there is none.
    """
    return lock_payment(payment_id)


def note_execution(
    *,
    payment: PaymentInitiation,
    status: TransactionStatus,
    core_user_id: str = "",
    reason: StatusReason | None = None,
    now: datetime,
) -> None:
    """The engine's report on a locked payment; the TPP is told, if it asked to be (S0-46)."""
    payment.core_user_id = core_user_id or payment.core_user_id
    payment.status_reason = reason or ""
    change_status(
        payment,
        status=status,
        actor_type="engine",
        actor_id=payment.core_user_id,
        now=now,
        data={"reason": reason},
    )
    is_unattended = payment.standing_order_id is not None or payment.requested_execution_date is not None
    if status == TransactionStatus.RJCT and is_unattended:
        # Nobody is looking at a page: he is told where he is (PSD2 art. 79(1)).
        enqueue_message(
            topic=SEND_REFUSAL_NOTICE_TASK,
            payload={"payment_id": str(payment.pk)},
            effect_key=f"refusal:{payment.pk}",
        )


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
