"""One PostgreSQL data directory with the bank's tables in it, made once and copied for every server of a test.

Making the tables takes longer than most tests. What they are made of decides whether the directory still serves:
the migrations, their SQL, the settings, the pinned packages, and the month, because the ledger's tables begin with
partitions of the months around today.
"""

import fcntl
import hashlib
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from deploy.local.config import DATABASE, ROOT, free_ports
from deploy.local.console import Refusal
from deploy.local.postgres import Server, ensure_database

_PLACE = ROOT / "var" / "test"
_SOURCES = (
    "apps/*/migrations/**/*.py",
    "apps/*/sql/**/*",
    "bankportal/*.py",
    "requirements.txt",
    "deploy/local/postgres.py",
    "tests/pristine.py",
)


def begin_with_tables(server: Server) -> None:
    """Give a server that has no data yet the pristine one; its owner's password becomes the server's."""
    with _ready() as (data, password):
        server.begin_with(data)
    server.password = password


@contextmanager
def _ready() -> Iterator[tuple[Path, str]]:
    """The directory and its owner's password; nobody replaces it meanwhile."""
    _PLACE.mkdir(parents=True, exist_ok=True)
    with (_PLACE / "pristine.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        home = _PLACE / f"pristine-{_fingerprint()}"
        secret = home.with_suffix(".password")
        if not secret.is_file():
            for old in _PLACE.glob("pristine-*/"):
                Server(home=old, port=1, password="").destroy()
                old.with_suffix(".password").unlink(missing_ok=True)
            fresh = secrets.token_urlsafe(24)
            _make(home, fresh)
            secret.touch(mode=0o600)
            secret.write_text(fresh, encoding="utf-8")
        yield Server(home=home, port=1, password="").data, secret.read_text(encoding="utf-8")


def _make(home: Path, password: str) -> None:
    server = Server(
        home=home,
        port=free_ports(1)[0],
        password=password,
        settings={"fsync": "off", "full_page_writes": "off"},
    )
    try:
        server.start()
        url = server.url(database=DATABASE)
        ensure_database(url)
        done = subprocess.run(
            [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
            cwd=ROOT,
            env=os.environ
            | {
                "DATABASE_URL": url,
                "BANK_MODE": "sandbox",
                "BANK_ENV_FILE": os.devnull,
                "BANK_PROCESS": "setup",
                "SECRET_KEY": secrets.token_urlsafe(48),
                "DJANGO_SETTINGS_MODULE": "bankportal.settings",
            },
        )
        if done.returncode:
            raise Refusal("The tables for the tests could not be made; why stands above.")
    except BaseException:
        server.destroy()
        raise
    server.stop()


def _fingerprint() -> str:
    digest = hashlib.sha256(f"{datetime.now(UTC):%Y-%m}".encode())
    for pattern in _SOURCES:
        for path in sorted(ROOT.glob(pattern)):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(str(path.relative_to(ROOT)).encode() + b"\0")
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]
