from typing import Any

from django.core.management.base import BaseCommand

from apps.core import clock
from apps.receipts.services import rotate_receipt_key


class Command(BaseCommand):
    """``manage.py rotate_receipt_key``, with the owner's ``DATABASE_URL``: ``bank_web`` may not retire a key."""

    help = "Make a new key that signs receipts; what former ones signed stays genuine."

    def handle(self, *args: Any, **options: Any) -> None:
        key = rotate_receipt_key(now=clock.now())
        self.stdout.write(f"New key {key.kid} signs receipts from now on.")
