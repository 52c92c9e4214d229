from typing import Any

from django.contrib import admin
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.core.read_only_admin import ReadOnlyAdmin, RelatedRows
from apps.payments.models import (
    PaymentExemption,
    PaymentInitiation,
    PaymentLimits,
    StandingOrder,
    TrustedPayee,
)


@admin.register(PaymentInitiation)
class PaymentInitiationAdmin(ReadOnlyAdmin):
    """Orders to pay, with all that happened to them. Nobody pays, stops or alters one here."""

    list_display = [
        "created_at",
        "amount_minor",
        "creditor_name",
        "debtor_iban",
        "creditor_iban",
        "transaction_status",
    ]
    list_filter = ["transaction_status", "channel"]
    search_fields = ["creditor_name", "=end_to_end_identification", "=debtor_iban", "=creditor_iban"]
    search_help_text = _("Payee, IBAN, end-to-end ID or payment ID")
    uuid_search_fields = ["id", "authorisation_id"]
    ordering = ["-created_at"]
    badge_fields = ["transaction_status"]
    literal_fields = [
        "status_reason",
        "return_reason",
        "channel",
        "core_user_id",
        "request_id",
        "end_to_end_identification",
        "creditor_agent",
        "charge_bearer",
    ]
    iban_fields = ["debtor_iban", "creditor_iban"]
    money_fields = {"amount_minor": "currency", "fee_minor": "currency"}
    fieldsets = [
        (
            None,
            {
                "fields": [
                    "transaction_status",
                    "status_reason",
                    "amount_minor",
                    "channel",
                    "app",
                    "psu",
                    "signatures_needed",
                ]
            },
        ),
        (
            _("Order"),
            {
                "fields": [
                    "debtor_account",
                    "debtor_iban",
                    "creditor_name",
                    "creditor_iban",
                    "creditor_agent",
                    "creditor_name_match",
                    "remittance_information_unstructured",
                    "end_to_end_identification",
                    "payment_product",
                    "charge_bearer",
                    "fee_minor",
                    "requested_execution_date",
                    "standing_order",
                    "due_date",
                    "return_reason",
                    "returned_at",
                ]
            },
        ),
        (
            _("Record"),
            {
                "fields": [
                    "id",
                    "request_id",
                    "authorisation_id",
                    "core_user_id",
                    "created_at",
                    "authorised_at",
                    "released_at",
                    "status_changed_at",
                ]
            },
        ),
    ]
    audit_object_type = "payment"

    def row_title(self, row: PaymentInitiation) -> str:
        return gettext("Payment to %(name)s") % {"name": row.creditor_name}


@admin.register(PaymentLimits)
class PaymentLimitsAdmin(ReadOnlyAdmin):
    """Limits that customers have set. Nobody at the bank changes one here: the customer does, with his code."""

    list_display = [
        "psu",
        "per_payment_minor",
        "per_day_minor",
        "portal_per_day_minor",
        "xs2a_per_day_minor",
        "changed_at",
    ]
    search_fields = ["psu__last_name", "psu__first_name", "=psu__user__username"]
    search_help_text = _("Name or user ID of the customer")
    ordering = ["-changed_at"]
    fieldsets = [
        (None, {"fields": ["psu", "changed_at"]}),
        (
            _("Limits in cents"),
            {"fields": ["per_payment_minor", "per_day_minor", "portal_per_day_minor", "xs2a_per_day_minor"]},
        ),
    ]
    audit_object_type = "psu"


@admin.register(TrustedPayee)
class TrustedPayeeAdmin(ReadOnlyAdmin):
    """Payees whom customers trust. Nobody at the bank adds or changes one: the customer does, with his code."""

    list_display = ["name", "iban", "psu", "listed_at", "removed_at"]
    search_fields = ["name", "=iban", "=psu__user__username"]
    search_help_text = _("Payee, IBAN or user ID of the customer")
    ordering = ["-listed_at"]
    iban_fields = ["iban"]
    fieldsets = [
        (None, {"fields": ["name", "iban", "psu"]}),
        (_("Record"), {"fields": ["id", "authorisation_id", "listed_at", "changed_at", "removed_at"]}),
    ]

    def audit_objects(self, row: TrustedPayee) -> list[tuple[str, Any]]:
        return [("psu", row.psu_id)]


@admin.register(PaymentExemption)
class PaymentExemptionAdmin(ReadOnlyAdmin):
    """Payments that went out without a code: by which article and on what figures."""

    list_display = ["decided_at", "article", "reason", "payment", "psu"]
    list_filter = ["article"]
    search_fields = ["=psu__user__username"]
    search_help_text = _("User ID of the customer, or ID of the payment")
    uuid_search_fields = ["id", "payment_id", "authorisation_id"]
    ordering = ["-decided_at"]
    literal_fields = ["article", "reason"]
    fieldsets = [
        (None, {"fields": ["article", "reason", "payment", "psu"]}),
        (_("Record"), {"fields": ["figures", "refused", "id", "authorisation_id", "decided_at"]}),
    ]

    def audit_objects(self, row: PaymentExemption) -> list[tuple[str, Any]]:
        return [("payment", row.payment_id)]

    def row_title(self, row: PaymentExemption) -> str:
        return gettext("Exemption by article %(article)s") % {"article": row.article}


@admin.register(StandingOrder)
class StandingOrderAdmin(ReadOnlyAdmin):
    """Standing orders, with what they have paid. Nobody at the bank makes, changes or ends one here."""

    list_display = [
        "created_at",
        "amount_minor",
        "creditor_name",
        "debtor_iban",
        "frequency",
        "next_execution_date",
        "transaction_status",
    ]
    list_filter = ["transaction_status", "channel", "frequency"]
    search_fields = ["creditor_name", "=debtor_iban", "=creditor_iban"]
    search_help_text = _("Payee, IBAN or ID")
    uuid_search_fields = ["id", "authorisation_id"]
    ordering = ["-created_at"]
    badge_fields = ["transaction_status"]
    literal_fields = [
        "frequency",
        "execution_rule",
        "status_reason",
        "channel",
        "request_id",
        "end_to_end_identification",
        "creditor_agent",
    ]
    iban_fields = ["debtor_iban", "creditor_iban"]
    money_fields = {"amount_minor": "currency"}
    fieldsets = [
        (
            None,
            {
                "fields": [
                    "transaction_status",
                    "status_reason",
                    "amount_minor",
                    "channel",
                    "app",
                    "psu",
                    "signatures_needed",
                    "replaces",
                ]
            },
        ),
        (
            _("Order"),
            {
                "fields": [
                    "debtor_account",
                    "debtor_iban",
                    "creditor_name",
                    "creditor_iban",
                    "creditor_agent",
                    "creditor_name_match",
                    "remittance_information_unstructured",
                    "end_to_end_identification",
                ]
            },
        ),
        (
            _("Series"),
            {
                "fields": [
                    "frequency",
                    "start_date",
                    "end_date",
                    "day_of_execution",
                    "execution_rule",
                    "next_due_date",
                    "next_execution_date",
                ]
            },
        ),
        (
            _("Record"),
            {
                "fields": [
                    "id",
                    "request_id",
                    "authorisation_id",
                    "created_at",
                    "authorised_at",
                    "status_changed_at",
                ]
            },
        ),
    ]
    related_rows = [
        RelatedRows(
            _("Executions"),
            "executions",
            ["due_date", "created_at", "transaction_status", "status_reason"],
            ["-due_date"],
        )
    ]
    audit_object_type = "standing_order"

    def row_title(self, row: StandingOrder) -> str:
        return gettext("Standing order to %(name)s") % {"name": row.creditor_name}
