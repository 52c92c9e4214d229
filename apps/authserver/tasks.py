from celery import shared_task
from django.utils import timezone

from apps.authserver import services


@shared_task(name="authserver.purge_expired")
def purge_expired() -> None:
    """Put away tokens, codes and assertions that have had their time; safe to run twice."""
    services.purge_expired(now=timezone.now())
