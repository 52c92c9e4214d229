"""From the customer's authorisation to the booking, through outbox, relay, broker and engine as in ``make run``."""

import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import psycopg

from benchmarks import bench_posting
from benchmarks.bank_server import bank_database
from benchmarks.report import Ratio
from deploy.local.config import ROOT

_ROUNDS = 7
_PAYMENTS = 600
_STEADY = (300, 40)
_BROKERS = {"files": "filesystem://localhost//", "RabbitMQ": "BENCH_RABBITMQ_URL", "Redis": "BENCH_REDIS_URL"}


def run() -> Iterator[Ratio]:
    """A full queue beside the database's limit, and how long one payment takes while they come one by one.

    The brokers that need a server are measured where ``BENCH_RABBITMQ_URL`` or ``BENCH_REDIS_URL`` names one.
    """
    for name, url in _BROKERS.items():
        broker = url if "://" in url else os.environ.get(url, "")
        if broker:
            yield from _measure(name, broker)


def _measure(name: str, broker: str) -> Iterator[Ratio]:
    with bank_database("engine") as (server, url, environment), ExitStack() as stack:
        environment |= {"CELERY_BROKER_URL": broker, "PYTHONUNBUFFERED": "1"}
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(bench_posting.MAKE_ACCOUNTS)
            connection.execute(bench_posting.NUMBER_ACCOUNTS)
        celery = (sys.executable, "-m", "celery", "--quiet", "--skip-checks", "-A", "celery_worker", "worker")
        quiet = ("--loglevel=WARNING", "--without-mingle", "--without-gossip", "--without-heartbeat")
        for command in (
            (sys.executable, "manage.py", "relay_outbox", "--skip-checks"),
            (*celery, "-Q", "engine", "-n", "engine@%h", "--pool=threads", "-c", "2", *quiet),
        ):
            stack.callback(_stop, subprocess.Popen(command, cwd=ROOT, env=environment))
        worker = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.engine_worker"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        stack.callback(worker.communicate)
        _answer(worker, "")
        _answer(worker, "full 50\n")  # Connect and prepare, before the clock runs.
        ours, limits = [], []
        for _ in range(_ROUNDS):
            limits.append(bench_posting.pgbench(server, url, 8))
            ours.append(float(_answer(worker, f"full {_PAYMENTS}\n")))
        yield Ratio(
            what=f"engine, full queue, broker {name}: payments per second",
            ours=statistics.median(ours),
            limit=statistics.median(limits),
            unit="/s",
            limit_is="pgbench posting one by one with 8 clients, nothing else asked or written",
            at_least=0.4,
        )
        count, rate = _STEADY
        yield Ratio(
            what=f"engine, {rate} payments a second, broker {name}: 99th percentile to the booking",
            ours=float(_answer(worker, f"steady {count} {rate}\n")),
            limit=1.0,
            unit="s",
            limit_is="what requirements allow",
            at_most=1.0,
        )


def _answer(worker: "subprocess.Popen[str]", question: str) -> str:
    pipes: Any = worker
    if question:
        pipes.stdin.write(question)
        pipes.stdin.flush()
    line: str = pipes.stdout.readline()
    if not line:
        raise RuntimeError(
            "the process that lays payments before the engine has ended; its last words stand above"
        )
    return line


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    process.wait(timeout=30)
