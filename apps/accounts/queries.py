from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Prefetch, QuerySet

from apps.accounts.models import AccountHolder, PaymentAccount
from apps.accounts.rules import AccountStatus, HolderRole, signatures_needed
from apps.core.errors import DomainError, NotFound
from apps.core.iban import bank_code_of
from apps.core.names.companies import is_legal_person, parse_company
from apps.identity.queries import get_core_users
from apps.identity.rules import CoreOperation
from apps.ledger import queries as ledger
from apps.ledger.queries import PostingRow


class AccountUnknown(NotFound):
    """No such account, or not one of the asking customer's."""

    code = "account_unknown"


class AccountBlocked(DomainError):
    """The account is blocked or closed."""

    code = "account_blocked"


class DebitNotAllowed(DomainError):
    """The back-end user has no right to pay from this account (S0-54)."""

    code = "debit_not_allowed"


@dataclass(frozen=True, slots=True)
class AccountBalance:
    """Balances of one account in minor units: interimBooked and interimAvailable."""

    booked_minor: int
    available_minor: int
    currency: str
    last_change_at: datetime | None


class PayableAccount(NamedTuple):
    """An account as a payee's: its book account, and its ``AccountStatus``."""

    ledger_account_id: UUID
    status: str


class TransactionRow(NamedTuple):
    """A booking as its account sees it; ``counterparty_*`` is the other side. A tuple: it is made by the hundred."""

    transaction_id: str
    entry_reference: str
    booking_date: date
    value_date: date
    direction: str
    amount_minor: int
    currency: str
    counterparty_name: str
    counterparty_iban: str
    remittance_information_unstructured: str
    end_to_end_identification: str
    balance_after_minor: int
    posting_id: int


def list_accounts_for_psu(*, psu_id: UUID) -> QuerySet[PaymentAccount]:
    """The accounts a customer may see, oldest first; closed ones are left out."""
    return (
        PaymentAccount.objects.filter(holders__psu_id=psu_id, holders__may_view=True)
        .exclude(status=AccountStatus.DELETED)
        .select_related("ledger_account")
        .order_by("opened_date", "iban")
    )


def list_payable_accounts_for_psu(*, psu_id: UUID) -> QuerySet[PaymentAccount]:
    """The accounts a customer may pay from."""
    return (
        PaymentAccount.objects.filter(
            holders__psu_id=psu_id, holders__may_pay=True, status=AccountStatus.ENABLED
        )
        .select_related("ledger_account")
        .order_by("opened_date", "iban")
    )


def payable_account_ids(*, psu_id: UUID) -> QuerySet[AccountHolder, UUID]:
    """The ids of the accounts a customer has the right to pay from, blocked ones too; to be a part of a query."""
    return AccountHolder.objects.filter(psu_id=psu_id, may_pay=True).values_list(
        "payment_account_id", flat=True
    )


def get_account_for_psu(*, psu_id: UUID, account_id: UUID) -> PaymentAccount:
    """One account of a customer.

    :raises AccountUnknown: missing, or not his: the same to whoever asks.
    """
    account = list_accounts_for_psu(psu_id=psu_id).filter(pk=account_id).first()
    if account is None:
        raise AccountUnknown(str(account_id))
    return account


def get_payable_account_for_psu(*, psu_id: UUID, account_id: UUID) -> PaymentAccount:
    """One account the customer may pay from.

    :raises AccountUnknown: missing, blocked, not his, or only to look at.
    """
    account = list_payable_accounts_for_psu(psu_id=psu_id).filter(pk=account_id).first()
    if account is None:
        raise AccountUnknown(str(account_id))
    return account


def get_account_by_iban(*, iban: str) -> PaymentAccount:
    """The account with this canonical IBAN that can be reached online (S0-21).

    :raises AccountUnknown: not one of this bank's, or closed.
    """
    account = (
        PaymentAccount.objects.select_related("ledger_account")
        .filter(iban=iban)
        .exclude(status=AccountStatus.DELETED)
        .first()
    )
    if account is None:
        raise AccountUnknown(iban[-4:])
    return account


def find_account_for_credit(*, iban: str) -> PaymentAccount | None:
    """The account with this canonical IBAN in whatever state, for the engine, which credits it or says why not."""
    return PaymentAccount.objects.select_related("ledger_account").filter(iban=iban).first()


def list_accounts_by_ibans(*, ibans: Iterable[str]) -> QuerySet[PaymentAccount]:
    """Those of the given canonical IBANs that are open accounts of this bank."""
    return PaymentAccount.objects.filter(iban__in=list(ibans)).exclude(status=AccountStatus.DELETED)


def find_payable_accounts(*, ibans: Iterable[str]) -> dict[str, PayableAccount]:
    """Where money for these canonical IBANs of this bank would go, and whether it may.

    Closed accounts are among them, unknown ones are not.
    """
    # Not by `IN`: that takes longer to write and to parse for thousands than they take to be found.
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT iban, ledger_account_id, status FROM accounts_paymentaccount WHERE iban = ANY (%s)",
            [list(set(ibans))],
        )
        return {iban: PayableAccount(ledger_id, status) for iban, ledger_id, status in cursor.fetchall()}


def list_holder_names(*, iban: str) -> list[str]:
    """The names by which an open account may be paid: its own, and those of the people who own it.

    The account of a company or an association belongs to none of its people; whoever is only authorised owns nothing.

    :raises AccountUnknown: not one of this bank's, or closed.
    """
    get_account_by_iban(iban=iban)
    return list_holder_names_of(ibans=[iban])[iban]


def list_holder_names_of(*, ibans: Iterable[str]) -> dict[str, list[str]]:
    """The same for many canonical IBANs; those that are no open account of this bank are left out."""
    accounts = list_accounts_by_ibans(ibans=ibans).prefetch_related(
        Prefetch(
            "holders",
            queryset=AccountHolder.objects.filter(role__in=[HolderRole.OWNER, HolderRole.JOINT_OWNER])
            .select_related("psu")
            .order_by("pk"),
            to_attr="owners",
        )
    )
    return {account.iban: _names_of(account) for account in accounts}


def _names_of(account: Any) -> list[str]:
    if is_legal_person(account.owner_name):
        return [account.owner_name]
    return list(dict.fromkeys([account.owner_name, *(owner.psu.full_name for owner in account.owners)]))


def is_business_account(*, account: PaymentAccount) -> bool:
    """Whether the account is a business's: its owner's name has a legal form, a sole trader's too."""
    return bool(parse_company(account.owner_name).form)


def find_owner_ids(*, ibans: Iterable[str]) -> dict[str, frozenset[str]]:
    """Whose the accounts of this bank are, by IBAN: the ids of the customers who own them, not of those who may sign
    for them. A business's account is the business's: never the same as the person's who runs it."""
    accounts = (
        PaymentAccount.objects.filter(iban__in=list(ibans))
        .exclude(status=AccountStatus.DELETED)
        .prefetch_related("holders")
    )
    return {
        account.iban: frozenset({f"business {account.owner_name}"})
        if is_business_account(account=account)
        else frozenset(
            str(holder.psu_id) for holder in account.holders.all() if holder.role != HolderRole.AUTHORISED
        )
        for account in accounts
    }


def is_own_iban(iban: str) -> bool:
    """Whether this bank keeps the accounts with such IBANs; whether there is this one is another question."""
    return iban.startswith(settings.BANK_COUNTRY) and bank_code_of(iban) == settings.BANK_CODE


def list_owner_names(*, psu_ids: Iterable[UUID]) -> list[tuple[UUID, str]]:
    """(customer, name on the account) for the accounts these customers hold: a firm's name stands only there."""
    return list(
        AccountHolder.objects.filter(psu_id__in=list(psu_ids))
        .exclude(payment_account__status=AccountStatus.DELETED)
        .values_list("psu_id", "payment_account__owner_name")
        .order_by("psu_id", "payment_account__owner_name")
        .distinct()
    )


def is_holder(*, psu_id: UUID, iban: str) -> bool:
    """Whether the customer may pay from the account with this IBAN (S0-40)."""
    return AccountHolder.objects.filter(psu_id=psu_id, payment_account__iban=iban, may_pay=True).exists()


def get_account_holder(*, holder_id: int) -> AccountHolder:
    """One customer's right on one account, for staff.

    :raises NotFound: there is none.
    """
    holder = AccountHolder.objects.select_related("payment_account", "psu").filter(pk=holder_id).first()
    if holder is None:
        raise NotFound("account holder")
    return holder


def count_signatures_needed(*, psu_id: UUID, ibans: Iterable[str]) -> int:
    """How many people must sign an order over these accounts when this customer signs first."""
    rights = AccountHolder.objects.filter(psu_id=psu_id, payment_account__iban__in=set(ibans))
    return max(map(signatures_needed, rights.values_list("signs", flat=True)), default=1)


def check_debit(*, psu_id: UUID, account_id: UUID) -> str:
    """The engine's own check before it takes funds: mapped core user, operation, right on the account, account open.

    Returns the core user's id, which travels on with the booking (S0-52..54).

    :raises apps.identity.queries.CoreUserUnknown: no mapping.
    :raises apps.identity.queries.OperationNotAllowed: may not invoke transfers.
    :raises DebitNotAllowed: no right to pay from this account.
    :raises AccountBlocked: blocked or closed.
    """
    found = check_debits(pairs=[(psu_id, account_id)])[psu_id, account_id]
    if isinstance(found, DomainError):
        raise found
    return found


def check_debits(*, pairs: Iterable[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], str | DomainError]:
    """For each customer and account what :func:`check_debit` gives or raises, in two queries."""
    wanted = set(pairs)
    core_users = get_core_users(
        psu_ids=[psu_id for psu_id, _ in wanted], operation=CoreOperation.CREDIT_TRANSFER
    )
    holders = AccountHolder.objects.filter(
        psu_id__in={psu_id for psu_id, _ in wanted},
        payment_account_id__in={account_id for _, account_id in wanted},
        may_pay=True,
    ).values_list("psu_id", "payment_account_id", "payment_account__status")
    statuses = {(psu_id, account_id): status for psu_id, account_id, status in holders}
    found: dict[tuple[UUID, UUID], str | DomainError] = {}
    for psu_id, account_id in wanted:
        core_user = core_users[psu_id]
        if isinstance(core_user, DomainError):
            found[psu_id, account_id] = core_user
        elif (psu_id, account_id) not in statuses:
            found[psu_id, account_id] = DebitNotAllowed(core_user.core_user_id)
        elif statuses[psu_id, account_id] != AccountStatus.ENABLED:
            found[psu_id, account_id] = AccountBlocked(str(account_id))
        else:
            found[psu_id, account_id] = core_user.core_user_id
    return found


def get_balance(*, account: PaymentAccount) -> AccountBalance:
    """Booked and available balance, now."""
    balance = ledger.get_ledger_balance(account_id=account.ledger_account_id)
    return AccountBalance(
        booked_minor=balance.booked_minor,
        available_minor=balance.available_minor,
        currency=balance.currency,
        last_change_at=balance.last_posted_at,
    )


def list_transactions(
    *,
    account: PaymentAccount,
    date_from: date | None = None,
    date_to: date | None = None,
    before: tuple[date, int] | None = None,
    search: str = "",
    limit: int = 100,
) -> list[TransactionRow]:
    """Bookings of an account, newest first. ``before`` is the (booking date, posting id) where the last page ended."""
    rows = ledger.list_postings(
        account_id=account.ledger_account_id,
        date_from=date_from,
        date_to=date_to,
        before=before,
        search=search,
        limit=limit,
    )
    return [_as_seen_on_account(row) for row in rows]


def get_transaction(*, account: PaymentAccount, transaction_id: str) -> TransactionRow:
    """One booking of an account.

    :raises NotFound: there is none of this id on this account.
    """
    if not (transaction_id.isascii() and transaction_id.isdigit() and len(transaction_id) <= 18):
        raise NotFound("transaction")
    return _as_seen_on_account(
        ledger.get_posting(account_id=account.ledger_account_id, posting_id=int(transaction_id))
    )


def list_daily_balances(*, account: PaymentAccount, date_from: date, date_to: date) -> list[tuple[date, int]]:
    """The booked balance at the end of ``date_from`` and of each later day on which something was booked."""
    days = {date_from: ledger.get_balance_on(account_id=account.ledger_account_id, day=date_from)}
    for row in reversed(
        ledger.list_postings(
            account_id=account.ledger_account_id, date_from=date_from, date_to=date_to, limit=5000
        )
    ):
        days[row.booking_date] = row.balance_after_minor
    return sorted(days.items())


def _as_seen_on_account(row: PostingRow) -> TransactionRow:
    name, iban = (
        (row.creditor_name, row.creditor_iban)
        if row.direction == "DEBIT"
        else (row.debtor_name, row.debtor_iban)
    )
    return TransactionRow(
        transaction_id=str(row.posting_id),
        entry_reference=str(row.entry_id),
        booking_date=row.booking_date,
        value_date=row.value_date,
        direction=row.direction,
        amount_minor=row.amount_minor,
        currency=row.currency,
        counterparty_name=name,
        counterparty_iban=iban,
        remittance_information_unstructured=row.remittance_information_unstructured,
        end_to_end_identification=row.end_to_end_identification,
        balance_after_minor=row.balance_after_minor,
        posting_id=row.posting_id,
    )
