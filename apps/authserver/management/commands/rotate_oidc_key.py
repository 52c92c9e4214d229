from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from apps.authserver.conf import ID_TOKEN_TTL_SECONDS
from apps.authserver.keys import create_signing_key, delete_signing_keys, list_signing_keys
from apps.authserver.refusals import SigningKeyMissing

# A retired key is published until the last ID token it signed has expired, and a day more for caches.
RETIRED_KEY_KEPT = timedelta(days=1, seconds=ID_TOKEN_TTL_SECONDS)


class Command(BaseCommand):
    help = "Make a new signing key for ID tokens; former ones stay published until what they signed expired."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--if-missing", action="store_true", help="only when there is no key yet")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["if_missing"] and self._has_key():
            self.stdout.write("There is a key already.")
            return
        now = timezone.now()
        key = create_signing_key(now=now)
        self.stdout.write(f"New key {key.kid} signs from now on.")
        # A key retires when its successor is made, so a successor's age is what counts.
        for kid in delete_signing_keys(superseded_before=now - RETIRED_KEY_KEPT):
            self.stdout.write(f"Retired key {kid} is no longer published.")

    def _has_key(self) -> bool:
        try:
            return bool(list_signing_keys())
        except SigningKeyMissing:
            return False
