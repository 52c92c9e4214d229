"""Every product, and every change of a payment's and an instruction's status, over the wire.

The last test compares what was seen with the tables: a change that no journey makes fails it.
"""

import os
import re
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time

import pytest
from lxml import etree
from sepaxml import SepaTransfer

from apps.clearing import rules as clearing
from apps.core.clock import BANK_TIME_ZONE, bank_date
from apps.core.target_calendar import is_business_day
from apps.payments import rules as payments
from apps.sandbox.clock import CACHED_SECONDS
from deploy.local.browser import Browser, Form, Page
from tests.journeys.people import (
    Customer,
    Machine,
    eventually,
    final_status,
    form_with,
    payment_id_in,
    query,
    status_of,
)
from tests.journeys.stack import HTTP, RunningStack, running_stack
from tests.journeys.test_bulk import sign, status, upload
from tests.journeys.test_clearing import (
    CLOSED,
    KEEPS,
    PAID,
    RETURNS,
    RETURNS_FIRST,
    SILENT,
    House,
    at_other_bank,
    differences,
    on_its_way,
    returned,
)
from tests.journeys.watch import Watch

TURKISH = {"creditor_iban": "TR330006100519786457841326", "creditor_agent": "TGBATRIS"}
ABROAD, URGENT = "cross-border-credit-transfers", "target-2-payments"
ITEMS = int(os.environ.get("BULK_TEST_ITEMS", "1000"))  # Of a large file.
INSTANT, ORDINARY = "instant-sepa-credit-transfers", "sepa-credit-transfers"


@pytest.fixture(scope="module")
def bank() -> Iterator[RunningStack]:
    """A bank of its own: its clock is moved into TARGET's hours, and everything in it is watched."""
    with running_stack() as stack:
        _wait_for_target(stack)
        for watch in _watches(stack):
            watch.begin()
        yield stack


@pytest.fixture
def house(bank: RunningStack) -> House:
    return House(bank)


@pytest.fixture
def anna(bank: RunningStack) -> Iterator[Customer]:
    customer = Customer(bank, "anna")
    customer.sign_in()
    yield customer
    bank.start_all()


@pytest.fixture(autouse=True)
def books_hold(bank: RunningStack):
    """After every test, whatever happened in it."""
    yield
    assert bank.ledger()["sound"]
    assert not query(bank, "SELECT 1 FROM notifications_outboxmessage WHERE status = 'dead'")


class TestProducts:
    @pytest.mark.parametrize(
        ("product", "rail", "has_fee"),
        [(ORDINARY, "sct", False), (INSTANT, "inst", False), (URGENT, "t2", True), (ABROAD, "xb", True)],
    )
    def test_is_paid_and_refused_on_its_own_rail(
        self, bank: RunningStack, anna: Customer, house: House, product: str, rail: str, has_fee: bool
    ) -> None:
        before = anna.balance_minor()
        paid = order(anna, product)
        assert final_status(bank, paid) == "ACSC"
        fee = fee_of(bank, paid)
        assert (fee > 0) == has_fee
        assert anna.balance_minor() == before - 700 - fee
        assert (house.transfer(paid)["rail"], house.transfer(paid)["status"]) == (rail, "settled")
        house.order("next", act="reject", reason="AC04")
        refused = order(anna, product)
        assert final_status(bank, refused) == "RJCT"
        assert reason_of(bank, refused) == "AC04"
        assert anna.balance_minor() == before - 700 - fee  # The fee of the refused one came back too.
        eventually(lambda: not any(on_its_way(bank).values()), what="the settlement")

    @pytest.mark.parametrize("product", [URGENT, ABROAD])
    def test_what_costs_a_fee_comes_back_without_it(
        self, bank: RunningStack, anna: Customer, house: House, product: str
    ) -> None:
        before = anna.balance_minor()
        house.order("next", act="return", reason="MD07")
        payment_id = order(anna, product)
        assert returned(bank, payment_id) == "MD07"
        assert final_status(bank, payment_id) == "ACSC"
        assert anna.balance_minor() == before - fee_of(bank, payment_id)

    def test_by_way_of_a_tpp_abroad(self, bank: RunningStack, anna: Customer) -> None:
        answer = Machine(bank, "ShopPay").call(
            "POST",
            f"/v1/payments/{ABROAD}",
            scope="pisp",
            headers={"TPP-Redirect-URI": bank.tpp("ShopPay")["redirect_uris"][0]},
            json={
                "debtorAccount": {"iban": anna.iban},
                "instructedAmount": {"currency": "EUR", "amount": "7.00"},
                "creditorAccount": {"iban": TURKISH["creditor_iban"]},
                "creditorAgent": TURKISH["creditor_agent"],
                "creditorName": "Somebody Else",
                "chargeBearer": "SHAR",
            },
        )
        assert answer.status_code == 201, answer.text
        assert int(float(answer.json()["transactionFees"]["amount"]) * 100) > 0
        assert status_of(bank, answer.json()["paymentId"]) == "RCVD"


class TestOrders:
    """What becomes of a payment before it leaves the bank."""

    def test_inside_the_bank_it_is_done_at_once(self, bank: RunningStack, anna: Customer) -> None:
        emil = Customer(bank, "emil")
        payment_id = anna.transfer(creditor_name="Emil", creditor_iban=emil.iban, amount="1.00")
        assert final_status(bank, payment_id) == "ACSC"

    def test_without_money_it_is_refused(self, bank: RunningStack) -> None:
        bruno = Customer(bank, "bruno")
        bruno.sign_in()
        payment_id = order(bruno, ORDINARY, amount="700.00")
        assert final_status(bank, payment_id) == "RJCT"
        assert reason_of(bank, payment_id) == "AM04"

    def test_taken_back_before_it_is_signed(self, bank: RunningStack, anna: Customer) -> None:
        review = anna.order_transfer(
            creditor_name="Somebody Else", creditor_iban=at_other_bank(PAID), amount="7.00"
        )
        anna.browser.submit(form_to(review, "/cancel/"), {})
        assert status_of(bank, payment_id_in(review.url)) == "CANC"

    def test_taken_back_before_its_day(self, bank: RunningStack, anna: Customer) -> None:
        day = bank_date(bank_now(bank)) + timedelta(days=10)
        payment_id = order(anna, ORDINARY, execution_date=day.isoformat())
        assert status_of(bank, payment_id) == "ACTC"
        page = anna.browser.open(f"{bank.bank_url}/pay/{payment_id}/")
        anna.browser.submit(form_to(page, "/cancel/"), {})
        assert status_of(bank, payment_id) == "CANC"

    def test_the_customer_says_no_to_a_tpps_payment(self, bank: RunningStack, anna: Customer) -> None:
        body = Machine(bank, "ShopPay").initiate(debtor_iban=anna.iban, creditor_iban=at_other_bank(PAID))
        page = anna.browser.open(body["_links"]["scaRedirect"]["href"])
        anna.browser.submit(form_to(page, "/cancel/"), {})
        assert status_of(bank, body["paymentId"]) == "RJCT"
        assert reason_of(bank, body["paymentId"]) == "CUST"


@pytest.mark.req("P-64")
class TestTwoWhoMustSign:
    """Over the real processes with their own database roles: nothing is booked before both have signed."""

    @pytest.fixture
    def david(self, bank: RunningStack) -> Customer:
        customer = Customer(bank, "david")
        customer.sign_in()
        return customer

    @pytest.fixture
    def dora(self, bank: RunningStack) -> Customer:
        customer = Customer(bank, "dora")
        customer.sign_in()
        return customer

    def signed_once(self, david: Customer, *, creditor_iban: str) -> str:
        account = next(one for one in david.record["accounts"] if one["name"] == "Baukonto")
        payment_id = david.transfer(
            creditor_name="Krüger Werkzeugbau e.K.",
            creditor_iban=creditor_iban,
            amount="12.34",
            from_account=account["resource_id"],
        )
        assert status_of(david.stack, payment_id) == "PATC"
        promised = "SELECT 1 FROM notifications_outboxmessage WHERE payload->>'payment_id' = %s"
        assert not query(david.stack, promised, payment_id)
        return payment_id

    def test_the_money_moves_when_both_have(
        self, bank: RunningStack, david: Customer, dora: Customer
    ) -> None:
        emil = Customer(bank, "emil")
        before = emil.balance_minor()
        payment_id = self.signed_once(david, creditor_iban=emil.iban)
        home = dora.browser.open(f"{bank.bank_url}/home/")
        assert "freigegeben von David Hoffmann" in home.text  # What waits for her; she reads German.
        page, code = dora.ask_for_code(dora.browser.open(f"{bank.bank_url}/pay/{payment_id}/review/"))
        done = dora.browser.submit(form_with(page, "code"), {"code": code})
        assert payment_id_in(done.url) == payment_id
        assert final_status(bank, payment_id) == "ACSC"
        assert emil.balance_minor() == before + 1234

    @pytest.mark.parametrize(
        ("who", "does", "status"), [("dora", "/decline/", "RJCT"), ("david", "/cancel/", "CANC")]
    )
    def test_either_can_stop_it(
        self, bank: RunningStack, david: Customer, dora: Customer, who: str, does: str, status: str
    ) -> None:
        payment_id = self.signed_once(david, creditor_iban=at_other_bank(PAID))
        browser = {"dora": dora, "david": david}[who].browser
        browser.submit(form_to(browser.open(f"{bank.bank_url}/pay/{payment_id}/"), does), {})
        assert status_of(bank, payment_id) == status


class TestGroups:
    """What waits together goes in one message, and each transfer of it ends by itself."""

    @pytest.mark.req("S0-46", "S0-48")
    def test_a_file_is_one_message_in_which_each_ends_with_its_own_reason(
        self, bank: RunningStack, anna: Customer, house: House
    ) -> None:
        before, open_before = anna.balance_minor(), differences(bank)
        file_id = pay_file(anna, PAID, CLOSED, RETURNS, RETURNS_FIRST, KEEPS)
        eventually(lambda: all(row["ended"] for row in items(bank, file_id).values()), what="all answers")
        eventually(lambda: anna.balance_minor() == before - 200, what="what comes back")
        found = items(bank, file_id)
        assert {number: (row["status"], row["reason"], row["back"]) for number, row in found.items()} == {
            PAID: ("ACSC", "", ""),
            CLOSED: ("RJCT", "AC04", ""),
            RETURNS: ("ACSC", "", "AC04"),
            RETURNS_FIRST: ("ACSC", "", "MD07"),
            KEEPS: ("ACSC", "", ""),
        }
        (message_id,) = {row["message_id"] for row in transfers(house, found)}
        assert message_id in {row["message_id"] for row in house.show("received")}
        eventually(lambda: not any(on_its_way(bank).values()), what="the settlement")
        compared(bank, house)
        eventually(lambda: differences(bank) <= open_before, seconds=90, what="agreement")

    def test_staff_recall_one_of_a_group_and_the_others_stay_paid(
        self, bank: RunningStack, anna: Customer
    ) -> None:
        before = anna.balance_minor()
        file_id = pay_file(anna, PAID, KEEPS)
        eventually(lambda: status(bank, file_url(bank, file_id)) == "ACSC", what="the payments")
        found, rita = items(bank, file_id), signed_in_staff(bank)
        for number in (PAID, KEEPS):
            recall(rita, bank, instruction_of(bank, found[number]["id"]))
        eventually(
            lambda: recalls(bank, file_id) == {PAID: ("paid", ""), KEEPS: ("refused", "CUST")},
            what="the answers to both recalls",
        )
        eventually(lambda: anna.balance_minor() == before - 100, what="the money that was recalled")
        assert items(bank, file_id)[PAID]["back"] == "FOCR"
        assert items(bank, file_id)[KEEPS]["back"] == ""

    def test_single_payments_that_wait_go_together(
        self, bank: RunningStack, anna: Customer, house: House
    ) -> None:
        signs = [
            anna.ask_for_code(
                anna.order_transfer(
                    creditor_name="Somebody Else", creditor_iban=at_other_bank(PAID), amount=amount
                )
            )
            for amount in ("1.01", "1.02")
        ]
        bank.stop("worker")
        ids = [
            payment_id_in(anna.browser.submit(form_with(page, "code"), {"code": code}).url)
            for page, code in signs
        ]
        eventually(lambda: {status_of(bank, one) for one in ids} == {"ACSP"}, what="the debits")
        eventually(lambda: all_due(bank), what="the end of the stretch")
        bank.start("worker")
        assert [final_status(bank, one) for one in ids] == ["ACSC", "ACSC"]
        assert len({house.transfer(one)["message_id"] for one in ids}) == 1

    @pytest.mark.req("S0-48")
    @pytest.mark.parametrize("point", ["clearing.written", "clearing.sending"])
    def test_a_worker_killed_before_it_hands_over_loses_nothing_and_doubles_nothing(
        self, bank: RunningStack, anna: Customer, house: House, point: str
    ) -> None:
        before = anna.balance_minor()
        restart(bank, "relay", OUTBOX_REDELIVERY_SECONDS="2")
        restart(bank, "worker", CRASH_AT=f"{point}:1")
        file_id = pay_file(anna, PAID, PAID)
        eventually(lambda: not bank.is_running("worker"), what="the worker's death")
        assert transfers(house, items(bank, file_id)) == []
        bank.start("worker")
        eventually(lambda: status(bank, file_url(bank, file_id)) == "ACSC", what="the payments")
        assert anna.balance_minor() == before - 200
        assert len({row["message_id"] for row in transfers(house, items(bank, file_id))}) == 1

    @pytest.mark.req("S0-48")
    def test_a_worker_killed_after_it_handed_over_learns_the_end_from_the_answers(
        self, bank: RunningStack, anna: Customer, house: House
    ) -> None:
        """The house has the group and the bank does not know it: every answer is about what it thinks is unsent."""
        before = anna.balance_minor()
        restart(bank, "relay", OUTBOX_REDELIVERY_SECONDS="600")  # So that the answers come first.
        restart(bank, "worker", CRASH_AT="clearing.handed_over:1")
        house.order("next", act="pay")
        house.order("next", act="reject", reason="AC01")
        # Its answer is so late that the return is surely read before.
        house.order("next", act="return_first", reason="MD07", seconds=15)
        file_id = pay_file(anna, PAID, PAID, PAID)
        eventually(lambda: not bank.is_running("worker"), what="the worker's death")
        bank.start("worker")
        eventually(lambda: all(row["ended"] for row in items(bank, file_id).values()), what="all answers")
        assert sorted(
            (row["status"], row["reason"], row["back"]) for row in items(bank, file_id).values()
        ) == [("ACSC", "", ""), ("ACSC", "", "MD07"), ("RJCT", "AC01", "")]
        eventually(lambda: anna.balance_minor() == before - 100, what="what comes back")
        # And now it is sent once more.
        restart(bank, "relay")
        query(
            bank,
            "UPDATE notifications_outboxmessage SET available_at = now()"
            " WHERE topic = 'clearing.send_message' AND status = 'sent'",
        )
        eventually(
            lambda: query(bank, "SELECT 1 FROM clearing_clearingmessage WHERE status = 'waiting'") == [],
            what="the second sending",
        )
        assert len(transfers(house, items(bank, file_id))) == 3
        assert anna.balance_minor() == before - 100
        eventually(lambda: not any(on_its_way(bank).values()), what="the settlement")

    def test_a_house_that_is_away_gets_the_group_later(self, bank: RunningStack, anna: Customer) -> None:
        before = anna.balance_minor()
        bank.kill("clearing")
        file_id = pay_file(anna, PAID, CLOSED)
        eventually(
            lambda: query(
                bank, "SELECT 1 FROM clearing_clearingmessage WHERE status = 'waiting' AND attempts > 1"
            ),
            what="two tries",
        )
        bank.start("clearing")
        eventually(
            lambda: all(row["ended"] for row in items(bank, file_id).values()), seconds=90, what="all answers"
        )
        assert sorted(row["status"] for row in items(bank, file_id).values()) == ["ACSC", "RJCT"]
        assert anna.balance_minor() == before - 100


@pytest.mark.req("S3-21", "RTS-5(3)(b)")
def test_a_file_of_another_program_from_the_upload_to_the_report(bank: RunningStack) -> None:
    """``BULK_TEST_ITEMS=100000`` makes it as large as a file may be."""
    emil, dora = Customer(bank, "emil"), Customer(bank, "dora")
    emil.sign_in()
    before, patience = (emil.balance_minor(), dora.balance_minor()), 60 + ITEMS / 50
    content = written_by_sepaxml(bank, emil, inside=dora.iban, outside=at_other_bank(PAID))
    url = upload(emil, content, name="salaries.xml", seconds=patience)
    assert status(bank, url) == "RCVD"
    still_signed_in(emil, url)
    known = len(emil.messages())
    sign(emil, url)
    eventually(lambda: status(bank, url) == "ACSC", seconds=patience, what="the last answer")
    assert len(emil.messages()) == known + 1
    assert (emil.balance_minor(), dora.balance_minor()) == (before[0] - ITEMS, before[1] + ITEMS // 2)
    groups, sent = query(
        bank,
        "SELECT count(DISTINCT c.message_id), count(*) FROM clearing_clearinginstruction c"
        " JOIN bulk_paymentitem i ON i.id = c.payment_id JOIN bulk_paymentbatch b ON b.id = i.batch_id"
        " WHERE b.file_id = %s",
        url.split("/")[-2],
    )[0]
    assert sent == ITEMS // 2
    assert groups <= 2 + sent / 100  # Up to five hundred in a message; how many are due at once is chance.
    still_signed_in(emil, url)
    report = emil.browser.open(f"{url}report/").response.content
    assert [one.text for one in etree.fromstring(report).iter("{*}TxSts")] == ["ACSC"] * ITEMS


def still_signed_in(customer: Customer, url: str) -> None:
    """Whoever only waits is signed out after five minutes."""
    if "/sign-in/" in customer.browser.open(url).url:
        customer.sign_in()


def written_by_sepaxml(bank: RunningStack, emil: Customer, *, inside: str, outside: str) -> bytes:
    """A cent each; every other payee has his account here."""
    transfer = SepaTransfer(
        {"name": "Krueger Werkzeugbau", "IBAN": emil.iban, "batch": True, "currency": "EUR"},
        schema="pain.001.001.03",
        clean=True,
    )
    day = bank_date(bank_now(bank))
    for number in range(ITEMS):
        transfer.add_payment(
            {
                "name": f"Payee {number}",
                "IBAN": inside if number % 2 else outside,
                "amount": 1,
                "execution_date": day,
                "description": f"Salary {number}",
                "endtoend_id": f"S-{number}",
            }
        )
    return bytes(transfer.export(validate=False))


@pytest.mark.req("IPR-5a(4)")
def test_without_an_answer_both_are_given_up_sent_or_not(
    bank: RunningStack, anna: Customer, house: House
) -> None:
    before = anna.balance_minor()
    heard = order(anna, INSTANT, account_number=SILENT)
    eventually(
        lambda: house.transfer(heard) and instruction_status(bank, heard) == "sent", what="the sending"
    )
    bank.kill("clearing")
    unheard = order(anna, INSTANT)
    assert [final_status(bank, one) for one in (heard, unheard)] == ["RJCT", "RJCT"]
    assert {reason_of(bank, one) for one in (heard, unheard)} == {"AB05"}
    assert anna.balance_minor() == before
    bank.start("clearing")


@pytest.mark.req("P-78", "RTS-14")
def test_what_is_ordered_for_a_day_is_paid_on_it_and_not_before(
    bank: RunningStack, anna: Customer, house: House
) -> None:
    """By the customer, by a TPP and by a standing order; released by beat. The bank's clock goes on by two days."""
    first, second = _business_days_from(bank, 2)
    before, shop = anna.balance_minor(), Machine(bank, "ShopPay")
    asked = shop.initiate(
        debtor_iban=anna.iban,
        creditor_iban=at_other_bank(PAID),
        amount="9.00",
        requestedExecutionDate=first.isoformat(),
    )
    approve(anna, asked["_links"]["scaRedirect"]["href"])
    single = {
        day: order(anna, ORDINARY, amount=amount, execution_date=day.isoformat())
        for day, amount in ((first, "3.00"), (second, "5.00"))
    }
    series = {
        day: order_series(anna, start=day, amount=amount)
        for day, amount in ((first, "2.00"), (second, "4.00"))
    }

    def untouched(day: date) -> bool:
        """Nothing of that day has moved, for nobody who looks."""
        ids = [single[day], *([asked["paymentId"]] if day == first else [])]
        return (
            {status_of(bank, one) for one in ids} == {"ACTC"}
            and not any(house.transfer(one) for one in ids)
            and executions(bank, series[day]) == []
        )

    assert untouched(first)
    assert untouched(second)
    assert shop.status(asked["paymentId"]) == "ACTC"
    assert anna.balance_minor() == before

    _move_clock(bank, to=first)
    (instance,) = eventually(lambda: executions(bank, series[first]), what="the standing order's first")
    for payment_id in (single[first], asked["paymentId"], instance):
        assert final_status(bank, payment_id) == "ACSC"
        assert house.transfer(payment_id)["rail"] == "sct"
    assert shop.status(asked["paymentId"]) == "ACSC"
    assert untouched(second)  # And beat has been there, in both tables.
    assert anna.balance_minor() == before - 900 - 300 - 200

    # Idle for a day, by the bank's clock: no session outlives it.
    assert "/sign-in/" in anna.browser.open(f"{bank.bank_url}/home/").url
    anna.sign_in()
    assert "Paid" in anna.browser.open(f"{bank.bank_url}/pay/{single[first]}/").text
    links = anna.browser.open(f"{bank.bank_url}/pay/standing/{series[first]}/").links
    assert [payment_id_in(link.href) for link in links if instance in link.href] == [instance]
    assert "None yet" in anna.browser.open(f"{bank.bank_url}/pay/standing/{series[second]}/").text

    _move_clock(bank, to=second)
    (other,) = eventually(lambda: executions(bank, series[second]), what="the other standing order's first")
    assert [final_status(bank, one) for one in (single[second], other)] == ["ACSC", "ACSC"]
    assert executions(bank, series[first]) == [instance]  # Weekly: not on the second day.
    assert anna.balance_minor() == before - 900 - 300 - 200 - 500 - 400
    eventually(lambda: not any(on_its_way(bank).values()), what="the settlement")
    sent = (*single.values(), asked["paymentId"], instance, other)
    assert {house.transfer(one)["status"] for one in sent} == {"settled"}
    ledger = bank.ledger()
    assert ledger["difference_minor"] == ledger["unbalanced_entries"] == 0


@pytest.mark.req("P-80", "RTS-14", "RTS-36(1)(b)", "S0-46")
def test_a_standing_order_of_a_tpp_is_signed_at_the_bank_paid_on_its_day_and_told(
    bank: RunningStack, anna: Customer, house: House
) -> None:
    """Initiated at the interface, signed on the bank's pages, seen and ended in the portal; told at each step."""
    (first,) = _business_days_from(bank, 1)
    before, shop, periodic = anna.balance_minor(), Machine(bank, "ShopPay"), "periodic-payments"
    asked = shop.initiate(
        service=periodic,
        debtor_iban=anna.iban,
        creditor_iban=at_other_bank(PAID),
        amount="6.00",
        headers={"TPP-Notification-URI": f"{bank.tpp_url}/notify"},
        startDate=first.isoformat(),
        frequency="Weekly",
    )
    order_id = asked["paymentId"]
    page = anna.browser.open(asked["_links"]["scaRedirect"]["href"])
    assert "every week" in page.text
    approve(anna, asked["_links"]["scaRedirect"]["href"])
    assert shop.status(order_id, service=periodic) == "ACTC"
    listed = anna.browser.open(f"{bank.bank_url}/pay/standing/").text
    assert "through ShopPay" in listed
    assert executions(bank, order_id) == []

    _move_clock(bank, to=first)
    (payment,) = eventually(lambda: executions(bank, order_id), what="its first payment")
    assert final_status(bank, payment) == "ACSC"
    assert house.transfer(payment)["rail"] == "sct"
    assert anna.balance_minor() == before - 600
    assert shop.status(order_id, service=periodic) == "ACSP"

    anna.sign_in()
    shown = anna.browser.open(f"{bank.bank_url}/pay/standing/{order_id}/")
    assert [payment_id_in(link.href) for link in shown.links if payment in link.href] == [payment]
    page = anna.browser.open(f"{bank.bank_url}/pay/standing/{order_id}/end/")
    anna.browser.submit(form_to(page, "/end/"), {})
    assert shop.status(order_id, service=periodic) == "CANC"
    told = "SELECT payload->>'transaction_status' FROM notifications_outboxmessage WHERE status = 'done'"
    told += " AND topic = 'payments.push_status' AND payload->>'payment_id' = %s"
    delivered = {"ACTC", "ACSP", "CANC"}
    eventually(
        lambda: {status for (status,) in query(bank, told, order_id)} == delivered, what="its notifications"
    )
    eventually(lambda: not any(on_its_way(bank).values()), what="the settlement")


@pytest.mark.parametrize("room", ["payments", "clearing"])
def test_every_change_of_status_was_made_by_one_of_these(bank: RunningStack, room: str) -> None:
    """Run with the whole file: it looks back on the journeys above."""
    of_payments, of_instructions = _watches(bank)
    table, watch = {
        "payments": (payments.TRANSITIONS, of_payments),
        "clearing": (clearing.TRANSITIONS, of_instructions),
    }[room]
    expected = {(str(was), str(new)) for was, following in table.items() for new in following}
    seen = watch.seen()
    assert (expected - seen, seen - expected) == (set(), set()), "without a journey, not in the table"


def _watches(stack: RunningStack) -> tuple[Watch, Watch]:
    return (
        Watch(stack, "payments_paymentinitiation", "transaction_status"),
        Watch(stack, "clearing_clearinginstruction", "status"),
    )


# What the journeys do -----------------------------------------------------------------------------------


def order(customer: Customer, product: str, *, account_number: str = PAID, **more: str) -> str:
    """A whole transfer by this product; returns its payment id."""
    payee = TURKISH if product == ABROAD else {"creditor_iban": at_other_bank(account_number)}
    return customer.transfer(
        **{"creditor_name": "Somebody Else", "amount": "7.00", "product": product, **payee, **more}
    )


def order_series(customer: Customer, *, start: date, amount: str) -> str:
    """A signed standing order to another bank, every week from a day on; returns its id."""
    page = customer.browser.open(f"{customer.stack.bank_url}/pay/standing/new/")
    review = customer.browser.submit(
        form_with(page, "from_account", "creditor_iban", "frequency"),
        {
            "from_account": customer.record["accounts"][0]["resource_id"],
            "creditor_name": "Somebody Else",
            "creditor_iban": at_other_bank(PAID),
            "amount": amount,
            "frequency": "Weekly",
            "start_date": start.isoformat(),
        },
    )
    page, code = customer.ask_for_code(review)
    done = customer.browser.submit(form_with(page, "code"), {"code": code})
    found = re.search(r"/pay/standing/([0-9a-f-]{36})/$", done.url)
    assert found, done.text
    return found.group(1)


def approve(customer: Customer, link: str) -> None:
    """What a TPP asked for, at the address where it sent its user."""
    known = len(customer.messages())
    page = customer.browser.open(link)
    page = customer.browser.submit(
        form_with(page, "user_id", "password"),
        {"user_id": customer.record["user_id"], "password": customer.record["password"]},
    )
    page = customer.browser.submit(form_with(page, "code"), {"code": customer.code(known)})
    assert page.url.endswith("/done/"), page.text


def pay_file(anna: Customer, *account_numbers: str) -> str:
    """A signed file of 1.00 to each; returns its id."""
    rows = [f"{anna.iban};Somebody Else;{at_other_bank(number)};1.00" for number in account_numbers]
    content = "\n".join(["debtor_iban;creditor_name;creditor_iban;amount", *rows, ""]).encode()
    # No two files are alike: the same one again would be taken for a mistake.
    url = upload(anna, content.replace(b"Somebody Else", f"Somebody {uuid.uuid4().hex[:8]}".encode()))
    sign(anna, url)
    found = re.search(r"/batches/([0-9a-f-]{36})/", url)
    assert found, url
    return found.group(1)


def file_url(bank: RunningStack, file_id: str) -> str:
    return f"{bank.bank_url}/batches/{file_id}/"


def restart(bank: RunningStack, program: str, **environment: str) -> None:
    bank.stop(program)
    bank.start(program, environment=environment)


def signed_in_staff(bank: RunningStack) -> Browser:
    """Rita in her browser."""
    record = next(entry for entry in bank.sandbox["staff"] if entry["user_id"] == "rita")
    browser, known = Browser(), len(bank.messages("rita"))
    page = browser.open(f"{bank.bank_url}/staff/")
    form = next(form for form in page.forms if "password" in form.types.values())
    names = {kind: name for name, kind in form.types.items()}
    user_field = next(name for name, kind in form.types.items() if kind == "text")
    page = browser.submit(form, {user_field: record["user_id"], names["password"]: record["password"]})
    browser.submit(form_with(page, "code"), {"code": Customer(bank, "rita").code(known)})
    return browser


def recall(staff: Browser, bank: RunningStack, instruction_id: str) -> None:
    page = staff.open(f"{bank.bank_url}/staff/transfers/{instruction_id}/recall/")
    page = staff.submit(
        form_with(page, "reason"),
        {"reason": "Sent to the wrong account", "code": "AC03", "is_confirmed": "on"},
    )
    assert "The recall is on its way" in page.text, page.text


def form_to(page: Page, ending: str) -> Form:
    """The form of a page that goes there."""
    found = next((form for form in page.forms if form.action.endswith(ending)), None)
    assert found is not None, f"{page.url} ({page.status}) has no form to {ending}:\n{page.text[:1500]}"
    return found


# What the journeys see ----------------------------------------------------------------------------------


def fee_of(bank: RunningStack, payment_id: str) -> int:
    return int(_of_payment(bank, payment_id, "fee_minor"))


def reason_of(bank: RunningStack, payment_id: str) -> str:
    return _of_payment(bank, payment_id, "status_reason")


def _of_payment(bank: RunningStack, payment_id: str, column: str) -> str:
    rows = query(
        bank, f"SELECT {column} FROM payments_paymentinitiation WHERE id = %s", uuid.UUID(payment_id)
    )
    return str(rows[0][0])


def executions(bank: RunningStack, standing_order_id: str) -> list[str]:
    """The payments that a standing order has made, by id."""
    rows = query(
        bank,
        "SELECT id FROM payments_paymentinitiation WHERE standing_order_id = %s ORDER BY due_date",
        uuid.UUID(standing_order_id),
    )
    return [str(payment_id) for (payment_id,) in rows]


def items(bank: RunningStack, file_id: str) -> dict[str, dict[str, str]]:
    """The payments of a file by the payee's account number (a number follows where it comes twice); ``ended`` once the
    house has said all that it will."""
    rows = query(
        bank,
        "SELECT i.id, i.creditor_iban, i.status, i.status_reason, i.return_reason FROM bulk_paymentitem i"
        " JOIN bulk_paymentbatch b ON b.id = i.batch_id WHERE b.file_id = %s ORDER BY i.id",
        uuid.UUID(file_id),
    )
    found: dict[str, dict[str, str]] = {}
    for item_id, iban, item_status, reason, back in rows:
        number = iban[-10:] if iban[-10:] not in found else f"{iban[-10:]}-{len(found)}"
        ended = "yes" if item_status in ("ACSC", "RJCT") else ""
        found[number] = {
            "id": str(item_id),
            "status": item_status,
            "reason": reason,
            "back": back,
            "ended": ended,
        }
    return found


def transfers(house: House, of: dict[str, dict[str, str]]) -> list[dict[str, str]]:
    """What the house has of these payments."""
    ids = {uuid.UUID(row["id"]).hex for row in of.values()}
    return [row for row in house.show("transfers") if row["tx_id"] in ids]


def instruction_of(bank: RunningStack, payment_id: str) -> str:
    rows = query(
        bank, "SELECT id FROM clearing_clearinginstruction WHERE payment_id = %s", uuid.UUID(payment_id)
    )
    return str(rows[0][0])


def instruction_status(bank: RunningStack, payment_id: str) -> str:
    rows = query(
        bank, "SELECT status FROM clearing_clearinginstruction WHERE payment_id = %s", uuid.UUID(payment_id)
    )
    return str(rows[0][0]) if rows else ""


def recalls(bank: RunningStack, file_id: str) -> dict[str, tuple[str, str]]:
    """What became of the recalls in a file, by the payee's account number."""
    rows = query(
        bank,
        "SELECT right(n.creditor_iban, 10), r.status, r.answer_reason FROM clearing_clearingrecall r"
        " JOIN clearing_clearinginstruction n ON n.id = r.instruction_id"
        " JOIN bulk_paymentitem i ON i.id = n.payment_id JOIN bulk_paymentbatch b ON b.id = i.batch_id"
        " WHERE b.file_id = %s",
        uuid.UUID(file_id),
    )
    return {str(number): (str(state), str(reason)) for number, state, reason in rows}


def all_due(bank: RunningStack) -> bool:
    """Whether no transfer waits for others any more."""
    return not query(
        bank,
        "SELECT 1 FROM notifications_outboxmessage"
        " WHERE topic = 'clearing.collect' AND status = 'pending' AND available_at > now()",
    )


def compared(bank: RunningStack, house: House) -> None:
    """Wait until the cycles that the house has closed by now were compared with the ledger."""
    names = [row["name"] for row in house.show("cycles") if row["closed_at"]]
    eventually(
        lambda: query(
            bank,
            "SELECT 1 FROM clearing_clearingreport WHERE cycle = ANY(%s) AND reconciled_at IS NOT NULL"
            " HAVING count(*) = %s",
            names,
            len(names),
        ),
        what="the comparison of every cycle",
    )


def bank_now(bank: RunningStack) -> datetime:
    answer = HTTP.get(f"{bank.bank_url}/sandbox/clock.json").json()
    return datetime.fromisoformat(answer["bank_now"])


def _wait_for_target(bank: RunningStack) -> None:
    """Move the clock into TARGET's day, an hour before its end at the latest; not at all when it is that time now."""
    now = bank_now(bank).astimezone(BANK_TIME_ZONE)
    opens, closes = now.replace(hour=3, minute=0), now.replace(hour=16, minute=0)
    if is_business_day(now.date()) and opens <= now < closes:
        return
    if is_business_day(now.date()) and now < opens:
        _move_clock(bank, to=now.date())
    else:
        _move_clock(bank, to=_business_days_from(bank, 1)[0])


def _business_days_from(bank: RunningStack, count: int) -> list[date]:
    """The next business days, without today."""
    today, days = bank_date(bank_now(bank)), []
    while len(days) < count:
        today += timedelta(days=1)
        if is_business_day(today):
            days.append(today)
    return days


def _move_clock(bank: RunningStack, *, to: date) -> None:
    """To nine in the morning of a later day, or of this one before nine."""
    there = datetime.combine(to, clock_time(9), tzinfo=BANK_TIME_ZONE)
    wait = there.astimezone(UTC) - bank_now(bank)
    answer = HTTP.post(
        f"{bank.bank_url}/sandbox/clock.json",
        json={"advance_seconds": int(wait.total_seconds())},
        headers={"X-Sandbox": "1"},
    )
    assert answer.status_code == 200, answer.text
    # Until all processes know: a code made by one that does not yet is too old for the others.
    time.sleep(2 * CACHED_SECONDS)
