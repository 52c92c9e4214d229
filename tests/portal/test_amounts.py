"""Amounts as people type them: what is clear is understood, what could mean two things is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.money import InvalidAmount, format_money
from apps.portal.amounts import parse_typed_amount


@pytest.mark.parametrize(
    ("text", "language", "minor"),
    [
        ("12", "en", 1200),
        ("12.34", "en", 1234),
        ("12,34", "en", 1234),
        ("12.34", "de", 1234),
        ("12,34", "de", 1234),
        ("0,5", "de", 50),
        ("0.01", "en", 1),
        ("007", "en", 700),
        (" 12.34 ", "en", 1234),
        ("€12.34", "en", 1234),
        ("€ 12.34", "en", 1234),
        ("12,34 €", "de", 1234),
        ("12,34\u00a0€", "de", 1234),
        ("12.34 EUR", "en", 1234),
        ("1,234", "en", 123400),
        ("1,234.5", "en", 123450),
        ("1.234", "de", 123400),
        ("1.234,50", "de", 123450),
        ("1.234.567,89", "de", 123456789),
        ("999999999999.99", "en", 99999999999999),
    ],
)
def test_what_is_clear_is_understood(text: str, language: str, minor: int) -> None:
    assert parse_typed_amount(text, currency="EUR", language=language).amount_minor == minor


@pytest.mark.parametrize(
    "text",
    [
        "",
        "€",
        "0",
        "0.00",
        "-1",
        "+1",
        "1.234",  # a thousand to some, one euro and a bit to others
        "1.234,50",
        "12.345",
        "1,23,45",
        "1,2345",
        "12 34",
        "1e5",
        "NaN",
        "inf",
        "0x10",
        "１２",
        "١٢",
        "12.",
        ".5",
        "12..3",
        "1,234,567,890,123,456",
        "1000000000000",
        "12.34\n",
        "12.34€€€ EUR",
        "1'234.00",
        "$5",
    ],
)
def test_what_is_not_is_refused(text: str) -> None:
    with pytest.raises(InvalidAmount):
        parse_typed_amount(text, currency="EUR", language="en")


@given(minor=st.integers(1, 99_999_999_999_999), language=st.sampled_from(["en", "de"]))
def test_what_the_pages_print_can_be_typed_again(minor: int, language: str) -> None:
    from django.utils import translation

    with translation.override(language):
        text = format_money(minor, "EUR", language=language)
    assert parse_typed_amount(text, currency="EUR", language=language).amount_minor == minor
