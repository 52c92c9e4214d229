"""Transfers that cost a fee: taken with the amount in one entry, earned once, given back when nothing was done."""

from datetime import UTC, datetime

import pytest
from django.db import transaction

from apps.accounts.models import PaymentAccount
from apps.accounts.queries import get_balance
from apps.engine.execution import execute_payment
from apps.engine.rails import CLEARING_CODES, rail_of
from apps.identity.models import PSU
from apps.ledger.queries import get_ledger_account, get_ledger_balance, get_ledger_sums
from apps.payments.limits import get_day_use
from apps.payments.models import PaymentInitiation
from apps.payments.products import has_own_fee
from apps.payments.rules import ChargeBearer, PaymentProduct
from apps.payments.services import release_due_payments
from apps.pricing.rules import PAID_BY_ITSELF
from apps.statements.fee_queries import get_fee_statement
from examples.clearing_house import messages as house
from tests.factories.accounts import bank_accounts, customer
from tests.factories.clearing import answer, return_body, settle, take_in, write_out
from tests.factories.payments import authorised_payment
from tests.payments.test_products import TURKISH_BIC, TURKISH_IBAN
from tests.pricing.books import publish_own_fees

MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.fixture
def anna(db: None) -> PSU:
    bank_accounts()
    publish_own_fees()
    return customer("Anna", balance_minor=10_000)


@pytest.fixture(autouse=True)
def books_hold(db: None):
    yield
    assert get_ledger_sums().sound


def urgent(anna: PSU, amount_minor: int = 2_500) -> PaymentInitiation:
    payment = authorised_payment(anna, product=PaymentProduct.TARGET_2_PAYMENTS, amount_minor=amount_minor)
    release_due_payments(now=MONDAY)
    return _executed(payment)


def abroad(anna: PSU, bearer: ChargeBearer = ChargeBearer.SHAR) -> PaymentInitiation:
    payment = authorised_payment(
        anna,
        product=PaymentProduct.CROSS_BORDER_CREDIT_TRANSFERS,
        creditor_iban=TURKISH_IBAN,
        creditor_agent=TURKISH_BIC,
        charge_bearer=bearer,
    )
    return _executed(payment)


def _executed(payment: PaymentInitiation) -> PaymentInitiation:
    with transaction.atomic():
        execute_payment(payment_id=payment.pk, now=MONDAY)
    payment.refresh_from_db()
    return payment


def stands(anna: PSU) -> tuple[int, int, int, int]:
    """The payer's balance, what is on its way, fees earned, and the account at the central bank."""
    codes = ("clearing:target-2", "clearing:cross-border", "fees:payments", "nostro:central-bank")
    t2, xb, fees, nostro = (
        get_ledger_balance(account_id=get_ledger_account(code=code).pk).booked_minor for code in codes
    )
    account = PaymentAccount.objects.get(pk=anna.account.pk)
    return get_balance(account=account).booked_minor, t2 + xb, fees, nostro


@pytest.mark.req("P-81")
def test_amount_and_fee_are_taken_together_and_the_amount_alone_goes_out(anna: PSU) -> None:
    payment = urgent(anna)
    assert (payment.transaction_status, stands(anna)) == ("ACSP", (6_000, 2_500, 1_500, 0))
    assert answer(payment, cycle="T2-1").transaction_status == "ACSC"
    assert stands(anna) == (6_000, 0, 1_500, 2_500)


def test_a_fee_that_is_not_covered_refuses_the_payment_and_takes_nothing(anna: PSU) -> None:
    payment = urgent(anna, 8_501)
    assert (payment.transaction_status, payment.status_reason) == ("RJCT", "AM04")
    assert stands(anna) == (10_000, 0, 0, 0)
    assert get_day_use(psu_id=anna.pk, now=MONDAY).portal_minor == 0


def test_just_covered_it_goes(anna: PSU) -> None:
    assert urgent(anna, 8_500).transaction_status == "ACSP"
    assert stands(anna) == (0, 8_500, 1_500, 0)


def test_refused_elsewhere_the_fee_comes_back_with_the_money_once(anna: PSU) -> None:
    payment = answer(urgent(anna), "RJCT", reason="AC04")
    for _ in range(2):
        payment = settle(payment)
    assert (payment.transaction_status, stands(anna)) == ("RJCT", (10_000, 0, 0, 0))


def test_settled_and_sent_back_the_fee_was_earned(anna: PSU) -> None:
    payment = answer(urgent(anna), cycle="T2-1")
    take_in(return_body(payment.pk.hex, cycle="T2-1"))
    assert settle(payment).return_reason == "AC04"
    assert stands(anna) == (8_500, 0, 1_500, 0)


@pytest.mark.parametrize(
    ("bearer", "fee"), [(ChargeBearer.SHAR, 1_000), (ChargeBearer.DEBT, 3_000), (ChargeBearer.CRED, 0)]
)
def test_abroad_the_fee_goes_by_who_bears_it(anna: PSU, bearer: ChargeBearer, fee: int) -> None:
    abroad(anna, bearer)
    assert stands(anna) == (7_500 - fee, 2_500, fee, 0)


def test_the_message_names_bank_bearer_and_level_of_service(anna: PSU) -> None:
    body = write_out(abroad(anna, ChargeBearer.DEBT)).body
    assert f"<BICFI>{TURKISH_BIC}</BICFI>" in body
    assert "<ChrgBr>DEBT</ChrgBr>" in body
    assert "<SvcLvl><Cd>NURG</Cd></SvcLvl>" in body
    (transfer,) = house.read_message(body.encode()).items
    assert (transfer.rail, transfer.amount_minor) == ("xb", 2_500)


def test_an_urgent_one_goes_by_target(anna: PSU) -> None:
    body = write_out(urgent(anna)).body
    assert "<ChrgBr>SHAR</ChrgBr>" in body
    (transfer,) = house.read_message(body.encode()).items
    assert transfer.rail == "t2"


def test_every_rail_with_a_price_of_its_own_is_known_to_the_price_list(db: None) -> None:
    own = {
        CLEARING_CODES[rail_of(PaymentInitiation(payment_product=p))]
        for p in PaymentProduct
        if has_own_fee(p)
    }
    assert own == set(PAID_BY_ITSELF)


@pytest.mark.req("PAD-5")
def test_the_statement_of_fees_has_what_was_earned(anna: PSU) -> None:
    answer(urgent(anna), cycle="T2-1")
    abroad(anna, ChargeBearer.DEBT)
    account = PaymentAccount.objects.get(pk=anna.account.pk)
    told = get_fee_statement(account=account, year=2026, language="en", now=MONDAY)
    assert [(line.kind, line.quantity, line.amount_minor) for line in told.fees] == [
        ("target_transfer", 1, 1_500),
        ("cross_border", 1, 3_000),
    ]
    assert told.fees_minor == stands(anna)[2]


@pytest.mark.req("PAD-5")
def test_the_statement_of_fees_has_nothing_of_a_payment_that_was_refused(anna: PSU) -> None:
    settle(answer(urgent(anna), "RJCT", reason="AC04"))
    account = PaymentAccount.objects.get(pk=anna.account.pk)
    assert get_fee_statement(account=account, year=2026, language="en", now=MONDAY).fees == ()
