"""Log-out after inactivity: at most five minutes without an action of the user, on bank time (RTS art. 4(3)(d))."""

from datetime import datetime

from django.conf import settings
from django.http import HttpRequest

from apps.core import clock

SESSION_KEY = "web.last_action_at"
WARNING_SECONDS = 60


def is_background(request: HttpRequest) -> bool:
    """The page asked by itself (polling). Such a call is no action of the user and extends nothing."""
    return request.headers.get("X-Background") == "1"


def touch(request: HttpRequest) -> None:
    """Remember that the user has just done something."""
    request.session[SESSION_KEY] = clock.now().isoformat()


def is_counting(request: HttpRequest) -> bool:
    """Whether this session has seen an action yet."""
    return SESSION_KEY in request.session


def remaining_seconds(request: HttpRequest) -> int:
    """Seconds until this session ends for want of action; 0 when it has ended.

    A bank clock that was set back (sandbox only) starts the count anew.
    """
    limit: int = settings.SESSION_IDLE_SECONDS
    stored = request.session.get(SESSION_KEY)
    if stored is None:
        return limit
    elapsed = (clock.now() - datetime.fromisoformat(stored)).total_seconds()
    return limit if elapsed < 0 else max(0, int(limit - elapsed))
