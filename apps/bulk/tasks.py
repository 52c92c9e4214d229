from uuid import UUID

from celery import shared_task

from apps.bulk.rail import hand_over_set_to_rail
from apps.bulk.services import (
    CHECK_TASK,
    HAND_OVER_TASK,
    VERIFY_TASK,
    check_payment_file,
    expire_payment_files,
    release_due_batches,
    verify_set_of_payees,
)
from apps.core import clock
from apps.notifications.outbox_tasks import outbox_task


@outbox_task(CHECK_TASK)
def check_file(*, file_id: str) -> None:
    """Check one uploaded file."""
    check_payment_file(file_id=UUID(file_id), now=clock.now())


@outbox_task(VERIFY_TASK)
def verify_payees(*, file_id: str, first: str) -> None:
    """Check the names of some payees of a file."""
    verify_set_of_payees(file_id=UUID(file_id), first=int(first), now=clock.now())


@outbox_task(HAND_OVER_TASK)
def hand_over_set(*, batch_id: str, number: str) -> None:
    """Give a booked set's transfers to other banks to the rail."""
    hand_over_set_to_rail(batch_id=UUID(batch_id), number=int(number), now=clock.now())


@shared_task(name="bulk.expire_due", ignore_result=True)
def expire_due(**_newer_arguments: object) -> None:
    """Refuse files that nobody signed in time."""
    expire_payment_files(now=clock.now())


@shared_task(name="bulk.release_due", ignore_result=True)
def release_due(**_newer_arguments: object) -> None:
    """Hand groups of payments to the engine when their day has come."""
    release_due_batches(now=clock.now())
