from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import psycopg
from django.db import connection

from apps.core.errors import DomainError
from apps.core.ids import new_id
from apps.core.money import Money
from apps.ledger.models import LedgerAccount
from apps.ledger.rules import Direction, EntryKind, LedgerAccountKind, Narrative, PostingOutcome

_POST_ENTRY = """
SELECT ledger_post_entry(%s, %s, %s, %s, %s, %s, %s, %s::uuid[], %s::text[], %s::bigint[], %s, %s, %s, %s, %s, %s)
"""


class ExceedsBalance(DomainError):
    """The debit would take the account below its overdraft limit. Nothing was booked."""

    code = "exceeds_balance"


class EntryClash(DomainError):
    """Something else was booked under this kind and reference. Nothing was booked."""

    code = "entry_clash"


class AccountNotPostable(DomainError):
    """An account of the entry does not exist or keeps another currency. Nothing was booked."""

    code = "account_not_postable"


@dataclass(frozen=True, slots=True)
class Leg:
    """One posting to be made."""

    account_id: UUID
    direction: Direction
    amount_minor: int


def post_transfer(
    *,
    kind: EntryKind,
    reference: str,
    debit_account_id: UUID,
    credit_account_id: UUID,
    amount: Money,
    booking_date: date,
    value_date: date,
    narrative: Narrative,
    now: datetime,
) -> bool:
    """Move money from one book account to another; see :func:`post_entry`."""
    return post_entry(
        kind=kind,
        reference=reference,
        currency=amount.currency,
        legs=[
            Leg(debit_account_id, Direction.DEBIT, amount.amount_minor),
            Leg(credit_account_id, Direction.CREDIT, amount.amount_minor),
        ],
        booking_date=booking_date,
        value_date=value_date,
        narrative=narrative,
        now=now,
    )


def post_entry(
    *,
    kind: EntryKind,
    reference: str,
    currency: str,
    legs: list[Leg],
    booking_date: date,
    value_date: date,
    narrative: Narrative,
    now: datetime,
) -> bool:
    """Book one entry in one round trip, in the caller's transaction; True if booked now, False if it was before.

    Idempotent by ``kind`` and ``reference``. Needs the engine's database role (or the owner's).

    :raises ExceedsBalance: an account would fall below its limit.
    :raises EntryClash: the reference was used for other accounts or amounts.
    :raises AccountNotPostable: unknown account, or one in another currency.
    :raises django.db.IntegrityError: at commit, if the legs do not balance.
    """
    outcome = PostingOutcome(
        _call_posting_function(
            [
                new_id(),
                kind.value,
                reference,
                currency,
                booking_date,
                value_date,
                now,
                [leg.account_id for leg in legs],
                [leg.direction.value for leg in legs],
                [leg.amount_minor for leg in legs],
                narrative.debtor_name,
                narrative.debtor_iban,
                narrative.creditor_name,
                narrative.creditor_iban,
                narrative.end_to_end_identification,
                narrative.remittance_information_unstructured,
            ]
        )
    )
    match outcome:
        case PostingOutcome.POSTED:
            return True
        case PostingOutcome.EXISTS:
            return False
        case PostingOutcome.EXCEEDS_BALANCE:
            raise ExceedsBalance(reference)
        case PostingOutcome.EXISTS_WITH_DIFFERENT_CONTENT:
            raise EntryClash(reference)
        case PostingOutcome.ACCOUNT_NOT_FOUND | PostingOutcome.CURRENCY_MISMATCH:
            raise AccountNotPostable(outcome)


def _call_posting_function(arguments: list[object]) -> str:
    """One round trip, as a statement that the server keeps prepared.

    Django's own cursor writes the values into the statement, so that the server parses and plans it anew each time;
    this is the one statement of the bank for which that matters.
    """
    connection.ensure_connection()
    connection.validate_no_broken_transaction()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        row = cursor.execute(_POST_ENTRY, arguments, prepare=True).fetchone()
    return str(row[0]) if row else ""


def open_ledger_account(
    *, code: str, kind: LedgerAccountKind, currency: str, overdraft_limit_minor: int | None
) -> LedgerAccount:
    """Open a book account, or return the one with this code.

    ``overdraft_limit_minor`` is how far below zero it may go; None is without limit (the bank's own accounts).
    """
    account, _ = LedgerAccount.objects.get_or_create(
        code=code,
        defaults={
            "kind": kind,
            "currency": currency,
            "minimum_balance_minor": None if overdraft_limit_minor is None else -overdraft_limit_minor,
        },
    )
    return account
