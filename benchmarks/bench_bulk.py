"""Files of payments: the memory that a check of 100,000 takes; how fast 10,000 are booked and signed."""

import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import psycopg

from benchmarks.bank_server import bank_database
from benchmarks.bench_posting import batch_limit, prepare_batch_limit
from benchmarks.report import Ratio
from deploy.local.config import ROOT

_LARGE, _BOOKED = 100_000, 10_000
_MEMORY_MB = 24
_SECONDS = 60
_ROUNDS = 7
_SIGNED_SECONDS = 2


def run() -> Iterator[Ratio]:
    """Check one large file; book several of a tenth of its size between rounds of the limit."""
    with bank_database("bulk") as (_server, _url, environment):
        figures = _figures(environment, "check", _LARGE)
    yield Ratio(
        what=f"bulk file of {_LARGE:,}, {figures['file_mb']:.0f} MB: memory it adds",
        ours=figures["growth_mb"],
        limit=_MEMORY_MB,
        unit="MB",
        limit_is=f"what is flat; the process has {figures['rss_mb']:.0f} MB",
        at_most=1.0,
    )
    yield Ratio(
        what=f"bulk file of {_LARGE:,}: seconds from upload to its result",
        ours=figures["seconds"],
        limit=_SECONDS,
        unit="s",
        limit_is="a minute, on a machine that does nothing else",
    )
    with bank_database("bulk") as (_server, url, environment):
        with psycopg.connect(url, autocommit=True) as connection:
            prepare_batch_limit(connection)
        rates, limits = _booked_in_turns(environment, lambda: batch_limit(url))
    yield Ratio(
        what=f"bulk file of {_BOOKED:,}: payments booked per second",
        ours=statistics.median(rates),
        limit=statistics.median(limits),
        unit="/s",
        limit_is="the same rows by INSERT ... SELECT and UPDATE with foreign keys, no funds checked",
        at_least=0.5,
    )
    with bank_database("bulk") as (_server, _url, environment):
        signed = _figures(environment, "sign", _BOOKED)
    for strategy in ("riskiest", "random"):
        yield Ratio(
            what=f"bulk file of {_BOOKED:,}: seconds to sign, {strategy} shown",
            ours=statistics.median(signed[strategy]),
            limit=_SIGNED_SECONDS,
            unit="s",
            limit_is="what a customer waits for after two clicks",
            at_most=1.0,
        )
    yield Ratio(
        what=f"bulk file of {_BOOKED:,}: choosing the riskiest and all the rest",
        ours=statistics.median(signed["riskiest"]),
        limit=statistics.median(signed["hash"]),
        unit="s",
        limit_is="hashing its payments, which is never done without",
        at_most=12.0,
    )


def _booked_in_turns(
    environment: dict[str, str], limit: Callable[[], float]
) -> tuple[list[float], list[float]]:
    """Files booked and the limit measured by turns, so that a busy moment of the machine hits both."""
    rates: list[float] = []
    limits: list[float] = []
    command = [sys.executable, "-m", "benchmarks.bulk_worker", "book", str(_BOOKED)]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdin
        assert worker.stdout
        for _ in range(_ROUNDS + 1):
            limits.append(limit())
            print(file=worker.stdin, flush=True)
            rates.append(float(worker.stdout.readline()))
    return rates[1:], limits[1:]  # The first round warms up.


def _figures(environment: dict[str, str], what: str, count: int) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.bulk_worker", what, str(count)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures
