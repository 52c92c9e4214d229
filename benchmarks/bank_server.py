"""A PostgreSQL of the benchmark's own, with the bank's tables in it; durable, as a bank's must be."""

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from deploy.local.config import ROOT, free_ports
from deploy.local.postgres import Server, ensure_database


@contextmanager
def bank_database(
    name: str, *, shared_buffers: str = "256MB"
) -> Iterator[tuple[Server, str, dict[str, str]]]:
    """Start a server, migrate a database, yield (server, its URL, environment for Django); gone afterwards."""
    var = ROOT / "var" / f"bench-{name}-{os.getpid()}"
    server = Server(
        home=var / "postgres",
        port=free_ports(1)[0],
        password=secrets.token_urlsafe(24),
        settings={"max_connections": "60", "shared_buffers": shared_buffers},
    )
    try:
        server.start()
        url = server.url(database="bankportal")
        ensure_database(url)
        environment = os.environ | {
            "DATABASE_URL": url,
            "BANK_MODE": "sandbox",
            "BANK_ENV_FILE": os.devnull,
            "BANK_VAR_DIR": str(var),
            "SECRET_KEY": secrets.token_urlsafe(48),
            "LOG_LEVEL": "WARNING",
            "DJANGO_SETTINGS_MODULE": "bankportal.settings",
        }
        _manage(environment, "migrate", "--verbosity", "0")
        yield server, url, environment
    finally:
        server.destroy()
        shutil.rmtree(var, ignore_errors=True)


def _manage(environment: dict[str, str], *arguments: str) -> None:
    subprocess.run([sys.executable, "manage.py", *arguments], cwd=ROOT, env=environment, check=True)
