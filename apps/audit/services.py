import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from apps.core import request_context


@dataclass(frozen=True, slots=True)
class Event:
    """One of many events that are recorded together; the fields mean what they mean in :func:`record_event`."""

    event: str
    object_type: str
    object_id: UUID | str
    actor_type: str
    actor_id: UUID | str = ""
    data: dict[str, Any] = field(default_factory=dict)
    request_id: str = "-"


def record_event(
    *,
    event: str,
    object_type: str,
    object_id: UUID | str,
    actor_type: str,
    actor_id: UUID | str = "",
    at: datetime,
    data: dict[str, Any] | None = None,
) -> None:
    """Append one event to the trail, in the caller's transaction; it vanishes if that rolls back.

    ``event`` is ``room.object.fact``; ``actor_type`` is one of psu, tpp, staff, member, engine, system,
    anonymous; ``at`` is bank time, aware. ``data`` holds what an auditor needs to rebuild the story, and never a
    code, a password, a token or a key. RTS art. 29(2): session id, request id and time are added here.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT audit_append(%s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb)",
            [
                at,
                event,
                actor_type,
                str(actor_id),
                object_type,
                str(object_id),
                request_context.request_id.get(),
                request_context.session_id.get(),
                json.dumps(data or {}, default=str, ensure_ascii=False),
            ],
        )


def record_events(events: Sequence[Event], *, at: datetime) -> None:
    """Append many events in one round trip and in their order; otherwise as :func:`record_event`.

    Each names the call that caused it: work that is done together was asked for apart.
    """
    if not events:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(audit_append(%s, event, actor_type, actor_id, object_type, object_id, request_id, %s, data))
            FROM (
                SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[],
                                     %s::jsonb[])
                    WITH ORDINALITY AS e (event, actor_type, actor_id, object_type, object_id, request_id, data, place)
                ORDER BY place
            ) AS in_order
            """,
            [
                at,
                request_context.session_id.get(),
                [event.event for event in events],
                [event.actor_type for event in events],
                [str(event.actor_id) for event in events],
                [event.object_type for event in events],
                [str(event.object_id) for event in events],
                [event.request_id for event in events],
                [json.dumps(event.data, default=str, ensure_ascii=False) for event in events],
            ],
        )
