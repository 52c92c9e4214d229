"""Health for load balancers and people on call. Tells which check failed, never why: details are in the log."""

import logging
from collections.abc import Callable

from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from apps.core import clock
from apps.notifications.queries import get_outbox_state
from apps.screening.queries import get_screening_state

logger = logging.getLogger(__name__)

OUTBOX_AGE_MAX_SECONDS = 300


@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """The process answers. Asks nothing else, so that a database outage does not restart every process."""
    return JsonResponse({"status": "ok"})


@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """Whether this process can serve customers: 200, or 503 with the names of the checks that failed.

    A late outbox or screening of customers is told ("degraded") but stays 200: taking the pages away would not
    deliver one message sooner.
    """
    results = {name: _holds(check) for name, check in CHECKS.items()}
    is_ready = all(results.values())
    is_screening_timely = is_ready and _holds(is_screening_in_time)
    is_outbox_timely = is_ready and _holds(is_outbox_in_time)
    late = "late" if is_ready else "unknown"
    is_timely = is_outbox_timely and is_screening_timely
    body = {
        "status": "unavailable" if not is_ready else "ok" if is_timely else "degraded",
        "checks": {name: "ok" if held else "failed" for name, held in results.items()}
        | {
            "outbox": "ok" if is_outbox_timely else late,
            "screening": "ok" if is_screening_timely else late,
        },
    }
    return JsonResponse(body, status=200 if is_ready else 503)


def _holds(check: Callable[[], bool]) -> bool:
    try:
        return check()
    except Exception:
        logger.exception("health check %s failed", check.__name__)
        return False


def is_database_reachable() -> bool:
    """A query gets an answer."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return cursor.fetchone() == (1,)


_migrations_seen_applied = False


def are_migrations_applied() -> bool:
    """The schema is the one this code was written for. Asked until it once was: code does not change while it runs."""
    global _migrations_seen_applied
    if not _migrations_seen_applied:
        executor = MigrationExecutor(connection)
        _migrations_seen_applied = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    return _migrations_seen_applied


def is_outbox_in_time() -> bool:
    """No message has been waiting for long: the relay and the workers are alive."""
    return get_outbox_state().oldest_seconds <= OUTBOX_AGE_MAX_SECONDS


def is_screening_in_time() -> bool:
    """Every customer was screened against the sanctions list when the law asks for it."""
    return not get_screening_state(now=clock.real_now()).is_late


CHECKS: dict[str, Callable[[], bool]] = {
    "database": is_database_reachable,
    "migrations": are_migrations_applied,
}
