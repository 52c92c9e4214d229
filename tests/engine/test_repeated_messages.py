"""What the clearing house says, twice and in any order: the money moves once, and the books are proved each time."""

import itertools
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import transaction

from apps.accounts.queries import get_balance
from apps.clearing.models import ClearingDifference
from apps.engine.execution import execute_payment
from apps.ledger.queries import get_ledger_account, get_ledger_balance
from apps.payments.models import PaymentInitiation
from tests.factories.accounts import NOW, bank_accounts, customer
from tests.factories.clearing import return_body, settle, status_body, take_in
from tests.factories.payments import authorised_payment

pytestmark = pytest.mark.django_db(transaction=True)


def on_its_way() -> PaymentInitiation:
    bank_accounts()
    payment = authorised_payment(customer("Anna", balance_minor=10_000))
    with transaction.atomic():
        execute_payment(payment_id=payment.pk, now=NOW)
    return payment


def say(payment: PaymentInitiation, *bodies: bytes) -> PaymentInitiation:
    """The house says all this, one after another, and the engine acts on each."""
    for body in bodies:
        take_in(body)
        payment = settle(payment)
    return payment


def stands(payment: PaymentInitiation) -> tuple[int, int, int]:
    """The payer's balance, what is on its way, and the account at the central bank; the books are proved before."""
    told = StringIO()
    call_command("ledger", "verify", stdout=told)
    assert "the books hold" in told.getvalue()
    codes = ("clearing:sepa-sct", "nostro:central-bank")
    clearing, nostro = (
        get_ledger_balance(account_id=get_ledger_account(code=code).pk).booked_minor for code in codes
    )
    return get_balance(account=payment.debtor_account).booked_minor, clearing, nostro


def test_the_same_yes_twice() -> None:
    payment = on_its_way()
    yes = status_body(payment.pk.hex, mid="S1")
    payment = say(payment, yes, yes, status_body(payment.pk.hex, mid="S2"))
    assert (payment.transaction_status, stands(payment)) == ("ACSC", (7_500, 0, 2_500))
    assert not ClearingDifference.objects.exists()


def test_the_same_no_twice() -> None:
    payment = on_its_way()
    no = status_body(payment.pk.hex, "RJCT", reason="AC04", mid="S1")
    payment = say(payment, no, no, status_body(payment.pk.hex, "RJCT", reason="AC04", mid="S2"))
    assert (payment.transaction_status, stands(payment)) == ("RJCT", (10_000, 0, 0))
    assert not ClearingDifference.objects.exists()


@pytest.mark.parametrize("order", sorted(set(itertools.permutations("yyrr"))), ids="".join)
def test_a_yes_and_a_return_each_twice_in_any_order(order: tuple[str, ...]) -> None:
    payment = on_its_way()
    bodies = {
        "y": status_body(payment.pk.hex, mid="S1"),
        "r": return_body(payment.pk.hex, return_id="r1", mid="R1"),
    }
    payment = say(payment, *(bodies[letter] for letter in order))
    assert (payment.transaction_status, payment.return_reason) == ("ACSC", "AC04")
    assert stands(payment) == (10_000, 0, 0)
    assert not ClearingDifference.objects.exists()


def test_a_return_in_two_messages_credits_once() -> None:
    payment = on_its_way()
    returns = (return_body(payment.pk.hex, return_id="r1", mid=mid) for mid in ("R1", "R2"))
    payment = say(payment, status_body(payment.pk.hex), *returns)
    assert (payment.transaction_status, stands(payment)) == ("ACSC", (10_000, 0, 0))


def test_a_second_return_under_another_id_credits_nothing_and_is_for_staff() -> None:
    payment = on_its_way()
    returns = (return_body(payment.pk.hex, return_id=name) for name in ("r1", "r2"))
    payment = say(payment, status_body(payment.pk.hex), *returns)
    assert stands(payment) == (10_000, 0, 0)
    assert ClearingDifference.objects.get().kind == "contradiction"
