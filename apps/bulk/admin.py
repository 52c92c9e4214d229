from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from apps.bulk.models import PaymentBatch, PaymentFile, PaymentItem
from apps.core.read_only_admin import ReadOnlyAdmin, RelatedRows


@admin.register(PaymentFile)
class PaymentFileAdmin(ReadOnlyAdmin):
    """Files of payments that customers uploaded. Nobody at the bank signs, alters or stops one here."""

    list_display = ["created_at", "file_name", "psu", "number_of_transactions", "total_minor", "status"]
    list_filter = ["status", "file_format"]
    search_fields = ["=message_identification", "file_name", "psu__last_name", "=psu__user__username"]
    search_help_text = _("Message identification, file name, customer or ID")
    uuid_search_fields = ["id", "authorisation_id"]
    ordering = ["-created_at"]
    badge_fields = ["status"]
    literal_fields = ["status_reason", "file_format", "message_identification"]
    money_fields = {"total_minor": "currency"}
    fieldsets = [
        (
            None,
            {
                "fields": [
                    "status",
                    "status_reason",
                    "number_of_transactions",
                    "total_minor",
                    "psu",
                    "signatures_needed",
                ]
            },
        ),
        (_("File"), {"fields": ["file_name", "file_format", "size_bytes", "message_identification"]}),
        (
            _("Record"),
            {"fields": ["id", "authorisation_id", "created_at", "authorised_at", "status_changed_at"]},
        ),
    ]
    related_rows = [
        RelatedRows(
            _("Groups of payments"),
            "batches",
            ["number", "debtor_iban", "number_of_transactions", "total_minor", "status"],
            order=("number",),
        )
    ]
    audit_object_type = "payment_file"


@admin.register(PaymentBatch)
class PaymentBatchAdmin(ReadOnlyAdmin):
    """The groups of payments in files: from one account on one day."""

    list_display = [
        "payment_information_identification",
        "file",
        "debtor_iban",
        "number_of_transactions",
        "total_minor",
        "status",
    ]
    list_select_related = ["file"]
    list_filter = ["status"]
    search_fields = ["=debtor_iban", "=payment_information_identification"]
    search_help_text = _("IBAN, identification or ID")
    uuid_search_fields = ["id", "file_id"]
    ordering = ["-file__created_at", "number"]
    badge_fields = ["status"]
    literal_fields = ["status_reason", "core_user_id", "payment_information_identification"]
    iban_fields = ["debtor_iban"]
    money_fields = {"total_minor": "currency"}
    fieldsets = [
        (None, {"fields": ["status", "status_reason", "number_of_transactions", "total_minor", "file"]}),
        (
            _("Group"),
            {
                "fields": [
                    "number",
                    "payment_information_identification",
                    "debtor_account",
                    "debtor_iban",
                    "batch_booking",
                    "requested_execution_date",
                    "checks_payees",
                ]
            },
        ),
        (_("Record"), {"fields": ["id", "core_user_id", "released_at", "begun_at"]}),
    ]
    related_rows = [
        RelatedRows(
            _("Payments"),
            "items",
            ["position", "creditor_name", "creditor_iban", "amount_minor", "status"],
            order=("position",),
        )
    ]


@admin.register(PaymentItem)
class PaymentItemAdmin(ReadOnlyAdmin):
    """Single payments of files."""

    list_display = ["creditor_name", "creditor_iban", "amount_minor", "batch", "status", "status_reason"]
    list_filter = ["status"]
    search_fields = ["=creditor_iban", "=end_to_end_identification", "creditor_name"]
    search_help_text = _("Payee, IBAN, end-to-end ID or payment ID")
    uuid_search_fields = ["id", "batch_id"]
    ordering = ["batch", "position"]
    list_select_related = ["batch"]
    badge_fields = ["status"]
    literal_fields = ["status_reason", "return_reason", "end_to_end_identification", "purpose"]
    iban_fields = ["creditor_iban"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    "status",
                    "status_reason",
                    "return_reason",
                    "returned_at",
                    "amount_minor",
                    "batch",
                    "line",
                ]
            },
        ),
        (
            _("Transfer"),
            {
                "fields": [
                    "creditor_name",
                    "creditor_iban",
                    "creditor_name_match",
                    "remittance_information_unstructured",
                    "end_to_end_identification",
                    "purpose",
                ]
            },
        ),
        (_("Record"), {"fields": ["id"]}),
    ]
