"""Many outgoing transfers at once, as one statement each way: what a bulk file sends."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from apps.clearing.models import ClearingInstruction
from apps.clearing.rules import InstructionStatus
from apps.clearing.services import clearing_house
from apps.core.money import Money
from apps.ledger.rules import Narrative

_ROWS_AT_ONCE = 2_000


class OutgoingTransfer(NamedTuple):
    """One transfer to another bank; ``payment_id`` makes it go out once."""

    payment_id: UUID
    amount: Money
    narrative: Narrative


def prepare_instructions(*, transfers: Sequence[OutgoingTransfer], now: datetime) -> None:
    """Write the instructions, in the caller's transaction; one that is there already stays as it is.

    The caller promises the hand-over (:func:`hand_over_instructions`) in the same transaction.
    """
    ClearingInstruction.objects.bulk_create(
        [
            ClearingInstruction(
                payment_id=transfer.payment_id,
                amount_minor=transfer.amount.amount_minor,
                currency=transfer.amount.currency,
                debtor_name=transfer.narrative.debtor_name,
                debtor_iban=transfer.narrative.debtor_iban,
                creditor_name=transfer.narrative.creditor_name,
                creditor_iban=transfer.narrative.creditor_iban,
                end_to_end_identification=transfer.narrative.end_to_end_identification or "NOTPROVIDED",
                remittance_information_unstructured=transfer.narrative.remittance_information_unstructured,
                submitted_at=now,
            )
            for transfer in transfers
        ],
        batch_size=_ROWS_AT_ONCE,
        ignore_conflicts=True,
    )


def hand_over_instructions(*, payment_ids: Sequence[UUID], now: datetime) -> None:
    """Give those instructions to the clearing house that it has not answered yet, and note its answers."""
    house = clearing_house()
    waiting = list(
        ClearingInstruction.objects.select_for_update()
        .filter(payment_id__in=payment_ids, status=InstructionStatus.SUBMITTED)
        .order_by("pk")
    )
    for instruction in waiting:
        answer = house.submit(instruction=instruction)
        instruction.status = InstructionStatus.ACCEPTED if answer.accepted else InstructionStatus.REJECTED
        instruction.reason, instruction.answered_at = answer.reason, now
    for status in (InstructionStatus.ACCEPTED, InstructionStatus.REJECTED):
        for reason in {one.reason for one in waiting if one.status == status}:
            answered = [one.pk for one in waiting if (one.status, one.reason) == (status, reason)]
            ClearingInstruction.objects.filter(pk__in=answered).update(
                status=status, reason=reason, answered_at=now
            )


def answers_of(*, payment_ids: Sequence[UUID]) -> list[tuple[UUID, str, str]]:
    """What the clearing house said: payment, status, reason."""
    return list(
        ClearingInstruction.objects.filter(payment_id__in=payment_ids).values_list(
            "payment_id", "status", "reason"
        )
    )
