"""Where the clearing house and the bank do not agree."""

from datetime import datetime

from apps.clearing.models import ClearingDifference, ClearingReport
from apps.clearing.rules import DifferenceKind


def note_difference(
    *,
    kind: DifferenceKind,
    reference: str,
    ours_minor: int | None,
    theirs_minor: int | None,
    report: ClearingReport | None = None,
    now: datetime,
) -> ClearingDifference:
    """Put something before staff, once: the same difference found again is the same row, solved or not."""
    difference, _ = ClearingDifference.objects.get_or_create(
        cycle=report.cycle if report else "",
        kind=kind,
        reference=reference[:80],
        defaults={
            "report": report,
            "ours_minor": ours_minor,
            "theirs_minor": theirs_minor,
            "found_at": now,
        },
    )
    return difference
