"""Many transfers in one message: written, sent and answered together, and each ends as it would alone."""

import re
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from apps.accounts.queries import get_balance
from apps.clearing.iso20022.envelope import MessageMalformed
from apps.clearing.iso20022.reading import read_items
from apps.clearing.iso20022.schemas import parse_checked
from apps.clearing.models import ClearingDifference, ClearingInstruction, ClearingMessage, ClearingReport
from apps.clearing.rules import Direction, RecallReason
from apps.clearing.services import (
    prepare_recall_message,
    read_stored_message,
    recall_transfer,
    receive_message,
    reconcile_cycle,
)
from apps.clearing.tasks import collect
from apps.engine.execution import execute_payments
from apps.identity.models import PSU
from apps.ledger.queries import get_ledger_account, get_ledger_balance, get_ledger_sums
from apps.notifications.models import OutboxMessage
from apps.payments.models import PaymentInitiation
from apps.payments.rules import PaymentProduct
from examples.clearing_house import messages
from examples.clearing_house.messages import Status
from tests.clearing.conftest import House
from tests.factories.accounts import FOREIGN_IBAN, NOW, bank_accounts, customer
from tests.factories.clearing import (
    CYCLE,
    answer_body,
    instruction_of,
    line,
    report_body,
    return_body,
    send_out,
    settle,
    take_in,
    transfer_body,
    write_out,
)
from tests.factories.payments import signed_payments
from tests.sca.test_codes import in_parallel

pytestmark = pytest.mark.req("S0-46", "S0-48")


@pytest.fixture
def anna(db: None) -> PSU:
    bank_accounts()
    return customer("Anna", balance_minor=100_000)


@pytest.fixture(autouse=True)
def books_hold(db: None):
    yield
    assert get_ledger_sums().sound


def sent(anna: PSU, number: int = 3, **fields: object) -> list[PaymentInitiation]:
    """Payments of 1.00, 2.00, … that the engine handed over, in the order of their messages' ids."""
    payments = signed_payments([(anna, FOREIGN_IBAN, 100 * n) for n in range(1, number + 1)], **fields)
    with transaction.atomic():
        execute_payments(requests={payment.pk: "call" for payment in payments}, now=NOW)
    return sorted(payments, key=lambda payment: payment.pk)


def handed_over(anna: PSU, number: int = 3) -> tuple[list[PaymentInitiation], ClearingMessage]:
    payments = sent(anna, number)
    return payments, write_out(*payments)


def balance(psu: PSU) -> int:
    return get_balance(account=psu.account).booked_minor


def on_its_way() -> int:
    return get_ledger_balance(account_id=get_ledger_account(code="clearing:sepa-sct").pk).booked_minor


def ends(payments: list[PaymentInitiation]) -> list[tuple[str, str]]:
    """The engine acts on each, twice; where it stands then, and why."""
    for payment in payments * 2:
        settle(payment)
    return [
        (payment.transaction_status, payment.status_reason)
        for payment in PaymentInitiation.objects.filter(pk__in=[p.pk for p in payments]).order_by("pk")
    ]


def written() -> list[int]:
    """How many transfers each message of ours carries."""
    found = ClearingMessage.objects.filter(direction=Direction.OUT)
    return sorted(len(messages.read_message(message.body.encode()).items) for message in found)


def wake(*, all_due: bool = True) -> None:
    """The relay wakes the worker, the stretch being over."""
    if all_due:
        OutboxMessage.objects.filter(topic="clearing.collect").update(available_at=NOW - timedelta(days=3650))
    collect.run()


class TestWriting:
    def test_one_message_carries_them_all_with_number_and_sum(self, anna: PSU) -> None:
        payments, message = handed_over(anna)
        body = message.body.encode()
        parse_checked(body, name=messages.PACS_008)
        assert b"<NbOfTxs>3</NbOfTxs>" in body
        assert b'<TtlIntrBkSttlmAmt Ccy="EUR">6.00</TtlIntrBkSttlmAmt>' in body
        read = messages.read_message(body).items
        assert [item.tx_id for item in read] == [payment.pk.hex for payment in payments]
        assert [item.amount_minor for item in read] == [payment.amount_minor for payment in payments]
        assert {instruction_of(payment).message_id for payment in payments} == {message.pk}

    def test_the_bank_reads_what_it_writes(self, anna: PSU) -> None:
        _payments, message = handed_over(anna)
        assert sum(item.amount_minor for item in read_items(message.body.encode())) == 600

    def test_what_is_in_a_message_is_in_no_other(self, anna: PSU) -> None:
        first, second, third = sent(anna)
        message = write_out(first, second)
        other = write_out(third, first, second)
        assert message.pk != other.pk
        assert written() == [1, 2]

    def test_transfers_of_several_currencies_are_no_group(self, anna: PSU) -> None:
        payments = sent(anna)
        ClearingInstruction.objects.filter(payment_id=payments[0].pk).update(currency="CHF")
        with pytest.raises(MessageMalformed, match="no sum"):
            write_out(*payments)


class TestCollecting:
    def test_ordinary_ones_are_due_together_later_and_all_others_at_once_each(
        self, anna: PSU, settings: object
    ) -> None:
        settings.CLEARING_COLLECT_SECONDS = 60
        for seconds in (1, 59):
            payments = signed_payments([(anna, FOREIGN_IBAN, 100)])
            with transaction.atomic():
                execute_payments(
                    requests={payments[0].pk: "call"}, now=NOW.replace(second=0) + timedelta(seconds=seconds)
                )
        sent(anna, 2, payment_product=PaymentProduct.INSTANT_SEPA_CREDIT_TRANSFERS)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT topic, round(extract(epoch FROM available_at - now())) FROM notifications_outboxmessage"
                " WHERE topic IN ('clearing.collect', 'clearing.submit') ORDER BY 1, 2"
            )
            found = cursor.fetchall()
        assert found == [
            ("clearing.collect", 1),
            ("clearing.collect", 59),
            ("clearing.submit", 0),
            ("clearing.submit", 0),
        ]

    def test_before_it_is_time_nothing_is_written(self, anna: PSU) -> None:
        sent(anna)
        OutboxMessage.objects.filter(topic="clearing.collect").update(available_at=NOW + timedelta(days=3650))
        wake(all_due=False)
        assert written() == []

    def test_those_that_wait_go_in_sets_of_at_most_so_many(self, anna: PSU, settings: object) -> None:
        settings.OUTBOX_TOGETHER = settings.OUTBOX_TOGETHER | {"clearing.collect": 2}
        sent(anna, 5)
        wake()
        assert written() == [1, 2, 2]
        wake()
        assert written() == [1, 2, 2]

    def test_without_a_stretch_they_wait_for_nobody(self, anna: PSU, settings: object) -> None:
        settings.CLEARING_COLLECT_SECONDS = 0
        sent(anna)
        wake(all_due=False)
        assert written() == [3]

    def test_one_that_makes_no_message_holds_up_no_other(self, anna: PSU) -> None:
        payments = sent(anna)
        bad = ClearingInstruction.objects.get(payment_id=payments[1].pk)
        ClearingInstruction.objects.filter(pk=bad.pk).update(creditor_name="")
        with pytest.raises(MessageMalformed):
            wake()
        assert written() == [1, 1]
        (waits,) = OutboxMessage.objects.filter(topic="clearing.collect").exclude(status="done")
        assert (waits.payload, waits.attempts) == ({"instruction_id": str(bad.pk)}, 1)


class TestSending:
    def test_all_are_sent_with_their_message(self, anna: PSU, house: House) -> None:
        payments, message = handed_over(anna)
        assert send_out(message).status == "sent"
        send_out(message)
        assert [body for _signature, body in house.heard] == [message.body.encode()]
        assert {instruction_of(payment).status for payment in payments} == {"sent"}

    def test_a_group_refused_whole_gives_everybody_the_money_back(self, anna: PSU, house: House) -> None:
        payments, message = handed_over(anna)
        house.status, house.error = 400, "NbOfTxs does not say 3"
        message = send_out(message)
        assert (message.status, message.error) == ("refused", '400 {"error": "NbOfTxs does not say 3"}')
        assert ends(payments) == [("RJCT", "NARR")] * 3
        assert (balance(anna), on_its_way()) == (100_000, 0)

    def test_taken_and_the_answer_lost_it_is_sent_again_and_nothing_happens_twice(
        self, anna: PSU, house: House
    ) -> None:
        payments, message = handed_over(anna)
        house.status = 0
        assert send_out(message).status == "waiting"
        assert {instruction_of(payment).status for payment in payments} == {"submitted"}
        take_in(answer_body([Status(payment.pk.hex, "ACSC", "") for payment in payments]))
        assert ends(payments) == [("ACSC", "")] * 3
        house.status = 202
        assert send_out(message, attempt=1).status == "sent"
        assert (len(house.heard), len({body for _signature, body in house.heard})) == (2, 1)
        assert ends(payments) == [("ACSC", "")] * 3
        assert (balance(anna), on_its_way()) == (100_000 - 600, 0)
        assert not ClearingDifference.objects.exists()


class TestAnswers:
    def test_each_ends_as_its_own_line_says(self, anna: PSU) -> None:
        payments, message = handed_over(anna)
        statuses = [
            Status(payments[0].pk.hex, "ACSC", ""),
            Status(payments[1].pk.hex, "RJCT", "AC04"),
            Status(payments[2].pk.hex, "RJCT", "AC01"),
        ]
        body = answer_body(statuses, original=message.message_id)
        assert b"<GrpSts>PART</GrpSts>" in body
        take_in(body)
        take_in(body)
        assert ends(payments) == [("ACSC", ""), ("RJCT", "AC04"), ("RJCT", "AC01")]
        assert (balance(anna), on_its_way()) == (100_000 - payments[0].amount_minor, 0)
        assert not ClearingDifference.objects.exists()

    def test_some_now_and_the_others_later(self, anna: PSU) -> None:
        payments, message = handed_over(anna)
        for payment in payments:
            body = answer_body([Status(payment.pk.hex, "ACSC", "")], of=3, original=message.message_id)
            assert b"<GrpSts>PART</GrpSts>" in body
            take_in(body)
        assert ends(payments) == [("ACSC", "")] * 3

    @pytest.mark.parametrize(("status", "ending"), [("RJCT", ("RJCT", "AC06")), ("ACSC", ("ACSC", ""))])
    def test_one_word_about_the_group_is_one_about_each(
        self, anna: PSU, status: str, ending: tuple[str, str]
    ) -> None:
        payments, message = handed_over(anna)
        take_in(about_all(message.message_id, status))
        assert ends(payments) == [ending] * 3

    def test_a_group_on_its_way_is_no_answer(self, anna: PSU) -> None:
        payments, message = handed_over(anna)
        take_in(about_all(message.message_id, "ACSP"))
        assert ends(payments) == [("ACSP", "")] * 3

    def test_about_a_group_that_nobody_sent_is_for_staff(self, anna: PSU) -> None:
        message = take_in(about_all("T0", "RJCT"))
        found = ClearingDifference.objects.get()
        assert (found.kind, found.reference) == ("unknown", f"T0 {message.message_id}")

    def test_a_group_that_says_one_thing_and_its_lines_another_is_not_believed(self, anna: PSU) -> None:
        payments, message = handed_over(anna)
        body = answer_body(
            [Status(payments[0].pk.hex, "ACSC", ""), Status(payments[1].pk.hex, "RJCT", "AC04")],
            original=message.message_id,
        ).replace(b"<GrpSts>PART<", b"<GrpSts>ACSC<")
        refused = take_in(body)
        assert (refused.status, refused.error) == ("refused", "GrpSts says ACSC and not every TxSts does")
        assert ends(payments) == [("ACSP", "")] * 3

    def test_two_lines_about_one_transfer_are_not_believed(self, anna: PSU) -> None:
        payments, _message = handed_over(anna)
        tx_id = payments[0].pk.hex
        refused = take_in(answer_body([Status(tx_id, "ACSC", ""), Status(tx_id, "RJCT", "AC04")]))
        assert (refused.status, refused.error) == ("refused", f"{tx_id} comes twice")
        assert ends(payments) == [("ACSP", "")] * 3


@pytest.mark.django_db(transaction=True)
def test_two_answers_about_a_group_at_once_do_not_wait_for_one_another() -> None:
    bank_accounts()
    payments, message = handed_over(customer("Anna", balance_minor=1_000_000), 40)
    statuses = [Status(payment.pk.hex, "ACSC", "") for payment in payments]
    for order in (statuses, statuses[::-1]):
        receive_message(body=answer_body(order, original=message.message_id), now=NOW)
    rows = list(ClearingMessage.objects.filter(direction=Direction.IN))

    def read(number: int) -> None:
        with transaction.atomic():
            read_stored_message(message_id=rows[number].pk, now=NOW)

    assert in_parallel(2, read) == [None, None]
    assert {row.status for row in ClearingMessage.objects.filter(direction=Direction.IN)} == {"read"}
    assert ends(payments) == [("ACSC", "")] * 40


class TestOneOfMany:
    """A return, a recall and its refusal are about one transfer of a group and leave the others as they are."""

    @pytest.fixture
    def payments(self, anna: PSU) -> list[PaymentInitiation]:
        payments, message = handed_over(anna)
        take_in(
            answer_body(
                [Status(payment.pk.hex, "ACSC", "") for payment in payments], original=message.message_id
            )
        )
        assert ends(payments) == [("ACSC", "")] * 3
        return payments

    def test_a_return_credits_that_one(self, anna: PSU, payments: list[PaymentInitiation]) -> None:
        take_in(return_body(payments[1].pk.hex, payments[1].amount_minor, reason="MD07"))
        ends(payments)
        reasons = [PaymentInitiation.objects.get(pk=payment.pk).return_reason for payment in payments]
        assert reasons == ["", "MD07", ""]
        assert (balance(anna), on_its_way()) == (100_000 - 600 + payments[1].amount_minor, 0)

    def test_a_recall_names_that_one_and_its_message(
        self, anna: PSU, payments: list[PaymentInitiation]
    ) -> None:
        recall = self.recall(payments[2])
        with transaction.atomic():
            prepare_recall_message(recall_id=recall.pk, now=NOW)
        body = ClearingMessage.objects.get(message_id=f"K{recall.pk.hex}").body
        assert f"<OrgnlMsgId>T{payments[0].pk.hex}</OrgnlMsgId>" in body
        (asked,) = messages.read_message(body.encode()).items
        assert (asked.tx_id, asked.amount_minor, asked.reason) == (
            payments[2].pk.hex,
            payments[2].amount_minor,
            "DUPL",
        )
        take_in(return_body(payments[2].pk.hex, payments[2].amount_minor, reason="FOCR"))
        ends(payments)
        recall.refresh_from_db()
        assert recall.status == "paid"
        assert balance(anna) == 100_000 - 600 + payments[2].amount_minor

    def test_a_recall_may_be_refused(self, anna: PSU, payments: list[PaymentInitiation]) -> None:
        recall = self.recall(payments[0])
        take_in(
            messages.write_refusal_of_recall(
                "R1",
                case_id=recall.pk.hex,
                tx_id=payments[0].pk.hex,
                reason="CUST",
                bank_bic="LINDDEB0XXX",
                now=NOW,
            )
        )
        recall.refresh_from_db()
        assert (recall.status, recall.answer_reason) == ("refused", "CUST")
        assert balance(anna) == 100_000 - 600

    def test_the_cycle_is_compared_transfer_by_transfer(self, payments: list[PaymentInitiation]) -> None:
        lines = [line(payment.pk.hex, payment.amount_minor, is_credit=False) for payment in payments]
        take_in(report_body(lines))
        assert reconcile_cycle(report_id=ClearingReport.objects.get(cycle=CYCLE).pk, now=NOW) == 0

    def test_one_that_the_report_leaves_out_is_found(self, payments: list[PaymentInitiation]) -> None:
        take_in(
            report_body(
                [line(payment.pk.hex, payment.amount_minor, is_credit=False) for payment in payments[1:]]
            )
        )
        assert reconcile_cycle(report_id=ClearingReport.objects.get(cycle=CYCLE).pk, now=NOW) == 1
        found = ClearingDifference.objects.get()
        assert (found.kind, found.reference) == ("not_reported", payments[0].pk.hex)

    def recall(self, payment: PaymentInitiation):
        return recall_transfer(
            instruction_id=instruction_of(payment).pk,
            reason=RecallReason.DUPL,
            note="",
            staff_id=payment.psu.user_id,
            now=NOW,
        )


class TestIncomingGroups:
    """What the other side writes is held to the same rules."""

    @pytest.mark.parametrize(
        ("old", "new", "why"),
        [
            (b"<NbOfTxs>2<", b"<NbOfTxs>3<", "NbOfTxs does not say 2"),
            (b"84.00</TtlIntr", b"84.01</TtlIntr", "TtlIntrBkSttlmAmt is not the sum"),
            (b"</NbOfTxs>", b"</NbOfTxs><CtrlSum>84.01</CtrlSum>", "CtrlSum is not the sum"),
            (b"</NbOfTxs>", b"</NbOfTxs><CtrlSum>84.001</CtrlSum>", "CtrlSum is no amount"),
            (b"<TxId>tx2<", b"<TxId>tx1<", "tx1 comes twice"),
        ],
    )
    def test_a_wrong_group_is_refused_whole(self, anna: PSU, old: bytes, new: bytes, why: str) -> None:
        body = two_transfers(anna.account.iban)
        assert old in body
        assert take_in(body.replace(old, new)).error.find(why) >= 0
        assert ClearingMessage.objects.get().status == "refused"

    def test_a_right_one_is_taken(self, anna: PSU) -> None:
        body = two_transfers(anna.account.iban).replace(b"</NbOfTxs>", b"</NbOfTxs><CtrlSum>84</CtrlSum>")
        assert take_in(body).status == "read"

    def test_one_return_twice_in_a_message_is_refused(self, anna: PSU) -> None:
        good = return_body("t", return_id="r1").decode()
        (one,) = re.findall("<TxInf>.*</TxInf>", good)
        assert (
            take_in(good.replace(one, one * 2).replace("<NbOfTxs>1", "<NbOfTxs>2").encode()).error
            == "r1 comes twice"
        )


def about_all(message_id: str, status: str) -> bytes:
    """A pacs.002 with a word about the whole group and no lines."""
    body = answer_body([Status("x", status, "")], original=message_id)
    body = re.sub(b"<TxInfAndSts>.*</TxInfAndSts>", b"", body)
    why = b"<StsRsnInf><Rsn><Cd>AC06</Cd></Rsn></StsRsnInf>" if status == "RJCT" else b""
    return body.replace(b"</GrpSts>", b"</GrpSts>" + why)


def two_transfers(iban: str) -> bytes:
    good = transfer_body(iban, tx_id="tx1").decode()
    (one,) = re.findall("<CdtTrfTxInf>.*</CdtTrfTxInf>", good)
    body = good.replace(one, one + one.replace("<TxId>tx1<", "<TxId>tx2<"))
    return body.replace("<NbOfTxs>1", "<NbOfTxs>2").replace("42.00</TtlIntr", "84.00</TtlIntr").encode()


def test_the_migration_can_be_taken_back_and_made_again(anna: PSU) -> None:
    payments, message = handed_over(anna)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    call_command("migrate", "clearing", "0003", verbosity=0)
    assert [instruction_of(payment).message_id for payment in payments] == [message.pk, None, None]
    call_command("migrate", "clearing", verbosity=0)
    assert read_items(ClearingMessage.objects.get(instructions__payment_id=payments[0].pk).body.encode())
