"""Overview, accounts, transactions: the customer's own, all of it, nobody else's."""

from datetime import date, timedelta
from html import unescape

import pytest

from apps.accounts.models import AccountHolder
from apps.core.ids import new_id
from apps.core.money import Money
from apps.identity.models import PSU
from apps.ledger.rules import EntryKind, Narrative
from apps.ledger.services import post_transfer
from apps.portal.activity import parse_cursor
from tests.factories.accounts import NOW, account_of, bank_accounts
from tests.portal.kit import BankTime, Visitor, text_of


def book(
    psu: PSU, *, name: str, minor: int, day: date, text: str = "", account=None, credit: bool = False
) -> None:
    """One booking on the customer's account."""
    own, other = (account or psu.account).ledger_account_id, bank_accounts()["nostro:central-bank"].pk
    debit_id, credit_id = (other, own) if credit else (own, other)
    party = {"debtor_name": name} if credit else {"creditor_name": name}
    post_transfer(
        kind=EntryKind.CREDIT_TRANSFER,
        reference=str(new_id()),
        debit_account_id=debit_id,
        credit_account_id=credit_id,
        amount=Money(minor, "EUR"),
        booking_date=day,
        value_date=day,
        narrative=Narrative(remittance_information_unstructured=text, **party),
        now=NOW,
    )


DAY = date(2026, 11, 20)


class TestOverview:
    @pytest.mark.parametrize(
        ("hours", "words"),
        [(-6, "Good morning"), (0, "Good afternoon"), (5, "Good evening"), (12, "Good evening")],
    )
    def test_greets_by_bank_time(
        self, visitor: Visitor, anna: PSU, bank_time: BankTime, hours: int, words: str
    ) -> None:
        bank_time.pass_(hours=hours)
        visitor.sign_in(anna)
        assert f"{words}, Anna" in text_of(visitor.get("/home/"))

    def test_adds_up_what_there_is(self, customer_anna: Visitor, anna: PSU) -> None:
        savings = account_of(anna, balance_minor=650_000, display_name="Savings")
        book(anna, name="REWE Markt", minor=4218, day=DAY)
        page = text_of(customer_anna.get("/home/"))
        assert "€7,457.82" in page
        assert "€957.82" in page
        assert str(savings.pk) in page
        assert "REWE Markt" in page
        assert "−\u00a0€42.18" in page

    def test_the_chart_can_be_read_without_seeing_it(self, customer_anna: Visitor, anna: PSU) -> None:
        book(anna, name="REWE Markt", minor=4218, day=DAY)
        page = text_of(customer_anna.get("/home/"))
        assert 'role="img"' in page
        assert "lowest" in page
        assert "Show as table" in page
        assert "style=" not in page

    def test_a_customer_without_an_account_sees_no_error(self, customer_anna: Visitor, anna: PSU) -> None:
        AccountHolder.objects.filter(psu=anna).delete()
        assert "No account yet" in text_of(customer_anna.get("/home/"))
        assert customer_anna.get("/transactions/").status_code == 200

    def test_what_others_wrote_stays_text(self, customer_anna: Visitor, anna: PSU) -> None:
        book(anna, name="<script>alert(1)</script>", minor=1, day=DAY, text='"><img src=x onerror=alert(1)>')
        for path in ("/home/", "/transactions/", f"/accounts/{anna.account.pk}/"):
            page = text_of(customer_anna.get(path))
            assert "<script>alert" not in page
            assert "<img" not in page


class TestAccount:
    def test_shows_details_and_bookings(self, customer_anna: Visitor, anna: PSU) -> None:
        book(anna, name="REWE Markt", minor=4218, day=DAY)
        page = text_of(customer_anna.get(f"/accounts/{anna.account.pk}/"))
        iban = anna.account.iban
        for shown in (
            " ".join(iban[i : i + 4] for i in range(0, 22, 4)),
            "€957.82",
            "LINDDEB0XXX",
            "REWE Markt",
        ):
            assert shown in page
        assert "Friday, 20 November 2026" in page

    def test_anothers_is_not_there(self, customer_anna: Visitor, bruno: PSU) -> None:
        book(bruno, name="Secret payee", minor=1, day=DAY)
        for path in (f"/accounts/{bruno.account.pk}/", f"/accounts/{bruno.account.pk}/transactions/1/"):
            answer = customer_anna.get(path)
            assert answer.status_code == 404
            assert "Secret" not in text_of(answer)

    def test_a_joint_one_is_seen_by_both(self, customer_anna: Visitor, bruno: PSU) -> None:
        AccountHolder.objects.create(payment_account=bruno.account, psu=PSU.objects.get(first_name="Anna"))
        assert customer_anna.get(f"/accounts/{bruno.account.pk}/").status_code == 200

    def test_pages_older_bookings_without_a_gap(self, customer_anna: Visitor, anna: PSU) -> None:
        for number in range(60):
            book(anna, name=f"Shop {number:02}", minor=100, day=DAY - timedelta(days=number // 7))
        path, found = f"/accounts/{anna.account.pk}/", []
        while path:
            page = customer_anna.http.get(path)
            found += [entry.row.counterparty_name for entry in page.context["page"].entries]
            path = page.context["older_url"]
        assert len(found) == 61
        assert len(set(found)) == 61
        assert sorted(found[:60]) == [f"Shop {number:02}" for number in range(60)]


class TestTransactions:
    def test_of_all_accounts_come_in_one_stream(self, customer_anna: Visitor, anna: PSU) -> None:
        savings = account_of(anna, balance_minor=100_000, display_name="Savings")
        for number in range(40):
            book(
                anna,
                name=f"Shop {number:02}",
                minor=100,
                day=DAY - timedelta(days=number),
                account=savings if number % 2 else None,
            )
        page = customer_anna.get("/transactions/")
        found = [entry.row.counterparty_name for entry in page.context["page"].entries]
        found += [
            entry.row.counterparty_name
            for entry in customer_anna.http.get(page.context["older_url"]).context["page"].entries
        ]
        assert [name for name in found if name != "Lindenbank"] == [
            f"Shop {number:02}" for number in range(40)
        ]

    def test_are_found_by_name_and_reference(self, customer_anna: Visitor, anna: PSU) -> None:
        book(anna, name="REWE Markt", minor=100, day=DAY, text="Card payment")
        book(anna, name="Deutsche Bahn", minor=200, day=DAY, text="Ticket 100 % regular")
        for query, names in (
            ("rewe", ["REWE Markt"]),
            ("100 %", ["Deutsche Bahn"]),
            ("zzz", []),
            ("%", ["Deutsche Bahn"]),
        ):
            entries = customer_anna.get("/transactions/", q=query).context["page"].entries
            assert [entry.row.counterparty_name for entry in entries] == names

    @pytest.mark.parametrize(
        "query",
        [
            {"q": "\x00"},
            {"q": "x" * 500},
            {"q": "' OR 1=1 --"},
            {"q": "<script>"},
            {"before": "nonsense"},
            {"before": "2026-11-20.99999999999999999999"},
            {"before": "9999-99-99.1"},
            {"before": "2026-11-20.-1"},
            {"account": "x"},
            {"account": "6f1e2a40-5a53-4b0e-8a51-58a5a1f2c9d1"},
        ],
    )
    def test_nonsense_breaks_nothing(self, customer_anna: Visitor, anna: PSU, query: dict) -> None:
        answer = customer_anna.get("/transactions/", **query)
        assert answer.status_code == 200
        assert "<script>" not in text_of(answer)

    def test_anothers_account_cannot_be_searched(self, customer_anna: Visitor, anna: PSU, bruno: PSU) -> None:
        book(bruno, name="Secret payee", minor=1, day=DAY)
        answer = customer_anna.get("/transactions/", account=str(bruno.account.pk))
        assert "Secret" not in text_of(answer)

    def test_one_shows_all_that_is_known(self, customer_anna: Visitor, anna: PSU) -> None:
        book(anna, name="Kern Verlag", minor=318_044, day=DAY, text="Salary", credit=True)
        row = customer_anna.get("/transactions/").context["page"].entries[0].row
        page = unescape(
            text_of(customer_anna.get(f"/accounts/{anna.account.pk}/transactions/{row.transaction_id}/"))
        )
        for shown in ("Kern Verlag", "+\u00a0€3,180.44", "Salary", "Friday, 20 November 2026", "€4,180.44"):
            assert shown in page

    @pytest.mark.parametrize("number", ["0", "x", "999999999999", "9" * 30, "１", "1e3"])
    def test_one_that_does_not_exist_is_not_found(
        self, customer_anna: Visitor, anna: PSU, number: str
    ) -> None:
        assert customer_anna.get(f"/accounts/{anna.account.pk}/transactions/{number}/").status_code == 404


def test_a_cursor_is_a_day_and_a_number() -> None:
    assert parse_cursor("2026-11-20.7") == (date(2026, 11, 20), 7)
    for text in ("", ".", "2026-11-20", "2026-11-20.", "x.1", "2026-11-20.٣", "20261120.1x"):
        assert parse_cursor(text) is None
