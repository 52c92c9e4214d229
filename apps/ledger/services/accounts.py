from typing import Any

from apps.ledger.models import LedgerAccount
from apps.ledger.rules import CHART_OF_ACCOUNTS, LedgerAccountKind


def open_ledger_account(
    *, code: str, kind: LedgerAccountKind, currency: str, overdraft_limit_minor: int | None
) -> LedgerAccount:
    """Open a book account, or return the one with this code.

    ``overdraft_limit_minor`` is how far below zero it may go; None is without limit (the bank's own accounts). The
    bank's own accounts are hit by many postings at once, so their totals are folded in later.
    """
    fields = _fields(kind=kind, currency=currency, overdraft_limit_minor=overdraft_limit_minor)
    account, _ = LedgerAccount.objects.get_or_create(code=code, defaults=fields)
    return account


def open_chart_of_accounts(*, currency: str = "EUR") -> dict[str, LedgerAccount]:
    """The bank's own book accounts by code; opens those that are missing."""
    codes = [account.code for account in CHART_OF_ACCOUNTS]
    known = _by_code(codes)
    missing = [
        LedgerAccount(
            code=account.code, **_fields(kind=account.kind, currency=currency, overdraft_limit_minor=None)
        )
        for account in CHART_OF_ACCOUNTS
        if account.code not in known
    ]
    if not missing:
        return known
    # Somebody may open the same ones at this moment.
    LedgerAccount.objects.bulk_create(missing, ignore_conflicts=True)
    return _by_code(codes)


def _by_code(codes: list[str]) -> dict[str, LedgerAccount]:
    found = {account.code: account for account in LedgerAccount.objects.filter(code__in=codes)}
    return {code: found[code] for code in codes if code in found}


def _fields(*, kind: LedgerAccountKind, currency: str, overdraft_limit_minor: int | None) -> dict[str, Any]:
    return {
        "kind": kind,
        "currency": currency,
        "minimum_balance_minor": None if overdraft_limit_minor is None else -overdraft_limit_minor,
        "folds_later": overdraft_limit_minor is None and kind != LedgerAccountKind.CUSTOMER,
    }
