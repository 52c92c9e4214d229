from celery import shared_task

from apps.core import clock, request_context
from apps.notifications.gateways import post_status
from apps.notifications.outbox_tasks import outbox_task
from apps.notifications.services import send_sms
from apps.payments.messages import render_refusal_notice
from apps.payments.models import PaymentInitiation, StandingOrder
from apps.payments.rules import TransactionStatus
from apps.payments.services import (
    PUSH_STATUS_TASK,
    SEND_REFUSAL_NOTICE_TASK,
    expire_payments,
    release_due_payments,
)
from apps.payments.standing_orders import execute_due_standing_orders, expire_standing_orders
from apps.sca.queries import get_sms_device


@outbox_task(PUSH_STATUS_TASK)
def push_status(*, payment_id: str, transaction_status: str) -> None:
    """Tell the TPP a new transactionStatus at its TPP-Notification-URI (S0-46)."""
    order = (
        PaymentInitiation.objects.filter(pk=payment_id).first()
        or StandingOrder.objects.filter(pk=payment_id).first()
    )
    if order is None or not order.tpp_notification_uri:
        return
    post_status(
        url=order.tpp_notification_uri,
        body={"paymentId": payment_id, "transactionStatus": transaction_status},
        request_id=request_context.request_id.get(),
    )


@outbox_task(SEND_REFUSAL_NOTICE_TASK)
def send_refusal_notice(*, payment_id: str) -> None:
    """Tell a customer by SMS that an order was not carried out on its day, and why (PSD2 art. 79(1))."""
    payment = PaymentInitiation.objects.select_related("psu__user").filter(pk=payment_id).first()
    if payment is None or payment.psu is None or payment.transaction_status != TransactionStatus.RJCT:
        return
    device = get_sms_device(user_id=payment.psu.user_id)
    if device is not None:
        send_sms(
            effect_key=f"refusal:{payment_id}",
            user_id=payment.psu.user_id,
            to=device.phone_number,
            text=render_refusal_notice(payment=payment, language=payment.psu.user.language),
        )


@shared_task(name="payments.execute_standing_orders", ignore_result=True)
def execute_standing_orders(**_newer_arguments: object) -> None:
    """Make the payments of the standing orders that are due."""
    execute_due_standing_orders(now=clock.now())


@shared_task(name="payments.expire_due", ignore_result=True)
def expire_due(**_newer_arguments: object) -> None:
    """Refuse payments that nobody authorised in time."""
    expire_payments(now=clock.now())
    expire_standing_orders(now=clock.now())


@shared_task(name="payments.release_due", ignore_result=True)
def release_due(**_newer_arguments: object) -> None:
    """Hand future-dated payments to the engine when their day has come."""
    release_due_payments(now=clock.now())
