from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum

from apps.accounts.queries import payable_account_ids
from apps.bulk.models import FileProgress, PayeeCheckOptOut, PaymentBatch, PaymentFile, PaymentItem
from apps.bulk.rules import BatchStatus, FileStatus, ItemStatus
from apps.core.errors import NotFound

# Over every payment as it stands, in the file's order. No value holds the separators: control characters are refused
# when a file is read. Made in the database, so that 100,000 payments need not travel to be hashed.
_HASH = """
SELECT sha256(convert_to(coalesce(string_agg(
    concat_ws(chr(31), b.number, i.position, b.debtor_iban, i.instruction_identification, i.end_to_end_identification,
        i.amount_minor, i.creditor_name, i.creditor_iban, i.remittance_information_unstructured, i.purpose,
        i.creditor_name_match, i.matched_creditor_name),
    chr(30) ORDER BY b.number, i.position), ''), 'UTF8'))
FROM bulk_paymentbatch b JOIN bulk_paymentitem i ON i.batch_id = b.id WHERE b.file_id = %s
"""


class PaymentFileUnknown(NotFound):
    """No such file, or not the asking customer's."""

    code = "payment_file_unknown"


class SetItem(NamedTuple):
    """A payment as the engine needs it."""

    id: UUID
    amount_minor: int
    creditor_name: str
    creditor_iban: str
    end_to_end_identification: str
    remittance_information_unstructured: str
    is_internal: bool
    status: str
    returned_at: datetime | None


_SET = f"""
SELECT {", ".join(SetItem._fields)} FROM bulk_paymentitem
WHERE batch_id = %s AND position >= %s AND position < %s ORDER BY position
"""  # noqa: S608 (its own names)


def get_payment_file_for_psu(*, psu_id: UUID, file_id: UUID) -> PaymentFile:
    """A file that this customer uploaded, or one that takes several signatures, from accounts he may pay from; nobody
    else sees it.

    :raises PaymentFileUnknown: missing, or not his.
    """
    his = Q(psu_id=psu_id) | his_to_sign_as_well(psu_id=psu_id)
    file = PaymentFile.objects.filter(his, pk=file_id).first()
    if file is None:
        raise PaymentFileUnknown(str(file_id))
    return file


def list_payment_files_for_psu(*, psu_id: UUID, limit: int = 50) -> list[PaymentFile]:
    """The files of a customer, and those that took or take the signatures of several; newest first."""
    # Apart, so that each is read off its index.
    own = PaymentFile.objects.filter(psu_id=psu_id).order_by("-created_at")[:limit]
    others = PaymentFile.objects.filter(his_to_sign_as_well(psu_id=psu_id)).exclude(psu_id=psu_id)
    both = [*own, *others.order_by("-created_at")[:limit]]
    return sorted(both, key=lambda file: file.created_at, reverse=True)[:limit]


def list_payment_files_to_sign(*, psu_id: UUID) -> QuerySet[PaymentFile]:
    """What another has signed and waits for this customer, who may sign as the second; the oldest first."""
    return (
        PaymentFile.objects.filter(his_to_sign_as_well(psu_id=psu_id), status=FileStatus.PATC)
        .exclude(psu_id=psu_id)
        .select_related("psu")
        .order_by("created_at")
    )


def his_to_sign_as_well(*, psu_id: UUID) -> Q:
    """Files that take several signatures, and from no account but those the customer may pay from."""
    his = payable_account_ids(psu_id=psu_id)
    batches = PaymentBatch.objects.filter(file_id=OuterRef("pk"))
    return Q(
        Exists(batches.filter(debtor_account__in=his)),
        ~Exists(batches.exclude(debtor_account__in=his)),
        signatures_needed__gt=1,
    )


def list_batches(*, file_id: UUID) -> QuerySet[PaymentBatch]:
    """The groups of a file in its order."""
    return PaymentBatch.objects.filter(file_id=file_id).select_related("debtor_account").order_by("number")


def list_items(
    *,
    file_id: UUID,
    status: str = "",
    name_match: str = "",
    has_come_back: bool = False,
    offset: int = 0,
    limit: int = 50,
) -> list[PaymentItem]:
    """Payments of a file in its order; only those in one status, with one outcome of the check of names, or whose money
    came back after they were done."""
    items = PaymentItem.objects.filter(batch__file_id=file_id)
    if status:
        items = items.filter(status=status)
    if has_come_back:
        items = items.filter(returned_at__isnull=False)
    if name_match:
        items = items.filter(creditor_name_match=name_match)
    return list(items.select_related("batch").order_by("batch__number", "position")[offset : offset + limit])


def iterate_items(*, batch_id: UUID) -> Iterator[PaymentItem]:
    """All payments of a group in their order, a thousand at a time, however many they are."""
    position = -1
    while True:
        page = list(
            PaymentItem.objects.filter(batch_id=batch_id, position__gt=position).order_by("position")[:1000]
        )
        yield from page
        if len(page) < 1000:
            return
        position = page[-1].position


def list_set(*, batch: PaymentBatch, number: int) -> list[SetItem]:
    """The payments that the engine books together as set ``number``."""
    first = number * batch.set_size
    with connection.cursor() as cursor:
        cursor.execute(_SET, [batch.pk, first, first + batch.set_size])
        return [SetItem(*row) for row in cursor.fetchall()]


def list_items_at(*, file_id: UUID, places: Iterable[int]) -> dict[int, PaymentItem]:
    """The payments at some places of a file, counted from 0 over its groups in their order."""
    wanted, found, first = sorted(places), {}, 0
    for batch in list_batches(file_id=file_id):
        here = [place - first for place in wanted if 0 <= place - first < batch.number_of_transactions]
        for item in PaymentItem.objects.filter(batch=batch, position__in=here).select_related("batch"):
            found[first + item.position] = item
        first += batch.number_of_transactions
    return found


def get_place_of_item(*, item: PaymentItem) -> int:
    """A payment's place in its file, counted from 0 over the groups before it."""
    before = PaymentBatch.objects.filter(file_id=item.batch.file_id, number__lt=item.batch.number)
    return int(before.aggregate(count=Sum("number_of_transactions"))["count"] or 0) + item.position


def find_batches_of_items(*, item_ids: Iterable[UUID]) -> dict[UUID, UUID]:
    """The groups that payments belong to, by the payments' ids; what is no payment of a file is not in it."""
    return dict(PaymentItem.objects.filter(pk__in=item_ids).values_list("pk", "batch_id"))


def list_set_items(*, item_ids: Iterable[UUID]) -> list[SetItem]:
    """Payments as the engine needs them, wherever they stand."""
    rows = PaymentItem.objects.filter(pk__in=item_ids).values_list(*SetItem._fields)
    return [SetItem(*row) for row in rows]


def list_set_totals(*, batch: PaymentBatch) -> list[int]:
    """What each set of a batch comes to, in minor units."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(amount_minor)::bigint FROM bulk_paymentitem WHERE batch_id = %s"
            " GROUP BY position / %s ORDER BY position / %s",
            [batch.pk, batch.set_size, batch.set_size],
        )
        return [int(row[0]) for row in cursor.fetchall()]


def get_largest_amount(*, batch_id: UUID) -> int:
    """The highest amount of a group, in minor units."""
    largest = (
        PaymentItem.objects.filter(batch_id=batch_id)
        .order_by("-amount_minor")
        .values_list("amount_minor", flat=True)
        .first()
    )
    return largest or 0


def count_items_by_status(
    *, file_id: UUID | None = None, batch_id: UUID | None = None
) -> dict[str, tuple[int, int]]:
    """How many payments of a file, or of a group, are in each status, and their sum."""
    items = PaymentItem.objects.all()
    items = items.filter(batch_id=batch_id) if batch_id else items.filter(batch__file_id=file_id)
    rows = items.values("status").annotate(count=Count("pk"), total=Sum("amount_minor")).order_by("status")
    return {row["status"]: (row["count"], int(row["total"])) for row in rows}


def count_items_by_name_match(*, file_id: UUID) -> dict[str, int]:
    """How many payments of a file there are of each outcome of the check of names; "" are not checked."""
    rows = (
        PaymentItem.objects.filter(batch__file_id=file_id)
        .values("creditor_name_match")
        .annotate(count=Count("pk"))
        .order_by("creditor_name_match")
    )
    return {row["creditor_name_match"]: row["count"] for row in rows}


def hash_items(*, file_id: UUID) -> bytes:
    """SHA-256 over every payment of a file as it stands now."""
    with connection.cursor() as cursor:
        cursor.execute(_HASH, [file_id])
        return bytes(cursor.fetchone()[0])


def get_progress_percent(*, file: PaymentFile) -> int:
    """How far the check or the booking of a file is, in whole percent. A hint, no more."""
    if file.status in ("ACTC", "ACSP"):
        counts = count_items_by_status(file_id=file.pk)
        total = sum(count for count, _sum in counts.values())
        waiting = counts.get(ItemStatus.PDNG, (0, 0))[0]
        return 100 * (total - waiting) // total if total else 0
    found = FileProgress.objects.filter(pk=file.pk).first()
    return found.percent if found else 0


def has_opted_out(*, account_id: UUID) -> bool:
    """Whether the names of an account's files are not checked, by its holder's wish."""
    return PayeeCheckOptOut.objects.filter(pk=account_id).exists()


def is_any_released(*, file_id: UUID) -> bool:
    """Whether the engine has got a group of the file, or has had it."""
    return (
        PaymentBatch.objects.filter(file_id=file_id)
        .exclude(status=BatchStatus.PDNG, released_at__isnull=True)
        .exists()
    )
