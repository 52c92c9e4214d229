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
    EQUITY = "equity"


class EntryKind(models.TextChoices):
    """Why an entry was made; with ``reference`` it is unique, so that nothing is booked twice."""

    OPENING = "opening"
    CREDIT_TRANSFER = "credit_transfer"
    CLEARING_SETTLEMENT = "clearing_settlement"
    CLEARING_RECEIPT = "clearing_receipt"
    CREDIT_TRANSFER_RETURN = "credit_transfer_return"
    INCOMING_CREDIT_TRANSFER = "incoming_credit_transfer"


class PostingOutcome(models.TextChoices):
    """What became of an entry that was to be posted."""

    POSTED = "posted"
    EXISTS = "exists"
    EXISTS_WITH_DIFFERENT_CONTENT = "exists_with_different_content"
    ACCOUNT_NOT_FOUND = "account_not_found"
    CURRENCY_MISMATCH = "currency_mismatch"
    EXCEEDS_BALANCE = "exceeds_balance"


@dataclass(frozen=True, slots=True)
class Narrative:
    """What statements and account information say about an entry; kept to the letter."""

    debtor_name: str = ""
    debtor_iban: str = ""
    creditor_name: str = ""
    creditor_iban: str = ""
    end_to_end_identification: str = ""
    remittance_information_unstructured: str = ""
