"""Logging: every line carries the id of the call that caused it."""

import logging

from apps.core import request_context


class RequestContextFilter(logging.Filter):
    """Adds ``request_id`` to each record."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_context.request_id.get()
        return True
