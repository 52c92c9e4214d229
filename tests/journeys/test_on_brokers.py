"""On RabbitMQ and on Redis: both stories, what goes between banks, and an order whose day comes later.

On files, as ``make run`` has it, all other journeys are played.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from amqp.exceptions import PreconditionFailed
from kombu import Connection, Queue

from apps.core.clock import bank_date
from tests.conftest import broker_url
from tests.journeys.people import Customer, final_status, status_of
from tests.journeys.stack import HTTP, RunningStack, running_stack
from tests.journeys.test_clearing import (
    PAID,
    House,
    all_at_once,
    at_other_bank,
    reconciled,
)
from tests.journeys.test_stories import play

DAYS_AHEAD = 7
BROKERS = [pytest.param(name, marks=pytest.mark.broker(name)) for name in ("rabbitmq", "redis")]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=BROKERS)
def bank(request: pytest.FixtureRequest) -> Iterator[RunningStack]:
    """A bank of its own on each broker: its clock is moved."""
    with running_stack(broker_url=broker_url(request.param)) as stack:
        yield stack


@pytest.fixture(scope="module")
def anna(bank: RunningStack) -> Customer:
    customer = Customer(bank, "anna")
    customer.sign_in()
    return customer


@pytest.mark.req("S0-13", "S0-48")
def test_both_stories_end_well(bank: RunningStack) -> None:
    play(bank)


@pytest.mark.req("S0-48")
@pytest.mark.parametrize("bank", BROKERS[:1], indirect=True)
def test_rabbitmq_keeps_the_messages_in_quorum_queues(bank: RunningStack) -> None:
    url = bank.stack.config.broker_url
    for name in ("default", "engine"):
        for kind, is_there in (("quorum", True), ("classic", False)):
            with Connection(url) as connection:
                queue = Queue(
                    name, queue_arguments={"x-queue-type": kind}, channel=connection.default_channel
                )
                if is_there:
                    queue.queue_declare()
                else:  # Declared anew as another kind, it is refused: so it is not one.
                    with pytest.raises(PreconditionFailed):
                        queue.queue_declare()


@pytest.mark.req("S0-48")
def test_out_back_at_once_and_in(bank: RunningStack, anna: Customer) -> None:
    all_at_once(bank, anna)


@pytest.mark.req("P-80")
@pytest.mark.parametrize("bank", BROKERS[:1], indirect=True)
def test_an_order_for_a_later_day_goes_out_in_a_cycle_of_that_day(bank: RunningStack, anna: Customer) -> None:
    house, before = House(bank), anna.balance_minor()
    day = bank_date(datetime.fromisoformat(_clock(bank)["bank_now"])) + timedelta(days=DAYS_AHEAD)
    payment_id = anna.transfer(
        creditor_name="Somebody Else",
        creditor_iban=at_other_bank(PAID),
        amount="7.00",
        execution_date=day.isoformat(),
    )
    assert (status_of(bank, payment_id), house.transfer(payment_id)) == ("ACTC", {})
    # Past the days on which banks are closed, should it have been one of them.
    answer = HTTP.post(
        f"{bank.bank_url}/sandbox/clock.json",
        json={"advance_seconds": (DAYS_AHEAD + 5) * 24 * 3600},
        headers={"X-Sandbox": "1"},
    )
    assert answer.status_code == 200, answer.text
    assert final_status(bank, payment_id, seconds=90) == "ACSC"
    assert anna.balance_minor() == before - 700
    sent = house.transfer(payment_id)
    assert (sent["rail"], sent["status"]) == ("sct", "settled")
    assert sent["cycle"].startswith("SCT-")
    reconciled(bank, house, payment_id)
    assert bank.ledger()["sound"]


def _clock(bank: RunningStack) -> dict[str, str]:
    found: dict[str, str] = HTTP.get(f"{bank.bank_url}/sandbox/clock.json").json()
    return found
