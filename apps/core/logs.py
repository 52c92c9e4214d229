"""Logging: every line carries the id of the call that caused it, and every message is one line."""

import logging

from apps.core import request_context


class RequestContextFilter(logging.Filter):
    """Adds ``request_id`` to each record."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_context.request_id.get()
        return True


class OneLineFormatter(logging.Formatter):
    """Writes what cannot be printed as an escape sequence.

    A path, a header or a user ID in a message may hold a line break; nobody outside may write lines of his own into
    the log (RTS art. 29). The lines of a traceback are our own and stay lines.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (the library's name)
        record.message = escape_unprintable(record.message)
        return super().formatMessage(record)


def escape_unprintable(text: str) -> str:
    """``text`` on one line: control, format and separating characters as ``\\n``, ``\\x00``, ``\\u202e``."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )
