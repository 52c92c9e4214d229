"""What a deployment's settings are, read as a deployment reads them: from its environment, in a process of its own."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from deploy.local.config import ROOT

PRODUCTION = {
    "BANK_ENV_FILE": os.devnull,
    "SECRET_KEY": "tests-only-" + "p" * 50,
    "PUBLIC_BASE_URL": "https://bank.example",
    "ALLOWED_HOSTS": "bank.example",
    "DATABASE_URL": "postgres://nobody@127.0.0.1:1/none",
    "CELERY_BROKER_URL": "amqp://127.0.0.1:1//",
    "SMS_HTTP_URL": "https://sms.example/messages",
    "SMS_HTTP_KEY": "tests-only",
    "DJANGO_SETTINGS_MODULE": "bankportal.settings",
    "PATH": os.environ.get("PATH", ""),
}
# Prints the settings asked for, and the ids of what the deployment checks find.
_PROGRAM = """
import json, sys, django
from django.conf import settings
django.setup()
from django.core.checks import run_checks
problems = sorted({p.id for p in run_checks(include_deployment_checks=True) if not p.id.startswith("authserver.E00")})
names = sys.argv[1:]
print(json.dumps({"problems": problems} | {name: getattr(settings, name) for name in names}, default=str))
"""


def _ask(*names: str, tmp_path: Any, **changes: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *names],
        cwd=ROOT,
        env=PRODUCTION | {"BANK_VAR_DIR": str(tmp_path)} | changes,
        capture_output=True,
        text=True,
        check=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.mark.req("RTS-4(3)(c)", "S0-1", "RTS-35(1)")
def test_sessions_are_bound_to_tls_and_unreadable_for_scripts(tmp_path):
    found = _ask(
        "BANK_MODE",
        "DEBUG",
        "SESSION_COOKIE_NAME",
        "SESSION_COOKIE_SECURE",
        "SESSION_COOKIE_HTTPONLY",
        "SESSION_COOKIE_SAMESITE",
        "CSRF_COOKIE_NAME",
        "CSRF_COOKIE_SECURE",
        "CSRF_COOKIE_HTTPONLY",
        "SECURE_SSL_REDIRECT",
        "SECURE_HSTS_SECONDS",
        tmp_path=tmp_path,
    )
    assert found == {
        "problems": [],
        "BANK_MODE": "production",
        "DEBUG": False,
        "SESSION_COOKIE_NAME": "__Host-session",
        "SESSION_COOKIE_SECURE": True,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "CSRF_COOKIE_NAME": "__Host-csrf",
        "CSRF_COOKIE_SECURE": True,
        "CSRF_COOKIE_HTTPONLY": True,
        "SECURE_SSL_REDIRECT": True,
        "SECURE_HSTS_SECONDS": 63072000,
    }


@pytest.mark.req("RTS-30(5)")
def test_nothing_of_the_sandbox_is_there_unless_asked_for(tmp_path):
    found = _ask("INSTALLED_APPS", "SMS_GATEWAY", "BANK_CLOCK", tmp_path=tmp_path)
    assert not any("sandbox" in str(value) for value in found.values())


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"PUBLIC_BASE_URL": "http://bank.example"}, "bank.E005"),
        ({"BANK_MODE": "sandbox"}, "bank.E004"),
        ({"BANK_MODE": "test"}, "bank.E002"),
        ({"SMS_GATEWAY": "apps.sandbox.gateway.SandboxSMSGateway"}, "bank.E003"),
        ({"SECRET_KEY": "short"}, "bank.E006"),
        ({"SMS_HTTP_KEY": ""}, "bank.E007"),
        ({"SCA_SYNCED_PASSKEYS": "perhaps"}, "bank.E008"),
        ({"SCA_MESSAGE_CONTENT": "nothing"}, "bank.E009"),
        ({"SCA_SMS_MAX_MINOR": "-1"}, "bank.E031"),
        ({"SCA_CODE_TTL_SECONDS": "901"}, "bank.E001"),
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value)),
)
@pytest.mark.req("S0-1", "S1-8")
def test_a_deployment_outside_its_bounds_is_refused(tmp_path, changes, problem):
    assert problem in _ask(tmp_path=tmp_path, **changes)["problems"]


@pytest.mark.parametrize("program", ["bankportal.wsgi", "bankportal.asgi", "celery_worker"])
@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"SCA_CODE_TTL_SECONDS": "901"}, "bank.E001"),
        ({"SMS_GATEWAY": "apps.sandbox.gateway.SandboxSMSGateway"}, "bank.E003"),
        ({"SECRET_KEY": "short"}, "bank.E006"),
        ({}, ""),
    ],
    ids=["too-long", "sandbox", "secret", "lawful"],
)
@pytest.mark.req("S1-8", "S1-11")
def test_no_program_starts_outside_its_bounds(tmp_path, program, changes, problem):
    """Neither web server nor Celery runs Django's checks in the way they are started here."""
    done = subprocess.run(
        [sys.executable, "-c", f"import {program}"],
        cwd=ROOT,
        env=PRODUCTION | {"BANK_VAR_DIR": str(tmp_path)} | changes,
        capture_output=True,
        text=True,
    )
    assert (done.returncode != 0) == bool(problem), done.stderr
    assert problem in done.stderr


@pytest.mark.req("S3-29", "S1-16")
def test_clear_text_is_a_fallback_that_a_bank_switches_on_and_is_told_of(tmp_path):
    assert _ask("SCA_MESSAGE_CONTENT", tmp_path=tmp_path) == {"problems": [], "SCA_MESSAGE_CONTENT": "link"}
    found = _ask("SCA_MESSAGE_CONTENT", tmp_path=tmp_path, SCA_MESSAGE_CONTENT="clear")
    assert found == {"problems": ["bank.W002"], "SCA_MESSAGE_CONTENT": "clear"}


@pytest.mark.req("S1-25")
def test_text_messages_have_a_cap_unless_a_bank_takes_it_away_and_is_told_of_it(tmp_path):
    assert _ask("SCA_SMS_MAX_MINOR", tmp_path=tmp_path)["SCA_SMS_MAX_MINOR"] == 250_000
    assert _ask(tmp_path=tmp_path, SCA_SMS_MAX_MINOR="0")["problems"] == ["bank.W003"]
