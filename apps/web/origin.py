"""Where a person's request comes from, for transaction monitoring (RTS art. 2(2)(e), 18(2))."""

from datetime import datetime

from django.http import HttpRequest

from apps.risk.facts import Origin
from apps.risk.origin import make_origin
from apps.web import idle
from apps.web.client_ip import client_ip


def origin_of(request: HttpRequest, *, now: datetime) -> Origin:
    """The browser, its network and for how long somebody has been signed in; hashed or shortened before it is kept."""
    return make_origin(
        user_agent=request.headers.get("User-Agent", ""),
        address=client_ip(request),
        session_seconds=idle.signed_in_seconds(request, now=now),
        at=now,
    )
