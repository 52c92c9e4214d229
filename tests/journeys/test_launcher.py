"""``make run`` as its user sees it: one command, one Ctrl-C, nothing left behind."""

import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time

import psutil
import pytest

from deploy.local import postgres, running
from deploy.local.config import ROOT, free_ports, from_environment
from tests.journeys.people import eventually
from tests.journeys.stack import begin_with_tables
from tests.plugin import TEST_VAR

PROGRAMS = ("web", "worker", "engine", "relay", "tpp", "clearing")


class Launcher:
    """One ``make run``: its folder and ports stay the same from start to start."""

    def __init__(self):
        web, tpp, clearing, pg = free_ports(4)
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": "/nonexistent",
            "BANK_VAR_DIR": str(TEST_VAR / f"run-{os.getpid()}"),
            "WEB_PORT": str(web),
            "TPP_PORT": str(tpp),
            "CLEARING_PORT": str(clearing),
            "PG_PORT": str(pg),
        }
        self.config = from_environment(self.environment)
        self.process = None
        self.output = TEST_VAR / f"run-{os.getpid()}.out"

    def start(self, *, until="Ctrl-C stops everything"):
        """Start it and wait for the words that it prints when it is up."""
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "deploy.local.run"],
                cwd=ROOT,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + 120
        while until not in self.said:
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.1)
        return self

    def run_to_the_end(self):
        """Start it where it cannot stay up; exit code and what it said."""
        done = subprocess.run(
            [sys.executable, "-m", "deploy.local.run"],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.returncode, done.stdout + done.stderr

    @property
    def said(self):
        return self.output.read_text(errors="replace")

    def program(self, name):
        """The process of a program, as the launcher names it."""
        return psutil.Process(int(re.findall(rf"{name} started \(pid=([0-9]+)\)", self.said)[-1]))

    def everything(self):
        """Every process that belongs to it."""
        root = psutil.Process(self.process.pid)
        server = postgres.Server(home=self.config.var / "postgres", port=self.config.pg_port, password="")
        postmaster = server.process()
        assert postmaster is not None
        return [root, *root.children(recursive=True), postmaster]

    def stop(self, number=signal.SIGINT):
        """Ask it to end; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=30)

    def close(self):
        if self.process and self.process.poll() is None:
            self.stop(signal.SIGTERM)
        running.end_leftovers(self.config)
        postgres.Server(home=self.config.var / "postgres", port=self.config.pg_port, password="").destroy()
        shutil.rmtree(self.config.var, ignore_errors=True)
        self.output.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def launcher():
    """Its tables are there already: from nothing, ``make demo`` starts in a fresh clone (.ci/run)."""
    TEST_VAR.mkdir(parents=True, exist_ok=True)
    found = Launcher()
    begin_with_tables(found.config)
    yield found
    found.close()


def _gone(processes):
    _, alive = psutil.wait_procs(processes, timeout=5)
    return alive


def _listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_it_prints_addresses_and_log_ins_and_ends_everything_on_ctrl_c(launcher):
    launcher.start()
    assert f"http://localhost:{launcher.config.web_port}/" in launcher.said
    assert f"http://127.0.0.1:{launcher.config.tpp_port}/" in launcher.said
    for customer in json.loads((launcher.config.var / "sandbox.json").read_text())["customers"]:
        assert customer["user_id"] in launcher.said
        assert customer["password"] in launcher.said
    assert all(launcher.program(name).is_running() for name in PROGRAMS)
    processes = launcher.everything()
    assert launcher.stop(signal.SIGINT) == 0
    assert _gone(processes) == []
    config = launcher.config
    ports = (config.web_port, config.tpp_port, config.clearing_port, config.pg_port)
    assert not any(map(_listens, ports))


def test_secrets_and_keys_are_closed_to_other_users(launcher):
    keys = list((launcher.config.var / "keys").rglob("*.pem"))
    assert keys
    for path in (launcher.config.env_file, launcher.config.var / "sandbox.json", *keys):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_a_second_start_keeps_the_data_and_sets_nothing_up(launcher):
    before = (launcher.config.var / "sandbox.json").read_bytes()
    launcher.start()
    assert (launcher.config.var / "sandbox.json").read_bytes() == before
    assert "Tables of the database" not in launcher.said
    assert launcher.stop(signal.SIGTERM) == 0


def test_a_second_launcher_gets_one_sentence(launcher):
    launcher.start()
    code, said = launcher.run_to_the_end()
    assert code == 2
    assert "is running already" in said
    assert str(launcher.process.pid) in said
    assert len(said.strip().splitlines()) == 1
    eventually(lambda: running.is_up(launcher.config), what="the first one's answer")


def test_a_program_that_dies_ends_everything_and_is_told(launcher):
    processes = launcher.everything()
    launcher.program("engine").kill()
    assert launcher.process.wait(timeout=30) not in (0, None)
    assert "engine stopped" in launcher.said
    assert "One program ended by itself" in launcher.said
    assert _gone(processes) == []


def test_what_a_killed_launcher_left_is_ended_by_the_next(launcher):
    launcher.start()
    left = [process for process in launcher.everything() if process.pid != launcher.process.pid]
    launcher.process.kill()
    launcher.process.wait(timeout=5)
    assert _listens(launcher.config.web_port)
    launcher.start()
    assert "that an earlier start left behind" in launcher.said
    server = launcher.everything()[-1]
    assert [process for process in left if process.is_running() and process != server] == []


def test_when_postgresql_dies_everything_ends_and_its_log_is_named(launcher):
    processes = launcher.everything()
    processes[-1].kill()
    assert launcher.process.wait(timeout=30) == 1
    assert "PostgreSQL has ended" in launcher.said
    assert _gone(processes) == []


@pytest.mark.parametrize("name", ["WEB_PORT", "TPP_PORT", "CLEARING_PORT", "PG_PORT"])
def test_a_port_in_use_gets_one_sentence(launcher, name):
    port = int(launcher.environment[name])
    with socket.create_server(("127.0.0.1", port)):
        code, said = launcher.run_to_the_end()
    assert code == 2
    assert f"Port {port} is in use by another program" in said
    assert f"{name}={port + 1}" in said
    assert "Traceback" not in said
    assert not (launcher.config.var / "run.json").exists()
