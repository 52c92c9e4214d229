from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.audit.queries import verify_chains


class Command(BaseCommand):
    """``manage.py audit verify``: exits 1 when the trail was tampered with."""

    help = "Verify the hash chains of the audit trail."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["verify"])

    def handle(self, *args: Any, **options: Any) -> None:
        report = verify_chains()
        if not report.intact:
            for stream, seq, reason in report.broken[:50]:
                self.stderr.write(f"stream {stream}, event {seq}: {reason}")
            raise CommandError(f"the trail is broken in {len(report.broken)} place(s)")
        self.stdout.write(f"{report.events} events in {report.streams} chains: intact")
