"""What a message carries, as values: canonical amounts in minor units, codes as the standard writes them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TransferItem:
    """A credit transfer of another bank (pacs.008)."""

    transaction_id: str
    end_to_end_identification: str
    amount_minor: int
    currency: str
    is_instant: bool
    debtor_name: str
    debtor_iban: str
    debtor_agent: str
    creditor_name: str
    creditor_iban: str
    remittance_information_unstructured: str
    cycle: str


@dataclass(frozen=True, slots=True)
class AnswerItem:
    """How a transfer or a return stands (pacs.002). ``original_name`` says which of the two. Without a
    ``transaction_id`` it is about every transfer of the original message."""

    original_message_id: str
    original_name: str
    transaction_id: str
    status: str
    reason: str
    cycle: str


@dataclass(frozen=True, slots=True)
class ReturnItem:
    """Money that comes back (pacs.004)."""

    return_id: str
    transaction_id: str
    amount_minor: int
    currency: str
    reason: str
    cycle: str


@dataclass(frozen=True, slots=True)
class ReportEntry:
    """One line of a report. ``is_credit`` from the bank's side; a return has the id of what it returns."""

    transaction_id: str
    return_id: str
    amount_minor: int
    currency: str
    is_credit: bool
    is_return: bool


@dataclass(frozen=True, slots=True)
class ReportItem:
    """What was settled in one cycle (camt.053). Balances are signed: below zero the bank owes."""

    cycle: str
    rail: str
    number: int
    opening_minor: int
    closing_minor: int
    currency: str
    entries: tuple[ReportEntry, ...]


@dataclass(frozen=True, slots=True)
class RecallAnswerItem:
    """That money asked back does not come (camt.029)."""

    case_id: str
    transaction_id: str
    status: str
    reason: str


Item = TransferItem | AnswerItem | ReturnItem | ReportItem | RecallAnswerItem
