from uuid import UUID

from apps.bulk.services import BOOK_TASK, START_TASK
from apps.clearing.services import CREDIT_TASK, SETTLE_TASK, TIME_OUT_TASK
from apps.core import clock
from apps.core.crash_points import crash_point
from apps.engine import bulk, execution, rails, refunds
from apps.fraud.services import REFUND_TASK
from apps.notifications.outbox_tasks import outbox_task, outbox_task_for_many
from apps.notifications.services import Work
from apps.payments.services import EXECUTE_TASK


@outbox_task_for_many(EXECUTE_TASK)
def execute_payments(works: list[Work]) -> None:
    """Book the authorised payments that wait."""
    crash_point("engine.received")
    execution.execute_payments(
        requests={UUID(work.payload["payment_id"]): work.correlation_id for work in works}, now=clock.now()
    )


@outbox_task_for_many(SETTLE_TASK)
def settle_payments(works: list[Work]) -> None:
    """Do what the clearing house's answers to outgoing payments ask for."""
    rails.settle_payments(
        requests={UUID(work.payload["instruction_id"]): work.correlation_id for work in works},
        now=clock.now(),
    )


@outbox_task(TIME_OUT_TASK)
def time_out_payment(*, instruction_id: str) -> None:
    """Give an instant payment up that nobody has answered in time."""
    rails.time_out_payment(instruction_id=UUID(instruction_id), now=clock.now())


@outbox_task(CREDIT_TASK)
def credit_incoming(*, incoming_id: str) -> None:
    """Do the next thing with a transfer from another bank."""
    rails.credit_incoming(incoming_id=UUID(incoming_id), now=clock.now())


@outbox_task(REFUND_TASK)
def refund_payment(*, report_id: str) -> None:
    """Pay back what its customer did not authorise."""
    refunds.refund_payment(report_id=UUID(report_id), now=clock.now())


@outbox_task(START_TASK)
def start_batch(*, batch_id: str) -> None:
    """Take on one signed group of a file's payments."""
    bulk.start_batch(batch_id=UUID(batch_id), now=clock.now())


@outbox_task(BOOK_TASK)
def book_set(*, batch_id: str, number: str) -> None:
    """Book one set of a group."""
    bulk.book_set(batch_id=UUID(batch_id), number=int(number), now=clock.now())
