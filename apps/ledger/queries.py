from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction

from apps.core.errors import NotFound
from apps.ledger.models import ClosedDay, LedgerAccount
from apps.ledger.rules import BookingSums, Direction, EntryKind

# How far back a page of postings is looked for at first, and then; the rest of the history comes last.
_WINDOW_DAYS = (45, 400)


@dataclass(frozen=True, slots=True)
class LedgerBalance:
    """Where an account stands. ``available_minor`` counts the overdraft that may still be used,
    and not what is held."""

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


class TransferFee(NamedTuple):
    """A fee that a credit transfer paid in its own entry, in minor units.

    ``payee_codes`` are the book accounts that the entry credited besides the fee's: one, which tells by what way the
    transfer went. ``given_back_minor`` is what its return or reversal took from the fee's account again.
    """

    reference: str
    booking_date: date
    amount_minor: int
    payee_codes: tuple[str, ...]
    given_back_minor: int
    is_settled: bool

    @property
    def kept_minor(self) -> int:
        return self.amount_minor - self.given_back_minor

    @property
    def is_done(self) -> bool:
        """Whether nothing of it can be given back any more: only what was not settled is."""
        return self.is_settled or not self.kept_minor


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


_JOIN_ENTRY = "JOIN ledger_entry e ON e.id = p.entry_id AND e.booking_date = p.booking_date"


def get_ledger_account(*, code: str) -> LedgerAccount:
    """The book account with this code.

    :raises NotFound: there is none.
    """
    account = LedgerAccount.objects.filter(code=code).first()
    if account is None:
        raise NotFound(code)
    return account


def get_ledger_balance(*, account_id: UUID) -> LedgerBalance:
    """The balance of one book account; what waits to be folded in is counted.

    :raises NotFound: there is none.
    """
    account = LedgerAccount.objects.filter(pk=account_id).first()
    if account is None:
        raise NotFound("ledger account")
    booked = account.balance_minor
    if account.folds_later:
        booked = _balance_with_pending(account_id)
    return LedgerBalance(
        booked_minor=booked,
        available_minor=booked - account.held_minor - (account.minimum_balance_minor or 0),
        currency=account.currency,
        last_posted_at=account.last_posted_at,
    )


def get_balance_on(*, account_id: UUID, day: date) -> int:
    """The booked balance at the end of ``day``: that of the last closed day before, and the postings since."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT max(day) FROM ledger_closedday WHERE balances_at IS NOT NULL AND day <= %s", [day]
        )
        closed = cursor.fetchone()[0] or date.min
        cursor.execute(
            """
            SELECT coalesce((SELECT closing_balance_minor FROM ledger_dailybalance
                             WHERE account_id = %s AND day <= %s ORDER BY day DESC LIMIT 1), 0)
                 + coalesce((SELECT sum(CASE direction WHEN 'CREDIT' THEN amount_minor ELSE -amount_minor END)
                             FROM ledger_posting
                             WHERE account_id = %s AND booking_date > %s AND booking_date <= %s), 0)
            """,
            [account_id, closed, account_id, closed, day],
        )
        return int(cursor.fetchone()[0])


def get_last_closed_day() -> date | None:
    """The last booking day that is over and has its daily balances."""
    return (
        ClosedDay.objects.filter(balances_at__isnull=False)
        .order_by("-day")
        .values_list("day", flat=True)
        .first()
    )


def list_closing_balances(*, account_ids: Iterable[UUID], day: date) -> dict[UUID, int]:
    """The balances with which accounts ended a closed day; accounts on which nothing was ever booked are left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT a.id, b.closing_balance_minor
            FROM unnest(%s::uuid[]) AS a (id) CROSS JOIN LATERAL (
                SELECT closing_balance_minor FROM ledger_dailybalance
                WHERE account_id = a.id AND day <= %s ORDER BY day DESC LIMIT 1) b
            """,
            [list(account_ids), day],
        )
        return dict(cursor.fetchall())


def count_postings(
    *,
    account_id: UUID,
    kind: EntryKind,
    direction: Direction,
    date_from: date,
    date_to: date,
    without_codes: Iterable[str] = (),
) -> int:
    """How many postings of one kind of entry were booked on one side of an account in a span, both days included.

    Entries that touch one of the book accounts ``without_codes`` are left out.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FROM ledger_posting p {_JOIN_ENTRY}"  # noqa: S608
            " WHERE p.account_id = %s AND p.booking_date BETWEEN %s AND %s AND p.direction = %s AND e.kind = %s"
            " AND NOT EXISTS (SELECT 1 FROM ledger_posting o JOIN ledger_ledgeraccount a ON a.id = o.account_id"
            " WHERE o.entry_id = p.entry_id AND o.booking_date = p.booking_date AND a.code = ANY(%s))",
            [account_id, date_from, date_to, direction.value, kind.value, list(without_codes)],
        )
        return int(cursor.fetchone()[0])


def list_transfer_fees(
    *, account_id: UUID, fees_code: str, date_from: date, date_to: date
) -> list[TransferFee]:
    """The credit transfers of an account in a span, both days included, that paid a fee to ``fees_code`` in their own
    entry, the earliest first.

    Whatever was given back of a fee, and whether the transfer was settled, is told as it stands now, not as on
    ``date_to``.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT e.reference, p.booking_date, f.amount_minor,
                   (SELECT array_agg(a.code ORDER BY a.code) FROM ledger_posting o
                        JOIN ledger_ledgeraccount a ON a.id = o.account_id
                    WHERE o.entry_id = p.entry_id AND o.booking_date = p.booking_date
                        AND o.direction = 'CREDIT' AND o.account_id <> f.account_id),
                   coalesce((SELECT sum(r.amount_minor) FROM ledger_entrykey k
                        JOIN ledger_posting r ON r.entry_id = k.entry_id AND r.booking_date = k.booking_date
                    WHERE k.entry_id IN (ledger_entry_id(%s, e.reference), ledger_entry_id(%s, e.id::text))
                        AND r.account_id = f.account_id AND r.direction = 'DEBIT'), 0)::bigint,
                   EXISTS (SELECT 1 FROM ledger_entrykey k WHERE k.entry_id = ledger_entry_id(%s, e.reference))
            FROM ledger_posting p {_JOIN_ENTRY}
                JOIN ledger_posting f ON f.entry_id = p.entry_id AND f.booking_date = p.booking_date
            WHERE p.account_id = %s AND p.booking_date BETWEEN %s AND %s AND p.direction = 'DEBIT'
                AND e.kind = %s AND f.direction = 'CREDIT'
                AND f.account_id = (SELECT id FROM ledger_ledgeraccount WHERE code = %s)
            ORDER BY p.booking_date, p.id
            """,  # noqa: S608
            [
                EntryKind.CREDIT_TRANSFER_RETURN.value,
                EntryKind.REVERSAL.value,
                EntryKind.CLEARING_SETTLEMENT.value,
                account_id,
                date_from,
                date_to,
                EntryKind.CREDIT_TRANSFER.value,
                fees_code,
            ],
        )
        return [
            TransferFee(reference, day, amount, tuple(codes or ()), back, is_settled)
            for reference, day, amount, codes, back, is_settled in cursor.fetchall()
        ]


def list_entry_totals(*, kind: EntryKind, references: Iterable[str]) -> dict[str, int]:
    """What entries of one kind moved, in minor units, by their reference; what was not booked is left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT e.reference, sum(p.amount_minor) FILTER (WHERE p.direction = 'CREDIT')::bigint
            FROM unnest(%s::text[]) AS asked (reference)
                JOIN ledger_entrykey k ON k.entry_id = ledger_entry_id(%s, asked.reference)
                JOIN ledger_entry e ON e.id = k.entry_id AND e.booking_date = k.booking_date
                JOIN ledger_posting p ON p.entry_id = e.id AND p.booking_date = e.booking_date
            GROUP BY e.reference
            """,
            [list(references), kind.value],
        )
        return dict(cursor.fetchall())


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
    remittance text. Rows come straight from SQL: this is the hottest read of the bank. It looks into the newest months
    first and into the others only when these do not fill the page, so that a long history costs nothing.
    """
    conditions = "p.account_id = %s AND p.booking_date BETWEEN %s AND %s"
    order = "ORDER BY p.booking_date DESC, p.id DESC LIMIT %s"
    values: list[Any] = []
    if before is not None:
        conditions += " AND (p.booking_date, p.id) < (%s, %s)"
        values += before
    if search:
        conditions += (
            " AND (e.creditor_name ILIKE %s OR e.debtor_name ILIKE %s"
            " OR e.remittance_information_unstructured ILIKE %s)"
        )
        pattern = "%" + search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        values += [pattern] * 3
        source = f"ledger_posting p {_JOIN_ENTRY} WHERE {conditions} {order}"
    else:
        # The page first and its entries then, each looked up in its own month.
        page = f"SELECT * FROM ledger_posting p WHERE {conditions} {order}"  # noqa: S608
        source = f"({page}) p {_JOIN_ENTRY} ORDER BY p.booking_date DESC, p.id DESC"
    rows: list[PostingRow] = []
    with connection.cursor() as cursor:
        last = min(
            day for day in (date_to, before and before[0], _last_booking_date(cursor, account_id)) if day
        )
        for first, until in _windows(first=date_from or date.min, last=last):
            cursor.execute(
                # Made of the literals above; every value is bound.
                f"SELECT {_POSTING_COLUMNS} FROM {source}",  # noqa: S608
                [account_id, first, until, *values, limit - len(rows)],
            )
            rows += [PostingRow._make(row) for row in cursor.fetchall()]
            if len(rows) == limit:
                break
    return rows


def _windows(*, first: date, last: date) -> Iterator[tuple[date, date]]:
    """The period from its end, in two steps of growing length and the rest."""
    for days in _WINDOW_DAYS:
        start = max(first, last - timedelta(days=days)) if last - date.min > timedelta(days=days) else first
        if start <= first:
            break
        yield start, last
        last = start - timedelta(days=1)
    if first <= last:
        yield first, last


def _last_booking_date(cursor: Any, account_id: UUID) -> date:
    """The newest booking date of an account, or the end of time where the account does not know."""
    cursor.execute(
        "SELECT last_booking_date FROM ledger_ledgeraccount WHERE id = %s AND NOT folds_later", [account_id]
    )
    row = cursor.fetchone()
    return (row and row[0]) or date.max


def get_posting(*, account_id: UUID, posting_id: int) -> PostingRow:
    """One posting of an account.

    :raises NotFound: there is none on this account.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {_POSTING_COLUMNS} FROM ledger_posting p {_JOIN_ENTRY}"  # noqa: S608
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
            "SELECT wanted.reference, sum(p.amount_minor) FROM unnest(%s::text[]) AS wanted (reference)"
            # The key tells the month in which to look.
            " JOIN ledger_entrykey k ON k.entry_id = ledger_entry_id(%s, wanted.reference)"
            " JOIN ledger_posting p ON p.entry_id = k.entry_id AND p.booking_date = k.booking_date"
            " WHERE p.direction = 'DEBIT' GROUP BY wanted.reference",
            [list(references), kind.value],
        )
        return {reference: int(amount) for reference, amount in cursor.fetchall()}


def get_ledger_sums() -> LedgerSums:
    """Prove the books from the postings: nothing missing, nothing made, every stored balance right.

    One statement, one moment. For millions of postings see :mod:`apps.ledger.verification`, which does it in parallel.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH per_account AS (
                SELECT account_id, sum(debits) AS debits, sum(credits) AS credits FROM (
                    SELECT account_id, sum(amount_minor) FILTER (WHERE direction = 'DEBIT') AS debits,
                           sum(amount_minor) FILTER (WHERE direction = 'CREDIT') AS credits
                    FROM ledger_posting GROUP BY account_id
                    UNION ALL SELECT account_id, debits_minor, credits_minor FROM ledger_carriedtotal
                ) parts GROUP BY account_id
            ), per_entry AS (
                SELECT entry_id FROM ledger_posting GROUP BY entry_id
                HAVING sum(CASE direction WHEN 'DEBIT' THEN amount_minor ELSE -amount_minor END) <> 0
            ), stored AS (
                SELECT a.id, a.credits_minor - a.debits_minor < a.minimum_balance_minor AS below,
                       a.debits_minor + coalesce(w.debits, 0) AS debits,
                       a.credits_minor + coalesce(w.credits, 0) AS credits
                FROM ledger_ledgeraccount a LEFT JOIN (
                    SELECT account_id, sum(debit_minor) AS debits, sum(credit_minor) AS credits
                    FROM ledger_pendingtotal GROUP BY account_id
                ) w ON w.account_id = a.id
            )
            SELECT (SELECT count(*) FROM stored), (SELECT count(*) FROM ledger_entry),
                   (SELECT count(*) FROM ledger_posting),
                   (SELECT coalesce(sum(credits), 0) - coalesce(sum(debits), 0) FROM per_account),
                   (SELECT count(*) FROM per_entry),
                   (SELECT count(*) FROM stored LEFT JOIN per_account s ON s.account_id = stored.id
                    WHERE stored.debits <> coalesce(s.debits, 0) OR stored.credits <> coalesce(s.credits, 0)),
                   (SELECT count(*) FROM stored WHERE below),
                   (SELECT coalesce(sum(debits), 0) FROM per_account),
                   (SELECT coalesce(sum(credits), 0) FROM per_account)
            """
        )
        return LedgerSums(*(int(value) for value in cursor.fetchone()))


def _balance_with_pending(account_id: UUID) -> int:
    """In one statement: a fold in between would be counted twice or not at all."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT a.credits_minor - a.debits_minor + coalesce((SELECT sum(w.credit_minor - w.debit_minor)"
            " FROM ledger_pendingtotal w WHERE w.account_id = a.id), 0)"
            " FROM ledger_ledgeraccount a WHERE a.id = %s",
            [account_id],
        )
        return int(cursor.fetchone()[0])


_SUM_COLUMNS = """
    count(*) FILTER (WHERE direction = 'CREDIT'),
    coalesce(sum(amount_minor) FILTER (WHERE direction = 'CREDIT'), 0)::bigint,
    count(*) FILTER (WHERE direction = 'DEBIT'),
    coalesce(sum(amount_minor) FILTER (WHERE direction = 'DEBIT'), 0)::bigint
"""


def get_booking_sums(*, account_id: UUID, date_from: date, date_to: date) -> BookingSums:
    """What was booked on an account from ``date_from`` to ``date_to``, both days included."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {_SUM_COLUMNS} FROM ledger_posting"  # noqa: S608
            " WHERE account_id = %s AND booking_date BETWEEN %s AND %s",
            [account_id, date_from, date_to],
        )
        return BookingSums(*cursor.fetchone())


def list_monthly_sums(*, account_id: UUID, date_from: date, date_to: date) -> dict[date, BookingSums]:
    """The same for each month in which something was booked, by its first day."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT date_trunc('month', booking_date)::date, {_SUM_COLUMNS} FROM ledger_posting"  # noqa: S608
            " WHERE account_id = %s AND booking_date BETWEEN %s AND %s GROUP BY 1 ORDER BY 1",
            [account_id, date_from, date_to],
        )
        return {month: BookingSums(*sums) for month, *sums in cursor.fetchall()}


def get_first_booking_date(*, account_id: UUID) -> date | None:
    """The day of the first posting on an account; None when there is none yet."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(booking_date) FROM ledger_posting WHERE account_id = %s", [account_id])
        first: date | None = cursor.fetchone()[0]
    return first


def iterate_postings(
    *, account_id: UUID, date_from: date, date_to: date, chunk: int = 2000
) -> Iterator[PostingRow]:
    """All postings of an account in a period, oldest first, ``chunk`` at a time from a cursor of the server.

    However many there are, no more than one chunk is in memory. Takes part in the caller's snapshot, if there is one.
    """
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(
            f"SELECT {_POSTING_COLUMNS} FROM ledger_posting p"  # noqa: S608
            # The date, which an entry shares with its postings, keeps the search to that month's entries.
            " JOIN ledger_entry e ON e.id = p.entry_id AND e.booking_date = p.booking_date"
            " WHERE p.account_id = %s AND p.booking_date BETWEEN %s AND %s ORDER BY p.booking_date, p.id",
            [account_id, date_from, date_to],
        )
        while rows := cursor.fetchmany(chunk):
            yield from map(PostingRow._make, rows)
