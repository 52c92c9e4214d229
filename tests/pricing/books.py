"""Accounts, days and bookings for tests of charges: dates as text, amounts in cents."""

from datetime import UTC, date, datetime, time

from apps.accounts.models import PaymentAccount
from apps.core.ids import new_id
from apps.core.money import Money
from apps.ledger.models import LedgerAccount
from apps.ledger.rules import EntryKind, LedgerAccountKind, Narrative
from apps.ledger.services import close_days, open_ledger_account, post_transfer
from apps.pricing.rules import FeeService, ProductPrices, Settlement, Terms
from apps.pricing.services import accrue_interest, book_due_charges, publish_prices
from tests.factories.accounts import PaymentAccountFactory, bank_accounts


def moment(day: str) -> datetime:
    return datetime.combine(date.fromisoformat(day), time(3), UTC)


def account(
    *, product: str = "Giro", overdraft: int = 0, opened: str = "2024-01-02", **fields
) -> PaymentAccount:
    """An account that may be overdrawn so far."""
    iban_account = PaymentAccountFactory.build(ledger_account=None)
    return PaymentAccountFactory(
        iban=iban_account.iban,
        product=product,
        opened_date=date.fromisoformat(opened),
        ledger_account=open_ledger_account(
            code=f"customer:{iban_account.iban}",
            kind=LedgerAccountKind.CUSTOMER,
            currency="EUR",
            overdraft_limit_minor=overdraft,
        ),
        **fields,
    )


def publish(
    *,
    valid_from: str,
    product: str = "Giro",
    overdraft: int = 0,
    credit: int = 0,
    settlement: Settlement = Settlement.QUARTERLY,
    told: str | None = None,
    **prices: int,
) -> None:
    """A price list; ``maintenance=490, credit_transfer=10``. Told on its first day, unless another is named."""
    publish_prices(
        wanted=ProductPrices(
            product=product,
            prices={FeeService(name): amount for name, amount in prices.items()},
            terms=Terms(overdraft, credit, settlement),
        ),
        valid_from=date.fromisoformat(valid_from),
        now=moment(told or valid_from),
    )


def put(to: PaymentAccount, amount: int, day: str) -> None:
    """Money in."""
    _move(
        bank_accounts()["equity:opening"], to.ledger_account, amount, day, EntryKind.INCOMING_CREDIT_TRANSFER
    )


def take(source: PaymentAccount, amount: int, day: str) -> None:
    """Money out, by a credit transfer."""
    _move(source.ledger_account, bank_accounts()["equity:opening"], amount, day, EntryKind.CREDIT_TRANSFER)


def _move(debit: LedgerAccount, credit: LedgerAccount, amount: int, day: str, kind: EntryKind) -> None:
    post_transfer(
        kind=kind,
        reference=str(new_id()),
        debit_account_id=debit.pk,
        credit_account_id=credit.pk,
        amount=Money(amount, "EUR"),
        booking_date=date.fromisoformat(day),
        value_date=date.fromisoformat(day),
        narrative=Narrative(),
        now=moment(day),
    )


def charge(*, closed: str, now: str) -> int:
    """Close the days up to ``closed``, accrue and book; how many charges."""
    close_days(until=date.fromisoformat(closed))
    accrue_interest(now=moment(now))
    return book_due_charges(now=moment(now))
