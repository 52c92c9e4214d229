"""Proving the books from the postings, as they all stood at one moment, month by month on several connections."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from uuid import UUID

from django.db import connection, transaction

WORKERS = 2


@dataclass(frozen=True, slots=True)
class Findings:
    """What was looked at, and what was wrong. Sound when every figure after ``postings`` is zero."""

    accounts: int
    entries: int
    postings: int
    unbalanced_entries: int
    postings_without_entry: int
    entries_without_postings: int
    disagreeing_accounts: int
    accounts_below_minimum: int
    difference_minor: int

    @property
    def sound(self) -> bool:
        return not any(
            (
                self.unbalanced_entries,
                self.postings_without_entry,
                self.entries_without_postings,
                self.disagreeing_accounts,
                self.accounts_below_minimum,
                self.difference_minor,
            )
        )


@dataclass(frozen=True, slots=True)
class _Month:
    entries: int
    postings: int
    unbalanced: int
    without_entry: int
    without_postings: int
    totals: dict[UUID, tuple[int, int]]


def verify_books(
    *, workers: int = WORKERS, on_progress: Callable[[int, int, int], None] | None = None
) -> Findings:
    """Add up every posting and compare with every stored total; works while the bank goes on booking.

    All connections read the same snapshot, so it runs in no transaction of the caller. ``on_progress`` is told months
    done, months in all and postings so far.
    """
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        cursor.execute("SELECT pg_export_snapshot()")
        snapshot = cursor.fetchone()[0]
        cursor.execute(
            "SELECT substr(relname, length('ledger_posting_') + 1) FROM pg_inherits JOIN pg_class ON oid = inhrelid"
            " WHERE inhparent = 'ledger_posting'::regclass ORDER BY relname"
        )
        names = [name for (name,) in cursor.fetchall()]
        done: list[_Month] = []
        with ThreadPoolExecutor(max_workers=workers) as pool:
            for future in as_completed([pool.submit(_verify_month, name, snapshot) for name in names]):
                done.append(future.result())
                if on_progress is not None:
                    on_progress(len(done), len(names), sum(month.postings for month in done))
        debited, credited = Counter[UUID](), Counter[UUID]()
        for month in done:
            for account_id, (debit, credit) in month.totals.items():
                debited[account_id] += debit
                credited[account_id] += credit
        cursor.execute("SELECT account_id, debits_minor, credits_minor FROM ledger_carriedtotal")
        for account_id, debit, credit in cursor.fetchall():
            debited[account_id] += debit
            credited[account_id] += credit
        cursor.execute(
            """
            SELECT a.id, a.debits_minor + coalesce(sum(w.debit_minor), 0),
                   a.credits_minor + coalesce(sum(w.credit_minor), 0),
                   coalesce(a.credits_minor - a.debits_minor - a.held_minor < a.minimum_balance_minor, false)
            FROM ledger_ledgeraccount a LEFT JOIN ledger_pendingtotal w ON w.account_id = a.id GROUP BY a.id
            """
        )
        accounts = cursor.fetchall()
    known = {account_id for account_id, *_ in accounts}
    return Findings(
        accounts=len(accounts),
        entries=sum(month.entries for month in done),
        postings=sum(month.postings for month in done),
        unbalanced_entries=sum(month.unbalanced for month in done),
        postings_without_entry=sum(month.without_entry for month in done),
        entries_without_postings=sum(month.without_postings for month in done),
        disagreeing_accounts=len((debited.keys() | credited.keys()) - known)
        + sum((debited[i], credited[i]) != (debit, credit) for i, debit, credit, _ in accounts),
        accounts_below_minimum=sum(below for *_, below in accounts),
        difference_minor=debited.total() - credited.total(),
    )


def _verify_month(name: str, snapshot: str) -> _Month:
    postings, entries = (connection.ops.quote_name(f"ledger_{kind}_{name}") for kind in ("posting", "entry"))
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("SET TRANSACTION SNAPSHOT %s", [snapshot])
            cursor.execute("SET LOCAL statement_timeout = 0")
            cursor.execute("SET LOCAL work_mem = '256MB'")
            # The names come from the catalogue, quoted.
            cursor.execute(
                f"""
                SELECT count(e.id), coalesce(sum(p.postings), 0), count(*) FILTER (WHERE p.difference <> 0),
                       count(*) FILTER (WHERE e.id IS NULL), count(*) FILTER (WHERE p.entry_id IS NULL)
                FROM (SELECT entry_id, count(*) AS postings,
                             sum(CASE direction WHEN 'DEBIT' THEN amount_minor ELSE -amount_minor END) AS difference
                      FROM {postings} GROUP BY entry_id) p
                FULL JOIN {entries} e ON e.id = p.entry_id
                """  # noqa: S608
            )
            counts = [int(value) for value in cursor.fetchone()]
            cursor.execute(
                f"""
                SELECT account_id, coalesce(sum(amount_minor) FILTER (WHERE direction = 'DEBIT'), 0)::bigint,
                       coalesce(sum(amount_minor) FILTER (WHERE direction = 'CREDIT'), 0)::bigint
                FROM {postings} GROUP BY account_id
                """  # noqa: S608
            )
            totals = {account_id: (debit, credit) for account_id, debit, credit in cursor.fetchall()}
    finally:
        connection.close()  # This thread's own.
    entry_count, posting_count, unbalanced, without_entry, without_postings = counts
    return _Month(entry_count, posting_count, unbalanced, without_entry, without_postings, totals)
