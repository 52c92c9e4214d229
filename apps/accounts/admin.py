from django.contrib import admin
from django.http import HttpRequest

from apps.accounts.models import AccountHolder, PaymentAccount


class AccountHolderInline(admin.TabularInline):
    model = AccountHolder
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: PaymentAccount | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: PaymentAccount | None = None) -> bool:
        return False


@admin.register(PaymentAccount)
class PaymentAccountAdmin(admin.ModelAdmin):
    """Payment accounts, to read."""

    list_display = ["iban", "display_name", "owner_name", "currency", "status"]
    list_filter = ["status", "cash_account_type"]
    search_fields = ["iban", "owner_name"]
    inlines = [AccountHolderInline]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: PaymentAccount | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: PaymentAccount | None = None) -> bool:
        return False
