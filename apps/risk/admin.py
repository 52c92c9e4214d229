from typing import Any

from django.contrib import admin
from django.contrib.admin.filters import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from apps.core.read_only_admin import ReadOnlyAdmin
from apps.risk.explanations import explain_factor, factor_label
from apps.risk.models import CompromisedElement, RiskAssessment, RiskCase, RiskRule
from apps.risk.rules import RiskLevel, Subject

_AUDIT_NAMES = {Subject.PAYMENT: "payment", Subject.FILE: "payment_file", Subject.SIGN_IN: "psu"}


@admin.register(RiskCase)
class RiskCaseAdmin(ReadOnlyAdmin):
    """The queue: what looked risky and waits for somebody to look at it."""

    list_display = ["opened_at", "what", "score", "status", "outcome"]
    list_filter = ["status", "outcome"]
    uuid_search_fields = ["id", "assessment__subject_id", "assessment__psu_id"]
    search_help_text = _("ID of the payment, the file or the customer")
    ordering = ["-opened_at"]
    badge_fields = ["status"]
    fieldsets = [
        (None, {"fields": ["status", "assessment", "score", "why", "opened_at"]}),
        (_("Decision"), {"fields": ["outcome", "decided_at", "decision_reason"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[RiskCase]:
        cases = super().get_queryset(request).select_related("assessment")
        return cases.defer("assessment__item_patterns")

    def row_title(self, row: RiskCase) -> str:
        return capfirst(str(row))

    def audit_objects(self, row: RiskCase) -> list[tuple[str, Any]]:
        """The trail tells of it under the payment or file."""
        return [(_AUDIT_NAMES[Subject(row.assessment.subject)], row.assessment.subject_id)]

    @admin.display(description=_("what"))
    def what(self, case: RiskCase) -> str:
        return str(case.assessment.get_subject_display())

    @admin.display(description=_("score (of 100)"))
    def score(self, case: RiskCase) -> int | None:
        return case.assessment.score

    @admin.display(description=_("why"))
    def why(self, case: RiskCase) -> list[str]:
        return explain_assessment(case.assessment)


@admin.register(RiskAssessment)
class RiskAssessmentAdmin(ReadOnlyAdmin):
    """Every payment, file and sign-in with its score and the reasons for it."""

    list_display = ["assessed_at", "subject", "level", "score", "rules_version"]
    list_filter = ["level", "subject"]
    uuid_search_fields = ["id", "subject_id", "psu_id", "account_id"]
    search_help_text = _("ID of the payment, the file, the customer or the account")
    ordering = ["-assessed_at"]
    badge_fields = ["level"]
    literal_fields = ["device", "network"]
    fieldsets = [
        (None, {"fields": ["subject", "level", "score", "why", "by_level"]}),
        (_("Record"), {"fields": ["id", "subject_id", "psu_id", "account_id", "assessed_at"]}),
        (_("To compute it again"), {"fields": ["rules_version", "facts", "device", "network"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[RiskAssessment]:
        return super().get_queryset(request).defer("item_patterns")

    def row_title(self, row: RiskAssessment) -> str:
        return capfirst(str(row))

    def audit_objects(self, row: RiskAssessment) -> list[tuple[str, Any]]:
        """The trail tells of it under what was assessed."""
        return [(_AUDIT_NAMES[Subject(row.subject)], row.subject_id)]

    @admin.display(description=_("why"))
    def why(self, assessment: RiskAssessment) -> list[str]:
        return explain_assessment(assessment)

    @admin.display(description=_("payments by level"))
    def by_level(self, assessment: RiskAssessment) -> list[str]:
        return count_by_level(assessment)


def explain_assessment(assessment: RiskAssessment) -> list[str]:
    """Each factor that was found or is unknown, with its points, in sentences."""
    return [
        f"{factor_label(factor)} (+{factor['weight']}): {' '.join(explain_factor(factor))}"
        for factor in assessment.factors
        if factor["weight"]
    ]


def count_by_level(assessment: RiskAssessment) -> list[str]:
    """How many payments of a file are of each level."""
    return [
        f"{RiskLevel(level).label}: {count}" for level, count in sorted(assessment.items_at_level.items())
    ]


@admin.register(RiskRule)
class RiskRuleAdmin(ReadOnlyAdmin):
    """By what is scored. Rules are changed by a migration, as a new version."""

    list_display = ["version", "factor", "measure", "comparison", "threshold", "weight", "weight_if_unknown"]
    list_filter = ["version", "factor"]
    ordering = ["-version", "pk"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    *("version", "in_force_from", "factor", "measure", "comparison", "threshold"),
                    *("weight", "weight_if_unknown"),
                ]
            },
        )
    ]


class OnTheListFilter(SimpleListFilter):
    """Whether payments are compared with it."""

    title = _("on the list")
    parameter_name = "listed"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, Any]]:
        return [("yes", _("Yes")), ("no", _("No"))]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[CompromisedElement]
    ) -> QuerySet[CompromisedElement]:
        if self.value() not in ("yes", "no"):
            return queryset
        return queryset.filter(removed_at__isnull=self.value() == "yes")


@admin.register(CompromisedElement)
class CompromisedElementAdmin(ReadOnlyAdmin):
    """Accounts, networks and devices that fraud was committed with."""

    list_display = ["added_at", "kind", "value", "reason", "removed_at"]
    list_filter = ["kind", OnTheListFilter]
    search_fields = ["=value"]
    search_help_text = _("IBAN, network or device")
    uuid_search_fields = ["id"]
    ordering = ["-added_at"]
    literal_fields = ["value"]
    fieldsets = [
        (None, {"fields": ["kind", "value", "reason"]}),
        (_("Record"), {"fields": ["id", "added_at", "added_by", "removed_at", "removed_by"]}),
    ]
    audit_object_type = "risk_element"
