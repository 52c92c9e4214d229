"""Money, IBANs, texts and canonical bytes: what is refused, and that nothing is rounded or guessed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.canonical import canonical_hash, canonical_json
from apps.core.iban import InvalidIBAN, OutsideSEPA, format_iban, make_iban, parse_iban, parse_sepa_iban
from apps.core.ids import parse_uuid
from apps.core.money import (
    InvalidAmount,
    Money,
    UnknownCurrency,
    format_money,
    parse_amount,
    plain_amount,
)
from apps.core.text import UnsafeText, check_display_text


class TestParseAmount:
    @pytest.mark.parametrize(
        ("text", "currency", "minor"),
        [
            ("12.34", "EUR", 1234),
            ("0.01", "EUR", 1),
            ("12", "EUR", 1200),
            ("12.3", "EUR", 1230),
            ("12.340", "EUR", 1234),
            ("999999999999.99", "EUR", 99999999999999),
            ("5", "JPY", 5),
            ("5.0", "JPY", 5),
        ],
    )
    def test_reads(self, text: str, currency: str, minor: int) -> None:
        assert parse_amount(text, currency) == Money(minor, currency)

    @pytest.mark.req("R0-4", "R0-5")
    @pytest.mark.parametrize(
        "text",
        [
            "-1", "0", "0.00", "-0", "+1", "NaN", "sNaN", "Infinity", "1e30", "1E1", "1e9999999", "1_0", "١٢", "１２",
            "01", "00.5", "1.005", "0.001", "1.2345", "1000000000000", "", " 1", "1 ", "1\n", "1,00", ".5", "5.", "0x10",  # noqa: E501
            1, 1.5, True, None, ["1"], "1.00\x00",
        ],
    )  # fmt: skip
    def test_refuses(self, text: object) -> None:
        with pytest.raises(InvalidAmount):
            parse_amount(text, "EUR")

    @pytest.mark.parametrize("currency", ["eur", "XXX", "", "EURO", None, 978, "ＥＵＲ", "KWD"])
    def test_refuses_currencies(self, currency: object) -> None:
        with pytest.raises(UnknownCurrency):
            parse_amount("1.00", currency)

    @pytest.mark.parametrize(("text", "currency"), [("1.50", "JPY"), ("1.001", "EUR")])
    def test_never_rounds(self, text: str, currency: str) -> None:
        with pytest.raises(InvalidAmount):
            parse_amount(text, currency)

    @given(st.integers(min_value=1, max_value=99_999_999_999_999))
    def test_reads_what_it_writes(self, minor: int) -> None:
        assert parse_amount(plain_amount(minor, "EUR"), "EUR").amount_minor == minor


def test_formats_for_people() -> None:
    from django.utils import translation

    with translation.override("en"):
        assert format_money(124900, "EUR") == "€1,249.00"
        assert format_money(-5, "EUR") == "\u2212€0.05"
    with translation.override("de"):
        assert format_money(124900, "EUR") == "1.249,00\u00a0€"


class TestParseIban:
    @pytest.mark.parametrize(
        "text", ["DE89370400440532013000", "de89 3704 0044 0532 0130 00", " DE89370400440532013000 "]
    )
    def test_has_one_canonical_form(self, text: str) -> None:
        assert parse_iban(text) == "DE89370400440532013000"

    @pytest.mark.parametrize(
        "text",
        [
            "DE88370400440532013000", "DE8937040044053201300", "DE893704004405320130000", "XX89370400440532013000",
            "DE8937040044053201300０", "DE89370400440532013000\n", "DE89\t370400440532013000", "DE89\u00a0370400440532013000",  # noqa: E501
            "", "D", None, 89370400440532013000, "ＤＥ89370400440532013000", "DE89370400440532013000\x00", "DE" * 40,
            "ıE89370400440532013000",
        ],
    )  # fmt: skip
    def test_refuses(self, text: object) -> None:
        with pytest.raises(InvalidIBAN):
            parse_iban(text)

    def test_knows_where_sepa_ends(self) -> None:
        assert parse_sepa_iban("AT611904300234573201")
        with pytest.raises(OutsideSEPA):
            parse_sepa_iban("BR1800360305000010009795493C1")

    @given(st.text(max_size=40))
    def test_any_text_is_an_iban_or_refused(self, text: str) -> None:
        try:
            assert parse_iban(text).isascii()
        except InvalidIBAN:
            pass

    def test_makes_valid_ones_in_groups_of_four(self) -> None:
        iban = make_iban(country="DE", bank_code="10099900", account_number="1")
        assert parse_iban(format_iban(iban)) == iban


class TestDisplayText:
    @pytest.mark.parametrize("text", ["Möbelhaus Kern GmbH", "O'Neil & Söhne", "日本", "Zoë", "a  b"])
    def test_lets_pass(self, text: str) -> None:
        assert check_display_text(text, field="f", max_length=70)

    @pytest.mark.req("S3-3", "S3-6")
    @pytest.mark.parametrize(
        "text",
        [
            "Kern\u202eHbmG", "Kern\u200b", "\u2066x", "a\nb", "a\tb", "a\x00", "\ud800", "a\u0316\u0317\u0318", "\ufeffKern",  # noqa: E501
            "x" * 71, "", "   ", "a\u2028b", None, 5, "\ue000",
            "\u3164", "Kern\u115f", "\u2800", "\u00a0\u2003", "a\ufe0f",
        ],
    )  # fmt: skip
    def test_refuses_what_could_show_something_else(self, text: object) -> None:
        with pytest.raises(UnsafeText):
            check_display_text(text, field="f", max_length=70)

    def test_blanks_of_any_width_are_ordinary_ones(self) -> None:
        assert check_display_text("\u00a0Kern\u202fGmbH\u2009", field="f", max_length=70) == "Kern GmbH"

    def test_is_normalised_once(self) -> None:
        assert check_display_text("Mo\u0308bel", field="f", max_length=70) == "Möbel"


class TestCanonical:
    def test_the_order_of_keys_has_no_meaning(self) -> None:
        assert canonical_hash({"a": 1, "b": "ü"}) == canonical_hash({"b": "ü", "a": 1})

    def test_strings_and_numbers_differ(self) -> None:
        assert canonical_json({"a": 1}) != canonical_json({"a": "1"})

    @pytest.mark.parametrize("value", [1.5, {"a": float("nan")}, {1: "a"}, b"x", {"a": {1, 2}}])
    def test_refuses_what_has_no_one_form(self, value: object) -> None:
        with pytest.raises(TypeError):
            canonical_json(value)


@pytest.mark.parametrize(
    "text", ["", "x", None, "{12345678-1234-1234-1234-123456789012}", "1" * 32, "urn:uuid:" + "1" * 27]
)
def test_a_uuid_is_written_one_way(text: object) -> None:
    assert parse_uuid(text) is None
    assert parse_uuid("12345678-1234-1234-1234-123456789012")
