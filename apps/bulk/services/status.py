"""A file's status and its trail; every other module of these services changes it here."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from apps.audit.services import record_event
from apps.bulk.models import PaymentFile
from apps.bulk.queries import PaymentFileUnknown, his_to_sign_as_well
from apps.bulk.rules import (
    PARTLY_SIGNED_LIFE,
    UNAUTHORISED_LIFE,
    FileStatus,
    ReasonCode,
    may_change_status,
)
from apps.core.errors import DomainError


class PaymentFileStatusInvalid(DomainError):
    """The file is not in a status in which this can be done."""

    code = "payment_file_status_invalid"


def lock_payment_file(*, file_id: UUID, psu_id: UUID | None = None) -> PaymentFile:
    """The file under a row lock.

    :raises apps.bulk.queries.PaymentFileUnknown: missing, or this customer can neither upload nor sign it.
    """
    # no_key: payments are added under foreign keys to it while it is being checked.
    files = PaymentFile.objects.select_for_update(of=("self",), no_key=True).select_related("psu")
    his = Q(psu_id=psu_id) | his_to_sign_as_well(psu_id=psu_id) if psu_id else Q()
    file = files.filter(his, pk=file_id).first()
    if file is None:
        raise PaymentFileUnknown(str(file_id))
    return file


def change_file_status(
    file: PaymentFile,
    *,
    status: FileStatus,
    reason: ReasonCode | None = None,
    actor_type: str,
    actor_id: UUID | str = "",
    now: datetime,
    data: dict[str, Any] | None = None,
) -> None:
    """Write the new status of a locked file, and to the trail.

    :raises PaymentFileStatusInvalid: there is no way from the one to the other.
    """
    if not may_change_status(current=file.status, new=status):
        raise PaymentFileStatusInvalid(f"{file.status} to {status}")
    file.status, file.status_reason, file.status_changed_at = status, reason or "", now
    file.save()
    record_event(
        event=f"bulk.file.{status}",
        object_type="payment_file",
        object_id=file.pk,
        actor_type=actor_type,
        actor_id=actor_id,
        at=now,
        data={key: value for key, value in ({"reason": reason} | (data or {})).items() if value},
    )


def is_stale(file: PaymentFile, *, now: datetime) -> bool:
    """Whether nobody signed it in time: a day for the first signature, and from that fifteen for the second."""
    if file.is_partly_signed:
        return file.status_changed_at <= now - PARTLY_SIGNED_LIFE
    return file.created_at <= now - UNAUTHORISED_LIFE
