from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import PaymentAccount
from apps.core.read_only_admin import ReadOnlyAdmin, RelatedRows


@admin.register(PaymentAccount)
class PaymentAccountAdmin(ReadOnlyAdmin):
    """Payment accounts, to look up."""

    list_display = ["iban", "display_name", "owner_name", "currency", "status"]
    list_filter = ["status", "cash_account_type"]
    search_fields = ["=iban", "owner_name"]
    search_help_text = _("Owner, or the whole IBAN without blanks")
    uuid_search_fields = ["id"]
    ordering = ["owner_name", "opened_date"]
    badge_fields = ["status"]
    iban_fields = ["iban"]
    fieldsets = [
        (None, {"fields": ["display_name", "owner_name", "iban", "status"]}),
        (_("Product"), {"fields": ["product", "cash_account_type", "currency", "opened_date"]}),
        (_("Record"), {"fields": ["id", "ledger_account"]}),
    ]
    related_rows = [RelatedRows(_("Who may use it"), "holders", ["psu", "role", "may_view", "may_pay"])]
    audit_object_type = "payment_account"
