from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db.models import Max, QuerySet

from apps.core.errors import NotFound
from apps.identity.models import PSU
from apps.screening.models import (
    CustomerScreening,
    ListedEntry,
    SanctionsList,
    ScreeningBatch,
    ScreeningHit,
    ScreeningRun,
)
from apps.screening.rules import HitStatus, RunStatus, is_screening_late


@dataclass(frozen=True, slots=True)
class ScreeningState:
    """How the duty to screen stands: the last day on which every customer was, and hits nobody has decided."""

    last_screened_date: date | None
    is_late: bool
    open_hits: int


@dataclass(frozen=True, slots=True)
class ScreeningProof:
    """That one customer was screened: on which day of the bank, against which edition, and whom the name resembled.

    ``resemblances`` are (EU reference, likeness of 100). ``evidence_sha256`` is that of the step he was screened in.
    """

    business_date: date
    list_published_at: datetime
    list_sha256: str
    screened_at: datetime
    resemblances: list[tuple[str, int]]
    evidence_sha256: str


def get_screening_state(*, now: datetime) -> ScreeningState:
    """For the overview of staff and for health; ``now`` is real time."""
    last = ScreeningRun.objects.filter(status=RunStatus.DONE).aggregate(last=Max("business_date"))["last"]
    return ScreeningState(
        last_screened_date=last,
        is_late=is_screening_late(last_screened_date=last, now=now),
        open_hits=ScreeningHit.objects.filter(status=HitStatus.OPEN).count(),
    )


def get_present_list() -> SanctionsList | None:
    """The edition imported last."""
    return SanctionsList.objects.order_by("-pk").first()


def list_customers_to_screen(*, run_id: int, limit: int) -> QuerySet[PSU]:
    """Customers whom this run has not screened yet, those who joined meanwhile too."""
    done = CustomerScreening.objects.filter(run_id=run_id).values("psu_id")
    return PSU.objects.exclude(pk__in=done).order_by("pk")[:limit]


def get_hit(*, hit_id: UUID) -> ScreeningHit:
    """One hit, for staff.

    :raises NotFound: there is none.
    """
    hit = ScreeningHit.objects.select_related("psu", "entry").filter(pk=hit_id).first()
    if hit is None:
        raise NotFound("hit")
    return hit


def list_proofs(*, psu_id: UUID, from_date: date, to_date: date) -> list[ScreeningProof]:
    """Every screening of one customer on the days from ``from_date`` to ``to_date`` (both included), oldest first.

    Read from the evidence of each step, which no index opens: for an auditor's question, over a span of days.
    """
    batches = (
        ScreeningBatch.objects.filter(
            run__business_date__range=(from_date, to_date), psu_ids__contains=[psu_id]
        )
        .select_related("run__sanctions_list")
        .order_by("pk")
    )
    found = [(batch, [row for row in batch.results if row[0] == str(psu_id)]) for batch in batches]
    references = dict(
        ListedEntry.objects.filter(
            pk__in={entry_id for _batch, rows in found for _psu, entry_id, _score in rows}
        ).values_list("pk", "eu_reference")
    )
    return [
        ScreeningProof(
            business_date=batch.run.business_date,
            list_published_at=batch.run.sanctions_list.published_at,
            list_sha256=batch.run.sanctions_list.sha256,
            screened_at=batch.screened_at,
            resemblances=[(references[entry_id], score) for _psu, entry_id, score in rows],
            evidence_sha256=batch.evidence_sha256,
        )
        for batch, rows in found
    ]
