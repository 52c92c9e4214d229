"""What a bulk file may hold and how it stands: pure values and decisions."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

ITEMS_MAX = 100_000
BATCHES_MAX = 100
PROBLEMS_MAX = 200
AMOUNT_MAX_MINOR = (
    99_999_999_999  # 999,999,999.99 euro: the most that a SEPA credit transfer carries (EPC125-05).
)
NAME_MAX, TEXT_MAX, IDENTIFICATION_MAX = 70, 140, 35
UNAUTHORISED_LIFE = timedelta(hours=24)
PARTLY_SIGNED_LIFE = timedelta(days=15)
NOT_PROVIDED = "NOTPROVIDED"  # The end-to-end identification of who has none (EPC115-06).


class FileFormat(models.TextChoices):
    """What a customer may upload; the names of the messages are those of ISO 20022."""

    PAIN_001_001_03 = "pain.001.001.03"
    PAIN_001_001_09 = "pain.001.001.09"
    JSON = "json", "JSON"
    CSV = "csv", "CSV"


# They bring no identification of their own along.
UNNAMED_FORMATS = (FileFormat.JSON, FileFormat.CSV)


class FileStatus(models.TextChoices):
    """How a file stands, in the codes of ISO 20022 (ExternalPaymentGroupStatus1Code)."""

    PDNG = "PDNG", _("being checked")
    RCVD = "RCVD", _("waiting for you")
    PATC = "PATC", _("waiting for a second signature")
    ACTC = "ACTC", _("authorised")
    ACSP = "ACSP", _("on its way")
    ACSC = "ACSC", _("done")
    PART = "PART", _("partly done")
    RJCT = "RJCT", _("refused")
    CANC = "CANC", _("cancelled")


FILE_TRANSITIONS: dict[str, frozenset[str]] = {
    FileStatus.PDNG: frozenset({FileStatus.RCVD, FileStatus.RJCT, FileStatus.CANC}),
    FileStatus.RCVD: frozenset({FileStatus.PATC, FileStatus.ACTC, FileStatus.RJCT, FileStatus.CANC}),
    FileStatus.PATC: frozenset({FileStatus.ACTC, FileStatus.RJCT, FileStatus.CANC}),
    # Taken back while it waits for its day (PSD2 art. 80(4)).
    FileStatus.ACTC: frozenset(
        {FileStatus.ACSP, FileStatus.ACSC, FileStatus.PART, FileStatus.RJCT, FileStatus.CANC}
    ),
    FileStatus.ACSP: frozenset({FileStatus.ACSC, FileStatus.PART, FileStatus.RJCT}),
    FileStatus.ACSC: frozenset(),
    FileStatus.PART: frozenset(),
    FileStatus.RJCT: frozenset(),
    FileStatus.CANC: frozenset(),
}
# It takes signatures: the first, or the second.
SIGNABLE_STATUSES = (FileStatus.RCVD, FileStatus.PATC)
# Statuses of a file from which nothing was and nothing will be paid: its number and content may be sent again.
VOID_STATUSES = (FileStatus.RJCT, FileStatus.CANC)


class BatchStatus(models.TextChoices):
    """How one payment information block (PmtInf) stands."""

    PDNG = "PDNG", _("waiting")
    ACSP = "ACSP", _("on its way")
    ACSC = "ACSC", _("done")
    PART = "PART", _("partly done")
    RJCT = "RJCT", _("refused")


class ItemStatus(models.TextChoices):
    """How one transfer stands (ExternalPaymentTransactionStatus1Code)."""

    PDNG = "PDNG", _("waiting")
    ACSP = "ACSP", _("on its way")
    ACSC = "ACSC", _("done")
    RJCT = "RJCT", _("refused")


class ReasonCode(models.TextChoices):
    """Why a transfer, a block or a file was refused: ISO 20022 ExternalStatusReason1Code."""

    AC01 = "AC01", _("the payee’s account does not exist")
    AC04 = "AC04", _("the account is closed")
    AC06 = "AC06", _("the account is blocked")
    AG01 = "AG01", _("this account may not be used for it")
    AM04 = "AM04", _("not enough money on the account")
    AM14 = "AM14", _("it is more than your limit allows")
    CUST = "CUST", _("you cancelled it")
    DS02 = "DS02", _("it was not authorised in time")
    DS0A = "DS0A", _("the code was not accepted")
    FF01 = "FF01", _("the file is not good")
    MS03 = "MS03", _("the other bank refused it")


class ProblemCode(models.TextChoices):
    """What can be wrong with a file, in words for whoever has to put it right."""

    EMPTY = "empty", _("The file is empty.")
    TOO_LARGE = "too_large", _("The file is larger than %(value)s.")
    COMPRESSED = "compressed", _("Compressed files are not taken. Unpack it first.")
    ENCODING = "encoding", _("The file must be written in UTF-8; this is not: %(value)s")
    NOT_XML = "not_xml", _("The XML is broken here: %(value)s")
    NOT_JSON = "not_json", _("The JSON is broken here: %(value)s")
    DOCTYPE = "doctype", _("A document type or an entity is declared. Payment files need none.")
    UNKNOWN_FORMAT = (
        "unknown_format",
        _("This is neither pain.001 nor JSON nor a CSV file with the columns that we describe."),
    )
    VERSION = "version", _("We take pain.001.001.03 and pain.001.001.09; this is %(value)s")
    SCHEMA = "schema", _("This does not follow the schema: %(value)s")
    TOO_MANY_ITEMS = "too_many_items", _("A file may hold 100,000 payments at most. Split it.")
    TOO_MANY_BATCHES = "too_many_batches", _("A file may hold 100 groups of payments at most (%(value)s).")
    DUPLICATE_FILE = "duplicate_file", _("You uploaded this very file before: %(value)s")
    DUPLICATE_MESSAGE = (
        "duplicate_message",
        _("This message identification was used before: %(value)s"),
    )
    COUNT_DIFFERS = "count_differs", _("The number of payments given is not how many there are: %(value)s")
    SUM_DIFFERS = "sum_differs", _("The control sum is not the sum of the amounts: %(value)s")
    DUPLICATE_IDENTIFICATION = (
        "duplicate_identification",
        _("This identification stands in the file before: %(value)s"),
    )
    NOT_SUPPORTED = "not_supported", _("We cannot carry this out: %(value)s")
    CURRENCY = "currency", _("Payments are made in euro only, not in: %(value)s")
    AMOUNT = "amount", _("This is no amount above zero with two decimals at most: %(value)s")
    AMOUNT_TOO_HIGH = "amount_too_high", _("A transfer carries 999,999,999.99 euro at most: %(value)s")
    IBAN = "iban", _("This is no valid IBAN: %(value)s")
    OUTSIDE_SEPA = "outside_sepa", _("This country is outside the euro payments area (SEPA): %(value)s")
    ACCOUNT = "account", _("You cannot pay from this account: %(value)s")
    SAME_ACCOUNT = "same_account", _("Payer and payee are the same account: %(value)s")
    DATE = "date", _("There is no such day; write it like 2026-12-24: %(value)s")
    DATE_PAST = "date_past", _("This day is over: %(value)s")
    DATE_TOO_FAR = "date_too_far", _("We keep orders for one year at most: %(value)s")
    CHARACTERS = "characters", _("Characters that SEPA does not carry: %(value)s")
    TOO_LONG = "too_long", _("This is too long: %(value)s")
    MISSING = "missing", _("This must be given.")
    CSV_HEADER = "csv_header", _("Columns are missing, unknown or there twice: %(value)s")
    CSV_ROW = "csv_row", _("The row does not have as many fields as the header: %(value)s")


class DisplayStrategy(models.TextChoices):
    """Which payments of a file are shown beside its total to who signs it (RTS art. 5(3)(b)); the bank's choice,
    ``SCA_BATCH_DISPLAY``."""

    RISKIEST = "riskiest"
    RANDOM = "random"
    WITHOUT_TRUSTED = "without_trusted"


class RiskReason(models.TextChoices):
    """Why a payment of a file should be looked at."""

    NAME_DIFFERS = "name_differs", _("the name and the IBAN do not belong together")
    NAME_IS_CLOSE = "name_is_close", _("the name at the payee’s bank is another, almost the same")
    NAME_UNCHECKED = "name_unchecked", _("the name was not checked")
    NEW_PAYEE = "new_payee", _("nothing was paid to this account before")
    ABROAD = "abroad", _("an account in another country")
    HIGH_AMOUNT = "high_amount", _("much more than the others of the file")


# How much each counts; what weighs most is what an altered file shows first: another IBAN under a known name.
RISK_WEIGHTS: dict[str, int] = {
    RiskReason.NAME_DIFFERS: 50,
    RiskReason.NEW_PAYEE: 30,
    RiskReason.NAME_IS_CLOSE: 25,
    RiskReason.HIGH_AMOUNT: 20,
    RiskReason.ABROAD: 15,
    RiskReason.NAME_UNCHECKED: 10,
}
_NAME_REASONS = {"NMTC": RiskReason.NAME_DIFFERS, "CMTC": RiskReason.NAME_IS_CLOSE, "MTCH": None}
SHOWN_MAX = 5
HIGH_AMOUNT_FACTOR = 5


@dataclass(frozen=True, slots=True)
class RiskFacts:
    """What is known of a payment of a file before it is signed. ``name_match`` is empty where none was asked for."""

    amount_minor: int
    name_match: str
    is_new_payee: bool
    is_abroad: bool


def risk_reasons(facts: RiskFacts, *, count: int, total_minor: int) -> list[RiskReason]:
    """Why this payment of a file of ``count`` payments over ``total_minor`` should be looked at, what weighs most
    first; an amount is high from five times the average on."""
    name = _NAME_REASONS.get(facts.name_match, RiskReason.NAME_UNCHECKED)
    found = [
        *([name] if name else []),
        *([RiskReason.NEW_PAYEE] if facts.is_new_payee else []),
        *([RiskReason.ABROAD] if facts.is_abroad else []),
        *([RiskReason.HIGH_AMOUNT] if facts.amount_minor * count >= HIGH_AMOUNT_FACTOR * total_minor else []),
    ]
    return sorted(found, key=lambda reason: -RISK_WEIGHTS[reason])


def risk_score(reasons: Iterable[RiskReason]) -> int:
    """How much a payment should be looked at: 0 for one of which nothing is to be said."""
    return sum(RISK_WEIGHTS[reason] for reason in reasons)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a file.

    ``line`` counts from 1, and is 0 when it is about the whole file; ``field`` is the element's path below PmtInf, the
    column or the member; ``value`` is what stands there, shortened.
    """

    line: int
    field: str
    code: ProblemCode
    value: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For the database."""
        return {"line": self.line, "field": self.field, "code": self.code.value, "value": self.value}


def problem_text(problem: dict[str, Any]) -> str:
    """A problem as it stands in the database, in the words of the active language."""
    words: str | Promise = ProblemCode(problem["code"]).label
    return str(words) % {"value": problem["value"]}


def may_change_status(*, current: str, new: str) -> bool:
    """Whether a file may go from one status to another."""
    return new in FILE_TRANSITIONS[current]


def is_final(status: str) -> bool:
    """Whether nothing more happens to a file in this status."""
    return not FILE_TRANSITIONS[status]


def combine_statuses(statuses: Iterable[str]) -> str:
    """How the whole stands when its parts stand so.

    Done only when all is done; refused only when all is; ``PART`` when both are there and nothing is under way.
    """
    found = set(statuses)
    if len(found) == 1:
        return found.pop()
    if found <= {"ACSC", "RJCT", "PART"}:
        return BatchStatus.PART
    return BatchStatus.ACSP
