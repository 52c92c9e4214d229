"""What must leave no trace: a scanner for codes, keys, telephone numbers and what was paid, in whatever was written."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import unquote_plus

# Whatever their value, these stand nowhere: a signed token, one that opens the interface, a private key.
_SHAPES = {
    "signed token": re.compile(r"eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}"),
    "bearer token": re.compile(r"\bBearer\s+[\w.~+/-]{16,}", re.IGNORECASE),
    "private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
}
_SECRET_NAMES = ("password", "totp_secret", "private_key_pem")
_CODE = re.compile(r"(?<![0-9])[0-9]{6}(?![0-9])")
_IBAN = re.compile(r"\b[A-Z]{2}[0-9]{2}(?: ?[0-9A-Z]{1,4})+")


class Trace(NamedTuple):
    """Something that was found where it must not be. The value itself is not repeated."""

    kind: str
    place: str

    def __str__(self) -> str:
        return f"{self.kind} in {self.place}"


@dataclass
class Traces:
    """What to look for, by kind. ``details`` are what payments are about: they may stand on a page for its customer or
    for staff, and neither in logs nor in addresses."""

    secrets: dict[str, set[str]] = field(default_factory=dict)
    details: dict[str, set[str]] = field(default_factory=dict)

    def add_sandbox(self, sandbox: Mapping[str, Any]) -> None:
        """Passwords, keys and numbers of everybody in ``sandbox.json``; the IBANs and names as details."""
        for person in (*sandbox["customers"], *sandbox["staff"], *sandbox["tpp_members"]):
            if person["mobile"]:  # Who has an authenticator has none.
                self._secret("number", person["mobile"])
            for account in person.get("accounts", ()):
                self._detail("IBAN", account["iban"])
            self._detail("name", person["name"])
        for record in (*sandbox["customers"], *sandbox["staff"], *sandbox["tpp_members"], *sandbox["tpps"]):
            for name in _SECRET_NAMES:
                if record.get(name):
                    self._secret(name, record[name])

    def add_message(self, text: str) -> None:
        """The code in a text message."""
        for code in _CODE.findall(_IBAN.sub("", text)):
            self._secret("code", code)

    def add_payment(self, *, creditor_name: str, creditor_iban: str, amount: str) -> None:
        """What a payment is about; the amount as people and programs write it."""
        self._detail("name", creditor_name)
        self._detail("IBAN", creditor_iban)
        self._detail("amount", amount)
        self._detail("amount", amount.replace(".", ","))

    def find_secrets(self, text: str, *, place: str) -> Iterator[Trace]:
        """Every kind of secret that stands in the text."""
        yield from self._find(self.secrets, text, place=place)
        for kind, shape in _SHAPES.items():
            if shape.search(text):
                yield Trace(kind, place)

    def find_all(self, text: str, *, place: str) -> Iterator[Trace]:
        """Secrets and details, also behind the percent signs of an address and the escapes of JSON."""
        yield from self.find_secrets(text, place=place)
        yield from self._find(self.details, text, place=place)

    def _secret(self, kind: str, value: str) -> None:
        self.secrets.setdefault(kind, set()).update(_spellings(kind, value))

    def _detail(self, kind: str, value: str) -> None:
        self.details.setdefault(kind, set()).update(_spellings(kind, value))

    @staticmethod
    def _find(wanted: Mapping[str, Iterable[str]], text: str, *, place: str) -> Iterator[Trace]:
        texts = {text, unquote_plus(text)}
        for kind, values in wanted.items():
            if any(_stands_in(value, one) for value in values for one in texts):
                yield Trace(kind, place)


def _spellings(kind: str, value: str) -> set[str]:
    """How it could be written; of a key in several lines each long line by itself."""
    if kind == "IBAN":
        value = value.replace(" ", "")
        return {value, " ".join(value[at : at + 4] for at in range(0, len(value), 4))}
    if kind == "number":
        return {value, value.removeprefix("+"), value.replace("+49", "0", 1)}
    if "\n" in value:
        return {line for line in value.splitlines() if len(line) >= 32 and not line.startswith("-")}
    return {value, json.dumps(value)[1:-1]}


def _stands_in(value: str, text: str) -> bool:
    """Digits by themselves only: a code is no part of an id, a time or a longer number."""
    if value not in text:
        return False
    if not value.replace(".", "").replace(",", "").isdigit():
        return True
    return re.search(rf"(?<![\w.,:+-]){re.escape(value)}(?![\w-]|[.,:][0-9])", text) is not None
