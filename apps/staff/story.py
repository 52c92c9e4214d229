"""Events of the trail with the names of those who acted: an auditor should not have to look up ids."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q

from apps.audit.models import AuditEvent
from apps.core.ids import parse_uuid
from apps.identity.models import PSU, User
from apps.tpp.models import TPP

EVENTS_MAX = 200


@dataclass(frozen=True, slots=True)
class StoryEvent:
    """One event; ``actor_name`` is empty when nobody of that id is known any more."""

    pk: int
    at: datetime
    event: str
    actor_type: str
    actor_id: str
    actor_name: str
    request_id: str
    data: dict[str, Any]


def tell_story(events: Iterable[AuditEvent]) -> list[StoryEvent]:
    """The events as they are, with names; three queries, however many there are."""
    rows = list(events)
    names = _names(rows)
    return [
        StoryEvent(
            pk=row.pk,
            at=row.at,
            event=row.event,
            actor_type=row.actor_type,
            actor_id=row.actor_id,
            actor_name=names.get(row.actor_id, ""),
            request_id=row.request_id,
            data=row.data,
        )
        for row in rows
    ]


def events_of(objects: Sequence[tuple[str, Any]]) -> list[StoryEvent]:
    """What happened to one thing that the trail may know under more than one name, oldest first."""
    condition = Q(pk=None)
    for object_type, object_id in objects:
        condition |= Q(object_type=object_type, object_id=str(object_id))
    return tell_story(AuditEvent.objects.filter(condition).order_by("id")[:EVENTS_MAX])


def _names(rows: list[AuditEvent]) -> dict[str, str]:
    ids = [row.actor_id for row in rows if parse_uuid(row.actor_id)]
    if not ids:
        return {}
    names = {str(pk): name for pk, name in TPP.objects.filter(pk__in=ids).values_list("pk", "brand_name")}
    names |= {str(user.pk): user.get_full_name() or user.username for user in User.objects.filter(pk__in=ids)}
    for psu in PSU.objects.filter(Q(pk__in=ids) | Q(user_id__in=ids)):
        names |= {str(psu.pk): psu.full_name, str(psu.user_id): psu.full_name}
    return names
