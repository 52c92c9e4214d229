from celery import shared_task

from apps.core import clock
from apps.fraud.services import count_days


@shared_task(name="fraud.count_days", ignore_result=True)
def count(**_newer_arguments: object) -> None:
    """Count the days that are over."""
    count_days(now=clock.now())
