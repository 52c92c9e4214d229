from django.contrib import admin
from django.contrib.admin.filters import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from apps.core.read_only_admin import ReadOnlyAdmin, RelatedRows
from apps.tpp.models import TPP, App, AppKey
from apps.tpp.rules import Role


class RoleFilter(SimpleListFilter):
    """TPPs that have a role, or none at all."""

    title = _("role")
    parameter_name = "role"
    NONE = "none"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [*((role.value, str(role.label)) for role in Role), (self.NONE, str(_("none")))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[TPP]) -> QuerySet[TPP]:
        if self.value() in Role.values:
            return queryset.filter(roles__contains=[self.value()])
        return queryset.filter(roles=[]) if self.value() == self.NONE else queryset


@admin.register(TPP)
class TPPAdmin(ReadOnlyAdmin):
    """Companies with access to accounts; blocking and unblocking have pages of their own."""

    list_display = ["brand_name", "legal_name", "authorisation_number", "country", "roles", "status"]
    list_filter = ["status", RoleFilter, "country"]
    search_fields = ["brand_name", "legal_name", "=authorisation_number", "=apps__client_id"]
    search_help_text = _("Name, authorisation number or client ID")
    ordering = ["brand_name"]
    badge_fields = ["status"]
    fieldsets = [
        (None, {"fields": ["legal_name", "brand_name", "status", "blocked_at", "blocked_reason"]}),
        (
            _("Licence"),
            {"fields": ["authorisation_number", "authority_name", "country", "roles", "contact_email"]},
        ),
        (_("Record"), {"fields": ["id", "registered_at"]}),
    ]
    related_rows = [
        RelatedRows(_("Apps"), "apps", ["name", "client_id", "status", "registered_at"], ["name"]),
        RelatedRows(
            _("Certificates"),
            "certificates",
            ["kind", "serial_number", "issuer", "not_before", "not_after", "sha256_fingerprint"],
            ["-not_after"],
        ),
        RelatedRows(_("People in the console"), "members", ["user"], ["user__username"]),
    ]
    audit_object_type = "tpp"


@admin.register(App)
class AppAdmin(ReadOnlyAdmin):
    """Programs of TPPs: OAuth clients."""

    list_display = ["name", "tpp", "client_id", "status", "registered_at"]
    list_filter = ["status"]
    list_select_related = ["tpp"]
    search_fields = ["name", "=client_id", "tpp__brand_name", "tpp__legal_name"]
    search_help_text = _("Name of the app or the company, or client ID")
    ordering = ["name"]
    badge_fields = ["status"]
    literal_fields = ["client_id"]
    fieldsets = [
        (None, {"fields": ["name", "tpp", "status"]}),
        (_("OAuth client"), {"fields": ["client_id", "redirect_uris"]}),
        (_("Record"), {"fields": ["id", "registered_at"]}),
    ]
    related_rows = [
        RelatedRows(
            _("Public keys"), "keys", ["kid", "kind", "status", "added_at", "retired_at"], ["-added_at"]
        )
    ]
    audit_object_type = "app"


@admin.register(AppKey)
class AppKeyAdmin(ReadOnlyAdmin):
    """Public keys of apps; private ones never come here."""

    list_display = ["kid", "app", "kind", "status", "added_at", "retired_at"]
    list_filter = ["status"]
    list_select_related = ["app"]
    search_fields = ["=kid", "=app__client_id"]
    search_help_text = _("Key ID or client ID")
    ordering = ["-added_at"]
    badge_fields = ["status"]
    fieldsets = [(None, {"fields": ["kid", "app", "kind", "status", "added_at", "retired_at", "jwk"]})]

    @admin.display(description=_("kind"))
    def kind(self, key: AppKey) -> str:
        return " ".join(str(key.jwk[name]) for name in ("kty", "crv") if name in key.jwk)
