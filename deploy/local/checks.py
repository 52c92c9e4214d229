"""``make check``: everything that can be said about the code without running the bank.

All checks run, also after one has failed, as many at once as the machine has cores; each prints one line when it ends,
and what a failed one said follows.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.config import ROOT
from deploy.local.console import say

_NO_DATABASE = "postgres://nobody@127.0.0.1:1/none"  # Nothing here may need one.


@dataclass(frozen=True)
class Check:
    """One check: what it shows and the command that shows it."""

    title: str
    command: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)


def _python(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, *arguments)


def _sandbox() -> dict[str, str]:
    return {"DJANGO_SETTINGS_MODULE": "tests.static_settings", "DATABASE_URL": _NO_DATABASE}


def _production(folder: Path) -> dict[str, str]:
    """The environment of a production machine, as far as the settings ask for it."""
    keys = folder / "oidc"
    keys.mkdir()
    file = keys / "2026-01.pem"
    file.touch(mode=0o600)
    file.write_bytes(_signing_key())
    return {
        "DJANGO_SETTINGS_MODULE": "bankportal.settings",
        "BANK_ENV_FILE": os.devnull,
        "BANK_VAR_DIR": str(folder),
        "BANK_MODE": "production",
        "SECRET_KEY": "check-only-" + os.urandom(40).hex(),
        "PUBLIC_BASE_URL": "https://bank.example",
        "ALLOWED_HOSTS": "bank.example,app.bank.example",
        "DATABASE_URL": _NO_DATABASE,
        "CELERY_BROKER_URL": "amqp://127.0.0.1:1//",
        "OIDC_SIGNING_KEYS_DIR": str(keys),
        "SMS_GATEWAY": "apps.notifications.gateways.HTTPSMSGateway",
        "SMS_HTTP_URL": "https://sms.example/messages",
        "SMS_HTTP_KEY": "check-only",
    }


def _signing_key() -> bytes:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def checks(folder: Path) -> Iterator[Check]:
    """The checks, the long one first: the others run beside it."""
    yield Check("Types (mypy)", _python("-m", "mypy"), _sandbox())
    yield Check("Lint (ruff)", _python("-m", "ruff", "check", "--quiet", "."))
    yield Check("Format (ruff)", _python("-m", "ruff", "format", "--check", "--quiet", "."))
    yield Check("Walls between apps (import-linter)", (str(Path(sys.executable).with_name("lint-imports")),))
    yield Check(
        "Migrations written for every model",
        _python("-W", "ignore", "manage.py", "makemigrations", "--check", "--dry-run"),
        _sandbox(),
    )
    yield Check(
        "Settings of the sandbox (manage.py check)",
        _python("manage.py", "check", "--fail-level", "WARNING"),
        _sandbox(),
    )
    yield Check(
        "Settings of production (check --deploy)",
        _python("manage.py", "check", "--deploy", "--fail-level", "WARNING"),
        _production(folder),
    )
    yield Check("Translations complete and compiled", _python("-m", "deploy.local.messages", "--check"))
    yield Check("Installed packages agree with one another", _python("-m", "pip", "check"))


def _run(check: Check) -> tuple[subprocess.CompletedProcess[str], float]:
    """What became of it, and in how many seconds."""
    started = time.monotonic()
    done = subprocess.run(
        check.command, cwd=ROOT, env=os.environ | check.environment, capture_output=True, text=True
    )
    return done, time.monotonic() - started


def main() -> int:
    """Run all checks; 0 when all held."""
    failed = []
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        running = {pool.submit(_run, check): check for check in checks(Path(folder))}
        for ended in as_completed(running):
            check, (done, seconds) = running[ended], ended.result()
            say(f"  {check.title}: {'FAILED' if done.returncode else 'ok'}, {seconds:.1f} s")
            if done.returncode:
                failed.append(check.title)
                say("\n".join("      " + line for line in (done.stdout + done.stderr).strip().splitlines()))
    say(f"\n{'Failed: ' + ', '.join(failed) if failed else 'All checks passed.'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
