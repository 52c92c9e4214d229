"""ShopPay's own users and their log-in (S0-15, S0-34). These are never the bank's credentials."""

from __future__ import annotations

import re
import sqlite3
import uuid
from collections.abc import Callable

from werkzeug.security import check_password_hash, generate_password_hash

from examples.demo_tpp.store import Duplicate, Store, User

# scrypt with N = 2**14, r = 8, p = 5: 16 MiB and about 0.15 s each, one of the settings OWASP recommends.
HASH_METHOD = "scrypt:16384:8:5"
MAX_FAILURES = 5
BLOCK_SECONDS = 60
MIN_PASSWORD_LENGTH = 12
MAX_PASSWORD_LENGTH = 256

DEMO_USER_ID = "paula"
DEMO_PASSWORD = "shop-paula-2026"  # noqa: S105  the published log-in of the demonstration


class LogInRefused(Exception):
    """User ID or password is wrong, or there were too many tries; it is not told which."""


class RegistrationRefused(Exception):
    """A user cannot be registered like this; ``reason`` is user_id, password or taken."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Users:
    """Registration and log-in."""

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock
        # Compared with when the user ID is unknown, so that the answer takes as long as for a known one.
        self._decoy_hash = generate_password_hash(uuid.uuid4().hex, method=HASH_METHOD)

    def register(self, *, user_id: str, password: str) -> User:
        """Add a user. Raises RegistrationRefused."""
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._@+-]{2,63}", user_id):
            raise RegistrationRefused("user_id")
        if (
            not MIN_PASSWORD_LENGTH <= len(password) <= MAX_PASSWORD_LENGTH
            or password.lower() == user_id.lower()
        ):
            raise RegistrationRefused("password")
        key = str(uuid.uuid4())
        try:
            self._store.add_user(
                key=key,
                user_id=user_id,
                password_hash=generate_password_hash(password, method=HASH_METHOD),
                created_at=self._clock(),
            )
        except Duplicate as error:
            raise RegistrationRefused("taken") from error
        user = self._store.get_user(key)
        if user is None:
            raise sqlite3.DatabaseError("the user just added is gone")
        return user

    def log_in(self, *, user_id: str, password: str) -> User:
        """The user with this ID and password. Raises LogInRefused, for a minute even for the right password after
        five wrong ones."""
        user = self._store.get_user_by_user_id(user_id)
        matches = check_password_hash(
            user.password_hash if user else self._decoy_hash, password[: MAX_PASSWORD_LENGTH + 1]
        )
        if user is None:
            raise LogInRefused
        now = self._clock()
        if user.blocked_until > now:
            raise LogInRefused
        if not matches:
            self._store.count_log_in_failure(user.id, limit=MAX_FAILURES, blocked_until=now + BLOCK_SECONDS)
            raise LogInRefused
        self._store.clear_log_in_failures(user.id)
        return user

    def ensure_demo_user(self) -> None:
        """Paula, whose log-in the documentation names, exists."""
        if self._store.get_user_by_user_id(DEMO_USER_ID) is None:
            self.register(user_id=DEMO_USER_ID, password=DEMO_PASSWORD)
