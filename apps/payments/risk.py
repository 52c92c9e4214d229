"""What this room knows of an order that monitoring weighs: earlier payments, the money there is, the last changes."""

from datetime import datetime, timedelta
from uuid import UUID

from apps.accounts.queries import get_balance
from apps.core.names.rules import NameMatch
from apps.payments.models import PaymentInitiation, PaymentLimits, StandingOrder
from apps.payments.rules import TransactionStatus
from apps.risk.facts import Order, Origin, PastPayment
from apps.risk.models import RiskAssessment
from apps.risk.services import Payer, assess_payment
from apps.sca.queries import get_sms_device, list_passkeys

PAST_MAX = 500  # The latest of the account: enough for a habit, and little to read for each order.
PAST_DAYS = 400
_UNDONE = (TransactionStatus.RJCT, TransactionStatus.CANC)


def assess_order(*, payment: PaymentInitiation, origin: Origin, now: datetime) -> RiskAssessment:
    """Assess a payment that is about to be stored for the first time, and link it with the result."""
    psu = payment.psu
    order = Order(
        amount_minor=payment.amount_minor,
        debtor_iban=payment.debtor_iban,
        creditor_iban=payment.creditor_iban,
        has_other_name=payment.creditor_name_match == NameMatch.NMTC,
        past=list_past_payments(account_id=payment.debtor_account_id, now=now),
        available_minor=get_balance(account=payment.debtor_account).available_minor,
        security_changed_at=get_last_security_change(psu_id=psu.pk, user_id=psu.user_id) if psu else None,
        is_payer_known=psu is not None,
    )
    payment.risk_assessment = assess_payment(
        payment_id=payment.pk,
        payer=Payer(psu_id=psu.pk if psu else None, account_id=payment.debtor_account_id),
        order=order,
        origin=origin,
        now=now,
    )
    return payment.risk_assessment


def assess_execution(*, payment: PaymentInitiation, order: StandingOrder, now: datetime) -> RiskAssessment:
    """Assess one execution of a standing order: its payer was seen when he ordered the series, not today."""
    return assess_order(payment=payment, origin=Origin.from_dict(order.origin), now=now)


def list_past_payments(*, account_id: UUID, now: datetime) -> list[PastPayment]:
    """The latest payments from an account, newest first; those that were refused or taken back are no habit."""
    rows = (
        PaymentInitiation.objects.filter(
            debtor_account_id=account_id,
            created_at__lte=now,
            created_at__gt=now - timedelta(days=PAST_DAYS),
        )
        .exclude(transaction_status__in=_UNDONE)
        .order_by("-created_at")
        .values_list("creditor_iban", "amount_minor", "created_at", "authorised_at")[:PAST_MAX]
    )
    return [PastPayment(iban, amount, at, signed_at is not None) for iban, amount, at, signed_at in rows]


def get_last_security_change(*, psu_id: UUID, user_id: UUID) -> datetime | None:
    """When the customer's mobile number or limits were last changed, or a passkey was added."""
    device = get_sms_device(user_id=user_id)
    limits = PaymentLimits.objects.filter(psu_id=psu_id).values_list("changed_at", flat=True).first()
    passkeys = [passkey.enrolled_at for passkey in list_passkeys(user_id=user_id)]
    changes = [device.enrolled_at if device else None, limits, *passkeys]
    return max([at for at in changes if at], default=None)
