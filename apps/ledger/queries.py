from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from apps.core.errors import NotFound
from apps.ledger.models import LedgerAccount
from apps.ledger.rules import EntryKind


@dataclass(frozen=True, slots=True)
class LedgerBalance:
    """Where an account stands. ``available_minor`` counts the overdraft that may still be used."""

    booked_minor: int
    available_minor: int
    currency: str
    last_posted_at: datetime | None


class PostingRow(NamedTuple):
    """One posting with its entry's story, as account information shows it. A tuple: it is made by the hundred."""

    posting_id: int
    entry_id: UUID
    direction: str
    amount_minor: int
    currency: str
    booking_date: date
    value_date: date
    balance_after_minor: int
    debtor_name: str
    debtor_iban: str
    creditor_name: str
    creditor_iban: str
    end_to_end_identification: str
    remittance_information_unstructured: str
    kind: str


@dataclass(frozen=True, slots=True)
class LedgerSums:
    """The whole ledger in a few numbers; ``difference_minor`` must be zero, and no balance may disagree."""

    accounts: int
    entries: int
    postings: int
    difference_minor: int
    unbalanced_entries: int
    disagreeing_accounts: int
    below_minimum: int
    debits_minor: int
    credits_minor: int

    @property
    def sound(self) -> bool:
        faults = (
            self.difference_minor,
            self.unbalanced_entries,
            self.disagreeing_accounts,
            self.below_minimum,
        )
        return faults == (0, 0, 0, 0)


_POSTING_COLUMNS = """
    p.id, e.id, p.direction, p.amount_minor, p.currency, p.booking_date, e.value_date, p.balance_after_minor,
    e.debtor_name, e.debtor_iban, e.creditor_name, e.creditor_iban, e.end_to_end_identification,
    e.remittance_information_unstructured, e.kind
"""


def get_ledger_account(*, code: str) -> LedgerAccount:
    """The book account with this code.

    :raises NotFound: there is none.
    """
    account = LedgerAccount.objects.filter(code=code).first()
    if account is None:
        raise NotFound(code)
    return account


def get_ledger_balance(*, account_id: UUID) -> LedgerBalance:
    """The balance of one book account.

    :raises NotFound: there is none.
    """
    account = LedgerAccount.objects.filter(pk=account_id).first()
    if account is None:
        raise NotFound("ledger account")
    return LedgerBalance(
        booked_minor=account.balance_minor,
        available_minor=account.balance_minor - (account.minimum_balance_minor or 0),
        currency=account.currency,
        last_posted_at=account.last_posted_at,
    )


def get_balance_on(*, account_id: UUID, day: date) -> int:
    """The booked balance at the end of ``day``, from the postings."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(CASE direction WHEN 'CREDIT' THEN amount_minor ELSE -amount_minor END), 0)"
            " FROM ledger_posting WHERE account_id = %s AND booking_date <= %s",
            [account_id, day],
        )
        return int(cursor.fetchone()[0])


def list_postings(
    *,
    account_id: UUID,
    date_from: date | None = None,
    date_to: date | None = None,
    before: tuple[date, int] | None = None,
    search: str = "",
    limit: int,
) -> list[PostingRow]:
    """Postings of one account, newest first.

    ``before`` continues after a (booking date, posting id) seen last; ``search`` matches the parties' names and the
    remittance text. Rows come straight from SQL: this is the hottest read of the bank.
    """
    conditions = ["p.account_id = %s"]
    values: list[Any] = [account_id]
    if date_from is not None:
        conditions.append("p.booking_date >= %s")
        values.append(date_from)
    if date_to is not None:
        conditions.append("p.booking_date <= %s")
        values.append(date_to)
    if before is not None:
        conditions.append("(p.booking_date, p.id) < (%s, %s)")
        values.extend(before)
    if search:
        conditions.append(
            "(e.creditor_name ILIKE %s OR e.debtor_name ILIKE %s OR e.remittance_information_unstructured ILIKE %s)"
        )
        pattern = "%" + search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        values.extend([pattern] * 3)
    with connection.cursor() as cursor:
        cursor.execute(
            # Conditions are the literals above; every value is bound.
            f"SELECT {_POSTING_COLUMNS} FROM ledger_posting p JOIN ledger_entry e ON e.id = p.entry_id"  # noqa: S608
            f" WHERE {' AND '.join(conditions)} ORDER BY p.booking_date DESC, p.id DESC LIMIT %s",
            [*values, limit],
        )
        return [PostingRow._make(row) for row in cursor.fetchall()]


def get_posting(*, account_id: UUID, posting_id: int) -> PostingRow:
    """One posting of an account.

    :raises NotFound: there is none on this account.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {_POSTING_COLUMNS} FROM ledger_posting p JOIN ledger_entry e ON e.id = p.entry_id"  # noqa: S608
            " WHERE p.account_id = %s AND p.id = %s",
            [account_id, posting_id],
        )
        row = cursor.fetchone()
    if row is None:
        raise NotFound("posting")
    return PostingRow(*row)


def list_entry_amounts(*, kind: EntryKind, references: Sequence[str]) -> dict[str, int]:
    """What was booked under this kind for each of these references, in minor units; a reference not booked is left out.

    For comparing the books with what another party says: from the postings, not from the order that led to them.
    """
    if not references:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.reference, sum(p.amount_minor) FROM ledger_entry e JOIN ledger_posting p ON p.entry_id = e.id"
            " WHERE e.kind = %s AND e.reference = ANY(%s) AND p.direction = 'DEBIT' GROUP BY e.reference",
            [kind.value, list(references)],
        )
        return {reference: int(amount) for reference, amount in cursor.fetchall()}


def get_ledger_sums() -> LedgerSums:
    """Prove the books from the postings: nothing missing, nothing made, every stored balance right."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH per_account AS (
                SELECT account_id, sum(amount_minor) FILTER (WHERE direction = 'DEBIT') AS debits,
                       sum(amount_minor) FILTER (WHERE direction = 'CREDIT') AS credits
                FROM ledger_posting GROUP BY account_id
            ), per_entry AS (
                SELECT entry_id FROM ledger_posting GROUP BY entry_id
                HAVING sum(CASE direction WHEN 'DEBIT' THEN amount_minor ELSE -amount_minor END) <> 0
            )
            SELECT (SELECT count(*) FROM ledger_ledgeraccount), (SELECT count(*) FROM ledger_entry),
                   (SELECT count(*) FROM ledger_posting),
                   (SELECT coalesce(sum(credits), 0) - coalesce(sum(debits), 0) FROM per_account),
                   (SELECT count(*) FROM per_entry),
                   (SELECT count(*) FROM ledger_ledgeraccount a LEFT JOIN per_account s ON s.account_id = a.id
                    WHERE a.debits_minor <> coalesce(s.debits, 0) OR a.credits_minor <> coalesce(s.credits, 0)),
                   (SELECT count(*) FROM ledger_ledgeraccount
                    WHERE credits_minor - debits_minor < minimum_balance_minor),
                   (SELECT coalesce(sum(debits), 0) FROM per_account),
                   (SELECT coalesce(sum(credits), 0) FROM per_account)
            """
        )
        return LedgerSums(*(int(value) for value in cursor.fetchone()))
