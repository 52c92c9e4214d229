"""Whatever the day of the first start, no account was ever below its limit, and each ends at its persona's balance."""

from collections import Counter
from datetime import date, timedelta

import pytest

from apps.sandbox.seeding import personas, statements
from apps.sandbox.seeding.seed import opening_balances

DAYS = [date(2026, 1, 1) + timedelta(days=3 * number) for number in range(140)]


def plans_of(today: date) -> dict[str, list[statements.Movement]]:
    return {
        account.number: statements.plan_statement(account.statement, today=today)
        for account in personas.ACCOUNTS
    }


@pytest.mark.parametrize("today", DAYS, ids=str)
def test_the_bookings_hold_on_any_day(today):
    plans = plans_of(today)
    balances = Counter(opening_balances(plans))
    limits = {account.number: -account.overdraft_minor for account in personas.ACCOUNTS}
    assert all(balance >= 0 for balance in balances.values())
    movements = sorted(
        ((movement, number) for number, plan in plans.items() for movement in plan),
        key=lambda pair: (pair[0].day, -pair[0].amount_minor),
    )
    for movement, number in movements:
        assert today - timedelta(days=statements.DAYS + 2) <= movement.day < today
        assert movement.day.weekday() < 5, "banks book from Monday to Friday"
        balances[number] += movement.amount_minor
        assert balances[number] >= limits[number]
        if movement.other_account:
            balances[movement.other_account] -= movement.amount_minor
            assert balances[movement.other_account] >= limits[movement.other_account]
    assert balances == {account.number: account.balance_minor for account in personas.ACCOUNTS}


def test_two_plans_of_one_day_are_equal():
    assert plans_of(DAYS[0]) == plans_of(DAYS[0])


def test_a_partner_has_always_the_same_account():
    assert statements.partner("REWE Markt GmbH") == statements.partner("REWE Markt GmbH")
    assert statements.partner("REWE Markt GmbH") != statements.partner("Deutsche Bahn AG")
