"""Asking money back that was settled (camt.056): by staff, or by itself after a late answer."""

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction

from apps.audit.services import record_event
from apps.clearing.models import ClearingInstruction, ClearingRecall
from apps.clearing.rules import RecallReason, RecallStatus
from apps.clearing.services.store import store_outgoing_message
from apps.core.errors import DomainError, NotFound
from apps.notifications.services import enqueue_message

RECALL_TASK = "clearing.submit_recall"
HOUSE_NAME = "CLEARING HOUSE"


class RecallNotPossible(DomainError):
    """Only a transfer that was settled, has not come back and was not recalled before can be recalled."""

    code = "recall_not_possible"


@transaction.atomic
def recall_transfer(
    *, instruction_id: UUID, reason: RecallReason, note: str, staff_id: UUID, now: datetime
) -> ClearingRecall:
    """Staff ask the payee's bank to give the money back. Whether it comes is the other side's decision.

    :raises NotFound: no such instruction.
    :raises RecallNotPossible: not settled, already back, or recalled before.
    """
    instruction = ClearingInstruction.objects.select_for_update().filter(pk=instruction_id).first()
    if instruction is None:
        raise NotFound("instruction")
    is_recalled = ClearingRecall.objects.filter(instruction=instruction).exists()
    if not instruction.was_settled or instruction.return_id or is_recalled:
        raise RecallNotPossible(instruction.status)
    return open_recall(instruction, reason=reason, note=note, staff_id=staff_id, now=now)


def open_recall(
    instruction: ClearingInstruction,
    *,
    reason: RecallReason,
    note: str,
    staff_id: UUID | None,
    now: datetime,
) -> ClearingRecall:
    """Write a recall down and promise its message, in the caller's transaction, which holds the instruction's lock."""
    recall = ClearingRecall.objects.create(
        instruction=instruction, reason=reason, note=note, requested_by=staff_id, requested_at=now
    )
    record_event(
        event="clearing.recall.requested",
        object_type="instruction",
        object_id=instruction.pk,
        actor_type="staff" if staff_id else "system",
        actor_id=staff_id or "",
        at=now,
        data={"reason": reason.value, "payment": str(instruction.payment_id)}
        | ({"note": note} if note else {}),
    )
    enqueue_message(
        topic=RECALL_TASK, payload={"recall_id": str(recall.pk)}, effect_key=f"clearing-recall:{recall.pk}"
    )
    return recall


def prepare_recall_message(*, recall_id: UUID, now: datetime) -> None:
    """Write and store the camt.056 of a recall, and promise that it is sent."""
    from apps.clearing.iso20022.envelope import CAMT_056
    from apps.clearing.iso20022.writing import write_recall

    recall = ClearingRecall.objects.select_related("instruction__message").filter(pk=recall_id).first()
    if recall is None:
        raise NotFound("recall")
    instruction = recall.instruction
    message_id = f"K{recall.pk.hex}"
    body = write_recall(
        message_id=message_id,
        case_id=recall.pk.hex,
        original_message_id=instruction.message.message_id if instruction.message else "NOTPROVIDED",
        transaction_id=instruction.transaction_id,
        end_to_end_identification=instruction.end_to_end_identification,
        amount_minor=instruction.amount_minor,
        currency=instruction.currency,
        reason=recall.reason,
        bank_bic=settings.BANK_BIC,
        house=HOUSE_NAME,
        now=now,
    )
    store_outgoing_message(name=CAMT_056, message_id=message_id, body=body, now=now)


def note_recall_refused(*, case_id: str, transaction_id: str, reason: str, now: datetime) -> bool:
    """The payee's bank does not give the money back (camt.029); False when nobody had asked."""
    recall = (
        ClearingRecall.objects.select_for_update(of=("self",))
        .select_related("instruction")
        .filter(pk__in=_uuids(case_id))
        .first()
    )
    if recall is None or recall.instruction.transaction_id != transaction_id:
        return False
    if recall.status == RecallStatus.REQUESTED:
        recall.status, recall.answer_reason, recall.answered_at = RecallStatus.REFUSED, reason, now
        recall.save(update_fields=["status", "answer_reason", "answered_at"])
    return True


def _uuids(text: str) -> list[UUID]:
    """The id written in a message, or nothing: others may write there what they like."""
    try:
        return [UUID(hex=text)]
    except ValueError:
        return []
