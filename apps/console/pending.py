"""What waits in the session between two pages of signing up or signing in, each for a quarter of an hour at most.

Secrets in it are sealed and passwords hashed: sessions are rows of the database.
"""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Self

from django.http import HttpRequest

from apps.sca.authenticator_secrets import open_secret, seal_secret
from apps.sca.services import make_authenticator_secret

LIFETIME = timedelta(minutes=15)
_OWNER = "console.pending"


@dataclass(slots=True)
class Pending:
    """One of these per kind and session; a later one replaces it."""

    session_key: ClassVar[str] = ""

    expires_at: str

    @classmethod
    def find(cls, request: HttpRequest, *, now: datetime) -> Self | None:
        """What waits, unless its time is over or it cannot be read."""
        stored = request.session.get(cls.session_key)
        try:
            pending = cls(**stored) if isinstance(stored, dict) else None
        except TypeError:  # Written by an older version.
            pending = None
        if pending is None or datetime.fromisoformat(pending.expires_at) <= now:
            return None
        return pending

    def keep(self, request: HttpRequest) -> None:
        request.session[self.session_key] = asdict(self)

    @classmethod
    def forget(cls, request: HttpRequest) -> None:
        request.session.pop(cls.session_key, None)


@dataclass(slots=True)
class PendingSignIn(Pending):
    """User ID and password were given; ``user_id`` is empty if they were wrong, and nobody is told (N7)."""

    session_key: ClassVar[str] = "console.sign_in"

    user_id: str
    next_page: str
    tries: int = 0


@dataclass(slots=True)
class PendingEnrolment(Pending):
    """Sandbox: a member whom the seed gave no authenticator app; his password was right."""

    session_key: ClassVar[str] = "console.enrolment"

    user_id: str
    next_page: str
    sealed_secret: str
    tries: int = 0


@dataclass(slots=True)
class PendingRegistration(Pending):
    """A developer who has chosen user ID and password; there is no log-in before the second element works."""

    session_key: ClassVar[str] = "console.registration"

    username: str
    email: str
    language: str
    password_hash: str
    sealed_secret: str
    tries: int = 0


def expiry(now: datetime) -> str:
    """When something that begins now is over."""
    return (now + LIFETIME).isoformat()


def new_sealed_secret() -> str:
    """The secret of an authenticator app that is not enrolled yet."""
    return seal_secret(make_authenticator_secret(), owner=_OWNER)


def opened_secret(pending: PendingEnrolment | PendingRegistration) -> bytes:
    return open_secret(pending.sealed_secret, owner=_OWNER)
