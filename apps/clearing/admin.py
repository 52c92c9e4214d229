from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from apps.clearing.models import ClearingInstruction
from apps.core.read_only_admin import ReadOnlyAdmin


@admin.register(ClearingInstruction)
class ClearingInstructionAdmin(ReadOnlyAdmin):
    """Transfers handed to the clearing house and its answers."""

    list_display = ["submitted_at", "amount_minor", "creditor_name", "creditor_iban", "status", "reason"]
    list_filter = ["status"]
    search_fields = ["creditor_name", "=end_to_end_identification", "=creditor_iban", "=debtor_iban"]
    search_help_text = _("Payee, IBAN, end-to-end ID or payment ID")
    uuid_search_fields = ["id", "payment_id"]
    ordering = ["-submitted_at"]
    badge_fields = ["status"]
    iban_fields = ["debtor_iban", "creditor_iban"]
    money_fields = {"amount_minor": "currency"}
    fieldsets = [
        (None, {"fields": ["status", "reason", "amount_minor", "submitted_at", "answered_at"]}),
        (
            _("Transfer"),
            {
                "fields": [
                    "debtor_name",
                    "debtor_iban",
                    "creditor_name",
                    "creditor_iban",
                    "remittance_information_unstructured",
                    "end_to_end_identification",
                ]
            },
        ),
        (_("Record"), {"fields": ["id", "payment_id"]}),
    ]
