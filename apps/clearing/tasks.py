from uuid import UUID

from celery import shared_task

from apps.clearing import services
from apps.core import clock
from apps.notifications.outbox_tasks import outbox_task, outbox_task_for_many
from apps.notifications.services import Work


@outbox_task(services.SUBMIT_TASK)
def submit(*, instruction_id: str) -> None:
    """Write the message of one outgoing transfer."""
    services.prepare_transfer_message(instruction_ids=[UUID(instruction_id)], now=clock.now())


@outbox_task_for_many(services.COLLECT_TASK)
def collect(works: list[Work]) -> None:
    """Write one message of the ordinary transfers that wait."""
    ids = [UUID(work.payload["instruction_id"]) for work in works]
    services.prepare_transfer_message(instruction_ids=ids, now=clock.now())


@outbox_task(services.SEND_TASK)
def send_message(*, message_row_id: str, attempt: str) -> None:
    """Send one stored message to the clearing house."""
    services.deliver_message(message_id=UUID(message_row_id), attempt=int(attempt), now=clock.now())


@outbox_task(services.READ_TASK)
def read_message(*, message_row_id: str) -> None:
    """Carry out what one message of the clearing house says."""
    services.read_stored_message(message_id=UUID(message_row_id), now=clock.now())


@outbox_task(services.ANSWER_TASK)
def submit_answer(*, incoming_id: str) -> None:
    """Answer one incoming instant transfer."""
    services.prepare_answer_message(incoming_id=UUID(incoming_id), now=clock.now())


@outbox_task(services.RETURN_TASK)
def submit_return(*, incoming_id: str) -> None:
    """Send one incoming transfer back."""
    services.prepare_return_message(incoming_id=UUID(incoming_id), now=clock.now())


@outbox_task(services.RECALL_TASK)
def submit_recall(*, recall_id: str) -> None:
    """Ask money back."""
    services.prepare_recall_message(recall_id=UUID(recall_id), now=clock.now())


@outbox_task(services.RECONCILE_TASK)
def reconcile(*, report_id: str) -> None:
    """Compare one cycle with the ledger."""
    services.reconcile_cycle(report_id=UUID(report_id), now=clock.now())


@shared_task(name="clearing.reconcile_open", ignore_result=True)
def reconcile_open(**_newer_arguments: object) -> None:
    """Compare again what differs, and look for transfers without an answer."""
    services.reconcile_open_cycles(now=clock.now())
    services.note_unanswered(now=clock.now())
