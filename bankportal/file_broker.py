"""The broker that needs no server: kombu's filesystem transport, its files always whole.

kombu writes a message, and the table that says which queue is bound to which exchange, in place. A process that
looks between the opening of the file and its last byte reads half of it, cannot parse it, and ends. Here a file gets
its name when it is complete, and a file that makes no sense all the same is thrown away with a line in the log: the
outbox sends again what was in it.
"""

import fcntl
import logging
import os
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import filesystem, virtual
from kombu.utils.json import dumps, loads

logger = logging.getLogger(__name__)


class Channel(filesystem.Channel):
    """Puts files in their place by renaming, and takes them by deleting: who deleted it, has it."""

    def _put(self, queue: str, payload: dict[str, Any], **kwargs: Any) -> None:  # type: ignore[override]
        name = f"{time.time_ns():020d}_{uuid.uuid4()}.{queue}.msg"
        _write_whole(Path(self.data_folder_out, name), dumps(payload))

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        """The oldest message of ``queue``.

        :raises queue.Empty: there is none.
        """
        ending = f"{queue}.msg"
        for name in sorted(os.listdir(self.data_folder_in)):
            if name.partition(".")[2] != ending:
                continue
            path = Path(self.data_folder_in, name)
            try:
                text = path.read_text()
                path.unlink()
            except FileNotFoundError:  # Another process was quicker.
                continue
            try:
                return loads(text)
            except ValueError:
                logger.exception("message file %s of %d characters thrown away", name, len(text))
        raise Empty

    def _queue_bind(self, exchange: str, routing_key: str | None, pattern: str | None, queue: str) -> None:
        binding = filesystem.exchange_queue_t(routing_key or "", pattern or "", queue or "")
        self._change_table(exchange, lambda table: table if binding in table else [binding, *table])

    def _delete(
        self, queue: str, exchange: str, routing_key: str, pattern: str, *args: Any, **kwargs: Any
    ) -> None:
        virtual.Channel._delete(self, queue, exchange, routing_key, pattern, *args, **kwargs)
        binding = filesystem.exchange_queue_t(routing_key or "", pattern or "", queue or "")
        self._change_table(exchange, lambda table: [other for other in table if other != binding])

    def _change_table(self, exchange: str, change: Callable[[list[Any]], list[Any]]) -> None:
        """Replace the table of ``exchange`` by ``change`` of it; one process at a time."""
        file: Path = self._exchange_file(exchange)  # type: ignore[attr-defined]  # Not in the types yet.
        self.control_folder.mkdir(exist_ok=True)
        with Path(self.control_folder, "bindings.lock").open("a") as guard:
            fcntl.flock(guard, fcntl.LOCK_EX)
            before = self.get_table(exchange)
            after = change(before)
            if after != before:
                _write_whole(file, dumps(after))


class Transport(filesystem.Transport):
    """``CELERY_BROKER_TRANSPORT``: the filesystem transport with the channel above."""

    Channel = Channel


def _write_whole(path: Path, text: str) -> None:
    """Make ``path`` with ``text`` in it, or replace it, in one step."""
    unfinished = path.with_name(f".{uuid.uuid4()}")
    unfinished.write_text(text)
    unfinished.replace(path)
