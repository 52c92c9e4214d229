from datetime import datetime

from django.utils import timezone


def bank_now() -> datetime:
    return timezone.now()
