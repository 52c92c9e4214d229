"""When an order is carried out: bounds, waiting, withdrawal, cut-off; tables over days."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from apps.core.target_calendar import is_business_day
from apps.payments.scheduling import (
    ExecutionDatePast,
    ExecutionDateTooFar,
    check_requested_date,
    execution_day,
    has_to_wait,
    last_day_to_cancel,
    latest_arrival_day,
    latest_due_request,
    receipt_day,
)

TODAY = date(2026, 11, 25)  # A Wednesday.
CUT_OFF = time(16)


def day(text: str) -> date:
    return date.fromisoformat(text)


@pytest.mark.parametrize("requested", [None, "2026-11-25", "2026-11-26", "2026-11-28", "2027-11-26"])
def test_days_that_may_be_asked_for(requested: str | None) -> None:
    check_requested_date(day(requested) if requested else None, today=TODAY)


@pytest.mark.parametrize(
    ("requested", "error"),
    [
        ("2026-11-24", ExecutionDatePast),
        ("0001-01-01", ExecutionDatePast),
        ("2027-11-27", ExecutionDateTooFar),
        ("9999-12-31", ExecutionDateTooFar),
    ],
)
def test_days_that_may_not(requested: str, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        check_requested_date(day(requested), today=TODAY)
    assert caught.value.field == "requestedExecutionDate"


@pytest.mark.parametrize(
    ("requested", "executed", "cancellable_until"),
    [
        ("2026-11-26", "2026-11-26", "2026-11-25"),
        ("2026-11-28", "2026-11-30", "2026-11-27"),  # Saturday
        ("2026-11-29", "2026-11-30", "2026-11-27"),  # Sunday
        ("2026-11-30", "2026-11-30", "2026-11-27"),
        ("2026-12-25", "2026-12-28", "2026-12-24"),
        ("2027-03-29", "2027-03-30", "2027-03-25"),  # Easter Monday
    ],
)
@pytest.mark.req("P-80")
def test_the_day_it_is_carried_out_and_the_last_to_take_it_back(
    requested: str, executed: str, cancellable_until: str
) -> None:
    assert execution_day(day(requested), is_instant=False) == day(executed)
    assert execution_day(day(requested), is_instant=True) == day(requested)
    assert last_day_to_cancel(day(requested)) == day(cancellable_until)


def test_an_order_without_a_day_never_waits() -> None:
    assert not has_to_wait(None, is_instant=False, today=day("2026-11-28"))
    assert not has_to_wait(None, is_instant=True, today=day("2026-11-28"))


@pytest.mark.parametrize(("is_instant", "waits"), [(False, True), (True, False)])
def test_on_a_day_on_which_banks_are_closed_only_instant_transfers_go(is_instant: bool, waits: bool) -> None:
    saturday = day("2026-11-28")
    assert has_to_wait(saturday, is_instant=is_instant, today=saturday) is waits


@pytest.mark.parametrize("is_instant", [False, True])
def test_over_two_years_the_comparison_in_the_database_means_the_same_as_the_rule(is_instant: bool) -> None:
    today = TODAY
    for _ in range(760):
        due = latest_due_request(is_instant=is_instant, today=today)
        for distance in range(-6, 7):
            requested = today + timedelta(days=distance)
            waits = has_to_wait(requested, is_instant=is_instant, today=today)
            assert (requested <= due) is not waits
        today += timedelta(days=1)


@pytest.mark.parametrize(
    ("received_at", "counts_from"),
    [
        # Winter: Berlin is one hour ahead of UTC. 16:00 there is 15:00 UTC.
        (datetime(2026, 11, 25, 14, 59, 59, tzinfo=UTC), "2026-11-25"),
        (datetime(2026, 11, 25, 15, 0, tzinfo=UTC), "2026-11-26"),
        # Summer: two hours.
        (datetime(2026, 7, 1, 13, 59, 59, tzinfo=UTC), "2026-07-01"),
        (datetime(2026, 7, 1, 14, 0, tzinfo=UTC), "2026-07-02"),
        # The Mondays after the clocks changed (25 October 2026, 28 March 2027; that one is Easter).
        (datetime(2026, 10, 26, 14, 30, tzinfo=UTC), "2026-10-26"),
        (datetime(2026, 10, 23, 14, 30, tzinfo=UTC), "2026-10-26"),
        (datetime(2027, 3, 30, 14, 30, tzinfo=UTC), "2027-03-31"),
        # 23:30 UTC is the next day in Berlin.
        (datetime(2026, 11, 25, 23, 30, tzinfo=UTC), "2026-11-26"),
        (datetime(2026, 11, 28, 9, 0, tzinfo=UTC), "2026-11-30"),
        (datetime(2026, 12, 24, 16, 0, tzinfo=UTC), "2026-12-28"),
    ],
)
def test_the_business_day_on_which_an_order_counts_as_received(
    received_at: datetime, counts_from: str
) -> None:
    assert receipt_day(received_at, cut_off=CUT_OFF) == day(counts_from)


@pytest.mark.req("P-83")
@pytest.mark.parametrize(
    ("received_at", "requested", "arrives_by"),
    [
        (datetime(2026, 11, 25, 12, 0, tzinfo=UTC), None, "2026-11-26"),
        (datetime(2026, 11, 25, 17, 0, tzinfo=UTC), None, "2026-11-27"),
        (datetime(2026, 11, 27, 12, 0, tzinfo=UTC), None, "2026-11-30"),
        (datetime(2026, 11, 25, 17, 0, tzinfo=UTC), "2026-11-27", "2026-11-30"),
        (datetime(2026, 11, 25, 12, 0, tzinfo=UTC), "2026-12-25", "2026-12-29"),
    ],
)
def test_the_day_by_which_the_payees_bank_has_the_money(
    received_at: datetime, requested: str | None, arrives_by: str
) -> None:
    arrival = latest_arrival_day(
        received_at, requested=day(requested) if requested else None, cut_off=CUT_OFF
    )
    assert arrival == day(arrives_by)
    assert is_business_day(arrival)
