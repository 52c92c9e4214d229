"""What pytest needs before Django's settings are read, and what becomes of skipped tests.

Loaded by ``-p tests.plugin`` (pyproject.toml), because a conftest.py would come too late: pytest-django reads
the settings, and with them the database's address, before any conftest.py.
"""

import atexit
import gc
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from deploy.local.config import DATABASE, free_ports
from deploy.local.console import Refusal
from deploy.local.postgres import Server
from tests import pristine

# Modules and tests come in by the hundred thousand objects, of which nothing is garbage.
gc.set_threshold(20_000, 20, 50)

TEST_VAR = Path(__file__).resolve().parent.parent / "var" / "test"
_started: list[Server] = []


@pytest.hookimpl(tryfirst=True, wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """Give this session a PostgreSQL of its own, unless DATABASE_URL names one."""
    if not os.environ.get("DATABASE_URL"):
        try:
            os.environ["DATABASE_URL"] = _start_server()
            os.environ["BANK_TESTS_EMBEDDED"] = "1"  # xdist's processes inherit it.
        except Refusal as refusal:
            raise pytest.UsageError(str(refusal)) from None
    return (yield)


def is_embedded() -> bool:
    """Whether this session runs on a PostgreSQL that it started itself."""
    return os.environ.get("BANK_TESTS_EMBEDDED") == "1"


def _start_server() -> str:
    _remove_leftovers()
    server = Server(
        home=TEST_VAR / f"postgres-{os.getpid()}",
        port=free_ports(1)[0],
        password="",  # The copy's.
        # The tests' own server outlives no power cut; the bank's has it on (tests/journeys).
        settings={
            "fsync": "off",
            "full_page_writes": "off",
            "wal_level": "minimal",
            "max_wal_senders": "0",
            "max_connections": "200",
            "shared_buffers": "128MB",
        },
    )
    _started.append(server)
    atexit.register(_stop_servers)  # For a session that ends before it began: a settings error.
    pristine.begin_with_tables(server)
    server.start()
    return server.url(database=DATABASE)


def _stop_servers() -> None:
    while _started:
        _started.pop().destroy()


def _remove_leftovers() -> None:
    """Servers of sessions that were killed."""
    for place in TEST_VAR.glob("postgres-*[0-9]"):
        if not psutil.pid_exists(int(place.name.partition("-")[2])):
            Server(home=place, port=1, password="").destroy()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the server; pytest-django has dropped the test database by then.

    And, where the session was asked to end, the banks of the processes that had no time to.
    """
    _stop_servers()
    if not hasattr(config, "workerinput"):
        if any(TEST_VAR.glob("bank-*-*")) or any(TEST_VAR.glob("run-*/")):
            from tests.journeys.stack import remove_leftovers

            remove_leftovers()
        for folder in ("main", *(f"gw{n}" for n in range(16))):
            shutil.rmtree(TEST_VAR / folder, ignore_errors=True)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Spare the garbage collector what stays to the end anyway: seven thousand tests and all modules."""
    gc.collect()
    gc.freeze()


# Skips -----------------------------------------------------------------------------------------------


def require_all() -> bool:
    """Whether a skipped test is a failure: so in CI, where everything that a test may need is there."""
    return os.environ.get("BANK_REQUIRE_ALL") == "1"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """With BANK_REQUIRE_ALL=1, turn a skip into a failure that gives the reason."""
    report: pytest.TestReport = yield  # type: ignore[misc, assignment]
    if report.skipped and require_all() and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"BANK_REQUIRE_ALL=1 forbids skips. {reason}"
    return report  # type: ignore[return-value]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count the skips where nobody can overlook them."""
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped:
        terminalreporter.write_line(
            f"{len(skipped)} tests were skipped (reasons above); BANK_REQUIRE_ALL=1 makes that a failure.",
            yellow=True,
        )


def pytest_report_header() -> str:
    """Say on which database the tests run."""
    own = "embedded PostgreSQL 18" if is_embedded() else "the server of DATABASE_URL"
    return f"database: {own}, Python {sys.version.split()[0]}"
