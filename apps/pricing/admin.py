from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from apps.core.read_only_admin import ReadOnlyAdmin, RelatedRows
from apps.pricing.models import Charge, InterestTerms, Price


@admin.register(Charge)
class ChargeAdmin(ReadOnlyAdmin):
    """What accounts were charged and credited, by period."""

    list_display = ["booked_at", "account", "kind", "period_from", "period_to", "amount_minor"]
    list_filter = ["kind"]
    search_fields = ["=account__iban", "account__owner_name"]
    search_help_text = _("Owner, or the whole IBAN without blanks")
    uuid_search_fields = ["id", "account__id"]
    list_select_related = ["account"]
    ordering = ["-booked_at", "-pk"]
    money_fields = {
        "amount_minor": "currency",
        "shortfall_minor": "currency",
        "unit_amount_minor": "currency",
    }
    fieldsets = [
        (None, {"fields": ["account", "kind", "period_from", "period_to", "direction"]}),
        (_("Amount"), {"fields": ["quantity", "unit_amount_minor", "amount_minor", "shortfall_minor"]}),
        (_("Record"), {"fields": ["id", "booked_at"]}),
    ]
    related_rows = [
        RelatedRows(_("Collected later"), "collections", ["collected_at", "amount_minor"], ["number"])
    ]

    def audit_objects(self, row: Charge) -> list[tuple[str, object]]:
        """The trail tells of it under the account."""
        return [("payment_account", row.account_id)]


@admin.register(Price)
class PriceAdmin(ReadOnlyAdmin):
    """Prices by product, each with the day from which it holds."""

    list_display = ["product", "service", "amount_minor", "valid_from"]
    list_filter = ["product", "service"]
    ordering = ["product", "service", "-valid_from"]
    money_fields = {"amount_minor": "currency"}
    fieldsets = [(None, {"fields": ["product", "service", "amount_minor", "valid_from"]})]


@admin.register(InterestTerms)
class InterestTermsAdmin(ReadOnlyAdmin):
    """Interest by product, each with the day from which it holds."""

    list_display = ["product", "overdraft_rate_bp", "credit_rate_bp", "settlement", "valid_from"]
    list_filter = ["product"]
    ordering = ["product", "-valid_from"]
    fieldsets = [
        (None, {"fields": ["product", "overdraft_rate_bp", "credit_rate_bp", "settlement", "valid_from"]})
    ]
