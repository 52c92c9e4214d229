"""What a test process that was ended left running is ended by the session, and what runs is left alone."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from deploy.local import running
from deploy.local.config import Config
from tests.journeys import stack


@pytest.fixture
def sleepers() -> Iterator[list[subprocess.Popen[bytes]]]:
    command = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]
    started = [subprocess.Popen(command) for _ in range(2)]
    yield started
    for process in started:
        process.kill()
        process.wait()


def written_down(var: Path, process: psutil.Process) -> Path:
    """A bank's folder, in which the process stands as one of its programs."""
    var.mkdir()
    config = Config(
        var=var, web_port=1, tpp_port=1, clearing_port=1, pg_port=1, database_url="", broker_url=""
    )
    running.write(config, ready=True, processes=[process])
    return var


def test_only_the_bank_of_a_process_that_is_gone(
    sleepers: list[subprocess.Popen[bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack, "TEST_VAR", tmp_path)
    gone = subprocess.Popen([sys.executable, "-S", "-c", ""])
    while psutil.Process(gone.pid).status() != psutil.STATUS_ZOMBIE:  # Ended, and not yet waited for.
        pass
    ours, theirs = sleepers
    program, other = psutil.Process(ours.pid), psutil.Process(theirs.pid)
    left = written_down(tmp_path / f"bank-{gone.pid}-a1b2c3", program)
    kept = written_down(tmp_path / f"bank-{theirs.pid}-a1b2c3", other)
    stack.remove_leftovers()
    gone.wait()
    assert (left.exists(), kept.exists()) == (False, True)
    assert (program.is_running(), other.is_running()) == (False, True)
