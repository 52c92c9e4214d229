"""Files come in and go out again: uploaded, taken back, left lying."""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from apps.accounts.models import PaymentAccount
from apps.accounts.queries import DebitNotAllowed, get_payable_account_for_psu, is_business_account
from apps.audit.services import record_event
from apps.bulk.models import PayeeCheckOptOut, PaymentFile, PaymentFilePart
from apps.bulk.queries import PaymentFileUnknown, is_any_released, list_batches
from apps.bulk.rules import PARTLY_SIGNED_LIFE, UNAUTHORISED_LIFE, FileStatus, ReasonCode
from apps.bulk.services.checking import CHECK_TASK
from apps.bulk.services.status import (
    PaymentFileStatusInvalid,
    change_file_status,
    is_stale,
    lock_payment_file,
)
from apps.core.clock import bank_date
from apps.core.errors import DomainError
from apps.identity.models import PSU
from apps.notifications.services import enqueue_message
from apps.payments.scheduling import last_day_to_cancel
from apps.payments.services import SignedAlready
from apps.risk.facts import UNKNOWN_ORIGIN, Origin
from apps.sca import services as sca
from apps.sca.queries import has_signed
from apps.sca.rules import SubjectType

_PART_BYTES = 1024 * 1024
_NAME_MAX = 100
_UNSIGNED = (FileStatus.PDNG, FileStatus.RCVD, FileStatus.PATC)  # Not by all.


class TooManyFilesWaiting(DomainError):
    """As many files of the customer are being checked as may be at once."""

    code = "too_many_files_waiting"


class TooLateToCancelFile(PaymentFileStatusInvalid):
    """The business day before its first day is over: it is irrevocable now (PSD2 art. 80(4))."""

    code = "too_late_to_cancel_file"


@transaction.atomic
def receive_payment_file(
    *, psu: PSU, name: str, content: Iterable[bytes], origin: Origin = UNKNOWN_ORIGIN, now: datetime
) -> PaymentFile:
    """Keep an uploaded file, status ``PDNG``, and promise that it is checked. Nothing in it was looked at yet.
    ``origin`` is where it comes from, as far as the door knows.

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
        origin=origin.as_dict(),
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
    """Take back a file that was not signed yet, not by all, or that waits for its day: ``CANC``. Of several who sign it
    is the first's; once all have, everyone's.

    :raises apps.bulk.queries.PaymentFileUnknown: not his.
    :raises TooLateToCancelFile: it waits for its day, and the business day before that is over.
    :raises PaymentFileStatusInvalid: with the engine, or over.
    """
    file = lock_payment_file(file_id=file_id, psu_id=psu_id)
    if not _is_his_to_cancel(file, psu_id=psu_id):
        raise PaymentFileUnknown(str(file_id))
    if file.status not in _UNSIGNED and not is_file_cancellable(file=file, psu_id=psu_id, now=now):
        if file.is_scheduled and not is_any_released(file_id=file.pk):
            raise TooLateToCancelFile(str(file_id))
        raise PaymentFileStatusInvalid(file.status)
    change_file_status(file, status=FileStatus.CANC, actor_type="psu", actor_id=psu_id, now=now)
    _forget_content(file, reason="cancelled", now=now)
    return file


def is_file_cancellable(*, file: PaymentFile, psu_id: UUID, now: datetime) -> bool:
    """Whether this customer can take it back: before all have signed it, or until the end of the business day before
    the first of its days, while no part of it is with the engine (PSD2 art. 80(4))."""
    if not _is_his_to_cancel(file, psu_id=psu_id):
        return False
    if file.status in _UNSIGNED:
        return True
    if not file.is_scheduled or is_any_released(file_id=file.pk):
        return False
    days = [batch.requested_execution_date for batch in list_batches(file_id=file.pk)]
    first = min((day for day in days if day is not None), default=None)
    return first is not None and bank_date(now) <= last_day_to_cancel(first)


def _is_his_to_cancel(file: PaymentFile, *, psu_id: UUID) -> bool:
    return file.psu_id == psu_id or (
        file.is_scheduled and has_signed(subject_type=SubjectType.BULK, subject_id=file.pk, psu_id=psu_id)
    )


@transaction.atomic
def decline_payment_file(*, file_id: UUID, psu: PSU, now: datetime) -> PaymentFile:
    """Who would have to sign a file as the second does not want it: ``RJCT``.

    :raises apps.bulk.queries.PaymentFileUnknown: he could not sign it either.
    :raises apps.payments.services.SignedAlready: he has signed it: he takes it back (:func:`cancel_payment_file`).
    :raises PaymentFileStatusInvalid: it does not wait for a second signature (any more).
    """
    file = lock_payment_file(file_id=file_id, psu_id=psu.pk)
    if file.psu_id == psu.pk:
        raise SignedAlready(str(psu.pk))
    if not file.is_partly_signed:
        raise PaymentFileStatusInvalid(file.status)
    change_file_status(
        file,
        status=FileStatus.RJCT,
        reason=ReasonCode.CUST,
        actor_type="psu",
        actor_id=psu.pk,
        now=now,
    )
    _forget_content(file, reason="declined", now=now)
    return file


@transaction.atomic
def reject_payment_file(*, file_id: UUID, reason: ReasonCode, now: datetime) -> PaymentFile:
    """The customer could not prove himself: ``RJCT``. Once it is signed, by one, this changes nothing."""
    file = lock_payment_file(file_id=file_id)
    if file.status in (FileStatus.PDNG, FileStatus.RCVD):
        _reject(file, reason=reason, now=now)
    return file


def expire_payment_files(*, now: datetime) -> int:
    """Refuse what nobody signed within a day, or no second person within fifteen; returns how many."""
    due = list(
        PaymentFile.objects.filter(
            Q(status__in=[FileStatus.PDNG, FileStatus.RCVD], created_at__lte=now - UNAUTHORISED_LIFE)
            | Q(status=FileStatus.PATC, status_changed_at__lte=now - PARTLY_SIGNED_LIFE)
        ).values_list("pk", flat=True)[:100]
    )
    for file_id in due:
        with transaction.atomic():
            file = lock_payment_file(file_id=file_id)
            if file.status in _UNSIGNED and is_stale(file, now=now):
                _reject(file, reason=ReasonCode.DS02, now=now)
    return len(due)


def _reject(file: PaymentFile, *, reason: ReasonCode, now: datetime) -> None:
    change_file_status(file, status=FileStatus.RJCT, reason=reason, actor_type="system", now=now)
    _forget_content(file, reason=reason.value, now=now)


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
