"""The values of a payment and of its group, checked one by one, the same for every format."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import NamedTuple, Protocol
from uuid import UUID

from apps.accounts.queries import is_own_iban
from apps.bulk.reading.problems import ProblemList
from apps.bulk.rules import (
    AMOUNT_MAX_MINOR,
    IDENTIFICATION_MAX,
    NAME_MAX,
    NOT_PROVIDED,
    TEXT_MAX,
    ProblemCode,
)
from apps.core.iban import InvalidIBAN, OutsideSEPA, parse_sepa_iban
from apps.core.money import InvalidAmount, parse_amount
from apps.payments.scheduling import ExecutionDatePast, ExecutionDateTooFar, check_requested_date

# What every bank in SEPA must carry (EPC217-08), and for names and references the letters of the languages written in
# Latin script, with what the German banks carry besides.
_BASIC = r"A-Za-z0-9/\-?:().,'+ "
_LETTERS = "&*$%À-ÖØ-öø-ÿĀ-ſ"
_NOT_IN_IDENTIFICATION = re.compile(rf"[^{_BASIC}]")
_NOT_IN_TEXT = re.compile(rf"[^{_BASIC}{_LETTERS}]")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


# A file's bytes from its beginning, each time they are asked for.
Content = Callable[[], Iterator[bytes]]


class Text(NamedTuple):
    """What stands in one field of the file, and where."""

    line: int
    field: str
    text: str


@dataclass(frozen=True, slots=True)
class BatchHead:
    """What the payments of one group have in common."""

    payment_information_identification: str
    debtor_account_id: UUID
    debtor_iban: str
    batch_booking: bool
    requested_execution_date: date | None


@dataclass
class Header:
    """What a file says about itself."""

    message_identification: str = ""
    initiating_party: str = ""


class Item(NamedTuple):
    """One payment, every value checked. A tuple: they are made by the hundred thousand."""

    line: int
    instruction_identification: str
    end_to_end_identification: str
    amount_minor: int
    creditor_name: str
    creditor_iban: str
    remittance_information_unstructured: str
    purpose: str
    is_internal: bool


class Sink(Protocol):
    """Where what was read goes to."""

    def begin_batch(self, head: BatchHead) -> int:
        """A new group; returns the number by which its payments are added."""
        ...

    def add(self, batch: int, item: Item) -> None:
        """One more payment of a group."""
        ...


class Fields:
    """Reads single values; each returns None (or "") and notes the problem when the value is not good."""

    def __init__(self, problems: ProblemList, *, payable: Mapping[str, UUID], today: date) -> None:
        self._problems = problems
        self._payable = payable
        self._today = today

    def identification(self, given: Text, *, required: bool = True) -> str:
        """An identification of the customer's own (EPC217-08: basic letters, no slash in front, not two in a row)."""
        value = given.text.strip()
        if not value:
            if required:
                self._note(ProblemCode.MISSING, given)
            return ""
        if len(value) > IDENTIFICATION_MAX:
            self._note(ProblemCode.TOO_LONG, given)
        elif foreign := _NOT_IN_IDENTIFICATION.search(value):
            self._note(ProblemCode.CHARACTERS, given, foreign.group())
        elif value.startswith("/") or value.endswith("/") or "//" in value:
            self._note(ProblemCode.CHARACTERS, given, "/")
        return value

    def end_to_end(self, given: Text) -> str:
        """The payer's identification for the payee; who gives none gets the one that says so."""
        return self.identification(given, required=False) or NOT_PROVIDED

    def name(self, given: Text) -> str:
        """The payee's name."""
        return self._text(given, NAME_MAX, required=True)

    def remittance(self, given: Text) -> str:
        """What the payee reads about the payment."""
        return self._text(given, TEXT_MAX, required=False)

    def amount(self, given: Text, currency: str) -> int:
        """An amount in cents; 0 when it is not good."""
        if currency != "EUR":
            self._note(ProblemCode.CURRENCY, given, currency)
            return 0
        try:
            minor = parse_amount(given.text.strip(), "EUR").amount_minor
        except InvalidAmount:
            self._note(ProblemCode.AMOUNT, given)
            return 0
        if minor > AMOUNT_MAX_MINOR:
            self._note(ProblemCode.AMOUNT_TOO_HIGH, given)
        return minor

    def iban(self, given: Text) -> str:
        """A payee's IBAN in canonical form; empty when it is not good."""
        if not given.text.strip():
            self._note(ProblemCode.MISSING, given)
            return ""
        try:
            return _sepa_iban(given.text)
        except OutsideSEPA:
            self._note(ProblemCode.OUTSIDE_SEPA, given)
        except InvalidIBAN:
            self._note(ProblemCode.IBAN, given)
        return ""

    def debtor_account(self, given: Text) -> tuple[UUID, str] | None:
        """The customer's account that the payments come from: one that he may pay from, in euro."""
        iban = self.iban(given)
        if not iban:
            return None
        account_id = self._payable.get(iban)
        if account_id is None:
            self._note(ProblemCode.ACCOUNT, given)
            return None
        return account_id, iban

    def execution_date(self, given: Text) -> date | None:
        """The day to be carried out on: today or later, a year ahead at most."""
        text = given.text.strip()
        try:
            day = date.fromisoformat(text) if _DAY.fullmatch(text) else None
        except ValueError:
            day = None
        if day is None:
            self._note(ProblemCode.DATE, given)
            return None
        try:
            check_requested_date(day, today=self._today)
        except ExecutionDatePast:
            self._note(ProblemCode.DATE_PAST, given)
        except ExecutionDateTooFar:
            self._note(ProblemCode.DATE_TOO_FAR, given)
        return day

    def _text(self, given: Text, most: int, *, required: bool) -> str:
        value = unicodedata.normalize("NFC", given.text).strip()
        if not value:
            if required:
                self._note(ProblemCode.MISSING, given)
        elif foreign := _NOT_IN_TEXT.search(value):
            self._note(ProblemCode.CHARACTERS, given, _named(foreign.group()))
        elif len(value) > most:
            self._note(ProblemCode.TOO_LONG, given)
        return value

    def _note(self, code: ProblemCode, given: Text, value: str | None = None) -> None:
        self._problems.add(
            code, line=given.line, field=given.field, value=given.text.strip() if value is None else value
        )


def _named(character: str) -> str:
    """A character that may print nothing, with its number."""
    return f"{character} (U+{ord(character):04X})"


@lru_cache(maxsize=10_000)
def _sepa_iban(text: str) -> str:
    return parse_sepa_iban(text.strip())


@lru_cache(maxsize=10_000)
def is_internal(iban: str) -> bool:
    """Whether this bank keeps the account."""
    return is_own_iban(iban)
