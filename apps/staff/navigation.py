"""The staff's menu: only what the one who looks may see."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from apps.staff.site import StaffSite


@dataclass(frozen=True, slots=True)
class MenuLink:
    url: str
    icon: str
    label: str | Promise
    is_current: bool


@dataclass(frozen=True, slots=True)
class MenuGroup:
    label: str | Promise
    links: list[MenuLink]


_GROUPS: tuple[tuple[str | Promise, tuple[tuple[str, str, str | Promise], ...]], ...] = (
    (
        _("Open banking"),
        (
            ("tpp.TPP", "building-2", _("TPPs")),
            ("tpp.App", "app-window", _("Apps")),
            ("consents.Consent", "handshake", _("Consents")),
        ),
    ),
    (
        _("Money"),
        (
            ("payments.PaymentInitiation", "send", _("Payments")),
            ("payments.StandingOrder", "refresh-cw", _("Standing orders")),
            ("bulk.PaymentFile", "upload", _("Payment files")),
            ("bulk.PaymentBatch", "list", _("Groups of payments")),
            ("bulk.PaymentItem", "list", _("Payments of files")),
            ("payments.PaymentLimits", "shield-check", _("Limits")),
            ("payments.TrustedPayee", "shield-check", _("Trusted payees")),
            ("payments.PaymentExemption", "check", _("Payments without a code")),
            ("accounts.PaymentAccount", "wallet", _("Accounts")),
            ("pricing.Charge", "file-text", _("Charges")),
            ("pricing.Price", "file-text", _("Prices")),
            ("pricing.InterestTerms", "file-text", _("Interest")),
            ("ledger.LedgerAccount", "book-open", _("Ledger")),
        ),
    ),
    (
        _("Other banks"),
        (
            ("clearing.ClearingInstruction", "upload", _("Outgoing transfers")),
            ("clearing.IncomingTransfer", "download", _("Incoming transfers")),
            ("clearing.ClearingReport", "file-text", _("Cycle reports")),
            ("clearing.ClearingDifference", "alert-triangle", _("Differences")),
            ("clearing.ClearingRecall", "undo-2", _("Recalls")),
            ("clearing.ClearingMessage", "arrow-left-right", _("Clearing messages")),
        ),
    ),
    (
        _("People"),
        (
            ("identity.PSU", "users", _("Customers")),
            ("identity.StaffProposal", "handshake", _("Proposals")),
            ("sca.HardwareToken", "key-round", _("Tokens")),
            ("identity.User", "user", _("Log-ins")),
            ("auth.Group", "shield-check", _("Roles")),
        ),
    ),
    (
        _("Sanctions"),
        (
            ("screening.ScreeningHit", "ban", _("Hits")),
            ("screening.ScreeningRun", "clock", _("Screenings")),
            ("screening.SanctionsList", "book-open", _("Sanctions lists")),
        ),
    ),
    (
        _("Fraud"),
        (
            ("fraud.FraudReport", "ban", _("Reported payments")),
            ("risk.RiskCase", "alert-triangle", _("Cases to look at")),
            ("risk.RiskAssessment", "activity", _("Risk assessments")),
            ("risk.CompromisedElement", "ban", _("Compromised elements")),
            ("risk.RiskRule", "list", _("Rules of monitoring")),
        ),
    ),
    (
        _("Watch"),
        (
            ("audit.AuditEvent", "activity", _("Audit trail")),
            ("notifications.OutboxMessage", "inbox", _("Outbox")),
        ),
    ),
)

# What the list of a model is called.
TITLES: dict[str, str | Promise] = {
    **{model_label: label for _group, entries in _GROUPS for model_label, _icon, label in entries},
    "tpp.AppKey": _("Keys"),
}


def build_staff_menu(site: "StaffSite", request: HttpRequest) -> list[MenuGroup]:
    """The groups of the menu with what this member of staff may view; empty groups are left out."""
    groups = [MenuGroup(label, _links(site, request, entries)) for label, entries in _GROUPS]
    return [group for group in groups if group.links]


def _links(
    site: "StaffSite", request: HttpRequest, entries: tuple[tuple[str, str, str | Promise], ...]
) -> list[MenuLink]:
    links = []
    for model_label, icon, label in entries:
        model_admin = site.admin_of(model_label)
        if model_admin is not None and model_admin.has_view_permission(request):
            url = reverse(f"admin:{model_label.lower().replace('.', '_')}_changelist")
            links.append(MenuLink(url, icon, label, request.path.startswith(url)))
    return links
