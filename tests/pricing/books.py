"""Accounts, days and bookings for tests of charges: dates as text, amounts in cents."""

from datetime import UTC, date, datetime, time

from apps.accounts.models import PaymentAccount
from apps.core.ids import new_id
from apps.core.money import Money
from apps.ledger.models import LedgerAccount
from apps.ledger.rules import Direction, EntryKind, LedgerAccountKind, Narrative
from apps.ledger.services import Leg, close_days, open_ledger_account, post_entry, post_transfer
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
    """A price list; ``maintenance=490, credit_transfer=10``. Told on its first day, unless another is named. Instant
    transfers cost what ordinary ones do."""
    if "credit_transfer" in prices:
        prices.setdefault("instant_transfer", prices["credit_transfer"])
    publish_prices(
        wanted=ProductPrices(
            product=product,
            prices={FeeService(name): amount for name, amount in prices.items()},
            terms=Terms(overdraft, credit, settlement),
        ),
        valid_from=date.fromisoformat(valid_from),
        now=moment(told or valid_from),
    )


def publish_own_fees(*, product: str = "Giro", **prices: int) -> None:
    """A price list in which urgent transfers cost 15.00 and those abroad 10.00, from 1 November 2026; others are free
    unless named."""
    publish(
        valid_from="2026-11-01",
        product=product,
        **{"target_transfer": 1_500, "cross_border": 1_000} | prices,
    )


def put(to: PaymentAccount, amount: int, day: str) -> None:
    """Money in."""
    _move(
        bank_accounts()["equity:opening"], to.ledger_account, amount, day, EntryKind.INCOMING_CREDIT_TRANSFER
    )


def take(source: PaymentAccount, amount: int, day: str) -> None:
    """Money out, by a credit transfer."""
    _move(source.ledger_account, bank_accounts()["equity:opening"], amount, day, EntryKind.CREDIT_TRANSFER)


def send(
    source: PaymentAccount, amount: int, day: str, *, fee: int = 0, via: str = "clearing:target-2"
) -> str:
    """Money out on some rails, with a fee in the same entry if there is one; returns the payment's reference."""
    reference = str(new_id())
    _book(
        EntryKind.CREDIT_TRANSFER,
        reference,
        [
            (source.ledger_account, Direction.DEBIT, amount + fee),
            (bank_accounts()[via], Direction.CREDIT, amount),
            (bank_accounts()["fees:payments"], Direction.CREDIT, fee),
        ],
        day,
    )
    return reference


def settled(reference: str, amount: int, day: str, *, via: str = "clearing:target-2") -> None:
    """What was sent has arrived."""
    _book(
        EntryKind.CLEARING_SETTLEMENT,
        reference,
        [
            (bank_accounts()[via], Direction.DEBIT, amount),
            (bank_accounts()["nostro:central-bank"], Direction.CREDIT, amount),
        ],
        day,
    )


def given_back(
    source: PaymentAccount,
    reference: str,
    amount: int,
    day: str,
    *,
    fee: int = 0,
    via: str = "clearing:target-2",
) -> None:
    """What was sent is back: with the fee when it was refused, without when it was settled before."""
    _book(
        EntryKind.CREDIT_TRANSFER_RETURN,
        reference,
        [
            (source.ledger_account, Direction.CREDIT, amount + fee),
            (bank_accounts()[via], Direction.DEBIT, amount),
            (bank_accounts()["fees:payments"], Direction.DEBIT, fee),
        ],
        day,
    )


def _book(
    kind: EntryKind, reference: str, legs: list[tuple[LedgerAccount, Direction, int]], day: str
) -> None:
    post_entry(
        kind=kind,
        reference=reference,
        currency="EUR",
        legs=[Leg(account.pk, side, amount) for account, side, amount in legs if amount],
        booking_date=date.fromisoformat(day),
        value_date=date.fromisoformat(day),
        narrative=Narrative(),
        now=moment(day),
    )


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
