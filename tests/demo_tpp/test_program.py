"""``python -m examples.demo_tpp`` as a process of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psutil
import pytest
from joserfc.jwk import ECKey

from tests.demo_tpp.fake_bank import IBAN

ROOT = Path(__file__).resolve().parents[2]
MEMORY_BYTES_MAX = 60 * 1000 * 1000


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def environment(tmp_path: Path, client_key: ECKey) -> dict[str, str]:
    port = free_port()
    content = {
        "bank_url": f"http://127.0.0.1:{free_port()}",
        "customers": [{"accounts": [{"iban": IBAN}]}],
        "tpps": [
            {
                "name": "ShopPay",
                "client_id": "c",
                "kid": "k",
                "private_key_pem": client_key.as_pem(private=True).decode(),
                "redirect_uris": [f"http://127.0.0.1:{port}/callback"],
            }
        ],
    }
    (tmp_path / "sandbox.json").write_text(json.dumps(content), encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TPP_")}
    return kept | {
        "TPP_PORT": str(port),
        "TPP_SANDBOX_FILE": str(tmp_path / "sandbox.json"),
        "TPP_DATABASE": str(tmp_path / "tpp.sqlite3"),
        "MALLOC_ARENA_MAX": "2",
    }


def start(environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "examples.demo_tpp"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def running(environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = start(environment)
    address = f"http://127.0.0.1:{environment['TPP_PORT']}"
    try:
        deadline = time.monotonic() + 60
        while True:
            assert process.poll() is None, process.communicate()
            try:
                if httpx2.get(f"{address}/health", timeout=2).status_code == 200:
                    break
            except httpx2.HTTPError:
                assert time.monotonic() < deadline
            time.sleep(0.2)
        yield process, address
    finally:
        process.kill()
        process.communicate()


def test_it_starts_serves_paula_in_little_memory_and_stops(
    running: tuple[subprocess.Popen[str], str],
) -> None:
    process, address = running
    for _ in range(3):
        answer = httpx2.post(
            f"{address}/api/login", json={"userId": "paula", "password": "shop-paula-2026"}, timeout=20
        )
        assert answer.status_code == 200
    headers = {"Authorization": f"Bearer {answer.json()['token']}"}
    refused = httpx2.post(f"{address}/api/enrol", json={"iban": IBAN}, headers=headers, timeout=20)
    assert refused.json()["error"] == "bank_unavailable"
    assert "server" not in refused.headers, "it does not tell what it is made of"
    assert httpx2.get(f"{address}/static/shoppay.css", timeout=5).status_code == 200
    assert psutil.Process(process.pid).memory_info().rss < MEMORY_BYTES_MAX
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=20)
    assert process.returncode == 0, errors
    assert "ShopPay is at" in output
    assert headers["Authorization"].split()[1] not in output + errors


def test_a_port_in_use_is_said_in_one_sentence(environment: dict[str, str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(environment["TPP_PORT"])))
        taken.listen()
        process = start(environment)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert errors == f"demo_tpp: port {environment['TPP_PORT']} is in use; set TPP_PORT to another.\n"


def test_a_missing_sandbox_file_is_said_in_one_sentence(environment: dict[str, str], tmp_path: Path) -> None:
    process = start(environment | {"TPP_SANDBOX_FILE": str(tmp_path / "nothing.json")})
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert errors.count("\n") == 1
    assert "make run" in errors
