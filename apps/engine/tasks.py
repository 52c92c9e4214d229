from uuid import UUID

from apps.bulk.rail import SETTLE_TASK as SETTLE_SET_TASK
from apps.bulk.services import BOOK_TASK, START_TASK
from apps.clearing.services import SETTLE_TASK
from apps.core import clock
from apps.engine import bulk, execution
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


@outbox_task(START_TASK)
def start_batch(*, batch_id: str) -> None:
    """Take on one signed group of a file's payments."""
    bulk.start_batch(batch_id=UUID(batch_id), now=clock.now())


@outbox_task(BOOK_TASK)
def book_set(*, batch_id: str, number: str) -> None:
    """Book one set of a group."""
    bulk.book_set(batch_id=UUID(batch_id), number=int(number), now=clock.now())


@outbox_task(SETTLE_SET_TASK)
def settle_set(*, batch_id: str, number: str) -> None:
    """Finish one set's transfers to other banks by the clearing house's answers."""
    bulk.settle_set(batch_id=UUID(batch_id), number=int(number), now=clock.now())
