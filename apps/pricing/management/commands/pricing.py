import json
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from apps.core import clock
from apps.core.clock import bank_date
from apps.core.errors import DomainError
from apps.pricing.price_lists import read_price_list
from apps.pricing.services import accrue_interest, book_due_charges, publish_prices


class Command(BaseCommand):
    """``manage.py pricing publish FILE --from DAY`` lets a price list hold from a day on (the owner's role).

    ``manage.py pricing charge`` accrues the days that were closed and books what is due (the engine's role; the engine
    does it every night). Running it again books nothing twice.
    """

    help = "Publish prices; accrue interest and book charges."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        publishing = actions.add_parser("publish", help="let a price list hold from a day on")
        publishing.add_argument("file", type=Path, metavar="FILE")
        publishing.add_argument(
            "--from", dest="valid_from", type=date.fromisoformat, required=True, metavar="YYYY-MM-DD"
        )
        actions.add_parser("charge", help="accrue the days that were closed and book what is due")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        if action == "publish":
            self._publish(file=options["file"], valid_from=options["valid_from"])
        else:
            now = clock.now()
            days = accrue_interest(now=now)
            self.stdout.write(f"{days} days accrued, {book_due_charges(now=now)} charges booked")

    def _publish(self, *, file: Path, valid_from: date) -> None:
        try:
            products = read_price_list(file.read_text(encoding="utf-8"))
            with transaction.atomic():
                for wanted in products:
                    publish_prices(wanted=wanted, valid_from=valid_from, now=clock.now())
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}") from None
        except (UnicodeDecodeError, json.JSONDecodeError) as error:
            raise CommandError(f"{file}: {error}") from None
        except DomainError as error:
            raise CommandError(f"{file}: {error.detail}") from None
        self.stdout.write(
            f"prices of {len(products)} products hold from {valid_from}; today is {bank_date(clock.now())}"
        )
