from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django_otp.plugins.otp_totp.models import TOTPDevice

from apps.core.read_only_admin import ReadOnlyAdmin
from apps.sca.models import HardwareToken

# The library's page would show the secret and its QR code to staff; nobody at the bank has to see them (S0-6).
# It is registered by the time this runs: the library stands before the rooms in INSTALLED_APPS.
if admin.site.is_registered(TOTPDevice):
    admin.site.unregister(TOTPDevice)


@admin.register(HardwareToken)
class HardwareTokenAdmin(ReadOnlyAdmin):
    """The stock of tokens: where each is. Its key is shown to nobody."""

    list_display = ["serial_number", "added_at", "handed_out_at", "revoked_at", "revoked_because"]
    list_filter = ["revoked_because"]
    search_fields = ["serial_number"]
    search_help_text = _("Serial number")
    ordering = ["-added_at", "serial_number"]
    fieldsets = [
        (None, {"fields": ["serial_number", "holder", "handed_out_at", "revoked_at", "revoked_because"]}),
        (_("Record"), {"fields": ["id", "added_at"]}),
    ]
    audit_object_type = "token"

    def get_queryset(self, request: HttpRequest) -> QuerySet[HardwareToken]:
        return super().get_queryset(request).select_related("holder").defer("token_key")
