"""A payment for a later day: signed with its day, kept, released once, executed with the funds of that day."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from apps.accounts.models import PaymentAccount
from apps.accounts.queries import get_balance
from apps.audit.models import AuditEvent
from apps.clearing.models import ClearingInstruction
from apps.core.ids import new_id
from apps.core.money import Money
from apps.engine.execution import execute_payment
from apps.identity.models import PSU
from apps.notifications.models import OutboxMessage
from apps.payments.models import PaymentInitiation
from apps.payments.queries import PaymentUnknown, list_pending_payments
from apps.payments.rules import Channel, PaymentProduct
from apps.payments.scheduling import ExecutionDatePast, ExecutionDateTooFar
from apps.payments.services import (
    PaymentOrder,
    PaymentStatusInvalid,
    RequestIdReused,
    TooLateToCancel,
    authorise_payment,
    cancel_payment,
    initiate_payment,
    payment_snapshot,
    release_due_payments,
    send_payment_code,
    start_payment_authorisation,
)
from apps.sca.services import DynamicLinkBroken
from tests.factories.accounts import FOREIGN_IBAN, NOW, bank_accounts, customer
from tests.factories.payments import proof_for
from tests.sca.test_codes import in_parallel

# NOW is Saturday, 21 November 2026, 13:00 in Berlin.
TUESDAY = date(2026, 11, 24)
SATURDAY = date(2026, 11, 28)


def at(text: str) -> datetime:
    """A moment in Berlin's winter time."""
    return datetime.fromisoformat(f"{text}+01:00").astimezone(UTC)


@pytest.fixture
def anna(db: None) -> PSU:
    bank_accounts()
    return customer("Anna", balance_minor=10_000)


@pytest.fixture
def bruno(db: None) -> PSU:
    return customer("Bruno", phone="+4915100000002", balance_minor=0)


def enter(
    psu: PSU,
    on: date | None,
    *,
    to: str = FOREIGN_IBAN,
    request_id: str = "",
    amount: int = 2_500,
    product: PaymentProduct = PaymentProduct.SEPA_CREDIT_TRANSFERS,
):
    order = PaymentOrder(
        debtor_account=psu.account,
        creditor_name="Kern",
        creditor_iban=to,
        instructed_amount=Money(amount, "EUR"),
        requested_execution_date=on,
        payment_product=product,
    )
    payment, _ = initiate_payment(
        channel=Channel.PORTAL, order=order, psu=psu, request_id=request_id or str(new_id()), now=NOW
    )
    return payment


def signed(psu: PSU, on: date | None, **fields: object) -> PaymentInitiation:
    payment = enter(psu, on, **fields)
    authorisation = start_payment_authorisation(payment_id=payment.pk, now=NOW)
    challenge_id = send_payment_code(
        payment_id=payment.pk, authorisation_id=authorisation.pk, psu=psu, hide_limit=False, now=NOW
    )
    return authorise_payment(
        payment_id=payment.pk,
        authorisation_id=authorisation.pk,
        psu=psu,
        proof=proof_for(challenge_id),
        now=NOW,
    )


def promised(payment: PaymentInitiation) -> int:
    return OutboxMessage.objects.filter(
        topic="engine.execute_payment", payload__payment_id=str(payment.pk)
    ).count()


def run_engine(payment: PaymentInitiation, *, now: datetime) -> PaymentInitiation:
    with transaction.atomic():
        execute_payment(payment_id=payment.pk, now=now)
    payment.refresh_from_db()
    return payment


def balance(psu: PSU) -> int:
    return get_balance(account=PaymentAccount.objects.get(pk=psu.account.pk)).booked_minor


class TestTheOrder:
    @pytest.mark.parametrize(
        ("on", "error"),
        [(date(2026, 11, 20), ExecutionDatePast), (date(2027, 11, 23), ExecutionDateTooFar)],
    )
    def test_a_day_out_of_bounds_takes_nothing_in(self, anna: PSU, on: date, error: type[Exception]) -> None:
        with pytest.raises(error):
            enter(anna, on)
        assert not PaymentInitiation.objects.exists()

    def test_the_day_is_counted_in_berlin(self, anna: PSU) -> None:
        order = PaymentOrder(
            debtor_account=anna.account,
            creditor_name="Kern",
            creditor_iban=FOREIGN_IBAN,
            instructed_amount=Money(1, "EUR"),
            requested_execution_date=date(2026, 11, 24),
        )
        late = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)  # In Berlin the 25th has begun.
        with pytest.raises(ExecutionDatePast):
            initiate_payment(
                channel=Channel.PORTAL, order=order, psu=anna, request_id=str(new_id()), now=late
            )

    def test_another_day_under_the_same_key_is_another_order(self, anna: PSU) -> None:
        key = str(new_id())
        payment = enter(anna, TUESDAY, request_id=key)
        assert enter(anna, TUESDAY, request_id=key) == payment
        for other in (None, SATURDAY):
            with pytest.raises(RequestIdReused):
                enter(anna, other, request_id=key)

    @pytest.mark.req("RTS-5(1)(d)")
    def test_the_day_is_part_of_what_is_signed(self, anna: PSU) -> None:
        payment = enter(anna, TUESDAY)
        assert payment_snapshot(payment=payment)["requested_execution_date"] == "2026-11-24"
        authorisation = start_payment_authorisation(payment_id=payment.pk, now=NOW)
        challenge_id = send_payment_code(
            payment_id=payment.pk, authorisation_id=authorisation.pk, psu=anna, hide_limit=False, now=NOW
        )
        proof = proof_for(challenge_id)
        PaymentInitiation.objects.filter(pk=payment.pk).update(requested_execution_date=None)
        with pytest.raises(DynamicLinkBroken):
            authorise_payment(
                payment_id=payment.pk, authorisation_id=authorisation.pk, psu=anna, proof=proof, now=NOW
            )


class TestWaiting:
    def test_signed_it_waits_as_actc_and_promises_nothing(self, anna: PSU) -> None:
        payment = signed(anna, TUESDAY)
        assert (payment.transaction_status, payment.is_scheduled, promised(payment)) == ("ACTC", True, 0)
        assert not list_pending_payments(account_id=anna.account.pk)
        assert release_due_payments(now=at("2026-11-23T23:59:59")) == 0

    def test_one_for_now_goes_at_once(self, anna: PSU) -> None:
        payment = signed(anna, None)
        assert (payment.is_scheduled, promised(payment)) == (False, 1)
        assert list(list_pending_payments(account_id=anna.account.pk)) == [payment]

    @pytest.mark.req("P-78")
    def test_its_day_begins_at_midnight_in_berlin(self, anna: PSU, bruno: PSU) -> None:
        payment = signed(anna, TUESDAY, to=bruno.account.iban)
        assert release_due_payments(now=at("2026-11-24T00:00:00")) == 1
        payment.refresh_from_db()
        assert (payment.is_scheduled, promised(payment)) == (False, 1)
        payment = run_engine(payment, now=at("2026-11-24T00:00:01"))
        assert payment.transaction_status == "ACSC"
        assert (balance(anna), balance(bruno)) == (7_500, 2_500)

    @pytest.mark.req("P-78")
    def test_a_saturday_gives_way_to_monday(self, anna: PSU) -> None:
        payment = signed(anna, SATURDAY)
        for early in ("2026-11-28T12:00:00", "2026-11-29T23:59:59"):
            assert release_due_payments(now=at(early)) == 0
        assert release_due_payments(now=at("2026-11-30T00:00:00")) == 1
        assert promised(payment) == 1

    @pytest.mark.parametrize("jump_to", ["2026-11-29T12:00:00", "2026-12-06T12:00:00", "2030-01-01T00:00:00"])
    def test_a_missed_day_is_caught_up_whatever_day_it_is(self, anna: PSU, jump_to: str) -> None:
        payment = signed(anna, TUESDAY)
        assert release_due_payments(now=at(jump_to)) == 1
        assert release_due_payments(now=at(jump_to)) == 0
        assert promised(payment) == 1

    def test_the_funds_of_the_day_count(self, anna: PSU) -> None:
        payment = signed(anna, TUESDAY, amount=10_001)
        release_due_payments(now=at("2026-11-24T00:00:00"))
        payment = run_engine(payment, now=at("2026-11-24T00:00:01"))
        assert (payment.transaction_status, payment.status_reason) == ("RJCT", "AM04")

    def test_the_engine_keeps_one_that_comes_too_early(self, anna: PSU) -> None:
        """Forged, or released under a clock that was set back: it waits again and is carried out on its day."""
        payment = signed(anna, TUESDAY)
        release_due_payments(now=at("2026-11-24T00:00:00"))
        payment = run_engine(payment, now=NOW)
        assert (payment.transaction_status, payment.is_scheduled) == ("ACTC", True)
        assert balance(anna) == 10_000
        assert AuditEvent.objects.filter(event="payments.payment.held_back").count() == 1
        assert release_due_payments(now=at("2026-11-25T09:00:00")) == 1
        assert run_engine(payment, now=at("2026-11-25T09:00:01")).transaction_status == "ACSP"
        assert balance(anna) == 7_500

    def test_an_order_that_nobody_signed_is_never_released(self, anna: PSU) -> None:
        enter(anna, TUESDAY)
        assert release_due_payments(now=at("2026-11-24T00:00:00")) == 0


@pytest.mark.req("R0-2")
@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_runners_at_the_same_moment_release_each_payment_once(self) -> None:
        anna = customer("Anna")
        payments = [signed(anna, TUESDAY, amount=100 + number) for number in range(8)]
        counts = in_parallel(6, lambda _number: release_due_payments(now=at("2026-11-24T08:00:00")))
        assert sum(counts) == 8
        assert [promised(payment) for payment in payments] == [1] * 8

    def test_released_or_cancelled_but_never_both(self) -> None:
        anna = customer("Anna")
        evening, midnight = at("2026-11-23T23:59:59"), at("2026-11-24T00:00:00")
        for _ in range(5):
            payment = signed(anna, TUESDAY)

            def act(number: int, payment: PaymentInitiation = payment) -> object:
                if number:
                    return release_due_payments(now=midnight)
                return cancel_payment(payment_id=payment.pk, psu_id=anna.pk, now=evening)

            in_parallel(2, act)
            payment.refresh_from_db()
            assert (payment.transaction_status, promised(payment)) in {("CANC", 0), ("ACTC", 1)}


@pytest.mark.req("P-80")
class TestTakingItBack:
    @pytest.mark.parametrize("when", ["2026-11-22T10:00:00", "2026-11-23T23:59:59"])
    def test_until_the_end_of_the_business_day_before(self, anna: PSU, when: str) -> None:
        payment = signed(anna, TUESDAY)
        cancelled = cancel_payment(payment_id=payment.pk, psu_id=anna.pk, now=at(when))
        assert cancelled.transaction_status == "CANC"
        assert release_due_payments(now=at("2026-11-24T08:00:00")) == 0

    @pytest.mark.parametrize(
        ("on", "when"),
        [
            (TUESDAY, "2026-11-24T00:00:00"),
            (SATURDAY, "2026-11-28T00:00:00"),
            (date(2026, 11, 30), "2026-11-28T00:00:00"),
        ],
    )
    def test_and_not_later(self, anna: PSU, on: date, when: str) -> None:
        payment = signed(anna, on)
        with pytest.raises(TooLateToCancel):
            cancel_payment(payment_id=payment.pk, psu_id=anna.pk, now=at(when))
        payment.refresh_from_db()
        assert payment.transaction_status == "ACTC"

    def test_what_the_engine_has_is_irrevocable(self, anna: PSU) -> None:
        payment = signed(anna, TUESDAY)
        release_due_payments(now=at("2026-11-24T00:00:00"))
        with pytest.raises(PaymentStatusInvalid):
            cancel_payment(payment_id=payment.pk, psu_id=anna.pk, now=at("2026-11-23T12:00:00"))

    def test_another_customer_may_not(self, anna: PSU, bruno: PSU) -> None:
        payment = signed(anna, TUESDAY)
        with pytest.raises(PaymentUnknown):
            cancel_payment(payment_id=payment.pk, psu_id=bruno.pk, now=NOW)

    def test_the_database_refuses_to_cancel_what_was_released(self, anna: PSU) -> None:
        payment = signed(anna, TUESDAY)
        release_due_payments(now=at("2026-11-24T00:00:00"))
        with (
            pytest.raises(IntegrityError, match="payment_cancelled_only_unreleased"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(
                "UPDATE payments_paymentinitiation SET transaction_status = 'CANC' WHERE id = %s",
                [payment.pk],
            )


def test_one_signed_when_its_day_has_come_goes_at_once(anna: PSU) -> None:
    monday = at("2026-11-23T00:30:00")
    payment = enter(anna, date(2026, 11, 23))
    PaymentInitiation.objects.filter(pk=payment.pk).update(created_at=monday - timedelta(hours=12))
    authorisation = start_payment_authorisation(payment_id=payment.pk, now=monday)
    challenge_id = send_payment_code(
        payment_id=payment.pk, authorisation_id=authorisation.pk, psu=anna, hide_limit=False, now=monday
    )
    payment = authorise_payment(
        payment_id=payment.pk,
        authorisation_id=authorisation.pk,
        psu=anna,
        proof=proof_for(challenge_id, now=monday),
        now=monday,
    )
    assert (payment.is_scheduled, promised(payment)) == (False, 1)
    assert release_due_payments(now=monday) == 0


@pytest.mark.req("IPR-5a(4)")
class TestInstant:
    """An instant transfer for a later day: on that day itself, and the seconds run from there."""

    def waiting(self, anna: PSU) -> PaymentInitiation:
        return signed(anna, SATURDAY, product=PaymentProduct.INSTANT_SEPA_CREDIT_TRANSFERS)

    def test_goes_on_a_day_on_which_banks_are_closed(self, anna: PSU) -> None:
        payment = self.waiting(anna)
        assert release_due_payments(now=at("2026-11-27T23:59:59")) == 0
        assert run_engine(payment, now=at("2026-11-27T23:59:59")).transaction_status == "ACTC"
        assert release_due_payments(now=at("2026-11-28T00:00:00")) == 1
        payment = run_engine(payment, now=at("2026-11-28T00:00:03"))
        assert payment.transaction_status == "ACSP"
        instruction = ClearingInstruction.objects.get(payment_id=payment.pk)
        assert (instruction.rail, instruction.received_at) == ("inst", at("2026-11-28T00:00:00"))

    def test_takes_nothing_when_the_seconds_of_its_day_are_over(self, anna: PSU) -> None:
        payment = self.waiting(anna)
        release_due_payments(now=at("2026-11-28T00:00:00"))
        payment = run_engine(payment, now=at("2026-11-28T00:00:09"))
        assert (payment.transaction_status, payment.status_reason) == ("RJCT", "AB05")
        assert balance(anna) == 10_000

    def test_an_ordinary_one_waits_for_the_business_day(self, anna: PSU) -> None:
        signed(anna, SATURDAY)
        assert release_due_payments(now=at("2026-11-28T12:00:00")) == 0
