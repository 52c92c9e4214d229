"""The sandbox's bank clock: real time plus an offset that a visitor may raise (``settings.BANK_CLOCK``).

Every process asks the database at most once a second, so a moved clock is seen everywhere within that second.
"""

import time
from datetime import UTC, datetime, timedelta

from django.db import DatabaseError, connection
from django.utils import timezone

CACHED_SECONDS = 1.0


class _Known:
    """What this process last read."""

    offset = timedelta(0)
    until = 0.0  # of time.monotonic()
    table_exists = False


def bank_now() -> datetime:
    """Real time plus the offset. Before ``migrate`` has made the table, or without a database, the last one known."""
    if time.monotonic() >= _Known.until:
        _refresh()
    return timezone.now() + _Known.offset


def forget() -> None:
    """Ask the database again at the next call: the clock was just moved here, or the database is another (tests)."""
    _Known.until = 0.0
    _Known.offset = timedelta(0)
    _Known.table_exists = False


def _refresh() -> None:
    try:
        _Known.offset = _read_offset()
    except DatabaseError:
        # Also raised inside a transaction that has failed already: whoever asks the time then must still get it.
        pass
    _Known.until = time.monotonic() + CACHED_SECONDS


def _read_offset() -> timedelta:
    with connection.cursor() as cursor:
        if not _Known.table_exists:
            # Asked first, since selecting from a missing table would ruin the caller's transaction (migrate).
            cursor.execute("SELECT to_regclass('sandbox_bankclock') IS NOT NULL")
            _Known.table_exists = bool(cursor.fetchone()[0])
            if not _Known.table_exists:
                return timedelta(0)
        cursor.execute("SELECT offset_seconds FROM sandbox_bankclock")
        row = cursor.fetchone()
    return timedelta(seconds=row[0] if row else 0)


def real_now() -> datetime:
    """Real time, for those who compare the two."""
    return datetime.now(UTC)
