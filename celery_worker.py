"""Where Celery starts: ``celery -A celery_worker worker -Q default`` (or ``-Q engine`` for the payment engine)."""

from apps.core.checks import check_before_serving
from bankportal.celery import app

check_before_serving()

__all__ = ["app"]
