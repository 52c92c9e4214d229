"""Two who must sign, over the real processes with their own database roles: nothing is booked before both have."""

import pytest

from tests.journeys.people import Customer, eventually, form_with, payment_id_in, query
from tests.journeys.stack import RunningStack

BUILDING = "Baukonto"


def signed_in(stack: RunningStack, name: str) -> Customer:
    customer = Customer(stack, name)
    customer.sign_in()
    return customer


def status(stack: RunningStack, payment_id: str) -> str:
    found = query(
        stack, "SELECT transaction_status FROM payments_paymentinitiation WHERE id = %s", payment_id
    )
    return str(found[0][0])


@pytest.mark.req("P-64")
def test_the_money_moves_when_both_have_signed(stack: RunningStack) -> None:
    david, dora, emil = signed_in(stack, "david"), signed_in(stack, "dora"), Customer(stack, "emil")
    account = next(one for one in david.record["accounts"] if one["name"] == BUILDING)
    before = emil.balance_minor()
    payment_id = david.transfer(
        creditor_name="Krüger Werkzeugbau e.K.",
        creditor_iban=emil.iban,
        amount="12.34",
        from_account=account["resource_id"],
    )
    assert status(stack, payment_id) == "PATC"
    assert not query(
        stack,
        "SELECT 1 FROM notifications_outboxmessage WHERE payload->>'payment_id' = %s",
        payment_id,
    )
    home = dora.browser.open(f"{stack.bank_url}/home/")
    assert "freigegeben von David Hoffmann" in home.text  # What waits for her; she reads German.
    page, code = dora.ask_for_code(dora.browser.open(f"{stack.bank_url}/pay/{payment_id}/review/"))
    done = dora.browser.submit(form_with(page, "code"), {"code": code})
    assert payment_id_in(done.url) == payment_id
    eventually(lambda: status(stack, payment_id) == "ACSC", what="the booking")
    assert emil.balance_minor() == before + 1234
    assert stack.ledger()["sound"]
