"""Booking transfers: the ledger's own function called by Python, beside pgbench calling the very same function.

Short rounds alternate and medians are compared, so that a busy moment of the machine hits both.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
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
_ROUNDS = 15

_MAKE_ACCOUNTS = f"""
INSERT INTO ledger_ledgeraccount (id, code, kind, currency, credits_minor, minimum_balance_minor)
SELECT gen_random_uuid(), 'customer:' || n, 'customer', 'EUR', 0, -100000000 FROM generate_series(1, {_ACCOUNTS}) n
"""
# pgbench cannot draw UUIDs: a numbered copy of the ids lets it pick accounts by number.
_NUMBER_ACCOUNTS = """
CREATE TABLE bench_account AS SELECT row_number() OVER () AS n, id FROM ledger_ledgeraccount;
ALTER TABLE bench_account ADD PRIMARY KEY (n); ANALYZE;
"""
_SCRIPT = f"""
\\set a random(1, {_ACCOUNTS})
\\set b 1 + (:a + random(0, {_ACCOUNTS} - 2)) % {_ACCOUNTS}
\\set amount random(1, 5000)
SELECT ledger_post_entry(gen_random_uuid(), 'credit_transfer', gen_random_uuid()::text, 'EUR', current_date,
    current_date, now(),
    ARRAY[(SELECT id FROM bench_account WHERE n = :a), (SELECT id FROM bench_account WHERE n = :b)],
    ARRAY['DEBIT', 'CREDIT'], ARRAY[:amount, :amount]::bigint[], 'Anna Schneider', 'DE89370400440532013000', 'Kern',
    'DE02120300000000202051', '', 'Order');
"""


def run() -> Iterator[Ratio]:
    """Post with 1 and with 8 clients, ours and pgbench's in turns."""
    with bank_database("posting") as (server, url, environment):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_MAKE_ACCOUNTS)
            connection.execute(_NUMBER_ACCOUNTS)
        for clients in (1, 8):
            ours, limit = [], []
            with _workers(environment, clients) as workers:
                for _ in range(_ROUNDS):
                    limit.append(_pgbench(server, url, clients))
                    ours.append(_posted(workers) / _SECONDS)
            yield Ratio(
                what=f"posting, {clients} client{'s' if clients > 1 else ''}: transfers per second",
                ours=statistics.median(ours),
                limit=statistics.median(limit),
                unit="/s",
                limit_is="pgbench running the same statement on the same server",
                at_least=0.7,
            )


def _pgbench(server: Server, url: str, clients: int) -> float:
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
def _workers(environment: dict[str, str], clients: int) -> Iterator[list[Worker]]:
    """Processes that post on request; they wait between the rounds."""
    command = [sys.executable, "-m", "benchmarks.posting_worker"]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    workers = [
        subprocess.Popen([*command, str(seed)], cwd=ROOT, env=environment, **pipes) for seed in range(clients)
    ]
    try:
        for worker in workers:
            _line(worker)
        yield workers
    finally:
        for worker in workers:
            worker.communicate()


def _posted(workers: list[Worker]) -> int:
    """How many entries all of them post in one round."""
    for worker in workers:
        assert worker.stdin
        worker.stdin.write(f"{_SECONDS}\n")
        worker.stdin.flush()
    return sum(int(_line(worker)) for worker in workers)


def _line(worker: Worker) -> str:
    assert worker.stdout
    line = worker.stdout.readline()
    if not line:
        raise RuntimeError("a process that posts has ended; its last words stand above")
    return line
