"""The broker without a server: no reader meets half a file, whoever writes at the same moment."""

import logging
import multiprocessing
import os
import queue
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kombu import Connection, Exchange, Queue

from bankportal.file_broker import Transport

ROOT = Path(__file__).resolve().parents[2]
MESSAGES = 2_000
QUEUES = 60


def connect(folder: Path, transport: Any = Transport) -> Connection:
    options = {
        "data_folder_in": str(folder / "messages"),
        "data_folder_out": str(folder / "messages"),
        "control_folder": str(folder / "control"),
    }
    return Connection("filesystem://", transport=transport, transport_options=options)


def write_messages(folder: Path) -> None:
    with connect(folder) as connection, connection.SimpleQueue("work") as work:
        for number in range(MESSAGES):
            work.put({"number": number, "filling": "x" * 20_000})


def bind_queues(folder: Path, name: str) -> None:
    with connect(folder) as connection:
        exchange = Exchange("topics", "topic")
        for number in range(QUEUES):
            bound = Queue(f"{name}-{number}", exchange, routing_key="k")(connection.channel())
            bound.declare()
            if number % 2:
                bound.delete()


def start(target: Any, *arguments: Any) -> Any:
    process = multiprocessing.get_context("spawn").Process(target=target, args=arguments)
    process.start()
    return process


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    for name in ("messages", "control"):
        (tmp_path / name).mkdir()
    yield tmp_path
    Transport.global_state.clear()


def test_the_bank_uses_it_when_no_broker_is_named(tmp_path: Path) -> None:
    program = "from celery_worker import app; print(type(app.connection_for_read().transport).__module__)"
    environment = os.environ | {
        "CELERY_BROKER_URL": "filesystem://",
        "BANK_VAR_DIR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "bankportal.settings",
    }
    output = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    )
    assert output.stdout.strip() == "bankportal.file_broker"


def test_each_message_is_read_whole_and_once_while_another_process_writes(folder: Path) -> None:
    writer = start(write_messages, folder)
    seen: list[int] = []
    deadline = time.monotonic() + 300
    with connect(folder) as connection, connection.SimpleQueue("work") as work:
        while len(seen) < MESSAGES and time.monotonic() < deadline:
            try:
                message = work.get_nowait()
            except queue.Empty:
                continue
            seen.append(message.payload["number"])
            message.ack()
    writer.join()
    assert writer.exitcode == 0
    assert sorted(seen) == list(range(MESSAGES))
    assert list((folder / "messages").iterdir()) == []


def test_no_binding_is_lost_when_two_processes_bind_and_unbind_at_once(folder: Path) -> None:
    binders = [start(bind_queues, folder, name) for name in ("one", "two")]
    with connect(folder) as connection:
        channel = connection.channel()
        while any(binder.is_alive() for binder in binders):
            channel.get_table("topics")
        assert [binder.exitcode for binder in binders] == [0, 0]
        bound = sorted(binding.queue for binding in channel.get_table("topics"))
    assert bound == sorted(f"{name}-{number}" for name in ("one", "two") for number in range(0, QUEUES, 2))


def test_a_file_that_makes_no_sense_is_thrown_away_and_the_next_one_read(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with connect(folder) as connection, connection.SimpleQueue("work") as work:
        (folder / "messages" / "00000_garbage.work.msg").write_text('{"body": ')
        work.put({"number": 7})
        with caplog.at_level(logging.ERROR):
            message = work.get_nowait()
            message.ack()
    assert message.payload == {"number": 7}
    assert "thrown away" in caplog.text
    assert list((folder / "messages").iterdir()) == []
