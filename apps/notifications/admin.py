from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from apps.core.read_only_admin import ReadOnlyAdmin
from apps.notifications.models import OutboxMessage


@admin.register(OutboxMessage)
class OutboxMessageAdmin(ReadOnlyAdmin):
    """What waits to be carried out. Dead messages can be given new tries, on a page of its own."""

    list_display = ["created_at", "topic", "queue", "status", "attempts", "last_error"]
    list_filter = ["status", "queue"]
    search_fields = ["=effect_key", "=correlation_id", "=topic"]
    search_help_text = _("Effect key, request ID or topic")
    uuid_search_fields = ["id"]
    ordering = ["-created_at"]
    badge_fields = ["status"]
    literal_fields = ["topic", "queue", "effect_key", "correlation_id"]
    fieldsets = [
        (None, {"fields": ["topic", "queue", "status", "attempts", "last_error"]}),
        (_("Times"), {"fields": ["created_at", "available_at", "sent_at", "done_at"]}),
        (_("Record"), {"fields": ["id", "effect_key", "correlation_id", "payload"]}),
    ]
    audit_object_type = "message"
