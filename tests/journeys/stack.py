"""A bank for tests: the programs of ``deploy.local``, started one by one, so that a test can kill one.

Everything lies in a folder of its own under ``var/test`` and listens on free ports, so that several of these
and a developer's own ``make run`` live beside one another.
"""

import contextlib
import hashlib
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from deploy.local import postgres, running
from deploy.local.config import ROOT, Config, ensure_folder, free_ports, write_env_file
from deploy.local.stack import Stack, prepared
from tests import pristine
from tests.plugin import TEST_VAR, is_embedded

READY_SECONDS = 60

# One for all calls: making one loads the certificates of every authority, which takes longer than most calls do.
# Nothing is kept open, since what answers is killed now and then.
HTTP = httpx.Client(trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))


@dataclass
class RunningStack:
    """The running bank, as a test sees it: addresses, log-ins, and its programs by name."""

    stack: Stack
    _processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def bank_url(self) -> str:
        """Where the bank answers, without a trailing slash."""
        return self.stack.config.bank_url

    @property
    def tpp_url(self) -> str:
        """Where the demo TPP answers, without a trailing slash."""
        return self.stack.config.tpp_url

    @property
    def clearing_url(self) -> str:
        """Where the clearing house answers, without a trailing slash."""
        return self.stack.config.clearing_url

    @property
    def owner_url(self) -> str:
        """The database as its owner."""
        return self.stack.owner_url

    @property
    def var(self) -> Path:
        """The folder of its run-time files."""
        return self.stack.config.var

    @property
    def sandbox(self) -> dict[str, Any]:
        """The contents of sandbox.json."""
        return self.stack.sandbox()

    def database_url(self, name: str) -> str:
        """The database as the program of that name sees it (its role): "web", "engine"."""
        return self.stack.programs[name].environment["DATABASE_URL"]

    def log(self, name: str) -> str:
        """What the program has printed so far."""
        return self._log_file(name).read_text(errors="replace")

    def customer(self, user_id: str) -> dict[str, Any]:
        """One customer of sandbox.json."""
        found: dict[str, Any] = next(c for c in self.sandbox["customers"] if c["user_id"] == user_id)
        return found

    def tpp(self, name: str) -> dict[str, Any]:
        """One TPP of sandbox.json."""
        found: dict[str, Any] = next(t for t in self.sandbox["tpps"] if t["name"] == name)
        return found

    def messages(self, customer: str) -> list[dict[str, Any]]:
        """The customer's text messages, as the sandbox's phone shows them."""
        answer = HTTP.get(f"{self.bank_url}/sandbox/messages.json", params={"customer": customer})
        answer.raise_for_status()
        found = answer.json()
        messages: list[dict[str, Any]] = found["messages"] if isinstance(found, dict) else found
        return messages

    def ledger(self) -> dict[str, Any]:
        """Sums and counts of the ledger."""
        answer = HTTP.get(f"{self.bank_url}/sandbox/ledger.json")
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    # Programs -----------------------------------------------------------------------------------------

    def is_running(self, name: str) -> bool:
        """Whether the program runs."""
        process = self._processes.get(name)
        return process is not None and process.poll() is None

    def start(self, name: str, *, environment: dict[str, str] | None = None, wait: bool = True) -> None:
        """Start one program, with more environment variables if given (``CRASH_AT=...``)."""
        if self.is_running(name):
            return
        program = self.stack.programs[name]
        with self._log_file(name).open("ab") as log:
            self._processes[name] = subprocess.Popen(
                program.command,
                cwd=ROOT,
                env=dict(program.environment) | (environment or {}),
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._write_down()
        if wait and name in ("web", "tpp", "clearing"):
            self._wait_for(name)

    def stop(self, name: str) -> None:
        """Ask one program to end, and wait for it."""
        self._end(name, signal.SIGTERM)

    def kill(self, name: str) -> None:
        """Kill one program and its children as ``kill -9`` does."""
        self._end(name, signal.SIGKILL)

    def start_all(self) -> None:
        """Start every program that does not run."""
        for name in self.stack.programs:
            self.start(name, wait=False)
        for name in ("web", "tpp", "clearing"):
            self._wait_for(name)

    def stop_all(self) -> None:
        """End every program."""
        for name in self._processes:
            self._signal(name, signal.SIGTERM)
        for name in self._processes:
            self._end(name, signal.SIGTERM)

    def _write_down(self) -> None:
        """For whoever finds this folder after the test session was killed."""
        living = [
            psutil.Process(process.pid) for process in self._processes.values() if process.poll() is None
        ]
        running.write(self.stack.config, ready=True, processes=living)

    def _log_file(self, name: str) -> Path:
        return self.stack.config.logs / f"{name}.log"

    def _signal(self, name: str, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._processes[name].pid, number)

    def _end(self, name: str, number: int) -> None:
        process = self._processes[name]
        self._signal(name, number)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._signal(name, signal.SIGKILL)
            process.wait(timeout=10)
        else:
            self._signal(name, signal.SIGKILL)  # Children that outlived it.

    def _wait_for(self, name: str) -> None:
        url = {
            "web": f"{self.bank_url}/health/ready",
            "tpp": f"{self.tpp_url}/",
            "clearing": f"{self.clearing_url}/health",
        }[name]
        deadline = time.monotonic() + READY_SECONDS
        while not running.answers(url):
            if not self.is_running(name) or time.monotonic() > deadline:
                raise AssertionError(f"{name} does not answer at {url}; its log:\n{self.log(name)[-3000:]}")
            time.sleep(0.1)


@contextlib.contextmanager
def running_stack(*, broker_url: str = "") -> Iterator[RunningStack]:
    """A bank of its own, with fresh data, up and answering; gone afterwards.

    With a PostgreSQL of its own, or, if DATABASE_URL names a server, with a database of its own there.
    """
    remove_leftovers()
    web, tpp, clearing, pg = free_ports(4)
    var = TEST_VAR / f"bank-{os.getpid()}-{secrets.token_hex(3)}"
    server = "" if is_embedded() else os.environ.get("DATABASE_URL", "")
    url = postgres.with_database(server, f"bank_journeys_{secrets.token_hex(4)}") if server else ""
    config = Config(
        var=var,
        web_port=web,
        tpp_port=tpp,
        clearing_port=clearing,
        pg_port=pg,
        database_url=url,
        broker_url=broker_url,
    )
    if server:
        _share_role_passwords(config, server)
    else:
        begin_with_tables(config)
    try:
        with prepared(config) as stack:
            running_one = RunningStack(stack)
            try:
                running_one.start_all()
                yield running_one
            finally:
                running_one.stop_all()
    finally:
        if url:
            postgres.drop_database(url)
        _remove(var, pg)


def _share_role_passwords(config: Config, server: str) -> None:
    """Roles belong to a whole server: banks beside one another there must agree on their passwords."""
    ensure_folder(config)
    names = ("BANK_WEB_PASSWORD", "BANK_ENGINE_PASSWORD")
    write_env_file(config, {name: hashlib.sha256(f"{name} {server}".encode()).hexdigest() for name in names})


def begin_with_tables(config: Config) -> None:
    """A PostgreSQL that has the tables already, so that a journey waits for no migration."""
    ensure_folder(config)
    server = postgres.Server(home=config.var / "postgres", port=config.pg_port, password="")
    pristine.begin_with_tables(server)
    write_env_file(config, {"PG_OWNER_PASSWORD": server.password})


def _remove(var: Path, port: int) -> None:
    postgres.Server(home=var / "postgres", port=port, password="").destroy()
    shutil.rmtree(var, ignore_errors=True)


def remove_leftovers() -> None:
    """Banks of test processes that are gone: killed, or ended by xdist in the middle."""
    for var in [*TEST_VAR.glob("bank-*-*"), *TEST_VAR.glob("run-*/")]:
        if not _lives(int(var.name.split("-")[1])):
            running.end_leftovers(
                Config(
                    var=var,
                    web_port=1,
                    tpp_port=1,
                    clearing_port=1,
                    pg_port=1,
                    database_url="",
                    broker_url="",
                )
            )
            _remove(var, 1)
            var.with_suffix(".out").unlink(missing_ok=True)


def _lives(pid: int) -> bool:
    """Whether the process runs; one that has ended and is only not yet waited for does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
