"""Statuses, deadlines and the rates of the register: pure."""

import calendar
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.legal_limits import CLAIM_MAX_MONTHS, RISK_ANALYSIS_BANDS, ReferenceBand
from apps.core.target_calendar import next_business_day
from apps.payments.rules import TransactionStatus
from apps.sca.fraud_rates import (
    BandState,
    BandStep,
    CountedTransaction,
    FraudRate,
    Quarter,
    QuarterFigures,
    fraud_rate,
    restore_band,
    walk_quarters,
)

NOTE_LENGTH_MAX = 300
# Money has left the account.
BOOKED_STATUSES = (TransactionStatus.ACSP, TransactionStatus.ACSC)


class ReportReason(models.TextChoices):
    """Why a customer says that he did not authorise it."""

    NOT_ORDERED = "not_ordered", _("I did not order this payment")
    STOLEN = "stolen", _("My phone, password or device was stolen or used by somebody else")
    ALTERED = "altered", _("Amount or payee are not what I approved")
    TRICKED = "tricked", _("Somebody tricked me into approving it")


class ReportStatus(models.TextChoices):
    """Life of a report: open until somebody has judged it, once."""

    OPEN = "open"
    CLOSED = "closed"


class ReportOutcome(models.TextChoices):
    """What it was."""

    FRAUD = "fraud", _("fraud: the customer did not authorise it")
    DECEIVED = "deceived", _("fraud: the customer was deceived, and approved it himself")
    NOT_FRAUD = "not_fraud", _("not fraud")
    WITHDRAWN = "withdrawn", _("withdrawn by the customer")


# What counts in the fraud rate: unauthorised or fraudulent (RTS art. 19(1)). Only the first is owed back
# (PSD2 art. 73).
COUNTED_OUTCOMES = (ReportOutcome.FRAUD, ReportOutcome.DECEIVED)


class NoticeKind(models.TextChoices):
    """What the competent authority was told."""

    EXCEEDED = "exceeded", _("the fraud rate is above the reference rate")
    RESTORED = "restored", _("the exemption is used again")


def last_day_to_report(booked_on: date) -> date:
    """The last day on which a payment can be reported: thirteen months after the day it was debited (PSD2 art. 71(1)).
    Of a day that the thirteenth month does not have, its last one (Regulation 1182/71 art. 3(2)(c))."""
    months = booked_on.month - 1 + CLAIM_MAX_MONTHS
    year, month = booked_on.year + months // 12, months % 12 + 1
    return date(year, month, min(booked_on.day, calendar.monthrange(year, month)[1]))


def is_in_time(*, booked_on: date, today: date) -> bool:
    """Whether a payment may still be reported."""
    return today <= last_day_to_report(booked_on)


def refund_due_on(reported_on: date) -> date:
    """By the end of which day it has to be paid back: the next business day (PSD2 art. 73(1))."""
    return next_business_day(reported_on)


def refund_minor(*, amount_minor: int, fee_minor: int, has_come_back: bool, status: str) -> int:
    """What is still to be paid back so that the account stands as if nothing had been paid: the amount, unless it came
    back by itself, and the fee. Nothing of what never went out."""
    if status not in BOOKED_STATUSES:
        return 0
    return fee_minor + (0 if has_come_back else amount_minor)


@dataclass(frozen=True, slots=True)
class Fraud:
    """A payment that was judged fraud: the bank's day on which it was booked, cents of euro. Whether anything of it was
    recovered does not matter here (RTS art. 19(1))."""

    booked_on: date
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Register:
    """All that the rates are made of: the value of everything by day, as far as days are counted, and every fraud."""

    days: Mapping[date, int]
    frauds: Sequence[Fraud]

    def rate(self, as_of: date) -> FraudRate:
        """Of the ninety days up to and with ``as_of``. A day that was not counted has nothing but its fraud, which
        makes the rate worse, never better."""
        lost: dict[date, int] = {}
        for fraud in self.frauds:
            lost[fraud.booked_on] = lost.get(fraud.booked_on, 0) + fraud.amount_minor
        counted = [
            CountedTransaction(day, max(0, total - lost.get(day, 0))) for day, total in self.days.items()
        ]
        counted += [CountedTransaction(day, amount, is_fraud=True) for day, amount in lost.items()]
        return fraud_rate(counted, as_of=as_of)

    def present_rate(self, *, today: date) -> FraudRate | None:
        """The rate that decides today: of today itself the fraud counts and nothing else. None while yesterday has not
        been counted: whoever stopped counting has no rate (art. 18(2)(a))."""
        return self.rate(today) if date.fromordinal(today.toordinal() - 1) in self.days else None

    def quarters(self, *, today: date) -> list[tuple[Quarter, FraudRate]]:
        """Each quarter that is over, from the first day on, with the rate of its last ninety days (art. 20(2))."""
        found, quarter = [], Quarter.of(min(self.days)) if self.days else Quarter.of(today)
        while quarter.last_day < today:
            found.append((quarter, self.rate(quarter.last_day)))
            quarter = quarter.next()
        return found


@dataclass(frozen=True, slots=True)
class BandStanding:
    """Where one band of the annex stands: now, and quarter by quarter."""

    band: ReferenceBand
    state: BandState
    steps: Sequence[BandStep]


def stand_of_bands(
    quarters: Sequence[tuple[Quarter, FraudRate]],
    *,
    restored: Iterable[tuple[int, Quarter]],
    today: date,
) -> list[BandStanding]:
    """Walk every band through the quarters (art. 20). ``restored``: in which bands and quarters the authority was told
    that the exemption is used again. One that, by what is known now, came too early restores nothing."""
    told, standings = frozenset(restored), []
    for band in RISK_ANALYSIS_BANDS:
        steps = walk_quarters(
            [
                QuarterFigures(quarter, rate, is_restored=(band.etv_minor, quarter) in told)
                for quarter, rate in quarters
            ],
            band=band,
        )
        state = steps[-1].state if steps else BandState.IN_USE
        if (band.etv_minor, Quarter.of(today)) in told and state == BandState.RESTORABLE:
            state = restore_band(state)
        standings.append(BandStanding(band, state, steps))
    return standings
