"""Payments that leave the bank and come to it: whatever the other side says, twice, late, or in any order."""

import itertools
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import PaymentAccount
from apps.accounts.queries import get_balance, list_transactions
from apps.audit.models import AuditEvent
from apps.clearing.models import ClearingDifference, ClearingRecall, IncomingTransfer
from apps.clearing.services import (
    prepare_answer_message,
    prepare_return_message,
)
from apps.core.clock import bank_date
from apps.core.errors import NotFound
from apps.core.iban import make_iban
from apps.engine.execution import execute_payment
from apps.engine.rails import settle_payment, settle_payments, time_out_payment
from apps.identity.models import PSU
from apps.ledger.queries import get_ledger_account, get_ledger_balance, get_ledger_sums
from apps.notifications.models import OutboxMessage
from apps.payments.limits import get_day_use
from apps.payments.models import PaymentInitiation
from apps.payments.rules import PaymentProduct
from examples.clearing_house import messages as house
from tests.factories.accounts import FOREIGN_IBAN, NOW, bank_accounts, customer
from tests.factories.clearing import (
    CYCLE,
    answer,
    credit,
    instruction_of,
    return_body,
    settle,
    status_body,
    take_in,
    transfer_body,
)
from tests.factories.payments import authorised_payment
from tests.factories.tpp import AppFactory

INSTANT = PaymentProduct.INSTANT_SEPA_CREDIT_TRANSFERS
NOBODY_HERE = make_iban(country="DE", bank_code="10099900", account_number="4040404040")


@pytest.fixture
def anna(db: None) -> PSU:
    bank_accounts()
    return customer("Anna", balance_minor=10_000)


@pytest.fixture(autouse=True)
def books_hold(db: None):
    yield
    assert get_ledger_sums().sound


def execute(payment: PaymentInitiation, *, now=NOW) -> PaymentInitiation:
    with transaction.atomic():
        execute_payment(payment_id=payment.pk, now=now)
    payment.refresh_from_db()
    return payment


def sent(anna: PSU, **fields: object) -> PaymentInitiation:
    return execute(authorised_payment(anna, **fields))


def time_out(payment: PaymentInitiation) -> PaymentInitiation:
    with transaction.atomic():
        time_out_payment(instruction_id=instruction_of(payment).pk, now=NOW + timedelta(seconds=9))
    payment.refresh_from_db()
    return payment


def balance(psu: PSU) -> int:
    return get_balance(account=PaymentAccount.objects.get(pk=psu.account.pk)).booked_minor


def book(code: str) -> int:
    return get_ledger_balance(account_id=get_ledger_account(code=code).pk).booked_minor


def on_its_way() -> tuple[int, int]:
    return book("clearing:sepa-sct"), book("clearing:sepa-inst")


@pytest.mark.req("S0-46", "S0-48")
class TestOrdinaryTransfers:
    def test_is_on_its_way_then_done(self, anna: PSU) -> None:
        payment = sent(anna)
        assert (payment.transaction_status, balance(anna)) == ("ACSP", 7_500)
        assert on_its_way() == (2_500, 0)
        assert answer(payment).transaction_status == "ACSC"
        assert on_its_way() == (0, 0)
        assert book("nostro:central-bank") == 2_500

    @pytest.mark.req("P-89")
    def test_a_reject_gives_the_money_back_with_the_reason(self, anna: PSU) -> None:
        payment = answer(sent(anna), "RJCT", reason="AC04")
        assert (payment.transaction_status, payment.status_reason) == ("RJCT", "AC04")
        assert (balance(anna), on_its_way()) == (10_000, (0, 0))
        newest = list_transactions(account=anna.account)[0]
        assert newest.remittance_information_unstructured.startswith("RETURN AC04")
        assert newest.counterparty_iban == FOREIGN_IBAN

    def test_a_reason_we_have_no_words_for_is_told_as_the_other_banks(self, anna: PSU) -> None:
        payment = answer(sent(anna), "RJCT", reason="ZZ99")
        assert (payment.transaction_status, payment.status_reason) == ("RJCT", "MS03")
        assert balance(anna) == 10_000

    def test_a_return_credits_the_payer_and_leaves_the_payment_done(self, anna: PSU) -> None:
        payment = answer(sent(anna))
        take_in(return_body(payment.pk.hex, reason="MD07"))
        payment = settle(payment)
        assert (payment.transaction_status, payment.return_reason) == ("ACSC", "MD07")
        assert payment.returned_at == NOW
        assert (balance(anna), on_its_way(), book("nostro:central-bank")) == (10_000, (0, 0), 0)
        newest = list_transactions(account=anna.account)[0]
        assert newest.remittance_information_unstructured == "RETURN MD07 Order 88-2041"

    def test_an_answer_still_under_way_changes_nothing(self, anna: PSU) -> None:
        assert answer(sent(anna), "ACSP").transaction_status == "ACSP"


class TestTwiceLateAndOutOfOrder:
    def test_settling_again_and_again_changes_nothing(self, anna: PSU) -> None:
        payment = answer(sent(anna))
        for _ in range(3):
            settle(payment)
        assert book("nostro:central-bank") == 2_500

    def test_a_second_answer_of_the_same_kind_changes_nothing(self, anna: PSU) -> None:
        payment = answer(sent(anna))
        answer(payment)
        assert book("nostro:central-bank") == 2_500
        assert not ClearingDifference.objects.exists()

    @pytest.mark.parametrize("order", list(itertools.permutations(range(2))))
    def test_return_and_answer_in_any_order_end_the_same(self, anna: PSU, order: tuple[int, ...]) -> None:
        payment = sent(anna)
        bodies = [status_body(payment.pk.hex), return_body(payment.pk.hex)]
        for number in order:
            take_in(bodies[number])
            settle(payment)
        payment.refresh_from_db()
        assert (payment.transaction_status, payment.return_reason) == ("ACSC", "AC04")
        assert (balance(anna), on_its_way(), book("nostro:central-bank")) == (10_000, (0, 0), 0)
        assert instruction_of(payment).cycle == CYCLE
        assert not ClearingDifference.objects.exists()

    def test_the_same_return_twice_credits_once(self, anna: PSU) -> None:
        payment = answer(sent(anna))
        for mid in ("R1", "R2"):
            take_in(return_body(payment.pk.hex, return_id="r1", mid=mid))
            settle(payment)
        assert balance(anna) == 10_000
        assert not ClearingDifference.objects.exists()

    @pytest.mark.parametrize("second", [{"return_id": "r2"}, {"return_id": "r2", "amount_minor": 9_999}])
    def test_another_return_of_the_same_payment_is_for_staff(self, anna: PSU, second: dict) -> None:
        payment = answer(sent(anna))
        take_in(return_body(payment.pk.hex, return_id="r1"))
        settle(payment)
        take_in(return_body(payment.pk.hex, **second))
        settle(payment)
        assert balance(anna) == 10_000
        assert ClearingDifference.objects.get().kind == "contradiction"

    def test_a_return_of_another_amount_is_for_staff(self, anna: PSU) -> None:
        payment = answer(sent(anna))
        take_in(return_body(payment.pk.hex, 2_499))
        assert settle(payment).returned_at is None
        assert balance(anna) == 7_500
        assert ClearingDifference.objects.get().theirs_minor == 2_499

    def test_settled_after_it_was_refused_is_for_staff(self, anna: PSU) -> None:
        payment = answer(sent(anna), "RJCT", reason="AC04")
        assert answer(payment).transaction_status == "RJCT"
        assert balance(anna) == 10_000
        assert ClearingDifference.objects.get().kind == "contradiction"

    def test_refused_after_it_was_settled_is_for_staff(self, anna: PSU) -> None:
        payment = answer(sent(anna))
        assert answer(payment, "RJCT", reason="AC04").transaction_status == "ACSC"
        assert balance(anna) == 7_500
        assert ClearingDifference.objects.get().kind == "contradiction"

    @pytest.mark.parametrize("tx_id", ["nothing", "0" * 32, "F" * 32])
    def test_about_a_payment_nobody_made_is_for_staff(self, anna: PSU, tx_id: str) -> None:
        take_in(status_body(tx_id))
        take_in(return_body(tx_id))
        assert set(ClearingDifference.objects.values_list("kind", flat=True)) == {"unknown"}
        assert balance(anna) == 10_000


@pytest.mark.req("IPR-5a(4)")
class TestInstant:
    def test_is_done_when_the_house_says_so(self, anna: PSU) -> None:
        payment = sent(anna, product=INSTANT)
        assert on_its_way() == (0, 2_500)
        assert answer(payment).transaction_status == "ACSC"
        assert on_its_way() == (0, 0)
        assert time_out(payment).transaction_status == "ACSC"

    def test_the_banks_own_timer_runs_from_the_receipt_of_the_order(self, anna: PSU) -> None:
        payment = execute(authorised_payment(anna, product=INSTANT), now=NOW + timedelta(seconds=3))
        timer = OutboxMessage.objects.get(topic="engine.time_out_payment")
        assert timer.queue == "engine"
        assert 5 < (timer.available_at - timer.created_at).total_seconds() <= 6
        assert instruction_of(payment).received_at == NOW

    def test_an_ordinary_transfer_has_no_timer(self, anna: PSU) -> None:
        sent(anna)
        assert not OutboxMessage.objects.filter(topic="engine.time_out_payment").exists()

    @pytest.mark.req("P-89")
    def test_no_answer_in_time_restores_the_payer_at_once(self, anna: PSU) -> None:
        payment = time_out(sent(anna, product=INSTANT))
        assert (payment.transaction_status, payment.status_reason) == ("RJCT", "AB05")
        assert (balance(anna), on_its_way()) == (10_000, (0, 0))

    @pytest.mark.req("S0-46")
    def test_the_tpp_is_told_when_time_is_over(self, anna: PSU) -> None:
        payment = authorised_payment(anna, product=INSTANT, app=AppFactory())
        PaymentInitiation.objects.filter(pk=payment.pk).update(
            tpp_notification_uri="https://shoppay.example/notify"
        )
        time_out(execute(payment))
        told = OutboxMessage.objects.filter(topic="payments.push_status").values_list("payload", flat=True)
        assert [one["transaction_status"] for one in told] == ["ACSP", "RJCT"]

    def test_time_over_twice_restores_once(self, anna: PSU) -> None:
        payment = sent(anna, product=INSTANT)
        time_out(payment)
        time_out(payment)
        assert balance(anna) == 10_000

    def test_a_reject_gives_the_money_back(self, anna: PSU) -> None:
        payment = answer(sent(anna, product=INSTANT), "RJCT", reason="AC01")
        assert (payment.transaction_status, payment.status_reason) == ("RJCT", "AC01")
        assert time_out(payment).status_reason == "AC01"
        assert balance(anna) == 10_000

    def test_a_late_yes_is_a_difference_and_a_recall_and_pays_nobody_twice(self, anna: PSU) -> None:
        payment = time_out(sent(anna, product=INSTANT))
        payment = answer(payment)
        assert (payment.transaction_status, balance(anna)) == ("RJCT", 10_000)
        # What the house took without us lies open on the clearing account.
        assert on_its_way() == (0, -2_500)
        assert book("nostro:central-bank") == 2_500
        difference = ClearingDifference.objects.get()
        assert (difference.kind, difference.theirs_minor) == ("late_acceptance", 2_500)
        recall = ClearingRecall.objects.get(instruction=instruction_of(payment))
        assert (recall.reason, recall.requested_by) == ("TECH", None)

    def test_a_late_yes_twice_is_one_difference(self, anna: PSU) -> None:
        payment = time_out(sent(anna, product=INSTANT))
        answer(payment)
        answer(payment)
        assert on_its_way() == (0, -2_500)
        assert ClearingDifference.objects.count() == ClearingRecall.objects.count() == 1

    def test_recalled_late_money_clears_what_lay_open(self, anna: PSU) -> None:
        payment = answer(time_out(sent(anna, product=INSTANT)))
        take_in(return_body(payment.pk.hex, reason="FOCR"))
        for _ in range(2):
            payment = settle(payment)
        assert (balance(anna), on_its_way(), book("nostro:central-bank")) == (10_000, (0, 0), 0)
        assert ClearingRecall.objects.get().status == "paid"
        assert payment.returned_at is None  # The payer had it long ago.

    def test_a_late_no_changes_nothing(self, anna: PSU) -> None:
        payment = answer(time_out(sent(anna, product=INSTANT)), "RJCT", reason="AC01")
        assert payment.status_reason == "AB05"
        assert not ClearingDifference.objects.exists()

    def test_an_engine_that_comes_too_late_takes_nothing(self, anna: PSU) -> None:
        payment = execute(authorised_payment(anna, product=INSTANT), now=NOW + timedelta(seconds=10))
        assert (payment.transaction_status, payment.status_reason) == ("RJCT", "AB05")
        assert balance(anna) == 10_000

    def test_inside_the_bank_it_is_done_at_once(self, anna: PSU) -> None:
        bruno = customer("Bruno", phone="+4915100000002", balance_minor=0)
        payment = sent(anna, product=INSTANT, creditor_iban=bruno.account.iban)
        assert (payment.transaction_status, balance(bruno)) == ("ACSC", 2_500)


class TestLimits:
    """What goes out counts for the day on which it was taken; what does not go out after all, does not."""

    def used(self, anna: PSU, *, now=NOW) -> int:
        return get_day_use(psu_id=anna.pk, now=now).portal_minor

    def test_what_is_on_its_way_and_settled_counts(self, anna: PSU) -> None:
        payment = sent(anna)
        assert self.used(anna) == 2_500
        answer(payment)
        assert self.used(anna) == 2_500

    def test_a_reject_is_uncounted_once(self, anna: PSU) -> None:
        sent(anna, amount_minor=1_000)
        payment = answer(sent(anna), "RJCT", reason="AC04")
        for _ in range(2):
            settle(payment)
        assert (self.used(anna), balance(anna)) == (1_000, 9_000)

    def test_a_time_out_is_uncounted_once_whatever_comes_after(self, anna: PSU) -> None:
        payment = time_out(sent(anna, product=INSTANT))
        assert self.used(anna) == 0
        time_out(payment)
        answer(payment)
        assert (self.used(anna), balance(anna)) == (0, 10_000)

    def test_a_reject_after_midnight_leaves_the_new_day_alone(self, anna: PSU) -> None:
        payment = sent(anna)
        tomorrow = NOW + timedelta(days=1)
        execute(authorised_payment(anna, amount_minor=1_000), now=tomorrow)
        take_in(status_body(payment.pk.hex, "RJCT", reason="AC04"), now=tomorrow)
        with transaction.atomic():
            settle_payment(instruction_id=instruction_of(payment).pk, now=tomorrow)
        assert (self.used(anna), self.used(anna, now=tomorrow)) == (0, 1_000)

    @pytest.mark.parametrize("order", list(itertools.permutations(range(2))))
    def test_what_settled_and_came_back_went_out_whichever_message_came_first(
        self, anna: PSU, order: tuple[int, ...]
    ) -> None:
        payment = sent(anna)
        bodies = [status_body(payment.pk.hex), return_body(payment.pk.hex)]
        for number in order:
            take_in(bodies[number])
            settle(payment)
        assert (self.used(anna), balance(anna)) == (2_500, 10_000)


@pytest.mark.req("P-88")
class TestIncoming:
    def test_reaches_the_account_and_says_from_whom(self, anna: PSU) -> None:
        take_in(transfer_body(anna.account.iban))
        incoming = credit(IncomingTransfer.objects.get())
        assert (incoming.status, balance(anna)) == ("booked", 14_200)
        assert (on_its_way(), book("nostro:central-bank")) == ((0, 0), -4_200)
        newest = list_transactions(account=anna.account)[0]
        assert (newest.direction, newest.counterparty_name) == ("CREDIT", "Jürgen Groß")
        assert newest.remittance_information_unstructured == "Rent <May> & June"
        assert newest.end_to_end_identification == "E2E-77"

    @pytest.mark.req("P-87")
    def test_it_bears_that_days_value_and_can_be_used_at_once(self, anna: PSU) -> None:
        take_in(transfer_body(anna.account.iban))
        credit(IncomingTransfer.objects.get())
        newest = list_transactions(account=anna.account)[0]
        assert newest.value_date == newest.booking_date == bank_date(NOW)
        assert get_balance(account=anna.account).available_minor == 14_200
        assert execute(authorised_payment(anna, amount_minor=14_200)).transaction_status == "ACSP"

    def test_the_same_message_or_the_same_transfer_again_is_booked_once(self, anna: PSU) -> None:
        body = transfer_body(anna.account.iban, tx_id="tx-1", mid="I1")
        take_in(body)
        take_in(body)
        take_in(transfer_body(anna.account.iban, tx_id="tx-1", mid="I2"))
        for _ in range(3):
            credit(IncomingTransfer.objects.get())
        assert balance(anna) == 14_200
        assert not ClearingDifference.objects.exists()

    def test_another_amount_under_the_same_id_is_for_staff(self, anna: PSU) -> None:
        take_in(transfer_body(anna.account.iban, tx_id="tx-1"))
        take_in(transfer_body(anna.account.iban, tx_id="tx-1", amount_minor=999))
        credit(IncomingTransfer.objects.get())
        assert balance(anna) == 14_200
        assert ClearingDifference.objects.get().kind == "contradiction"

    @pytest.mark.req("P-84")
    def test_an_unknown_account_sends_it_back(self, anna: PSU) -> None:
        take_in(transfer_body(NOBODY_HERE))
        self.is_sent_back("AC01")

    @pytest.mark.parametrize(("status", "reason"), [("blocked", "AC06"), ("deleted", "AC04")])
    def test_an_account_that_cannot_be_credited_sends_it_back(
        self, anna: PSU, status: str, reason: str
    ) -> None:
        PaymentAccount.objects.filter(pk=anna.account.pk).update(status=status)
        take_in(transfer_body(anna.account.iban))
        self.is_sent_back(reason)
        assert balance(anna) == 10_000

    def is_sent_back(self, reason: str) -> None:
        incoming = credit(IncomingTransfer.objects.get())
        assert (incoming.status, incoming.reason) == ("returning", reason)
        assert on_its_way() == (4_200, 0)
        with transaction.atomic():
            prepare_return_message(incoming_id=incoming.pk, now=NOW)
        (message,) = incoming.message.__class__.objects.filter(direction="out")
        (sent_back,) = house.read_message(message.body.encode()).items
        assert (sent_back.tx_id, sent_back.amount_minor, sent_back.reason) == (
            incoming.transaction_id,
            4_200,
            reason,
        )
        settled = {"original": message.message_id, "name": house.PACS_004, "cycle": "SCT-20261121-2"}
        take_in(status_body(incoming.transaction_id, **settled))
        for _ in range(2):
            incoming = credit(incoming)
        assert (incoming.status, incoming.return_cycle) == ("returned", "SCT-20261121-2")
        assert (on_its_way(), book("nostro:central-bank")) == ((0, 0), 0)

    def test_a_return_that_the_house_refuses_is_for_staff(self, anna: PSU) -> None:
        take_in(transfer_body(NOBODY_HERE))
        incoming = credit(IncomingTransfer.objects.get())
        original = f"B{incoming.pk.hex}"
        take_in(
            status_body(
                incoming.transaction_id, "RJCT", reason="NARR", original=original, name=house.PACS_004
            )
        )
        assert ClearingDifference.objects.get().kind == "return_refused"
        assert on_its_way() == (4_200, 0)

    def test_what_would_deceive_the_eye_is_not_shown(self, anna: PSU) -> None:
        take_in(transfer_body(anna.account.iban, remittance="12\u202e34", debtor_name="A\u200bB"))
        credit(IncomingTransfer.objects.get())
        newest = list_transactions(account=anna.account)[0]
        assert (newest.counterparty_name, newest.remittance_information_unstructured) == ("A B", "12 34")


class TestIncomingInstant:
    def incoming(self, iban: str) -> IncomingTransfer:
        take_in(transfer_body(iban, rail="inst", mid="I1"))
        return credit(IncomingTransfer.objects.get())

    def answered(self, incoming: IncomingTransfer) -> house.Status:
        with transaction.atomic():
            prepare_answer_message(incoming_id=incoming.pk, now=NOW)
        (message,) = incoming.message.__class__.objects.filter(direction="out")
        (status,) = house.read_message(message.body.encode()).items
        return status

    def test_is_accepted_first_and_credited_when_settled(self, anna: PSU) -> None:
        incoming = self.incoming(anna.account.iban)
        assert (incoming.status, balance(anna)) == ("answered", 10_000)
        assert self.answered(incoming).status == "ACCP"
        take_in(status_body(incoming.transaction_id, original="I1", cycle="INST-1"))
        for _ in range(2):
            incoming = credit(incoming)
        assert (incoming.status, incoming.cycle, balance(anna)) == ("booked", "INST-1", 14_200)

    def test_an_unknown_account_is_refused_and_nothing_moves(self, anna: PSU) -> None:
        incoming = self.incoming(NOBODY_HERE)
        assert incoming.status == "rejected"
        answered = self.answered(incoming)
        assert (answered.status, answered.reason) == ("RJCT", "AC01")
        assert book("nostro:central-bank") == 0

    def test_what_the_house_gave_up_is_not_credited(self, anna: PSU) -> None:
        incoming = self.incoming(anna.account.iban)
        take_in(status_body(incoming.transaction_id, "RJCT", reason="AB05", original="I1"))
        incoming = credit(incoming)
        assert (incoming.status, balance(anna)) == ("rejected", 10_000)
        assert not ClearingDifference.objects.exists()

    def test_given_up_after_it_was_settled_is_for_staff(self, anna: PSU) -> None:
        incoming = self.incoming(anna.account.iban)
        take_in(status_body(incoming.transaction_id, original="I1"))
        incoming = credit(incoming)
        take_in(status_body(incoming.transaction_id, "RJCT", reason="AB05", original="I1"))
        assert (credit(incoming).status, balance(anna)) == ("booked", 14_200)
        assert ClearingDifference.objects.get().kind == "contradiction"

    def test_an_account_blocked_between_answer_and_settlement_sends_it_back(self, anna: PSU) -> None:
        incoming = self.incoming(anna.account.iban)
        PaymentAccount.objects.filter(pk=anna.account.pk).update(status="blocked")
        take_in(status_body(incoming.transaction_id, original="I1"))
        incoming = credit(incoming)
        assert (incoming.status, incoming.reason, balance(anna)) == ("returning", "AC06", 10_000)


def test_settling_what_nobody_submitted_is_an_error(anna: PSU) -> None:

    with pytest.raises(NotFound), transaction.atomic():
        settle_payment(instruction_id=uuid4(), now=NOW)


class TestSettledTogether:
    """What waits is settled as a set: as if one by one, in as many round trips for many as for few."""

    def settle_all(self, payments: list[PaymentInitiation]) -> int:
        """Settle them; returns how many queries that took."""
        requests = {instruction_of(payment).pk: f"call-{payment.pk}" for payment in payments}
        with CaptureQueriesContext(connection) as queries, transaction.atomic():
            settle_payments(requests=requests, now=NOW)
        for payment in payments:
            payment.refresh_from_db()
        return len(queries)

    def test_each_ends_by_its_own_answer_and_twice_is_once(self, anna: PSU) -> None:
        settled, refused, back, waiting = [sent(anna, amount_minor=100) for _ in range(4)]
        take_in(status_body(settled.pk.hex))
        take_in(status_body(refused.pk.hex, "RJCT", reason="AC04"))
        take_in(status_body(back.pk.hex))
        take_in(return_body(back.pk.hex, 100))
        for _ in range(2):
            self.settle_all([settled, refused, back, waiting])
        assert [payment.transaction_status for payment in (settled, refused, back, waiting)] == [
            "ACSC",
            "RJCT",
            "ACSC",
            "ACSP",
        ]
        assert (back.return_reason, refused.status_reason) == ("AC04", "AC04")
        assert balance(anna) == 10_000 - 100 - 100

    def test_the_trail_names_the_call_behind_each(self, anna: PSU) -> None:
        payments = [sent(anna, amount_minor=100) for _ in range(3)]
        for payment in payments:
            take_in(status_body(payment.pk.hex))
        self.settle_all(payments)
        events = AuditEvent.objects.filter(event="payments.payment.ACSC")
        assert {(event.object_id, event.request_id) for event in events} == {
            (str(payment.pk), f"call-{payment.pk}") for payment in payments
        }

    def test_one_that_is_unknown_leaves_all_as_they_were(self, anna: PSU) -> None:
        payment = sent(anna)
        take_in(status_body(payment.pk.hex))
        with pytest.raises(NotFound), transaction.atomic():
            settle_payments(requests={instruction_of(payment).pk: "-", uuid4(): "-"}, now=NOW)
        payment.refresh_from_db()
        assert payment.transaction_status == "ACSP"

    def test_many_take_no_more_round_trips_than_few(self, anna: PSU) -> None:
        def round_trips(count: int) -> int:
            payments = [sent(anna, amount_minor=10) for _ in range(count)]
            for payment in payments:
                take_in(status_body(payment.pk.hex))
            return self.settle_all(payments)

        assert round_trips(2) == round_trips(10)
