"""The one place where sets of outgoing transfers meet the clearing room.

A set goes out as a set: one message, one look at its instructions, one report to the engine.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from apps.bulk.models import PaymentBatch
from apps.bulk.queries import PaymentFileUnknown, SetItem, list_set
from apps.bulk.rules import ItemStatus
from apps.clearing.rules import InstructionStatus
from apps.clearing.sets import OutgoingTransfer, answers_of, hand_over_instructions, prepare_instructions
from apps.core.money import Money
from apps.ledger.rules import Narrative
from apps.notifications.services import enqueue_message

SETTLE_TASK = "engine.settle_set"
ENGINE_QUEUE = "engine"


def promise_outgoing(*, batch: PaymentBatch, items: Sequence[SetItem], now: datetime) -> None:
    """Hand over this set of outgoing transfers to the rail: in the transaction that books them, so that none is booked
    without going out, and none goes out without being booked. Idempotent by payment."""
    prepare_instructions(
        transfers=[
            OutgoingTransfer(item.id, Money(item.amount_minor, batch.currency), narrative_of(batch, item))
            for item in items
        ],
        now=now,
    )


def hand_over_set_to_rail(*, batch_id: UUID, number: int, now: datetime) -> None:
    """Give the set's instructions to the clearing house, note its answers, let the engine know.

    :raises apps.bulk.queries.PaymentFileUnknown: there is no such group.
    """
    batch = PaymentBatch.objects.filter(pk=batch_id).first()
    if batch is None:
        raise PaymentFileUnknown(str(batch_id))
    hand_over_instructions(payment_ids=[item.id for item in _outgoing(batch, number)], now=now)
    enqueue_message(
        topic=SETTLE_TASK,
        payload={"batch_id": str(batch.pk), "number": str(number)},
        effect_key=f"bulk-settle:{batch.pk}:{number}",
        queue=ENGINE_QUEUE,
    )


def list_answers(*, batch: PaymentBatch, number: int) -> list[tuple[SetItem, bool, str]]:
    """Of a set's transfers that are on their way, those that were answered: accepted or not, and why not."""
    items = {item.id: item for item in _outgoing(batch, number)}
    return [
        (items[payment_id], status == InstructionStatus.ACCEPTED, reason)
        for payment_id, status, reason in answers_of(payment_ids=list(items))
        if status != InstructionStatus.SUBMITTED
    ]


def narrative_of(batch: PaymentBatch, item: SetItem) -> Narrative:
    """What both sides read about a payment."""
    return Narrative(
        debtor_name=batch.debtor_account.owner_name,
        debtor_iban=batch.debtor_iban,
        creditor_name=item.creditor_name,
        creditor_iban=item.creditor_iban,
        end_to_end_identification=item.end_to_end_identification,
        remittance_information_unstructured=item.remittance_information_unstructured,
    )


def _outgoing(batch: PaymentBatch, number: int) -> list[SetItem]:
    return [
        item
        for item in list_set(batch=batch, number=number)
        if not item.is_internal and item.status == ItemStatus.ACSP
    ]
