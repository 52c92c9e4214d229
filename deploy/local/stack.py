"""What must be there before the bank's programs start: the folder, the secrets, PostgreSQL, its contents."""

import contextlib
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from deploy.local import postgres
from deploy.local.config import (
    DATABASE,
    ROOT,
    Config,
    ensure_folder,
    ensure_secrets,
    read_env_file,
    write_env_file,
)
from deploy.local.console import Refusal, step
from deploy.local.programs import Program, programs, setup_environment

# How the comment on a database begins that this launcher prepared.
PREPARED = "Sandbox of bankportal, prepared "

# What the tables, roles, sandbox data and static files are made of. Not all code: a change of a page must not cost
# a setup.
_SOURCES = (
    ("apps", "*/migrations/**/*"),
    ("apps", "*/management/**/*.py"),
    ("apps/sandbox", "**/*.py"),
    ("apps", "*/sql/**/*"),
    ("bankportal", "*.py"),
    ("static", "**/*"),
    (".", "requirements.txt"),
)


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A prepared bank: its programs can be started."""

    config: Config
    secrets: dict[str, str]
    owner_url: str
    server: postgres.Server | None  # None: somebody else's PostgreSQL.

    @property
    def programs(self) -> dict[str, Program]:
        """The programs to start, by name."""
        return programs(self.config, self.secrets, self.owner_url)

    def sandbox(self) -> dict[str, Any]:
        """What the sandbox wrote down for scripts: addresses, log-ins, keys."""
        contents: dict[str, Any] = json.loads((self.config.var / "sandbox.json").read_text(encoding="utf-8"))
        return contents


def _fingerprint(config: Config, secrets: dict[str, str]) -> str:
    """A digest of everything the prepared state depends on."""
    digest = hashlib.sha256(json.dumps([str(config), secrets], sort_keys=True).encode())
    for folder, pattern in _SOURCES:
        for path in sorted((ROOT / folder).glob(pattern)):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(str(path.relative_to(ROOT)).encode() + b"\0")
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return PREPARED + digest.hexdigest()


def recorded(owner_url: str) -> str:
    """The fingerprint the database was prepared with; kept in it, so that it is gone when the data is."""
    with psycopg.connect(owner_url, connect_timeout=5) as connection:
        row = connection.execute(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"
        ).fetchone()
    return (row and row[0]) or ""


def _record(owner_url: str, fingerprint: str) -> None:
    with contextlib.suppress(psycopg.Error), psycopg.connect(owner_url, connect_timeout=5) as connection:
        name = connection.info.dbname
        connection.execute(
            sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), sql.Literal(fingerprint))
        )


def _run_setup(config: Config, secrets: dict[str, str], owner_url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "deploy.local.prepare"],
        cwd=ROOT,
        env=setup_environment(config, secrets, owner_url),
    )
    if done.returncode:
        raise Refusal("The bank could not be set up; what failed stands above.")


def prepare(config: Config) -> Stack:
    """Start PostgreSQL if it is ours and bring the database and files up to date; quick when nothing changed.

    :raises Refusal: with the sentence that tells what is in the way. PostgreSQL is stopped again then.
    """
    ensure_folder(config)
    secrets = ensure_secrets(config)
    server = None
    owner_url = config.database_url
    if not owner_url:
        server = postgres.Server(
            home=config.var / "postgres", port=config.pg_port, password=secrets["PG_OWNER_PASSWORD"]
        )
        owner_url = server.url(database=DATABASE)
    try:
        if server:
            with step("PostgreSQL 18"):
                server.start()
        postgres.ensure_database(owner_url)
        _keep_for_commands(config, owner_url)
        fingerprint = _fingerprint(config, secrets)
        if recorded(owner_url) != fingerprint or not (config.var / "sandbox.json").is_file():
            _run_setup(config, secrets, owner_url)
            _record(owner_url, fingerprint)
    except BaseException:
        if server:
            server.stop()
        raise
    return Stack(config=config, secrets=secrets, owner_url=owner_url, server=server)


def _keep_for_commands(config: Config, owner_url: str) -> None:
    """Let ``manage.py`` work beside the running bank without any variable set."""
    values = read_env_file(config.env_file)
    values |= {"BANK_MODE": "sandbox", "DATABASE_URL": owner_url, "PUBLIC_BASE_URL": config.bank_url}
    if config.broker_url:
        values["CELERY_BROKER_URL"] = config.broker_url
    else:
        values.pop("CELERY_BROKER_URL", None)
    write_env_file(config, values)


@contextlib.contextmanager
def prepared(config: Config) -> Iterator[Stack]:
    """A prepared bank whose PostgreSQL, if ours, is stopped at the end."""
    stack = prepare(config)
    try:
        yield stack
    finally:
        if stack.server:
            stack.server.stop()
