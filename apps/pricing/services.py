"""Publishing prices, accruing interest, booking charges. The last two need the engine's database role."""

from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext, override

from apps.accounts.models import PaymentAccount
from apps.accounts.rules import AccountStatus
from apps.audit.services import record_event
from apps.core.clock import bank_date
from apps.ledger.queries import (
    count_postings,
    get_last_closed_day,
    get_ledger_account,
    get_ledger_balance,
    list_closing_balances,
)
from apps.ledger.rules import Direction, EntryKind, Narrative
from apps.ledger.services import ExceedsBalance, Leg, post_entry
from apps.pricing.models import Accrual, AccruedDay, Charge, Collection, InterestTerms, Price
from apps.pricing.queries import (
    get_accrued_sum,
    get_first_chargeable_day,
    get_first_terms_day,
    get_last_accrued_day,
    get_price,
    get_prices,
    get_terms,
    iterate_account_pages,
    list_last_charged_days,
    list_shortfalls,
)
from apps.pricing.rules import (
    PAID_BY_ITSELF,
    PAYMENT_FEES_CODE,
    ChargeKind,
    FeeService,
    PriceListInvalid,
    ProductPrices,
    Settlement,
    Span,
    check_notice,
    check_prices,
    interest_minor,
    month_of,
    period_from,
)

FEES_CODE, OVERDRAFT_CODE = "fees:accounts", "interest:overdraft"
CREDIT_INTEREST_CODE, RECEIVABLE_CODE = "interest:credit", "receivable:charges"
_ACCRUAL_LOCK = 1885956975  # Two accruals at once wait for one another.
_SPLITS_MAX = 5

_SIDE_OF = {
    ChargeKind.OVERDRAFT_INTEREST: Direction.DEBIT,
    ChargeKind.CREDIT_INTEREST: Direction.CREDIT,
}


# Prices ----------------------------------------------------------------------------------------------


@transaction.atomic
def publish_prices(*, wanted: ProductPrices, valid_from: date, now: datetime) -> None:
    """Let a price list hold for a product from a day on. What holds already is never changed.

    :raises apps.pricing.rules.PriceListInvalid: it contradicts itself or the law, or there is one from that day.
    :raises apps.pricing.rules.NoticeTooShort: a change comes too late for that day.
    """
    check_prices(wanted)
    _lock("pricing:" + wanted.product)
    if InterestTerms.objects.filter(product=wanted.product, valid_from__gte=valid_from).exists():
        raise PriceListInvalid(f"{wanted.product}: there is a price list from {valid_from} or later")
    today = bank_date(now)
    check_notice(
        present=get_prices(product=wanted.product, day=valid_from),
        wanted=wanted,
        valid_from=valid_from,
        today=today,
    )
    # Every service has a row, so that one that became free is free.
    Price.objects.bulk_create(
        Price(
            product=wanted.product,
            service=service,
            amount_minor=wanted.prices.get(service, 0),
            currency=wanted.currency,
            valid_from=valid_from,
        )
        for service in FeeService
    )
    InterestTerms.objects.create(
        product=wanted.product,
        overdraft_rate_bp=wanted.terms.overdraft_rate_bp,
        credit_rate_bp=wanted.terms.credit_rate_bp,
        settlement=wanted.terms.settlement,
        valid_from=valid_from,
    )
    record_event(
        event="pricing.prices.published",
        object_type="product",
        object_id=wanted.product,
        actor_type="system",
        at=now,
        data={
            "valid_from": valid_from.isoformat(),
            "prices": {service.value: amount for service, amount in wanted.prices.items()},
            "overdraft_rate_bp": wanted.terms.overdraft_rate_bp,
            "credit_rate_bp": wanted.terms.credit_rate_bp,
            "settlement": wanted.terms.settlement.value,
        },
    )


# Interest, day by day --------------------------------------------------------------------------------


def accrue_interest(*, now: datetime) -> int:
    """Accrue the interest of every closed day of the ledger that has none yet; returns how many days.

    By the closing balances of booking days: an entry bears interest from the day on which it was booked. Each day is
    one transaction, and done once whoever asks; days that were missed are caught up.
    """
    closed, first = get_last_closed_day(), get_first_terms_day()
    if closed is None or first is None:
        return 0
    last = get_last_accrued_day()
    day, days = (last + timedelta(days=1) if last else first), 0
    while day <= closed:
        days += _accrue_day(day, now=now)
        day += timedelta(days=1)
    return days


@transaction.atomic
def _accrue_day(day: date, *, now: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_ACCRUAL_LOCK])
    if AccruedDay.objects.filter(pk=day).exists():
        return 0
    terms = {
        product: found
        for product in InterestTerms.objects.values_list("product", flat=True).distinct()
        if (found := get_terms(product=product, day=day)) is not None
    }
    for accounts in iterate_account_pages():
        bearing = [account for account in accounts if account.product in terms]
        balances = list_closing_balances(
            account_ids=[account.ledger_account_id for account in bearing], day=day
        )
        rows = []
        for account in bearing:
            balance = balances.get(account.ledger_account_id, 0)
            rate = (
                terms[account.product].overdraft_rate_bp
                if balance < 0
                else terms[account.product].credit_rate_bp
            )
            if balance and rate:
                side = Direction.DEBIT if balance < 0 else Direction.CREDIT
                rows.append(
                    Accrual(
                        account=account, day=day, direction=side, balance_minor=abs(balance), rate_bp=rate
                    )
                )
        Accrual.objects.bulk_create(rows)
    AccruedDay.objects.create(day=day, accrued_at=now)
    return 1


# Charges, period by period ---------------------------------------------------------------------------


def book_due_charges(*, now: datetime) -> int:
    """Book every fee and interest whose period is over and closed, the oldest first; returns how many charges.

    Each charge with its entry is one transaction, once for account, kind and period. Blocked accounts wait: their money
    may be frozen. What accounts could not bear before is collected first.
    """
    closed, accrued = get_last_closed_day(), get_last_accrued_day()
    if closed is None:
        return 0
    booked = 0
    for accounts in iterate_account_pages():
        enabled = [account for account in accounts if account.status == AccountStatus.ENABLED]
        for account_id, shortfalls in list_shortfalls(account_ids=[a.pk for a in enabled]).items():
            account = next(account for account in enabled if account.pk == account_id)
            for charge, _left in shortfalls:
                _collect(charge, account=account, now=now)
        last_days = list_last_charged_days(account_ids=[account.pk for account in enabled])
        for account in enabled:
            for kind in ChargeKind:
                until = closed if kind.is_fee else min(closed, accrued) if accrued else None
                if until is not None:
                    booked += _book_kind(
                        account, kind, after=last_days.get((account.pk, kind.value)), until=until, now=now
                    )
    return booked


def _book_kind(
    account: PaymentAccount, kind: ChargeKind, *, after: date | None, until: date, now: datetime
) -> int:
    """Every period of a kind that is over, from the day after the last one charged."""
    first = after + timedelta(days=1) if after else get_first_chargeable_day(account=account, kind=kind)
    booked = 0
    while first is not None:
        span = _span(account, kind, first)
        if span.last_day > until:
            break
        booked += _book(account, kind, span, now=now)
        first = span.last_day + timedelta(days=1)
    return booked


def _span(account: PaymentAccount, kind: ChargeKind, first_day: date) -> Span:
    if kind.is_fee:
        return month_of(first_day)
    terms = get_terms(product=account.product, day=first_day)
    return period_from(first_day, terms.settlement if terms else Settlement.QUARTERLY)


@transaction.atomic
def _book(account: PaymentAccount, kind: ChargeKind, span: Span, *, now: datetime) -> bool:
    _lock(f"charge:{account.pk}")
    if Charge.objects.filter(account=account, kind=kind, period_from=span.first_day).exists():
        return False
    charge = Charge(
        account=account,
        kind=kind,
        period_from=span.first_day,
        period_to=span.last_day,
        direction=_SIDE_OF.get(kind, Direction.DEBIT),
        currency=account.currency,
        booked_at=now,
    )
    _compute(charge, account=account)
    if charge.amount_minor:
        charge.shortfall_minor = _post(charge, account=account, now=now)
    charge.save(force_insert=True)
    if charge.amount_minor:
        record_event(
            event="pricing.charge.booked",
            object_type="payment_account",
            object_id=account.pk,
            actor_type="system",
            at=now,
            data={
                "charge": str(charge.pk),
                "kind": kind.value,
                "period_from": span.first_day.isoformat(),
                "period_to": span.last_day.isoformat(),
                "amount_minor": charge.amount_minor,
                "shortfall_minor": charge.shortfall_minor,
            },
        )
    return bool(charge.amount_minor)


def _compute(charge: Charge, *, account: PaymentAccount) -> None:
    """Quantity, price and amount: of fees by the price on the period's first day, of interest by its accrued days."""
    kind = ChargeKind(charge.kind)
    if not kind.is_fee:
        accrued = get_accrued_sum(
            account_id=account.pk,
            direction=_SIDE_OF[kind],
            date_from=charge.period_from,
            date_to=charge.period_to,
        )
        charge.quantity, charge.amount_minor = accrued.days, interest_minor(accrued.numerator)
        return
    price = get_price(product=account.product, service=FeeService(kind.value), day=charge.period_from)
    charge.unit_amount_minor = price.amount_minor if price else 0
    charge.quantity = (
        1
        if kind == ChargeKind.MAINTENANCE
        else count_postings(
            account_id=account.ledger_account_id,
            kind=EntryKind.CREDIT_TRANSFER,
            direction=Direction.DEBIT,
            date_from=charge.period_from,
            date_to=charge.period_to,
            # They have paid in their own entry, or were free by a price of their own: none pays twice.
            without_codes=[PAYMENT_FEES_CODE, *PAID_BY_ITSELF],
        )
    )
    charge.amount_minor = charge.unit_amount_minor * charge.quantity


def _post(charge: Charge, *, account: PaymentAccount, now: datetime) -> int:
    """Book a charge; returns what the account could not bear.

    The ledger lets nobody take an account below its limit, the bank neither. So the account gives what is available,
    and the rest is a claim of the bank on ``receivable:charges``: what was earned is booked in full.
    """
    if charge.direction == Direction.CREDIT:
        _post_legs(charge, account=account, on_account=charge.amount_minor, on_receivable=0, now=now)
        return 0
    shortfall = 0
    for _attempt in range(_SPLITS_MAX):
        try:
            with transaction.atomic():
                _post_legs(
                    charge,
                    account=account,
                    on_account=charge.amount_minor - shortfall,
                    on_receivable=shortfall,
                    now=now,
                )
        except ExceedsBalance:
            # Read after the refusal; somebody may take more in between, so a few times and then not at all.
            available = get_ledger_balance(account_id=account.ledger_account_id).available_minor
            shortfall = charge.amount_minor - min(max(available, 0), charge.amount_minor)
        else:
            return shortfall
    _post_legs(charge, account=account, on_account=0, on_receivable=charge.amount_minor, now=now)
    return charge.amount_minor


def _post_legs(
    charge: Charge, *, account: PaymentAccount, on_account: int, on_receivable: int, now: datetime
) -> None:
    kind = ChargeKind(charge.kind)
    code, entry_kind = {
        ChargeKind.OVERDRAFT_INTEREST: (OVERDRAFT_CODE, EntryKind.OVERDRAFT_INTEREST),
        ChargeKind.CREDIT_INTEREST: (CREDIT_INTEREST_CODE, EntryKind.CREDIT_INTEREST),
    }.get(kind, (FEES_CODE, EntryKind.FEE))
    side, other = Direction(charge.direction), Direction.CREDIT
    if side == Direction.CREDIT:
        other = Direction.DEBIT
    legs = [
        Leg(account_id, side, amount)
        for account_id, amount in (
            (account.ledger_account_id, on_account),
            (get_ledger_account(code=RECEIVABLE_CODE).pk if on_receivable else None, on_receivable),
        )
        if amount and account_id
    ]
    today = bank_date(now)
    post_entry(
        kind=entry_kind,
        reference=charge.reference,
        currency=charge.currency,
        legs=[*legs, Leg(get_ledger_account(code=code).pk, other, charge.amount_minor)],
        booking_date=today,
        # Not before it is booked (PSD2 art. 87(3)), though the period ended earlier.
        value_date=today,
        narrative=_narrative(account, side=side, text=_text_of(charge)),
        now=now,
    )


def _collect(charge: Charge, *, account: PaymentAccount, now: datetime) -> int:
    """Take from the account what it owes of a charge and can bear now; returns how much."""
    with transaction.atomic():
        _lock(f"charge:{account.pk}")
        left = {
            one.pk: rest for one, rest in list_shortfalls(account_ids=[account.pk]).get(account.pk, [])
        }.get(charge.pk, 0)
        available = get_ledger_balance(account_id=account.ledger_account_id).available_minor
        amount = min(left, max(available, 0))
        if not amount:
            return 0
        number = charge.collections.count() + 1
        try:
            with transaction.atomic():
                post_entry(
                    kind=EntryKind.CHARGE_COLLECTION,
                    reference=f"{charge.pk}:{number}",
                    currency=charge.currency,
                    legs=[
                        Leg(account.ledger_account_id, Direction.DEBIT, amount),
                        Leg(get_ledger_account(code=RECEIVABLE_CODE).pk, Direction.CREDIT, amount),
                    ],
                    booking_date=bank_date(now),
                    value_date=bank_date(now),
                    narrative=_narrative(account, side=Direction.DEBIT, text=_text_of(charge)),
                    now=now,
                )
        except ExceedsBalance:  # Spent a moment ago; the next run looks again.
            return 0
        Collection.objects.create(charge=charge, number=number, amount_minor=amount, collected_at=now)
        record_event(
            event="pricing.charge.collected",
            object_type="payment_account",
            object_id=account.pk,
            actor_type="system",
            at=now,
            data={"charge": str(charge.pk), "amount_minor": amount, "left_minor": left - amount},
        )
        return amount


def _text_of(charge: Charge) -> str:
    """What the statement says, in the bank's language: the engine reads nothing of log-ins, so not the customer's."""
    with override(settings.LANGUAGE_CODE):
        return gettext("%(what)s %(first_day)s to %(last_day)s") % {
            "what": ChargeKind(charge.kind).label,
            "first_day": charge.period_from.isoformat(),
            "last_day": charge.period_to.isoformat(),
        }


def _narrative(account: PaymentAccount, *, side: Direction, text: str) -> Narrative:
    if side == Direction.DEBIT:
        return Narrative(
            debtor_name=account.owner_name,
            debtor_iban=account.iban,
            creditor_name=settings.BANK_LEGAL_NAME,
            remittance_information_unstructured=text,
        )
    return Narrative(
        debtor_name=settings.BANK_LEGAL_NAME,
        creditor_name=account.owner_name,
        creditor_iban=account.iban,
        remittance_information_unstructured=text,
    )


def _lock(name: str) -> None:
    """Wait until nobody else is at this; until the transaction's end."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])
