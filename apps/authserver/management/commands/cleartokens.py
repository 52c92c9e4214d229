from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from apps.authserver import services


class Command(BaseCommand):
    """In place of the library's command, which would take our unrotated refresh tokens for orphans."""

    help = "Delete tokens, codes and assertions that have had their time."

    def handle(self, *args: Any, **options: Any) -> None:
        for name, count in services.purge_expired(now=timezone.now()).items():
            self.stdout.write(f"{name}: {count}")
