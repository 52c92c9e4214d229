from django.contrib import admin
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.consents.models import Consent
from apps.core.read_only_admin import ReadOnlyAdmin, RelatedRows


@admin.register(Consent)
class ConsentAdmin(ReadOnlyAdmin):
    """Consents for account information. Revoking one has a page of its own."""

    list_display = ["created_at", "tpp", "psu", "consent_status", "valid_until", "recurring_indicator"]
    list_display_links = ["created_at"]
    list_filter = ["consent_status", "recurring_indicator", "consent_model"]
    list_select_related = ["tpp", "psu"]
    search_fields = ["tpp__brand_name", "tpp__legal_name", "psu__last_name", "=psu__user__username"]
    search_help_text = _("Company, customer's name or user ID, consent ID or request ID")
    uuid_search_fields = ["id"]
    ordering = ["-created_at"]
    badge_fields = ["consent_status"]
    literal_fields = ["consent_model", "request_id"]
    fieldsets = [
        (None, {"fields": ["consent_status", "tpp", "app", "psu", "valid_until", "authorised_at"]}),
        (
            _("What was asked for"),
            {"fields": ["consent_model", "access", "recurring_indicator", "frequency_per_day"]},
        ),
        (_("Record"), {"fields": ["id", "request_id", "created_at", "status_changed_at"]}),
    ]
    related_rows = [
        RelatedRows(_("Accounts"), "accounts", ["payment_account", "may_balances", "may_transactions"]),
        RelatedRows(
            _("Latest uses"),
            "accesses",
            ["at", "kind", "payment_account", "psu_present"],
            ["-at"],
            limit=50,
        ),
    ]
    audit_object_type = "consent"

    def row_title(self, row: Consent) -> str:
        if row.psu is None:
            return gettext("Consent for %(tpp)s") % {"tpp": row.tpp.brand_name}
        return gettext("Consent of %(customer)s for %(tpp)s") % {
            "customer": row.psu,
            "tpp": row.tpp.brand_name,
        }
