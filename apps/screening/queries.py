from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db.models import Max, QuerySet

from apps.core.errors import NotFound
from apps.identity.models import PSU
from apps.screening.models import CustomerScreening, SanctionsList, ScreeningHit, ScreeningRun
from apps.screening.rules import HitStatus, RunStatus, is_screening_late


@dataclass(frozen=True, slots=True)
class ScreeningState:
    """How the duty to screen stands: the last day on which every customer was, and hits nobody has decided."""

    last_screened_date: date | None
    is_late: bool
    open_hits: int


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
