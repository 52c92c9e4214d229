"""Money: whole minor units and a currency. No floats, no signs; direction is a word of its own.

Text becomes money and money text only at the doors, by the functions here.
"""

import re
from dataclasses import dataclass
from decimal import Decimal

from django.utils import formats
from django.utils.translation import get_language

from apps.core.errors import InvalidInput

# ISO 4217 exponents of what the bank books. Anything else is refused by name.
CURRENCY_EXPONENTS = {"EUR": 2, "USD": 2, "GBP": 2, "CHF": 2, "SEK": 2, "PLN": 2, "JPY": 0}
CURRENCY_SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥"}
AMOUNT_MINOR_MAX = 99_999_999_999_999  # 14 digits: fits bigint sums over 90,000 such amounts.
NBSP = "\u00a0"
MINUS = "\u2212"

# [0-9] and fullmatch: \d takes digits of other scripts, $ a trailing newline (reliability.md, traps 5 and 6).
_AMOUNT = re.compile(r"(0|[1-9][0-9]{0,11})(?:\.([0-9]{1,3}))?")


class InvalidAmount(InvalidInput):
    """The text is no amount that can be booked in this currency."""

    code = "invalid_amount"


class UnknownCurrency(InvalidInput):
    """Not the code of a currency that the bank books."""

    code = "unknown_currency"


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units (cents) of one currency."""

    amount_minor: int
    currency: str

    def __post_init__(self) -> None:
        if self.currency not in CURRENCY_EXPONENTS:
            raise UnknownCurrency(self.currency[:8], field="currency")


def parse_amount(text: object, currency: object) -> Money:
    """Money from a plain decimal string such as ``"12.34"``.

    Strictly ASCII digits, a point, at most the decimals the currency has (trailing zeros beyond are fine);
    no sign, exponent, grouping, blank. Never rounds.

    :raises UnknownCurrency: the currency is not booked here (case matters).
    :raises InvalidAmount: any other text, zero, or more than 12 digits.
    """
    if not isinstance(currency, str) or currency not in CURRENCY_EXPONENTS:
        raise UnknownCurrency(repr(currency)[:20], field="currency")
    match = _AMOUNT.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise InvalidAmount(repr(text)[:40], field="amount")
    exponent = CURRENCY_EXPONENTS[currency]
    whole, decimals = match.group(1), match.group(2) or ""
    if decimals[exponent:].strip("0"):
        raise InvalidAmount("more decimals than the currency has", field="amount")
    minor = int(whole + decimals[:exponent].ljust(exponent, "0"))
    if minor == 0:
        raise InvalidAmount("an amount is more than zero", field="amount")
    return Money(minor, currency)


def plain_amount(amount_minor: int, currency: str) -> str:
    """The amount as machines write it: ``"12.34"``, a leading ``-`` for negative balances."""
    exponent = CURRENCY_EXPONENTS[currency]
    sign, digits = ("-" if amount_minor < 0 else ""), str(abs(amount_minor)).rjust(exponent + 1, "0")
    return f"{sign}{digits[:-exponent]}.{digits[-exponent:]}" if exponent else f"{sign}{digits}"


def format_money(amount_minor: int, currency: str, *, language: str | None = None) -> str:
    """The amount as people read it: ``€1,249.00`` or ``1.249,00 €``, with a real minus sign."""
    language = language or get_language() or "en"
    exponent = CURRENCY_EXPONENTS[currency]
    number = formats.number_format(
        Decimal(plain_amount(abs(amount_minor), currency)),
        decimal_pos=exponent,
        use_l10n=True,
        force_grouping=True,
    )
    symbol = CURRENCY_SYMBOLS.get(currency, currency)
    sign = MINUS if amount_minor < 0 else ""
    if language.startswith("de"):
        return f"{sign}{number}{NBSP}{symbol}"
    return f"{sign}{symbol}{number}" if len(symbol) == 1 else f"{sign}{symbol}{NBSP}{number}"
