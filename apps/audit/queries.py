from dataclasses import dataclass
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from apps.audit.models import AuditEvent


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What a verification found. ``broken`` lists (stream, seq, reason) of every link that does not hold."""

    events: int
    streams: int
    broken: list[tuple[int, int, str]]

    @property
    def intact(self) -> bool:
        return not self.broken


_BROKEN_LINKS = """
WITH links AS (
    SELECT e.stream, e.seq, e.prev_hash, e.hash,
           lag(e.hash) OVER w AS before, lag(e.seq) OVER w AS seq_before,
           audit_hash(e.prev_hash, e.stream, e.seq, e.at, e.recorded_at, e.event, e.actor_type, e.actor_id,
                      e.object_type, e.object_id, e.request_id, e.session_id, e.data) AS computed
    FROM audit_auditevent e WINDOW w AS (PARTITION BY e.stream ORDER BY e.seq)
)
SELECT stream, seq, 'content changed' FROM links WHERE hash <> computed
UNION ALL SELECT stream, seq, 'link broken' FROM links WHERE prev_hash <> coalesce(before, '\\x'::bytea)
UNION ALL SELECT stream, seq, 'event missing before' FROM links WHERE seq <> coalesce(seq_before, 0) + 1
UNION ALL SELECT h.stream, h.seq, 'tail cut off' FROM audit_audithead h
    LEFT JOIN audit_auditevent e ON e.stream = h.stream AND e.seq = h.seq AND e.hash = h.hash WHERE e.id IS NULL
UNION ALL SELECT e.stream, max(e.seq), 'no head' FROM audit_auditevent e
    LEFT JOIN audit_audithead h ON h.stream = e.stream WHERE h.stream IS NULL GROUP BY e.stream
ORDER BY 1, 2
"""


def verify_chains() -> ChainReport:
    """Recompute every hash and link in the database and compare; reads the whole trail."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), count(DISTINCT stream) FROM audit_auditevent")
        events, streams = cursor.fetchone()
        cursor.execute(_BROKEN_LINKS)
        broken = [(stream, seq, reason) for stream, seq, reason in cursor.fetchall()]
    return ChainReport(events=events, streams=streams, broken=broken)


def list_events_for_object(*, object_type: str, object_id: UUID | str) -> QuerySet[AuditEvent]:
    """The story of one object, oldest first."""
    return AuditEvent.objects.filter(object_type=object_type, object_id=str(object_id)).order_by("id")
