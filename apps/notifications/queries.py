from dataclasses import dataclass

from django.db import connection


@dataclass(frozen=True, slots=True)
class OutboxState:
    """How the outbox stands: rows waiting, rows dead, age of the oldest waiting row in seconds."""

    waiting: int
    dead: int
    oldest_seconds: float


def get_outbox_state() -> OutboxState:
    """For the health page and the staff dashboard."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(*) FILTER (WHERE status IN ('pending', 'sent')), count(*) FILTER (WHERE status = 'dead'),
                   coalesce(extract(epoch FROM now() - min(created_at) FILTER (WHERE status IN ('pending', 'sent'))), 0)
            FROM notifications_outboxmessage WHERE status <> 'done'
            """
        )
        waiting, dead, oldest = cursor.fetchone()
    return OutboxState(waiting=waiting, dead=dead, oldest_seconds=float(oldest))
