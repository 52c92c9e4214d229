"""What the engine pays back: payments that their customers did not authorise (PSD2 art. 73)."""

from datetime import datetime
from uuid import UUID

from apps.core.clock import bank_date
from apps.core.crash_points import crash_point
from apps.core.money import Money
from apps.engine.outgoing import narrative_of, narrative_of_return
from apps.engine.rails import LOSSES_CODE
from apps.fraud.rules import ReportOutcome, refund_minor
from apps.fraud.services import lock_report_for_refund, note_refund
from apps.ledger.queries import get_ledger_account
from apps.ledger.rules import EntryKind
from apps.ledger.services import post_transfer

REFUND_CODE = "UNAUTHORISED"  # The reason in the reference of the booking.


def refund_payment(*, report_id: UUID, now: datetime) -> None:
    """Bring the account to where it would stand if nothing had been paid: amount and fee, valued on the day of the
    debit (PSD2 art. 73(1)), at the bank's cost. What had come back by itself is not paid twice, and what comes back
    later is the bank's. A second delivery books nothing.

    Refused, and left for staff to see, is a report that was not judged fraud: whoever forged the message gets nothing.

    :raises apps.fraud.queries.ReportUnknown: there is no such report.
    """
    report, payment = lock_report_for_refund(report_id=report_id)
    if report.refunded_at is not None or report.outcome != ReportOutcome.FRAUD:
        return
    amount_minor = refund_minor(
        amount_minor=payment.amount_minor,
        fee_minor=payment.fee_minor,
        has_come_back=payment.returned_at is not None,
        status=payment.transaction_status,
    )
    if amount_minor:
        post_transfer(
            kind=EntryKind.UNAUTHORISED_REFUND,
            reference=str(report.pk),
            debit_account_id=get_ledger_account(code=LOSSES_CODE).pk,
            credit_account_id=payment.debtor_account.ledger_account_id,
            amount=Money(amount_minor, payment.currency),
            booking_date=bank_date(now),
            value_date=bank_date(payment.released_at or now),
            narrative=narrative_of_return(narrative_of(payment), reason=REFUND_CODE),
            now=now,
        )
    note_refund(report=report, payment=payment, amount_minor=amount_minor, now=now)
    crash_point("engine.refunded")
