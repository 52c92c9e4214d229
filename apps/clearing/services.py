from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

from apps.clearing.houses import ClearingHouse
from apps.clearing.models import ClearingInstruction
from apps.clearing.rules import InstructionStatus
from apps.core.errors import NotFound
from apps.core.money import Money
from apps.ledger.rules import Narrative
from apps.notifications.services import enqueue_message

SUBMIT_TASK = "clearing.submit"
SETTLE_TASK = "engine.settle_payment"
ENGINE_QUEUE = "engine"


def submit_credit_transfer(
    *, payment_id: UUID, amount: Money, narrative: Narrative, now: datetime
) -> ClearingInstruction:
    """Promise, in the caller's transaction, that a transfer is handed to the clearing house. Idempotent by payment."""
    instruction, _ = ClearingInstruction.objects.get_or_create(
        payment_id=payment_id,
        defaults={
            "amount_minor": amount.amount_minor,
            "currency": amount.currency,
            "debtor_name": narrative.debtor_name,
            "debtor_iban": narrative.debtor_iban,
            "creditor_name": narrative.creditor_name,
            "creditor_iban": narrative.creditor_iban,
            "end_to_end_identification": narrative.end_to_end_identification or "NOTPROVIDED",
            "remittance_information_unstructured": narrative.remittance_information_unstructured,
            "submitted_at": now,
        },
    )
    enqueue_message(
        topic=SUBMIT_TASK,
        payload={"instruction_id": str(instruction.pk)},
        effect_key=f"clearing:{instruction.pk}",
    )
    return instruction


def hand_over_instruction(*, instruction_id: UUID, now: datetime) -> None:
    """Give an instruction to the clearing house, note its answer, and let the engine know.

    :raises NotFound: there is no such instruction.
    """
    instruction = ClearingInstruction.objects.select_for_update().filter(pk=instruction_id).first()
    if instruction is None:
        raise NotFound("instruction")
    if instruction.status == InstructionStatus.SUBMITTED:
        answer = clearing_house().submit(instruction=instruction)
        instruction.status = InstructionStatus.ACCEPTED if answer.accepted else InstructionStatus.REJECTED
        instruction.reason, instruction.answered_at = answer.reason, now
        instruction.save(update_fields=["status", "reason", "answered_at"])
    enqueue_message(
        topic=SETTLE_TASK,
        payload={"instruction_id": str(instruction.pk)},
        effect_key=f"settle:{instruction.pk}",
        queue=ENGINE_QUEUE,
    )


def clearing_house() -> ClearingHouse:
    """The clearing house that ``settings.CLEARING_HOUSE`` names."""
    return import_string(settings.CLEARING_HOUSE)()
