"""What the sandbox's accounts cost and bear: a price list as a bank would publish it."""

from datetime import datetime
from pathlib import Path

from django.db import transaction

from apps.core.clock import bank_date
from apps.pricing.price_lists import read_price_list
from apps.pricing.queries import get_coming_prices, get_prices
from apps.pricing.services import publish_prices

PRICE_LIST = Path(__file__).with_name("prices.json")


@transaction.atomic
def seed_prices(*, now: datetime) -> None:
    """Publish the prices of products that have none, from today on: the first whole month will be charged."""
    today = bank_date(now)
    for wanted in read_price_list(PRICE_LIST.read_text(encoding="utf-8")):
        is_priced = get_prices(product=wanted.product, day=today) or get_coming_prices(
            product=wanted.product, day=today
        )
        if not is_priced:
            publish_prices(wanted=wanted, valid_from=today, now=now)
