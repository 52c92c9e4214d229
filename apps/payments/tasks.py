from celery import shared_task

from apps.core import clock, request_context
from apps.notifications.gateways import post_status
from apps.notifications.outbox_tasks import outbox_task
from apps.payments.models import PaymentInitiation
from apps.payments.services import PUSH_STATUS_TASK, expire_payments, release_due_payments


@outbox_task(PUSH_STATUS_TASK)
def push_status(*, payment_id: str, transaction_status: str) -> None:
    """Tell the TPP a new transactionStatus at its TPP-Notification-URI (S0-46)."""
    payment = PaymentInitiation.objects.filter(pk=payment_id).first()
    if payment is None or not payment.tpp_notification_uri:
        return
    post_status(
        url=payment.tpp_notification_uri,
        body={"paymentId": payment_id, "transactionStatus": transaction_status},
        request_id=request_context.request_id.get(),
    )


@shared_task(name="payments.expire_due", ignore_result=True)
def expire_due(**_newer_arguments: object) -> None:
    """Refuse payments that nobody authorised in time."""
    expire_payments(now=clock.now())


@shared_task(name="payments.release_due", ignore_result=True)
def release_due(**_newer_arguments: object) -> None:
    """Hand future-dated payments to the engine when their day has come."""
    release_due_payments(now=clock.now())
