from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID

from django.conf import settings

from apps.accounts.models import PaymentAccount
from apps.accounts.queries import get_account_for_psu
from apps.core.clock import BANK_TIME_ZONE, bank_date
from apps.core.snapshot import one_snapshot
from apps.ledger import queries as ledger
from apps.ledger.queries import PostingRow
from apps.ledger.rules import BookingSums
from apps.statements.rules import (
    Holder,
    Issuer,
    Period,
    Statement,
    StatementLine,
    check_sums,
    checked_lines,
    is_final,
    month_period,
    reported_period,
    statement_number,
)

_ACCOUNTS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class MonthOverview:
    """What is in one month: its bookings and the balance at its end (or now)."""

    period: Period
    sums: BookingSums
    closing_minor: int
    is_running: bool


@dataclass(frozen=True, slots=True)
class YearOverview:
    """One year's months of an account, latest first, and the other years there are."""

    account: PaymentAccount
    year: int
    months: list[MonthOverview]
    years: list[int]


def get_first_day(*, account: PaymentAccount) -> date:
    """The day from which an account has statements: its opening, or its first booking if that is dated earlier."""
    booked = ledger.get_first_booking_date(account_id=account.ledger_account_id)
    return min(account.opened_date, booked or account.opened_date)


def get_statement_year(*, psu_id: UUID, account_id: UUID, year: int | None, now: datetime) -> YearOverview:
    """The months of one year in which a customer's account existed; of this year, unless another is asked for.

    A year in which it did not exist gives this year.

    :raises apps.accounts.queries.AccountUnknown: missing, or not his.
    """
    account = get_account_for_psu(psu_id=psu_id, account_id=account_id)
    today, first_day = bank_date(now), get_first_day(account=account)
    years = list(range(today.year, first_day.year - 1, -1)) or [today.year]
    chosen = year if year in years else today.year
    first, last = max(first_day.replace(day=1), date(chosen, 1, 1)), min(today, date(chosen, 12, 31))
    return YearOverview(account, chosen, _months(account, first=first, last=last, today=today), years)


def _months(account: PaymentAccount, *, first: date, last: date, today: date) -> list[MonthOverview]:
    ledger_id, months = account.ledger_account_id, []
    with one_snapshot():
        balance_minor = ledger.get_balance_on(account_id=ledger_id, day=first - timedelta(days=1))
        booked = ledger.list_monthly_sums(account_id=ledger_id, date_from=first, date_to=last)
    month = first
    while month <= last:
        period, sums = month_period(month), booked.get(month, BookingSums())
        balance_minor += sums.change_minor
        months.append(MonthOverview(period, sums, balance_minor, is_running=period.date_to >= today))
        month = period.date_to + timedelta(days=1)
    return months[::-1]


def get_report_period(
    *, account: PaymentAccount, date_from: date, date_to: date | None, now: datetime
) -> Period:
    """What a program's question is answered with; until today, if it names no last day.

    :raises apps.statements.rules.PeriodNotOffered: it ends before it begins, begins in the future, or is too long.
    """
    return reported_period(date_from, date_to, first_day=get_first_day(account=account), today=bank_date(now))


@contextmanager
def open_statement(
    *, account: PaymentAccount, period: Period, language: str, now: datetime
) -> Iterator[Statement]:
    """A statement whose lines come from the database while they are written.

    All of it is read in one snapshot: what is booked meanwhile is in none of its figures. The period must be one that
    the rules allow.

    :raises apps.statements.rules.StatementDoesNotAddUp: at once, or behind the last line.
    """
    ledger_id = account.ledger_account_id
    first_day, today = get_first_day(account=account), bank_date(now)
    with one_snapshot():
        opening_minor = ledger.get_balance_on(account_id=ledger_id, day=period.day_before)
        sums = ledger.get_booking_sums(
            account_id=ledger_id, date_from=period.date_from, date_to=period.date_to
        )
        closing_minor = ledger.get_balance_on(account_id=ledger_id, day=period.date_to)
        check_sums(opening_minor=opening_minor, sums=sums, closing_minor=closing_minor)
        rows = ledger.iterate_postings(
            account_id=ledger_id, date_from=period.date_from, date_to=period.date_to
        )
        yield Statement(
            issuer=Issuer(
                settings.BANK_NAME, settings.BANK_LEGAL_NAME, settings.BANK_BIC, settings.BANK_FRAUD_PHONE
            ),
            account=Holder(
                account.iban, account.owner_name, account.display_name, account.product, account.currency
            ),
            period=period,
            number=statement_number(period, first_day=first_day) if is_final(period, today=today) else None,
            is_final=is_final(period, today=today),
            as_of=end_of_day(period.date_to) if is_final(period, today=today) else now,
            language=language,
            opening_minor=opening_minor,
            closing_minor=closing_minor,
            sums=sums,
            lines=checked_lines(
                _lines(rows, opening_minor=opening_minor),
                opening_minor=opening_minor,
                sums=sums,
                closing_minor=closing_minor,
            ),
        )


def end_of_day(day: date) -> datetime:
    """The midnight with which a bank day ends."""
    return datetime.combine(day + timedelta(days=1), time.min, BANK_TIME_ZONE)


def _lines(rows: Iterable[PostingRow], *, opening_minor: int) -> Iterator[StatementLine]:
    # The balance is counted here, not taken from the postings: theirs is that of the order in which they were made,
    # and a statement goes by booking date.
    balance_minor = opening_minor
    for row in rows:
        is_credit = row.direction == "CREDIT"
        balance_minor += row.amount_minor if is_credit else -row.amount_minor
        yield StatementLine(
            posting_id=row.posting_id,
            entry_id=str(row.entry_id),
            kind=row.kind,
            direction=row.direction,
            amount_minor=row.amount_minor,
            booking_date=row.booking_date,
            value_date=row.value_date,
            counterparty_name=row.debtor_name if is_credit else row.creditor_name,
            counterparty_iban=row.debtor_iban if is_credit else row.creditor_iban,
            end_to_end_identification=row.end_to_end_identification,
            remittance_information_unstructured=row.remittance_information_unstructured,
            balance_minor=balance_minor,
        )


def count_accounts_opened_by(*, day: date) -> int:
    """How many accounts existed at the end of a day: closed ones too, which must keep their statements."""
    return PaymentAccount.objects.filter(opened_date__lte=day).count()


def iterate_accounts_opened_by(*, day: date) -> Iterator[PaymentAccount]:
    """Those accounts by their IBAN, some at a time."""
    # By pages of keys, not by one long cursor: its transaction would be open for the whole run.
    last = ""
    while accounts := list(
        PaymentAccount.objects.filter(opened_date__lte=day, iban__gt=last).order_by("iban")[
            :_ACCOUNTS_AT_ONCE
        ]
    ):
        yield from accounts
        last = accounts[-1].iban


def get_statement_language(*, account: PaymentAccount) -> str:
    """The language of the account's first owner; the bank's where he has chosen none."""
    holder = account.holders.select_related("psu__user").order_by("pk").first()
    return (holder.psu.user.language if holder else "") or settings.LANGUAGE_CODE
