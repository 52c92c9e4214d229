import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, BinaryIO, cast
from uuid import UUID

from apps.accounts.queries import get_account_for_psu
from apps.audit.services import record_event
from apps.core.clock import bank_date
from apps.statements.queries import get_first_day, open_statement
from apps.statements.rules import (
    FILE_TYPES,
    Period,
    StatementDoesNotAddUp,
    StatementFormat,
    available_month,
    check_period,
    check_size,
    file_name,
)
from apps.statements.writers import WRITERS

if TYPE_CHECKING:
    from apps.accounts.models import PaymentAccount

logger = logging.getLogger(__name__)

_IN_MEMORY_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class StatementFile:
    """A statement that is written and proved. ``content`` stands at its beginning; whoever takes it closes it."""

    content: BinaryIO
    name: str
    content_type: str
    size_bytes: int
    postings: int


def fetch_month_statement(
    *, psu_id: UUID, account_id: UUID, month: date, file_format: StatementFormat, language: str, now: datetime
) -> StatementFile:
    """The statement of the month in which ``month`` lies, for a customer; up to now if that month is still running.

    :raises apps.accounts.queries.AccountUnknown: the account is missing, or not his.
    :raises apps.statements.rules.PeriodNotOffered: before the account's first month, or in the future.
    :raises apps.statements.rules.StatementDoesNotAddUp: the books contradict themselves; nothing is handed out.
    """
    account = get_account_for_psu(psu_id=psu_id, account_id=account_id)
    period = available_month(month, first_day=get_first_day(account=account), today=bank_date(now))
    return _fetch(account, psu_id=psu_id, period=period, file_format=file_format, language=language, now=now)


def fetch_period_statement(
    *,
    psu_id: UUID,
    account_id: UUID,
    period: Period,
    file_format: StatementFormat,
    language: str,
    now: datetime,
) -> StatementFile:
    """The statement of any period up to 13 months, for a customer.

    :raises apps.accounts.queries.AccountUnknown: the account is missing, or not his.
    :raises apps.statements.rules.PeriodNotOffered: the period is none; the kind of error says why.
    :raises apps.statements.rules.StatementDoesNotAddUp: the books contradict themselves; nothing is handed out.
    """
    account = get_account_for_psu(psu_id=psu_id, account_id=account_id)
    check_period(period, first_day=get_first_day(account=account), today=bank_date(now))
    return _fetch(account, psu_id=psu_id, period=period, file_format=file_format, language=language, now=now)


def export_statement(
    *,
    account: "PaymentAccount",
    month: date,
    file_format: StatementFormat,
    language: str,
    out: BinaryIO,
    now: datetime,
) -> StatementFile:
    """Write the statement of a month that is over to ``out``, for the bank's own use.

    :raises apps.statements.rules.PeriodNotOffered: before the account's first month, or in the future.
    :raises apps.statements.rules.StatementDoesNotAddUp: the books contradict themselves.
    """
    period = available_month(month, first_day=get_first_day(account=account), today=bank_date(now))
    written = _write(account, period=period, file_format=file_format, language=language, out=out, now=now)
    _record(account, "exported", period, file_format, written, actor_type="system", actor_id="", now=now)
    return written


def write_report(
    *, account: "PaymentAccount", period: Period, file_format: StatementFormat, now: datetime
) -> StatementFile:
    """What was booked in a period, for a program of somebody whom the customer let read the account.

    The caller has checked that, asked for the period with :func:`~apps.statements.queries.get_report_period`, and
    recorded the access where consents keep theirs.

    :raises apps.statements.rules.StatementDoesNotAddUp: the books contradict themselves; nothing is handed out.
    """
    with spooled() as content:
        return _write(account, period=period, file_format=file_format, language="en", out=content, now=now)


# Not in one transaction: what is read must be one snapshot, which refuses to write; the trail is written afterwards,
# and before anything leaves the bank.
def _fetch(
    account: "PaymentAccount",
    *,
    psu_id: UUID,
    period: Period,
    file_format: StatementFormat,
    language: str,
    now: datetime,
) -> StatementFile:
    with spooled() as content:
        written = _write(
            account, period=period, file_format=file_format, language=language, out=content, now=now
        )
        _record(account, "fetched", period, file_format, written, actor_type="psu", actor_id=psu_id, now=now)
        return written


@contextmanager
def spooled() -> Iterator[BinaryIO]:
    """A file that whoever gets it closes; closed here if nobody will. At its beginning when the block is over."""
    content = cast("BinaryIO", SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES))  # noqa: SIM115
    try:
        yield content
    except BaseException:
        content.close()
        raise
    content.seek(0)


def _write(
    account: "PaymentAccount",
    *,
    period: Period,
    file_format: StatementFormat,
    language: str,
    out: BinaryIO,
    now: datetime,
) -> StatementFile:
    try:
        with open_statement(account=account, period=period, language=language, now=now) as statement:
            check_size(file_format, postings=statement.sums.postings)
            WRITERS[file_format](statement, out)
            return StatementFile(
                content=out,
                name=file_name(statement.identification, file_format),
                content_type=FILE_TYPES[file_format].content_type,
                size_bytes=out.tell(),
                postings=statement.sums.postings,
            )
    except StatementDoesNotAddUp as error:
        # Whoever asked can do nothing about it; whoever keeps the books must hear of it.
        logger.error("statement of account %s does not add up: %s", account.pk, error.detail)
        raise


def _record(
    account: "PaymentAccount",
    fact: str,
    period: Period,
    file_format: StatementFormat,
    written: StatementFile,
    *,
    actor_type: str,
    actor_id: UUID | str,
    now: datetime,
) -> None:
    record_event(
        event=f"statements.statement.{fact}",
        object_type="payment_account",
        object_id=account.pk,
        actor_type=actor_type,
        actor_id=actor_id,
        at=now,
        data={
            "format": file_format,
            "date_from": period.date_from.isoformat(),
            "date_to": period.date_to.isoformat(),
            "postings": written.postings,
        },
    )
