"""The Celery application.

A broker message carries nothing but the id of an outbox row (see ``apps.notifications``): the row is the
truth, the message a wake-up call. So a lost or doubled message costs time and never money.
"""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bankportal.settings")

app = Celery("bankportal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
