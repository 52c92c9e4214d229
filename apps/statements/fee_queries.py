from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime

from django.conf import settings

from apps.accounts.models import PaymentAccount
from apps.core.clock import bank_date
from apps.core.snapshot import one_snapshot
from apps.ledger.queries import TransferFee, list_entry_totals, list_transfer_fees
from apps.ledger.rules import Direction, EntryKind
from apps.pricing.models import Charge
from apps.pricing.queries import is_charged_until, list_charges, list_rates, list_shortfalls
from apps.pricing.rules import PAID_BY_ITSELF, PAYMENT_FEES_CODE, ChargeKind, FeeService
from apps.statements.fee_rules import FeeHeading, FeeLine, FeeStatement, InterestLine, fee_year
from apps.statements.queries import end_of_day, get_first_day
from apps.statements.rules import Holder, Issuer, Period, StatementDoesNotAddUp

_HEADINGS = {
    ChargeKind.MAINTENANCE: FeeHeading.GENERAL,
    ChargeKind.CREDIT_TRANSFER: FeeHeading.PAYMENTS,
}
_SIDES = {
    ChargeKind.OVERDRAFT_INTEREST: Direction.DEBIT,
    ChargeKind.CREDIT_INTEREST: Direction.CREDIT,
}
_ENTRY_KINDS = {
    ChargeKind.MAINTENANCE: EntryKind.FEE,
    ChargeKind.CREDIT_TRANSFER: EntryKind.FEE,
    ChargeKind.OVERDRAFT_INTEREST: EntryKind.OVERDRAFT_INTEREST,
    ChargeKind.CREDIT_INTEREST: EntryKind.CREDIT_INTEREST,
}


def list_fee_years(*, account: PaymentAccount, now: datetime) -> list[int]:
    """The years for which there is a statement of fees, the latest first."""
    today = bank_date(now)
    return list(range(today.year, min(account.opened_date.year, today.year) - 1, -1))


def get_fee_statement(*, account: PaymentAccount, year: int, language: str, now: datetime) -> FeeStatement:
    """What an account cost and bore in a year; proved against the ledger before it is given out.

    Urgent transfers and those outside the SEPA area paid in their own entries: they are read from the ledger itself, in
    the year in which they were booked. One that was refused was no service: its fee, given back then or in the next
    year, is left out, so the year is not final while a payment of it may still be refused.

    :raises apps.statements.rules.PeriodNotOffered: the year lies in the future, or before the account.
    :raises apps.statements.rules.StatementDoesNotAddUp: the ledger booked other sums than were charged.
    """
    period = fee_year(year, first_day=get_first_day(account=account), today=bank_date(now))
    whole_year = Period(period.date_from, date(year, 12, 31))
    with one_snapshot():
        charges = [
            charge
            for charge in list_charges(
                account_id=account.pk, date_from=whole_year.date_from, date_to=whole_year.date_to
            )
            if charge.amount_minor
        ]
        _prove(charges)
        paid_by_themselves = list_transfer_fees(
            account_id=account.ledger_account_id,
            fees_code=PAYMENT_FEES_CODE,
            date_from=whole_year.date_from,
            date_to=whole_year.date_to,
        )
        is_final = (
            whole_year.date_to < bank_date(now)
            and is_charged_until(account=account, day=whole_year.date_to)
            and all(fee.is_done for fee in paid_by_themselves)
        )
        owed = list_shortfalls(account_ids=[account.pk]).get(account.pk, [])
        ids = {charge.pk for charge in charges}
        return FeeStatement(
            issuer=Issuer(
                settings.BANK_NAME, settings.BANK_LEGAL_NAME, settings.BANK_BIC, settings.BANK_FRAUD_PHONE
            ),
            account=Holder(
                account.iban, account.owner_name, account.display_name, account.product, account.currency
            ),
            period=whole_year if is_final else period,
            is_final=is_final,
            as_of=end_of_day(whole_year.date_to) if is_final else now,
            language=language,
            fees=(*_fees(charges), *_transfer_fees(paid_by_themselves)),
            interest_paid=tuple(_interest(charges, ChargeKind.OVERDRAFT_INTEREST)),
            interest_earned=tuple(_interest(charges, ChargeKind.CREDIT_INTEREST)),
            owed_minor=0 if is_final else sum(left for charge, left in owed if charge.pk in ids),
        )


def _prove(charges: list[Charge]) -> None:
    """Each charge is in the books with its amount: the statement's sums are those of the ledger's entries."""
    by_kind: dict[EntryKind, list[Charge]] = defaultdict(list)
    for charge in charges:
        by_kind[_ENTRY_KINDS[ChargeKind(charge.kind)]].append(charge)
    for kind, some in by_kind.items():
        booked = list_entry_totals(kind=kind, references=[charge.reference for charge in some])
        for charge in some:
            if booked.get(charge.reference) != charge.amount_minor:
                raise StatementDoesNotAddUp(f"charge {charge.pk} is not in the books as it is")


def _fees(charges: list[Charge]) -> Iterable[FeeLine]:
    """By service, and by price where it changed during the year, in the order of the headings."""
    lines: dict[tuple[str, int], list[Charge]] = defaultdict(list)
    for charge in charges:
        if ChargeKind(charge.kind).is_fee:
            lines[charge.kind, charge.unit_amount_minor or 0].append(charge)
    for kind in _HEADINGS:
        for (charged, unit), some in sorted(lines.items(), key=lambda item: item[1][0].period_from):
            if charged == kind:
                yield FeeLine(
                    heading=_HEADINGS[kind],
                    kind=kind.value,
                    quantity=sum(charge.quantity for charge in some),
                    unit_amount_minor=unit,
                    amount_minor=sum(charge.amount_minor for charge in some),
                )


def _transfer_fees(fees: list[TransferFee]) -> Iterable[FeeLine]:
    """By service and by what was paid and not given back, in the order of the price list and of the year.

    :raises StatementDoesNotAddUp: a fee was booked with a transfer that goes no way for which there is one.
    """
    lines: dict[tuple[FeeService, int], list[TransferFee]] = defaultdict(list)
    for fee in fees:
        services = {PAID_BY_ITSELF.get(code) for code in fee.payee_codes}
        service = services.pop() if len(services) == 1 else None
        if service is None:
            raise StatementDoesNotAddUp(f"transfer {fee.reference} paid a fee that its way does not have")
        if fee.kept_minor:
            lines[service, fee.kept_minor].append(fee)
    for service in PAID_BY_ITSELF.values():
        for (paid, unit), some in lines.items():
            if paid == service:
                yield FeeLine(
                    heading=FeeHeading.PAYMENTS,
                    kind=service.value,
                    quantity=len(some),
                    unit_amount_minor=unit,
                    amount_minor=unit * len(some),
                )


def _interest(charges: list[Charge], kind: ChargeKind) -> Iterable[InterestLine]:
    for charge in charges:
        if charge.kind == kind:
            rates = list_rates(
                account_id=charge.account_id,
                direction=_SIDES[kind],
                date_from=charge.period_from,
                date_to=charge.period_to,
            )
            yield InterestLine(
                period=Period(charge.period_from, charge.period_to),
                rates_bp=tuple(rate.rate_bp for rate in rates),
                days=charge.quantity,
                amount_minor=charge.amount_minor,
            )
