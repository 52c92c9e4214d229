"""Checking a file: read it once, load what is good, let the database compare, ask for names.

The same for three payments and for a hundred thousand, in a task or at a terminal.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, connection, transaction

from apps.accounts.models import PaymentAccount
from apps.accounts.queries import is_business_account, list_payable_accounts_for_psu
from apps.bulk.models import PaymentBatch, PaymentFile, PaymentFilePart, PaymentItem
from apps.bulk.progress import Progress, ProgressLog
from apps.bulk.queries import has_opted_out, hash_items, list_batches
from apps.bulk.reading import BatchHead, Item, ProblemList, ReadingStopped, read_payment_file
from apps.bulk.reading.fields import Content, Fields
from apps.bulk.rules import (
    NOT_PROVIDED,
    PROBLEMS_MAX,
    UNNAMED_FORMATS,
    VOID_STATUSES,
    FileStatus,
    Problem,
    ProblemCode,
    ReasonCode,
)
from apps.bulk.services.assessing import assess_payments_of_file
from apps.bulk.services.status import change_file_status, lock_payment_file
from apps.core.clock import bank_date
from apps.core.ids import new_id
from apps.identity.models import PSU
from apps.notifications.services import enqueue_message
from apps.payees.rules import Asker
from apps.payees.services import verify_payees

CHECK_TASK = "bulk.check_file"
VERIFY_TASK = "bulk.verify_payees"
_ROWS_AT_ONCE = 5_000
_NAMES_AT_ONCE = 500
_NAMES_SECONDS = 20.0

_COPY = """
COPY bulk_paymentitem (id, batch_id, position, line, instruction_identification, end_to_end_identification,
    amount_minor, creditor_name, creditor_iban, remittance_information_unstructured, purpose, is_internal,
    creditor_name_match, matched_creditor_name, status, status_reason) FROM STDIN
"""
_TYPES = (
    *(
        "uuid",
        "uuid",
        "int4",
        "int4",
        "varchar",
        "varchar",
        "int8",
        "varchar",
        "varchar",
        "varchar",
        "varchar",
        "bool",
    ),
    *("varchar", "varchar", "varchar", "varchar"),
)
# Each identification that stands in the file more than once: where it stands again, and where it stood first.
_DUPLICATES = """
SELECT line, field, identification, first FROM (
    SELECT i.line, v.field, v.identification,
           min(i.line) OVER (PARTITION BY v.field, v.identification) AS first,
           row_number() OVER (PARTITION BY v.field, v.identification ORDER BY i.line, i.position) AS number
    FROM bulk_paymentbatch b JOIN bulk_paymentitem i ON i.batch_id = b.id
    CROSS JOIN LATERAL (VALUES ('InstrId', i.instruction_identification),
                               ('EndToEndId', i.end_to_end_identification)) v (field, identification)
    WHERE b.file_id = %s AND v.identification NOT IN ('', %s)
) named WHERE number > 1 ORDER BY line LIMIT %s
"""
_WRITE_MATCHES = """
UPDATE bulk_paymentitem i SET creditor_name_match = m.outcome, matched_creditor_name = m.name
FROM unnest(%s::uuid[], %s::text[], %s::text[]) AS m (id, outcome, name) WHERE i.id = m.id
"""


@dataclass
class _Loaded:
    """What came of reading."""

    file_format: str
    message_identification: str
    initiating_party: str
    number_of_transactions: int
    total_minor: int
    problems: ProblemList


def check_payment_file(*, file_id: UUID, now: datetime) -> None:
    """Check a file that was uploaded: it is offered to be signed, or refused with all that is wrong with it.

    In one transaction, which a second delivery of the task finds done.
    """
    file = PaymentFile.objects.select_related("psu").filter(pk=file_id, status=FileStatus.PDNG).first()
    if file is None or not PaymentFilePart.objects.filter(file=file).exists():
        _refuse_empty(file, now=now)
        return
    stored = file
    with ProgressLog(file.pk) as log, transaction.atomic():
        loaded = _load(
            file, lambda: _stored_parts(stored), progress=Progress(file.size_bytes, log.note), now=now
        )
        file = lock_payment_file(file_id=file_id)
        if file.status != FileStatus.PDNG:  # Taken back meanwhile: nothing of it is kept.
            transaction.set_rollback(True)
            return
        PaymentFilePart.objects.filter(file=file).delete()
        _conclude(file, loaded, now=now)


def try_payment_file(
    *,
    psu: PSU,
    name: str,
    content: Content,
    size_bytes: int,
    upload_sha256: bytes,
    progress: Progress,
    now: datetime,
) -> PaymentFile:
    """What a check of this file would say; nothing of it stays. ``problems`` of what is returned are those found.

    Names are not asked for: to try a file must give away nothing.
    """
    with transaction.atomic():
        file = PaymentFile.objects.create(
            psu=psu,
            file_name=name[-100:],
            size_bytes=size_bytes,
            upload_sha256=upload_sha256,
            created_at=now,
            status_changed_at=now,
        )
        loaded = _load(file, content, progress=progress, now=now)
        _take_over(file, loaded)
        transaction.set_rollback(True)
    return file


def verify_set_of_payees(*, file_id: UUID, first: int, now: datetime) -> None:
    """Check the names of the next payees of a file, from the ``first`` on, and promise the rest; after the last one the
    file is offered to be signed (SEPA Regulation art. 5c: before the payer can authorise)."""
    file = PaymentFile.objects.get(pk=file_id)
    if file.status != FileStatus.PDNG:
        return
    waiting = PaymentItem.objects.filter(
        batch__file=file, batch__checks_payees=True, creditor_name_match=""
    ).order_by("batch__number", "position")
    rows = list(waiting.values_list("pk", "creditor_name", "creditor_iban")[:_NAMES_AT_ONCE])
    if rows:
        is_business = all(
            is_business_account(account=batch.debtor_account) for batch in list_batches(file_id=file.pk)
        )
        found = verify_payees(
            payees=[(name, iban) for _pk, name, iban in rows],
            asker=Asker.files_of(file.psu_id),
            lookups_max=(
                settings.VOP_BULK_LOOKUPS_PER_DAY_BUSINESS
                if is_business
                else settings.VOP_BULK_LOOKUPS_PER_DAY
            ),
            seconds=_NAMES_SECONDS,
            now=now,
        )
        with connection.cursor() as cursor:
            cursor.execute(
                _WRITE_MATCHES,
                [
                    [row[0] for row in rows],
                    [one.outcome.value for one in found],
                    [one.matched_name for one in found],
                ],
            )
    file = lock_payment_file(file_id=file_id)
    if file.status != FileStatus.PDNG:  # Taken back while other banks were asked.
        return
    if len(rows) == _NAMES_AT_ONCE:
        done = first + len(rows)
        ProgressLog.write(file.pk, 50 + 50 * done // (file.number_of_transactions or done))
        _promise_names(file, first=done)
    else:
        _offer(file, now=now)


def _load(file: PaymentFile, content: Content, *, progress: Progress, now: datetime) -> _Loaded:
    """Read the file into the tables. What is wrong is in ``problems``, and then nothing stays in the tables."""
    problems = ProblemList()
    payable = {account.iban: account for account in list_payable_accounts_for_psu(psu_id=file.psu_id)}
    fields = Fields(
        problems,
        payable={iban: account.pk for iban, account in payable.items() if account.currency == "EUR"},
        today=bank_date(now),
    )
    loader = _Loader(file, payable)
    loaded = _Loaded("", "", "", 0, 0, problems)
    try:
        if file.size_bytes > settings.BULK_FILE_MAX_BYTES:
            problems.stop(ProblemCode.TOO_LARGE, value=f"{settings.BULK_FILE_MAX_BYTES // 2**20} MB")
        with transaction.atomic():
            file_format, header = read_payment_file(
                progress.counted(content), fields=fields, sink=loader, problems=problems
            )
            loader.finish()
            loaded.file_format = file_format.value
            loaded.message_identification = header.message_identification or (
                f"{file_format.label}-{bytes(file.upload_sha256).hex()[:24]}"
                if file_format in UNNAMED_FORMATS
                else ""
            )
            loaded.initiating_party = header.initiating_party
            loaded.number_of_transactions, loaded.total_minor = loader.count, loader.total_minor
            _compare(file, loaded)
            if problems:
                raise ReadingStopped
    except ReadingStopped:
        pass
    return loaded


def _compare(file: PaymentFile, loaded: _Loaded) -> None:
    """What can only be told from the whole file, or from the files before it."""
    problems = loaded.problems
    earlier = (
        PaymentFile.objects.filter(psu_id=file.psu_id)
        .exclude(pk=file.pk)
        .exclude(status__in=[*VOID_STATUSES, FileStatus.PDNG])
    )
    if same := earlier.filter(upload_sha256=bytes(file.upload_sha256)).first():
        problems.add(ProblemCode.DUPLICATE_FILE, value=_told(same))
    elif same := earlier.filter(message_identification=loaded.message_identification).first():
        problems.add(ProblemCode.DUPLICATE_MESSAGE, field="GrpHdr/MsgId", value=_told(same))
    if problems:
        return
    with connection.cursor() as cursor:
        cursor.execute(_DUPLICATES, [file.pk, NOT_PROVIDED, PROBLEMS_MAX + 1])
        for line, field, identification, first in cursor.fetchall():
            problems.add(
                ProblemCode.DUPLICATE_IDENTIFICATION,
                line=line,
                field=field,
                value=f"{identification} ({first})",
            )


def _told(file: PaymentFile) -> str:
    """An earlier upload as its owner knows it."""
    return f"{file.file_name}, {bank_date(file.created_at).isoformat()}"


class _Loader:
    """Takes payments from the reader and copies them into the table, some thousands at a time."""

    def __init__(self, file: PaymentFile, payable: dict[str, PaymentAccount]) -> None:
        self.count = 0
        self.total_minor = 0
        self._file, self._payable = file, payable
        self._batches: list[PaymentBatch] = []
        self._rows: list[tuple[Any, ...]] = []

    def begin_batch(self, head: BatchHead) -> int:
        account = self._payable[head.debtor_iban]
        opted_out = is_business_account(account=account) and has_opted_out(account_id=account.pk)
        batch = PaymentBatch(
            file=self._file,
            number=len(self._batches) + 1,
            payment_information_identification=head.payment_information_identification,
            debtor_account=account,
            debtor_iban=head.debtor_iban,
            batch_booking=head.batch_booking,
            requested_execution_date=head.requested_execution_date,
            checks_payees=not opted_out,
            set_size=settings.BULK_SET_SIZE,
        )
        batch.save(force_insert=True)
        self._batches.append(batch)
        return len(self._batches) - 1

    def add(self, batch: int, item: Item) -> None:
        group = self._batches[batch]
        self._rows.append((new_id(), group.pk, group.number_of_transactions, *item, "", "", "PDNG", ""))
        group.number_of_transactions += 1
        group.total_minor += item.amount_minor
        self.count += 1
        self.total_minor += item.amount_minor
        if len(self._rows) >= _ROWS_AT_ONCE:
            self._copy()

    def finish(self) -> None:
        """Copy the rest; write what the groups came to."""
        self._copy()
        for batch in self._batches:
            batch.save(update_fields=["number_of_transactions", "total_minor"])

    def _copy(self) -> None:
        if not self._rows:
            return
        with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
            copy.set_types(_TYPES)
            for row in self._rows:
                copy.write_row(row)
        self._rows.clear()


def _conclude(file: PaymentFile, loaded: _Loaded, *, now: datetime) -> None:
    _take_over(file, loaded)
    if loaded.problems:
        change_file_status(
            file,
            status=FileStatus.RJCT,
            reason=ReasonCode.FF01,
            actor_type="system",
            now=now,
            data={"problems": len(file.problems)},
        )
        return
    file.save()
    if list_batches(file_id=file.pk).filter(checks_payees=True).exists():
        ProgressLog.write(file.pk, 50)
        _promise_names(file, first=0)
    else:
        _offer(file, now=now)


def _take_over(file: PaymentFile, loaded: _Loaded) -> None:
    file.file_format = loaded.file_format
    file.message_identification = loaded.message_identification
    file.initiating_party = loaded.initiating_party
    file.problems, file.has_more_problems = loaded.problems.as_dicts(), loaded.problems.has_more
    if not loaded.problems:
        file.number_of_transactions, file.total_minor = loaded.number_of_transactions, loaded.total_minor


def _promise_names(file: PaymentFile, *, first: int) -> None:
    enqueue_message(
        topic=VERIFY_TASK,
        payload={"file_id": str(file.pk), "first": str(first)},
        effect_key=f"bulk-names:{file.pk}:{first}",
    )


def _offer(file: PaymentFile, *, now: datetime) -> None:
    """All is good: every payment is assessed, and from now on it waits for its customer's code, and cannot be changed
    any more."""
    file.items_sha256 = hash_items(file_id=file.pk)
    try:
        with transaction.atomic():
            assess_payments_of_file(file=file, now=now)
            change_file_status(
                file,
                status=FileStatus.RCVD,
                actor_type="system",
                now=now,
                data={"payments": file.number_of_transactions, "total_minor": file.total_minor},
            )
    except IntegrityError:
        # The same file, or another with the same identification, came through at the same moment.
        file.status, file.items_sha256, file.risk_assessment = FileStatus.PDNG, None, None
        _drop_items(file)
        file.number_of_transactions = file.total_minor = None
        same = Problem(0, "GrpHdr/MsgId", ProblemCode.DUPLICATE_MESSAGE, file.message_identification)
        file.problems = [same.as_dict()]
        change_file_status(file, status=FileStatus.RJCT, reason=ReasonCode.FF01, actor_type="system", now=now)


def _drop_items(file: PaymentFile) -> None:
    """Take out what was loaded in this transaction, or before, of a file that nothing comes of."""
    PaymentItem.objects.filter(batch__file=file).delete()
    PaymentBatch.objects.filter(file=file).delete()


def _refuse_empty(file: PaymentFile | None, *, now: datetime) -> None:
    if file is None:
        return
    file = lock_payment_file(file_id=file.pk)
    if file.status == FileStatus.PDNG and file.size_bytes == 0:
        file.problems = [Problem(0, "", ProblemCode.EMPTY).as_dict()]
        change_file_status(file, status=FileStatus.RJCT, reason=ReasonCode.FF01, actor_type="system", now=now)


def _stored_parts(file: PaymentFile) -> Iterator[bytes]:
    """The uploaded bytes, one part at a time."""
    number = 0
    while (part := PaymentFilePart.objects.filter(file=file, number=number).first()) is not None:
        yield bytes(part.content)
        number += 1
