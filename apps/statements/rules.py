"""Which statements there are, and what must be true of one before a byte of it is written."""

import calendar
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.db import models

from apps.core.errors import DomainError
from apps.ledger.rules import BookingSums

PERIOD_MONTHS_MAX = 13
"""The longest period of one statement: a year and the month that overlaps it, as for most banks' exports."""

PDF_POSTINGS_MAX = 20_000
"""About 1,700 pages: nobody reads more, and it keeps a web process busy. The formats for programs have no limit."""


_NO_REFERENCE = "NOTPROVIDED"


class StatementFormat(models.TextChoices):
    """What a statement is written as."""

    PDF = "pdf", "PDF"
    CSV = "csv", "CSV"
    CAMT053 = "camt053", "camt.053"
    MT940 = "mt940", "MT940"


@dataclass(frozen=True, slots=True)
class FileType:
    """How a format's files are named and announced."""

    extension: str
    content_type: str


FILE_TYPES: dict[StatementFormat, FileType] = {
    StatementFormat.PDF: FileType("pdf", "application/pdf"),
    StatementFormat.CSV: FileType("csv", "text/csv; charset=utf-8"),
    StatementFormat.CAMT053: FileType("camt053.xml", "application/xml"),
    StatementFormat.MT940: FileType("mt940.sta", "text/plain; charset=us-ascii"),
}


class PeriodNotOffered(DomainError):
    """There is no statement of this period. ``field`` names the end of it that is wrong."""

    code = "period_not_offered"
    field = "date_to"


class PeriodEndsBeforeItBegins(PeriodNotOffered):
    """The last day lies before the first."""

    code = "period_ends_before_it_begins"


class PeriodInFuture(PeriodNotOffered):
    """The last day has not come yet."""

    code = "period_in_future"


class PeriodTooLong(PeriodNotOffered):
    """More than ``PERIOD_MONTHS_MAX`` months."""

    code = "period_too_long"


class PeriodBeforeOpening(PeriodNotOffered):
    """The first day lies before the account's first."""

    code = "period_before_opening"
    field = "date_from"


class TooManyForPDF(PeriodNotOffered):
    """More bookings than ``PDF_POSTINGS_MAX``; the other formats hold them."""

    code = "too_many_for_pdf"
    field = "file_format"


class StatementDoesNotAddUp(DomainError):
    """Opening balance, bookings and closing balance contradict each other: nothing is handed out."""

    code = "statement_does_not_add_up"


@dataclass(frozen=True, slots=True)
class Period:
    """From the first to the last day, both included, in the bank's calendar."""

    date_from: date
    date_to: date

    @property
    def is_month(self) -> bool:
        return self == month_period(self.date_from)

    @property
    def day_before(self) -> date:
        """The day with whose balance the period opens."""
        return self.date_from - timedelta(days=1)


def month_period(day: date) -> Period:
    """The month in which ``day`` lies."""
    last = calendar.monthrange(day.year, day.month)[1]
    return Period(day.replace(day=1), day.replace(day=last))


def available_month(month: date, *, first_day: date, today: date) -> Period:
    """What can be had of a month: from the account's first day in it, up to today if it is still running.

    :raises PeriodInFuture: the month has not begun.
    :raises PeriodBeforeOpening: the account did not exist yet.
    """
    whole = month_period(month)
    if whole.date_from > today:
        raise PeriodInFuture(month.isoformat())
    if whole.date_to < first_day:
        raise PeriodBeforeOpening(month.isoformat())
    # Not cut at the account's first day: nothing was booked before it, and a month is a month.
    return Period(whole.date_from, min(whole.date_to, today))


def check_period(period: Period, *, first_day: date, today: date) -> None:
    """Whether a statement of any period can be had.

    :raises PeriodEndsBeforeItBegins: the last day lies before the first.
    :raises PeriodInFuture: the last day has not come.
    :raises PeriodTooLong: more than 13 months.
    :raises PeriodBeforeOpening: it begins in a month before the account's first day.
    """
    if period.date_to < period.date_from:
        raise PeriodEndsBeforeItBegins
    if period.date_to > today:
        raise PeriodInFuture
    if period.date_to >= add_months(period.date_from, PERIOD_MONTHS_MAX):
        raise PeriodTooLong
    if period.date_from < first_day.replace(day=1):
        raise PeriodBeforeOpening


def reported_period(date_from: date, date_to: date | None, *, first_day: date, today: date) -> Period:
    """The part of a period in which there can be bookings: for programs, which know no account's age.

    :raises PeriodEndsBeforeItBegins: the last day lies before the first.
    :raises PeriodInFuture: it begins after today.
    :raises PeriodTooLong: more than 13 months of it are left.
    """
    if date_to is not None and date_to < date_from:
        raise PeriodEndsBeforeItBegins
    if date_from > today:
        raise PeriodInFuture
    earliest = first_day.replace(day=1)
    period = Period(max(date_from, earliest), max(min(date_to or today, today), earliest))
    check_period(period, first_day=first_day, today=today)
    return period


def check_size(file_format: StatementFormat, *, postings: int) -> None:
    """Whether so many bookings can be had in this format.

    :raises TooManyForPDF: they would be too many pages.
    """
    if file_format == StatementFormat.PDF and postings > PDF_POSTINGS_MAX:
        raise TooManyForPDF(str(postings))


def add_months(day: date, months: int) -> date:
    """The same day so many months later, or that month's last."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def statement_number(period: Period, *, first_day: date) -> int | None:
    """Months since the account's first, from 1; only a whole month has a number, and never another one."""
    if not period.is_month:
        return None
    return (period.date_from.year - first_day.year) * 12 + period.date_from.month - first_day.month + 1


def is_final(period: Period, *, today: date) -> bool:
    """Whether nothing can be booked in it any more: bookings are dated with the day on which they are made."""
    return period.date_to < today


class StatementLine(NamedTuple):
    """One booking as its account's owner sees it. A tuple: there may be a hundred thousand."""

    posting_id: int
    entry_id: str
    kind: str
    direction: str
    amount_minor: int
    booking_date: date
    value_date: date
    counterparty_name: str
    counterparty_iban: str
    end_to_end_identification: str
    remittance_information_unstructured: str
    balance_minor: int

    @property
    def is_credit(self) -> bool:
        return self.direction == "CREDIT"

    @property
    def reference(self) -> str:
        """The end-to-end reference where there is one: NOTPROVIDED is how the schemes say that there is none."""
        return "" if self.end_to_end_identification == _NO_REFERENCE else self.end_to_end_identification

    @property
    def signed_minor(self) -> int:
        return self.amount_minor if self.is_credit else -self.amount_minor


@dataclass(frozen=True, slots=True)
class Issuer:
    """The bank, as a statement names it."""

    name: str
    legal_name: str
    bic: str
    phone: str


@dataclass(frozen=True, slots=True)
class Holder:
    """The account, as a statement names it."""

    iban: str
    owner_name: str
    display_name: str
    product: str
    currency: str


@dataclass(frozen=True, slots=True)
class Statement:
    """Everything that a statement says, in whichever format. ``lines`` can be gone through once.

    ``as_of`` is the bank's time to which it holds: the end of the last day, or the moment it was asked for while the
    period is running. So a statement of a period that is over has the same bytes whenever it is made.
    """

    issuer: Issuer
    account: Holder
    period: Period
    number: int | None
    is_final: bool
    as_of: datetime
    language: str
    opening_minor: int
    closing_minor: int
    sums: BookingSums
    lines: Iterable[StatementLine]

    @property
    def identification(self) -> str:
        """At most 35 characters (Max35Text), one for each account and period: ``1000000001-2026-10``."""
        return statement_identification(self.account.iban, self.period)


def statement_identification(iban: str, period: Period) -> str:
    """The account's number and the period; the last ten characters of an IBAN tell the bank's accounts apart."""
    return f"{iban[-10:]}-{period_text(period)}"


def period_text(period: Period) -> str:
    """``2026-10`` for a month, ``20261005-20261017`` otherwise."""
    if period.is_month:
        return f"{period.date_from:%Y-%m}"
    return f"{period.date_from:%Y%m%d}-{period.date_to:%Y%m%d}"


def file_name(statement_identification: str, file_format: StatementFormat) -> str:
    """Plain ASCII, so that every system keeps it: ``statement-1000000001-2026-10.pdf``."""
    return f"statement-{statement_identification}.{FILE_TYPES[file_format].extension}"


def check_sums(*, opening_minor: int, sums: BookingSums, closing_minor: int) -> None:
    """Opening + credits − debits = closing.

    :raises StatementDoesNotAddUp: they contradict each other.
    """
    if opening_minor + sums.change_minor != closing_minor:
        raise StatementDoesNotAddUp(f"{opening_minor} + {sums.change_minor} is not {closing_minor}")


def checked_lines(
    lines: Iterable[StatementLine], *, opening_minor: int, sums: BookingSums, closing_minor: int
) -> Iterator[StatementLine]:
    """The lines; after the last one, that they were all there and lead to the closing balance.

    :raises StatementDoesNotAddUp: they are others than the sums say.
    """
    count, balance_minor = 0, opening_minor
    for line in lines:
        count += 1
        balance_minor += line.signed_minor
        yield line
    if (count, balance_minor) != (sums.postings, closing_minor):
        raise StatementDoesNotAddUp(f"{count} lines of {sums.postings}, {balance_minor} for {closing_minor}")
