from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.db.models import Count, F, Max, Min, QuerySet, Sum

from apps.accounts.models import PaymentAccount
from apps.accounts.rules import AccountStatus
from apps.core.money import Money
from apps.ledger.rules import Direction
from apps.pricing.models import Accrual, AccruedDay, Charge, Collection, InterestTerms, Price
from apps.pricing.rules import (
    ChargeKind,
    FeeService,
    ProductPrices,
    Settlement,
    Terms,
    first_whole_month,
)


@dataclass(frozen=True, slots=True)
class AccruedSum:
    """What accrued on one side of an account in some days: on how many of them, and balance × rate summed over them."""

    days: int
    numerator: int


@dataclass(frozen=True, slots=True)
class RatePeriod:
    """That one yearly rate, in basis points, was borne from a first to a last day of those that bore interest."""

    rate_bp: int
    first_day: date
    last_day: date


def get_prices(*, product: str, day: date) -> ProductPrices | None:
    """All that holds for a product on a day; None while it has no price list."""
    rows = (
        Price.objects.filter(product=product, valid_from__lte=day)
        .order_by("service", "-valid_from")
        .distinct("service")
    )
    terms = get_terms(product=product, day=day)
    prices = {FeeService(row.service): row.amount_minor for row in rows}
    if not prices and terms is None:
        return None
    return ProductPrices(product=product, prices=prices, terms=terms or Terms())


def get_terms(*, product: str, day: date) -> Terms | None:
    """The interest terms of a product on a day."""
    row = InterestTerms.objects.filter(product=product, valid_from__lte=day).order_by("-valid_from").first()
    if row is None:
        return None
    return Terms(row.overdraft_rate_bp, row.credit_rate_bp, Settlement(row.settlement))


def get_price(*, product: str, service: FeeService, day: date) -> Money | None:
    """What a service costs on an account of the product on a day: each time, or each month; None where it is free."""
    row = (
        Price.objects.filter(product=product, service=service, valid_from__lte=day)
        .order_by("-valid_from")
        .first()
    )
    return Money(row.amount_minor, row.currency) if row is not None and row.amount_minor else None


def get_coming_prices(*, product: str, day: date) -> tuple[date, ProductPrices] | None:
    """The next price list after a day and when it begins to hold: customers are told two months before."""
    starts = [
        model.objects.filter(product=product, valid_from__gt=day).aggregate(first=Min("valid_from"))["first"]
        for model in (Price, InterestTerms)
    ]
    first = min((start for start in starts if start), default=None)
    coming = get_prices(product=product, day=first) if first else None
    return (first, coming) if first and coming else None


def get_first_price_day(*, product: str, service: FeeService) -> date | None:
    """From when a service has had a price on a product."""
    first: date | None = Price.objects.filter(product=product, service=service, amount_minor__gt=0).aggregate(
        first=Min("valid_from")
    )["first"]
    return first


def get_first_terms_day(*, product: str | None = None) -> date | None:
    """From when a product, or any, has had interest terms."""
    terms = InterestTerms.objects.all() if product is None else InterestTerms.objects.filter(product=product)
    first: date | None = terms.aggregate(first=Min("valid_from"))["first"]
    return first


def get_last_accrued_day() -> date | None:
    """Up to and with which day interest has been accrued."""
    last: date | None = AccruedDay.objects.aggregate(last=Max("day"))["last"]
    return last


def list_last_charged_days(*, account_ids: Iterable[UUID]) -> dict[tuple[UUID, str], date]:
    """The last day charged so far, by account and kind."""
    rows = (
        Charge.objects.filter(account_id__in=list(account_ids))
        .values_list("account_id", "kind")
        .annotate(last=Max("period_to"))
    )
    return {(account_id, kind): last for account_id, kind, last in rows}


def get_accrued_sum(*, account_id: UUID, direction: Direction, date_from: date, date_to: date) -> AccruedSum:
    """What accrued on an account from ``date_from`` to ``date_to``, both included."""
    row = Accrual.objects.filter(
        account_id=account_id, direction=direction, day__range=(date_from, date_to)
    ).aggregate(days=Count("pk"), numerator=Sum(F("balance_minor") * F("rate_bp")))
    return AccruedSum(row["days"], int(row["numerator"] or 0))


def get_running_interest(*, account_id: UUID, direction: Direction) -> AccruedSum:
    """What has accrued since the last settlement and is not booked yet."""
    kind = ChargeKind.OVERDRAFT_INTEREST if direction == Direction.DEBIT else ChargeKind.CREDIT_INTEREST
    last = Charge.objects.filter(account_id=account_id, kind=kind).aggregate(last=Max("period_to"))["last"]
    accruals = Accrual.objects.filter(account_id=account_id, direction=direction)
    if last is not None:
        accruals = accruals.filter(day__gt=last)
    row = accruals.aggregate(days=Count("pk"), numerator=Sum(F("balance_minor") * F("rate_bp")))
    return AccruedSum(row["days"], int(row["numerator"] or 0))


def list_rates(*, account_id: UUID, direction: Direction, date_from: date, date_to: date) -> list[RatePeriod]:
    """The rates an account bore in a span, each with its first and last day, the earliest first."""
    rows = (
        Accrual.objects.filter(account_id=account_id, direction=direction, day__range=(date_from, date_to))
        .values_list("rate_bp")
        .annotate(first=Min("day"), last=Max("day"))
        .order_by("first")
    )
    return [RatePeriod(rate_bp, first, last) for rate_bp, first, last in rows]


def list_charges(*, account_id: UUID, date_from: date, date_to: date) -> list[Charge]:
    """The charges of an account whose period ends in a span, in order."""
    return list(
        Charge.objects.filter(account_id=account_id, period_to__range=(date_from, date_to)).order_by(
            "period_from", "kind"
        )
    )


def list_shortfalls(*, account_ids: Iterable[UUID]) -> dict[UUID, list[tuple[Charge, int]]]:
    """The charges that accounts still owe, the oldest first, each with what is left of it in minor units."""
    open_ones: dict[UUID, list[tuple[Charge, int]]] = defaultdict(list)
    charges = Charge.objects.filter(account_id__in=list(account_ids), shortfall_minor__gt=0).order_by(
        "booked_at", "pk"
    )
    collected = dict(
        Collection.objects.filter(charge__in=charges)
        .values_list("charge_id")
        .annotate(total=Sum("amount_minor"))
    )
    for charge in charges:
        left = charge.shortfall_minor - int(collected.get(charge.pk, 0))
        if left > 0:
            open_ones[charge.account_id].append((charge, left))
    return dict(open_ones)


def get_first_chargeable_day(*, account: PaymentAccount, kind: ChargeKind) -> date | None:
    """From when an account can be charged: fees from its first whole month with a price, interest from its terms on."""
    if kind.is_fee:
        first = get_first_price_day(product=account.product, service=FeeService(kind.value))
        return first_whole_month(max(first, account.opened_date)) if first else None
    first = get_first_terms_day(product=account.product)
    return max(first, account.opened_date) if first else None


def is_charged_until(*, account: PaymentAccount, day: date) -> bool:
    """Whether nothing up to and with ``day`` can be charged any more. A closed account is charged no more at all."""
    if account.status == AccountStatus.DELETED:
        return True
    last = list_last_charged_days(account_ids=[account.pk])
    for kind in ChargeKind:
        first = get_first_chargeable_day(account=account, kind=kind)
        if first is not None and first <= day and last.get((account.pk, kind.value), date.min) < day:
            return False
    return True


def iterate_account_pages(*, size: int = 500) -> Iterable[list[PaymentAccount]]:
    """All accounts that are not closed, some at a time, by their id."""
    last: UUID | None = None
    while True:
        page: QuerySet[PaymentAccount] = PaymentAccount.objects.exclude(
            status=AccountStatus.DELETED
        ).order_by("pk")
        accounts = list((page.filter(pk__gt=last) if last else page)[:size])
        if not accounts:
            return
        yield accounts
        last = accounts[-1].pk
