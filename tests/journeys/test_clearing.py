"""Payments to other banks and from them, with the clearing house as what it is: another company in another process."""

import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from apps.core.iban import make_iban
from tests.journeys.people import (
    Customer,
    Machine,
    eventually,
    final_status,
    query,
    status_of,
)
from tests.journeys.stack import HTTP, RunningStack

OTHER_BANK = "12030000"
SOON = {"OUTBOX_REDELIVERY_SECONDS": "2"}


def at_other_bank(account_number: str) -> str:
    return make_iban(country="DE", bank_code=OTHER_BANK, account_number=account_number)


PAID, CLOSED, RETURNS, SILENT, LATE = "1234567890", "9999999999", "9999999002", "9999999003", "9999999004"
TWICE, RETURNS_FIRST, UNREPORTED, KEEPS = "9999999005", "9999999006", "9999999007", "9999999009"


class House:
    """The clearing house, from the sandbox's side."""

    def __init__(self, stack: RunningStack) -> None:
        self._url = stack.clearing_url

    def show(self, table: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = HTTP.get(f"{self._url}/{table}", timeout=10).json()
        return found

    def order(self, what: str, **fields: Any) -> dict[str, Any]:
        answer = HTTP.post(f"{self._url}/control/{what}", json=fields, timeout=10)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def transfer(self, payment_id: str) -> dict[str, Any]:
        """What the house knows of a payment; empty when it never heard of it."""
        tx_id = uuid.UUID(payment_id).hex
        return next((row for row in self.show("transfers") if row["tx_id"] == tx_id), {})


@pytest.fixture
def house(stack: RunningStack) -> House:
    return House(stack)


@pytest.fixture
def anna(stack: RunningStack) -> Customer:
    customer = Customer(stack, "anna")
    customer.sign_in()
    return customer


@pytest.fixture(autouse=True)
def books_hold(stack: RunningStack):
    """After every test: the ledger is sound, nothing is dead, and nothing lies on its way for good."""
    yield
    assert stack.ledger()["sound"]
    assert not query(stack, "SELECT 1 FROM notifications_outboxmessage WHERE status = 'dead'")


def differences(stack: RunningStack) -> set[tuple[str, str]]:
    rows = query(stack, "SELECT kind, reference FROM clearing_clearingdifference WHERE status = 'open'")
    return {(str(kind), str(reference)) for kind, reference in rows}


def pay(anna: Customer, account_number: str, amount: str = "7.00", *, instant: bool = False) -> str:
    return anna.transfer(
        creditor_name="Somebody Else",
        creditor_iban=at_other_bank(account_number),
        amount=amount,
        product="instant-sepa-credit-transfers" if instant else "sepa-credit-transfers",
    )


def returned(stack: RunningStack, payment_id: str) -> str:
    """The reason for which a payment came back, once it did."""
    return eventually(
        lambda: str(
            query(
                stack,
                "SELECT return_reason FROM payments_paymentinitiation WHERE id = %s",
                uuid.UUID(payment_id),
            )[0][0]
        ),
        what="the return",
    )


def reconciled(stack: RunningStack, house: House, payment_id: str) -> None:
    """Wait until the cycle in which the house settled a payment was compared."""
    cycle = eventually(lambda: house.transfer(payment_id).get("cycle", ""), what="the settlement")
    eventually(
        lambda: query(
            stack,
            "SELECT 1 FROM clearing_clearingreport WHERE cycle = %s AND reconciled_at IS NOT NULL",
            cycle,
        ),
        what=f"the reconciliation of {cycle}",
    )


def on_its_way(stack: RunningStack) -> dict[str, int]:
    rows = query(
        stack,
        "SELECT code, credits_minor - debits_minor + coalesce((SELECT sum(credit_minor - debit_minor)"
        " FROM ledger_pendingtotal w WHERE w.account_id = a.id), 0)"
        " FROM ledger_ledgeraccount a WHERE kind = 'clearing'",
    )
    return {str(code): int(minor) for code, minor in rows}


class TestOrdinaryTransfers:
    @pytest.mark.req("S0-46", "S0-48")
    def test_settles_with_its_cycle_and_agrees_with_the_report(
        self, stack: RunningStack, anna: Customer, house: House
    ) -> None:
        before, open_before = anna.balance_minor(), differences(stack)
        payment_id = pay(anna, PAID)
        assert final_status(stack, payment_id) == "ACSC"
        assert anna.balance_minor() == before - 700
        assert house.transfer(payment_id)["status"] == "settled"
        reconciled(stack, house, payment_id)
        eventually(lambda: differences(stack) <= open_before, seconds=90, what="agreement")

    def test_a_reject_brings_the_money_back_with_the_reason(
        self, stack: RunningStack, anna: Customer
    ) -> None:
        before = anna.balance_minor()
        payment_id = pay(anna, CLOSED)
        assert final_status(stack, payment_id) == "RJCT"
        assert anna.balance_minor() == before
        page = anna.browser.open(f"{stack.bank_url}/pay/{payment_id}/")
        assert "One of the two accounts is closed" in page.text

    @pytest.mark.parametrize(
        ("account_number", "reason"), [(RETURNS, "AC04"), (RETURNS_FIRST, "MD07")], ids=["after", "before"]
    )
    def test_a_return_credits_the_customer_who_sees_why(
        self, stack: RunningStack, anna: Customer, house: House, account_number: str, reason: str
    ) -> None:
        before, open_before = anna.balance_minor(), differences(stack)
        payment_id = pay(anna, account_number)
        assert returned(stack, payment_id) == reason
        assert final_status(stack, payment_id) == "ACSC"
        assert anna.balance_minor() == before
        page = anna.browser.open(f"{stack.bank_url}/pay/{payment_id}/")
        assert "The money came back" in page.text
        reconciled(stack, house, payment_id)
        eventually(lambda: differences(stack) <= open_before, seconds=90, what="agreement")

    def test_every_message_twice_is_one_payment(
        self, stack: RunningStack, anna: Customer, house: House
    ) -> None:
        before, open_before = anna.balance_minor(), differences(stack)
        payment_id = pay(anna, TWICE)
        assert final_status(stack, payment_id) == "ACSC"
        eventually(
            lambda: all(row["state"] == "taken" for row in house.show("outbox")), what="every delivery"
        )
        assert anna.balance_minor() == before - 700
        eventually(lambda: differences(stack) <= open_before, seconds=90, what="agreement")

    def test_what_the_report_leaves_out_is_shown_to_staff(
        self, stack: RunningStack, anna: Customer, house: House
    ) -> None:
        payment_id = pay(anna, UNREPORTED)
        assert final_status(stack, payment_id) == "ACSC"
        reconciled(stack, house, payment_id)
        assert ("not_reported", uuid.UUID(payment_id).hex) in differences(stack)


class TestStoppedPrograms:
    def test_a_house_that_is_away_delays_and_loses_nothing(
        self, whole_stack: RunningStack, anna: Customer
    ) -> None:
        whole_stack.kill("clearing")
        before = anna.balance_minor()
        payment_id = pay(anna, PAID)
        eventually(lambda: status_of(whole_stack, payment_id) == "ACSP", what="the debit")
        time.sleep(2)
        whole_stack.start("clearing")
        assert final_status(whole_stack, payment_id, seconds=90) == "ACSC"
        assert anna.balance_minor() == before - 700

    def test_a_house_killed_in_the_middle_remembers(self, whole_stack: RunningStack, anna: Customer) -> None:
        house = House(whole_stack)
        before = anna.balance_minor()
        payment_id = pay(anna, PAID)
        eventually(lambda: house.transfer(payment_id), what="the handing over")
        whole_stack.kill("clearing")
        whole_stack.start("clearing")
        assert final_status(whole_stack, payment_id) == "ACSC"
        assert anna.balance_minor() == before - 700

    @pytest.mark.parametrize("program", ["worker", "web", "engine"])
    def test_a_bank_that_is_away_gets_its_messages_later(
        self, whole_stack: RunningStack, anna: Customer, program: str
    ) -> None:
        house = House(whole_stack)
        before = anna.balance_minor()
        tx_id = house.order("incoming", amount="3.00", creditor_iban=anna.iban)["tx_id"]
        whole_stack.kill(program)
        eventually(
            lambda: [r for r in house.show("transfers") if r["tx_id"] == tx_id and r["status"] == "settled"],
            what="the settlement",
        )
        whole_stack.start(program)
        eventually(lambda: anna.balance_minor() == before + 300, seconds=90, what="the credit")

    @pytest.mark.parametrize("point", ["engine.settled", "engine.incoming"])
    def test_an_engine_killed_while_booking_books_once(
        self, whole_stack: RunningStack, anna: Customer, point: str
    ) -> None:
        house = House(whole_stack)
        before = anna.balance_minor()
        for name, environment in (("relay", SOON), ("engine", {"CRASH_AT": f"{point}:1"})):
            whole_stack.stop(name)
            whole_stack.start(name, environment=environment)
        if point == "engine.incoming":
            house.order("incoming", amount="3.00", creditor_iban=anna.iban)
            expected = before + 300
        else:
            pay(anna, PAID)
            expected = before - 700
        eventually(lambda: not whole_stack.is_running("engine"), what="the engine's death")
        whole_stack.start("engine")
        eventually(lambda: anna.balance_minor() == expected, what="the booking")
        eventually(lambda: not any(on_its_way(whole_stack).values()) or None, what="the settlement")


class TestIncoming:
    @pytest.mark.req("P-88")
    @pytest.mark.parametrize("rail", ["sct", "inst"])
    @pytest.mark.parametrize("act", ["pay", "twice"])
    def test_reaches_the_account_once(
        self, stack: RunningStack, anna: Customer, house: House, rail: str, act: str
    ) -> None:
        before = anna.balance_minor()
        house.order(
            "incoming",
            amount="12.34",
            creditor_iban=anna.iban,
            rail=rail,
            act=act,
            debtor_name="Zoë Ångström",
            remittance="Für das Fest",
        )
        eventually(lambda: anna.balance_minor() == before + 1234, what="the credit")
        time.sleep(1)
        assert anna.balance_minor() == before + 1234
        page = anna.browser.open(f"{stack.bank_url}/home/")
        assert "Zoë Ångström" in page.text

    @pytest.mark.parametrize(("rail", "ends"), [("sct", "returned"), ("inst", "rejected")])
    def test_to_an_unknown_account_it_goes_back(
        self, stack: RunningStack, house: House, rail: str, ends: str
    ) -> None:
        nobody = make_iban(country="DE", bank_code="10099900", account_number="4040404040")
        tx_id = house.order("incoming", amount="5.00", creditor_iban=nobody, rail=rail)["tx_id"]
        found: Callable[[], Any] = lambda: query(  # noqa: E731
            stack,
            "SELECT status, reason FROM clearing_incomingtransfer"
            " WHERE transaction_id = %s AND finished_at IS NOT NULL",
            tx_id,
        )
        assert eventually(found, what="the end") == [(ends, "AC01")]
        if rail == "sct":
            (back,) = [row for row in house.show("returns") if row["tx_id"] == tx_id]
            assert (back["status"], back["reason"], back["amount_minor"]) == ("settled", "AC01", 500)

    def test_nonsense_is_answered_and_breaks_nothing(
        self, stack: RunningStack, anna: Customer, house: House
    ) -> None:
        for body in (b"<x", b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>"):
            answer = HTTP.post(
                f"{stack.clearing_url}/control/send",
                content=body,
                headers={"Content-Type": "application/xml"},
            )
            assert answer.status_code == 202
        eventually(
            lambda: len([row for row in house.show("outbox") if row["state"] == "refused"]) >= 2,
            what="the refusals",
        )
        assert {row["answer"][:3] for row in house.show("outbox") if row["name"] == "raw"} == {"422"}
        before = anna.balance_minor()
        house.order("incoming", amount="1.00", creditor_iban=anna.iban)
        eventually(lambda: anna.balance_minor() == before + 100, what="the next credit")


@pytest.mark.req("IPR-5a(4)")
class TestInstant:
    def test_is_done_within_ten_seconds_without_waiting_for_a_cycle(
        self, stack: RunningStack, anna: Customer, house: House
    ) -> None:
        before = anna.balance_minor()
        payment_id = pay(anna, PAID, instant=True)
        assert final_status(stack, payment_id) == "ACSC"
        assert anna.balance_minor() == before - 700
        assert house.transfer(payment_id)["rail"] == "inst"
        assert _seconds(stack, payment_id) < 10
        reconciled(stack, house, payment_id)

    def test_a_reject_brings_the_money_back_at_once(self, stack: RunningStack, anna: Customer) -> None:
        before = anna.balance_minor()
        payment_id = pay(anna, CLOSED, instant=True)
        assert final_status(stack, payment_id) == "RJCT"
        assert anna.balance_minor() == before
        assert _seconds(stack, payment_id) < 10

    def test_without_an_answer_the_payer_has_the_money_again_and_knows(
        self, stack: RunningStack, anna: Customer
    ) -> None:
        before = anna.balance_minor()
        payment_id = pay(anna, SILENT, instant=True)
        assert final_status(stack, payment_id) == "RJCT"
        assert anna.balance_minor() == before
        assert 8 <= _seconds(stack, payment_id) < 12
        page = anna.browser.open(f"{stack.bank_url}/pay/{payment_id}/")
        assert "did not answer within ten seconds" in page.text

    def test_a_dead_house_is_no_answer_either(self, whole_stack: RunningStack, anna: Customer) -> None:
        before = anna.balance_minor()
        whole_stack.kill("clearing")
        payment_id = pay(anna, PAID, instant=True)
        assert final_status(whole_stack, payment_id) == "RJCT"
        assert anna.balance_minor() == before
        whole_stack.start("clearing")
        time.sleep(3)
        assert House(whole_stack).transfer(payment_id) == {}  # Given up: it is not sent any more.

    def test_a_late_yes_is_recalled_and_comes_back_and_nobody_is_paid_twice(
        self, stack: RunningStack, anna: Customer, house: House
    ) -> None:
        before = anna.balance_minor()
        payment_id = pay(anna, LATE, instant=True)
        assert final_status(stack, payment_id) == "RJCT"
        assert anna.balance_minor() == before
        tx_id = uuid.UUID(payment_id).hex
        eventually(lambda: ("late_acceptance", tx_id) in differences(stack), what="the difference")
        eventually(
            lambda: query(stack, "SELECT 1 FROM clearing_clearingrecall WHERE status = 'paid'"),
            what="the money that was recalled",
        )
        eventually(lambda: on_its_way(stack)["clearing:sepa-inst"] == 0, what="the settlement")
        assert anna.balance_minor() == before
        assert status_of(stack, payment_id) == "RJCT"

    def test_by_way_of_a_tpp(self, stack: RunningStack, anna: Customer) -> None:
        shop = Machine(stack, "ShopPay")
        body = shop.initiate(
            debtor_iban=anna.iban, creditor_iban=at_other_bank(PAID), product="instant-sepa-credit-transfers"
        )
        assert "/v1/payments/instant-sepa-credit-transfers/" in body["_links"]["self"]["href"]


@pytest.mark.req("S0-48")
def test_out_back_at_once_and_in(stack: RunningStack, anna: Customer) -> None:
    all_at_once(stack, anna)


def all_at_once(stack: RunningStack, anna: Customer) -> None:
    """Every way that money takes between banks, side by side; with nothing on its way when it ends."""
    house, before, known = House(stack), anna.balance_minor(), differences(stack)
    ordinary, comes_back = pay(anna, PAID), pay(anna, RETURNS)
    instant = pay(anna, PAID, "3.00", instant=True)
    house.order("incoming", amount="12.34", creditor_iban=anna.iban)
    house.order("incoming", amount="0.66", creditor_iban=anna.iban, rail="inst")
    assert [final_status(stack, payment) for payment in (ordinary, comes_back, instant)] == ["ACSC"] * 3
    assert returned(stack, comes_back) == "AC04"
    eventually(lambda: anna.balance_minor() == before - 700 - 300 + 1300, what="all of it")
    for payment in (ordinary, comes_back, instant):
        reconciled(stack, house, payment)
    eventually(lambda: not any(on_its_way(stack).values()), what="the settlement")
    eventually(lambda: differences(stack) <= known, seconds=90, what="agreement")
    assert stack.ledger()["sound"]


def _seconds(stack: RunningStack, payment_id: str) -> float:
    """From the receipt of the order (its approval) to the end of the payment."""
    (row,) = query(
        stack,
        "SELECT extract(epoch FROM status_changed_at - authorised_at) FROM payments_paymentinitiation WHERE id = %s",
        uuid.UUID(payment_id),
    )
    return float(row[0])
