from dataclasses import dataclass

from django.db import models


class Direction(models.TextChoices):
    """Which side of the account a posting stands on."""

    DEBIT = "DEBIT"
    CREDIT = "CREDIT"


class LedgerAccountKind(models.TextChoices):
    """What a book account is for. All are kept credit-normal: balance = credits − debits."""

    CUSTOMER = "customer"
    CLEARING = "clearing"
    NOSTRO = "nostro"
    SUSPENSE = "suspense"
    FEES = "fees"
    INTEREST = "interest"
    EQUITY = "equity"
    RECEIVABLE = "receivable"
    LOSSES = "losses"


class EntryKind(models.TextChoices):
    """Why an entry was made; with ``reference`` it is unique, so that nothing is booked twice."""

    OPENING = "opening"
    CREDIT_TRANSFER = "credit_transfer"
    CLEARING_SETTLEMENT = "clearing_settlement"
    CLEARING_RECEIPT = "clearing_receipt"
    CREDIT_TRANSFER_RETURN = "credit_transfer_return"
    INCOMING_CREDIT_TRANSFER = "incoming_credit_transfer"
    REVERSAL = "reversal"
    FEE = "fee"
    OVERDRAFT_INTEREST = "overdraft_interest"
    CREDIT_INTEREST = "credit_interest"
    CHARGE_COLLECTION = "charge_collection"
    UNAUTHORISED_REFUND = "unauthorised_refund"


class PostingOutcome(models.TextChoices):
    """What became of an entry that was to be posted."""

    POSTED = "posted"
    EXISTS = "exists"
    EXISTS_WITH_DIFFERENT_CONTENT = "exists_with_different_content"
    ACCOUNT_NOT_FOUND = "account_not_found"
    CURRENCY_MISMATCH = "currency_mismatch"
    EXCEEDS_BALANCE = "exceeds_balance"


class HoldStatus(models.TextChoices):
    """Life of a hold: placed, then one of the others, once."""

    PLACED = "placed"
    CAPTURED = "captured"
    RELEASED = "released"
    EXPIRED = "expired"


class HoldOutcome(models.TextChoices):
    """What became of a hold that was to be placed or ended."""

    DONE = "done"
    EXISTS = "exists"
    EXISTS_WITH_DIFFERENT_CONTENT = "exists_with_different_content"
    ACCOUNT_NOT_FOUND = "account_not_found"
    EXCEEDS_BALANCE = "exceeds_balance"
    UNKNOWN = "unknown"
    ALREADY_ENDED = "already_ended"


@dataclass(frozen=True, slots=True)
class ChartAccount:
    """A book account that every bank of this kind has."""

    code: str
    kind: LedgerAccountKind


# The bank's own accounts. Each has its totals folded in later: half of all postings hit one of them.
CHART_OF_ACCOUNTS = (
    ChartAccount("clearing:sepa-sct", LedgerAccountKind.CLEARING),
    ChartAccount("clearing:sepa-inst", LedgerAccountKind.CLEARING),
    ChartAccount("clearing:target-2", LedgerAccountKind.CLEARING),
    ChartAccount("clearing:cross-border", LedgerAccountKind.CLEARING),
    ChartAccount("nostro:central-bank", LedgerAccountKind.NOSTRO),
    ChartAccount("suspense:unallocated", LedgerAccountKind.SUSPENSE),
    ChartAccount("suspense:bulk-payments", LedgerAccountKind.SUSPENSE),
    ChartAccount("fees:payments", LedgerAccountKind.FEES),
    ChartAccount("fees:accounts", LedgerAccountKind.FEES),
    ChartAccount("interest:overdraft", LedgerAccountKind.INTEREST),
    ChartAccount("interest:credit", LedgerAccountKind.INTEREST),
    ChartAccount("receivable:charges", LedgerAccountKind.RECEIVABLE),
    ChartAccount("losses:fraud", LedgerAccountKind.LOSSES),
    ChartAccount("equity:opening", LedgerAccountKind.EQUITY),
)


@dataclass(frozen=True, slots=True)
class Narrative:
    """What statements and account information say about an entry; kept to the letter."""

    debtor_name: str = ""
    debtor_iban: str = ""
    creditor_name: str = ""
    creditor_iban: str = ""
    end_to_end_identification: str = ""
    remittance_information_unstructured: str = ""


@dataclass(frozen=True, slots=True)
class BookingSums:
    """What was booked on one account in some period: how many postings on each side, and their sums."""

    credits: int = 0
    credits_minor: int = 0
    debits: int = 0
    debits_minor: int = 0

    @property
    def postings(self) -> int:
        return self.credits + self.debits

    @property
    def change_minor(self) -> int:
        return self.credits_minor - self.debits_minor
