from django.contrib import admin
from django.contrib.admin.filters import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from apps.audit.models import AuditEvent
from apps.core.read_only_admin import ReadOnlyAdmin

ROOMS = (
    "accounts",
    "authserver",
    "consents",
    "engine",
    "identity",
    "notifications",
    "payments",
    "risk",
    "sandbox",
    "sca",
    "tpp",
)
ACTOR_TYPES = ("anonymous", "engine", "member", "psu", "staff", "system", "tpp")


class RoomFilter(SimpleListFilter):
    """The first word of the event. Fixed choices: to ask the trail for its own would read all of it."""

    title = _("room")
    parameter_name = "room"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [(room, room) for room in ROOMS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        return queryset.filter(event__startswith=f"{self.value()}.") if self.value() in ROOMS else queryset


class ActorFilter(SimpleListFilter):
    """Who did it."""

    title = _("actor")
    parameter_name = "actor"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [(actor, actor) for actor in ACTOR_TYPES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        return queryset.filter(actor_type=self.value()) if self.value() in ACTOR_TYPES else queryset


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    """The trail, to read and to filter."""

    list_display = ["at", "event", "actor_type", "object_type", "object_id"]
    list_filter = [RoomFilter, ActorFilter]
    search_fields = ["=object_id", "=request_id", "=actor_id", "=event"]
    search_help_text = _("ID of the object, the actor or the request, or the whole name of the event")
    ordering = ["-id"]
    literal_fields = ["object_id", "actor_id", "request_id", "session_id"]
    fieldsets = [
        (None, {"fields": ["event", "at", "actor_type", "actor_id", "object_type", "object_id", "data"]}),
        (_("Call"), {"fields": ["request_id", "session_id"]}),
        (_("Record"), {"fields": ["id", "stream", "seq", "recorded_at"]}),
    ]
