"""A file of payments over the real processes with their own database roles: signed once, and booked once even when the
engine is killed in the middle."""

import re

import pytest

from tests.journeys.people import Customer, eventually, form_with, query
from tests.journeys.stack import RunningStack

SOON = {"OUTBOX_REDELIVERY_SECONDS": "2"}
ELSEWHERE = "DE02120300000000202051"


@pytest.fixture
def anna(stack: RunningStack) -> Customer:
    customer = Customer(stack, "anna")
    customer.sign_in()
    return customer


@pytest.fixture(autouse=True)
def books_hold(stack: RunningStack):
    """After every test, whatever happened in it."""
    yield
    assert stack.ledger()["sound"]
    assert not query(stack, "SELECT 1 FROM notifications_outboxmessage WHERE status = 'dead'")


def table(anna: Customer, payee: str, *amounts: str) -> bytes:
    rows = [f"{anna.iban};Emil;{payee};{amount}" for amount in amounts]
    rows.append(f"{anna.iban};Möbelhaus Kern GmbH;{ELSEWHERE};0.50")
    return "\n".join(["debtor_iban;creditor_name;creditor_iban;amount", *rows, ""]).encode()


def upload(anna: Customer, content: bytes, *, name: str = "salaries.csv", seconds: float = 45) -> str:
    """Upload and wait for the check; the address of the file's page."""
    page = anna.browser.open(f"{anna.stack.bank_url}/batches/new/")
    page = anna.browser.submit(form_with(page, "file"), {}, files={"file": (name, content)})
    eventually(lambda: status(anna.stack, page.url) != "PDNG", seconds=seconds, what="the check of the file")
    return page.url


def sign(anna: Customer, url: str) -> None:
    page, code = anna.ask_for_code(anna.browser.open(url))
    anna.browser.submit(form_with(page, "code"), {"code": code})


def status(stack: RunningStack, url: str) -> str:
    found = re.search(r"/batches/([0-9a-f-]{36})/", url)
    assert found, url
    return str(query(stack, "SELECT status FROM bulk_paymentfile WHERE id = %s", found.group(1))[0][0])


@pytest.mark.req("RTS-5(3)(b)")
def test_signed_once_and_paid(stack: RunningStack, anna: Customer) -> None:
    emil = Customer(stack, "emil")
    before = anna.balance_minor(), emil.balance_minor()
    url = upload(anna, table(anna, emil.iban, "1.00", "2.00", "3.00"))
    known = len(anna.messages())
    sign(anna, url)
    assert len(anna.messages()) == known + 1
    eventually(lambda: status(stack, url) == "ACSC", what="the booking of the file")
    assert (anna.balance_minor(), emil.balance_minor()) == (before[0] - 650, before[1] + 600)
    assert "All paid" in anna.browser.open(url).text


def test_a_file_that_is_not_good_books_nothing(stack: RunningStack, anna: Customer) -> None:
    before = anna.balance_minor()
    url = upload(anna, table(anna, "DE00", "1.00"))
    assert status(stack, url) == "RJCT"
    assert "Nothing of it was taken in" in anna.browser.open(url).text
    assert anna.balance_minor() == before


@pytest.mark.parametrize("point", ["engine.batch_begun", "engine.set_posted", "engine.settled"])
def test_an_engine_killed_in_the_middle_books_once(
    whole_stack: RunningStack, anna: Customer, point: str
) -> None:
    emil = Customer(whole_stack, "emil")
    before = anna.balance_minor(), emil.balance_minor()
    url = upload(anna, table(anna, emil.iban, "1.00", "2.00", f"3.0{len(point) % 10}"))
    whole_stack.stop("engine")
    whole_stack.stop("relay")
    whole_stack.start("relay", environment=SOON)
    whole_stack.start("engine", environment={"CRASH_AT": f"{point}:1"})
    sign(anna, url)
    eventually(lambda: not whole_stack.is_running("engine"), what="the engine's death")
    assert status(whole_stack, url) != "ACSC"
    whole_stack.start("engine")
    eventually(lambda: status(whole_stack, url) == "ACSC", what="the booking of the file")
    paid = 600 + len(point) % 10
    assert (anna.balance_minor(), emil.balance_minor()) == (before[0] - paid - 50, before[1] + paid)
