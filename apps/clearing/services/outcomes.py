"""What becomes of an outgoing transfer: the one place that changes an instruction's status, always under its row lock.

The messages of the house may come twice, late, and in any order. Whatever they say is written down once; what cannot be
believed beside what is known already becomes a difference for staff. Each change wakes the engine, which moves money.
"""

import math
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings

from apps.clearing.models import ClearingInstruction, ClearingRecall
from apps.clearing.rules import (
    DifferenceKind,
    Direction,
    InstructionStatus,
    RecallReason,
    RecallStatus,
    is_answered,
)
from apps.clearing.services.differences import note_difference
from apps.clearing.services.recalls import open_recall
from apps.core.errors import NotFound
from apps.notifications.services import Promise, enqueue_message

SETTLE_TASK = "engine.settle_payment"
TIME_OUT_TASK = "engine.time_out_payment"
CREDIT_TASK = "engine.credit_incoming"
ENGINE_QUEUE = "engine"
TIMED_OUT_REASON = "AB05"


def lock_instruction(*, instruction_id: UUID) -> ClearingInstruction:
    """An instruction under a row lock, for the engine, in its transaction.

    :raises NotFound: there is none.
    """
    return lock_instructions(instruction_ids=[instruction_id])[0]


def lock_instructions(*, instruction_ids: Iterable[UUID]) -> list[ClearingInstruction]:
    """Instructions under row locks, for the engine, in its transaction; in the order in which answers lock them too.

    :raises NotFound: one of them is missing.
    """
    wanted = set(instruction_ids)
    instructions = list(
        ClearingInstruction.objects.select_for_update().filter(pk__in=wanted).order_by("payment_id")
    )
    if len(instructions) != len(wanted):
        raise NotFound("instruction")
    return instructions


def time_out_of(instruction: ClearingInstruction, *, request_id: str, now: datetime) -> Promise:
    """The message that wakes the engine when the time for an answer is over. The bank's own timer: the house need not
    be alive."""
    received_at = instruction.received_at or now
    deadline = received_at + timedelta(seconds=settings.INSTANT_ANSWER_SECONDS)
    return Promise(
        topic=TIME_OUT_TASK,
        payload={"instruction_id": str(instruction.pk)},
        effect_key=f"time-out:{instruction.pk}",
        queue=ENGINE_QUEUE,
        correlation_id=request_id,
        delay_seconds=max(0, math.floor((deadline - now).total_seconds())),
    )


def time_out_instruction(*, instruction_id: UUID, now: datetime) -> bool:
    """Give an instruction up that nobody has answered; False when it was answered after all.

    Whoever holds the row first decides: the answer or the time limit, never both.
    """
    instruction = lock_instruction(instruction_id=instruction_id)
    if is_answered(instruction.status):
        return False
    _answer(instruction, status=InstructionStatus.TIMED_OUT, reason=TIMED_OUT_REASON, now=now)
    return True


def note_accepted(*, transaction_id: str, cycle: str, now: datetime) -> bool:
    """The house has settled a transfer of ours in this cycle; False when the transfer is none of ours."""
    instruction = _lock_by_transaction(transaction_id)
    if instruction is None:
        return False
    if not is_answered(instruction.status):
        instruction.cycle = cycle
        _answer(instruction, status=InstructionStatus.ACCEPTED, now=now)
    elif instruction.status == InstructionStatus.TIMED_OUT and instruction.late_accepted_at is None:
        instruction.cycle, instruction.late_accepted_at = cycle, now
        instruction.save(update_fields=["cycle", "late_accepted_at"])
        note_difference(
            kind=DifferenceKind.LATE_ACCEPTANCE,
            reference=transaction_id,
            ours_minor=0,
            theirs_minor=instruction.amount_minor,
            now=now,
        )
        open_recall(instruction, reason=RecallReason.TECH, note="", staff_id=None, now=now)
        _wake_engine(instruction, "late")
    elif instruction.status == InstructionStatus.REJECTED:
        _contradiction(instruction, now=now)
    elif instruction.was_settled and not instruction.cycle:
        # A return that came first had told us that it settled, but not in which cycle.
        instruction.cycle = cycle
        instruction.save(update_fields=["cycle"])
    return True


def note_rejected(*, transaction_id: str, reason: str, now: datetime) -> bool:
    """The house, or the other bank, refuses a transfer of ours; False when it is none of ours."""
    instruction = _lock_by_transaction(transaction_id)
    if instruction is None:
        return False
    if not is_answered(instruction.status):
        _answer(instruction, status=InstructionStatus.REJECTED, reason=reason, now=now)
    elif instruction.was_settled:
        _contradiction(instruction, now=now)
    return True


def note_money_back(
    *, transaction_id: str, return_id: str, amount_minor: int, reason: str, cycle: str, now: datetime
) -> bool:
    """Money of a settled transfer comes back (pacs.004); False when the transfer is none of ours.

    Only all of it, and only once: anything else is for staff to look at.
    """
    instruction = _lock_by_transaction(transaction_id)
    if instruction is None:
        return False
    if instruction.return_id == return_id:
        return True
    is_late_money = instruction.late_accepted_at is not None
    may_return = instruction.status in (
        InstructionStatus.SUBMITTED,
        InstructionStatus.SENT,
        InstructionStatus.ACCEPTED,
    )
    if instruction.return_id or amount_minor != instruction.amount_minor or not (may_return or is_late_money):
        note_difference(
            kind=DifferenceKind.CONTRADICTION,
            reference=f"{transaction_id} {return_id}",
            ours_minor=instruction.amount_minor,
            theirs_minor=amount_minor,
            now=now,
        )
        return True
    instruction.return_id, instruction.return_reason = return_id, reason
    instruction.return_cycle, instruction.returned_at = cycle, now
    if not is_late_money:
        instruction.status = InstructionStatus.RETURNED
        instruction.answered_at = instruction.answered_at or now
    instruction.save(
        update_fields=["return_id", "return_reason", "return_cycle", "returned_at", "status", "answered_at"]
    )
    ClearingRecall.objects.filter(instruction=instruction, status=RecallStatus.REQUESTED).update(
        status=RecallStatus.PAID, answered_at=now
    )
    _wake_engine(instruction, "returned")
    return True


def find_instruction(transaction_id: str) -> ClearingInstruction | None:
    """The instruction that the house calls by this id."""
    payment_id = _payment_id(transaction_id)
    return ClearingInstruction.objects.filter(payment_id=payment_id).first() if payment_id else None


def list_transactions_of_message(message_id: str) -> list[str]:
    """How the house calls the transfers of one of our messages; none when we never wrote it."""
    payment_ids = ClearingInstruction.objects.filter(
        message__direction=Direction.OUT, message__message_id=message_id
    ).values_list("payment_id", flat=True)
    return [payment_id.hex for payment_id in payment_ids]


def _answer(
    instruction: ClearingInstruction, *, status: InstructionStatus, reason: str = "", now: datetime
) -> None:
    instruction.status, instruction.reason, instruction.answered_at = status, reason, now
    instruction.save(update_fields=["status", "reason", "answered_at", "cycle"])
    _wake_engine(instruction, "answered")


def _wake_engine(instruction: ClearingInstruction, fact: str) -> None:
    enqueue_message(
        topic=SETTLE_TASK,
        payload={"instruction_id": str(instruction.pk)},
        effect_key=f"settle:{instruction.pk}:{fact}",
        queue=ENGINE_QUEUE,
    )


def _contradiction(instruction: ClearingInstruction, *, now: datetime) -> None:
    note_difference(
        kind=DifferenceKind.CONTRADICTION,
        reference=instruction.transaction_id,
        ours_minor=instruction.amount_minor,
        theirs_minor=None,
        now=now,
    )


def _lock_by_transaction(transaction_id: str) -> ClearingInstruction | None:
    payment_id = _payment_id(transaction_id)
    if payment_id is None:
        return None
    return ClearingInstruction.objects.select_for_update().filter(payment_id=payment_id).first()


def _payment_id(transaction_id: str) -> UUID | None:
    if len(transaction_id) != 32:
        return None
    try:
        found = UUID(hex=transaction_id)
    except ValueError:
        return None
    return found if found.hex == transaction_id else None
