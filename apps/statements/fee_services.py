import logging
from datetime import datetime
from typing import TYPE_CHECKING, BinaryIO
from uuid import UUID

from apps.accounts.queries import get_account_for_psu
from apps.audit.services import record_event
from apps.statements.fee_queries import get_fee_statement
from apps.statements.fee_rules import FeeStatementFormat, fee_file_name
from apps.statements.rules import FILE_TYPES, StatementDoesNotAddUp, StatementFormat
from apps.statements.services import StatementFile, spooled
from apps.statements.writers import FEE_WRITERS

if TYPE_CHECKING:
    from apps.accounts.models import PaymentAccount

logger = logging.getLogger(__name__)


def fetch_fee_statement(
    *,
    psu_id: UUID,
    account_id: UUID,
    year: int,
    file_format: FeeStatementFormat,
    language: str,
    now: datetime,
) -> StatementFile:
    """The statement of fees of a year, for a customer; up to now if the year is still running. Free of charge.

    :raises apps.accounts.queries.AccountUnknown: the account is missing, or not his.
    :raises apps.statements.rules.PeriodNotOffered: before the account's first year, or in the future.
    :raises apps.statements.rules.StatementDoesNotAddUp: the books contradict it; nothing is handed out.
    """
    account = get_account_for_psu(psu_id=psu_id, account_id=account_id)
    with spooled() as content:
        written = _write(account, year=year, file_format=file_format, language=language, out=content, now=now)
        _record(account, "fetched", year, file_format, actor_type="psu", actor_id=psu_id, now=now)
        return written


def fetch_fee_statement_for_staff(
    *,
    account: "PaymentAccount",
    year: int,
    file_format: FeeStatementFormat,
    language: str,
    staff_id: UUID,
    now: datetime,
) -> StatementFile:
    """The same for a member of staff, who may look at the account; errors as there."""
    with spooled() as content:
        written = _write(account, year=year, file_format=file_format, language=language, out=content, now=now)
        _record(account, "fetched", year, file_format, actor_type="staff", actor_id=staff_id, now=now)
        return written


def export_fee_statement(
    *,
    account: "PaymentAccount",
    year: int,
    file_format: FeeStatementFormat,
    language: str,
    out: BinaryIO,
    now: datetime,
) -> StatementFile:
    """Write the statement of fees of a year to ``out``, for the bank's own use; errors as there."""
    written = _write(account, year=year, file_format=file_format, language=language, out=out, now=now)
    _record(account, "exported", year, file_format, actor_type="system", actor_id="", now=now)
    return written


def _write(
    account: "PaymentAccount",
    *,
    year: int,
    file_format: FeeStatementFormat,
    language: str,
    out: BinaryIO,
    now: datetime,
) -> StatementFile:
    try:
        statement = get_fee_statement(account=account, year=year, language=language, now=now)
    except StatementDoesNotAddUp as error:
        logger.error("statement of fees of account %s does not add up: %s", account.pk, error.detail)
        raise
    FEE_WRITERS[file_format](statement, out)
    return StatementFile(
        content=out,
        name=fee_file_name(statement.identification, file_format),
        content_type=FILE_TYPES[StatementFormat(file_format.value)].content_type,
        size_bytes=out.tell(),
        postings=len(statement.fees) + len(statement.interest_paid) + len(statement.interest_earned),
    )


def _record(
    account: "PaymentAccount",
    fact: str,
    year: int,
    file_format: FeeStatementFormat,
    *,
    actor_type: str,
    actor_id: UUID | str,
    now: datetime,
) -> None:
    record_event(
        event=f"statements.fees.{fact}",
        object_type="payment_account",
        object_id=account.pk,
        actor_type=actor_type,
        actor_id=actor_id,
        at=now,
        data={"format": file_format.value, "year": year},
    )
