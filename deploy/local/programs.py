"""The programs that make up the bank, each with its command and its environment.

One table for everybody who starts them: the launcher (under honcho) and the tests of faults (one by one).
Every program gets the database address of its own role; only the engine's may write postings.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from deploy.local import postgres
from deploy.local.config import ROOT, Config

WEB_ROLE = "bank_web"
ENGINE_ROLE = "bank_engine"


@dataclass(frozen=True)
class Program:
    """One program: what to start, with which environment, in the repository's folder."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]


def base_environment(config: Config, secrets: Mapping[str, str]) -> dict[str, str]:
    """What every program of this bank has in common."""
    return {
        **os.environ,
        **secrets,
        "BANK_ENV_FILE": str(config.env_file),
        "BANK_MODE": "sandbox",
        "BANK_VAR_DIR": str(config.var),
        "PUBLIC_BASE_URL": config.bank_url,
        "ALLOWED_HOSTS": "127.0.0.1,localhost,app.localhost",
        "WEB_PORT": str(config.web_port),
        "TPP_PORT": str(config.tpp_port),
        "TPP_BASE_URL": config.tpp_url,
        "CLEARING_URL": config.clearing_url,
        "OIDC_SIGNING_KEYS_DIR": str(config.var / "keys" / "oidc"),
        "STATIC_ROOT": str(config.var / "static"),
        "CELERY_BROKER_URL": config.broker_url or "filesystem://localhost//",
        "DJANGO_SETTINGS_MODULE": "bankportal.settings",
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        # Said by every worker when root starts a sandbox in a container.
        "PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges",
        # Fewer heaps per thread: a third less memory in the threaded workers.
        "MALLOC_ARENA_MAX": "2",
    }


def setup_environment(config: Config, secrets: Mapping[str, str], owner_url: str) -> dict[str, str]:
    """The environment of management commands: the database's owner."""
    return base_environment(config, secrets) | {"DATABASE_URL": owner_url, "BANK_PROCESS": "setup"}


def programs(config: Config, secrets: Mapping[str, str], owner_url: str) -> dict[str, Program]:
    """All programs by name, in the order in which they start. PostgreSQL and the setup come before them."""
    common = base_environment(config, secrets)
    common.pop("BANK_ENGINE_PASSWORD")  # In the environment of no program but the engine.
    common.pop("PG_OWNER_PASSWORD")
    web_url = postgres.with_role(owner_url, user=WEB_ROLE, password=secrets["BANK_WEB_PASSWORD"])
    engine_url = postgres.with_role(owner_url, user=ENGINE_ROLE, password=secrets["BANK_ENGINE_PASSWORD"])
    python = sys.executable
    # Django's checks have passed in the setup. They load every page and form, which these programs never show: a
    # fifth of their memory.
    celery = (python, "-m", "celery", "--quiet", "--skip-checks", "-A", "celery_worker")
    quiet = ("--loglevel=WARNING", "--without-mingle", "--without-gossip", "--without-heartbeat")
    found: dict[str, Program] = {}

    def add(name: str, *command: str, database_url: str = web_url, **more: str) -> None:
        environment = common | {"DATABASE_URL": database_url, "BANK_PROCESS": name} | more
        found[name] = Program(name, command, environment)

    add(
        "web",
        *(
            python,
            "-m",
            "granian",
            "--interface",
            "wsgi",
            "--host",
            "127.0.0.1",
            "--port",
            str(config.web_port),
        ),
        *(
            "--workers",
            str(config.web_workers),
            "--blocking-threads",
            "4",
            "--no-ws",
            "--respawn-failed-workers",
        ),
        *("--workers-kill-timeout", "3", "--log-level", "warning", "bankportal.wsgi:application"),
    )
    add("worker", *celery, "worker", "-Q", "default", "-n", "worker@%h", "--pool=threads", "-c", "4", *quiet)
    add(
        "engine",
        *(*celery, "worker", "-Q", "engine", "-n", "engine@%h", "--pool=threads", "-c", "2", *quiet),
        database_url=engine_url,
    )
    # Beat is a thread of the relay here: as a process of its own it would cost 70 MB for a line a minute.
    add("relay", python, "manage.py", "relay_outbox", "--skip-checks", "--with-beat")
    return found | {
        "tpp": _demo_tpp(config),
        "clearing": _clearing_house(config, key=secrets["CLEARING_KEY"]),
    }


def _demo_tpp(config: Config) -> Program:
    """The demo TPP is another company: of the bank it gets the address and the file with its own keys."""
    environment = {
        **os.environ,
        "TPP_PORT": str(config.tpp_port),
        "TPP_BASE_URL": config.tpp_url,
        "TPP_BANK_URL": config.bank_url,
        "TPP_SANDBOX_FILE": str(config.var / "sandbox.json"),
        "TPP_DATABASE": str(config.var / "tpp" / "demo_tpp.sqlite3"),
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "MALLOC_ARENA_MAX": "2",
    }
    for name in ("DATABASE_URL", "SECRET_KEY", "CELERY_BROKER_URL"):
        environment.pop(name, None)
    return Program("tpp", (sys.executable, "-m", "examples.demo_tpp"), environment)


def _clearing_house(config: Config, *, key: str) -> Program:
    """The clearing house is another company too: of the bank it gets the address and the key they share."""
    environment = {
        **os.environ,
        "CLEARING_PORT": str(config.clearing_port),
        "CLEARING_BANK_URL": config.bank_url,
        "CLEARING_KEY": key,
        "CLEARING_DATABASE": str(config.var / "clearing" / "house.sqlite3"),
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "MALLOC_ARENA_MAX": "2",
    }
    for name in ("DATABASE_URL", "SECRET_KEY", "CELERY_BROKER_URL"):
        environment.pop(name, None)
    # Without site packages: it needs none, and leaving them out saves memory.
    return Program("clearing", (sys.executable, "-S", "-m", "examples.clearing_house"), environment)
