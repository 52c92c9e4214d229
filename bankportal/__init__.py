"""The Django project: settings, URL map, WSGI and Celery applications. Rules live in ``apps/``."""

from bankportal.celery import app as celery_app

__all__ = ["celery_app"]
