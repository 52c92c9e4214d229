from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction

from apps.accounts.models import AccountHolder, PaymentAccount
from apps.accounts.rules import AccountStatus, CashAccountType, HolderRole
from apps.audit.services import record_event
from apps.core.clock import bank_date
from apps.core.iban import make_iban
from apps.identity.models import PSU
from apps.ledger.rules import LedgerAccountKind
from apps.ledger.services import open_ledger_account


@transaction.atomic
def open_payment_account(
    *,
    account_number: str,
    display_name: str,
    product: str,
    cash_account_type: CashAccountType,
    currency: str,
    overdraft_limit_minor: int,
    owners: list[PSU],
    owner_name: str,
    now: datetime,
) -> PaymentAccount:
    """Open an account for one owner or several joint ones. Needs the owner's database role."""
    iban = make_iban(
        country=settings.BANK_COUNTRY, bank_code=settings.BANK_CODE, account_number=account_number
    )
    ledger_account = open_ledger_account(
        code=f"customer:{iban}",
        kind=LedgerAccountKind.CUSTOMER,
        currency=currency,
        overdraft_limit_minor=overdraft_limit_minor,
    )
    account = PaymentAccount.objects.create(
        iban=iban,
        currency=currency,
        display_name=display_name,
        owner_name=owner_name,
        product=product,
        cash_account_type=cash_account_type,
        ledger_account=ledger_account,
        opened_date=bank_date(now),
    )
    role = HolderRole.OWNER if len(owners) == 1 else HolderRole.JOINT_OWNER
    AccountHolder.objects.bulk_create(
        AccountHolder(payment_account=account, psu=psu, role=role) for psu in owners
    )
    record_event(
        event="accounts.account.opened",
        object_type="payment_account",
        object_id=account.pk,
        actor_type="system",
        at=now,
        data={"owners": [str(psu.pk) for psu in owners], "overdraft_limit_minor": overdraft_limit_minor},
    )
    return account


@transaction.atomic
def change_account_status(
    *, account_id: UUID, status: AccountStatus, reason: str, staff_id: UUID, now: datetime
) -> PaymentAccount:
    """Block, reopen or close an account. A blocked one neither pays nor is paid."""
    account = PaymentAccount.objects.select_for_update().get(pk=account_id)
    account.status = status
    account.save(update_fields=["status"])
    record_event(
        event=f"accounts.account.{status}",
        object_type="payment_account",
        object_id=account.pk,
        actor_type="staff",
        actor_id=staff_id,
        at=now,
        data={"reason": reason},
    )
    return account


@transaction.atomic
def block_accounts_of_customer(
    *, psu_id: UUID, reason: str, staff_id: UUID, now: datetime
) -> list[PaymentAccount]:
    """Block every open account a customer holds or may use, joint ones too: none of them pays or is paid any more.

    Returns those that were open; what is blocked or closed stays as it is.
    """
    accounts = list(
        PaymentAccount.objects.select_for_update(of=("self",))
        .filter(
            pk__in=AccountHolder.objects.filter(psu_id=psu_id).values("payment_account_id"),
            status=AccountStatus.ENABLED,
        )
        .order_by("pk")
    )
    return [
        change_account_status(
            account_id=account.pk, status=AccountStatus.BLOCKED, reason=reason, staff_id=staff_id, now=now
        )
        for account in accounts
    ]
