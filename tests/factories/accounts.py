import itertools
from datetime import UTC, date, datetime

import factory

from apps.accounts.models import AccountHolder, PaymentAccount
from apps.accounts.rules import CashAccountType, HolderRole, SigningRight
from apps.core.iban import make_iban
from apps.core.ids import new_id
from apps.core.money import Money
from apps.identity.models import PSU
from apps.ledger.models import LedgerAccount
from apps.ledger.rules import EntryKind, LedgerAccountKind, Narrative
from apps.ledger.services import open_chart_of_accounts, open_ledger_account, post_transfer
from apps.sca.services import enrol_sms_device
from tests.factories.identity import CoreUserFactory, PSUFactory

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
FOREIGN_IBAN = "DE02120300000000202051"

_numbers = itertools.count(1_000_000_000)


class PaymentAccountFactory(factory.django.DjangoModelFactory):
    """An account of the bank with an empty ledger account behind it; no overdraft."""

    class Meta:
        model = PaymentAccount

    iban = factory.LazyFunction(
        lambda: make_iban(country="DE", bank_code="10099900", account_number=str(next(_numbers)))
    )
    currency = "EUR"
    display_name = "Current account"
    owner_name = "Anna Schneider"
    product = "Giro"
    cash_account_type = CashAccountType.CACC
    opened_date = date(2024, 1, 2)
    ledger_account = factory.LazyAttribute(
        lambda account: open_ledger_account(
            code=f"customer:{account.iban}",
            kind=LedgerAccountKind.CUSTOMER,
            currency=account.currency,
            overdraft_limit_minor=0,
        )
    )


def bank_accounts() -> dict[str, LedgerAccount]:
    """The bank's own book accounts by code."""
    return open_chart_of_accounts()


def fund(account: PaymentAccount, amount_minor: int) -> None:
    """Put money on an account, from the bank's opening account."""
    post_transfer(
        kind=EntryKind.OPENING,
        reference=str(new_id()),
        debit_account_id=bank_accounts()["equity:opening"].pk,
        credit_account_id=account.ledger_account_id,
        amount=Money(amount_minor, account.currency),
        booking_date=date(2026, 11, 1),
        value_date=date(2026, 11, 1),
        narrative=Narrative(
            debtor_name="Lindenbank", creditor_name=account.owner_name, creditor_iban=account.iban
        ),
        now=NOW,
    )


def customer(name: str = "Anna", *, phone: str = "+4915112345678", balance_minor: int = 100_000) -> PSU:
    """A customer with a core user, a mobile number and one funded account; ``psu.account`` is that account."""
    psu = PSUFactory(
        first_name=name, last_name="Schneider", user__username=f"{name.lower()}-{new_id().hex[:6]}"
    )
    CoreUserFactory(psu=psu)
    enrol_sms_device(user=psu.user, phone_number=phone, now=NOW)
    psu.account = account_of(psu, balance_minor=balance_minor)
    return psu


def account_of(psu: PSU, *, balance_minor: int = 0, **fields: object) -> PaymentAccount:
    """Another account of a customer."""
    account = PaymentAccountFactory(owner_name=psu.full_name, **fields)
    AccountHolder.objects.create(payment_account=account, psu=psu)
    if balance_minor:
        fund(account, balance_minor)
    return account


def account_of_several(
    *psus: PSU, signs: SigningRight = SigningRight.JOINTLY, balance_minor: int = 100_000, **fields: object
) -> PaymentAccount:
    """An account from which several may pay; with the usual right only together with another."""
    account = PaymentAccountFactory(
        **{
            "display_name": "Joint account",
            "owner_name": " und ".join(psu.full_name for psu in psus),
            **fields,
        }
    )
    for psu in psus:
        AccountHolder.objects.create(
            payment_account=account, psu=psu, role=HolderRole.JOINT_OWNER, signs=signs
        )
    if balance_minor:
        fund(account, balance_minor)
    return account
