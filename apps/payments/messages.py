"""Text messages about payments that nobody waits for on a page."""

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation

from apps.core.money import format_money
from apps.payments.models import PaymentInitiation
from apps.payments.rules import StatusReason


def render_refusal_notice(*, payment: PaymentInitiation, language: str) -> str:
    """The SMS that tells a customer that an order was not carried out on its day, and why (PSD2 art. 79(1))."""
    with translation.override(language):
        reason = payment.status_reason or StatusReason.NARR
        context = {
            "bank": settings.BANK_NAME,
            "amount": format_money(payment.amount_minor, payment.currency),
            "creditor_name": payment.creditor_name,
            "reason": StatusReason(reason).label,
            "is_standing_order": payment.standing_order_id is not None,
        }
        return " ".join(render_to_string("notifications/sms_payment_refused.txt", context).split())
