"""Lists of transactions: what they tell, their pages, their periods."""

from datetime import date, timedelta
from urllib.parse import quote

import pytest
from django.utils import timezone

from apps.accounts.models import PaymentAccount
from apps.accounts.queries import list_transactions
from apps.consents.models import ConsentAccess
from apps.core import clock
from apps.core.clock import bank_date
from apps.core.ids import new_id
from apps.core.money import Money
from apps.ledger.rules import EntryKind, Narrative
from apps.ledger.services import post_transfer
from apps.payments.kinds import STANDING_ORDERS
from apps.payments.standing_orders import end_standing_order
from tests.factories.accounts import NOW, account_of, bank_accounts
from tests.factories.payments import authorised_payment
from tests.xs2a.kit import NOT_THERE, PERIODIC, PSU_IP, periodic_body
from tests.xs2a.world import Enrolment, World, release

SINCE = "/transactions?bookingStatus=booked&dateFrom=2026-11-01"


def book(
    account: PaymentAccount,
    amount_minor: int,
    *,
    day: date = date(2026, 11, 20),
    name: str = "Möbelhaus Kern GmbH",
    text: str = "Order 88-2041",
    end_to_end: str = "E2E-1",
) -> None:
    """A booking: positive comes in, negative goes out."""
    other = bank_accounts()["clearing:sepa-sct"].pk
    own = account.ledger_account_id
    incoming = amount_minor > 0
    narrative = {
        "debtor_name": name if incoming else account.owner_name,
        "debtor_iban": "DE02120300000000202051" if incoming else account.iban,
        "creditor_name": account.owner_name if incoming else name,
        "creditor_iban": account.iban if incoming else "DE02120300000000202051",
    }
    post_transfer(
        kind=EntryKind.OPENING,
        reference=str(new_id()),
        debit_account_id=other if incoming else own,
        credit_account_id=own if incoming else other,
        amount=Money(abs(amount_minor), "EUR"),
        booking_date=day,
        value_date=day,
        narrative=Narrative(
            **narrative, remittance_information_unstructured=text, end_to_end_identification=end_to_end
        ),
        now=NOW,
    )


def booked(enrolment: Enrolment, query: str = SINCE) -> list[dict]:
    answer = enrolment.api.get(enrolment.path(query), PSU_IP_Address=PSU_IP)
    assert answer.status == 200, answer.body
    return answer.body["transactions"]["booked"]


@pytest.mark.req("RTS-36(1)(a)", "S0-49")
def test_a_list_tells_both_directions_newest_first(world: World):
    enrolment = world.enrol()
    book(enrolment.account, -2490)
    book(
        enrolment.account,
        150_000,
        day=date(2026, 11, 21),
        name="Arbeitgeber AG",
        text="Salary",
        end_to_end="",
    )
    answer = enrolment.api.get(enrolment.path(SINCE))
    salary, order, opening = answer.body["transactions"]["booked"]
    prefix = enrolment.path("/transactions/")
    assert salary == {
        "transactionId": salary["transactionId"],
        "entryReference": salary["entryReference"],
        "bookingDate": "2026-11-21",
        "valueDate": "2026-11-21",
        "transactionAmount": {"currency": "EUR", "amount": "1500.00"},
        "debtorName": "Arbeitgeber AG",
        "debtorAccount": {"iban": "DE02120300000000202051"},
        "remittanceInformationUnstructured": "Salary",
        "balanceAfterTransaction": {
            "balanceAmount": {"currency": "EUR", "amount": "2475.10"},
            "balanceType": "interimBooked",
        },
        "_links": {"transactionDetails": {"href": prefix + salary["transactionId"]}},
    }
    assert order["transactionAmount"] == {"currency": "EUR", "amount": "-24.90"}
    assert order["creditorName"] == "Möbelhaus Kern GmbH"
    assert order["creditorAccount"] == {"iban": "DE02120300000000202051"}
    assert order["endToEndId"] == "E2E-1"
    assert opening["debtorName"] == "Lindenbank"
    assert "debtorAccount" not in opening
    assert answer.body["account"] == {"iban": enrolment.account.iban, "currency": "EUR"}
    assert answer.body["transactions"]["_links"] == {
        "account": {"href": enrolment.path()},
        "first": {"href": enrolment.path(SINCE)},
    }


@pytest.mark.req("RTS-36(1)(a)")
def test_the_list_says_what_the_customers_own_page_says(world: World):
    enrolment = world.enrol()
    for amount in (-100, 2_000, -5):
        book(enrolment.account, amount)
    told = [
        (
            row["transactionId"],
            row["transactionAmount"]["amount"],
            row["balanceAfterTransaction"]["balanceAmount"],
        )
        for row in booked(enrolment)
    ]
    shown = [
        (
            row.transaction_id,
            f"{'-' if row.direction == 'DEBIT' else ''}{row.amount_minor / 100:.2f}",
            {"currency": "EUR", "amount": f"{row.balance_after_minor / 100:.2f}"},
        )
        for row in list_transactions(account=enrolment.account)
    ]
    assert told == shown


def test_without_the_right_to_balances_none_is_told(world: World):
    reference = [{"iban": world.anna.account.iban}]
    enrolment = world.enrol(access={"transactions": reference})
    answer = enrolment.api.get(enrolment.path(f"{SINCE}&withBalance=true"))
    assert "balances" not in answer.body
    rows = answer.body["transactions"]["booked"]
    assert rows
    assert not [row for row in rows if "balanceAfterTransaction" in row]
    details = enrolment.api.get(rows[0]["_links"]["transactionDetails"]["href"]).body
    assert "balanceAfterTransaction" not in details["transactionsDetails"]["transactionDetails"]


def test_balances_come_along_when_asked_for(world: World):
    enrolment = world.enrol()
    answer = enrolment.api.get(enrolment.path(f"{SINCE}&withBalance=true"))
    assert answer.body["balances"][0]["balanceAmount"] == {"currency": "EUR", "amount": "1000.00"}


def test_dates_bound_the_list_both_included(world: World):
    enrolment = world.enrol()
    for day in (10, 11, 12, 13):
        book(enrolment.account, day, day=date(2026, 11, day))
    rows = booked(enrolment, "/transactions?bookingStatus=booked&dateFrom=2026-11-11&dateTo=2026-11-12")
    assert [row["bookingDate"] for row in rows] == ["2026-11-12", "2026-11-11"]


@pytest.mark.parametrize(
    ("query", "refusal", "path"),
    [
        ("", (400, "FORMAT_ERROR"), "bookingStatus"),
        ("dateFrom=2026-11-01", (400, "FORMAT_ERROR"), "bookingStatus"),
        ("bookingStatus=open&dateFrom=2026-11-01", (400, "FORMAT_ERROR"), "bookingStatus"),
        ("bookingStatus=BOOKED&dateFrom=2026-11-01", (400, "FORMAT_ERROR"), "bookingStatus"),
        ("bookingStatus=information&dateFrom=01.11.2026", (400, "FORMAT_ERROR"), "dateFrom"),
        ("bookingStatus=information&dateTo=now", (400, "FORMAT_ERROR"), "dateTo"),
        ("bookingStatus=information,booked", (400, "FORMAT_ERROR"), "bookingStatus"),
        ("bookingStatus=all", (400, "FORMAT_ERROR"), "dateFrom"),
        ("bookingStatus=booked", (400, "FORMAT_ERROR"), "dateFrom"),
        ("bookingStatus=booked&dateFrom=01.11.2026", (400, "FORMAT_ERROR"), "dateFrom"),
        ("bookingStatus=booked&dateFrom=2026-11-31", (400, "FORMAT_ERROR"), "dateFrom"),
        ("bookingStatus=booked&dateFrom=20261101", (400, "FORMAT_ERROR"), "dateFrom"),
        ("bookingStatus=booked&dateFrom=2026-11-01&dateTo=now", (400, "FORMAT_ERROR"), "dateTo"),
        ("bookingStatus=booked&dateFrom=2026-11-02&dateTo=2026-11-01", (400, "PERIOD_INVALID"), "dateTo"),
        ("bookingStatus=booked&entryReferenceFrom=1", (400, "PARAMETER_NOT_SUPPORTED"), "entryReferenceFrom"),
        ("bookingStatus=booked&deltaList=true", (400, "PARAMETER_NOT_SUPPORTED"), "deltaList"),
        ("bookingStatus=booked&deltaList=1", (400, "FORMAT_ERROR"), "deltaList"),
        ("bookingStatus=booked&dateFrom=2026-11-01&page=x", (400, "FORMAT_ERROR"), "page"),
        ("bookingStatus=booked&page=x", (400, "FORMAT_ERROR"), "page"),
        ("bookingStatus=booked&dateFrom=2026-11-01&sort=asc", (400, "FORMAT_ERROR"), "sort"),
    ],
)
def test_a_wrong_parameter_is_named_and_counts_nothing(world: World, query, refusal, path):
    enrolment = world.enrol()
    answer = enrolment.api.get(enrolment.path(f"/transactions?{query}"))
    assert (answer.refusal, answer.path) == (refusal, path)
    assert not ConsentAccess.objects.exists()


@pytest.mark.req("RTS-36(1)(a)")
def test_information_tells_the_standing_orders_that_run(world: World):
    """Whichever way they came: entered in the portal, or through a TPP."""
    enrolment = world.enrol()
    sent = periodic_body(world.anna.account.iban, dayOfExecution="31", endDate="2099-12-31")
    answers = [world.pis().post(PERIODIC, body) for body in (sent, periodic_body(world.anna.account.iban))]
    path = enrolment.path("/transactions?bookingStatus={}&dateFrom=2026-11-01")

    def told(booking_status: str) -> dict:
        answer = enrolment.api.get(path.format(booking_status), PSU_IP_Address=PSU_IP)
        assert answer.status == 200
        return answer.body["transactions"]

    assert told("information")["information"] == []  # Nobody has signed.
    release(answers[0].body["paymentId"], world.anna, kind=STANDING_ORDERS)
    series = {"startDate", "endDate", "frequency", "executionRule", "dayOfExecution"}
    expected = [
        {
            "transactionAmount": {"currency": "EUR", "amount": "-24.90"},
            "creditorName": "Möbelhaus Kern GmbH",
            "creditorAccount": {"iban": "DE02120300000000202051"},
            "endToEndId": "SP-88-2041",
            "remittanceInformationUnstructured": "Order 88-2041",
            "additionalInformationStructured": {
                "standingOrderDetails": {name: sent[name] for name in series}
            },
        }
    ]
    assert told("information")["information"] == expected
    assert set(told("information")) == {"information", "_links"}
    whole = told("all")
    assert whole["information"] == expected
    assert set(whole) == {"booked", "pending", "information", "_links"}
    for others in ("booked", "pending", "both"):
        assert "information" not in told(others)
    without_day = enrolment.path("/transactions?bookingStatus=information")
    assert enrolment.api.get(without_day, PSU_IP_Address=PSU_IP).status == 200
    end_standing_order(
        standing_order_id=answers[0].body["paymentId"], psu_id=world.anna.psu.pk, now=clock.now()
    )
    assert told("information")["information"] == []


def test_standing_orders_of_another_account_are_not_told(world: World):
    theirs = world.pis().post(PERIODIC, periodic_body(world.bruno.account.iban))
    release(theirs.body["paymentId"], world.bruno, kind=STANDING_ORDERS)
    enrolment = world.enrol()
    answer = enrolment.api.get(enrolment.path("/transactions?bookingStatus=information"))
    assert answer.body["transactions"]["information"] == []
    # Counted like any other list (RTS art. 36(5)).
    assert ConsentAccess.objects.count() == 1


def test_pending_tells_authorised_orders_until_they_are_booked(world: World):
    enrolment = world.enrol()
    authorised_payment(world.anna.psu, amount_minor=777)
    query = "/transactions?bookingStatus={}&dateFrom=2026-11-01"
    pending = enrolment.api.get(enrolment.path(query.format("pending")), PSU_IP_Address=PSU_IP)
    assert "booked" not in pending.body["transactions"]
    assert pending.body["transactions"]["pending"] == [
        {
            "transactionAmount": {"currency": "EUR", "amount": "-7.77"},
            "creditorName": "Möbelhaus Kern GmbH",
            "creditorAccount": {"iban": "DE02120300000000202051"},
            "remittanceInformationUnstructured": "Order 88-2041",
        }
    ]
    both = enrolment.api.get(enrolment.path(query.format("both")), PSU_IP_Address=PSU_IP)
    assert both.body["transactions"]["pending"] == pending.body["transactions"]["pending"]
    assert len(both.body["transactions"]["booked"]) == 1


# Pages -------------------------------------------------------------------------------------------------


@pytest.mark.req("RTS-36(5)")
def test_pages_are_complete_stable_and_one_access(world: World, monkeypatch):
    monkeypatch.setattr("apps.xs2a.views.transactions.PAGE_SIZE", 3)
    enrolment = world.enrol()
    for amount in range(1, 9):
        book(enrolment.account, amount, day=date(2026, 11, 10 + amount // 3))
    expected = [row.transaction_id for row in list_transactions(account=enrolment.account)]
    assert len(expected) == 9
    seen, path, pages = [], enrolment.path(SINCE), 0
    while path:
        answer = enrolment.api.get(path)
        assert answer.status == 200, answer.body
        rows = answer.body["transactions"]["booked"]
        assert len(rows) <= 3
        seen += [row["transactionId"] for row in rows]
        links = answer.body["transactions"]["_links"]
        assert links["first"]["href"] == enrolment.path(SINCE)
        path = links.get("next", {}).get("href")
        pages += 1
        # New bookings come in at the top and move nothing that is still to come.
        book(enrolment.account, 1000, day=date(2026, 11, 21))
    assert (seen, pages) == (expected, 3)
    assert ConsentAccess.objects.filter(consent_id=enrolment.consent_id).count() == 1


@pytest.mark.req("RTS-36(5)")
def test_a_page_link_opens_nothing_else(world: World, monkeypatch):
    monkeypatch.setattr("apps.xs2a.views.transactions.PAGE_SIZE", 1)
    enrolment, other = world.enrol(), world.enrol()
    savings = account_of(world.anna.psu, balance_minor=5)
    both = world.enrol(access={"allPsd2": "allAccounts"}, accounts=[world.anna.account, savings])
    book(enrolment.account, 100)
    link = enrolment.api.get(enrolment.path(SINCE)).body["transactions"]["_links"]["next"]["href"]
    token = link.rpartition("=")[2]
    assert enrolment.api.get(link).status == 200
    assert other.api.get(link).refusal == (400, "FORMAT_ERROR")
    moved = link.replace(str(enrolment.account.pk), str(savings.pk))
    assert both.api.get(moved).refusal == (400, "FORMAT_ERROR")
    for change in (token[:-1] + ("A" if token[-1] != "A" else "B"), token[1:], "", f"{token}x", quote("::")):
        assert enrolment.api.get(link.replace(token, change)).refusal == (400, "FORMAT_ERROR")
    assert enrolment.api.get(f"{link}&dateFrom=2020-01-01").refusal == (400, "FORMAT_ERROR")


def test_a_page_link_grows_old(world: World, monkeypatch):
    monkeypatch.setattr("apps.xs2a.views.transactions.PAGE_SIZE", 1)
    enrolment = world.enrol()
    book(enrolment.account, 100)
    link = enrolment.api.get(enrolment.path(SINCE)).body["transactions"]["_links"]["next"]["href"]
    monkeypatch.setattr("apps.xs2a.pages.LIFETIME_SECONDS", -1)
    answer = enrolment.api.get(link)
    assert (answer.refusal, answer.path) == ((400, "FORMAT_ERROR"), "page")


def test_a_revoked_consent_ends_in_the_middle_of_the_pages(world: World, monkeypatch):
    monkeypatch.setattr("apps.xs2a.views.transactions.PAGE_SIZE", 1)
    enrolment = world.enrol()
    book(enrolment.account, 100)
    link = enrolment.api.get(enrolment.path(SINCE)).body["transactions"]["_links"]["next"]["href"]
    world.ais().delete(f"/v1/consents/{enrolment.consent_id}")
    assert enrolment.api.get(link).refusal == (401, "CONSENT_INVALID")


# The last 90 days ----------------------------------------------------------------------------------------


@pytest.mark.req("RTS-10a")
def test_old_bookings_are_given_only_while_the_authentication_is_fresh(world: World, bank_clock):
    enrolment = world.enrol()
    today = timezone.localdate()
    book(enrolment.account, 100, day=today - timedelta(days=91))
    query = "/transactions?bookingStatus=booked&dateFrom={}"
    old = enrolment.path(query.format(today - timedelta(days=91)))
    row = enrolment.api.get(old, PSU_IP_Address=PSU_IP).body["transactions"]["booked"][-1]
    details = row["_links"]["transactionDetails"]["href"]
    assert enrolment.api.get(details, PSU_IP_Address=PSU_IP).status == 200
    bank_clock.move(hours=1, seconds=1)
    today = bank_date(clock.now())
    refused = enrolment.api.get(
        enrolment.path(query.format(today - timedelta(days=92))), PSU_IP_Address=PSU_IP
    )
    assert (refused.refusal, refused.path) == ((400, "PERIOD_INVALID"), "dateFrom")
    assert enrolment.api.get(details, PSU_IP_Address=PSU_IP).refusal == (400, "PERIOD_INVALID")
    recent = enrolment.path(query.format(today - timedelta(days=89)))
    assert enrolment.api.get(recent, PSU_IP_Address=PSU_IP).status == 200


# One transaction -----------------------------------------------------------------------------------------


def test_details_are_those_of_the_list(world: World):
    enrolment = world.enrol()
    book(enrolment.account, -2490)
    (row, *_) = booked(enrolment)
    answer = enrolment.api.get(row["_links"]["transactionDetails"]["href"])
    assert answer.body == {"transactionsDetails": {"transactionDetails": row}}


@pytest.mark.parametrize("transaction_id", ["0", "x", "-1", "1.0", "9" * 30, "١", NOT_THERE, "%20"])
def test_an_unknown_transaction_is_404(world: World, transaction_id):
    enrolment = world.enrol()
    answer = enrolment.api.get(enrolment.path(f"/transactions/{transaction_id}"))
    assert answer.refusal == (404, "RESOURCE_UNKNOWN")
    assert not ConsentAccess.objects.exists()


def test_a_transaction_of_another_account_is_404(world: World):
    enrolment = world.enrol()
    theirs = list_transactions(account=world.bruno.account)[0].transaction_id
    assert enrolment.api.get(enrolment.path(f"/transactions/{theirs}")).refusal == (404, "RESOURCE_UNKNOWN")


def test_long_names_and_references_keep_to_the_contract(world: World):
    enrolment = world.enrol()
    book(enrolment.account, -100, name="ß" * 140, text="x" * 140, end_to_end="e" * 35)
    (row, *_) = booked(enrolment)
    assert row["creditorName"] == "ß" * 70


@pytest.mark.req("RTS-36(1)(a)")
def test_a_list_costs_five_statements(world: World, django_assert_num_queries):
    """Token, consent, account, its newest month, and the page in that month alone: however long the history is."""
    enrolment = world.enrol()
    for amount in range(1, 21):
        book(enrolment.account, amount)
    with django_assert_num_queries(5):
        assert len(booked(enrolment)) == 21
