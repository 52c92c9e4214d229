"""What the ledger's tests have in common: accounts, and money moved between them."""

from datetime import date

from apps.core.ids import new_id
from apps.core.money import Money
from apps.ledger.models import LedgerAccount
from apps.ledger.rules import EntryKind, LedgerAccountKind, Narrative
from apps.ledger.services import Transfer, open_ledger_account, post_transfer
from tests.factories.accounts import NOW

DAY = date(2026, 11, 21)


def book_account(
    code: str,
    *,
    limit: int | None = 0,
    currency: str = "EUR",
    kind: LedgerAccountKind = LedgerAccountKind.CUSTOMER,
) -> LedgerAccount:
    return open_ledger_account(code=code, kind=kind, currency=currency, overdraft_limit_minor=limit)


def transfer(
    debit: LedgerAccount,
    credit: LedgerAccount,
    amount_minor: int,
    *,
    reference: str = "",
    kind: EntryKind = EntryKind.CREDIT_TRANSFER,
    day: date = DAY,
) -> bool:
    return post_transfer(
        kind=kind,
        reference=reference or str(new_id()),
        debit_account_id=debit.pk,
        credit_account_id=credit.pk,
        amount=Money(amount_minor, "EUR"),
        booking_date=day,
        value_date=day,
        narrative=Narrative(debtor_name="Anna", creditor_name="Bruno"),
        now=NOW,
    )


def order(debit: LedgerAccount, credit: LedgerAccount, amount_minor: int, reference: str = "") -> Transfer:
    return Transfer(
        kind=EntryKind.CREDIT_TRANSFER,
        reference=reference or str(new_id()),
        debit_account_id=debit.pk,
        credit_account_id=credit.pk,
        amount_minor=amount_minor,
        narrative=Narrative(debtor_name="Anna", creditor_name="Bruno"),
    )


def balance(account: LedgerAccount) -> int:
    account.refresh_from_db()
    return account.balance_minor
