import logging
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Count, Min, Sum
from django.db.models.functions import TruncDate

from apps.audit.services import record_event
from apps.core.clock import BANK_TIME_ZONE, bank_date
from apps.core.errors import DomainError
from apps.core.text import check_display_text
from apps.fraud.models import AuthorityNotice, CountedDay, FraudReport
from apps.fraud.queries import ReportUnknown, booked_payments, get_rates
from apps.fraud.rules import (
    BOOKED_STATUSES,
    NOTE_LENGTH_MAX,
    NoticeKind,
    ReportOutcome,
    ReportReason,
    ReportStatus,
    is_in_time,
    refund_due_on,
)
from apps.identity.models import PSU
from apps.notifications.services import enqueue_message
from apps.payments.models import PaymentInitiation
from apps.payments.services import ENGINE_QUEUE, lock_payments_for_execution, record_on_payment
from apps.sca.fraud_rates import BandState, NotRestorable, Quarter

logger = logging.getLogger(__name__)

REFUND_TASK = "engine.refund_payment"
COUNTED_AGAIN_DAYS = 10  # So long another bank may yet refuse what is on its way.


class NotReportable(DomainError):
    """No money has left the account for this payment, so there is nothing to report."""

    code = "fraud_not_reportable"


class ReportTooLate(DomainError):
    """More than thirteen months have passed since the debit (PSD2 art. 71(1))."""

    code = "fraud_report_too_late"


class ReportedAlready(DomainError):
    """The payment was reported before."""

    code = "fraud_reported_already"


class ReportDecided(DomainError):
    """Somebody has judged the report already."""

    code = "fraud_report_decided"


class NothingToNote(DomainError):
    """The authority has nothing to be told of this band and quarter, or it was told."""

    code = "fraud_nothing_to_note"


@transaction.atomic
def report_payment(
    *,
    payment_id: UUID,
    psu: PSU,
    reason: ReportReason,
    note: str = "",
    staff_id: UUID | None = None,
    now: datetime,
) -> FraudReport:
    """Take in that a customer did not authorise a booked payment (PSD2 art. 71); whether he may see it, the caller has
    found out. ``staff_id``: who took it by telephone or at a branch.

    :raises NotReportable: nothing left the account.
    :raises ReportTooLate: thirteen months are over.
    :raises ReportedAlready: it was reported before.
    :raises apps.core.text.UnsafeText: a note that is not fit to be shown.
    """
    (payment,) = lock_payments_for_execution(payment_ids=[payment_id])
    if payment.transaction_status not in BOOKED_STATUSES or payment.released_at is None:
        raise NotReportable(payment.transaction_status)
    if not is_in_time(booked_on=bank_date(payment.released_at), today=bank_date(now)):
        raise ReportTooLate(str(payment_id))
    report = FraudReport(
        payment=payment,
        psu=psu,
        reason=reason,
        note=check_display_text(
            " ".join(note.split()), field="note", max_length=NOTE_LENGTH_MAX, required=False
        ),
        taken_by=staff_id,
        reported_at=now,
        refund_due_on=refund_due_on(bank_date(now)),
    )
    try:
        with transaction.atomic():
            report.save(force_insert=True)
    except IntegrityError:
        raise ReportedAlready(str(payment_id)) from None
    record_on_payment(
        payment,
        event="fraud.report.made",
        actor_type="staff" if staff_id else "psu",
        actor_id=staff_id or psu.pk,
        now=now,
        data={"reason": reason.value, "refund_due_on": report.refund_due_on.isoformat()},
    )
    return report


@transaction.atomic
def decide_report(
    *, report_id: UUID, outcome: ReportOutcome, reason: str, staff_id: UUID, now: datetime
) -> FraudReport:
    """Judge a report, once. Fraud counts in the fraud rate from this moment on (RTS art. 19), and what the customer did
    not authorise is promised to be paid back by the engine (PSD2 art. 73(1)).

    :raises ReportUnknown: there is no such report.
    :raises ReportDecided: it was judged before.
    :raises apps.core.text.UnsafeText: no reason fit to be shown.
    """
    report = (
        FraudReport.objects.select_for_update(of=("self",))
        .select_related("payment")
        .filter(pk=report_id)
        .first()
    )
    if report is None:
        raise ReportUnknown(str(report_id))
    if report.status != ReportStatus.OPEN:
        raise ReportDecided(str(report_id))
    report.decision_reason = _clean_reason(reason)
    report.status, report.outcome = ReportStatus.CLOSED, outcome
    report.decided_at, report.decided_by = now, staff_id
    report.save(update_fields=["status", "outcome", "decided_at", "decided_by", "decision_reason"])
    record_on_payment(
        report.payment,
        event="fraud.report.decided",
        actor_type="staff",
        actor_id=staff_id,
        now=now,
        data={"outcome": outcome.value, "reason": report.decision_reason},
    )
    if outcome == ReportOutcome.FRAUD:
        enqueue_message(
            topic=REFUND_TASK,
            payload={"report_id": str(report.pk)},
            effect_key=f"refund:{report.pk}",
            queue=ENGINE_QUEUE,
        )
    return report


def lock_report_for_refund(*, report_id: UUID) -> tuple[FraudReport, PaymentInitiation]:
    """For the engine, in its transaction: the report and its payment under row locks, the payment first, as whatever
    else moves its money locks it.

    :raises ReportUnknown: there is no such report.
    """
    payment_id = FraudReport.objects.filter(pk=report_id).values_list("payment_id", flat=True).first()
    if payment_id is None:
        raise ReportUnknown(str(report_id))
    (payment,) = lock_payments_for_execution(payment_ids=[payment_id])
    return FraudReport.objects.select_for_update().get(pk=report_id), payment


def note_refund(*, report: FraudReport, payment: PaymentInitiation, amount_minor: int, now: datetime) -> None:
    """For the engine, with the entry in one transaction: so much was paid back, nothing if it had come back before."""
    report.refunded_minor, report.refunded_at = amount_minor, now
    report.save(update_fields=["refunded_minor", "refunded_at"])
    record_on_payment(
        payment,
        event="fraud.report.refunded",
        actor_type="engine",
        actor_id="",
        now=now,
        data={"is_late": bank_date(now) > report.refund_due_on},
    )


def count_days(*, now: datetime) -> int:
    """Count the value of all payments of each day that is over and was not counted, and the last days again; returns
    how many days were counted. May run at any time and as often as one likes.

    The end of a quarter above a reference rate is recorded when its last day is first counted (RTS art. 20(1)).
    """
    yesterday = bank_date(now) - timedelta(days=1)
    known = set(CountedDay.objects.filter(day__lte=yesterday).values_list("day", flat=True))
    first = _first_day() if not known else max(known) + timedelta(days=1)
    if first is None:
        return 0
    again_from = yesterday - timedelta(days=COUNTED_AGAIN_DAYS - 1)
    start = max(min(first, again_from), min(known, default=first))
    days = [start + timedelta(days=number) for number in range((yesterday - start).days + 1)]
    if not days:
        return 0
    sums = {
        day: (total, number)
        for day, total, number in booked_payments(since=start, until=yesterday)
        .annotate(booked_on=TruncDate("released_at", tzinfo=BANK_TIME_ZONE))
        .values_list("booked_on")
        .annotate(Sum("amount_minor"), Count("pk"))
        .order_by()
    }
    with transaction.atomic():
        CountedDay.objects.bulk_create(
            [
                CountedDay(
                    day=day,
                    total_minor=sums.get(day, (0, 0))[0],
                    payments=sums.get(day, (0, 0))[1],
                    counted_at=now,
                )
                for day in days
            ],
            update_conflicts=True,
            unique_fields=["day"],
            update_fields=["total_minor", "payments", "counted_at"],
        )
        _report_quarters({Quarter.of(day) for day in days if day not in known}, now=now)
    return len(days)


def _first_day() -> date | None:
    first = PaymentInitiation.objects.filter(
        transaction_status__in=[status.value for status in BOOKED_STATUSES]
    ).aggregate(at=Min("released_at"))["at"]
    return bank_date(first) if first else None


def _report_quarters(touched: set[Quarter], *, now: datetime) -> None:
    """What somebody has to tell the authority at once."""
    for standing in get_rates(now=now).bands:
        for step in standing.steps:
            if step.quarter in touched and step.must_report:
                logger.error(
                    "fraud rate above the reference rate of payments up to %s cents: tell the authority",
                    standing.band.etv_minor,
                )
                record_event(
                    event="fraud.band.exceeded",
                    object_type="fraud_band",
                    object_id=str(standing.band.etv_minor),
                    actor_type="system",
                    at=now,
                    data={
                        "year": step.quarter.year,
                        "quarter": step.quarter.number,
                        "state": step.state.value,
                    },
                )


@transaction.atomic
def note_exceeded_told(
    *, etv_minor: int, quarter: Quarter, note: str, staff_id: UUID, now: datetime
) -> AuthorityNotice:
    """Keep that the authority was told of a quarter above the reference rate (RTS art. 20(1)).

    :raises NothingToNote: the band was not above in that quarter, or it was noted before.
    :raises apps.core.text.UnsafeText: no note fit to be shown.
    """
    steps = {
        (standing.band.etv_minor, step.quarter): step
        for standing in get_rates(now=now).bands
        for step in standing.steps
    }
    step = steps.get((etv_minor, quarter))
    if step is None or not step.must_report:
        raise NothingToNote(str(etv_minor))
    return _note(NoticeKind.EXCEEDED, etv_minor, quarter, note, staff_id=staff_id, now=now)


@transaction.atomic
def restore_exemption(*, etv_minor: int, note: str, staff_id: UUID, now: datetime) -> AuthorityNotice:
    """Use transaction risk analysis again in a band that was given up: after a quarter at or below the reference rate,
    and once the authority was told and has the evidence (RTS art. 20(3)-(4)).

    :raises NotRestorable: no good quarter has followed, or the band is in use.
    :raises apps.core.text.UnsafeText: no note fit to be shown.
    """
    states = {standing.band.etv_minor: standing.state for standing in get_rates(now=now).bands}
    if states.get(etv_minor) != BandState.RESTORABLE:
        raise ExemptionNotRestorable(str(etv_minor))
    return _note(NoticeKind.RESTORED, etv_minor, Quarter.of(bank_date(now)), note, staff_id=staff_id, now=now)


class ExemptionNotRestorable(DomainError, NotRestorable):
    """The exemption is not to be used again yet."""

    code = "fraud_exemption_not_restorable"


def _note(
    kind: NoticeKind, etv_minor: int, quarter: Quarter, note: str, *, staff_id: UUID, now: datetime
) -> AuthorityNotice:
    notice = AuthorityNotice(
        kind=kind,
        etv_minor=etv_minor,
        year=quarter.year,
        quarter=quarter.number,
        note=_clean_reason(note),
        noted_at=now,
        noted_by=staff_id,
    )
    try:
        with transaction.atomic():
            notice.save(force_insert=True)
    except IntegrityError:
        raise NothingToNote(str(etv_minor)) from None
    record_event(
        event=f"fraud.band.{kind.value}_told",
        object_type="fraud_band",
        object_id=str(etv_minor),
        actor_type="staff",
        actor_id=staff_id,
        at=now,
        data={"year": quarter.year, "quarter": quarter.number, "note": notice.note},
    )
    return notice


def _clean_reason(reason: str) -> str:
    return check_display_text(" ".join(reason.split()), field="reason", max_length=NOTE_LENGTH_MAX)
