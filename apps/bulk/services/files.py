"""Files come in and go out again: uploaded, taken back, left lying."""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction

from apps.accounts.models import PaymentAccount
from apps.accounts.queries import DebitNotAllowed, get_payable_account_for_psu, is_business_account
from apps.audit.services import record_event
from apps.bulk.models import PayeeCheckOptOut, PaymentFile, PaymentFilePart
from apps.bulk.queries import is_any_released, list_batches
from apps.bulk.rules import UNAUTHORISED_LIFE, FileStatus, ReasonCode
from apps.bulk.services.checking import CHECK_TASK
from apps.bulk.services.status import (
    PaymentFileStatusInvalid,
    change_file_status,
    lock_payment_file,
)
from apps.core.clock import bank_date
from apps.core.errors import DomainError
from apps.identity.models import PSU
from apps.notifications.services import enqueue_message
from apps.payments.scheduling import last_day_to_cancel
from apps.sca import services as sca
from apps.sca.rules import SubjectType

_PART_BYTES = 1024 * 1024
_NAME_MAX = 100


class TooManyFilesWaiting(DomainError):
    """As many files of the customer are being checked as may be at once."""

    code = "too_many_files_waiting"


class TooLateToCancelFile(PaymentFileStatusInvalid):
    """The business day before its first day is over: it is irrevocable now (PSD2 art. 80(4))."""

    code = "too_late_to_cancel_file"


@transaction.atomic
def receive_payment_file(*, psu: PSU, name: str, content: Iterable[bytes], now: datetime) -> PaymentFile:
    """Keep an uploaded file, status ``PDNG``, and promise that it is checked. Nothing in it was looked at yet.

    It is written in pieces as it comes, so that no process ever holds the whole of it. The caller keeps to
    ``BULK_FILE_MAX_BYTES``.

    :raises TooManyFilesWaiting: ``BULK_FILES_WAITING_MAX`` of his files are being checked.
    """
    PSU.objects.select_for_update(no_key=True).get(
        pk=psu.pk
    )  # Two uploads at once are counted one after the other.
    waiting = PaymentFile.objects.filter(psu=psu, status=FileStatus.PDNG).count()
    if waiting >= settings.BULK_FILES_WAITING_MAX:
        raise TooManyFilesWaiting(str(psu.pk))
    file = PaymentFile.objects.create(
        psu=psu,
        file_name=_clean_name(name),
        size_bytes=0,
        upload_sha256=b"",
        created_at=now,
        status_changed_at=now,
    )
    digest, number = hashlib.sha256(), 0
    for number, part in enumerate(_parts(content)):
        digest.update(part)
        file.size_bytes += len(part)
        PaymentFilePart.objects.create(file=file, number=number, content=part)
    file.upload_sha256 = digest.digest()
    file.save(update_fields=["size_bytes", "upload_sha256"])
    record_event(
        event="bulk.file.received",
        object_type="payment_file",
        object_id=file.pk,
        actor_type="psu",
        actor_id=psu.pk,
        at=now,
        data={"bytes": file.size_bytes, "sha256": digest.hexdigest()},
    )
    enqueue_message(topic=CHECK_TASK, payload={"file_id": str(file.pk)}, effect_key=f"bulk-check:{file.pk}")
    return file


@transaction.atomic
def cancel_payment_file(*, file_id: UUID, psu_id: UUID, now: datetime) -> PaymentFile:
    """Take back a file that was not signed yet, or that waits for its day: ``CANC``.

    :raises apps.bulk.queries.PaymentFileUnknown: not his.
    :raises TooLateToCancelFile: it waits for its day, and the business day before that is over.
    :raises PaymentFileStatusInvalid: with the engine, or over.
    """
    file = lock_payment_file(file_id=file_id, psu_id=psu_id)
    if file.status not in (FileStatus.PDNG, FileStatus.RCVD) and not is_file_cancellable(file=file, now=now):
        if file.is_scheduled and not is_any_released(file_id=file.pk):
            raise TooLateToCancelFile(str(file_id))
        raise PaymentFileStatusInvalid(file.status)
    change_file_status(file, status=FileStatus.CANC, actor_type="psu", actor_id=psu_id, now=now)
    _forget_content(file, reason="cancelled", now=now)
    return file


def is_file_cancellable(*, file: PaymentFile, now: datetime) -> bool:
    """Whether it can be taken back: before it is signed, or until the end of the business day before the first of its
    days, while no part of it is with the engine (PSD2 art. 80(4))."""
    if file.status in (FileStatus.PDNG, FileStatus.RCVD):
        return True
    if not file.is_scheduled or is_any_released(file_id=file.pk):
        return False
    days = [batch.requested_execution_date for batch in list_batches(file_id=file.pk)]
    first = min((day for day in days if day is not None), default=None)
    return first is not None and bank_date(now) <= last_day_to_cancel(first)


@transaction.atomic
def reject_payment_file(*, file_id: UUID, reason: ReasonCode, now: datetime) -> PaymentFile:
    """The customer could not prove himself, or let it lie: ``RJCT``. Once it is signed this changes nothing."""
    file = lock_payment_file(file_id=file_id)
    if file.status in (FileStatus.PDNG, FileStatus.RCVD):
        change_file_status(file, status=FileStatus.RJCT, reason=reason, actor_type="system", now=now)
        _forget_content(file, reason=reason.value, now=now)
    return file


def expire_payment_files(*, now: datetime) -> int:
    """Refuse what nobody signed within a day; returns how many."""
    due = PaymentFile.objects.filter(
        status__in=[FileStatus.PDNG, FileStatus.RCVD], created_at__lte=now - UNAUTHORISED_LIFE
    ).values_list("pk", flat=True)[:100]
    for file_id in list(due):
        reject_payment_file(file_id=file_id, reason=ReasonCode.DS02, now=now)
    return len(due)


@transaction.atomic
def set_payee_check(*, psu: PSU, account_id: UUID, is_on: bool, now: datetime) -> None:
    """Whether the names of payees are checked in the files paid from an account. A business may do without (SEPA
    Regulation art. 5c(6)); it holds for files uploaded from now on, and is part of what is signed each time.

    :raises apps.accounts.queries.AccountUnknown: not an account he may pay from.
    :raises apps.accounts.queries.DebitNotAllowed: a consumer's account: its payees are always checked.
    """
    account = get_payable_account_for_psu(psu_id=psu.pk, account_id=account_id)
    PaymentAccount.objects.select_for_update(no_key=True).get(pk=account.pk)
    if not is_on and not is_business_account(account=account):
        raise DebitNotAllowed("a consumer's payees are checked")
    if is_on:
        PayeeCheckOptOut.objects.filter(pk=account.pk).delete()
    else:
        PayeeCheckOptOut.objects.get_or_create(payment_account=account, defaults={"psu": psu, "since": now})
    record_event(
        event="bulk.payee_check.on" if is_on else "bulk.payee_check.off",
        object_type="payment_account",
        object_id=account.pk,
        actor_type="psu",
        actor_id=psu.pk,
        at=now,
    )


def _forget_content(file: PaymentFile, *, reason: str, now: datetime) -> None:
    PaymentFilePart.objects.filter(file=file).delete()
    sca.fail_authorisations_of(subject_type=SubjectType.BULK, subject_id=file.pk, reason=reason, now=now)


def _parts(content: Iterable[bytes]) -> Iterable[bytes]:
    """The same bytes in pieces of one size."""
    waiting = bytearray()
    for piece in content:
        waiting += piece
        while len(waiting) >= _PART_BYTES:
            yield bytes(waiting[:_PART_BYTES])
            del waiting[:_PART_BYTES]
    if waiting:
        yield bytes(waiting)


def _clean_name(name: str) -> str:
    """A file's name as it can be shown: the browser's text is only somebody's text."""
    clean = "".join(one for one in name if one.isprintable()).strip()
    return clean[-_NAME_MAX:] or "?"
