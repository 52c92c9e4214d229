"""The statement of fees: what an account cost and bore in one calendar year (Directive 2014/92/EU art. 5).

In the form of Implementing Regulation (EU) 2018/33: its headings in their order, fees by service with number, price and
sum, interest apart. It counts the services of the year, whenever they were booked: December's are booked in January.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from apps.statements.rules import Holder, Issuer, Period, PeriodBeforeOpening, PeriodInFuture


class FeeStatementFormat(StrEnum):
    """What a statement of fees is written as."""

    PDF = "pdf"
    CSV = "csv"


class FeeHeading(StrEnum):
    """The headings under which Implementing Regulation (EU) 2018/33 has the services, those that the bank has."""

    GENERAL = "general"
    PAYMENTS = "payments"


@dataclass(frozen=True, slots=True)
class FeeLine:
    """One service at one price: how often it was charged in the year, and the sum, in minor units."""

    heading: FeeHeading
    kind: str
    quantity: int
    unit_amount_minor: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class InterestLine:
    """One settlement: the yearly rates of its days in basis points, the days that bore interest, the amount."""

    period: Period
    rates_bp: tuple[int, ...]
    days: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class FeeStatement:
    """All that is in a statement of fees; amounts in minor units of the account's currency.

    ``is_final`` says that nothing of the year can be charged any more; from then on it is the same whenever it is made.
    ``owed_minor`` is, until then, what the account has not been able to bear so far.
    """

    issuer: Issuer
    account: Holder
    period: Period
    is_final: bool
    as_of: datetime
    language: str
    fees: tuple[FeeLine, ...]
    interest_paid: tuple[InterestLine, ...]
    interest_earned: tuple[InterestLine, ...]
    owed_minor: int

    @property
    def fees_minor(self) -> int:
        return sum(line.amount_minor for line in self.fees)

    @property
    def interest_paid_minor(self) -> int:
        return sum(line.amount_minor for line in self.interest_paid)

    @property
    def interest_earned_minor(self) -> int:
        return sum(line.amount_minor for line in self.interest_earned)

    @property
    def identification(self) -> str:
        """One for each account and year: ``1000000001-2026``."""
        return f"{self.account.iban[-10:]}-{self.period.date_from.year}"


def fee_year(year: int, *, first_day: date, today: date) -> Period:
    """The calendar year, up to today if it is running.

    :raises PeriodInFuture: it has not begun.
    :raises PeriodBeforeOpening: the account did not exist yet.
    """
    if year > today.year:
        raise PeriodInFuture(str(year))
    if year < first_day.year:
        raise PeriodBeforeOpening(str(year))
    return Period(date(year, 1, 1), min(date(year, 12, 31), today))


def fee_file_name(identification: str, file_format: FeeStatementFormat) -> str:
    """Plain ASCII: ``statement-of-fees-1000000001-2026.pdf``."""
    return f"statement-of-fees-{identification}.{file_format.value}"
