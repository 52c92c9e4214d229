from uuid import UUID

from celery import shared_task

from apps.bulk.messages import render_file_refusal_notice
from apps.bulk.models import PaymentFile
from apps.bulk.services import (
    CHECK_TASK,
    SEND_FILE_REFUSAL_NOTICE_TASK,
    VERIFY_TASK,
    check_payment_file,
    expire_payment_files,
    release_due_batches,
    verify_set_of_payees,
)
from apps.core import clock
from apps.notifications.outbox_tasks import outbox_task
from apps.notifications.services import send_sms
from apps.sca.queries import get_sms_device


@outbox_task(CHECK_TASK)
def check_file(*, file_id: str) -> None:
    """Check one uploaded file."""
    check_payment_file(file_id=UUID(file_id), now=clock.now())


@outbox_task(VERIFY_TASK)
def verify_payees(*, file_id: str, first: str) -> None:
    """Check the names of some payees of a file."""
    verify_set_of_payees(file_id=UUID(file_id), first=int(first), now=clock.now())


@outbox_task(SEND_FILE_REFUSAL_NOTICE_TASK)
def send_refusal_notice(*, file_id: str) -> None:
    """Tell a customer by SMS that payments of a file were not carried out on their day (PSD2 art. 79(1))."""
    file = PaymentFile.objects.select_related("psu__user").filter(pk=file_id).first()
    device = get_sms_device(user_id=file.psu.user_id) if file else None
    if file is not None and device is not None:
        send_sms(
            effect_key=f"bulk-refusal:{file_id}",
            user_id=file.psu.user_id,
            to=device.phone_number,
            text=render_file_refusal_notice(file=file, language=file.psu.user.language),
        )


@shared_task(name="bulk.expire_due", ignore_result=True)
def expire_due(**_newer_arguments: object) -> None:
    """Refuse files that nobody signed in time."""
    expire_payment_files(now=clock.now())


@shared_task(name="bulk.release_due", ignore_result=True)
def release_due(**_newer_arguments: object) -> None:
    """Hand groups of payments to the engine when their day has come."""
    release_due_batches(now=clock.now())
