from django.contrib import admin
from django.http import HttpRequest

from apps.identity.models import PSU


@admin.register(PSU)
class PSUAdmin(admin.ModelAdmin):
    """Customers, to look up. What they may do is changed by the rooms, never by hand here."""

    list_display = ["full_name", "user", "language", "last_seen"]
    search_fields = ["first_name", "last_name", "user__username"]
    list_select_related = ["user"]

    @admin.display(ordering="user__language")
    def language(self, psu: PSU) -> str:
        return psu.user.get_language_display()

    @admin.display(ordering="user__last_login")
    def last_seen(self, psu: PSU) -> str:
        return f"{psu.user.last_login:%Y-%m-%d %H:%M}" if psu.user.last_login else "–"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: PSU | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: PSU | None = None) -> bool:
        return False
