from datetime import datetime

from apps.core.ids import new_id
from apps.fraud.models import FraudReport
from apps.fraud.rules import ReportOutcome, ReportReason
from apps.fraud.services import decide_report, report_payment
from apps.identity.models import PSU
from apps.payments.models import PaymentInitiation
from tests.factories.accounts import FOREIGN_IBAN, NOW
from tests.factories.payments import signed_payments


def booked_payment(
    psu: PSU, *, amount_minor: int = 2_500, at: datetime = NOW, **fields: object
) -> PaymentInitiation:
    """A payment that has gone out, as the register finds it; nothing is in the books."""
    fields = {"transaction_status": "ACSC"} | fields
    return signed_payments([(psu, FOREIGN_IBAN, amount_minor)], now=at, **fields)[0]


def reported(
    payment: PaymentInitiation, *, reason: ReportReason = ReportReason.NOT_ORDERED, now: datetime = NOW
) -> FraudReport:
    """The payment's customer says that it was not him; the same report if he has said so."""
    found = FraudReport.objects.filter(payment=payment).first()
    return found or report_payment(payment_id=payment.pk, psu=payment.payer, reason=reason, now=now)


def judged(
    payment: PaymentInitiation, outcome: ReportOutcome = ReportOutcome.FRAUD, *, now: datetime = NOW
) -> FraudReport:
    """A report, and what staff made of it."""
    return decide_report(
        report_id=reported(payment, now=now).pk,
        outcome=outcome,
        reason="Looked at the device",
        staff_id=new_id(),
        now=now,
    )
