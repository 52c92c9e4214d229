from django.contrib import admin
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.core.read_only_admin import ReadOnlyAdmin
from apps.payments.models import PaymentInitiation


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
    ]
    iban_fields = ["debtor_iban", "creditor_iban"]
    money_fields = {"amount_minor": "currency"}
    fieldsets = [
        (None, {"fields": ["transaction_status", "status_reason", "amount_minor", "channel", "app", "psu"]}),
        (
            _("Order"),
            {
                "fields": [
                    "debtor_account",
                    "debtor_iban",
                    "creditor_name",
                    "creditor_iban",
                    "remittance_information_unstructured",
                    "end_to_end_identification",
                    "payment_product",
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
                    "status_changed_at",
                ]
            },
        ),
    ]
    audit_object_type = "payment"

    def row_title(self, row: PaymentInitiation) -> str:
        return gettext("Payment to %(name)s") % {"name": row.creditor_name}
