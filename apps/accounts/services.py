from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction

from apps.accounts.models import AccountHolder, PaymentAccount
from apps.accounts.rules import AccountStatus, CashAccountType, HolderRole, SigningRight, is_enough
from apps.audit.services import record_event
from apps.core.clock import bank_date
from apps.core.errors import DomainError
from apps.core.iban import make_iban
from apps.identity.models import PSU
from apps.ledger.rules import LedgerAccountKind
from apps.ledger.services import open_ledger_account


class NobodyCouldSign(DomainError):
    """All who may pay from the account together could not release a payment."""

    code = "nobody_could_sign"


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
    signs: SigningRight = SigningRight.ALONE,
    now: datetime,
) -> PaymentAccount:
    """Open an account for one owner or several joint ones, who sign alone or jointly. Needs the owner's database role.

    :raises NobodyCouldSign: one who is to sign jointly, and nobody to sign with him.
    """
    if not is_enough([signs] * len(owners)):
        raise NobodyCouldSign(account_number)
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
        AccountHolder(payment_account=account, psu=psu, role=role, signs=signs) for psu in owners
    )
    record_event(
        event="accounts.account.opened",
        object_type="payment_account",
        object_id=account.pk,
        actor_type="system",
        at=now,
        data={
            "owners": [str(psu.pk) for psu in owners],
            "overdraft_limit_minor": overdraft_limit_minor,
            "signs": signs,
        },
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


@transaction.atomic
def change_signing_right(
    *, holder_id: int, signs: SigningRight, reason: str, staff_id: UUID, now: datetime
) -> AccountHolder:
    """Let a customer sign alone on an account, or only together with another. What was signed before stays signed, and
    what waits for a second signature goes on waiting for it.

    :raises NobodyCouldSign: afterwards all who may pay from the account could release nothing, even together.
    """
    account_id = AccountHolder.objects.values_list("payment_account_id", flat=True).get(pk=holder_id)
    # All of them: two changes of one account at once are made one after the other.
    holders = list(
        AccountHolder.objects.select_for_update().filter(payment_account_id=account_id).order_by("pk")
    )
    holder = next(one for one in holders if one.pk == holder_id)
    before, holder.signs = holder.signs, signs
    if not is_enough([one.signs for one in holders if one.may_pay]):
        raise NobodyCouldSign(str(account_id))
    holder.save(update_fields=["signs"])
    record_event(
        event="accounts.holder.signing_changed",
        object_type="payment_account",
        object_id=account_id,
        actor_type="staff",
        actor_id=staff_id,
        at=now,
        data={"customer": str(holder.psu_id), "before": before, "signs": signs, "reason": reason},
    )
    return holder
