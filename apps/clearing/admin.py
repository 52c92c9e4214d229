from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from apps.clearing.models import (
    ClearingDifference,
    ClearingInstruction,
    ClearingMessage,
    ClearingRecall,
    ClearingReport,
    IncomingTransfer,
)
from apps.core.read_only_admin import ReadOnlyAdmin, RelatedRows


@admin.register(ClearingInstruction)
class ClearingInstructionAdmin(ReadOnlyAdmin):
    """Transfers handed to the clearing house and its answers."""

    list_display = [
        "submitted_at",
        "rail",
        "amount_minor",
        "creditor_name",
        "creditor_iban",
        "status",
        "reason",
    ]
    list_filter = ["status", "rail"]
    search_fields = [
        "creditor_name",
        "=end_to_end_identification",
        "=creditor_iban",
        "=debtor_iban",
        "=cycle",
        "=return_id",
    ]
    search_help_text = _("Payee, IBAN, end-to-end ID, cycle or payment ID")
    uuid_search_fields = ["id", "payment_id"]
    ordering = ["-submitted_at"]
    badge_fields = ["status"]
    literal_fields = [
        "reason",
        "return_reason",
        "return_id",
        "cycle",
        "return_cycle",
        "creditor_agent",
        "charge_bearer",
    ]
    iban_fields = ["debtor_iban", "creditor_iban"]
    money_fields = {"amount_minor": "currency"}
    fieldsets = [
        (
            None,
            {"fields": ["status", "reason", "rail", "amount_minor", "submitted_at", "answered_at", "cycle"]},
        ),
        (
            _("Return"),
            {
                "fields": [
                    "returned_at",
                    "return_reason",
                    "return_id",
                    "return_cycle",
                    "late_accepted_at",
                ]
            },
        ),
        (
            _("Transfer"),
            {
                "fields": [
                    "debtor_name",
                    "debtor_iban",
                    "creditor_name",
                    "creditor_iban",
                    "creditor_agent",
                    "charge_bearer",
                    "remittance_information_unstructured",
                    "end_to_end_identification",
                ]
            },
        ),
        (_("Record"), {"fields": ["id", "payment_id", "message"]}),
    ]
    audit_object_type = "instruction"


@admin.register(IncomingTransfer)
class IncomingTransferAdmin(ReadOnlyAdmin):
    """Transfers from other banks, and what became of them."""

    list_display = ["received_at", "rail", "amount_minor", "debtor_name", "creditor_iban", "status", "reason"]
    list_filter = ["status", "rail"]
    search_fields = ["debtor_name", "=creditor_iban", "=debtor_iban", "=transaction_id", "=cycle"]
    search_help_text = _("Payer, IBAN, transaction ID or cycle")
    uuid_search_fields = ["id"]
    ordering = ["-received_at"]
    badge_fields = ["status"]
    literal_fields = ["reason", "transaction_id", "debtor_agent", "cycle", "return_cycle"]
    iban_fields = ["debtor_iban", "creditor_iban"]
    money_fields = {"amount_minor": "currency"}
    fieldsets = [
        (None, {"fields": ["status", "reason", "rail", "amount_minor", "received_at", "finished_at"]}),
        (
            _("Transfer"),
            {
                "fields": [
                    "debtor_name",
                    "debtor_iban",
                    "debtor_agent",
                    "creditor_name",
                    "creditor_iban",
                    "remittance_information_unstructured",
                    "end_to_end_identification",
                ]
            },
        ),
        (_("Record"), {"fields": ["id", "transaction_id", "cycle", "return_cycle", "message"]}),
    ]


@admin.register(ClearingReport)
class ClearingReportAdmin(ReadOnlyAdmin):
    """What the clearing house says it settled in each cycle, and whether the books agree."""

    list_display = ["received_at", "cycle", "entries", "closing_minor", "reconciled_at"]
    list_filter = ["rail"]
    search_fields = ["=cycle"]
    search_help_text = _("Cycle")
    uuid_search_fields = ["id"]
    ordering = ["-received_at"]
    literal_fields = ["cycle"]
    money_fields = {"opening_minor": "currency", "closing_minor": "currency"}
    fieldsets = [
        (None, {"fields": ["cycle", "rail", "number", "entries", "opening_minor", "closing_minor"]}),
        (_("Record"), {"fields": ["id", "received_at", "reconciled_at", "message"]}),
    ]
    related_rows = [
        RelatedRows(
            _("Differences"), "differences", ["kind", "reference", "ours_minor", "theirs_minor", "status"]
        )
    ]


@admin.register(ClearingDifference)
class ClearingDifferenceAdmin(ReadOnlyAdmin):
    """Where the clearing house and the books do not agree. Marked as solved on a page of its own."""

    list_display = ["found_at", "status", "kind", "ours_minor", "theirs_minor", "reference"]
    list_filter = ["status", "kind"]
    search_fields = ["reference", "=cycle"]
    search_help_text = _("Transaction ID or cycle")
    uuid_search_fields = ["id"]
    ordering = ["-found_at"]
    badge_fields = ["status"]
    literal_fields = ["reference", "cycle"]
    money_fields = {"ours_minor": "currency", "theirs_minor": "currency"}
    fieldsets = [
        (None, {"fields": ["status", "kind", "reference", "ours_minor", "theirs_minor", "found_at"]}),
        (_("Solution"), {"fields": ["solved_at", "solved_by", "note"]}),
        (_("Record"), {"fields": ["id", "cycle", "report"]}),
    ]
    audit_object_type = "difference"


@admin.register(ClearingRecall)
class ClearingRecallAdmin(ReadOnlyAdmin):
    """Money asked back from other banks, and what they said."""

    list_display = ["requested_at", "instruction", "reason", "status", "answer_reason"]
    list_filter = ["status", "reason"]
    uuid_search_fields = ["id", "instruction_id"]
    ordering = ["-requested_at"]
    badge_fields = ["status"]
    literal_fields = ["answer_reason"]
    fieldsets = [
        (None, {"fields": ["status", "reason", "note", "instruction"]}),
        (_("Record"), {"fields": ["id", "requested_at", "requested_by", "answered_at", "answer_reason"]}),
    ]


@admin.register(ClearingMessage)
class ClearingMessageAdmin(ReadOnlyAdmin):
    """Every message to and from the clearing house, to the letter."""

    list_display = ["created_at", "direction", "name", "message_id", "status", "attempts"]
    list_filter = ["status", "direction", "name"]
    search_fields = ["=message_id"]
    search_help_text = _("Message ID")
    uuid_search_fields = ["id"]
    ordering = ["-created_at"]
    badge_fields = ["status"]
    literal_fields = ["name", "message_id", "body"]
    fieldsets = [
        (None, {"fields": ["status", "error", "direction", "name", "message_id", "attempts"]}),
        (_("Times"), {"fields": ["created_at", "done_at"]}),
        (_("Record"), {"fields": ["id", "body"]}),
    ]
    related_rows = [
        RelatedRows(
            _("Outgoing transfers"),
            "instructions",
            ["creditor_name", "amount_minor", "status", "reason", "return_reason"],
            ["payment_id"],
        )
    ]
