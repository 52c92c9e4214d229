"""What the engine books for payments that leave the bank or come to it.

Between the customer's account and the central bank stands one clearing account per rail; what lies there is on its way,
and it is empty when nothing is. Every function here may be called again and books once.
"""

import logging
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from apps.accounts.queries import find_account_for_credit
from apps.bulk.queries import find_batch_of_item
from apps.clearing.rules import IncomingStatus, InstructionStatus, Rail, refusal_of_credit
from apps.clearing.services import (
    lock_incoming_transfer,
    lock_instruction,
    note_incoming_booked,
    promise_answer,
    promise_return,
    time_out_instruction,
)
from apps.core.clock import bank_date
from apps.core.money import Money
from apps.engine.bulk import settle_item
from apps.engine.crash_points import crash_point
from apps.ledger.queries import get_ledger_account
from apps.ledger.rules import Direction, EntryKind, Narrative
from apps.ledger.services import Leg, post_entry, post_transfer
from apps.payments.limits import uncount_against_limits
from apps.payments.rules import PaymentProduct, StatusReason, TransactionStatus
from apps.payments.services import lock_payment_for_execution, note_execution, note_return

if TYPE_CHECKING:
    from apps.accounts.models import PaymentAccount
    from apps.clearing.models import ClearingInstruction, IncomingTransfer
    from apps.payments.models import PaymentInitiation

logger = logging.getLogger(__name__)

CLEARING_CODES = {
    Rail.SCT: "clearing:sepa-sct",
    Rail.INST: "clearing:sepa-inst",
    Rail.T2: "clearing:target-2",
    Rail.XB: "clearing:cross-border",
}
_RAILS = {
    PaymentProduct.SEPA_CREDIT_TRANSFERS: Rail.SCT,
    PaymentProduct.INSTANT_SEPA_CREDIT_TRANSFERS: Rail.INST,
    PaymentProduct.TARGET_2_PAYMENTS: Rail.T2,
    PaymentProduct.CROSS_BORDER_CREDIT_TRANSFERS: Rail.XB,
}
NOSTRO_CODE = "nostro:central-bank"
FEES_CODE = "fees:payments"


def rail_of(payment: "PaymentInitiation") -> Rail:
    """On which rails a payment leaves the bank."""
    return _RAILS[PaymentProduct(payment.payment_product)]


def settle_payment(*, instruction_id: UUID, now: datetime) -> None:
    """Do what an instruction's status asks for and was not done yet: settle it, give the money back, take it back in.

    - settled: the clearing account is cleared against the central bank, the payment is ``ACSC``;
    - rejected or timed out: the payer has his money and the fee again at once, the payment is ``RJCT`` with the reason;
    - returned after it was settled: the payer is credited, the payment stays ``ACSC`` and says why it came back;
    - settled too late: what the house took lies open on the clearing account until it comes back or staff solve it.
    """
    instruction = lock_instruction(instruction_id=instruction_id)
    batch_id = find_batch_of_item(item_id=instruction.payment_id)
    if batch_id is not None:
        settle_item(instruction=instruction, batch_id=batch_id, now=now)
        crash_point("engine.settled")
        return
    payment = lock_payment_for_execution(payment_id=instruction.payment_id)
    match instruction.status:
        case InstructionStatus.ACCEPTED:
            _settle(instruction, payment, now=now)
        case InstructionStatus.RETURNED:
            _settle(instruction, payment, now=now)
            _credit_returned(instruction, payment, now=now)
        case InstructionStatus.REJECTED | InstructionStatus.TIMED_OUT:
            _give_back(instruction, payment, now=now)
            if instruction.late_accepted_at is not None:
                _post(EntryKind.CLEARING_SETTLEMENT, instruction, payment, now=now)
            if instruction.return_id:
                _post(EntryKind.CLEARING_RECEIPT, instruction, payment, now=now)
    crash_point("engine.settled")


def time_out_payment(*, instruction_id: UUID, now: datetime) -> None:
    """The time for an answer is over: if there is none, the payer's account is restored in this very transaction."""
    if time_out_instruction(instruction_id=instruction_id, now=now):
        settle_payment(instruction_id=instruction_id, now=now)


def credit_incoming(*, incoming_id: UUID, now: datetime) -> None:
    """Do the next thing with a transfer from another bank, by where it stands.

    An ordinary transfer is settled when we hear of it: it is credited or sent back. An instant one is answered first
    and credited when the house says that it was settled. Sent back is finished when its return was settled.
    """
    incoming = lock_incoming_transfer(incoming_id=incoming_id)
    if incoming.status == IncomingStatus.RECEIVED and incoming.rail == Rail.INST:
        account = find_account_for_credit(iban=incoming.creditor_iban)
        promise_answer(incoming=incoming, reason=_refusal(account), now=now)
    is_settled = incoming.rail == Rail.SCT or bool(incoming.cycle)
    if incoming.status in (IncomingStatus.RECEIVED, IncomingStatus.ANSWERED) and is_settled:
        _credit_or_send_back(incoming, now=now)
    elif incoming.status == IncomingStatus.RETURNED:
        _post_incoming(
            EntryKind.CLEARING_SETTLEMENT,
            incoming,
            debit_account_id=_clearing_id(Rail(incoming.rail)),
            credit_account_id=_nostro_id(),
            now=now,
        )
    crash_point("engine.incoming")


def narrative_of(payment: "PaymentInitiation") -> Narrative:
    """What statements say about an outgoing payment."""
    return Narrative(
        debtor_name=payment.debtor_account.owner_name,
        debtor_iban=payment.debtor_iban,
        creditor_name=payment.creditor_name,
        creditor_iban=payment.creditor_iban,
        end_to_end_identification=payment.end_to_end_identification,
        remittance_information_unstructured=payment.remittance_information_unstructured,
    )


def _settle(instruction: "ClearingInstruction", payment: "PaymentInitiation", *, now: datetime) -> None:
    if payment.transaction_status != TransactionStatus.ACSP:
        return
    _post(EntryKind.CLEARING_SETTLEMENT, instruction, payment, now=now)
    note_execution(payment=payment, status=TransactionStatus.ACSC, now=now)


def _give_back(instruction: "ClearingInstruction", payment: "PaymentInitiation", *, now: datetime) -> None:
    if payment.transaction_status != TransactionStatus.ACSP:
        return
    legs = [
        Leg(_clearing_id(Rail(instruction.rail)), Direction.DEBIT, payment.amount_minor),
        Leg(payment.debtor_account.ledger_account_id, Direction.CREDIT, payment.total_minor),
    ]
    if payment.fee_minor:  # Nothing was done for it.
        legs.append(Leg(fees_account_id(), Direction.DEBIT, payment.fee_minor))
    post_entry(
        kind=EntryKind.CREDIT_TRANSFER_RETURN,
        reference=str(payment.pk),
        currency=payment.currency,
        legs=legs,
        booking_date=bank_date(now),
        value_date=bank_date(now),
        narrative=_return_narrative(payment, reason=instruction.reason),
        now=now,
    )
    # It did not go out after all: so it does not count for the day on which it was counted.
    uncount_against_limits(payment=payment, now=instruction.submitted_at)
    known = instruction.reason in StatusReason.values
    reason = StatusReason(instruction.reason) if known else StatusReason.MS03
    note_execution(payment=payment, status=TransactionStatus.RJCT, reason=reason, now=now)


def _credit_returned(
    instruction: "ClearingInstruction", payment: "PaymentInitiation", *, now: datetime
) -> None:
    if payment.returned_at is not None:
        return
    _post(
        EntryKind.CREDIT_TRANSFER_RETURN,
        instruction,
        payment,
        debit_account_id=_nostro_id(),
        narrative=_return_narrative(payment, reason=instruction.return_reason),
        now=now,
    )
    note_return(payment=payment, reason=instruction.return_reason, now=now)


def _post(
    kind: EntryKind,
    instruction: "ClearingInstruction",
    payment: "PaymentInitiation",
    *,
    debit_account_id: UUID | None = None,
    narrative: Narrative | None = None,
    now: datetime,
) -> None:
    """Settlement goes from clearing to the central bank, a receipt the other way, a return to the payer."""
    clearing, nostro = _clearing_id(Rail(instruction.rail)), _nostro_id()
    debit, credit = {
        EntryKind.CLEARING_SETTLEMENT: (clearing, nostro),
        EntryKind.CLEARING_RECEIPT: (nostro, clearing),
        EntryKind.CREDIT_TRANSFER_RETURN: (
            debit_account_id or clearing,
            payment.debtor_account.ledger_account_id,
        ),
    }[kind]
    post_transfer(
        kind=kind,
        reference=str(payment.pk),
        debit_account_id=debit,
        credit_account_id=credit,
        amount=Money(payment.amount_minor, payment.currency),
        booking_date=bank_date(now),
        value_date=bank_date(now),
        narrative=narrative or narrative_of(payment),
        now=now,
    )


def _credit_or_send_back(incoming: "IncomingTransfer", *, now: datetime) -> None:
    account = find_account_for_credit(iban=incoming.creditor_iban)
    reason = _refusal(account)
    if account is not None and not reason:
        _post_incoming(
            EntryKind.INCOMING_CREDIT_TRANSFER,
            incoming,
            debit_account_id=_nostro_id(),
            credit_account_id=account.ledger_account_id,
            now=now,
        )
        note_incoming_booked(incoming=incoming, now=now)
    else:
        # Settled for us and nobody's here: it lies on the clearing account until it has gone back.
        _post_incoming(
            EntryKind.CLEARING_RECEIPT,
            incoming,
            debit_account_id=_nostro_id(),
            credit_account_id=_clearing_id(Rail(incoming.rail)),
            now=now,
        )
        promise_return(incoming=incoming, reason=reason)


def _refusal(account: "PaymentAccount | None") -> str:
    if account is not None and account.currency != "EUR":
        return "AM03"
    return refusal_of_credit(account_status=account.status if account else None)


def _post_incoming(
    kind: EntryKind,
    incoming: "IncomingTransfer",
    *,
    debit_account_id: UUID,
    credit_account_id: UUID,
    now: datetime,
) -> None:
    post_transfer(
        kind=kind,
        reference=str(incoming.pk),
        debit_account_id=debit_account_id,
        credit_account_id=credit_account_id,
        amount=Money(incoming.amount_minor, incoming.currency),
        booking_date=bank_date(now),
        value_date=bank_date(now),
        narrative=Narrative(
            debtor_name=incoming.debtor_name,
            debtor_iban=incoming.debtor_iban,
            creditor_name=incoming.creditor_name,
            creditor_iban=incoming.creditor_iban,
            end_to_end_identification=incoming.end_to_end_identification,
            remittance_information_unstructured=incoming.remittance_information_unstructured,
        ),
        now=now,
    )


def _return_narrative(payment: "PaymentInitiation", *, reason: str) -> Narrative:
    """A return comes from where the money was to go."""
    text = f"RETURN {reason} {payment.remittance_information_unstructured}"
    return Narrative(
        debtor_name=payment.creditor_name,
        debtor_iban=payment.creditor_iban,
        creditor_name=payment.debtor_account.owner_name,
        creditor_iban=payment.debtor_iban,
        end_to_end_identification=payment.end_to_end_identification,
        remittance_information_unstructured=text[:140],
    )


def fees_account_id() -> UUID:
    """The account on which fees for payments are earned."""
    return get_ledger_account(code=FEES_CODE).pk


def _clearing_id(rail: Rail) -> UUID:
    return get_ledger_account(code=CLEARING_CODES[rail]).pk


def _nostro_id() -> UUID:
    return get_ledger_account(code=NOSTRO_CODE).pk
