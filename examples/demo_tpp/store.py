"""ShopPay's own store: users, enrolments with their sealed tokens, payments. SQLite, one file.

Statements live here and nowhere else; rules live in the modules that call it.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS users (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL UNIQUE COLLATE NOCASE,
    password_hash TEXT NOT NULL,
    failures INTEGER NOT NULL DEFAULT 0,
    blocked_until INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS revoked_tokens (jti TEXT PRIMARY KEY, expires_at INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS enrolments (
    id TEXT PRIMARY KEY,
    user TEXT NOT NULL REFERENCES users (id),
    iban TEXT NOT NULL,
    issuer TEXT NOT NULL,
    consent_id TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'active', 'refused', 'ended')),
    reason TEXT NOT NULL DEFAULT '',
    subject TEXT NOT NULL DEFAULT '',
    valid_until TEXT NOT NULL,
    sealed_tokens BLOB,
    access_expires_at INTEGER NOT NULL DEFAULT 0,
    id_token_expires_at INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    confirmed_at INTEGER,
    ended_at INTEGER,
    CHECK ((state = 'active') = (sealed_tokens IS NOT NULL))
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS one_active_enrolment_per_iban ON enrolments (user, iban) WHERE state = 'active';
CREATE TABLE IF NOT EXISTS authorization_flows (
    state_hash TEXT PRIMARY KEY,
    user TEXT NOT NULL REFERENCES users (id),
    enrolment TEXT NOT NULL REFERENCES enrolments (id),
    browser_hash TEXT NOT NULL,
    sealed_secrets BLOB NOT NULL,
    issuer TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER
) STRICT;
CREATE TABLE IF NOT EXISTS payments (
    id TEXT PRIMARY KEY,
    user TEXT NOT NULL REFERENCES users (id),
    submission TEXT NOT NULL,
    issuer TEXT NOT NULL,
    payment_id TEXT UNIQUE,
    debtor_iban TEXT NOT NULL,
    creditor_iban TEXT NOT NULL,
    creditor_name TEXT NOT NULL,
    amount TEXT NOT NULL,
    currency TEXT NOT NULL,
    reference TEXT NOT NULL,
    end_to_end_id TEXT NOT NULL UNIQUE,
    with_id_token INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('created', 'open', 'paid', 'not_paid', 'refused')),
    transaction_status TEXT NOT NULL DEFAULT '',
    bank_text TEXT NOT NULL DEFAULT '',
    redirect TEXT NOT NULL DEFAULT '',
    returned TEXT NOT NULL DEFAULT '',
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (user, submission)
) STRICT;
CREATE TABLE IF NOT EXISTS notifications (
    id INTEGER PRIMARY KEY,
    payment TEXT NOT NULL REFERENCES payments (id),
    transaction_status TEXT NOT NULL,
    received_at INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS bank_calls (
    id INTEGER PRIMARY KEY,
    about TEXT NOT NULL,
    at INTEGER NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    status INTEGER NOT NULL,
    request_id TEXT NOT NULL,
    milliseconds INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS bank_calls_by_subject ON bank_calls (about, id);
"""


# ISO 20022: the customer has approved, the bank has checked and is carrying it out.
ACCEPTED = ("ACTC", "ACCP", "ACFC", "ACSP", "ACWC", "ACWP")


@dataclass(frozen=True, slots=True)
class User:
    """A user of ShopPay; ``id`` is what tokens name, ``user_id`` is what the person types."""

    id: str
    user_id: str
    password_hash: str
    failures: int
    blocked_until: int
    created_at: int


@dataclass(frozen=True, slots=True)
class Enrolment:
    """One IBAN of one user at one bank, with the consent it rests on."""

    id: str
    user: str
    iban: str
    issuer: str
    consent_id: str
    state: str
    reason: str
    subject: str
    valid_until: str
    sealed_tokens: bytes | None
    access_expires_at: int
    id_token_expires_at: int
    created_at: int
    confirmed_at: int | None
    ended_at: int | None


@dataclass(frozen=True, slots=True)
class AuthorizationFlow:
    """A customer on the way to the bank and back: what the answer must fit to."""

    state_hash: str
    user: str
    enrolment: str
    browser_hash: str
    sealed_secrets: bytes
    issuer: str
    created_at: int
    expires_at: int
    used_at: int | None


@dataclass(frozen=True, slots=True)
class Payment:
    """One payment a user ordered, and how far it is as the bank last told."""

    id: str
    user: str
    submission: str
    issuer: str
    payment_id: str | None
    debtor_iban: str
    creditor_iban: str
    creditor_name: str
    amount: str
    currency: str
    reference: str
    end_to_end_id: str
    with_id_token: int
    state: str
    transaction_status: str
    bank_text: str
    redirect: str
    returned: str
    created_at: int
    updated_at: int

    @property
    def is_final(self) -> bool:
        """Nothing about this payment will change any more."""
        return self.state in ("paid", "not_paid", "refused")

    @property
    def shown_state(self) -> str:
        """The state as a person sees it: approved and under way is more than merely open."""
        return "accepted" if self.state == "open" and self.transaction_status in ACCEPTED else self.state


@dataclass(frozen=True, slots=True)
class Notification:
    """The bank called and said how a payment stands."""

    transaction_status: str
    received_at: int


@dataclass(frozen=True, slots=True)
class BankCall:
    """One request to the bank, for the technical record: no body, no header, no secret."""

    at: int
    method: str
    path: str
    status: int
    request_id: str
    milliseconds: int


class Duplicate(Exception):
    """The row exists already: a user ID taken, a form sent twice."""


class Store:
    """The one door to the database. One connection per thread; every method is one transaction."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        path.parent.mkdir(parents=True, exist_ok=True)
        # Created by us with 0600 before SQLite would create it with the umask's mode; -wal and -shm inherit it.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self._connection().executescript(SCHEMA)

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self._path, timeout=5, isolation_level=None)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA foreign_keys = ON")
            # Wiped tokens are overwritten with zeros, not only unlinked.
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("PRAGMA cache_size = -512")
            self._local.connection = connection
        return connection

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        connection = self._connection()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def _one(self, sql: str, *values: Any) -> dict[str, Any] | None:
        row = self._connection().execute(sql, values).fetchone()
        return dict(row) if row is not None else None

    def _all(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        return [dict(row) for row in self._connection().execute(sql, values)]

    def _insert(self, table: str, values: dict[str, Any]) -> None:
        columns = ", ".join(values)
        marks = ", ".join("?" for _ in values)
        try:
            # Table and column names are this module's own constants.
            sql = f"INSERT INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608
            self._connection().execute(sql, tuple(values.values()))
        except sqlite3.IntegrityError as error:
            raise Duplicate(str(error)) from error

    # Users

    def add_user(self, *, key: str, user_id: str, password_hash: str, created_at: int) -> None:
        """Add a user. Raises Duplicate when the user ID is taken."""
        self._insert(
            "users", {"id": key, "user_id": user_id, "password_hash": password_hash, "created_at": created_at}
        )

    def get_user(self, key: str) -> User | None:
        """The user with this internal id."""
        row = self._one("SELECT * FROM users WHERE id = ?", key)
        return User(**row) if row else None

    def get_user_by_user_id(self, user_id: str) -> User | None:
        """The user who logs in with this user ID."""
        row = self._one("SELECT * FROM users WHERE user_id = ?", user_id)
        return User(**row) if row else None

    def count_log_in_failure(self, key: str, *, limit: int, blocked_until: int) -> None:
        """Count one wrong password; the ``limit``-th blocks until then. One statement, so none is lost."""
        self._connection().execute(
            "UPDATE users SET blocked_until = CASE WHEN failures + 1 >= ? THEN ? ELSE blocked_until END,"
            " failures = CASE WHEN failures + 1 >= ? THEN 0 ELSE failures + 1 END WHERE id = ?",
            (limit, blocked_until, limit, key),
        )

    def clear_log_in_failures(self, key: str) -> None:
        """Forget wrong passwords after a right one."""
        self._connection().execute("UPDATE users SET failures = 0, blocked_until = 0 WHERE id = ?", (key,))

    def revoke_token(self, jti: str, *, expires_at: int, now: int) -> None:
        """Refuse this SSO token from now on; those that expired anyway are forgotten."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM revoked_tokens WHERE expires_at < ?", (now,))
            connection.execute("INSERT OR IGNORE INTO revoked_tokens VALUES (?, ?)", (jti, expires_at))

    def is_token_revoked(self, jti: str) -> bool:
        """Whether the user logged out with this SSO token."""
        return self._one("SELECT 1 FROM revoked_tokens WHERE jti = ?", jti) is not None

    # Enrolments

    def add_enrolment(
        self,
        *,
        key: str,
        user: str,
        iban: str,
        issuer: str,
        consent_id: str,
        valid_until: str,
        created_at: int,
        flow: AuthorizationFlow,
    ) -> None:
        """A consent was asked for and the customer is sent to the bank: both rows or none."""
        with self._transaction():
            self._insert(
                "enrolments",
                {
                    "id": key,
                    "user": user,
                    "iban": iban,
                    "issuer": issuer,
                    "consent_id": consent_id,
                    "state": "pending",
                    "valid_until": valid_until,
                    "created_at": created_at,
                },
            )
            self._insert(
                "authorization_flows", {name: getattr(flow, name) for name in AuthorizationFlow.__slots__}
            )

    def get_enrolment(self, key: str, *, user: str) -> Enrolment | None:
        """This user's enrolment; another user's is as good as missing."""
        row = self._one("SELECT * FROM enrolments WHERE id = ? AND user = ?", key, user)
        return Enrolment(**row) if row else None

    def get_active_enrolment(self, *, user: str, iban: str) -> Enrolment | None:
        """The enrolment that holds tokens for this user's IBAN (S0-37)."""
        row = self._one(
            "SELECT * FROM enrolments WHERE user = ? AND iban = ? AND state = 'active'", user, iban
        )
        return Enrolment(**row) if row else None

    def list_enrolments(self, *, user: str) -> list[Enrolment]:
        """Active ones first, then the newest."""
        rows = self._all(
            "SELECT * FROM enrolments WHERE user = ? ORDER BY state <> 'active', created_at DESC, rowid DESC LIMIT 50",
            user,
        )
        return [Enrolment(**row) for row in rows]

    def activate_enrolment(
        self,
        key: str,
        *,
        user: str,
        iban: str,
        subject: str,
        sealed_tokens: bytes,
        access_expires_at: int,
        id_token_expires_at: int,
        now: int,
    ) -> bool:
        """Keep the tokens of a confirmed enrolment; an older one for the same IBAN ends here.

        False when the enrolment is not pending any more.
        """
        with self._transaction() as connection:
            # Asked first: an older enrolment must not end for one that cannot begin.
            if not self._one("SELECT 1 FROM enrolments WHERE id = ? AND state = 'pending'", key):
                return False
            connection.execute(
                "UPDATE enrolments SET state = 'ended', reason = 'replaced', sealed_tokens = NULL, ended_at = ?"
                " WHERE user = ? AND iban = ? AND state = 'active'",
                (now, user, iban),
            )
            connection.execute(
                "UPDATE enrolments SET state = 'active', subject = ?, sealed_tokens = ?, access_expires_at = ?,"
                " id_token_expires_at = ?, confirmed_at = ? WHERE id = ? AND state = 'pending'",
                (subject, sealed_tokens, access_expires_at, id_token_expires_at, now, key),
            )
        return True

    def replace_tokens(
        self, key: str, *, sealed_tokens: bytes, access_expires_at: int, id_token_expires_at: int
    ) -> None:
        """Keep what a refresh brought; an enrolment that ended meanwhile stays ended and empty."""
        self._connection().execute(
            "UPDATE enrolments SET sealed_tokens = ?, access_expires_at = ?, id_token_expires_at = ?"
            " WHERE id = ? AND state = 'active'",
            (sealed_tokens, access_expires_at, id_token_expires_at, key),
        )

    def record_validity(self, key: str, *, valid_until: str) -> None:
        """How long the consent lasts, as the bank says."""
        self._connection().execute("UPDATE enrolments SET valid_until = ? WHERE id = ?", (valid_until, key))

    def refuse_enrolment(self, key: str, *, reason: str, now: int) -> None:
        """The customer or the bank said no before there were tokens."""
        self._connection().execute(
            "UPDATE enrolments SET state = 'refused', reason = ?, ended_at = ? WHERE id = ? AND state = 'pending'",
            (reason, now, key),
        )

    def end_enrolment(self, key: str, *, reason: str, now: int) -> None:
        """Wipe the tokens: the consent is over."""
        self._connection().execute(
            "UPDATE enrolments SET state = 'ended', reason = ?, sealed_tokens = NULL, ended_at = ?"
            " WHERE id = ? AND state IN ('active', 'pending')",
            (reason, now, key),
        )

    def get_flow(self, state_hash: str) -> AuthorizationFlow | None:
        """What was remembered when the customer left with this state."""
        row = self._one("SELECT * FROM authorization_flows WHERE state_hash = ?", state_hash)
        return AuthorizationFlow(**row) if row else None

    def use_flow(self, state_hash: str, *, now: int) -> bool:
        """Take the one use of this state; False for everyone who comes second."""
        changed = self._connection().execute(
            "UPDATE authorization_flows SET used_at = ? WHERE state_hash = ? AND used_at IS NULL",
            (now, state_hash),
        )
        return changed.rowcount == 1

    # Payments

    def add_payment(self, values: dict[str, Any]) -> None:
        """Remember an order before the bank hears of it. Raises Duplicate for a form sent twice."""
        self._insert("payments", values)

    def get_payment(self, key: str, *, user: str) -> Payment | None:
        """This user's payment, by ShopPay's number or by the bank's paymentId."""
        row = self._one(
            "SELECT * FROM payments WHERE (id = ? OR payment_id = ?) AND user = ?", key, key, user
        )
        return Payment(**row) if row else None

    def get_payment_by_submission(self, *, user: str, submission: str) -> Payment | None:
        """The payment this very form made."""
        row = self._one("SELECT * FROM payments WHERE user = ? AND submission = ?", user, submission)
        return Payment(**row) if row else None

    def list_payments(self, *, user: str) -> list[Payment]:
        """The newest first."""
        rows = self._all(
            "SELECT * FROM payments WHERE user = ? ORDER BY created_at DESC, rowid DESC LIMIT 50", user
        )
        return [Payment(**row) for row in rows]

    def list_unreturned_payments(self, *, user: str, since: int) -> list[Payment]:
        """The latest payments that went to the bank and whose customer has not come back yet; the newest first."""
        rows = self._all(
            "SELECT * FROM payments WHERE user = ? AND payment_id IS NOT NULL AND returned = '' AND created_at >= ?"
            " ORDER BY created_at DESC, rowid DESC LIMIT 5",
            user,
            since,
        )
        return [Payment(**row) for row in rows]

    def record_initiation(
        self, key: str, *, payment_id: str, transaction_status: str, redirect: str, now: int
    ) -> None:
        """The bank took the payment in."""
        self._connection().execute(
            "UPDATE payments SET state = 'open', payment_id = ?, transaction_status = ?, redirect = ?, updated_at = ?"
            " WHERE id = ? AND state = 'created'",
            (payment_id, transaction_status, redirect, now, key),
        )

    def refuse_payment(self, key: str, *, bank_text: str, now: int) -> None:
        """The bank did not take the payment in."""
        self._connection().execute(
            "UPDATE payments SET state = 'refused', bank_text = ?, updated_at = ? WHERE id = ? AND state = 'created'",
            (bank_text, now, key),
        )

    def record_status(
        self, key: str, *, state: str, transaction_status: str, bank_text: str, now: int
    ) -> None:
        """What the bank answered when asked; a final state is not left again."""
        self._connection().execute(
            "UPDATE payments SET state = ?, transaction_status = ?, bank_text = ?, updated_at = ?"
            " WHERE id = ? AND state = 'open'",
            (state, transaction_status, bank_text, now, key),
        )

    def record_return(self, key: str, *, returned: str, now: int) -> None:
        """The customer came back from the bank ('ok' or 'nok': a hint, not a result)."""
        self._connection().execute(
            "UPDATE payments SET returned = ?, updated_at = ? WHERE id = ?", (returned, now, key)
        )

    def add_notification(self, *, payment_id: str, transaction_status: str, limit: int, now: int) -> bool:
        """Keep that the bank called about this payment; False when it is unknown or has called too often."""
        changed = self._connection().execute(
            "INSERT INTO notifications (payment, transaction_status, received_at)"
            " SELECT id, ?, ? FROM payments WHERE payment_id = ?"
            " AND (SELECT count(*) FROM notifications WHERE payment = payments.id) < ?",
            (transaction_status, now, payment_id, limit),
        )
        return changed.rowcount == 1

    def list_notifications(self, payment: str) -> list[Notification]:
        """In the order they came."""
        rows = self._all(
            "SELECT transaction_status, received_at FROM notifications WHERE payment = ? ORDER BY id", payment
        )
        return [Notification(**row) for row in rows]

    # Technical record

    def tidy(self, *, now: int) -> None:
        """Forget what nobody asks for any more: old log-outs, used or expired flows, records about nothing."""
        day_ago = now - 24 * 60 * 60
        with self._transaction() as connection:
            connection.execute("DELETE FROM revoked_tokens WHERE expires_at < ?", (now,))
            connection.execute("DELETE FROM authorization_flows WHERE expires_at < ?", (day_ago,))
            connection.execute(
                "UPDATE enrolments SET state = 'refused', reason = 'expired', ended_at = ?"
                " WHERE state = 'pending' AND created_at < ?",
                (now, day_ago),
            )
            connection.execute(
                "DELETE FROM bank_calls WHERE at < ? AND about NOT IN"
                " (SELECT id FROM enrolments UNION SELECT id FROM payments)",
                (day_ago,),
            )

    def add_bank_call(self, about: str, call: BankCall) -> None:
        """Note one request made to the bank about this enrolment or payment; the last 60 are kept."""
        values = {"about": about} | {name: getattr(call, name) for name in BankCall.__slots__}
        with self._transaction() as connection:
            self._insert("bank_calls", values)
            connection.execute(
                "DELETE FROM bank_calls WHERE about = ? AND id <= (SELECT id FROM bank_calls WHERE about = ?"
                " ORDER BY id DESC LIMIT 1 OFFSET 60)",
                (about, about),
            )

    def list_bank_calls(self, about: str) -> list[BankCall]:
        """In the order they were made."""
        rows = self._all(
            "SELECT at, method, path, status, request_id, milliseconds FROM bank_calls WHERE about = ? ORDER BY id",
            about,
        )
        return [BankCall(**row) for row in rows]
