"""What the engine asks and reports while it books a group of payments, each in its own transaction."""

import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Case, Count, Sum, Value, When

from apps.audit.services import record_event
from apps.bulk.models import PaymentBatch, PaymentFile, PaymentItem
from apps.bulk.queries import PaymentFileUnknown, count_items_by_status, hash_items
from apps.bulk.rules import BatchStatus, FileStatus, ItemStatus, ReasonCode, combine_statuses
from apps.bulk.services.signing import list_signers_of_file
from apps.bulk.services.status import change_file_status, lock_payment_file
from apps.core.clock import bank_date
from apps.notifications.services import enqueue_message
from apps.payments.scheduling import has_to_wait

BOOK_TASK = "engine.book_set"
SEND_FILE_REFUSAL_NOTICE_TASK = "bulk.send_refusal_notice"
ENGINE_QUEUE = "engine"

_WRITE_OUTCOMES = """
UPDATE bulk_paymentitem i SET status = o.status, status_reason = o.reason
FROM unnest(%s::uuid[], %s::text[], %s::text[]) AS o (id, status, reason)
WHERE i.id = o.id AND i.status <> o.status
"""


class ItemOutcome(NamedTuple):
    """What became of one payment."""

    item_id: UUID
    status: ItemStatus
    reason: str = ""


def lock_batch(*, batch_id: UUID) -> PaymentBatch:
    """A group under a row lock, with its file and account, for the engine.

    :raises apps.bulk.queries.PaymentFileUnknown: there is none.
    """
    batch = (
        PaymentBatch.objects.select_for_update(of=("self",), no_key=True)
        .select_related("file__psu", "debtor_account__ledger_account")
        .filter(pk=batch_id)
        .first()
    )
    if batch is None:
        raise PaymentFileUnknown(str(batch_id))
    return batch


def hold_back_batch(*, batch: PaymentBatch, now: datetime) -> bool:
    """True when the day of a locked group has not come, and then it waits again.

    A message can come too early when it was forged, or when the clock was set back.
    """
    if not has_to_wait(batch.requested_execution_date, today=bank_date(now), is_instant=False):
        return False
    batch.released_at = None
    batch.save(update_fields=["released_at"])
    _record(batch, event="bulk.batch.held_back", now=now)
    return True


def list_signers_of_batch(*, batch: PaymentBatch) -> frozenset[UUID]:
    """Who has signed the file exactly as it stands, to the last payment (RTS art. 5(1)(c), 5(3)(b)).

    Nobody, when too few have, or the group is not what it was: neither the message nor the status column alone decides.
    """
    file = batch.file
    signers = list_signers_of_file(file=file)
    if (
        file.psu_id not in signers
        or file.authorisation_id not in signers.values()
        or len(signers) < file.signatures_needed
    ):
        return frozenset()
    if not hmac.compare_digest(hash_items(file_id=file.pk), bytes(file.items_sha256 or b"")):
        return frozenset()
    sums = PaymentItem.objects.filter(batch=batch).aggregate(count=Count("pk"), total=Sum("amount_minor"))
    is_whole = (sums["count"], sums["total"]) == (batch.number_of_transactions, batch.total_minor)
    return frozenset(signers) if is_whole else frozenset()


def begin_batch(*, batch: PaymentBatch, core_user_id: str, now: datetime) -> None:
    """The money is set aside: the group is on its way, and the first set is promised."""
    batch.status, batch.core_user_id, batch.begun_at = BatchStatus.ACSP, core_user_id, now
    batch.save(update_fields=["status", "core_user_id", "begun_at"])
    _record(batch, event="bulk.batch.begun", now=now)
    _promise_set(batch)
    _bring_file_up(batch.file_id, now=now)


def refuse_batch(*, batch: PaymentBatch, reason: ReasonCode, core_user_id: str = "", now: datetime) -> None:
    """Nothing of the group is paid: every payment of it is refused for the same reason."""
    PaymentItem.objects.filter(batch=batch).update(status=ItemStatus.RJCT, status_reason=reason)
    batch.status, batch.status_reason, batch.core_user_id = BatchStatus.RJCT, reason, core_user_id
    batch.save(update_fields=["status", "status_reason", "core_user_id"])
    _record(batch, event="bulk.batch.refused", now=now, reason=reason)
    _bring_file_up(batch.file_id, now=now)


def note_outcomes(*, outcomes: Sequence[ItemOutcome]) -> None:
    """Write what became of payments: many in one statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            _WRITE_OUTCOMES,
            [
                [one.item_id for one in outcomes],
                [one.status.value for one in outcomes],
                [one.reason for one in outcomes],
            ],
        )


def note_item_returned(*, batch: PaymentBatch, item_id: UUID, reason: str, now: datetime) -> None:
    """The money of a payment that was done came back; the payment stays done, as it was, and so do group and file."""
    PaymentItem.objects.filter(pk=item_id, batch=batch).update(return_reason=reason, returned_at=now)
    _record(batch, event="bulk.payment.returned", now=now, reason=reason, payment=str(item_id))


def note_set_booked(*, batch: PaymentBatch) -> None:
    """What is left of the set in hand is booked: paid inside the bank, on its way to another one. One statement, which
    needs to be told no payment by its id."""
    first = batch.next_set * batch.set_size
    PaymentItem.objects.filter(
        batch=batch, position__gte=first, position__lt=first + batch.set_size, status=ItemStatus.PDNG
    ).update(status=Case(When(is_internal=True, then=Value(ItemStatus.ACSC)), default=Value(ItemStatus.ACSP)))


def finish_set(*, batch: PaymentBatch, now: datetime) -> None:
    """The next set of a locked group is booked: promise the one after it."""
    batch.next_set += 1
    batch.save(update_fields=["next_set"])
    if batch.next_set < batch.sets:
        _promise_set(batch)
    else:
        bring_batch_up(batch=batch, now=now)


def bring_batch_up(*, batch: PaymentBatch, now: datetime) -> None:
    """Once every set is booked: what the group comes to by its payments, and the file by its groups."""
    if batch.next_set < batch.sets:
        return
    if PaymentItem.objects.filter(batch=batch, status__in=[ItemStatus.PDNG, ItemStatus.ACSP]).exists():
        return  # Cheap, for it is asked after each answer of another bank.
    status = BatchStatus(combine_statuses(count_items_by_status(batch_id=batch.pk)))
    if status != batch.status:
        batch.status = status
        batch.save(update_fields=["status"])
        if status != BatchStatus.ACSP:
            _record(batch, event="bulk.batch.done", now=now)
    _bring_file_up(batch.file_id, now=now)


def get_refused_total(*, batch: PaymentBatch) -> int:
    """What the bank itself did not pay of a group, in minor units; what other banks refuse is given back one by one."""
    refused = PaymentItem.objects.filter(batch=batch, is_internal=True, status=ItemStatus.RJCT)
    return int(refused.aggregate(total=Sum("amount_minor"))["total"] or 0)


def _promise_set(batch: PaymentBatch) -> None:
    enqueue_message(
        topic=BOOK_TASK,
        payload={"batch_id": str(batch.pk), "number": str(batch.next_set)},
        effect_key=f"bulk-set:{batch.pk}:{batch.next_set}",
        queue=ENGINE_QUEUE,
    )


def _bring_file_up(file_id: UUID, *, now: datetime) -> None:
    file = lock_payment_file(file_id=file_id)
    status = _status_of(file)
    if status != file.status:
        change_file_status(file, status=FileStatus(status), actor_type="engine", now=now)
        if status in (FileStatus.RJCT, FileStatus.PART) and _has_waited(file):
            # Nobody is looking at a page: he is told where he is (PSD2 art. 79(1)).
            enqueue_message(
                topic=SEND_FILE_REFUSAL_NOTICE_TASK,
                payload={"file_id": str(file.pk)},
                effect_key=f"bulk-refusal:{file.pk}",
            )


def _has_waited(file: PaymentFile) -> bool:
    """Whether some of it was carried out on a later day than it was signed."""
    signed_on = bank_date(file.authorised_at) if file.authorised_at else None
    days = PaymentBatch.objects.filter(file=file, released_at__isnull=False).values_list(
        "released_at", flat=True
    )
    return any(bank_date(released_at) != signed_on for released_at in days if released_at)


def _status_of(file: PaymentFile) -> str:
    """By its groups; one that waits for its day keeps the whole on its way once another has begun."""
    statuses = set(PaymentBatch.objects.filter(file=file).values_list("status", flat=True))
    if statuses == {BatchStatus.PDNG}:
        return file.status
    return combine_statuses(statuses)


def _record(batch: PaymentBatch, *, event: str, now: datetime, reason: str = "", payment: str = "") -> None:
    record_event(
        event=event,
        object_type="payment_file",
        object_id=batch.file_id,
        actor_type="engine",
        actor_id=batch.core_user_id,
        at=now,
        data={"batch": batch.number}
        | {key: value for key, value in (("reason", reason), ("payment", payment)) if value},
    )
