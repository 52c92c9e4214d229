"""Small facts kept in the browser session for the shells."""

from datetime import datetime

from django.http import HttpRequest

PREVIOUS_SIGN_IN_KEY = "web.previous_sign_in_at"


def remember_sign_in(request: HttpRequest, *, previous_at: datetime | None) -> None:
    """Keep when the user had signed in before this time. Call it after ``login()``; the shells show it."""
    if previous_at is None:
        request.session.pop(PREVIOUS_SIGN_IN_KEY, None)
    else:
        request.session[PREVIOUS_SIGN_IN_KEY] = previous_at.isoformat()


def previous_sign_in_at(request: HttpRequest) -> datetime | None:
    """When this user had signed in before, or None at the first time."""
    stored = request.session.get(PREVIOUS_SIGN_IN_KEY)
    return datetime.fromisoformat(stored) if stored else None
