from datetime import date, datetime, time, timedelta

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.clock import BANK_TIME_ZONE

# By this hour of the bank's day every customer should have been screened; later the day counts as late.
DUE_HOUR = 6


class SubjectType(models.TextChoices):
    """Whom an entry is about: the classification of the EU's list."""

    PERSON = "person", _("person")
    ENTERPRISE = "enterprise", _("company or group")


class RunStatus(models.TextChoices):
    """Life of a run: open until every customer was screened, or until a newer run takes over."""

    RUNNING = "running"
    DONE = "done"
    SUPERSEDED = "superseded"


class HitStatus(models.TextChoices):
    """Life of a hit: open until staff decide, once."""

    OPEN = "open"
    CLEARED = "cleared"
    CONFIRMED = "confirmed"


def is_screening_late(*, last_screened_date: date | None, now: datetime) -> bool:
    """Whether customers have gone unscreened: not today although it is past ``DUE_HOUR``, or not even yesterday."""
    local = now.astimezone(BANK_TIME_ZONE)
    if last_screened_date is None or last_screened_date < local.date() - timedelta(days=1):
        return True
    return last_screened_date < local.date() and local.time() >= time(DUE_HOUR)
