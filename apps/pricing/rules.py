"""Services that cost something, days and periods of interest, and the one place where interest is rounded."""

import calendar
from dataclasses import dataclass, field
from datetime import date, timedelta

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.errors import DomainError, InvalidInput

DAYS_IN_YEAR = 365
"""Act/365 (fixed): each calendar day bears a 365th of the yearly rate, a leap day too."""

BASIS_POINTS_MAX = 10_000
NOTICE_MONTHS = 2
_BASIS_POINTS_IN_ONE = 10_000


class FeeService(models.TextChoices):
    """What a customer may pay for, in the standard terms for accounts (Delegated Regulation (EU) 2018/32).

    Accounts are charged for the first two with the month, and instant transfers count as ordinary ones. What goes by
    TARGET or outside the SEPA area is paid for by itself: its price is looked up when the order is taken in and booked
    in the transfer's own entry.
    """

    MAINTENANCE = "maintenance", _("Maintaining the account")
    CREDIT_TRANSFER = "credit_transfer", _("Credit transfer")
    INSTANT_CREDIT_TRANSFER = "instant_transfer", _("Instant credit transfer")
    TARGET_TRANSFER = "target_transfer", _("Credit transfer by TARGET")
    CROSS_BORDER_TRANSFER = "cross_border", _("Credit transfer outside the SEPA area")


PAYMENT_FEES_CODE = "fees:payments"
"""The book account that earns the fees which are part of a transfer's own entry."""

PAID_BY_ITSELF = {
    "clearing:target-2": FeeService.TARGET_TRANSFER,
    "clearing:cross-border": FeeService.CROSS_BORDER_TRANSFER,
}
"""By the clearing account on which a transfer leaves: what it is paid for as, in its own entry."""


class ChargeKind(models.TextChoices):
    """What a charge is for; a fee has its service's name. At most 18 characters: they stand in ledger references."""

    MAINTENANCE = "maintenance", _("Maintaining the account")
    CREDIT_TRANSFER = "credit_transfer", _("Credit transfer")
    OVERDRAFT_INTEREST = "overdraft_interest", _("Overdraft interest")
    CREDIT_INTEREST = "credit_interest", _("Credit interest")

    @property
    def is_fee(self) -> bool:
        return self in (ChargeKind.MAINTENANCE, ChargeKind.CREDIT_TRANSFER)


class Settlement(models.TextChoices):
    """How often accrued interest is booked."""

    MONTHLY = "monthly", _("monthly")
    QUARTERLY = "quarterly", _("quarterly")


class PriceListInvalid(InvalidInput):
    """A price list that contradicts itself or the law; ``detail`` says where."""

    code = "price_list_invalid"


class NoticeTooShort(DomainError):
    """A change to the customers' disadvantage must be told two months before (PSD2 art. 54(1))."""

    code = "notice_too_short"


@dataclass(frozen=True, slots=True)
class Terms:
    """Interest of a product: yearly rates in basis points (1,050 are 10.50 %), and how often it is booked."""

    overdraft_rate_bp: int = 0
    credit_rate_bp: int = 0
    settlement: Settlement = Settlement.QUARTERLY


@dataclass(frozen=True, slots=True)
class ProductPrices:
    """All that holds for one product from some day on; prices in minor units, and what is not named is free."""

    product: str
    prices: dict[FeeService, int] = field(default_factory=dict)
    terms: Terms = field(default_factory=Terms)
    currency: str = "EUR"


@dataclass(frozen=True, slots=True)
class Span:
    """From the first to the last day, both included."""

    first_day: date
    last_day: date


def check_prices(wanted: ProductPrices) -> None:
    """Whether a product may cost this.

    :raises PriceListInvalid: a negative price or rate, a rate above 100 %, or an instant transfer that costs something
        else than an ordinary one: more is forbidden (Regulation (EU) 260/2012 art. 5b(1)), and less would be shown but
        not charged, because both are counted together.
    """
    if any(amount < 0 for amount in wanted.prices.values()):
        raise PriceListInvalid(f"{wanted.product}: a negative price")
    for rate in (wanted.terms.overdraft_rate_bp, wanted.terms.credit_rate_bp):
        if not 0 <= rate <= BASIS_POINTS_MAX:
            raise PriceListInvalid(f"{wanted.product}: a rate of {rate} basis points")
    ordinary = wanted.prices.get(FeeService.CREDIT_TRANSFER, 0)
    if wanted.prices.get(FeeService.INSTANT_CREDIT_TRANSFER, 0) != ordinary:
        raise PriceListInvalid(
            f"{wanted.product}: an instant transfer does not cost what an ordinary one does"
        )


def is_worse(*, present: ProductPrices, wanted: ProductPrices) -> bool:
    """Whether anything of it is to the customer's disadvantage."""
    return (
        any(wanted.prices.get(service, 0) > present.prices.get(service, 0) for service in FeeService)
        or wanted.terms.overdraft_rate_bp > present.terms.overdraft_rate_bp
        or wanted.terms.credit_rate_bp < present.terms.credit_rate_bp
    )


def check_notice(
    *, present: ProductPrices | None, wanted: ProductPrices, valid_from: date, today: date
) -> None:
    """Whether a price list comes early enough: the first of a product from today on, a better one from tomorrow, a
    worse one after two months (PSD2 art. 54(1), (3)).

    :raises NoticeTooShort: it comes too late for the day from which it is to hold.
    """
    if present is None:
        earliest = today
    elif is_worse(present=present, wanted=wanted):
        earliest = add_months(today, NOTICE_MONTHS)
    else:
        earliest = today + timedelta(days=1)
    if valid_from < earliest:
        raise NoticeTooShort(f"{wanted.product}: from {earliest} on at the earliest")


def month_of(day: date) -> Span:
    """The calendar month in which ``day`` lies."""
    last = calendar.monthrange(day.year, day.month)[1]
    return Span(day.replace(day=1), day.replace(day=last))


def period_from(first_day: date, settlement: Settlement) -> Span:
    """What is settled together with ``first_day``: from it to the end of its month or calendar quarter."""
    if settlement == Settlement.MONTHLY:
        return Span(first_day, month_of(first_day).last_day)
    quarter_end = date(first_day.year, (first_day.month - 1) // 3 * 3 + 3, 1)
    return Span(first_day, month_of(quarter_end).last_day)


def first_whole_month(day: date) -> date:
    """The first day of the first month that lies wholly on or after ``day``: part of a month costs nothing."""
    return day if day.day == 1 else (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def add_months(day: date, months: int) -> date:
    """The same day so many months later, or that month's last."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def interest_minor(numerator: int) -> int:
    """Interest in minor units from the sum of (balance in minor units × yearly rate in basis points) over days.

    The only rounding there is: half to even, once for each settlement. Two settlements of half a cent are one cent.
    """
    whole, rest = divmod(numerator, DAYS_IN_YEAR * _BASIS_POINTS_IN_ONE)
    twice = 2 * rest
    denominator = DAYS_IN_YEAR * _BASIS_POINTS_IN_ONE
    return whole + (twice > denominator or (twice == denominator and whole % 2 == 1))
