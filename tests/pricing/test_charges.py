"""Accruing and booking, by examples computed by hand; the books hold after each."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from apps.accounts.models import PaymentAccount
from apps.accounts.queries import get_balance, list_transactions
from apps.audit.models import AuditEvent
from apps.ledger.models import Entry, Posting
from apps.ledger.queries import get_ledger_sums
from apps.ledger.rules import Direction
from apps.ledger.services import close_days
from apps.pricing.models import Accrual, AccruedDay, Charge, Collection
from apps.pricing.queries import get_price, get_prices, get_running_interest, list_shortfalls
from apps.pricing.rules import FeeService, NoticeTooShort, PriceListInvalid, Settlement
from apps.pricing.services import accrue_interest, book_due_charges
from tests.pricing.books import account, charge, moment, publish, put, send, take

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _books_hold(db):
    yield
    assert get_ledger_sums().sound


def balance(of: PaymentAccount) -> int:
    return get_balance(account=of).booked_minor


def book_balance(code: str) -> int:
    return sum(
        posting.amount_minor if posting.direction == "CREDIT" else -posting.amount_minor
        for posting in Posting.objects.filter(account__code=code)
    )


def charges(of: PaymentAccount) -> list[tuple[str, str, int]]:
    return [
        (one.kind, one.period_from.isoformat(), one.amount_minor)
        for one in Charge.objects.filter(account=of, amount_minor__gt=0).order_by("period_from", "kind")
    ]


# Fees ------------------------------------------------------------------------------------------------


@pytest.mark.req("P-87(3)")
def test_the_account_fee_is_booked_once_the_month_is_closed():
    anna = account()
    put(anna, 10_000, "2026-10-01")
    publish(valid_from="2026-10-01", maintenance=490)
    assert charge(closed="2026-10-30", now="2026-10-31") == 0
    assert charge(closed="2026-10-31", now="2026-11-01") == 1
    assert charges(anna) == [("maintenance", "2026-10-01", 490)]
    assert (balance(anna), book_balance("fees:accounts")) == (9_510, 490)
    entry = Entry.objects.get(kind="fee")
    assert (entry.reference, entry.booking_date) == (f"maintenance:{anna.pk}:20261001", date(2026, 11, 1))
    assert entry.value_date == date(2026, 11, 1), "not before it is booked (PSD2 art. 87(3))"
    event = AuditEvent.objects.get(event="pricing.charge.booked")
    assert (event.object_id, event.data["amount_minor"]) == (str(anna.pk), 490)


def test_run_twice_is_booked_once():
    anna = account()
    put(anna, 10_000, "2026-10-01")
    publish(valid_from="2026-10-01", maintenance=490)
    assert charge(closed="2026-10-31", now="2026-11-01") == 1
    for _ in range(3):
        assert book_due_charges(now=moment("2026-11-01")) == 0
    assert balance(anna) == 9_510


def test_months_that_were_missed_are_caught_up_each_by_itself():
    anna = account()
    put(anna, 10_000, "2026-07-01")
    publish(valid_from="2026-07-01", maintenance=490)
    assert charge(closed="2026-09-30", now="2026-10-05") == 3
    assert charges(anna) == [("maintenance", f"2026-0{month}-01", 490) for month in (7, 8, 9)]


def test_transfers_are_counted_and_incoming_ones_are_not():
    emil = account()
    put(emil, 10_000, "2026-10-01")
    publish(valid_from="2026-10-01", credit_transfer=10)
    for day in ("2026-10-02", "2026-10-31", "2026-10-31"):
        take(emil, 100, day)
    take(emil, 100, "2026-11-01")
    assert charge(closed="2026-10-31", now="2026-11-02") == 1
    done = Charge.objects.get(kind="credit_transfer")
    assert (done.quantity, done.unit_amount_minor, done.amount_minor) == (3, 10, 30)
    assert balance(emil) == 10_000 - 400 - 30


def test_what_was_paid_for_by_itself_is_not_charged_again_with_the_month():
    emil = account()
    put(emil, 100_000, "2026-10-01")
    publish(valid_from="2026-10-01", credit_transfer=10, target_transfer=1_500, cross_border=1_000)
    send(emil, 100, "2026-10-02", fee=1_500)
    send(emil, 100, "2026-10-03", fee=3_000, via="clearing:cross-border")
    send(emil, 100, "2026-10-04", fee=700, via="clearing:sepa-sct")
    charge(closed="2026-10-31", now="2026-11-02")
    done = Charge.objects.get(kind="credit_transfer")
    assert (done.quantity, done.amount_minor) == (0, 0)
    assert balance(emil) == 100_000 - 300 - 5_200
    assert book_balance("fees:payments") == 5_200
    assert book_balance("fees:accounts") == 0


def test_what_is_free_by_a_price_of_its_own_costs_nothing_with_the_month_either():
    emil = account()
    put(emil, 100_000, "2026-10-01")
    publish(valid_from="2026-10-01", credit_transfer=10)
    for via in ("clearing:target-2", "clearing:cross-border"):
        send(emil, 100, "2026-10-02", via=via)
    charge(closed="2026-10-31", now="2026-11-02")
    assert Charge.objects.get(kind="credit_transfer").quantity == 0


def test_ordinary_and_instant_transfers_are_charged_once_each_at_one_price():
    emil = account()
    put(emil, 100_000, "2026-10-01")
    publish(valid_from="2026-10-01", credit_transfer=10, instant_transfer=10, target_transfer=1_500)
    take(emil, 100, "2026-10-02")
    for via in ("clearing:sepa-sct", "clearing:sepa-inst"):
        send(emil, 100, "2026-10-03", via=via)
    send(emil, 100, "2026-10-03", fee=1_500)
    charge(closed="2026-10-31", now="2026-11-02")
    done = Charge.objects.get(kind="credit_transfer")
    assert (done.quantity, done.amount_minor) == (3, 30)
    assert not Charge.objects.exclude(kind="credit_transfer").exists()


def test_a_month_without_transfers_is_done_and_books_nothing():
    emil = account()
    publish(valid_from="2026-10-01", credit_transfer=10)
    assert charge(closed="2026-10-31", now="2026-11-01") == 0 == Charge.objects.count(), (
        "no day was ever closed"
    )
    put(emil, 100, "2026-10-01")
    assert charge(closed="2026-10-31", now="2026-11-01") == 0
    assert Charge.objects.get(kind="credit_transfer").amount_minor == 0
    assert not Entry.objects.filter(kind="fee").exists()


def test_the_price_is_that_of_the_first_day_of_the_month():
    anna = account()
    put(anna, 10_000, "2026-08-01")
    publish(valid_from="2026-08-01", maintenance=490)
    publish(valid_from="2026-10-15", maintenance=590, told="2026-08-15")
    charge(closed="2026-11-30", now="2026-12-01")
    assert [amount for _kind, _day, amount in charges(anna)] == [490, 490, 490, 590]


def test_an_account_pays_from_its_first_whole_month_and_free_products_pay_nothing():
    anna, free = account(opened="2026-10-02"), account(product="Free")
    for one in (anna, free):
        put(one, 10_000, "2026-10-02")
    publish(valid_from="2026-09-01", maintenance=490)
    charge(closed="2026-11-30", now="2026-12-01")
    assert charges(anna) == [("maintenance", "2026-11-01", 490)]
    assert charges(free) == []


@pytest.mark.parametrize(("status", "booked"), [("blocked", 0), ("deleted", 0), ("enabled", 1)])
def test_only_an_open_account_is_charged(status, booked):
    anna = account(status=status)
    put(anna, 10_000, "2026-10-01")
    publish(valid_from="2026-10-01", maintenance=490)
    assert charge(closed="2026-10-31", now="2026-11-01") == booked


def test_what_a_blocked_account_owes_is_booked_when_it_is_open_again():
    anna = account(status="blocked", overdraft=50_000)
    take(anna, 20_000, "2026-10-01")
    publish(valid_from="2026-10-01", maintenance=490, overdraft=1050, settlement=Settlement.MONTHLY)
    charge(closed="2026-10-31", now="2026-11-01")
    assert Accrual.objects.filter(account=anna).count() == 31, "days count while it is blocked"
    PaymentAccount.objects.update(status="enabled")
    assert book_due_charges(now=moment("2026-11-03")) == 2


# Interest --------------------------------------------------------------------------------------------


def test_overdraft_interest_for_the_days_below_zero():
    """200.00 below zero from 1 to 10 October: 20,000 × 1,050 × 10 ÷ 3,650,000 = 57.53 cents."""
    anna = account(overdraft=50_000)
    publish(valid_from="2026-10-01", overdraft=1050)
    take(anna, 20_000, "2026-10-01")
    put(anna, 50_000, "2026-10-11")
    assert charge(closed="2026-12-30", now="2026-12-31") == 0, "the quarter is not over"
    assert charge(closed="2026-12-31", now="2027-01-01") == 1
    done = Charge.objects.get(kind="overdraft_interest")
    assert (done.quantity, done.amount_minor, done.period_to) == (10, 58, date(2026, 12, 31))
    assert (balance(anna), book_balance("interest:overdraft")) == (29_942, 58)


def test_a_balance_that_crosses_zero_within_a_month_bears_both_rates():
    """-100.00 for 15 days at 12 % = 49.32 cents owed; +300.00 for 15 days at 1 % = 12.33 cents earned."""
    anna = account(overdraft=50_000)
    publish(valid_from="2026-11-01", overdraft=1200, credit=100, settlement=Settlement.MONTHLY)
    take(anna, 10_000, "2026-11-01")
    put(anna, 40_000, "2026-11-16")
    assert charge(closed="2026-11-30", now="2026-12-01") == 2
    assert charges(anna) == [
        ("credit_interest", "2026-11-01", 12),
        ("overdraft_interest", "2026-11-01", 49),
    ]
    assert balance(anna) == 30_000 + 12 - 49
    assert book_balance("interest:credit") == -12


def test_a_balance_of_zero_bears_nothing():
    anna = account()
    publish(valid_from="2026-11-01", overdraft=1200, credit=100, settlement=Settlement.MONTHLY)
    put(anna, 500, "2026-11-01")
    take(anna, 500, "2026-11-01")
    assert charge(closed="2026-11-30", now="2026-12-01") == 0
    assert not Accrual.objects.exists()


@pytest.mark.parametrize(("year", "days", "cents"), [(2023, 28, 767), (2024, 29, 795)])
def test_a_leap_day_bears_interest_like_any_day(year, days, cents):
    """10,000.00 at 1 %: 1,000,000 × 100 × 28 ÷ 3,650,000 = 767.12; for 29 days 794.52."""
    anna = account(opened=f"{year}-01-02")
    publish(valid_from=f"{year}-02-01", credit=100, settlement=Settlement.MONTHLY)
    put(anna, 1_000_000, f"{year}-02-01")
    charge(closed=f"{year}-02-{days}", now=f"{year}-03-01")
    done = Charge.objects.get(kind="credit_interest")
    assert (done.quantity, done.amount_minor) == (days, cents)


def test_fractions_of_a_day_are_not_lost():
    """10.00 at 5 % bear 0.137 cents a day, which rounds to none: in 90 days 1,000 × 500 × 90 ÷ 3,650,000 = 12.33."""
    anna = account()
    publish(valid_from="2025-01-01", credit=500)
    put(anna, 1_000, "2025-01-01")
    charge(closed="2025-03-31", now="2025-04-01")
    assert Charge.objects.get(kind="credit_interest").amount_minor == 12


def test_a_new_rate_holds_from_its_day_and_a_rise_was_told_two_months_before():
    """-100.00: 15 days at 10 % and 15 at 8 %: (10,000 × 1,000 × 15 + 10,000 × 800 × 15) ÷ 3,650,000 = 73.97."""
    anna = account(overdraft=50_000)
    publish(valid_from="2026-11-01", overdraft=1000, settlement=Settlement.MONTHLY)
    publish(valid_from="2026-11-16", overdraft=800, settlement=Settlement.MONTHLY, told="2026-11-15")
    take(anna, 10_000, "2026-11-01")
    charge(closed="2026-11-30", now="2026-12-01")
    assert charges(anna) == [("overdraft_interest", "2026-11-01", 74)]
    with pytest.raises(NoticeTooShort):
        publish(valid_from="2027-01-01", overdraft=900, told="2026-12-01")


def test_what_runs_is_known_before_it_is_booked():
    anna = account(overdraft=50_000)
    publish(valid_from="2026-10-01", overdraft=1050)
    take(anna, 20_000, "2026-10-01")
    charge(closed="2026-10-10", now="2026-10-11")
    running = get_running_interest(account_id=anna.pk, direction=Direction.DEBIT)
    assert (running.days, running.numerator) == (10, 210_000_000)


def test_days_are_accrued_once_and_missed_ones_are_caught_up():
    anna = account()
    publish(valid_from="2026-11-01", credit=100)
    put(anna, 1_000_000, "2026-11-01")
    charge(closed="2026-11-03", now="2026-11-04")
    assert accrue_interest(now=moment("2026-11-04")) == 0
    charge(closed="2026-11-10", now="2026-11-11")
    assert AccruedDay.objects.count() == Accrual.objects.count() == 10


def test_interest_goes_by_the_booking_day_whatever_the_value_date():
    """A day that is closed takes no more bookings: what comes late bears interest from the day it is booked on."""
    anna = account()
    publish(valid_from="2026-11-01", credit=100)
    put(anna, 1_000_000, "2026-11-01")
    charge(closed="2026-11-05", now="2026-11-06")
    put(anna, 1_000_000, "2026-11-02")
    assert Entry.objects.order_by("-recorded_at").first().booking_date == date(2026, 11, 6)
    charge(closed="2026-11-06", now="2026-11-07")
    assert list(Accrual.objects.order_by("day").values_list("balance_minor", flat=True)) == [
        *[1_000_000] * 5,
        2_000_000,
    ]


# What an account cannot bear ---------------------------------------------------------------------------


def test_what_the_account_cannot_bear_is_owed_and_collected_later():
    bruno = account()
    put(bruno, 312, "2026-10-01")
    publish(valid_from="2026-10-01", maintenance=490)
    charge(closed="2026-10-31", now="2026-11-01")
    done = Charge.objects.get()
    assert (done.amount_minor, done.shortfall_minor, balance(bruno)) == (490, 178, 0)
    assert (book_balance("fees:accounts"), book_balance("receivable:charges")) == (490, -178)
    put(bruno, 100, "2026-11-02")
    book_due_charges(now=moment("2026-11-02"))
    assert list_shortfalls(account_ids=[bruno.pk]) == {bruno.pk: [(done, 78)]}
    put(bruno, 1_000, "2026-11-03")
    for _ in range(2):
        book_due_charges(now=moment("2026-11-03"))
    assert list(Collection.objects.order_by("number").values_list("amount_minor", flat=True)) == [100, 78]
    assert (balance(bruno), book_balance("receivable:charges")) == (922, 0)
    assert list_shortfalls(account_ids=[bruno.pk]) == {}


def test_interest_takes_no_account_below_its_limit_and_is_earned_all_the_same():
    anna = account(overdraft=20_000)
    publish(valid_from="2026-10-01", overdraft=1050, settlement=Settlement.MONTHLY)
    take(anna, 20_000, "2026-10-01")
    charge(closed="2026-10-31", now="2026-11-01")
    done = Charge.objects.get(kind="overdraft_interest")
    assert done.amount_minor == done.shortfall_minor == 178  # 20,000 × 1,050 × 31 ÷ 3,650,000 = 178.36
    assert (balance(anna), book_balance("interest:overdraft")) == (-20_000, 178)


def test_a_blocked_account_is_not_collected_from():
    bruno = account()
    put(bruno, 312, "2026-10-01")
    publish(valid_from="2026-10-01", maintenance=490)
    charge(closed="2026-10-31", now="2026-11-01")
    put(bruno, 1_000, "2026-11-02")
    PaymentAccount.objects.update(status="blocked")
    book_due_charges(now=moment("2026-11-02"))
    assert not Collection.objects.exists()


# At once ---------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_at_once_book_once():
    accounts = [account(overdraft=50_000) for _ in range(4)]
    publish(valid_from="2026-10-01", maintenance=490, overdraft=1050, settlement=Settlement.MONTHLY)
    for one in accounts:
        take(one, 20_000, "2026-10-01")
    close_days(until=date(2026, 10, 31))

    def run(_: int) -> int:
        try:
            accrue_interest(now=moment("2026-11-01"))
            return book_due_charges(now=moment("2026-11-01"))
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(run, range(4))) == 8
    assert AccruedDay.objects.count() == 31
    assert Accrual.objects.count() == 4 * 31
    assert Entry.objects.filter(kind__in=["fee", "overdraft_interest"]).count() == 8
    assert {balance(one) for one in accounts} == {-20_000 - 490 - 178}


# Prices ----------------------------------------------------------------------------------------------


def test_prices_of_a_day_are_looked_up():
    publish(valid_from="2026-08-01", maintenance=490, target_transfer=1500, cross_border=1000)
    publish(valid_from="2026-11-01", maintenance=590, told="2026-08-02")
    october, november = date(2026, 10, 31), date(2026, 11, 1)
    assert get_price(product="Giro", service=FeeService.TARGET_TRANSFER, day=october).amount_minor == 1500
    assert get_price(product="Giro", service=FeeService.TARGET_TRANSFER, day=november) is None, "free now"
    assert get_price(product="Giro", service=FeeService.CREDIT_TRANSFER, day=october) is None
    assert get_prices(product="Giro", day=date(2026, 7, 31)) is None
    assert get_prices(product="Giro", day=november).prices[FeeService.MAINTENANCE] == 590


def test_a_price_list_is_not_published_twice_or_before_another():
    publish(valid_from="2026-11-01", maintenance=490)
    for day in ("2026-11-01", "2026-10-31"):
        with pytest.raises(PriceListInvalid):
            publish(valid_from=day, maintenance=390, told="2026-10-01")


def test_the_command_publishes_and_charges(tmp_path, capsys):
    path = tmp_path / "prices.json"
    path.write_text('[{"product": "Giro", "prices": {"maintenance": "4.90"}}]')
    call_command("pricing", "publish", str(path), "--from", "2099-01-01")
    call_command("pricing", "charge")
    assert "0 days accrued, 0 charges booked" in capsys.readouterr().out
    for content, reason in (("[", "Expecting"), ("[]", "not a list"), ('[{"product": 1}]', "not a product")):
        path.write_text(content)
        with pytest.raises(CommandError, match=reason):
            call_command("pricing", "publish", str(path), "--from", "2099-02-01")
    with pytest.raises(CommandError, match="No such file"):
        call_command("pricing", "publish", str(tmp_path / "none"), "--from", "2099-02-01")


def test_the_booking_reads_like_one():
    anna = account()
    put(anna, 10_000, "2026-10-01")
    publish(valid_from="2026-10-01", maintenance=490)
    charge(closed="2026-10-31", now="2026-11-01")
    row = list_transactions(account=anna)[0]
    assert (row.counterparty_name, row.direction) == ("Lindenbank eG", "DEBIT")
    assert row.remittance_information_unstructured == "Maintaining the account 2026-10-01 to 2026-10-31"
