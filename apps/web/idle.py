"""Log-out after inactivity: at most five minutes without an action of the user, on bank time (RTS art. 4(3)(d)).

And after a working day in any case: a session that somebody got hold of must not be kept alive without end.
"""

from datetime import datetime

from django.conf import settings
from django.http import HttpRequest

from apps.core import clock
from apps.identity.sessions import BROWSER_KEY, LAST_ACTION_KEY, NETWORK_KEY, SIGNED_IN_KEY
from apps.risk.facts import network_of
from apps.web.browsers import describe_browser
from apps.web.client_ip import client_ip

SESSION_KEY = LAST_ACTION_KEY
WARNING_SECONDS = 60


def is_background(request: HttpRequest) -> bool:
    """The page asked by itself (polling). Such a call is no action of the user and extends nothing."""
    return request.headers.get("X-Background") == "1"


def touch(request: HttpRequest) -> None:
    """Remember that the user has just done something."""
    now = clock.now().isoformat()
    request.session[SESSION_KEY] = now
    if SIGNED_IN_KEY not in request.session:
        request.session[SIGNED_IN_KEY] = now
        request.session[BROWSER_KEY] = describe_browser(request.headers.get("User-Agent", ""))
        request.session[NETWORK_KEY] = network_of(client_ip(request))


def is_counting(request: HttpRequest) -> bool:
    """Whether this session has seen an action yet."""
    return SESSION_KEY in request.session


def remaining_seconds(request: HttpRequest) -> int:
    """Seconds until this session ends, for want of action or of old age; 0 when it has ended.

    A bank clock that was set back (sandbox only) starts the counts anew.
    """
    return min(
        _left(request, SESSION_KEY, limit=settings.SESSION_IDLE_SECONDS),
        _left(request, SIGNED_IN_KEY, limit=settings.SESSION_COOKIE_AGE),
    )


def is_of_old_age(request: HttpRequest) -> bool:
    """Whether it ended because it lasted as long as a session may, whatever was done in it."""
    return _left(request, SIGNED_IN_KEY, limit=settings.SESSION_COOKIE_AGE) == 0


def signed_in_seconds(request: HttpRequest, *, now: datetime) -> int | None:
    """For how long somebody has been signed in; None if nobody is, or the bank's clock was set back."""
    stored = request.session.get(SIGNED_IN_KEY)
    elapsed = int((now - datetime.fromisoformat(stored)).total_seconds()) if stored else -1
    return elapsed if elapsed >= 0 else None


def _left(request: HttpRequest, key: str, *, limit: int) -> int:
    stored = request.session.get(key)
    if stored is None:
        return limit
    elapsed = (clock.now() - datetime.fromisoformat(stored)).total_seconds()
    return limit if elapsed < 0 else max(0, int(limit - elapsed))
