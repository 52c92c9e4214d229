"""What an account costs, on its pages: prices, rates, what runs, what will change, the yearly statement."""

import re

import pytest

from apps.identity.models import PSU
from tests.portal.kit import Visitor, text_of
from tests.portal.test_standing_orders import begun
from tests.pricing.books import publish

# The bank's clock stands on Saturday, 21 November 2026.


def page_of(visitor: Visitor, psu: PSU) -> str:
    return re.sub(r"\s+", " ", text_of(visitor.get(f"/accounts/{psu.account.pk}/")))


@pytest.mark.req("PAD-5")
class TestTheAccountPage:
    def test_says_nothing_where_there_is_no_price_list(self, customer_anna: Visitor, anna: PSU) -> None:
        assert "Fees and interest" not in page_of(customer_anna, anna)

    def test_names_prices_and_rates(self, customer_anna: Visitor, anna: PSU) -> None:
        publish(valid_from="2026-11-01", maintenance=490, target_transfer=1500, overdraft=1050)
        page = page_of(customer_anna, anna)
        for told in (
            "Maintaining the account</dt><dd>€4.90 a month",
            "Credit transfer</dt><dd>free",
            "Credit transfer by TARGET</dt><dd>€15.00 each",
            "10.50 % a year, booked every quarter",
            "Interest on your balance</dt><dd>none",
        ):
            assert told in page

    def test_names_what_other_banks_take_beside_the_price_of_a_transfer_abroad(
        self, customer_anna: Visitor, anna: PSU, settings
    ) -> None:
        publish(valid_from="2026-11-01", cross_border=1000)
        told = (
            "outside the SEPA area</dt><dd>€10.00 each",
            "Other banks’ fees abroad, if you pay all fees</dt><dd>€20.00 each",
        )
        page = page_of(customer_anna, anna)
        assert page.index(told[0]) < page.index(told[1])
        settings.FEE_OTHER_BANKS_MINOR = 0
        assert "Other banks’ fees" not in page_of(customer_anna, anna)

    def test_names_what_will_change_and_when(self, customer_anna: Visitor, anna: PSU) -> None:
        publish(valid_from="2026-11-01", maintenance=490)
        publish(valid_from="2027-02-01", maintenance=590, told="2026-11-20")
        page = page_of(customer_anna, anna)
        assert "€4.90 a month" in page
        assert page.index("From Monday, 1 February 2027") < page.index("€5.90 a month")

    def test_is_german_for_whom_reads_german(self, customer_anna: Visitor, anna: PSU) -> None:
        publish(valid_from="2026-11-01", maintenance=490, overdraft=1050)
        anna.user.language = "de"
        anna.user.save(update_fields=["language"])
        page = page_of(customer_anna, anna)
        assert "Kontoführung</dt><dd>4,90 € im Monat" in page
        assert "10,50 % im Jahr, vierteljährlich gebucht" in page


def test_a_transfer_tells_its_price_before_it_is_approved(customer_anna: Visitor, anna: PSU) -> None:
    publish(valid_from="2026-11-01", credit_transfer=10)
    path = begun(customer_anna, anna)
    assert "€0.10, charged with the month" in text_of(customer_anna.get(f"{path}review/"))


@pytest.mark.req("PAD-5")
class TestTheStatementOfFees:
    def test_is_found_with_the_statements(self, customer_anna: Visitor, anna: PSU) -> None:
        page = text_of(customer_anna.get(f"/accounts/{anna.account.pk}/statements/"))
        years = re.findall(r"/statements/fees/(\d+)/(\w+)/", page)
        assert years == [(str(year), kind) for year in (2026, 2025, 2024) for kind in ("pdf", "csv")]

    @pytest.mark.parametrize(("kind", "begin"), [("pdf", b"%PDF-1."), ("csv", b"\xef\xbb\xbf")])
    def test_is_downloaded(self, customer_anna: Visitor, anna: PSU, kind: str, begin: bytes) -> None:
        response = customer_anna.get(f"/accounts/{anna.account.pk}/statements/fees/2026/{kind}/")
        assert response.status_code == 200
        assert b"".join(response.streaming_content).startswith(begin)
        name = f"statement-of-fees-{anna.account.iban[-10:]}-2026.{kind}"
        assert name in response["Content-Disposition"]

    @pytest.mark.parametrize("what", ["2023/pdf", "2028/pdf", "0/pdf", "99999/pdf", "2026/mt940"])
    def test_what_there_is_not_is_not_given(self, customer_anna: Visitor, anna: PSU, what: str) -> None:
        assert customer_anna.get(f"/accounts/{anna.account.pk}/statements/fees/{what}/").status_code in (
            404,
            422,
        )

    def test_nobody_elses(self, visitor: Visitor, anna: PSU, bruno: PSU) -> None:
        visitor.sign_in(bruno)
        response = visitor.get(f"/accounts/{anna.account.pk}/statements/fees/2026/pdf/")
        assert response.status_code == 404
