from uuid import UUID

from apps.clearing.services import SETTLE_TASK
from apps.core import clock
from apps.engine import execution
from apps.engine.crash_points import crash_point
from apps.notifications.outbox_tasks import outbox_task
from apps.payments.services import EXECUTE_TASK


@outbox_task(EXECUTE_TASK)
def execute_payment(*, payment_id: str) -> None:
    """Book one authorised payment."""
    crash_point("engine.received")
    execution.execute_payment(payment_id=UUID(payment_id), now=clock.now())


@outbox_task(SETTLE_TASK)
def settle_payment(*, instruction_id: str) -> None:
    """Finish one outgoing payment by the clearing house's answer."""
    execution.settle_payment(instruction_id=UUID(instruction_id), now=clock.now())
