from typing import Any

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from apps.core.read_only_admin import ReadOnlyAdmin, RelatedRows
from apps.screening.explanations import explain_names
from apps.screening.models import SanctionsList, ScreeningHit, ScreeningRun


@admin.register(ScreeningHit)
class ScreeningHitAdmin(ReadOnlyAdmin):
    """The queue: customers whose names resemble a listed one, and what was decided."""

    list_display = ["found_at", "customer_name", "listed_name", "score", "status"]
    list_filter = ["status"]
    search_fields = ["customer_name", "listed_name", "=entry__eu_reference"]
    search_help_text = _("Name or EU reference")
    uuid_search_fields = ["id", "psu__id"]
    list_select_related = ["psu", "entry"]
    ordering = ["-found_at"]
    badge_fields = ["status"]
    fieldsets = [
        (None, {"fields": ["status", "psu", "customer_name", "listed_name", "score", "why", "found_at"]}),
        (
            _("Listed entry"),
            {
                "fields": [
                    *("eu_reference", "kind_of_subject", "names", "birthdates", "citizenships"),
                    *("programme", "regulation"),
                ]
            },
        ),
        (_("Decision"), {"fields": ["decided_at", "decision_reason"]}),
        (_("Record"), {"fields": ["id", "run"]}),
    ]

    def audit_objects(self, row: ScreeningHit) -> list[tuple[str, Any]]:
        """The trail tells of it under the customer."""
        return [("psu", row.psu_id)]

    @admin.display(description=_("why"))
    def why(self, hit: ScreeningHit) -> list[str]:
        return explain_names(customer_name=hit.customer_name, listed_name=hit.listed_name)

    @admin.display(description=_("EU reference"))
    def eu_reference(self, hit: ScreeningHit) -> str:
        return hit.entry.eu_reference

    @admin.display(description=_("kind"))
    def kind_of_subject(self, hit: ScreeningHit) -> str:
        return hit.entry.get_subject_type_display()

    @admin.display(description=_("names"))
    def names(self, hit: ScreeningHit) -> list[str]:
        return hit.entry.names

    @admin.display(description=_("dates of birth"))
    def birthdates(self, hit: ScreeningHit) -> list[str]:
        return hit.entry.birthdates

    @admin.display(description=_("citizenships"))
    def citizenships(self, hit: ScreeningHit) -> list[str]:
        return hit.entry.citizenships

    @admin.display(description=_("programme"))
    def programme(self, hit: ScreeningHit) -> str:
        return hit.entry.programme

    @admin.display(description=_("regulation"))
    def regulation(self, hit: ScreeningHit) -> str:
        return hit.entry.regulation


@admin.register(ScreeningRun)
class ScreeningRunAdmin(ReadOnlyAdmin):
    """The evidence log: which day's customers were screened against which edition."""

    list_display = ["business_date", "sanctions_list", "status", "customer_count", "hit_count", "finished_at"]
    list_filter = ["status"]
    list_select_related = ["sanctions_list"]
    ordering = ["-business_date", "-pk"]
    badge_fields = ["status"]
    fieldsets = [
        (None, {"fields": ["business_date", "sanctions_list", "status", "customer_count", "hit_count"]}),
        (_("Record"), {"fields": ["started_at", "finished_at"]}),
    ]
    related_rows = [
        RelatedRows(
            _("Steps"), "batches", ["number", "screened_at", "hit_count", "evidence_sha256"], ["number"]
        ),
        RelatedRows(
            _("Hits first found"), "hits", ["customer_name", "listed_name", "score", "status"], ["-score"]
        ),
    ]
    audit_object_type = "screening_run"


@admin.register(SanctionsList)
class SanctionsListAdmin(ReadOnlyAdmin):
    """Editions of the list."""

    list_display = ["published_at", "imported_at", "entry_count", "name_count"]
    ordering = ["-pk"]
    fieldsets = [
        (None, {"fields": ["published_at", "file_number", "entry_count", "name_count"]}),
        (_("Record"), {"fields": ["imported_at", "sha256"]}),
    ]
    related_rows = [
        RelatedRows(
            _("Runs"), "runs", ["business_date", "status", "customer_count", "hit_count"], ["-business_date"]
        )
    ]
    audit_object_type = "sanctions_list"
