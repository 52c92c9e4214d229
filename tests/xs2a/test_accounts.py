"""Accounts and balances, as far as the customer allowed them."""

from datetime import date

import pytest

from apps.accounts.models import AccountHolder, PaymentAccount
from apps.accounts.rules import AccountStatus
from apps.consents.models import ConsentAccess
from apps.identity.models import CoreUser
from tests.factories.accounts import account_of
from tests.xs2a.kit import ABSENT, NOT_THERE, PSU_IP
from tests.xs2a.world import World

LATER = date(2025, 1, 2)


@pytest.mark.req("RTS-36(1)(a)", "S0-49")
def test_the_list_tells_the_consented_accounts_and_where_to_go_on(world: World):
    savings = account_of(world.anna.psu, display_name="Savings", balance_minor=5, opened_date=LATER)
    current = world.anna.account
    enrolment = world.enrol(
        access={
            "accounts": [{"iban": savings.iban}],
            "balances": [{"iban": current.iban}],
            "transactions": [{"iban": current.iban}],
        },
        accounts=[current, savings],
    )
    account_of(world.anna.psu, display_name="Not consented")
    accounts = enrolment.api.get("/v1/accounts").body["accounts"]
    assert accounts == [
        {
            "resourceId": str(current.pk),
            "iban": current.iban,
            "currency": "EUR",
            "name": "Current account",
            "product": "Giro",
            "cashAccountType": "CACC",
            "status": "enabled",
            "bic": "LINDDEB0XXX",
            "_links": {
                "balances": {"href": f"/v1/accounts/{current.pk}/balances"},
                "transactions": {"href": f"/v1/accounts/{current.pk}/transactions"},
            },
        },
        {
            "resourceId": str(savings.pk),
            "iban": savings.iban,
            "currency": "EUR",
            "name": "Savings",
            "product": "Giro",
            "cashAccountType": "CACC",
            "status": "enabled",
            "bic": "LINDDEB0XXX",
        },
    ]


def test_balances_come_along_when_asked_for_and_granted(world: World):
    savings = account_of(world.anna.psu, display_name="Savings", balance_minor=5, opened_date=LATER)
    enrolment = world.enrol(
        access={"accounts": [{"iban": savings.iban}], "balances": [{"iban": world.anna.account.iban}]},
        accounts=[world.anna.account, savings],
    )
    current, other = enrolment.api.get("/v1/accounts?withBalance=true").body["accounts"]
    kinds = {row["balanceType"]: row["balanceAmount"] for row in current["balances"]}
    assert kinds == {
        "interimBooked": {"currency": "EUR", "amount": "1000.00"},
        "interimAvailable": {"currency": "EUR", "amount": "1000.00"},
    }
    assert "balances" not in other
    assert "balances" not in enrolment.api.get("/v1/accounts?withBalance=false").body["accounts"][0]


def test_one_account_is_told_as_in_the_list(world: World):
    enrolment = world.enrol()
    (listed,) = enrolment.api.get("/v1/accounts?withBalance=true").body["accounts"]
    assert enrolment.api.get(enrolment.path("?withBalance=true")).body == {"account": listed}
    del listed["balances"]
    assert enrolment.api.get(enrolment.path()).body == {"account": listed}


def test_balances_tell_what_is_booked_and_what_may_be_spent(world: World):
    enrolment = world.enrol()
    type(enrolment.account.ledger_account).objects.filter(pk=enrolment.account.ledger_account_id).update(
        minimum_balance_minor=-50_000
    )
    body = enrolment.api.get(enrolment.path("/balances")).body
    assert body["account"] == {"iban": enrolment.account.iban, "currency": "EUR"}
    booked, available = body["balances"]
    assert (booked["balanceType"], booked["balanceAmount"]["amount"]) == ("interimBooked", "1000.00")
    assert (available["balanceType"], available["balanceAmount"]["amount"]) == ("interimAvailable", "1500.00")
    assert available["creditLimitIncluded"] is True
    assert booked["lastChangeDateTime"] == "2026-11-21T12:00:00+00:00"


def test_an_account_without_a_booking_has_no_last_change(world: World):
    empty = account_of(world.anna.psu)
    enrolment = world.enrol(access={"allPsd2": "allAccounts"}, accounts=[empty])
    balance = enrolment.api.get(f"/v1/accounts/{empty.pk}/balances").body["balances"][0]
    assert balance == {"balanceAmount": {"currency": "EUR", "amount": "0.00"}, "balanceType": "interimBooked"}


@pytest.mark.parametrize("account_id", [NOT_THERE, "1", "x" * 300, "%00", "DE02120300000000202051"])
@pytest.mark.parametrize("rest", ["", "/balances", "/transactions?bookingStatus=booked&dateFrom=2026-11-01"])
def test_an_unknown_account_is_404(world: World, account_id, rest):
    assert world.enrol().api.get(f"/v1/accounts/{account_id}{rest}").refusal == (404, "RESOURCE_UNKNOWN")


def test_an_account_of_the_customer_that_the_consent_does_not_name_looks_missing(world: World):
    enrolment = world.enrol()
    other = account_of(world.anna.psu)
    assert enrolment.api.get(f"/v1/accounts/{other.pk}").refusal == (404, "RESOURCE_UNKNOWN")


@pytest.mark.parametrize(
    ("consent_id", "refusal"),
    [
        (ABSENT, (400, "FORMAT_ERROR")),
        ("", (400, "FORMAT_ERROR")),
        ("1", (400, "CONSENT_UNKNOWN")),
        (NOT_THERE, (400, "CONSENT_UNKNOWN")),
    ],
)
def test_the_header_must_name_the_consent(world: World, consent_id, refusal):
    answer = world.enrol().api.get("/v1/accounts", Consent_ID=consent_id)
    assert (answer.refusal, answer.path) == (refusal, "Consent-ID")


def test_the_header_must_name_the_tokens_own_consent(world: World):
    mine, another = world.enrol(), world.enrol()
    foreign = world.enrol(company=world.finanzblick)
    assert mine.api.get("/v1/accounts", Consent_ID=another.consent_id).refusal == (401, "CONSENT_INVALID")
    assert mine.api.get("/v1/accounts", Consent_ID=foreign.consent_id).refusal == (400, "CONSENT_UNKNOWN")
    assert mine.api.get("/v1/accounts", Consent_ID=mine.consent_id.upper()).status == 200


@pytest.mark.parametrize("query", ["withBalance=yes", "withBalance=", "withBalance=TRUE"])
def test_a_flag_is_true_or_false(world: World, query):
    answer = world.enrol().api.get(f"/v1/accounts?{query}")
    assert (answer.refusal, answer.path) == ((400, "FORMAT_ERROR"), "withBalance")


def test_parameters_are_known_and_given_once(world: World):
    api = world.enrol().api
    assert api.get("/v1/accounts?limit=5").path == "limit"
    assert api.get("/v1/accounts?withBalance=true&withBalance=false").path == "withBalance"
    assert api.get(f"/v1/accounts?{'a=1&' * 2000}").refusal == (400, "FORMAT_ERROR")


def test_a_closed_account_is_gone_and_a_blocked_one_still_readable(world: World):
    enrolment = world.enrol()
    PaymentAccount.objects.filter(pk=enrolment.account.pk).update(status=AccountStatus.BLOCKED)
    assert enrolment.api.get(enrolment.path()).body["account"]["status"] == "blocked"
    PaymentAccount.objects.filter(pk=enrolment.account.pk).update(status=AccountStatus.DELETED)
    assert enrolment.api.get(enrolment.path()).refusal == (404, "RESOURCE_UNKNOWN")
    assert enrolment.api.get("/v1/accounts").body == {"accounts": []}


def test_who_may_no_longer_see_an_account_shows_it_to_nobody(world: World):
    enrolment = world.enrol()
    AccountHolder.objects.filter(psu=world.anna.psu).update(may_view=False)
    assert enrolment.api.get(enrolment.path("/balances")).refusal == (404, "RESOURCE_UNKNOWN")
    assert enrolment.api.get("/v1/accounts").body == {"accounts": []}


@pytest.mark.req("S0-52", "S0-53")
@pytest.mark.parametrize("change", [{"is_active": False}, {"operations": ["credit_transfer"]}])
def test_no_back_end_user_or_right_no_reading(world: World, change):
    enrolment = world.enrol()
    CoreUser.objects.filter(psu=world.anna.psu).update(**change)
    query = "?bookingStatus=booked&dateFrom=2026-11-01"
    for path in ("/v1/accounts", *map(enrolment.path, ("", "/balances", f"/transactions{query}"))):
        assert enrolment.api.get(path).refusal == (403, "SERVICE_BLOCKED")
    assert not ConsentAccess.objects.exists()


@pytest.mark.parametrize("address", ["203.0.113", "x", ""])
def test_a_customers_address_is_one_or_absent(world: World, address):
    answer = world.enrol().api.get("/v1/accounts", PSU_IP_Address=address)
    assert (answer.refusal, answer.path) == ((400, "FORMAT_ERROR"), "PSU-IP-Address")


def test_each_reading_is_noted_with_the_customers_presence(world: World):
    enrolment = world.enrol()
    enrolment.api.get("/v1/accounts", PSU_IP_Address=PSU_IP)
    enrolment.api.get(enrolment.path())
    enrolment.api.get(enrolment.path("/balances"), PSU_IP_Address="2001:db8::7")
    noted = ConsentAccess.objects.filter(consent_id=enrolment.consent_id).order_by("id")
    assert [(row.kind, row.payment_account_id, row.psu_present) for row in noted] == [
        ("accounts", None, True),
        ("account", enrolment.account.pk, False),
        ("balances", enrolment.account.pk, True),
    ]
