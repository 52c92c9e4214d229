import logging
import signal
import time
from types import FrameType
from typing import Any

import psycopg
from celery import current_app
from celery.beat import EmbeddedService
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error, connection
from kombu.exceptions import OperationalError

from apps.notifications.services import OUTBOX_CHANNEL, relay_messages

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    """The relay: publishes outbox rows as soon as they are committed (LISTEN), and sweeps every second."""

    help = "Publish outbox messages to the broker until stopped."
    stopped = False
    beat: Any = None

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="publish what waits now, then end")
        parser.add_argument(
            "--with-beat",
            action="store_true",
            help="be Celery beat as well, for a machine that has no memory to spare for a process more; one at a time",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["once"]:
            while relay_messages():
                pass
            return
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        if options["with_beat"]:
            self.beat = EmbeddedService(current_app, thread=True)
            self.beat.start()
        while not self.stopped:
            try:
                self._listen()
            except (Error, psycopg.Error, OperationalError, OSError) as error:
                # Database or broker away: nothing is lost, the rows wait. Try again shortly.
                logger.warning("relay waits: %s", type(error).__name__)
                connection.close()
                time.sleep(1)
        if self.beat:
            self.beat.stop()

    def _listen(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"LISTEN {OUTBOX_CHANNEL}")
        listener = connection.connection
        while not self.stopped:
            while relay_messages():
                pass
            for _ in listener.notifies(timeout=1.0, stop_after=1):
                pass
            if self.beat and not self.beat.is_alive():
                raise CommandError("beat has ended; its last words stand above")

    def _stop(self, signum: int, frame: FrameType | None) -> None:
        self.stopped = True
