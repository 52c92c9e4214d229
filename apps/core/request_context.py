"""The ids of the call being served, for the audit trail and the log (RTS art. 29(2): traceable at every stage)."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="-")
session_id: ContextVar[str] = ContextVar("session_id", default="-")


@contextmanager
def call_context(*, request: str, session: str = "-") -> Iterator[None]:
    """Everything recorded inside belongs to this call. ``session`` is a pseudonym, never the cookie's value."""
    request_token, session_token = request_id.set(request), session_id.set(session)
    try:
        yield
    finally:
        request_id.reset(request_token)
        session_id.reset(session_token)
