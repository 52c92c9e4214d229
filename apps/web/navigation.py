"""The main menus. An item whose page is not there (yet) is left out, so a menu never leads nowhere."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


@dataclass(frozen=True, slots=True)
class NavItem:
    """One entry: the page, its label, a label of at most ten letters for phones, and which paths count as inside it."""

    url_name: str
    icon: str
    label: str | Promise
    short_label: str | Promise
    inside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NavLink:
    url: str
    icon: str
    label: str | Promise
    short_label: str | Promise
    is_current: bool


PORTAL = (
    NavItem(
        "portal:home",
        "layout-dashboard",
        _("Overview"),
        pgettext_lazy("short menu label", "Home"),
        ("/home/", "/accounts/"),
    ),
    NavItem(
        "portal:transaction-list",
        "arrow-left-right",
        _("Transactions"),
        pgettext_lazy("short menu label", "Activity"),
        ("/transactions/",),
    ),
    NavItem(
        "portal:payment-new",
        "send",
        _("Pay & transfer"),
        pgettext_lazy("short menu label", "Pay"),
        ("/pay/",),
    ),
    NavItem(
        "portal:bulk-list",
        "upload",
        _("Bulk payments"),
        pgettext_lazy("short menu label", "Files"),
        ("/batches/",),
    ),
    NavItem(
        "portal:app-list",
        "handshake",
        _("Connected apps"),
        pgettext_lazy("short menu label", "Apps"),
        ("/apps/",),
    ),
    NavItem("portal:security", "shield-check", _("Security"), _("Security"), ("/security/",)),
)
CONSOLE = (
    NavItem("console:overview", "layout-dashboard", _("Overview"), _("Overview")),
    NavItem(
        "console:company-list",
        "landmark",
        _("Company"),
        _("Company"),
        ("/developers/company/",),
    ),
    NavItem("console:app-list", "app-window", _("Apps & keys"), _("Apps"), ("/developers/apps/",)),
    NavItem("console:first-call", "terminal", _("First call"), _("First call"), ("/developers/first-call/",)),
    NavItem("console:reference", "book-open", _("API reference"), _("API"), ("/developers/reference/",)),
    NavItem("console:error-list", "circle-alert", _("Error codes"), _("Errors"), ("/developers/errors/",)),
)
# For visitors of the console who are not signed in there.
CONSOLE_PUBLIC = (
    NavItem("console:overview", "house", _("Start"), _("Start")),
    NavItem("console:reference", "book-open", _("API reference"), _("API"), ("/developers/reference/",)),
    NavItem("console:error-list", "circle-alert", _("Error codes"), _("Errors"), ("/developers/errors/",)),
    NavItem("console:sign-in", "log-in", _("Sign in"), _("Sign in")),
)
MENUS: dict[str, Sequence[NavItem]] = {"portal": PORTAL, "console": CONSOLE, "console-public": CONSOLE_PUBLIC}


def url_or_empty(url_name: str) -> str:
    """The address of a page, or "" when no such page is mounted."""
    try:
        return reverse(url_name)
    except NoReverseMatch:
        return ""


def build_menu(menu: str, *, path: str) -> list[NavLink]:
    """The entries of ``menu`` that exist, with the one marked in which ``path`` lies."""
    links = []
    for item in MENUS[menu]:
        url = url_or_empty(item.url_name)
        if url:
            is_current = path == url or any(path.startswith(prefix) for prefix in item.inside)
            links.append(NavLink(url, item.icon, item.label, item.short_label, is_current))
    return links
