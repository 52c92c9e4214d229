"""What the engine books for payments that leave the bank or come to it.

Between the customer's account and the central bank stands one clearing account per rail; what lies there is on its way,
and it is empty when nothing is. Every function here may be called again and books once.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from apps.accounts.queries import find_account_for_credit
from apps.clearing.rules import IncomingStatus, InstructionStatus, Rail, refusal_of_credit
from apps.clearing.services import (
    lock_incoming_transfer,
    lock_instructions,
    note_incoming_booked,
    promise_answer,
    promise_return,
    time_out_instruction,
)
from apps.core import request_context
from apps.core.clock import bank_date
from apps.core.crash_points import crash_point
from apps.core.money import Money
from apps.engine.outgoing import Outgoing, lock_many_outgoing, narrative_of_return, note_many_settled
from apps.ledger.queries import get_ledger_account
from apps.ledger.rules import Direction, EntryKind, Narrative
from apps.ledger.services import Leg, Transfer, is_booked_now, post_entry, post_transfer, post_transfers
from apps.payments.rules import PaymentProduct
from apps.pricing.rules import PAYMENT_FEES_CODE

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
LOSSES_CODE = "losses:fraud"


@dataclass(frozen=True, slots=True)
class _Settlement:
    """One instruction in hand, what it carries, and the id of the call that caused it."""

    instruction: "ClearingInstruction"
    outgoing: Outgoing
    request_id: str


def rail_of(payment: "PaymentInitiation") -> Rail:
    """On which rails a payment leaves the bank."""
    return _RAILS[PaymentProduct(payment.payment_product)]


def settle_payment(*, instruction_id: UUID, now: datetime) -> None:
    """One instruction; see :func:`settle_payments`."""
    settle_payments(requests={instruction_id: request_context.request_id.get()}, now=now)


def settle_payments(*, requests: Mapping[UUID, str], now: datetime) -> None:
    """Do what the instructions' status asks for and was not done yet: settle, give the money back, take it back in.
    Alike for an order of its own and for a payment of a file. ``requests`` gives, by the instruction, the id of the
    call that caused it.

    - settled: the clearing account is cleared against the central bank, the payment is ``ACSC``;
    - rejected or timed out: the payer has his money and the fee again at once, the payment is ``RJCT`` with the reason;
    - returned after it was settled: the payer is credited, the payment stays ``ACSC`` and says why it came back;
    - settled too late: what the house took lies open on the clearing account until it comes back or staff solve it.

    What was settled, which is nearly all, is booked as a set; the round trips do not grow with it.

    :raises apps.core.errors.NotFound: one of them is missing; nothing was done.
    """
    instructions = lock_instructions(instruction_ids=requests)
    outgoing = lock_many_outgoing(payment_ids=[instruction.payment_id for instruction in instructions])
    in_hand = [_Settlement(one, outgoing[one.payment_id], requests[one.pk]) for one in instructions]
    settled = (InstructionStatus.ACCEPTED, InstructionStatus.RETURNED)
    _settle([one for one in in_hand if one.instruction.status in settled], now=now)
    for one in in_hand:
        with request_context.call_context(request=one.request_id):
            _finish(one.instruction, one.outgoing, now=now)
    crash_point("engine.settled")


def _finish(instruction: "ClearingInstruction", outgoing: Outgoing, *, now: datetime) -> None:
    match instruction.status:
        case InstructionStatus.RETURNED:
            _credit_returned(instruction, outgoing, now=now)
        case InstructionStatus.REJECTED | InstructionStatus.TIMED_OUT:
            _give_back(instruction, outgoing, now=now)
            if instruction.late_accepted_at is not None:
                _post(EntryKind.CLEARING_SETTLEMENT, instruction, outgoing, now=now)
            if instruction.return_id:
                _post(EntryKind.CLEARING_RECEIPT, instruction, outgoing, now=now)


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


def _settle(settlements: Sequence[_Settlement], *, now: datetime) -> None:
    on_their_way = [one for one in settlements if one.outgoing.is_on_its_way]
    day = bank_date(now)
    for currency in sorted({one.outgoing.amount.currency for one in on_their_way}):
        together = [one for one in on_their_way if one.outgoing.amount.currency == currency]
        clearing = {
            rail: _clearing_id(Rail(rail)) for rail in sorted({one.instruction.rail for one in together})
        }
        nostro = _nostro_id()
        outcomes = post_transfers(
            transfers=[
                Transfer(
                    kind=EntryKind.CLEARING_SETTLEMENT,
                    reference=one.outgoing.reference,
                    debit_account_id=clearing[one.instruction.rail],
                    credit_account_id=nostro,
                    amount_minor=one.outgoing.amount.amount_minor,
                    narrative=one.outgoing.narrative,
                )
                for one in together
            ],
            currency=currency,
            booking_date=day,
            value_date=day,
            now=now,
        )
        for one, outcome in zip(together, outcomes, strict=True):
            is_booked_now(outcome, reference=one.outgoing.reference)
    note_many_settled([(one.outgoing, one.request_id) for one in on_their_way], now=now)


def _give_back(instruction: "ClearingInstruction", outgoing: Outgoing, *, now: datetime) -> None:
    if not outgoing.is_on_its_way:
        return
    amount_minor, fee_minor = outgoing.amount.amount_minor, outgoing.fee_minor
    legs = [
        Leg(_clearing_id(Rail(instruction.rail)), Direction.DEBIT, amount_minor),
        Leg(_account_of_return(outgoing), Direction.CREDIT, amount_minor + fee_minor),
    ]
    if fee_minor:  # Nothing was done for it.
        legs.append(Leg(fees_account_id(), Direction.DEBIT, fee_minor))
    post_entry(
        kind=EntryKind.CREDIT_TRANSFER_RETURN,
        reference=outgoing.reference,
        currency=outgoing.amount.currency,
        legs=legs,
        booking_date=bank_date(now),
        value_date=bank_date(now),
        narrative=narrative_of_return(outgoing.narrative, reason=instruction.reason),
        now=now,
    )
    outgoing.note_refused(reason=instruction.reason, submitted_at=instruction.submitted_at, now=now)


def _credit_returned(instruction: "ClearingInstruction", outgoing: Outgoing, *, now: datetime) -> None:
    if outgoing.has_come_back:
        return
    _post(EntryKind.CREDIT_TRANSFER_RETURN, instruction, outgoing, now=now)
    outgoing.note_returned(reason=instruction.return_reason, now=now)


def _post(kind: EntryKind, instruction: "ClearingInstruction", outgoing: Outgoing, *, now: datetime) -> None:
    """Settlement goes from clearing to the central bank, a receipt the other way, a return on to the payer."""
    clearing, nostro = _clearing_id(Rail(instruction.rail)), _nostro_id()
    debit, credit = {
        EntryKind.CLEARING_SETTLEMENT: (clearing, nostro),
        EntryKind.CLEARING_RECEIPT: (nostro, clearing),
        EntryKind.CREDIT_TRANSFER_RETURN: (nostro, _account_of_return(outgoing)),
    }[kind]
    narrative = outgoing.narrative
    if kind == EntryKind.CREDIT_TRANSFER_RETURN:
        narrative = narrative_of_return(narrative, reason=instruction.return_reason)
    post_transfer(
        kind=kind,
        reference=outgoing.reference,
        debit_account_id=debit,
        credit_account_id=credit,
        amount=outgoing.amount,
        booking_date=bank_date(now),
        value_date=bank_date(now),
        narrative=narrative,
        now=now,
    )


def _account_of_return(outgoing: Outgoing) -> UUID:
    """Who gets what comes back: the payer; the bank, if it has paid him back before as not authorised."""
    if outgoing.is_refunded:
        return get_ledger_account(code=LOSSES_CODE).pk
    return outgoing.payer_account_id


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


def fees_account_id() -> UUID:
    """The account on which fees for payments are earned."""
    return get_ledger_account(code=PAYMENT_FEES_CODE).pk


def _clearing_id(rail: Rail) -> UUID:
    return get_ledger_account(code=CLEARING_CODES[rail]).pk


def _nostro_id() -> UUID:
    return get_ledger_account(code=NOSTRO_CODE).pk
