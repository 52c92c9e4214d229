from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Group
from django.utils.translation import gettext_lazy as _

from apps.core.read_only_admin import ReadOnlyAdmin
from apps.identity.models import PSU, StaffProposal, User


@admin.register(PSU)
class PSUAdmin(ReadOnlyAdmin):
    """Customers, to look up. What they may do is changed by the rooms, never by hand here."""

    list_display = ["full_name", "user", "language", "last_seen"]
    search_fields = ["first_name", "last_name", "=user__username", "=core_user__core_user_id"]
    search_help_text = _("Name, user ID or core user")
    list_select_related = ["user", "core_user"]
    ordering = ["last_name", "first_name"]
    fieldsets = [
        (None, {"fields": ["full_name", "user", "language", "last_seen"]}),
        (_("Record"), {"fields": ["id", "core_user"]}),
    ]
    audit_object_type = "psu"

    def audit_objects(self, row: PSU) -> list[tuple[str, Any]]:
        """Sign-ins are told of the log-in, the rest of the customer."""
        return [("psu", row.pk), ("user", row.user_id)]

    @admin.display(description=_("name"), ordering="last_name")
    def full_name(self, psu: PSU) -> str:
        return psu.full_name

    @admin.display(description=_("language"), ordering="user__language")
    def language(self, psu: PSU) -> str:
        return psu.user.get_language_display()

    @admin.display(description=_("last sign-in"), ordering="user__last_login")
    def last_seen(self, psu: PSU) -> object:
        return psu.user.last_login


@admin.register(User)
class UserAdmin(ReadOnlyAdmin):
    """Log-ins of all kinds. A password cannot be read, searched for or set here."""

    list_display = ["username", "get_full_name", "is_staff", "is_active", "last_login"]
    list_filter = ["is_staff", "is_superuser", "is_active", "language"]
    search_fields = ["=username", "first_name", "last_name"]
    search_help_text = _("User ID or name")
    ordering = ["username"]
    fieldsets = [
        (None, {"fields": ["username", "get_full_name", "email", "language", "is_active", "last_login"]}),
        (_("Rights"), {"fields": ["is_staff", "is_superuser", "groups"]}),
        (_("Record"), {"fields": ["id", "date_joined"]}),
    ]
    audit_object_type = "user"


@admin.register(Group)
class GroupAdmin(ReadOnlyAdmin):
    """Roles of staff; ``identity.rules.STAFF_PERMISSIONS`` says what each may do."""

    list_display = ["name"]
    search_fields = ["name"]
    ordering = ["name"]
    fieldsets = [(None, {"fields": ["name", "permissions"]})]


@admin.register(StaffProposal)
class StaffProposalAdmin(ReadOnlyAdmin):
    """What waits for a second member of staff, and what became of the rest."""

    list_display = ["proposed_at", "act", "about", "proposed_by", "status", "decided_by"]
    list_filter = ["status", "act"]
    uuid_search_fields = ["id", "object_id"]
    search_help_text = _("ID of the proposal or the log-in")
    list_select_related = ["proposed_by", "decided_by"]
    ordering = ["-proposed_at"]
    badge_fields = ["status"]
    fieldsets = [
        (None, {"fields": ["act", "about", "reason", "status", "proposed_by", "proposed_at", "expires_at"]}),
        (_("Decision"), {"fields": ["decided_by", "decided_at"]}),
        (_("Record"), {"fields": ["id", "object_id", "data"]}),
    ]

    def audit_objects(self, row: StaffProposal) -> list[tuple[str, Any]]:
        """The trail tells of it under what it is about."""
        return [(row.object_type, row.object_id)]

    @admin.display(description=_("about"))
    def about(self, proposal: StaffProposal) -> str:
        """User IDs are looked up one by one: a page has fifty rows at most."""
        user = User.objects.filter(pk=proposal.object_id).first()
        return user.username if user else str(proposal.object_id)
