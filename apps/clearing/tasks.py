from uuid import UUID

from apps.clearing.services import SUBMIT_TASK, hand_over_instruction
from apps.core import clock
from apps.notifications.outbox_tasks import outbox_task


@outbox_task(SUBMIT_TASK)
def submit(*, instruction_id: str) -> None:
    """Hand one outgoing transfer to the clearing house."""
    hand_over_instruction(instruction_id=UUID(instruction_id), now=clock.now())
