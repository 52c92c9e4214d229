"""Filters only the portal's pages need: ``{% load portal %}``."""

from datetime import date, datetime
from typing import Any

from django import template
from django.utils.formats import date_format
from django.utils.translation import get_language

from apps.core.clock import bank_date
from apps.core.money import format_money
from apps.payments import products
from apps.payments.rules import ChargeBearer
from apps.portal import phrases
from apps.portal.costs import transfer_fee_text

register = template.Library()


@register.filter
def round_money(amount_minor: int, currency: str = "EUR") -> str:
    """Whole units for the side of a chart: ``€9,800``."""
    text = format_money(amount_minor, currency)
    decimals = ",00" if (get_language() or "en").startswith("de") else ".00"
    return text.replace(decimals, "")


@register.filter
def day_month(value: date | datetime) -> str:
    """``23 Oct``, ``23. Okt.``."""
    german = (get_language() or "en").startswith("de")
    return date_format(value, "j. N" if german else "j M", use_l10n=False)


@register.filter
def when_text(requested: str, product: str) -> str:
    """When an order is carried out, from date ("" for at once) and product as the signed snapshot writes them."""
    return phrases.when_text(date.fromisoformat(requested) if requested else None, product=product)


@register.filter
def charge_bearer_text(code: str) -> str:
    """Who pays the fees, from the code in the signed snapshot."""
    return str(ChargeBearer(code).label)


@register.filter
def frequency_text(snapshot: dict[str, Any]) -> str:
    """How often, from the snapshot that is signed."""
    return phrases.frequency_text(snapshot)


@register.filter
def written_date(text: str) -> date | None:
    """A date as the signed snapshot writes it."""
    return date.fromisoformat(text) if text else None


@register.filter
def minutes_up(seconds: int) -> int:
    """Whole minutes, rounded up."""
    return -(-seconds // 60)


@register.simple_tag
def month_name(value: date) -> str:
    """``October 2026``, ``Oktober 2026``."""
    return date_format(value, "F Y", use_l10n=False)


@register.filter
def transfer_fee(account: Any, at: datetime) -> str:
    """What a SEPA transfer from an account costs by the price list of the day: charged with the month's other fees."""
    return transfer_fee_text(product=account.product, currency=account.currency, day=bank_date(at))


@register.filter
def has_own_fee(product: str) -> bool:
    """Whether a payment product is paid for with each transfer, if only nothing, and never with the month."""
    return products.has_own_fee(product)
