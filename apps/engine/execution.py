"""What the engine does with one payment, inside one transaction."""

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings

from apps.accounts.queries import (
    AccountBlocked,
    AccountUnknown,
    DebitNotAllowed,
    check_debit,
    get_account_by_iban,
)
from apps.accounts.rules import AccountStatus
from apps.clearing.rules import Rail
from apps.clearing.services import submit_credit_transfer
from apps.core.clock import bank_date
from apps.core.money import Money
from apps.engine.crash_points import crash_point
from apps.engine.rails import CLEARING_CODES, fees_account_id, narrative_of, rail_of
from apps.identity.queries import CoreUserUnknown, OperationNotAllowed
from apps.ledger.queries import get_ledger_account
from apps.ledger.rules import Direction, EntryKind
from apps.ledger.services import ExceedsBalance, Leg, post_entry
from apps.payments.limits import count_against_limits, uncount_against_limits
from apps.payments.products import is_own_bank
from apps.payments.rules import StatusReason, TransactionStatus
from apps.payments.services import (
    check_authorised_as_is,
    hold_back_payment,
    lock_payment_for_execution,
    note_execution,
)

if TYPE_CHECKING:
    from apps.payments.models import PaymentInitiation

logger = logging.getLogger(__name__)


def execute_payment(*, payment_id: UUID, now: datetime) -> None:
    """Take the funds of an authorised payment and book it: inside the bank at once, else through the clearing house.

    A refusal is a result, not an error: the payment becomes ``RJCT`` with its reason. A payment that is not
    ``ACTC`` (a second delivery) is left as it is; one whose day has not come waits on.
    """
    payment = lock_payment_for_execution(payment_id=payment_id)
    if payment.transaction_status != TransactionStatus.ACTC:
        return
    if hold_back_payment(payment=payment, now=now):
        logger.error("payment %s came before its day", payment_id)
        return
    if not check_authorised_as_is(payment=payment):
        logger.error("payment %s is not covered by an authorisation", payment_id)
        _refuse(payment, reason=StatusReason.DS0A, now=now)
        return
    try:
        core_user_id = check_debit(psu_id=payment.payer.pk, account_id=payment.debtor_account_id)
    except (CoreUserUnknown, OperationNotAllowed, DebitNotAllowed) as error:
        logger.warning("payment %s refused: %s", payment_id, error.code)
        _refuse(payment, reason=StatusReason.AG01, now=now)
        return
    except AccountBlocked:
        _refuse(payment, reason=StatusReason.AC06, now=now)
        return
    if is_own_bank(payment.creditor_iban):
        _book_inside(payment, core_user_id=core_user_id, now=now)
    else:
        _book_outgoing(payment, core_user_id=core_user_id, now=now)


def _book_inside(payment: "PaymentInitiation", *, core_user_id: str, now: datetime) -> None:
    try:
        creditor = get_account_by_iban(iban=payment.creditor_iban)
    except AccountUnknown:
        _refuse(payment, reason=StatusReason.AC01, core_user_id=core_user_id, now=now)
        return
    if creditor.status != AccountStatus.ENABLED:
        _refuse(payment, reason=StatusReason.AC06, core_user_id=core_user_id, now=now)
        return
    if _take_funds(payment, credit_account_id=creditor.ledger_account_id, core_user_id=core_user_id, now=now):
        note_execution(payment=payment, status=TransactionStatus.ACSC, core_user_id=core_user_id, now=now)
        crash_point("engine.booked")


def _book_outgoing(payment: "PaymentInitiation", *, core_user_id: str, now: datetime) -> None:
    rail = rail_of(payment)
    # Of an order for a later day that day, not the one on which it was signed (PSD2 art. 78(2)).
    received_at = payment.released_at or now
    if rail == Rail.INST and now >= received_at + timedelta(seconds=settings.INSTANT_ANSWER_SECONDS):
        # We were too slow ourselves: nothing was taken, and nothing is (Regulation 260/2012 art. 5a(4)).
        _refuse(payment, reason=StatusReason.AB05, core_user_id=core_user_id, now=now)
        return
    clearing = get_ledger_account(code=CLEARING_CODES[rail])
    if _take_funds(payment, credit_account_id=clearing.pk, core_user_id=core_user_id, now=now):
        submit_credit_transfer(
            payment_id=payment.pk,
            rail=rail,
            amount=Money(payment.amount_minor, payment.currency),
            narrative=narrative_of(payment),
            received_at=received_at,
            creditor_agent=payment.creditor_agent,
            charge_bearer=payment.charge_bearer,
            now=now,
        )
        note_execution(payment=payment, status=TransactionStatus.ACSP, core_user_id=core_user_id, now=now)
        crash_point("engine.booked")


def _take_funds(
    payment: "PaymentInitiation", *, credit_account_id: UUID, core_user_id: str, now: datetime
) -> bool:
    if not count_against_limits(payment=payment, now=now):
        _refuse(payment, reason=StatusReason.AM14, core_user_id=core_user_id, now=now)
        return False
    legs = [
        Leg(payment.debtor_account.ledger_account_id, Direction.DEBIT, payment.total_minor),
        Leg(credit_account_id, Direction.CREDIT, payment.amount_minor),
    ]
    if payment.fee_minor:
        legs.append(Leg(fees_account_id(), Direction.CREDIT, payment.fee_minor))
    try:
        post_entry(
            kind=EntryKind.CREDIT_TRANSFER,
            reference=str(payment.pk),
            currency=payment.currency,
            legs=legs,
            booking_date=bank_date(now),
            value_date=bank_date(now),
            narrative=narrative_of(payment),
            now=now,
        )
    except ExceedsBalance:
        uncount_against_limits(payment=payment, now=now)
        _refuse(payment, reason=StatusReason.AM04, core_user_id=core_user_id, now=now)
        return False
    crash_point("engine.debited")
    return True


def _refuse(
    payment: "PaymentInitiation", *, reason: StatusReason, core_user_id: str = "", now: datetime
) -> None:
    note_execution(
        payment=payment, status=TransactionStatus.RJCT, reason=reason, core_user_id=core_user_id, now=now
    )
