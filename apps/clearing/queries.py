from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from apps.clearing.models import (
    ClearingDifference,
    ClearingInstruction,
    ClearingMessage,
    ClearingRecall,
    ClearingReport,
    IncomingTransfer,
)
from apps.clearing.rules import DifferenceStatus, InstructionStatus, Rail
from apps.core.errors import NotFound


def get_instruction(*, instruction_id: UUID) -> ClearingInstruction:
    """An instruction to the clearing house.

    :raises NotFound: there is none.
    """
    instruction = ClearingInstruction.objects.filter(pk=instruction_id).first()
    if instruction is None:
        raise NotFound("instruction")
    return instruction


def get_message(*, message_id: UUID) -> ClearingMessage:
    """A message by the id of its row.

    :raises NotFound: there is none.
    """
    message = ClearingMessage.objects.filter(pk=message_id).first()
    if message is None:
        raise NotFound("message")
    return message


def get_difference(*, difference_id: UUID) -> ClearingDifference:
    """A difference between the clearing house and the books.

    :raises NotFound: there is none.
    """
    difference = ClearingDifference.objects.filter(pk=difference_id).first()
    if difference is None:
        raise NotFound("difference")
    return difference


def get_recall_of(*, instruction_id: UUID) -> ClearingRecall | None:
    """The recall of a transfer, if it was recalled."""
    return ClearingRecall.objects.filter(instruction_id=instruction_id).first()


def count_open_differences() -> int:
    """How many differences nobody has solved."""
    return ClearingDifference.objects.filter(status=DifferenceStatus.OPEN).count()


def list_instructions_of_cycle(*, cycle: str) -> QuerySet[ClearingInstruction]:
    """Outgoing transfers that the house said it settled in this cycle."""
    return ClearingInstruction.objects.filter(cycle=cycle)


def list_returns_of_cycle(*, cycle: str) -> QuerySet[ClearingInstruction]:
    """Outgoing transfers whose money came back in this cycle."""
    return ClearingInstruction.objects.filter(return_cycle=cycle)


def list_incoming_of_cycle(*, cycle: str) -> QuerySet[IncomingTransfer]:
    """Incoming transfers settled in this cycle."""
    return IncomingTransfer.objects.filter(cycle=cycle)


def list_sent_back_in_cycle(*, cycle: str) -> QuerySet[IncomingTransfer]:
    """Incoming transfers whose return settled in this cycle."""
    return IncomingTransfer.objects.filter(return_cycle=cycle)


def list_reports_to_reconcile(*, since: datetime) -> QuerySet[ClearingReport]:
    """Reports that were never compared or still have an open difference, oldest first."""
    recent = ClearingReport.objects.filter(received_at__gte=since)
    ids: Iterable[UUID] = (
        recent.filter(reconciled_at__isnull=True)
        .values_list("pk", flat=True)
        .union(recent.filter(differences__status=DifferenceStatus.OPEN).values_list("pk", flat=True))
    )
    return ClearingReport.objects.filter(pk__in=list(ids)).order_by("rail", "number")


def list_unanswered(*, before: datetime) -> QuerySet[ClearingInstruction]:
    """Instructions handed over before a moment and not answered since, oldest first; instant ones end by themselves."""
    return (
        ClearingInstruction.objects.filter(
            status__in=[InstructionStatus.SUBMITTED, InstructionStatus.SENT],
            submitted_at__lt=before,
        )
        .exclude(rail=Rail.INST)
        .order_by("submitted_at")
    )
