"""How far a check is: told while its transaction is still open, so on a connection of its own."""

import logging
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from uuid import UUID

from django.db import connection

logger = logging.getLogger(__name__)

_EVERY_SECONDS = 0.5
_UPSERT = """
INSERT INTO bulk_fileprogress (file_id, percent) VALUES (%s, %s)
ON CONFLICT (file_id) DO UPDATE SET percent = excluded.percent
"""


class Progress:
    """Counts the bytes that were read and tells, twice a second at most, what share of all they are."""

    def __init__(self, size_bytes: int, tell: Callable[[int], None]) -> None:
        self._size, self._tell = max(size_bytes, 1), tell
        self._done, self._told_at = 0, time.monotonic()

    def counted(self, content: Callable[[], Iterator[bytes]]) -> Callable[[], Iterator[bytes]]:
        """The same bytes; while they are read it is told."""
        return lambda: self._counted(content())

    def _counted(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        self._done = 0
        for piece in pieces:
            yield piece
            self._done += len(piece)
            if time.monotonic() - self._told_at >= _EVERY_SECONDS:
                self._told_at = time.monotonic()
                self._tell(min(100 * self._done // self._size, 100))


class ProgressLog:
    """Writes the progress of one file. It may fail: nobody's money hangs on it, so it is logged and left."""

    def __init__(self, file_id: UUID) -> None:
        self._file_id = file_id
        self._own = connection.copy()

    def __enter__(self) -> "ProgressLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._own.close()

    def note(self, percent: int) -> None:
        """Reading is the first half of a check."""
        try:
            with self._own.cursor() as cursor:
                cursor.execute(_UPSERT, [self._file_id, percent // 2])
        except Exception as error:
            logger.warning("progress of %s not written: %s", self._file_id, type(error).__name__)

    @staticmethod
    def write(file_id: UUID, percent: int) -> None:
        """The same in the caller's transaction."""
        with connection.cursor() as cursor:
            cursor.execute(_UPSERT, [file_id, max(0, min(percent, 100))])
