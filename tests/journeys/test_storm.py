"""The faults of ``storm``, each once: what breaks in the middle costs time and never money."""

import random
from typing import Any

import pytest

from tests.journeys.people import eventually, query
from tests.journeys.stack import RunningStack, running_stack
from tests.journeys.storm import FAULTS, NEEDS_OWN_DATABASE, storm, table

pytestmark = [pytest.mark.slow, pytest.mark.req("S0-46", "S0-48", "R0-8")]


@pytest.fixture(scope="module")
def bank() -> RunningStack:
    """A bank of its own: its database is killed and its clock moved."""
    with running_stack() as stack:
        yield stack


def test_every_fault_ends_with_all_of_the_money_where_it_belongs(bank: RunningStack) -> None:
    has_own_database = bank.stack.server is not None
    faults = [fault for fault in FAULTS if has_own_database or fault not in NEEDS_OWN_DATABASE]
    cells = storm(bank, faults=faults, injections=1, seed=random.SystemRandom().randrange(2**32))
    assert all(cell.clean for cell in cells.values()), table(cells)
    assert all(cell.injections == 1 and cell.payments for cell in cells.values())
    assert not query(bank, "SELECT topic FROM notifications_outboxmessage WHERE status = 'dead'")


def test_its_judge_is_not_blind(bank: RunningStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """A payment that was booked and then called refused has its money in two places."""

    def falsify(stack: RunningStack, choose: random.Random) -> None:
        def look() -> list[tuple[Any, ...]]:
            return query(
                stack,
                """
                UPDATE payments_paymentinitiation SET transaction_status = 'RJCT', status_reason = 'AM04'
                WHERE id = (SELECT p.id FROM payments_paymentinitiation p
                            WHERE p.transaction_status = 'ACSC' AND p.request_id LIKE 'storm-false-%%'
                                AND NOT EXISTS (SELECT 1 FROM clearing_clearinginstruction c WHERE c.payment_id = p.id)
                            ORDER BY p.created_at DESC LIMIT 1)
                RETURNING id
                """,
            )

        eventually(look, what="a booking")

    monkeypatch.setitem(FAULTS, "called refused by hand", falsify)
    cells = storm(bank, faults=["called refused by hand"], injections=1, seed=1, tag="storm-false-")
    assert len(cells["called refused by hand"].twice) == 1
