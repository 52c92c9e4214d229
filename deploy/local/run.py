"""``make run``: start the bank and the demo TPP, print addresses and log-ins, stay up until Ctrl-C.

honcho keeps the programs: it starts each in a process group of its own, prints what they say, and ends them
all on Ctrl-C, on SIGTERM, or when one of them dies. One that dies ends everything with a non-zero exit code:
on a developer's machine a program that came back by itself would only hide why it died. In production a
service manager restarts each program on its own (docs/operations/).
"""

import argparse
import contextlib
import gc
import os
import shlex
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any, TextIO

import psutil
from honcho.manager import Manager
from honcho.printer import Printer

from deploy.local import running
from deploy.local.config import ROOT, Config, check_port, ensure_folder, from_environment
from deploy.local.console import say, sentences
from deploy.local.stack import Stack, prepared

_READY_SECONDS = 90


class _Stopped(Exception):
    """Somebody asked us to stop while we were still setting up."""


def _stop_on_signals() -> None:
    def stop(number: int, frame: object) -> None:
        raise _Stopped

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)


class _Watch(threading.Thread):
    """Beside honcho: says when all answers, and ends it when PostgreSQL dies or nothing answers."""

    def __init__(self, stack: Stack, *, started: float) -> None:
        super().__init__(daemon=True)
        self._stack = stack
        self._began = started
        self._over = threading.Event()
        self.failure = ""

    def run(self) -> None:
        config = self._stack.config
        waiting = {
            "the bank": config.bank_url + "/health/ready",
            "the demo TPP": config.tpp_url + "/",
            "the clearing house": config.clearing_url + "/health",
        }
        said = time.monotonic()
        while waiting:
            if self._over.wait(0.1) or not self._postgres_lives():
                return
            waiting = {name: url for name, url in waiting.items() if not running.answers(url)}
            self._write_down(ready=False)
            if time.monotonic() - said > 5:
                said = time.monotonic()
                say(f"  Waiting for {' and '.join(waiting)} to answer ... {said - self._began:.0f} s")
            if time.monotonic() - self._began > _READY_SECONDS and waiting:
                self._end_all(
                    f"{' and '.join(waiting).capitalize()} did not answer within {_READY_SECONDS} s."
                )
                return
        self._write_down(ready=True)
        say(_welcome(self._stack, time.monotonic() - self._began))
        while not self._over.wait(1):
            if not self._postgres_lives():
                return

    def stop(self) -> None:
        self._over.set()
        self.join(timeout=5)

    def _postgres_lives(self) -> bool:
        server = self._stack.server
        if server and server.process() is None:
            self._end_all(f"PostgreSQL has ended; the end of {server.log} says why.")
            return False
        return True

    def _end_all(self, failure: str) -> None:
        if not self._over.is_set():
            self.failure = failure
            os.kill(os.getpid(), signal.SIGTERM)

    def _write_down(self, *, ready: bool) -> None:
        running.write(self._stack.config, ready=ready, processes=psutil.Process().children(recursive=True))


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _welcome(stack: Stack, seconds: float) -> str:
    """The addresses and the sandbox's log-ins."""
    config = stack.config
    sandbox = stack.sandbox()
    addresses: list[tuple[str, ...]] = [
        ("Portal for customers", config.bank_url + "/"),
        ("Their phone (SMS)", config.bank_url + "/sandbox/"),
        ("Demo TPP", config.tpp_url + "/"),
        ("Console for developers", config.bank_url + "/developers/"),
        ("Staff", config.bank_url + "/staff/"),
        ("Interface for TPPs", config.bank_url + "/v1/"),
        ("Clearing house", config.clearing_url + "/"),
    ]
    people: list[tuple[str, ...]] = [("", "User ID", "Password", "Name")]
    for kind, label in (("customers", "Customer"), ("staff", "Staff"), ("tpp_members", "Developer")):
        people += [
            (label, str(p.get("user_id", "")), str(p.get("password", "")), str(p.get("name", "")))
            for p in sandbox.get(kind, [])
        ]
    lines = ["", f"  The bank is up after {seconds:.1f} s.", "", *_table(addresses), "", *_table(people), ""]
    lines += [f"  All of it for scripts: {config.var / 'sandbox.json'}", "  Ctrl-C stops everything.", ""]
    return "\n".join(lines)


def _exit_code(returncode: int | None) -> int:
    """Zero when we were asked to stop; otherwise what the program that died ended with, and never zero."""
    if returncode in (130, 143):
        return 0
    if returncode is None or returncode == 0:
        return 1
    return 128 - returncode if returncode < 0 else returncode


def _serve(stack: Stack, *, started: float, output: TextIO) -> int:
    """Keep the programs until one ends or we are asked to stop."""
    manager = Manager(Printer(output=output))
    wait_for_web = (sys.executable, "-S", "-m", "deploy.local.after", str(stack.config.web_port))
    for program in stack.programs.values():
        words = program.command if program.name == "web" else (*wait_for_web, *program.command)
        command = "exec " + shlex.join(words)  # Without a shell between us and the program.
        manager.add_process(program.name, command, env=dict(program.environment), cwd=str(ROOT))
    gc.freeze()  # honcho's helper processes share our memory for longer.
    watch = _Watch(stack, started=started)
    watch.start()
    signal.signal(signal.SIGHUP, lambda number, frame: os.kill(os.getpid(), signal.SIGTERM))
    try:
        manager.loop()
    finally:
        watch.stop()
        running.end(psutil.Process().children(recursive=True))
    if watch.failure:
        say(f"\n{watch.failure}", out=sys.stderr)
        return 1
    code = _exit_code(manager.returncode)
    if code:
        say(
            "\nOne program ended by itself, so everything was stopped; its last words stand above.",
            out=sys.stderr,
        )
    return code


def start(config: Config, *, log_file: Path | None = None) -> int:
    """Run the bank until it ends; the exit code.

    :raises Refusal: something is in the way.
    """
    started = time.monotonic()
    ensure_folder(config)
    with running.only_one(config):
        _stop_on_signals()
        try:
            check_port("WEB_PORT", config.web_port)
            check_port("TPP_PORT", config.tpp_port)
            check_port("CLEARING_PORT", config.clearing_port)
            with contextlib.ExitStack() as closing, prepared(config) as stack:
                output: Any = closing.enter_context(log_file.open("w")) if log_file else sys.stdout
                return _serve(stack, started=started, output=output)
        except _Stopped:
            say("Stopped before the bank was up.")
            return 0
        finally:
            running.forget(config)


def main() -> int:
    """The program behind ``make run``."""
    options = argparse.ArgumentParser(description="Start the bank and the demo TPP.")
    options.add_argument(
        "--logs", type=Path, metavar="FILE", help="write what the programs say there, not here"
    )
    chosen = options.parse_args()
    with sentences():
        return start(from_environment(), log_file=chosen.logs)


if __name__ == "__main__":
    sys.exit(main())
