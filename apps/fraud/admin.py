from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from apps.core.read_only_admin import ReadOnlyAdmin
from apps.fraud.models import FraudReport


@admin.register(FraudReport)
class FraudReportAdmin(ReadOnlyAdmin):
    """The queue: payments that customers say they did not authorise, the one to be paid back first at the top."""

    list_display = ["reported_at", "refund_due_on", "amount_minor", "reason", "status", "outcome"]
    list_filter = ["status", "outcome", "reason"]
    uuid_search_fields = ["id", "payment__id", "psu__id"]
    search_help_text = _("ID of the payment or the customer")
    ordering = ["-status", "refund_due_on", "reported_at"]
    badge_fields = ["status"]
    money_fields = {"amount_minor": "currency", "refunded_minor": "currency"}
    fieldsets = [
        (
            None,
            {
                "fields": [
                    *("status", "payment", "psu", "amount_minor", "reason", "note"),
                    *("reported_at", "refund_due_on"),
                ]
            },
        ),
        (_("Decision"), {"fields": ["outcome", "decided_at", "decision_reason"]}),
        (_("Paid back"), {"fields": ["refunded_minor", "refunded_at"]}),
        (_("Record"), {"fields": ["id"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[FraudReport]:
        return super().get_queryset(request).select_related("payment", "psu")

    def audit_objects(self, row: FraudReport) -> list[tuple[str, Any]]:
        """The trail tells of it under the payment."""
        return [("payment", row.payment_id)]

    @admin.display(description=_("amount"))
    def amount_minor(self, report: FraudReport) -> int:
        return report.payment.amount_minor
