"""What an account costs and bears, in words for its page."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.conf import settings
from django.utils.translation import get_language, gettext

from apps.core.money import format_money
from apps.ledger.rules import Direction
from apps.pricing.queries import get_coming_prices, get_price, get_prices, get_running_interest
from apps.pricing.rules import FeeService, ProductPrices, Settlement, interest_minor


@dataclass(frozen=True, slots=True)
class CostRow:
    """One line: what, and how much."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Costs:
    """What holds now, what will hold from a coming day, and the interest that runs and is not booked yet."""

    rows: list[CostRow]
    coming_date: date | None
    coming_rows: list[CostRow]
    overdraft_running_minor: int
    credit_running_minor: int


def costs_of(*, account_id: UUID, product: str, today: date) -> Costs | None:
    """None while the product has no price list."""
    prices = get_prices(product=product, day=today)
    coming = get_coming_prices(product=product, day=today)
    if prices is None and coming is None:
        return None
    return Costs(
        rows=_rows(prices) if prices else [],
        coming_date=coming[0] if coming else None,
        coming_rows=_rows(coming[1]) if coming else [],
        overdraft_running_minor=_running(account_id, Direction.DEBIT),
        credit_running_minor=_running(account_id, Direction.CREDIT),
    )


def transfer_fee_text(*, product: str, currency: str, day: date) -> str:
    """The price of a transfer, and when it is charged; nothing is a price too (PSD2 art. 45(1)(c))."""
    price = get_price(product=product, service=FeeService.CREDIT_TRANSFER, day=day)
    if price is None:
        return format_money(0, currency)
    return gettext("%(amount)s, charged with the month") % {
        "amount": format_money(price.amount_minor, price.currency)
    }


def _running(account_id: UUID, direction: Direction) -> int:
    return interest_minor(get_running_interest(account_id=account_id, direction=direction).numerator)


def _rows(prices: ProductPrices) -> list[CostRow]:
    rows = []
    for service in FeeService:
        amount = prices.prices.get(service, 0)
        money = format_money(amount, prices.currency)
        if not amount:
            value = gettext("free")
        elif service == FeeService.MAINTENANCE:
            value = gettext("%(amount)s a month") % {"amount": money}
        else:
            value = gettext("%(amount)s each") % {"amount": money}
        rows.append(CostRow(str(service.label), value))
        if service == FeeService.CROSS_BORDER_TRANSFER and settings.FEE_OTHER_BANKS_MINOR:
            other_banks = format_money(settings.FEE_OTHER_BANKS_MINOR, prices.currency)
            rows.append(
                CostRow(
                    gettext("Other banks’ fees abroad, if you pay all fees"),
                    gettext("%(amount)s each") % {"amount": other_banks},
                )
            )
    is_quarterly = prices.terms.settlement == Settlement.QUARTERLY
    for label, rate in (
        (gettext("Overdraft interest"), prices.terms.overdraft_rate_bp),
        (gettext("Interest on your balance"), prices.terms.credit_rate_bp),
    ):
        if rate:
            words = (
                gettext("%(rate)s a year, booked every quarter")
                if is_quarterly
                else gettext("%(rate)s a year, booked every month")
            )
            rows.append(CostRow(label, words % {"rate": _percent(rate)}))
        else:
            rows.append(CostRow(label, gettext("none")))
    return rows


def _percent(rate_bp: int) -> str:
    whole, hundredths = divmod(rate_bp, 100)
    point = "," if (get_language() or "").startswith("de") else "."
    return f"{whole}{point}{hundredths:02d}\u00a0%"
