"""Text messages in both languages: short, the amount first, in the alphabet of GSM, the date as people write it."""

import re
from typing import Any

import pytest

from apps.sca.messages import render_block_notice, render_code_message
from apps.sca.models import Challenge, Purpose
from apps.sca.rules import BlockStage
from tests.factories.accounts import NOW

# GSM 03.38: a message in it has 153 characters a part; one letter beyond, and every part has 67.
GSM = set(
    "@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
TWICE = set("^{}\\[~]|€")  # Two places each.

PAYMENT = {
    "amount_minor": 124_900,
    "currency": "EUR",
    "creditor_name": "Möbelhaus Kern GmbH",
    "creditor_iban": "DE02120300000000202051",
    "debtor_iban": "DE43100999001000000001",
}
LONGEST_PAYMENT = PAYMENT | {
    "amount_minor": 999_999_999_999,
    "creditor_name": "Ü" * 70,
    "creditor_iban": "MT" + "9" * 29,
    "debtor_iban": "MT" + "9" * 29,
}
CONSENT = {"tpp_name": "Finanzblick GmbH", "valid_until": "2027-02-19"}
SCHEDULED = {"requested_execution_date": "2026-11-24"}
STANDING_ORDER = PAYMENT | {"frequency": "EveryTwoMonths", "first_execution_date": "2026-11-24"}
LIMITS = {
    "currency": "EUR",
    "new": dict.fromkeys(("per_payment", "per_day", "portal_per_day", "xs2a_per_day"), 10_000_000),
}
BULK = {
    "number_of_transactions": 100_000,
    "total_minor": 9_999_999_999_999,
    "currency": "EUR",
    "items_sha256": "0123456789abcdef" * 4,
    "batches": [{"debtor_iban": f"DE{number:020}"} for number in range(100)],
}
TRUSTED_PAYEE = {"payee_name": "Ü" * 70, "payee_iban": "MT" + "9" * 29, "former_name": ""}
LONGEST_CONSENT = CONSENT | {"tpp_name": "Ü" * 140}


def message(purpose: Purpose, snapshot: dict[str, Any], language: str) -> str:
    challenge = Challenge(purpose=purpose, snapshot=snapshot, expires_at=NOW)
    return render_code_message(challenge=challenge, code="004711", language=language)


def places(text: str) -> int:
    """How many places of a text message the text takes, all of its letters being known to GSM."""
    assert set(text) <= GSM | TWICE
    return len(text) + sum(letter in TWICE for letter in text)


@pytest.mark.req("S1-15")
@pytest.mark.parametrize("language", ["en", "de"])
class TestEveryMessage:
    @pytest.mark.parametrize(
        ("purpose", "snapshot"),
        [
            (Purpose.SIGN_IN, {}),
            (Purpose.PAYMENT, PAYMENT),
            (Purpose.PAYMENT, LONGEST_PAYMENT),
            (Purpose.PAYMENT, PAYMENT | SCHEDULED),
            (Purpose.PAYMENT, LONGEST_PAYMENT | SCHEDULED),
            (Purpose.STANDING_ORDER, STANDING_ORDER),
            (Purpose.STANDING_ORDER, LONGEST_PAYMENT | STANDING_ORDER | {"creditor_name": "Ü" * 70}),
            (Purpose.LIMITS, LIMITS),
            (Purpose.TRUSTED_PAYEES, TRUSTED_PAYEE),
            (Purpose.TRUSTED_PAYEES, TRUSTED_PAYEE | {"former_name": "Ä" * 70}),
            (Purpose.BULK, BULK),
            (Purpose.BULK, BULK | {"number_of_transactions": 1}),
            (Purpose.CONSENT, CONSENT),
            (Purpose.CONSENT, LONGEST_CONSENT),
            (Purpose.DEVICE, {"action": "add_passkey", "device_name": "Ü" * 40}),
        ],
    )
    def test_fits_into_two_parts_of_a_text_message(
        self, purpose: Purpose, snapshot: dict[str, Any], language: str
    ) -> None:
        text = message(purpose, snapshot, language)
        assert places(text) <= 306
        # What a telephone offers to fill in is the code, and nothing else that has six digits.
        assert re.findall(r"\b[0-9]{6}\b", text) == ["004711"]

    @pytest.mark.parametrize("stage", BlockStage)
    def test_of_a_block_fits_too(self, language: str, stage: BlockStage) -> None:
        assert places(render_block_notice(language=language, stage=stage)) <= 160


@pytest.mark.req("S1-15", "S0-43")
class TestTheWords:
    def test_of_a_payment_begin_with_amount_and_payee(self) -> None:
        assert message(Purpose.PAYMENT, PAYMENT, "de") == (
            "Lindenbank: 1.249,00 € an Möbelhaus Kern GmbH, IBAN DE02 1203 0000 0000 2020 51."
            " Code 004711, gültig bis 13:00. Von DE...0001. Nicht von Ihnen? Code nicht eingeben."
        )

    def test_of_a_file_begin_with_the_total_and_the_number(self) -> None:
        snapshot = BULK | {"batches": [{"debtor_iban": "DE15100999001000000001"}], "total_minor": 124_900}
        assert message(Purpose.BULK, snapshot, "de") == (
            "Lindenbank: 1.249,00 € für 100.000 Zahlungen Ihrer Datei, Prüfziffern 0123 4567."
            " Code 004711, gültig bis 13:00. Von DE...0001. Nicht von Ihnen? Code nicht eingeben."
        )

    def test_of_a_consent_name_the_day_as_people_do(self) -> None:
        assert message(Purpose.CONSENT, CONSENT, "de") == (
            "Lindenbank: Finanzblick GmbH möchte Ihre Konten bis 19.2.2027 sehen."
            " Code 004711, gültig bis 13:00. Nicht von Ihnen? Code nicht eingeben."
        )
        assert "asks to see your accounts until 19 Feb 2027." in message(Purpose.CONSENT, CONSENT, "en")

    def test_of_a_sign_in_and_of_a_block(self) -> None:
        assert message(Purpose.SIGN_IN, {}, "de") == (
            "Lindenbank: 004711 ist Ihr Code zum Anmelden, gültig bis 13:00."
            " Wir fragen nie am Telefon danach."
        )
        assert render_block_notice(language="de") == (
            "Lindenbank: Die Anmeldung pausiert nach mehreren Fehlversuchen."
            " Waren Sie das nicht, rufen Sie 116 116 an."
        )
