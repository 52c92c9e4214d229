from celery import shared_task

from apps.consents.services import expire_consents
from apps.core import clock


@shared_task(name="consents.expire_due", ignore_result=True)
def expire_due(**_newer_arguments: object) -> None:
    """End consents whose time is over."""
    expire_consents(now=clock.now())
