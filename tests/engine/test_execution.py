"""The engine: trusts no message, takes funds once, and gives every payment an end."""

import pytest
from django.db import transaction

from apps.accounts.models import AccountHolder, PaymentAccount
from apps.accounts.queries import get_balance, list_transactions
from apps.audit.models import AuditEvent
from apps.engine.execution import execute_payment
from apps.identity.models import PSU, CoreUser
from apps.ledger.queries import get_ledger_sums
from apps.notifications.models import OutboxMessage
from apps.payments.models import PaymentInitiation
from apps.payments.rules import StatusReason
from apps.payments.services import reject_payment
from apps.sca.models import SCAAuthorisation
from tests.factories.accounts import NOW, bank_accounts, customer
from tests.factories.payments import authorised_payment, received_payment
from tests.factories.tpp import AppFactory


@pytest.fixture
def anna(db: None) -> PSU:
    bank_accounts()
    return customer("Anna", balance_minor=10_000)


@pytest.fixture
def bruno(db: None) -> PSU:
    return customer("Bruno", phone="+4915100000002", balance_minor=0)


def execute(payment: PaymentInitiation) -> PaymentInitiation:
    with transaction.atomic():
        execute_payment(payment_id=payment.pk, now=NOW)
    payment.refresh_from_db()
    return payment


def balance(psu: PSU) -> int:
    return get_balance(account=PaymentAccount.objects.get(pk=psu.account.pk)).booked_minor


@pytest.mark.req("S0-46", "S0-48")
class TestInsideTheBank:
    @pytest.mark.req("S0-14")
    def test_moves_the_money_and_is_done(self, anna: PSU, bruno: PSU) -> None:
        payment = execute(authorised_payment(anna, creditor_iban=bruno.account.iban))
        assert payment.transaction_status == "ACSC"
        assert (balance(anna), balance(bruno)) == (7_500, 2_500)
        assert get_ledger_sums().sound

    @pytest.mark.req("S0-14")
    def test_both_sides_read_it(self, anna: PSU, bruno: PSU) -> None:
        execute(authorised_payment(anna, creditor_iban=bruno.account.iban))
        (mine, _opening) = list_transactions(account=anna.account)
        (his,) = list_transactions(account=bruno.account)
        assert (mine.direction, mine.counterparty_name) == ("DEBIT", "Möbelhaus Kern GmbH")
        assert (his.direction, his.counterparty_name) == ("CREDIT", "Anna Schneider")
        assert (
            mine.remittance_information_unstructured
            == his.remittance_information_unstructured
            == "Order 88-2041"
        )

    def test_a_second_delivery_changes_nothing(self, anna: PSU, bruno: PSU) -> None:
        payment = authorised_payment(anna, creditor_iban=bruno.account.iban)
        for _ in range(3):
            execute(payment)
        assert (balance(anna), balance(bruno)) == (7_500, 2_500)

    @pytest.mark.parametrize(("status", "reason"), [("blocked", "AC06"), ("deleted", "AC01")])
    def test_a_payee_who_cannot_be_paid_refuses_it(
        self, anna: PSU, bruno: PSU, status: str, reason: str
    ) -> None:
        payment = authorised_payment(anna, creditor_iban=bruno.account.iban)
        PaymentAccount.objects.filter(pk=bruno.account.pk).update(status=status)
        payment = execute(payment)
        assert (payment.transaction_status, payment.status_reason) == ("RJCT", reason)
        assert balance(anna) == 10_000

    @pytest.mark.req("P-79")
    def test_no_funds_refuses_it(self, anna: PSU, bruno: PSU) -> None:
        payment = execute(authorised_payment(anna, creditor_iban=bruno.account.iban, amount_minor=10_001))
        assert (payment.transaction_status, payment.status_reason) == ("RJCT", "AM04")
        assert balance(anna) == 10_000


@pytest.mark.req("S0-51", "S0-52", "S0-53", "S0-54")
class TestItsOwnChecks:
    def refused(self, payment: PaymentInitiation, psu: PSU, *, reason: str) -> None:
        payment = execute(payment)
        assert (payment.transaction_status, payment.status_reason) == ("RJCT", reason)
        assert balance(psu) == 10_000

    def test_no_core_user_no_payment(self, anna: PSU) -> None:
        payment = authorised_payment(anna)
        CoreUser.objects.filter(psu=anna).update(is_active=False)
        self.refused(payment, anna, reason="AG01")

    def test_an_operation_not_granted_is_refused(self, anna: PSU) -> None:
        payment = authorised_payment(anna)
        CoreUser.objects.filter(psu=anna).update(operations=["read_account"])
        self.refused(payment, anna, reason="AG01")

    def test_a_right_lost_meanwhile_is_refused(self, anna: PSU) -> None:
        payment = authorised_payment(anna)
        AccountHolder.objects.filter(psu=anna).update(may_pay=False)
        self.refused(payment, anna, reason="AG01")

    def test_an_account_blocked_meanwhile_is_refused(self, anna: PSU) -> None:
        payment = authorised_payment(anna)
        PaymentAccount.objects.filter(pk=anna.account.pk).update(status="blocked")
        self.refused(payment, anna, reason="AC06")

    @pytest.mark.req("S3-5", "RTS-5(1)(c)", "S3-2")
    @pytest.mark.parametrize("change", [{"amount_minor": 9_999}, {"creditor_name": "Fraud Ltd"}])
    def test_what_was_changed_after_the_signature_is_refused(
        self, anna: PSU, change: dict[str, object]
    ) -> None:
        payment = authorised_payment(anna)
        PaymentInitiation.objects.filter(pk=payment.pk).update(**change)
        self.refused(payment, anna, reason="DS0A")

    def test_a_status_set_by_hand_without_a_signature_is_refused(self, anna: PSU) -> None:
        payment = authorised_payment(anna)
        SCAAuthorisation.objects.filter(pk=payment.authorisation_id).update(sca_status="failed")
        self.refused(payment, anna, reason="DS0A")

    def test_a_message_about_an_unauthorised_payment_does_nothing(self, anna: PSU) -> None:
        assert execute(received_payment(anna)).transaction_status == "RCVD"

    def test_the_core_user_is_on_record(self, anna: PSU) -> None:
        payment = execute(authorised_payment(anna))
        assert payment.core_user_id == anna.core_user.core_user_id
        event = AuditEvent.objects.get(event="payments.payment.ACSP")
        assert (event.actor_type, event.actor_id) == ("engine", payment.core_user_id)


def test_the_tpp_is_told_each_status(anna: PSU, bruno: PSU) -> None:
    app = AppFactory()
    payment = received_payment(anna, app=app, creditor_iban=bruno.account.iban)
    assert not OutboxMessage.objects.filter(topic="payments.push_status").exists()
    PaymentInitiation.objects.filter(pk=payment.pk).update(
        tpp_notification_uri="https://shoppay.example/notify"
    )
    reject_payment(payment_id=payment.pk, reason=StatusReason.CUST, now=NOW)
    message = OutboxMessage.objects.get(topic="payments.push_status")
    assert message.payload == {"payment_id": str(payment.pk), "transaction_status": "RJCT"}
