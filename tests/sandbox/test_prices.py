"""The sandbox's price list: every product of a persona has one, and it is within the law."""

import pytest
from django.utils import timezone

from apps.core.clock import bank_date
from apps.pricing.models import Price
from apps.pricing.price_lists import read_price_list
from apps.pricing.queries import get_prices
from apps.pricing.rules import FeeService, check_prices
from apps.sandbox.seeding import personas
from apps.sandbox.seeding.prices import PRICE_LIST, seed_prices


def test_every_product_of_a_persona_has_prices_within_the_law():
    products = read_price_list(PRICE_LIST.read_text(encoding="utf-8"))
    for product in products:
        check_prices(product)
    assert {product.product for product in products} == {account.product for account in personas.ACCOUNTS}


@pytest.mark.django_db
def test_they_are_published_once_from_the_day_of_the_seed():
    now = timezone.now()
    for _ in range(2):
        seed_prices(now=now)
    found = get_prices(product="Linden Giro", day=bank_date(now))
    assert (found.prices[FeeService.MAINTENANCE], found.terms.overdraft_rate_bp) == (490, 1050)
    assert Price.objects.count() == 3 * len(FeeService)
