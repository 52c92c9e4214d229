"""A price list as a bank writes it: JSON, amounts and rates as decimal text, nothing guessed.

``[{"product": "Linden Giro", "currency": "EUR", "prices": {"maintenance": "4.90"},
"interest": {"overdraft": "10.50", "credit": "0.00", "settlement": "quarterly"}}]``
"""

import json
import re
from typing import Any

from apps.core.errors import InvalidInput
from apps.core.money import CURRENCY_EXPONENTS, parse_amount
from apps.pricing.rules import FeeService, PriceListInvalid, ProductPrices, Settlement, Terms

_RATE = re.compile(r"([0-9]{1,3})\.([0-9]{2})")
_ZERO = re.compile(r"0(\.0{1,3})?")
_PRODUCT_KEYS = {"product", "currency", "prices", "interest"}
_INTEREST_KEYS = {"overdraft", "credit", "settlement"}


def read_price_list(text: str) -> list[ProductPrices]:
    """The products of a file.

    :raises json.JSONDecodeError: it is no JSON.
    :raises PriceListInvalid: not of the form above; nothing is passed over.
    """
    rows = json.loads(text)
    if not isinstance(rows, list) or not rows:
        raise PriceListInvalid("not a list of products")
    products = [_product(row) for row in rows]
    if len({product.product for product in products}) < len(products):
        raise PriceListInvalid("a product stands in it twice")
    return products


def _product(row: Any) -> ProductPrices:
    if not isinstance(row, dict) or set(row) - _PRODUCT_KEYS or not isinstance(row.get("product"), str):
        raise PriceListInvalid(f"not a product: {json.dumps(row)[:80]}")
    name, currency = row["product"].strip(), row.get("currency", "EUR")
    if not 1 <= len(name) <= 35:
        raise PriceListInvalid("a product's name has 1 to 35 characters")
    if currency not in CURRENCY_EXPONENTS:
        raise PriceListInvalid(f"{name}: unknown currency")
    prices = row.get("prices", {})
    if not isinstance(prices, dict) or set(prices) - set(FeeService.values):
        raise PriceListInvalid(f"{name}: an unknown service")
    return ProductPrices(
        product=name,
        currency=currency,
        prices={FeeService(service): _amount(name, text, currency) for service, text in prices.items()},
        terms=_terms(name, row.get("interest", {})),
    )


def _terms(name: str, interest: Any) -> Terms:
    if not isinstance(interest, dict) or set(interest) - _INTEREST_KEYS:
        raise PriceListInvalid(f"{name}: interest has overdraft, credit and settlement")
    settlement = interest.get("settlement", Settlement.QUARTERLY.value)
    if settlement not in Settlement.values:
        raise PriceListInvalid(f"{name}: settlement is monthly or quarterly")
    return Terms(
        overdraft_rate_bp=_basis_points(name, interest.get("overdraft", "0.00")),
        credit_rate_bp=_basis_points(name, interest.get("credit", "0.00")),
        settlement=Settlement(settlement),
    )


def _amount(name: str, text: Any, currency: str) -> int:
    if isinstance(text, str) and _ZERO.fullmatch(text):
        return 0
    try:
        return parse_amount(text, currency).amount_minor
    except InvalidInput as error:
        raise PriceListInvalid(f"{name}: {error.detail}") from None


def _basis_points(name: str, text: Any) -> int:
    """``"10.50"`` percent are 1,050 basis points."""
    match = _RATE.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise PriceListInvalid(f"{name}: a rate is percent with two decimals, such as 10.50")
    return int(match.group(1) + match.group(2))
