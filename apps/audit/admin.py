from django.contrib import admin
from django.http import HttpRequest

from apps.audit.models import AuditEvent


@admin.register(AuditEvent)
class AuditEventAdmin(admin.ModelAdmin):
    """The trail, to read and to filter."""

    list_display = ["at", "event", "actor_type", "actor_id", "object_type", "object_id", "request_id"]
    list_filter = ["event", "actor_type"]
    search_fields = ["object_id", "request_id", "actor_id", "event"]
    exclude = ["prev_hash", "hash"]
    date_hierarchy = "at"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: AuditEvent | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AuditEvent | None = None) -> bool:
        return False
