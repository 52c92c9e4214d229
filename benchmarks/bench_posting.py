"""Booking transfers: the ledger's functions called by Python, beside what the database can do at most.

Short rounds alternate and medians are compared, so that a busy moment of the machine hits both.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from benchmarks.bank_server import bank_database
from benchmarks.report import Ratio
from deploy.local.config import ROOT
from deploy.local.postgres import Server

Worker = subprocess.Popen[str]

_ACCOUNTS = 20_000
_SECONDS = 1
_ROUNDS = 9

MAKE_ACCOUNTS = f"""
INSERT INTO ledger_ledgeraccount (id, code, kind, currency, credits_minor, minimum_balance_minor)
SELECT gen_random_uuid(), 'customer:' || n, 'customer', 'EUR', 0, -100000000 FROM generate_series(1, {_ACCOUNTS}) n
"""
# pgbench cannot draw UUIDs: a numbered copy of the ids lets it pick accounts by number.
NUMBER_ACCOUNTS = """
CREATE TABLE bench_account AS SELECT row_number() OVER () AS n, id FROM ledger_ledgeraccount;
ALTER TABLE bench_account ADD PRIMARY KEY (n); ANALYZE;
"""
_SCRIPT = f"""
\\set a random(1, {_ACCOUNTS})
\\set b 1 + (:a + random(0, {_ACCOUNTS} - 2)) % {_ACCOUNTS}
\\set amount random(1, 5000)
SELECT ledger_post_entry('credit_transfer', gen_random_uuid()::text, 'EUR', current_date,
    current_date, now(),
    ARRAY[(SELECT id FROM bench_account WHERE n = :a), (SELECT id FROM bench_account WHERE n = :b)],
    ARRAY['DEBIT', 'CREDIT'], ARRAY[:amount, :amount]::bigint[], 'Anna Schneider', 'DE89370400440532013000', 'Kern',
    'DE02120300000000202051', '', 'Order');
"""


# The batch limit: the same rows under the same indexes, with foreign keys where ours has a trigger; no question asked.
_BATCH = 10_000
_MAKE_BATCH_TABLES = """
CREATE TABLE bench_total AS SELECT id, 0::bigint AS debits, 0::bigint AS credits FROM ledger_ledgeraccount;
ALTER TABLE bench_total ADD PRIMARY KEY (id);
CREATE TABLE bench_entrykey (LIKE ledger_entrykey); ALTER TABLE bench_entrykey ADD PRIMARY KEY (entry_id);
CREATE TABLE bench_entry (LIKE ledger_entry); ALTER TABLE bench_entry ADD PRIMARY KEY (id, booking_date);
CREATE TABLE bench_posting (LIKE ledger_posting);
CREATE SEQUENCE bench_posting_id; ALTER TABLE bench_posting ALTER id SET DEFAULT nextval('bench_posting_id'),
    ADD PRIMARY KEY (id, booking_date);
CREATE INDEX ON bench_posting (account_id, booking_date DESC, id DESC); CREATE INDEX ON bench_posting (entry_id);
ALTER TABLE bench_posting ADD FOREIGN KEY (entry_id, booking_date) REFERENCES bench_entry (id, booking_date),
    ADD FOREIGN KEY (account_id) REFERENCES bench_total (id);
"""
_BATCH_SQL = f"""
CREATE TEMPORARY TABLE item ON COMMIT DROP AS
SELECT gen_random_uuid() AS id, d.id AS debit_id, c.id AS credit_id, 1 + (random() * 5000)::bigint AS amount
FROM generate_series(1, {_BATCH}) g (i)
JOIN bench_account d ON d.n = 1 + i % {_ACCOUNTS} JOIN bench_account c ON c.n = 1 + (i * 7 + 3) % {_ACCOUNTS};
INSERT INTO bench_entrykey SELECT id, current_date, 'EUR', sha256(id::text::bytea) FROM item;
INSERT INTO bench_entry SELECT id, 'credit_transfer', id, 'EUR', current_date, current_date, now(), now(),
    'Anna Schneider', 'DE89370400440532013000', 'Kern', 'DE02120300000000202051', '', 'Order' FROM item;
INSERT INTO bench_posting (entry_id, account_id, direction, amount_minor, currency, booking_date)
SELECT id, debit_id, 'DEBIT', amount, 'EUR', current_date FROM item
UNION ALL SELECT id, credit_id, 'CREDIT', amount, 'EUR', current_date FROM item;
UPDATE bench_total t SET debits = t.debits + s.debit, credits = t.credits + s.credit
FROM (SELECT account_id, coalesce(sum(amount) FILTER (WHERE side = 'D'), 0) AS debit,
             coalesce(sum(amount) FILTER (WHERE side = 'C'), 0) AS credit
      FROM (SELECT debit_id AS account_id, amount, 'D' AS side FROM item
            UNION ALL SELECT credit_id, amount, 'C' FROM item) l GROUP BY account_id) s
WHERE t.id = s.account_id;
"""


def run() -> Iterator[Ratio]:
    """Post one by one, in groups, on a hot account and as a batch, ours and the limit in turns."""
    single = "pgbench running the same statement on the same server"
    with bank_database("posting") as (server, url, environment):
        with psycopg.connect(url, autocommit=True) as connection:
            prepare_batch_limit(connection)

        def measure(
            what: str, clients: int, way: str, limit: Callable[[], float], limit_is: str, least: float
        ) -> Ratio:
            ours, limits = [], []
            with _workers(environment, clients, way) as workers:
                for _ in range(_ROUNDS):
                    limits.append(limit())
                    ours.append(_posted(workers))
            return Ratio(
                what=f"{what}: transfers per second",
                ours=statistics.median(ours),
                limit=statistics.median(limits),
                unit="/s",
                limit_is=limit_is,
                at_least=least,
            )

        yield measure("posting, 1 client", 1, "single", lambda: pgbench(server, url, 1), single, 0.7)
        yield measure("posting, 8 clients", 8, "single", lambda: pgbench(server, url, 8), single, 0.7)
        yield measure(
            "posting by the hundred, 2 clients", 2, "100", lambda: pgbench(server, url, 8), single, 1.0
        )
        with _workers(environment, 8, "single") as uniform:
            yield measure(
                "hot account in half of the transfers, 8 clients",
                8,
                "hot",
                lambda: _posted(uniform),
                "the same without a hot account",
                0.6,
            )
        yield measure(
            "posting by 10,000, 1 client",
            1,
            str(_BATCH),
            lambda: batch_limit(url),
            "the same rows by INSERT ... SELECT and UPDATE with foreign keys, no funds checked",
            0.5,
        )


def prepare_batch_limit(connection: psycopg.Connection) -> None:
    """Make the accounts and the tables that the limits are measured on."""
    connection.execute(MAKE_ACCOUNTS)
    connection.execute(NUMBER_ACCOUNTS)
    connection.execute(_MAKE_BATCH_TABLES)


def batch_limit(url: str) -> float:
    """How many transfers a second the database takes as a set, when nobody asks whether they may be."""
    with psycopg.connect(url) as connection:
        began = time.monotonic()
        connection.execute(_BATCH_SQL)
        connection.commit()
        return _BATCH / (time.monotonic() - began)


def pgbench(server: Server, url: str, clients: int) -> float:
    """How many transfers a second pgbench posts by the same statement."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(_SCRIPT)
        script.flush()
        output = subprocess.run(
            [
                *(server.program("pgbench"), "-n", "-M", "prepared", "-f", script.name),
                *("-c", str(clients), "-j", str(min(clients, 2)), "-T", str(_SECONDS), url),
            ],
            check=True,
            capture_output=True,
            text=True,
            env=os.environ | {"LC_ALL": "C"},
        ).stdout
    line = next(line for line in output.splitlines() if line.startswith("tps"))
    return float(line.split()[2])


@contextmanager
def _workers(environment: dict[str, str], clients: int, way: str) -> Iterator[list[Worker]]:
    """Processes that post on request; they wait between the rounds."""
    command = [sys.executable, "-m", "benchmarks.posting_worker"]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    workers = [
        subprocess.Popen([*command, str(seed), way], cwd=ROOT, env=environment, **pipes)
        for seed in range(clients)
    ]
    try:
        for worker in workers:
            _line(worker)
        yield workers
    finally:
        for worker in workers:
            worker.communicate()


def _posted(workers: list[Worker]) -> float:
    """How many entries a second all of them post in one round."""
    for worker in workers:
        assert worker.stdin
        worker.stdin.write(f"{_SECONDS}\n")
        worker.stdin.flush()
    return sum(float(_line(worker)) for worker in workers)


def _line(worker: Worker) -> str:
    assert worker.stdout
    line = worker.stdout.readline()
    if not line:
        raise RuntimeError("a process that posts has ended; its last words stand above")
    return line
