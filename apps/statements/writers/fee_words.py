"""The words of the statement of fees: the standard terms of Delegated Regulation (EU) 2018/32 and of 2018/33."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from apps.pricing.rules import ChargeKind, FeeService
from apps.statements.fee_rules import FeeHeading

HEADINGS: dict[FeeHeading, Promise] = {
    FeeHeading.GENERAL: _("General account services"),
    FeeHeading.PAYMENTS: _("Payments (excluding cards)"),
}
SERVICES: dict[str, Promise] = {
    ChargeKind.MAINTENANCE: pgettext_lazy("statement of fees", "Maintaining the account"),
    ChargeKind.CREDIT_TRANSFER: pgettext_lazy("statement of fees", "Credit transfer"),
    FeeService.TARGET_TRANSFER: FeeService.TARGET_TRANSFER.label,
    FeeService.CROSS_BORDER_TRANSFER: FeeService.CROSS_BORDER_TRANSFER.label,
    ChargeKind.OVERDRAFT_INTEREST: pgettext_lazy("statement of fees", "Overdraft"),
    ChargeKind.CREDIT_INTEREST: pgettext_lazy("statement of fees", "Credit balance"),
}


def rate_text(rate_bp: int, *, is_german: bool) -> str:
    """1,050 basis points are ``10.50 %``, in German ``10,50 %``."""
    whole, hundredths = divmod(rate_bp, 100)
    return f"{whole}{',' if is_german else '.'}{hundredths:02d}\u00a0%"
