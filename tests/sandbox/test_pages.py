import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.core import checks
from django.test import Client
from django.utils import timezone

from apps.core import clock
from apps.sandbox.gateway import SandboxSMSGateway
from apps.sandbox.models import PhoneMessage
from apps.sandbox.queries import show_message
from apps.sandbox.seeding.personas import CUSTOMERS
from apps.web import idle
from tests.factories.accounts import customer

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).resolve().parent.parent.parent


def deliver(text: str, *, to: str, key: str = "k") -> None:
    SandboxSMSGateway().send(to=to, text=text, idempotency_key=key)


@pytest.fixture
def anna():
    return customer("Anna", phone="+491713920099")


def test_the_first_page_lists_everybody_even_before_the_seed(client):
    response = client.get("/sandbox/")
    assert response.status_code == 200
    for person in CUSTOMERS:
        assert person.password in response.content.decode()
    assert "seed_sandbox" in response.content.decode()


def test_the_phone_shows_its_messages_newest_first_with_the_code_set_apart(client, anna):
    deliver("Lindenbank: 482913 is your code to sign in, valid until 14:05.", to="+491713920099", key="k1")
    deliver("Second", to="+491713920099", key="k2")
    deliver("Somebody else's 111111", to="+491713920098", key="k3")
    page = client.get(f"/sandbox/phone/{anna.user.username}/").content.decode()
    assert page.index("Second") < page.index("482913")
    assert "data-code>482913</strong>" in page
    assert "111111" not in page


def test_text_of_a_message_is_never_markup(client, anna):
    deliver("<img src=x> Code 123456", to="+491713920099")
    assert "<img src=x>" not in client.get(f"/sandbox/phone/{anna.user.username}/").content.decode()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (
            "Bank: €1.00 to Shop 999999, IBAN DE02 1203 0000 0000 2020 51. Code 118203, valid until 14:15.",
            "118203",
        ),
        ("Bank: 482913 is your code to sign in, valid until 14:05.", "482913"),
        ("Bank: 482913 ist Ihr Code zum Anmelden, gültig bis 14:05.", "482913"),
        ("Bank: sign-in was paused. Call 116 116.", ""),
        ("Number 1234567 is no code", ""),
    ],
)
def test_the_code_is_found_in_the_text(text, code):
    shown = show_message(PhoneMessage(pk=1, text=text, sent_at=timezone.now()))
    assert shown.code == code
    assert shown.before + shown.code + shown.after == text


@pytest.mark.parametrize("user_id", ["nobody", "x" * 200, "%00"])
def test_a_phone_of_nobody_is_missing(client, user_id):
    assert client.get(f"/sandbox/phone/{user_id}/").status_code == 404


def test_watching_a_phone_in_the_background_does_not_keep_a_session_alive(client, anna):
    client.force_login(anna.user)
    client.get(f"/sandbox/phone/{anna.user.username}/")
    first = client.session[idle.SESSION_KEY]
    response = client.get(f"/sandbox/phone/{anna.user.username}/", headers={"X-Background": "1"})
    assert response.status_code == 200
    assert client.session[idle.SESSION_KEY] == first


# The clock's page -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "by"),
    [
        ({"step": "10m"}, timedelta(minutes=10)),
        ({"step": "1h"}, timedelta(hours=1)),
        ({"step": "1d"}, timedelta(days=1)),
        ({"step": "90d"}, timedelta(days=90)),
        ({"step": "180d"}, timedelta(days=180)),
        ({"amount": "3", "unit": "hours"}, timedelta(hours=3)),
    ],
)
def test_the_clock_moves_by_a_click(client, form, by):
    response = client.post("/sandbox/clock/", form)
    assert response.status_code == 303
    assert abs(clock.now() - timezone.now() - by) < timedelta(seconds=2)
    assert client.get("/sandbox/clock/").status_code == 200


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"step": "1y"},
        {"amount": "-1", "unit": "days"},
        {"amount": "1e3", "unit": "days"},
        {"amount": "1"},
    ],
)
def test_nonsense_does_not_move_the_clock(client, form):
    assert client.post("/sandbox/clock/", form).status_code == 422
    assert abs(clock.now() - timezone.now()) < timedelta(seconds=1)


def test_the_clock_stops_at_ten_years(client):
    for _ in range(5):
        response = client.post("/sandbox/clock/", {"amount": "1000", "unit": "days"})
    assert response.status_code == 200
    assert "at most ten years" in response.content.decode()


def test_reset_takes_a_post_and_a_token(client):
    client.post("/sandbox/clock/", {"step": "1d"})
    assert client.get("/sandbox/clock/reset/").status_code == 405
    strict = Client(enforce_csrf_checks=True)
    assert strict.post("/sandbox/clock/reset/").status_code == 403
    assert strict.post("/sandbox/clock/", {"step": "1d"}).status_code == 403
    assert client.post("/sandbox/clock/reset/").status_code == 303
    assert abs(clock.now() - timezone.now()) < timedelta(seconds=1)


# JSON for testers ------------------------------------------------------------------------------------


def test_messages_as_json(client, anna):
    deliver("First", to="+491713920099", key="k1")
    deliver("Second", to="+491713920099", key="k2")
    answer = client.get("/sandbox/messages.json", {"customer": anna.user.username})
    assert [message["text"] for message in answer.json()] == ["Second", "First"]
    assert set(answer.json()[0]) == {"to", "text", "sent_at"}
    assert client.get("/sandbox/messages.json", {"customer": "nobody"}).status_code == 404
    assert client.get("/sandbox/messages.json").json() == {"error": "customer_unknown"}


def test_the_ledger_as_json(client, anna):
    answer = client.get("/sandbox/ledger.json").json()
    assert answer["sound"] is True
    assert answer["difference_minor"] == 0
    assert answer["debits_minor"] == answer["credits_minor"] == 100_000
    assert answer["postings"] == 2


def test_the_clock_as_json(client):
    headers = {"X-Sandbox": "1"}
    strict = Client(enforce_csrf_checks=True)
    url, json_type = "/sandbox/clock.json", "application/json"
    assert strict.get(url).json()["offset_seconds"] == 0
    assert strict.post(url, {"advance_seconds": 60}, json_type).status_code == 403
    moved = strict.post(url, {"advance_seconds": 60}, json_type, headers=headers)
    assert moved.json()["offset_seconds"] == 60
    assert strict.post(url, {"reset": True}, json_type, headers=headers).json()["offset_seconds"] == 0


@pytest.mark.parametrize(
    "body",
    [
        *("", "[]", "null", "{}", "NaN", '{"advance_seconds": "60"}', '{"advance_seconds": true}'),
        *('{"advance_seconds": -1}', '{"advance_seconds": 1e3}', '{"advance_seconds": 99999999999999}'),
        *('{"reset": false}', '{"reset": true, "advance_seconds": 1}', "[" * 5000, '{"a": 1}', "\x00", "{"),
    ],
)
def test_nonsense_in_json_is_refused(client, body):
    answer = client.post(
        "/sandbox/clock.json", body, content_type="application/json", headers={"X-Sandbox": "1"}
    )
    assert answer.status_code == 400
    assert answer.json() == {"error": "clock_out_of_range"}
    assert client.get("/sandbox/clock.json").json()["offset_seconds"] == 0


def test_health_tells_what_waits(client):
    answer = client.get("/sandbox/health.json").json()
    assert answer["status"] == "ok"
    assert (answer["outbox_waiting"], answer["outbox_dead"]) == (0, 0)


# Production ------------------------------------------------------------------------------------------


def test_a_production_bank_with_a_part_of_the_sandbox_does_not_start(settings):
    settings.BANK_MODE = "production"
    assert "bank.E003" in {problem.id for problem in checks.run_checks()}


def test_in_production_there_is_no_sandbox():
    program = """
import django; django.setup()
from django.apps import apps
from django.conf import settings
from django.test import RequestFactory
from django.urls import Resolver404, resolve
assert not settings.SANDBOX and not apps.is_installed("apps.sandbox")
assert "sandbox" not in settings.SMS_GATEWAY + settings.BANK_CLOCK
for path in ("/sandbox/", "/sandbox/clock.json", "/sandbox/phone/anna/", "/sandbox/messages.json"):
    try:
        resolve(path)
    except Resolver404:
        continue
    raise SystemExit(path + " is mounted")
"""
    environment = {
        **os.environ,
        "BANK_ENV_FILE": os.devnull,
        "BANK_MODE": "production",
        "SECRET_KEY": "k" * 50,
        "DJANGO_SETTINGS_MODULE": "bankportal.settings",
        "ALLOWED_HOSTS": "bank.example",
    }
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:] + done.stdout


def test_the_feeds_are_described_where_testers_look():
    from apps.sandbox.views import feeds

    for name in ("messages.json", "ledger.json", "clock.json", "health.json"):
        assert name in (feeds.__doc__ or "")
    assert json.dumps("X-Sandbox").strip('"') in (feeds.__doc__ or "")
