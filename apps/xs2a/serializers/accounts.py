"""Accounts, balances and transactions as the contract has them.

The list of transactions is the hottest answer of the bank: rows become plain dicts, and those become bytes.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings

from apps.accounts.queries import AccountBalance, TransactionRow
from apps.core.money import plain_amount
from apps.xs2a import links
from apps.xs2a.serializers.periodic_payments import standing_order_details

if TYPE_CHECKING:
    from apps.accounts.models import PaymentAccount
    from apps.payments.models import AnyInitiation, PaymentInitiation, StandingOrder

NAME_LENGTH_MAX = 70


def account_reference(account: "PaymentAccount") -> dict[str, str]:
    """``accountReference``."""
    return {"iban": account.iban, "currency": account.currency}


def account_details(
    *,
    account: "PaymentAccount",
    may_balances: bool,
    may_transactions: bool,
    balance: AccountBalance | None,
) -> dict[str, Any]:
    """``accountDetails``: with links to what the consent opens, and balances when asked for and granted."""
    path = links.account(account.pk)
    body = {
        "resourceId": str(account.pk),
        "iban": account.iban,
        "currency": account.currency,
        "name": account.display_name,
        "product": account.product,
        "cashAccountType": account.cash_account_type,
        "status": account.status,
        "bic": settings.BANK_BIC,
    }
    hrefs = {}
    if may_balances:
        hrefs["balances"] = links.href(f"{path}/balances")
    if may_transactions:
        hrefs["transactions"] = links.href(f"{path}/transactions")
    if hrefs:
        body["_links"] = hrefs
    if balance is not None:
        body["balances"] = balance_list(balance)
    return body


def balance_list(balance: AccountBalance) -> list[dict[str, Any]]:
    """``balanceList``: what is booked, and what may be spent now, the overdraft included."""
    booked = _balance(balance.booked_minor, balance, "interimBooked")
    available = _balance(balance.available_minor, balance, "interimAvailable")
    available["creditLimitIncluded"] = True
    return [booked, available]


def _balance(amount_minor: int, balance: AccountBalance, kind: str) -> dict[str, Any]:
    body: dict[str, Any] = {"balanceAmount": _amount(amount_minor, balance.currency), "balanceType": kind}
    if balance.last_change_at is not None:
        body["lastChangeDateTime"] = _timestamp(balance.last_change_at)
    return body


def booked_list(
    rows: Iterable[TransactionRow], *, account_id: UUID, with_balances: bool
) -> list[dict[str, Any]]:
    """``transactionList`` of bookings."""
    prefix = f"{links.account(account_id)}/transactions/"
    return [_booked(row, prefix=prefix, with_balance=with_balances) for row in rows]


def booked_transaction(row: TransactionRow, *, account_id: UUID, with_balance: bool) -> dict[str, Any]:
    """``transactions``: one booking."""
    return _booked(row, prefix=f"{links.account(account_id)}/transactions/", with_balance=with_balance)


def _booked(row: TransactionRow, *, prefix: str, with_balance: bool) -> dict[str, Any]:
    is_debit = row.direction == "DEBIT"
    body: dict[str, Any] = {
        "transactionId": row.transaction_id,
        # A UUID without its hyphens: the contract allows 35 characters.
        "entryReference": row.entry_reference.replace("-", ""),
        "bookingDate": row.booking_date,
        "valueDate": row.value_date,
        "transactionAmount": _amount(-row.amount_minor if is_debit else row.amount_minor, row.currency),
    }
    other = "creditor" if is_debit else "debtor"
    if row.counterparty_name:
        body[f"{other}Name"] = row.counterparty_name[:NAME_LENGTH_MAX]
    if row.counterparty_iban:
        body[f"{other}Account"] = {"iban": row.counterparty_iban}
    if row.end_to_end_identification:
        body["endToEndId"] = row.end_to_end_identification
    if row.remittance_information_unstructured:
        body["remittanceInformationUnstructured"] = row.remittance_information_unstructured
    if with_balance:
        # Only with the right to see balances: it is one.
        body["balanceAfterTransaction"] = {
            "balanceAmount": _amount(row.balance_after_minor, row.currency),
            "balanceType": "interimBooked",
        }
    body["_links"] = {"transactionDetails": {"href": prefix + row.transaction_id}}
    return body


def pending_list(payments: "Iterable[PaymentInitiation]") -> list[dict[str, Any]]:
    """``transactionList`` of authorised orders that are not booked yet."""
    return [_ordered(payment) for payment in payments]


def information_list(orders: "Iterable[StandingOrder]") -> list[dict[str, Any]]:
    """``transactionList`` of standing orders: what each execution pays, and when."""
    return [
        _ordered(order)
        | {"additionalInformationStructured": {"standingOrderDetails": standing_order_details(order)}}
        for order in orders
    ]


def _ordered(order: "AnyInitiation") -> dict[str, Any]:
    body: dict[str, Any] = {
        "transactionAmount": _amount(-order.amount_minor, order.currency),
        "creditorName": order.creditor_name,
        "creditorAccount": {"iban": order.creditor_iban},
    }
    if order.end_to_end_identification:
        body["endToEndId"] = order.end_to_end_identification
    if order.remittance_information_unstructured:
        body["remittanceInformationUnstructured"] = order.remittance_information_unstructured
    return body


def _amount(amount_minor: int, currency: str) -> dict[str, str]:
    return {"currency": currency, "amount": plain_amount(amount_minor, currency)}


def _timestamp(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
