"""From an IBAN to the bank that keeps the account (S0-18).

The country and the bank code inside the IBAN name the bank; the directory says where that bank's interface is. Only
banks of the directory are ever called: no address comes from user input.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import schwifty
from schwifty.exceptions import SchwiftyException


class InvalidIBAN(Exception):
    """The text is not an IBAN: wrong form, unknown country or wrong check digits."""


class UnknownBank(Exception):
    """The IBAN is well formed, but its bank is not connected to ShopPay."""

    def __init__(self, *, country: str, bank_code: str, name: str | None) -> None:
        super().__init__(f"no bank for {country} {bank_code}")
        self.country = country
        self.bank_code = bank_code
        self.name = name


@dataclass(frozen=True, slots=True)
class Bank:
    """One connected bank: which IBANs are its own, and where its interface is.

    ``issuer`` is the OpenID Connect issuer; every token of this bank must carry exactly this value.
    """

    name: str
    country: str
    bank_codes: tuple[str, ...]
    base_url: str
    issuer: str

    @property
    def origin(self) -> str:
        """Scheme, host and port of the bank's pages, as Content-Security-Policy names them."""
        return origin_of(self.issuer)


def origin_of(url: str) -> str:
    """``https://bank.example/x?y`` -> ``https://bank.example``."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def parse_iban(text: str) -> schwifty.IBAN:
    """The IBAN in ``text``, spaces and case as people type them. Raises InvalidIBAN."""
    if not isinstance(text, str) or len(text) > 64 or not text.isascii():
        raise InvalidIBAN("An IBAN has at most 34 letters and digits.")
    try:
        return schwifty.IBAN(text)
    except (SchwiftyException, ValueError) as error:
        raise InvalidIBAN(str(error)) from error


class Directory:
    """Banks by country and bank code."""

    def __init__(self, banks: Iterable[Bank]) -> None:
        self.banks = tuple(banks)
        self._by_code = {(bank.country, code): bank for bank in self.banks for code in bank.bank_codes}

    def find_bank(self, iban_text: str) -> tuple[str, Bank]:
        """The canonical IBAN and its bank. Raises InvalidIBAN or UnknownBank."""
        iban = parse_iban(iban_text)
        country, bank_code = str(iban.country_code), str(iban.bank_code)
        bank = self._by_code.get((country, bank_code))
        if bank is None:
            raise UnknownBank(country=country, bank_code=bank_code, name=_name_of(iban))
        return str(iban), bank

    def by_issuer(self, issuer: str) -> Bank | None:
        """The bank with exactly this issuer, or None."""
        return next((bank for bank in self.banks if bank.issuer == issuer), None)


def _name_of(iban: schwifty.IBAN) -> str | None:
    # The register of all banks is several megabytes: it is loaded only for this friendlier error message.
    try:
        name = iban.bank_name
    except SchwiftyException:
        return None
    return str(name) if name else None


def load_banks(path: Path, variables: Mapping[str, str]) -> list[Bank]:
    """Banks of a directory file; ``{bank_url}`` in an address is replaced from ``variables``.

    Raises ValueError naming the entry that is wrong.
    """
    entries: Any = json.loads(path.read_text(encoding="utf-8"))
    banks = []
    for position, entry in enumerate(entries):
        try:
            base_url = str(entry["base_url"]).format_map(variables).rstrip("/")
            banks.append(
                Bank(
                    name=str(entry["name"]),
                    country=str(entry["country"]),
                    bank_codes=tuple(str(code) for code in entry["bank_codes"]),
                    base_url=base_url,
                    issuer=str(entry.get("issuer") or base_url).format_map(variables).rstrip("/"),
                )
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"{path}: entry {position} of the bank directory is wrong: {error}") from error
    return banks
