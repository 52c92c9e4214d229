from apps.ledger.models import LedgerAccount
from apps.ledger.rules import CHART_OF_ACCOUNTS, LedgerAccountKind


def open_ledger_account(
    *, code: str, kind: LedgerAccountKind, currency: str, overdraft_limit_minor: int | None
) -> LedgerAccount:
    """Open a book account, or return the one with this code.

    ``overdraft_limit_minor`` is how far below zero it may go; None is without limit (the bank's own accounts). The
    bank's own accounts are hit by many postings at once, so their totals are folded in later.
    """
    account, _ = LedgerAccount.objects.get_or_create(
        code=code,
        defaults={
            "kind": kind,
            "currency": currency,
            "minimum_balance_minor": None if overdraft_limit_minor is None else -overdraft_limit_minor,
            "folds_later": overdraft_limit_minor is None and kind != LedgerAccountKind.CUSTOMER,
        },
    )
    return account


def open_chart_of_accounts(*, currency: str = "EUR") -> dict[str, LedgerAccount]:
    """The bank's own book accounts by code; opens those that are missing."""
    return {
        account.code: open_ledger_account(
            code=account.code, kind=account.kind, currency=currency, overdraft_limit_minor=None
        )
        for account in CHART_OF_ACCOUNTS
    }
