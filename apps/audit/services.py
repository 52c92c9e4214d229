import json
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from apps.core import request_context


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
