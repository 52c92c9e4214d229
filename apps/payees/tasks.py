from celery import shared_task

from apps.core import clock
from apps.payees.services import purge_lookup_counts


@shared_task(name="payees.purge_counts", ignore_result=True)
def purge_counts(**_newer_arguments: object) -> None:
    """Forget how many names were looked up on days long gone."""
    purge_lookup_counts(now=clock.now())
