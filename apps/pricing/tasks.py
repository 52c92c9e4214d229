from celery import shared_task

from apps.core import clock
from apps.pricing.services import accrue_interest, book_due_charges


@shared_task(name="pricing.charge", ignore_result=True)
def charge(**_newer_arguments: object) -> None:
    """Accrue the days that were closed, then book what is due."""
    now = clock.now()
    accrue_interest(now=now)
    book_due_charges(now=now)
