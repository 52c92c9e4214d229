from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from apps.notifications.queries import OutboxState
from apps.web.views import health
from tests.factories.screening import imported, run_to_its_end

pytestmark = pytest.mark.urls("tests.web.pages")


@pytest.fixture
def outbox(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The age of the oldest waiting message, as the test sets it."""
    age = [0.0]
    monkeypatch.setattr(
        health, "get_outbox_state", lambda: OutboxState(waiting=1, dead=0, oldest_seconds=age[0])
    )
    return age


def test_live_asks_nothing_of_the_database(client: Client) -> None:  # No db fixture: a query would fail here.
    assert client.get("/health/live").json() == {"status": "ok"}


@pytest.fixture
def screened_today(db: None) -> None:
    """Customers were screened against the sanctions list, today."""
    now = timezone.now()
    run_to_its_end(imported("Arno Falkenrath", now=now).runs.get(), now=now)


@pytest.mark.django_db
@pytest.mark.usefixtures("screened_today")
def test_ready_when_database_and_schema_are_there(client: Client, outbox: list[float]) -> None:
    response = client.get("/health/ready")
    assert response.status_code == 200
    assert response.json() == {
        "status": "ok",
        "checks": {"database": "ok", "migrations": "ok", "outbox": "ok", "screening": "ok"},
    }


@pytest.mark.django_db
@pytest.mark.usefixtures("screened_today")
def test_a_late_outbox_is_told_but_does_not_take_the_pages_away(client: Client, outbox: list[float]) -> None:
    outbox[0] = 301
    response = client.get("/health/ready")
    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    assert response.json()["checks"]["outbox"] == "late"


def test_not_ready_without_the_database(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*args: Any) -> bool:
        raise OperationalError("password=secret")

    monkeypatch.setitem(health.CHECKS, "database", unreachable)
    monkeypatch.setitem(health.CHECKS, "migrations", lambda: True)
    unreachable.__name__ = "database"
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert response.json()["checks"]["database"] == "failed"
    assert b"secret" not in response.content


@pytest.mark.django_db
def test_not_ready_with_another_schema(
    client: Client, outbox: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_migrations_seen_applied", False)
    monkeypatch.setattr(health.MigrationExecutor, "migration_plan", lambda self, targets: [("0002", False)])
    assert client.get("/health/ready").json()["checks"]["migrations"] == "failed"


def test_cannot_be_posted_to(client: Client) -> None:
    assert client.post("/health/live").status_code == 405
