"""Periods, notice and the rounding of interest: pure, by table."""

from datetime import date, timedelta

import pytest

from apps.pricing.price_lists import read_price_list
from apps.pricing.rules import (
    FeeService,
    NoticeTooShort,
    PriceListInvalid,
    ProductPrices,
    Settlement,
    Span,
    Terms,
    check_notice,
    check_prices,
    first_whole_month,
    interest_minor,
    period_from,
)

# A cent of interest is this much balance (in cents) times rate (in basis points) over days: 365 times 10,000.
CENT = 3_650_000


@pytest.mark.parametrize(
    ("numerator", "cents"),
    [
        (0, 0),
        (CENT // 2 - 1, 0),
        (CENT // 2, 0),  # Half a cent goes to the even one below,
        (CENT // 2 + 1, 1),
        (CENT + CENT // 2, 2),  # and one and a half to the even one above.
        (2 * CENT + CENT // 2, 2),
        (20_000 * 1050 * 10, 58),  # 200.00 at 10.50 % for 10 days: 0.5753…
        (10**13 * 10_000 * 366, 10**13 * 366 // 365 + 1),  # A hundred billion at 100 %: nothing is lost.
    ],
)
def test_interest_is_rounded_once_half_to_even(numerator, cents):
    assert interest_minor(numerator) == cents


@pytest.mark.parametrize(
    ("day", "settlement", "last_day"),
    [
        ("2026-01-01", Settlement.QUARTERLY, "2026-03-31"),
        ("2026-02-10", Settlement.QUARTERLY, "2026-03-31"),
        ("2026-12-31", Settlement.QUARTERLY, "2026-12-31"),
        ("2024-02-01", Settlement.MONTHLY, "2024-02-29"),
        ("2026-02-28", Settlement.MONTHLY, "2026-02-28"),
    ],
)
def test_a_period_runs_to_the_end_of_its_month_or_quarter(day, settlement, last_day):
    first = date.fromisoformat(day)
    assert period_from(first, settlement) == Span(first, date.fromisoformat(last_day))


@pytest.mark.parametrize(
    ("day", "first"),
    [("2026-03-01", "2026-03-01"), ("2026-03-02", "2026-04-01"), ("2026-12-31", "2027-01-01")],
)
def test_part_of_a_month_costs_nothing(day, first):
    assert first_whole_month(date.fromisoformat(day)) == date.fromisoformat(first)


def product(overdraft: int = 1050, credit: int = 0, **prices: int) -> ProductPrices:
    return ProductPrices(
        "Giro", {FeeService(name): amount for name, amount in prices.items()}, Terms(overdraft, credit)
    )


TODAY = date(2026, 11, 25)


@pytest.mark.req("P-54")
@pytest.mark.parametrize(
    ("wanted", "earliest"),
    [
        (product(maintenance=491), "2027-01-25"),
        (product(maintenance=490, cross_border=1), "2027-01-25"),
        (product(maintenance=490, overdraft=1051), "2027-01-25"),
        (product(maintenance=489), "2026-11-26"),
        (product(maintenance=490, overdraft=900, credit=50), "2026-11-26"),
    ],
)
def test_what_is_worse_for_the_customer_is_told_two_months_before(wanted, earliest):
    present, day = product(maintenance=490), date.fromisoformat(earliest)
    check_notice(present=present, wanted=wanted, valid_from=day, today=TODAY)
    with pytest.raises(NoticeTooShort):
        check_notice(present=present, wanted=wanted, valid_from=day - timedelta(days=1), today=TODAY)


def test_a_first_price_list_holds_from_today_and_never_from_before():
    check_notice(present=None, wanted=product(), valid_from=TODAY, today=TODAY)
    with pytest.raises(NoticeTooShort):
        check_notice(present=None, wanted=product(), valid_from=date(2026, 11, 24), today=TODAY)


@pytest.mark.req("IPR-5b")
def test_an_instant_transfer_costs_what_an_ordinary_one_does():
    check_prices(product(credit_transfer=10, instant_transfer=10))
    with pytest.raises(PriceListInvalid, match="instant"):
        check_prices(product(credit_transfer=10, instant_transfer=11))
    with pytest.raises(PriceListInvalid, match="instant"):
        check_prices(product(instant_transfer=1))
    with pytest.raises(PriceListInvalid, match="instant"):
        check_prices(product(credit_transfer=10, instant_transfer=9))
    with pytest.raises(PriceListInvalid, match="instant"):
        check_prices(product(credit_transfer=10))


@pytest.mark.parametrize(
    "wanted", [product(maintenance=-1), product(overdraft=10_001), product(credit=-1), product(overdraft=-1)]
)
def test_prices_and_rates_that_cannot_be_are_refused(wanted):
    with pytest.raises(PriceListInvalid):
        check_prices(wanted)


def test_a_price_list_is_read():
    (giro,) = read_price_list(
        '[{"product": "Giro", "prices": {"maintenance": "4.90", "credit_transfer": "0"},'
        ' "interest": {"overdraft": "10.50", "settlement": "monthly"}}]'
    )
    assert giro == ProductPrices(
        "Giro",
        {FeeService.MAINTENANCE: 490, FeeService.CREDIT_TRANSFER: 0},
        Terms(1050, 0, Settlement.MONTHLY),
    )


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[]",
        '["Giro"]',
        '[{"product": ""}]',
        '[{"product": "Giro"}, {"product": "Giro"}]',
        '[{"product": "Giro", "fees": {}}]',
        '[{"product": "Giro", "currency": "XXX"}]',
        '[{"product": "Giro", "prices": {"paper": "1.00"}}]',
        '[{"product": "Giro", "prices": {"maintenance": 4.9}}]',
        '[{"product": "Giro", "prices": {"maintenance": "-4.90"}}]',
        '[{"product": "Giro", "prices": {"maintenance": "4.905"}}]',
        '[{"product": "Giro", "interest": {"overdraft": "10.5"}}]',
        '[{"product": "Giro", "interest": {"overdraft": 10.5}}]',
        '[{"product": "Giro", "interest": {"settlement": "daily"}}]',
        '[{"product": "Giro", "interest": {"dispo": "10.50"}}]',
    ],
)
def test_what_is_no_price_list_is_refused(text):
    with pytest.raises(PriceListInvalid):
        read_price_list(text)
