from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

from django.db.models import Count, QuerySet, Sum

from apps.core.clock import BANK_TIME_ZONE, bank_date
from apps.core.errors import NotFound
from apps.fraud.models import AuthorityNotice, CountedDay, FraudReport
from apps.fraud.rules import (
    BOOKED_STATUSES,
    COUNTED_OUTCOMES,
    BandStanding,
    Fraud,
    NoticeKind,
    Register,
    ReportStatus,
    is_in_time,
    stand_of_bands,
)
from apps.payments.models import PaymentInitiation
from apps.risk.models import RiskCase
from apps.risk.rules import CaseOutcome
from apps.sca.fraud_rates import FraudRate, Quarter, ceased_bands


class ReportUnknown(NotFound):
    """There is no such report."""

    code = "fraud_report_unknown"


def get_report(*, report_id: UUID) -> FraudReport:
    """One report, for staff.

    :raises ReportUnknown: there is none.
    """
    report = FraudReport.objects.select_related("payment__debtor_account", "psu").filter(pk=report_id).first()
    if report is None:
        raise ReportUnknown(str(report_id))
    return report


def get_report_of(*, payment_id: UUID) -> FraudReport | None:
    """The report about a payment, if there is one."""
    return FraudReport.objects.filter(payment_id=payment_id).first()


def is_reportable(*, payment: PaymentInitiation, now: datetime) -> bool:
    """Whether a payment can be reported: its money has left the account, within the last thirteen months, and nobody
    has reported it (PSD2 art. 71)."""
    return (
        payment.transaction_status in BOOKED_STATUSES
        and payment.released_at is not None
        and is_in_time(booked_on=bank_date(payment.released_at), today=bank_date(now))
        and get_report_of(payment_id=payment.pk) is None
    )


def is_refunded(*, payment_id: UUID) -> bool:
    """Whether the bank has paid it back: what comes back of it from elsewhere is the bank's then."""
    return FraudReport.objects.filter(payment_id=payment_id, refunded_minor__gt=0).exists()


@dataclass(frozen=True, slots=True)
class QueueState:
    """How many reports nobody has judged, and how many of them should have been paid back by now (PSD2 art. 73(1))."""

    open: int
    overdue: int


def get_queue_state(*, now: datetime) -> QueueState:
    """The queue of reports."""
    waiting = FraudReport.objects.filter(status=ReportStatus.OPEN)
    return QueueState(waiting.count(), waiting.filter(refund_due_on__lt=bank_date(now)).count())


def booked_payments(*, since: date, until: date) -> QuerySet[PaymentInitiation]:
    """Remote payments booked on these days of the bank. There are no others: every order comes online."""
    return PaymentInitiation.objects.filter(
        transaction_status__in=[status.value for status in BOOKED_STATUSES],
        released_at__gte=_midnight(since),
        released_at__lt=_midnight(until + timedelta(days=1)),
    )


def read_register(*, now: datetime) -> Register:
    """All days that were counted and are over, and all fraud: what reports were judged to be, and what staff found by
    monitoring. A payment counts once. Days ahead of the bank's clock, which the sandbox moves, are none."""
    today = bank_date(now)
    days = dict(CountedDay.objects.filter(day__lt=today).values_list("day", "total_minor"))
    frauds = [
        Fraud(bank_date(booked_at), amount_minor)
        for booked_at, amount_minor in _fraudulent().values_list("released_at", "amount_minor")
        if booked_at is not None and bank_date(booked_at) <= today
    ]
    return Register(days, frauds)


def _fraudulent() -> QuerySet[PaymentInitiation]:
    reported = FraudReport.objects.filter(outcome__in=COUNTED_OUTCOMES).values_list("payment_id", flat=True)
    found = RiskCase.objects.filter(outcome=CaseOutcome.FRAUD, assessment__payment__isnull=False).values_list(
        "assessment__payment", flat=True
    )
    return PaymentInitiation.objects.filter(
        pk__in={*reported, *found}, transaction_status__in=[status.value for status in BOOKED_STATUSES]
    )


@dataclass(frozen=True, slots=True)
class Rates:
    """What transaction risk analysis hangs on: the present rate, and each band's standing with its history."""

    present: FraudRate | None
    quarters: Sequence[tuple[Quarter, FraudRate]]
    bands: Sequence[BandStanding]

    @property
    def ceased(self) -> frozenset[int]:
        """The bands in which the exemption may not be used (RTS art. 20(2))."""
        return ceased_bands({standing.band.etv_minor: standing.state for standing in self.bands})


def get_rates(*, now: datetime) -> Rates:
    """The bank's fraud, as the register knows it at this moment."""
    register, today = read_register(now=now), bank_date(now)
    quarters = register.quarters(today=today)
    restored = AuthorityNotice.objects.filter(kind=NoticeKind.RESTORED).values_list(
        "etv_minor", "year", "quarter"
    )
    bands = stand_of_bands(
        quarters,
        restored=[(etv_minor, Quarter(year, number)) for etv_minor, year, number in restored],
        today=today,
    )
    return Rates(register.present_rate(today=today), quarters, bands)


def list_notices() -> QuerySet[AuthorityNotice]:
    """What the authority was told, newest first."""
    return AuthorityNotice.objects.order_by("-noted_at")


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One row of the quarterly report (RTS art. 21(1)): payments by how they were authenticated. ``article`` is that of
    the exemption, "" with strong authentication. Amounts are cents of euro."""

    article: str
    payments: int
    payments_percent: Decimal
    total_minor: int
    average_minor: int
    rate: FraudRate


def report_quarter(*, quarter: Quarter, now: datetime) -> list[ReportRow]:
    """The figures of a quarter, as far as it has come: with strong authentication first, then each exemption that was
    used. The sum of the rows is all that was booked."""
    until = min(quarter.last_day, bank_date(now))
    booked = booked_payments(since=quarter.first_day, until=until)
    lost = _by_article(booked.filter(pk__in=_fraudulent().values("pk")))
    everything = _by_article(booked)
    count = sum(number for number, _total in everything.values())
    return [
        ReportRow(
            article=article,
            payments=number,
            payments_percent=(Decimal(100 * number) / count).quantize(Decimal("0.01")),
            total_minor=total,
            average_minor=total // number,
            rate=FraudRate(lost.get(article, (0, 0))[1], total),
        )
        for article, (number, total) in sorted(everything.items())
    ]


def _by_article(payments: QuerySet[PaymentInitiation]) -> dict[str, tuple[int, int]]:
    rows = payments.values_list("exemption__article").annotate(Count("pk"), Sum("amount_minor")).order_by()
    return {article or "": (number, total) for article, number, total in rows}


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, BANK_TIME_ZONE)
