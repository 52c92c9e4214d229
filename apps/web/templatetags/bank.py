"""Filters and tags of the shells and components: ``{% load bank %}``."""

import secrets
from datetime import date, datetime
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from apps.core.money import format_money
from apps.web import formatting, navigation
from apps.web.statuses import StatusLook
from apps.web.statuses import status_look as look_up_status

register = template.Library()

# Day before month in words in both languages: a numeric date reads differently to different people. N is the month
# with the dot that German puts behind an abbreviation ("Nov.", but "März").
DATE_FORMATS = {
    "en": {
        "date": "j M Y",
        "long": "l, j F Y",
        "datetime": "j M Y, H:i",
        "time": "H:i",
        "seconds": "j M Y, H:i:s",
    },
    "de": {
        "date": "j. N Y",
        "long": "l, j. F Y",
        "datetime": "j. N Y, H:i",
        "time": "H:i",
        "seconds": "j. N Y, H:i:s",
    },
}


@register.filter
def money(amount_minor: Any, currency: str = "EUR") -> str:
    """``{{ balance_minor|money:"EUR" }}`` -> ``€1,249.00``; nothing for a missing amount."""
    return "" if amount_minor in (None, "") else format_money(int(amount_minor), currency)


@register.simple_tag
def directed_money(amount_minor: int, currency: str, direction: str) -> str:
    """A movement with its sign: ``− €42.18``."""
    return formatting.format_directed(int(amount_minor), currency, direction)


@register.filter
def iban(value: str | None) -> str:
    """Groups of four."""
    return formatting.group_iban(str(value or ""))


@register.filter
def iban_tail(value: str | None) -> str:
    """The last four characters."""
    return formatting.iban_tail(str(value or ""))


@register.filter
def bank_date(value: date | datetime | None, style: str = "date") -> str:
    """A date or moment in bank-local words; styles: date, long, datetime, time, seconds."""
    if not value:
        return ""
    if isinstance(value, datetime) and timezone.is_aware(value):
        value = timezone.localtime(value)
    language = (get_language() or "en")[:2]
    formats = DATE_FORMATS.get(language, DATE_FORMATS["en"])
    if not isinstance(value, datetime) and style not in ("date", "long"):
        style = "date"
    return date_format(value, formats.get(style, formats["date"]), use_l10n=False)


@register.filter
def bank_datetime(value: datetime | None) -> str:
    """Day and minute in bank-local time."""
    return bank_date(value, "datetime")


@register.filter
def machine_time(value: date | datetime | None) -> str:
    """For the ``datetime`` attribute of ``<time>``."""
    return value.isoformat() if value else ""


@register.filter
def status_text(status: str) -> str | Promise:
    """The words for a stored status literal."""
    return look_up_status(str(status)).text


@register.filter
def status_look(status: str) -> StatusLook:
    """Words, tone and icon of a stored status literal (for the badge component)."""
    return look_up_status(str(status))


@register.filter
def initial(text: str | None) -> str:
    """The first letter or digit, for the square in front of a transaction."""
    return next((char.upper() for char in str(text or "") if char.isalnum()), "·")


@register.simple_tag(takes_context=True)
def menu(context: dict[str, Any], name: str) -> list[navigation.NavLink]:
    """``{% menu "portal" as items %}``: the entries whose pages exist."""
    request = context.get("request")
    return navigation.build_menu(name, path=request.path if request else "")


@register.simple_tag(takes_context=True)
def bank_clock(context: dict[str, Any]) -> datetime | None:
    """The bank's time, asked only where it is printed."""
    teller = context.get("bank_now")
    return teller() if callable(teller) else teller


@register.simple_tag
def url_if(url_name: str) -> str:
    """``{% url_if "sandbox:home" as url %}``: the address, or "" when the page is not mounted."""
    return navigation.url_or_empty(url_name)


@register.simple_tag
def unique_id() -> str:
    """An id for wiring two elements of one component together."""
    return f"u{secrets.token_hex(4)}"


@register.simple_tag
def field_kind(bound_field: Any) -> str:
    """Which markup a form field needs: ``check`` (one box), ``choices`` (a group) or ``input``."""
    widget = bound_field.field.widget
    input_type = getattr(widget, "input_type", "")
    if input_type in ("checkbox", "radio"):
        return "choices" if hasattr(widget, "choices") else "check"
    return "input"


@register.simple_tag
def wired_field(
    bound_field: Any, css_class: str = "", has_hint: bool = False, **attributes: Any
) -> SafeString:
    """The widget of ``bound_field`` with its class and ARIA: described by its hint and its error, marked invalid.

    Further keyword arguments become attributes (``inputmode="decimal"``); underscores turn into hyphens, empty ones
    are left out.
    """
    widget = bound_field.field.widget
    described_by = [f"{bound_field.auto_id}_hint"] if has_hint else []
    attrs: dict[str, Any] = {name.replace("_", "-"): value for name, value in attributes.items() if value}
    if bound_field.errors:
        described_by.insert(0, f"{bound_field.auto_id}_error")
        attrs["aria-invalid"] = "true"
    if described_by:
        attrs["aria-describedby"] = " ".join(described_by)
    if css_class:
        attrs["class"] = f"{css_class} {widget.attrs.get('class', '')}".strip()
    return bound_field.as_widget(attrs=attrs)


@register.simple_tag
def input_class(bound_field: Any) -> str:
    """``select``, ``textarea`` or ``input`` by the field's widget."""
    widget_name = type(bound_field.field.widget).__name__
    if "Select" in widget_name:
        return "select"
    return "textarea" if "Textarea" in widget_name else "input"


@register.simple_tag
def icon_use(name: str) -> SafeString:
    """The ``<use>`` of one icon out of the sprite."""
    return format_html('<use href="{}#{}"></use>', static("img/icons.svg"), name)
