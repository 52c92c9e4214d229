from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from apps.core.iban import mask_iban
from apps.core.read_only_admin import ReadOnlyAdmin
from apps.ledger.models import LedgerAccount

_CUSTOMER = "customer:"


@admin.register(LedgerAccount)
class LedgerAccountAdmin(ReadOnlyAdmin):
    """Book accounts, to read. Nobody books by hand."""

    list_display = ["short_code", "kind", "balance_minor", "minimum_balance_minor", "last_posted_at"]
    list_filter = ["kind", "currency"]
    search_fields = ["=code"]
    search_help_text = _("The whole code")
    ordering = ["kind", "code"]
    money_fields = {
        "balance_minor": "currency",
        "minimum_balance_minor": "currency",
        "debits_minor": "currency",
        "credits_minor": "currency",
    }
    literal_fields = ["kind"]
    fieldsets = [
        (None, {"fields": ["short_code", "kind", "currency", "balance_minor", "minimum_balance_minor"]}),
        (_("Totals"), {"fields": ["debits_minor", "credits_minor", "last_posted_at"]}),
        (_("Record"), {"fields": ["id"]}),
    ]

    @admin.display(description=_("code"), ordering="code")
    def short_code(self, account: LedgerAccount) -> str:
        """A customer's code holds his IBAN, which his payment account shows; here its ends are enough."""
        prefix, _colon, iban = account.code.partition(_CUSTOMER)
        return f"{_CUSTOMER}{mask_iban(iban)}" if not prefix and iban else account.code
