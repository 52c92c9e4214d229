from django.contrib import admin
from django.http import HttpRequest

from apps.ledger.models import LedgerAccount


@admin.register(LedgerAccount)
class LedgerAccountAdmin(admin.ModelAdmin):
    """Book accounts, to read. Nobody books by hand."""

    list_display = ["code", "kind", "currency", "balance_minor", "minimum_balance_minor", "last_posted_at"]
    list_filter = ["kind", "currency"]
    search_fields = ["code"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: LedgerAccount | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: LedgerAccount | None = None) -> bool:
        return False
