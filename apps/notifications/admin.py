from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from apps.notifications.models import OutboxMessage
from apps.notifications.services import replay_message


@admin.register(OutboxMessage)
class OutboxMessageAdmin(admin.ModelAdmin):
    """What waits to be carried out; dead messages can be given new tries."""

    list_display = ["created_at", "topic", "queue", "status", "attempts", "last_error", "correlation_id"]
    list_filter = ["status", "topic", "queue"]
    search_fields = ["effect_key", "correlation_id"]
    actions = ["replay"]

    @admin.action(description=_("Give dead messages new tries"), permissions=["replay"])
    def replay(self, request: HttpRequest, queryset: QuerySet[OutboxMessage]) -> None:
        count = sum(replay_message(message_id=row.pk) for row in queryset)
        messages.info(request, ngettext("%d message replayed.", "%d messages replayed.", count) % count)

    def has_replay_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("notifications.change_outboxmessage")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: OutboxMessage | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: OutboxMessage | None = None) -> bool:
        return False
