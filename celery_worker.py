"""Where Celery starts: ``celery -A celery_worker worker -Q default`` (or ``-Q engine`` for the payment engine)."""

from bankportal.celery import app

__all__ = ["app"]
