"""What was not authorised is paid back once, by the engine, and nothing is paid back twice (PSD2 art. 73)."""

from datetime import timedelta

import pytest
from django.db import transaction

from apps.accounts.queries import get_balance
from apps.audit.models import AuditEvent
from apps.core.ids import new_id
from apps.engine.execution import execute_payment
from apps.engine.refunds import refund_payment
from apps.fraud.models import FraudReport
from apps.fraud.queries import ReportUnknown
from apps.fraud.rules import ReportOutcome
from apps.identity.models import PSU
from apps.ledger.models import Entry
from apps.ledger.queries import get_ledger_account, get_ledger_balance, get_ledger_sums
from apps.payments.models import PaymentInitiation
from tests.factories.accounts import NOW, bank_accounts, customer
from tests.factories.clearing import answer, return_body, settle, take_in
from tests.factories.fraud import judged, reported
from tests.factories.payments import authorised_payment

pytestmark = pytest.mark.req("P-73")
LATER = NOW + timedelta(days=2)


@pytest.fixture
def anna(db: None) -> PSU:
    bank_accounts()
    return customer("Anna", balance_minor=10_000)


@pytest.fixture(autouse=True)
def books_hold(db: None):
    yield
    assert get_ledger_sums().sound


def paid(anna: PSU, **fields: object) -> PaymentInitiation:
    """To another customer of this bank, booked at once."""
    bruno = customer("Bruno", phone="+4915100000002", balance_minor=0)
    payment = authorised_payment(anna, creditor_iban=bruno.account.iban, **fields)
    with transaction.atomic():
        execute_payment(payment_id=payment.pk, now=NOW)
    payment.refresh_from_db()
    assert payment.transaction_status == "ACSC"
    return payment


def refund(report: FraudReport) -> FraudReport:
    with transaction.atomic():
        refund_payment(report_id=report.pk, now=LATER)
    report.refresh_from_db()
    return report


def balance(psu: PSU) -> int:
    return get_balance(account=psu.account).booked_minor


def losses() -> int:
    return get_ledger_balance(account_id=get_ledger_account(code="losses:fraud").pk).booked_minor


def test_fraud_is_paid_back_once_with_the_value_of_the_day_of_the_debit(anna):
    report = judged(paid(anna), now=LATER)
    for _ in range(2):
        assert refund(report).refunded_minor == 2_500
        assert (balance(anna), losses()) == (10_000, -2_500)
    entry = Entry.objects.get(kind="unauthorised_refund")
    assert (entry.booking_date, entry.value_date) == (LATER.date(), NOW.date())
    assert AuditEvent.objects.filter(event="fraud.report.refunded").count() == 1


@pytest.mark.parametrize(
    "outcome", [ReportOutcome.DECEIVED, ReportOutcome.NOT_FRAUD, ReportOutcome.WITHDRAWN, None]
)
def test_nothing_else_is_whoever_sends_the_message(anna, outcome):
    payment = paid(anna)
    report = judged(payment, outcome) if outcome else reported(payment)
    assert refund(report).refunded_at is None
    assert (balance(anna), losses()) == (7_500, 0)
    with pytest.raises(ReportUnknown):
        refund(FraudReport(pk=new_id()))


@pytest.fixture
def sent(anna: PSU) -> PaymentInitiation:
    """To another bank, on its way."""
    payment = authorised_payment(anna)
    with transaction.atomic():
        execute_payment(payment_id=payment.pk, now=NOW)
    payment.refresh_from_db()
    assert payment.transaction_status == "ACSP"
    return payment


def come_back(payment: PaymentInitiation) -> None:
    take_in(return_body(payment.pk.hex))
    assert settle(payment).returned_at is not None


def test_what_comes_back_after_the_refund_is_the_banks(anna, sent):
    answer(sent)
    refund(judged(sent))
    assert (balance(anna), losses()) == (10_000, -2_500)
    come_back(sent)
    assert (balance(anna), losses()) == (10_000, 0)


def test_what_came_back_before_is_not_paid_back_again(anna, sent):
    answer(sent)
    report = judged(sent)
    come_back(sent)
    assert refund(report).refunded_minor == 0
    assert (balance(anna), losses()) == (10_000, 0)


def test_nor_what_the_other_bank_refused_before_or_after(anna, sent):
    report = judged(sent)
    refund(report)
    answer(sent, "RJCT", reason="AC04")
    assert (balance(anna), losses()) == (10_000, 0)
    payment = authorised_payment(anna)
    with transaction.atomic():
        execute_payment(payment_id=payment.pk, now=NOW)
    payment.refresh_from_db()
    report = judged(payment)
    answer(payment, "RJCT", reason="AC04")
    assert refund(report).refunded_minor == 0
    assert (balance(anna), losses()) == (10_000, 0)
