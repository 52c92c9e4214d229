"""Every cycle compared with the ledger: what the house says it settled, and what the books say was settled with it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction

from apps.audit.services import record_event
from apps.clearing.iso20022.items import ReportItem
from apps.clearing.models import ClearingDifference, ClearingMessage, ClearingReport
from apps.clearing.queries import (
    list_incoming_of_cycle,
    list_instructions_of_cycle,
    list_reports_to_reconcile,
    list_returns_of_cycle,
    list_sent_back_in_cycle,
    list_unanswered,
)
from apps.clearing.rules import DifferenceKind, DifferenceStatus, Rail
from apps.clearing.services.differences import note_difference
from apps.core.errors import DomainError, NotFound
from apps.core.text import check_display_text
from apps.ledger.queries import list_entry_amounts
from apps.ledger.rules import EntryKind
from apps.notifications.services import enqueue_message

RECONCILE_TASK = "clearing.reconcile"
_LOOK_BACK = timedelta(days=35)
# What comparing a report can find; the other kinds have causes of their own.
_FOUND_BY_COMPARING = (
    DifferenceKind.NOT_BOOKED,
    DifferenceKind.NOT_REPORTED,
    DifferenceKind.AMOUNT,
    DifferenceKind.BALANCE,
)


class DifferenceSolved(DomainError):
    """Somebody has solved it already, or it has gone by itself."""

    code = "difference_solved"


def note_report(*, item: ReportItem, message: ClearingMessage, now: datetime) -> None:
    """Keep the report of a cycle and promise that it is compared, once the messages around it had time to arrive."""
    report, is_new = ClearingReport.objects.get_or_create(
        cycle=item.cycle,
        defaults={
            "message": message,
            "rail": Rail(item.rail),
            "number": item.number,
            "entries": len(item.entries),
            "opening_minor": item.opening_minor,
            "closing_minor": item.closing_minor,
            "currency": item.currency,
            "received_at": now,
        },
    )
    if is_new:
        enqueue_message(
            topic=RECONCILE_TASK,
            payload={"report_id": str(report.pk)},
            effect_key=f"clearing-reconcile:{report.pk}",
            delay_seconds=settings.CLEARING_RECONCILE_DELAY_SECONDS,
        )
    elif (report.closing_minor, report.entries) != (item.closing_minor, len(item.entries)):
        note_difference(
            kind=DifferenceKind.CONTRADICTION,
            reference=message.message_id,
            ours_minor=None,
            theirs_minor=None,
            report=report,
            now=now,
        )


@transaction.atomic
def reconcile_cycle(*, report_id: UUID, now: datetime) -> int:
    """Compare one cycle with the ledger; returns how many differences are open.

    May run as often as one likes. What is found is put before staff, and what was found before and has gone since (a
    message was late) is closed by itself.

    :raises NotFound: no such report.
    """
    from apps.clearing.iso20022.reading import read_items

    report = ClearingReport.objects.select_for_update().filter(pk=report_id).first()
    if report is None:
        raise NotFound("report")
    body = ClearingMessage.objects.values_list("body", flat=True).get(pk=report.message_id)
    item = next(
        item
        for item in read_items(body.encode())
        if isinstance(item, ReportItem) and item.cycle == report.cycle
    )
    found = [*_compare(item, cycle=report.cycle), *_check_balances(item, report=report)]
    kept = set()
    for finding in found:
        difference = note_difference(
            kind=finding.kind,
            reference=finding.reference,
            ours_minor=finding.ours_minor,
            theirs_minor=finding.theirs_minor,
            report=report,
            now=now,
        )
        kept.add(difference.pk)
        if difference.status == DifferenceStatus.SOLVED and difference.solved_by is None:
            difference.status, difference.solved_at = DifferenceStatus.OPEN, None
            difference.save(update_fields=["status", "solved_at"])
    ClearingDifference.objects.filter(
        report=report, status=DifferenceStatus.OPEN, kind__in=_FOUND_BY_COMPARING
    ).exclude(pk__in=kept).update(status=DifferenceStatus.SOLVED, solved_at=now)
    report.reconciled_at = now
    report.save(update_fields=["reconciled_at"])
    return ClearingDifference.objects.filter(report=report, status=DifferenceStatus.OPEN).count()


def reconcile_open_cycles(*, now: datetime) -> int:
    """Compare again what was never compared or still differs; returns how many cycles were looked at."""
    reports = list(list_reports_to_reconcile(since=now - _LOOK_BACK)[:200])
    for report in reports:
        reconcile_cycle(report_id=report.pk, now=now)
    return len(reports)


def note_unanswered(*, now: datetime) -> int:
    """Put ordinary transfers before staff that have had no answer for a day; returns how many there are."""
    before = now - timedelta(seconds=settings.CLEARING_ANSWER_SECONDS)
    unanswered = list(list_unanswered(before=before)[:500])
    with transaction.atomic():
        for instruction in unanswered:
            note_difference(
                kind=DifferenceKind.UNANSWERED,
                reference=instruction.transaction_id,
                ours_minor=instruction.amount_minor,
                theirs_minor=None,
                now=now,
            )
    return len(unanswered)


@transaction.atomic
def solve_difference(*, difference_id: UUID, note: str, staff_id: UUID, now: datetime) -> ClearingDifference:
    """Staff have looked into a difference and say what it was.

    :raises NotFound: no such difference.
    :raises DifferenceSolved: it is solved already.
    :raises apps.core.errors.InvalidInput: no note, or one that cannot be kept.
    """
    difference = ClearingDifference.objects.select_for_update().filter(pk=difference_id).first()
    if difference is None:
        raise NotFound("difference")
    note = check_display_text(note, field="note", max_length=500)
    if difference.status != DifferenceStatus.OPEN:
        raise DifferenceSolved(str(difference_id))
    difference.status, difference.solved_at = DifferenceStatus.SOLVED, now
    difference.solved_by, difference.note = staff_id, note
    difference.save(update_fields=["status", "solved_at", "solved_by", "note"])
    record_event(
        event="clearing.difference.solved",
        object_type="difference",
        object_id=difference.pk,
        actor_type="staff",
        actor_id=staff_id,
        at=now,
        data={"kind": difference.kind, "reference": difference.reference, "reason": note},
    )
    return difference


@dataclass(frozen=True, slots=True)
class _Finding:
    kind: DifferenceKind
    reference: str
    ours_minor: int | None
    theirs_minor: int | None


@dataclass(slots=True)
class _Ours:
    """What the rows of a cycle name, and what the ledger has booked for each; None: nothing."""

    amounts: dict[tuple[str, str], int | None] = field(default_factory=dict)

    def add(self, nature: str, kinds: Iterable[EntryKind], references: dict[str, UUID]) -> None:
        """``references``: what the house calls it → the ledger's reference."""
        booked: dict[str, int] = {}
        for kind in kinds:
            booked |= list_entry_amounts(kind=kind, references=[str(key) for key in references.values()])
        for name, reference in references.items():
            self.amounts[(nature, name)] = booked.get(str(reference))


def _compare(item: ReportItem, *, cycle: str) -> list[_Finding]:
    theirs: Counter[tuple[str, str]] = Counter()
    for entry in item.entries:
        nature = ("in" if entry.is_credit else "out") + (" return" if entry.is_return else "")
        theirs[(nature, entry.return_id if entry.is_return else entry.transaction_id)] += entry.amount_minor
    ours = _ours(cycle)
    findings = []
    for key in sorted(theirs.keys() | ours.keys()):
        reported, booked = theirs.get(key), ours.get(key)
        if reported == booked:
            continue
        kind = (
            DifferenceKind.NOT_BOOKED
            if booked is None
            else DifferenceKind.NOT_REPORTED
            if reported is None
            else DifferenceKind.AMOUNT
        )
        findings.append(_Finding(kind, key[1], booked, reported))
    return findings


def _ours(cycle: str) -> dict[tuple[str, str], int | None]:
    ours = _Ours()
    ours.add(
        "out",
        [EntryKind.CLEARING_SETTLEMENT],
        {row.transaction_id: row.payment_id for row in list_instructions_of_cycle(cycle=cycle)},
    )
    returns = list(list_returns_of_cycle(cycle=cycle))
    ours.add(
        "in return",
        [EntryKind.CREDIT_TRANSFER_RETURN],
        {row.return_id: row.payment_id for row in returns if row.late_accepted_at is None},
    )
    ours.add(
        "in return",
        [EntryKind.CLEARING_RECEIPT],
        {row.return_id: row.payment_id for row in returns if row.late_accepted_at is not None},
    )
    ours.add(
        "in",
        [EntryKind.INCOMING_CREDIT_TRANSFER, EntryKind.CLEARING_RECEIPT],
        {row.transaction_id: row.pk for row in list_incoming_of_cycle(cycle=cycle)},
    )
    ours.add(
        "out return",
        [EntryKind.CLEARING_SETTLEMENT],
        {f"B{row.pk.hex}": row.pk for row in list_sent_back_in_cycle(cycle=cycle)},
    )
    return ours.amounts


def _check_balances(item: ReportItem, *, report: ClearingReport) -> list[_Finding]:
    """Each report begins where the last one of its rail ended, and ends where its entries lead."""
    findings = []
    moved = sum(entry.amount_minor if entry.is_credit else -entry.amount_minor for entry in item.entries)
    if item.opening_minor + moved != item.closing_minor:
        findings.append(
            _Finding(
                DifferenceKind.BALANCE, "closing balance", item.opening_minor + moved, item.closing_minor
            )
        )
    before = ClearingReport.objects.filter(rail=report.rail, number=report.number - 1).first()
    expected = before.closing_minor if before else 0 if report.number == 1 else None
    if expected != item.opening_minor:
        findings.append(_Finding(DifferenceKind.BALANCE, "opening balance", expected, item.opening_minor))
    return findings
