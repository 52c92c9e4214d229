"""What a long history costs: one transfer, one page of postings and the proof of the books, as postings pile up.

As a bank grows: each account has a hundred postings a year, and there are more and more accounts; every day before
today is closed, as the bank's nightly task does it, and the database has the quarter of the machine's memory that
PostgreSQL's manual advises. The largest number can be given: ``BENCH_POSTINGS=10000000 make bench ARGS=growth`` takes
minutes and 5 GB.
"""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import psutil
import psycopg

from benchmarks.bank_server import bank_database
from benchmarks.report import Ratio
from deploy.local.config import ROOT

_SMALL = 100_000
_LARGE = int(os.environ.get("BENCH_POSTINGS", "1000000"))
_POSTINGS_AN_ACCOUNT = 100
_MONTHS = 12
_PROOF_POSTINGS_PER_SECOND = 10_000_000 / 60

# As the ledger would have written it over a year, but as a set and past the triggers: this is about size.
_FILL = f"""
SET LOCAL session_replication_role = replica;
INSERT INTO ledger_ledgeraccount (id, code, kind, currency, minimum_balance_minor)
SELECT md5(n::text)::uuid, 'customer:' || n, 'customer', 'EUR', -100000000000
FROM generate_series(%(offset)s::bigint, %(offset)s::bigint + %(accounts)s::bigint - 1) n;
CREATE TEMPORARY TABLE item ON COMMIT DROP AS
SELECT ledger_entry_id('credit_transfer', n::text) AS id, n,
       (date_trunc('month', now())::date - (n * 7919 %% ({_MONTHS} * 30))::int) AS day,
       md5((%(offset)s::bigint + n %% %(accounts)s::bigint)::text)::uuid AS debit_id,
       md5((%(offset)s::bigint + (n + 1 + n / %(accounts)s::bigint) %% %(accounts)s::bigint)::text)::uuid AS credit_id
FROM generate_series(%(first)s::bigint, %(last)s::bigint) n
WHERE (1 + n / %(accounts)s::bigint) %% %(accounts)s::bigint <> 0;
INSERT INTO ledger_entrykey SELECT id, day, 'EUR', '' FROM item;
INSERT INTO ledger_entry SELECT id, 'credit_transfer', n, 'EUR', day, day, now(), now(), 'Anna Schneider',
    'DE89370400440532013000', 'Kern', 'DE02120300000000202051', '', 'Order' FROM item;
INSERT INTO ledger_posting (entry_id, account_id, direction, amount_minor, currency, booking_date, balance_after_minor)
SELECT id, CASE side WHEN 'DEBIT' THEN debit_id ELSE credit_id END, side, 1, 'EUR', day, 0
FROM (SELECT * FROM item ORDER BY day) i, unnest(ARRAY['DEBIT', 'CREDIT']) side;
UPDATE ledger_ledgeraccount a SET debits_minor = debits_minor + s.debits, credits_minor = credits_minor + s.credits,
    last_booking_date = greatest(last_booking_date, s.day)
FROM (SELECT account_id, sum(debits) AS debits, sum(credits) AS credits, max(day) AS day FROM (
          SELECT debit_id AS account_id, 1 AS debits, 0 AS credits, day FROM item
          UNION ALL SELECT credit_id, 0, 1, day FROM item) legs GROUP BY account_id) s WHERE a.id = s.account_id;
"""
# What is filled in lies in the past: the days are closed anew, as they were when it was their turn.
_OPEN_DAYS = """
SET LOCAL session_replication_role = replica;
TRUNCATE ledger_closedday, ledger_dailybalance;
"""
_CLOSE_DAYS = ("SELECT ledger_begin_closing(current_date - 1)", "SELECT ledger_finish_closing()")
_STEP = 500_000


def run() -> Iterator[Ratio]:
    """Measure at a hundred thousand postings, fill up, measure again."""
    with bank_database("growth", shared_buffers=f"{_quarter_of_memory_mb()}MB") as (_, url, environment):
        _fill(url, 0, _SMALL)
        small = _measure(environment)
        _fill(url, _SMALL, _LARGE)
        large = _measure(environment)
    name = f"{_LARGE:,} postings beside {_SMALL:,}"
    for what in ("one transfer", "one page of an account's postings", "one balance of a day"):
        yield Ratio(
            what=f"{what}, ms",
            ours=large[what],
            limit=small[what],
            unit="ms",
            limit_is=name,
            at_most=1.2,
        )
    yield Ratio(
        what="proof of the books: postings per second",
        ours=large["postings"] / large["proof"],
        limit=_PROOF_POSTINGS_PER_SECOND,
        unit="/s",
        limit_is="ten millions in a minute",
        at_least=1,
    )


def _quarter_of_memory_mb() -> int:
    """PostgreSQL's manual: "a reasonable starting value for shared_buffers is 25% of the memory in your system"."""
    return int(psutil.virtual_memory().total // 4 // 2**20)


def _fill(url: str, so_far: int, until: int) -> None:
    entries, last = so_far // 2, until // 2
    while entries < last:
        end = min(entries + _STEP, last)
        with psycopg.connect(url) as connection, psycopg.ClientCursor(connection) as cursor:
            accounts = 2 * (end - entries) // _POSTINGS_AN_ACCOUNT
            numbers = {"first": entries + 1, "last": end, "offset": entries, "accounts": accounts}
            cursor.execute(_FILL, numbers)
        entries = end
    with psycopg.connect(url, autocommit=True) as connection:
        with connection.transaction():
            connection.execute(_OPEN_DAYS)
        for step in _CLOSE_DAYS:
            connection.execute(step)
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def _measure(environment: dict[str, str]) -> dict[str, float]:
    output = subprocess.run(
        [sys.executable, "-m", "benchmarks.growth_worker"],
        cwd=ROOT,
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    found: dict[str, Any] = json.loads(output)
    return {
        name: statistics.median(value) if isinstance(value, list) else value for name, value in found.items()
    }
