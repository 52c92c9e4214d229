"""Every cycle against the ledger: what agrees is silent, what differs is put before staff and goes when mended."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import transaction

from apps.audit.models import AuditEvent
from apps.clearing.models import ClearingDifference, ClearingReport, IncomingTransfer
from apps.clearing.rules import RecallReason
from apps.clearing.services import (
    DifferenceSolved,
    RecallNotPossible,
    note_unanswered,
    prepare_recall_message,
    prepare_return_message,
    recall_transfer,
    reconcile_cycle,
    reconcile_open_cycles,
    solve_difference,
)
from apps.core.errors import InvalidInput, NotFound
from apps.core.iban import make_iban
from apps.engine.execution import execute_payment
from apps.engine.rails import time_out_payment
from apps.identity.models import PSU
from apps.payments.models import PaymentInitiation
from apps.payments.rules import PaymentProduct
from examples.clearing_house import messages as house
from tests.factories.accounts import NOW, bank_accounts, customer
from tests.factories.clearing import (
    CYCLE,
    answer,
    credit,
    instruction_of,
    line,
    report_body,
    return_body,
    settle,
    status_body,
    take_in,
    transfer_body,
)
from tests.factories.payments import authorised_payment

NOBODY_HERE = make_iban(country="DE", bank_code="10099900", account_number="4040404040")


@pytest.fixture
def anna(db: None) -> PSU:
    bank_accounts()
    return customer("Anna", balance_minor=10_000)


def sent(anna: PSU, **fields: object) -> PaymentInitiation:
    payment = authorised_payment(anna, **fields)
    with transaction.atomic():
        execute_payment(payment_id=payment.pk, now=NOW)
    payment.refresh_from_db()
    return payment


def out(payment: PaymentInitiation, amount_minor: int = 2_500) -> house.ReportLine:
    return line(payment.pk.hex, amount_minor, is_credit=False)


def reconcile(*lines: house.ReportLine, **fields: object) -> list[tuple[str, str]]:
    take_in(report_body(list(lines), **fields))
    report = ClearingReport.objects.get(cycle=fields.get("cycle", CYCLE))
    reconcile_cycle(report_id=report.pk, now=NOW)
    return differences()


def differences(status: str = "open") -> list[tuple[str, str]]:
    rows = ClearingDifference.objects.filter(status=status).order_by("kind", "reference")
    return list(rows.values_list("kind", "reference"))


class TestWhatAgrees:
    def test_an_outgoing_transfer(self, anna: PSU) -> None:
        assert reconcile(out(answer(sent(anna)))) == []
        assert ClearingReport.objects.get().reconciled_at == NOW

    def test_all_four_ways_money_goes(self, anna: PSU) -> None:
        payment = answer(sent(anna))
        take_in(return_body(payment.pk.hex, return_id="r1"))
        settle(payment)
        take_in(transfer_body(anna.account.iban, tx_id="good"))
        take_in(transfer_body(NOBODY_HERE, tx_id="bad", amount_minor=77))
        for incoming in IncomingTransfer.objects.all():
            credit(incoming)
        bad = IncomingTransfer.objects.get(transaction_id="bad")
        with transaction.atomic():
            prepare_return_message(incoming_id=bad.pk, now=NOW)
        back = f"B{bad.pk.hex}"
        take_in(status_body("bad", original=back, name=house.PACS_004))
        credit(bad)
        assert (
            reconcile(
                out(payment),
                line(payment.pk.hex, 2_500, is_credit=True, return_id="r1", is_return=True),
                line("good", 4_200, is_credit=True),
                line("bad", 77, is_credit=True),
                line("bad", 77, is_credit=False, return_id=back, is_return=True),
            )
            == []
        )

    def test_a_transfer_of_another_cycle_is_not_missed(self, anna: PSU) -> None:
        answer(sent(anna), cycle="SCT-20261121-2")
        assert reconcile(out(answer(sent(anna)))) == []

    def test_cycles_that_follow_one_another(self, anna: PSU) -> None:
        reconcile(out(answer(sent(anna))))
        second = answer(sent(anna), cycle="SCT-2")
        assert reconcile(out(second), cycle="SCT-2", number=2, opening_minor=-2_500) == []

    def test_late_money_that_was_recalled(self, anna: PSU) -> None:
        payment = sent(anna, product=PaymentProduct.INSTANT_SEPA_CREDIT_TRANSFERS)
        with transaction.atomic():
            time_out_payment(instruction_id=instruction_of(payment).pk, now=NOW)
        answer(payment)
        take_in(return_body(payment.pk.hex, return_id="r1", reason="FOCR"))
        settle(payment)
        back = line(payment.pk.hex, 2_500, is_credit=True, return_id="r1", is_return=True)
        assert reconcile(out(payment), back) == [("late_acceptance", payment.pk.hex)]


class TestWhatDiffers:
    def test_reported_and_not_in_our_books(self, anna: PSU) -> None:
        assert reconcile(line("stranger", 1, is_credit=False)) == [("not_booked", "stranger")]

    def test_told_and_never_booked_by_the_engine(self, anna: PSU) -> None:
        payment = sent(anna)
        take_in(status_body(payment.pk.hex))  # The engine has not acted.
        assert reconcile(out(payment)) == [("not_booked", payment.pk.hex)]

    def test_in_our_books_and_not_reported(self, anna: PSU) -> None:
        payment = answer(sent(anna))
        assert reconcile() == [("not_reported", payment.pk.hex)]
        found = ClearingDifference.objects.get()
        assert (found.ours_minor, found.theirs_minor) == (2_500, None)

    def test_another_amount(self, anna: PSU) -> None:
        payment = answer(sent(anna))
        assert reconcile(out(payment, 2_501)) == [("amount", payment.pk.hex)]
        found = ClearingDifference.objects.get()
        assert (found.ours_minor, found.theirs_minor) == (2_500, 2_501)

    def test_reported_twice_in_one_cycle(self, anna: PSU) -> None:
        payment = answer(sent(anna))
        assert reconcile(out(payment), out(payment)) == [("amount", payment.pk.hex)]

    def test_on_the_wrong_side(self, anna: PSU) -> None:
        payment = answer(sent(anna))
        assert reconcile(line(payment.pk.hex, 2_500, is_credit=True)) == [
            ("not_booked", payment.pk.hex),
            ("not_reported", payment.pk.hex),
        ]

    def test_a_closing_balance_that_does_not_follow(self, anna: PSU) -> None:
        payment = answer(sent(anna))
        assert reconcile(out(payment), closing_minor=-2_499) == [("balance", "closing balance")]

    def test_an_opening_balance_that_does_not_follow(self, anna: PSU) -> None:
        reconcile(out(answer(sent(anna))))
        second = answer(sent(anna), cycle="SCT-2")
        assert reconcile(out(second), cycle="SCT-2", number=2, opening_minor=0) == [
            ("balance", "opening balance")
        ]

    def test_a_report_that_is_missing(self, anna: PSU) -> None:
        payment = answer(sent(anna))
        assert reconcile(out(payment), number=2, opening_minor=10) == [("balance", "opening balance")]

    def test_another_report_of_the_same_cycle(self, anna: PSU) -> None:
        payment = answer(sent(anna))
        reconcile(out(payment))
        take_in(report_body([out(payment), line("x", 1, is_credit=False)], mid="C9"))
        assert differences() == [("contradiction", "C9")]

    def test_an_ordinary_transfer_that_nobody_answers(self, anna: PSU, settings: object) -> None:
        payment = sent(anna)
        late = NOW + timedelta(seconds=settings.CLEARING_ANSWER_SECONDS)
        assert note_unanswered(now=late) == 0
        for _ in range(2):
            assert note_unanswered(now=late + timedelta(seconds=1)) == 1
        assert differences() == [("unanswered", payment.pk.hex)]


class TestMending:
    def test_what_was_late_goes_by_itself(self, anna: PSU) -> None:
        payment = sent(anna)
        assert reconcile(out(payment)) == [("not_booked", payment.pk.hex)]
        answer(payment)
        assert reconcile_open_cycles(now=NOW) == 1
        assert (differences(), differences("solved")) == ([], [("not_booked", payment.pk.hex)])
        assert ClearingDifference.objects.get().solved_by is None
        assert reconcile_open_cycles(now=NOW) == 0

    def test_comparing_again_finds_nothing_new(self, anna: PSU) -> None:
        reconcile()
        found = reconcile(line("stranger", 1, is_credit=False), cycle="SCT-2", number=2)
        reconcile_open_cycles(now=NOW)
        assert differences() == found
        assert len(found) == 1

    def test_staff_solve_it_and_it_stays_solved(self, anna: PSU) -> None:
        reconcile(line("stranger", 1, is_credit=False))
        difference, staff_id = ClearingDifference.objects.get(), uuid4()
        solve_difference(difference_id=difference.pk, note="Booked by hand", staff_id=staff_id, now=NOW)
        reconcile_open_cycles(now=NOW)
        reconcile_cycle(report_id=ClearingReport.objects.get().pk, now=NOW)
        assert differences() == []
        difference.refresh_from_db()
        assert (difference.solved_by, difference.note) == (staff_id, "Booked by hand")
        event = AuditEvent.objects.get(event="clearing.difference.solved")
        assert (event.actor_type, event.actor_id) == ("staff", str(staff_id))

    def test_solving_it_twice_is_refused(self, anna: PSU) -> None:
        reconcile(line("stranger", 1, is_credit=False))
        order = {"difference_id": ClearingDifference.objects.get().pk, "staff_id": uuid4(), "now": NOW}
        solve_difference(note="x", **order)
        with pytest.raises(DifferenceSolved):
            solve_difference(note="y", **order)

    @pytest.mark.parametrize("note", ["", "  ", "x" * 501, "a\u202eb"])
    def test_without_a_reason_it_is_not_solved(self, anna: PSU, note: str) -> None:
        reconcile(line("stranger", 1, is_credit=False))
        with pytest.raises(InvalidInput):
            solve_difference(
                difference_id=ClearingDifference.objects.get().pk, note=note, staff_id=uuid4(), now=NOW
            )

    def test_what_is_not_there_cannot_be_solved(self, db: None) -> None:
        with pytest.raises(NotFound):
            solve_difference(difference_id=uuid4(), note="x", staff_id=uuid4(), now=NOW)


class TestRecalls:
    def recall(self, payment: PaymentInitiation):
        return recall_transfer(
            instruction_id=instruction_of(payment).pk,
            reason=RecallReason.FRAD,
            note="",
            staff_id=uuid4(),
            now=NOW,
        )

    def test_a_settled_transfer_is_asked_back_and_comes(self, anna: PSU) -> None:
        payment = answer(sent(anna))
        recall = self.recall(payment)
        with transaction.atomic():
            prepare_recall_message(recall_id=recall.pk, now=NOW)
        body = (
            instruction_of(payment)
            ._meta.apps.get_model("clearing", "ClearingMessage")
            .objects.get(direction="out")
            .body
        )
        (asked,) = house.read_message(body.encode()).items
        assert (asked.tx_id, asked.amount_minor, asked.reason) == (payment.pk.hex, 2_500, "FRAD")
        take_in(return_body(payment.pk.hex, reason="FOCR"))
        payment = settle(payment)
        recall.refresh_from_db()
        assert (recall.status, payment.return_reason) == ("paid", "FOCR")

    def test_the_other_side_may_refuse(self, anna: PSU) -> None:
        payment = answer(sent(anna))
        recall = self.recall(payment)
        refusal = house.write_refusal_of_recall(
            "R1", case_id=recall.pk.hex, tx_id=payment.pk.hex, reason="CUST", bank_bic="LINDDEB0XXX", now=NOW
        )
        take_in(refusal)
        recall.refresh_from_db()
        assert (recall.status, recall.answer_reason) == ("refused", "CUST")

    @pytest.mark.parametrize("case_id", ["nothing", "0" * 32])
    def test_a_refusal_of_what_nobody_asked_is_for_staff(self, anna: PSU, case_id: str) -> None:
        take_in(
            house.write_refusal_of_recall(
                "R1", case_id=case_id, tx_id="t", reason="CUST", bank_bic="LINDDEB0XXX", now=NOW
            )
        )
        assert differences() == [("unknown", "t R1")]

    def test_what_is_on_its_way_cannot_be_recalled(self, anna: PSU) -> None:
        with pytest.raises(RecallNotPossible):
            self.recall(sent(anna))

    def test_nor_what_came_back_nor_twice(self, anna: PSU) -> None:
        payment = answer(sent(anna))
        self.recall(payment)
        with pytest.raises(RecallNotPossible):
            self.recall(payment)
        other = answer(sent(anna))
        take_in(return_body(other.pk.hex))
        with pytest.raises(RecallNotPossible):
            self.recall(other)
