"""Consents at the interface: taken in, told, ended."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.consents.models import Consent
from apps.consents.services import expire_consents, revoke_consent
from apps.core import clock
from tests.authserver.kit import REDIRECT_URI
from tests.factories.accounts import account_of
from tests.xs2a.kit import ABSENT, NOT_THERE, PSU_IP, consent_body
from tests.xs2a.world import World, authorisations_of

OAUTH = "http://localhost:8000/.well-known/oauth-authorization-server"


@pytest.mark.req("S0-19", "S0-20", "S0-21", "S0-49")
def test_a_consent_is_taken_in_and_says_where_to_go_on(world: World):
    answer = world.ais().post("/v1/consents", consent_body(world.anna.account.iban))
    assert answer.status == 201
    consent = Consent.objects.get(pk=answer.body["consentId"])
    (authorisation,) = authorisations_of(consent.pk)
    path = f"/v1/consents/{consent.pk}"
    assert answer.body == {
        "consentStatus": "received",
        "consentId": str(consent.pk),
        "_links": {
            "scaOAuth": {"href": OAUTH},
            "scaStatus": {"href": f"{path}/authorisations/{authorisation.pk}"},
            "self": {"href": path},
            "status": {"href": f"{path}/status"},
        },
    }
    assert answer.headers["Location"] == path
    assert answer.headers["ASPSP-SCA-Approach"] == "REDIRECT"
    assert answer.headers["ASPSP-Multiple-Consent-Support"] == "true"
    assert answer.headers["Cache-Control"] == "no-store"
    assert consent.app == world.shoppay.app
    assert consent.psu is None


def test_a_consent_is_told_as_it_was_asked_for(world: World):
    body = consent_body(world.anna.account.iban, frequencyPerDay=2)
    api = world.ais()
    path = api.post("/v1/consents", body).href("self")
    told = api.get(path).body
    assert told == {
        "access": body["access"],
        "recurringIndicator": True,
        "validUntil": body["validUntil"],
        "frequencyPerDay": 2,
        "lastActionDate": timezone.localdate().isoformat(),
        "consentStatus": "received",
    }
    assert api.get(f"{path}/status").body == {"consentStatus": "received"}


def test_an_iban_is_understood_in_any_spelling_and_told_in_one(world: World):
    iban = world.anna.account.iban
    grouped = " ".join(iban[i : i + 4] for i in range(0, len(iban), 4)).lower()
    api = world.ais()
    answer = api.post("/v1/consents", consent_body(grouped))
    assert answer.status == 201
    assert api.get(answer.href("self")).body["access"]["accounts"] == [{"iban": iban}]


def test_what_exceeds_the_banks_maximum_is_cut_down_and_told(world: World, settings):
    api = world.ais()
    answer = api.post(
        "/v1/consents",
        consent_body(world.anna.account.iban, validUntil="9999-12-31", frequencyPerDay=24),
    )
    told = api.get(answer.href("self")).body
    last_day = timezone.localdate() + timedelta(days=settings.CONSENT_VALIDITY_DAYS_MAX)
    assert told["validUntil"] == last_day.isoformat()
    assert told["frequencyPerDay"] == 4


def test_today_is_a_valid_last_day_and_yesterday_is_none(world: World):
    api, iban = world.ais(), world.anna.account.iban
    today = timezone.localdate()
    assert api.post("/v1/consents", consent_body(iban, validUntil=today.isoformat())).status == 201
    yesterday = (today - timedelta(days=1)).isoformat()
    refused = api.post("/v1/consents", consent_body(iban, validUntil=yesterday))
    assert (refused.refusal, refused.path) == ((400, "FORMAT_ERROR"), "validUntil")


@pytest.mark.req("S0-27", "RTS-36(1)(a)")
def test_an_allowed_consent_tells_the_accounts_that_the_customer_allowed(world: World):
    savings = account_of(world.anna.psu, display_name="Savings")
    enrolment = world.enrol(
        access={
            "accounts": [{"iban": world.anna.account.iban}, {"iban": savings.iban}],
            "balances": [{"iban": world.anna.account.iban}],
        }
    )
    told = world.ais().get(f"/v1/consents/{enrolment.consent_id}").body
    own = {"iban": world.anna.account.iban, "currency": "EUR"}
    assert told["consentStatus"] == "valid"
    # The savings account was asked for and not ticked.
    assert told["access"] == {"accounts": [own], "balances": [own]}
    assert told["_links"] == {"account": {"href": "/v1/accounts"}}


@pytest.mark.parametrize(
    ("access", "kinds"),
    [
        ({"accounts": [], "balances": [], "transactions": []}, {"balances", "transactions"}),
        ({"accounts": []}, set()),
        ({"balances": []}, {"balances"}),
        ({"allPsd2": "allAccounts"}, {"balances", "transactions"}),
        ({"availableAccounts": "allAccounts"}, set()),
        ({"availableAccountsWithBalance": "allAccounts"}, {"balances"}),
    ],
)
def test_every_way_to_name_accounts_opens_what_it_says_and_no_more(world: World, access, kinds):
    enrolment = world.enrol(access=access)
    (account,) = enrolment.api.get("/v1/accounts?withBalance=true").body["accounts"]
    assert account["iban"] == world.anna.account.iban
    assert set(account.get("_links", {})) == kinds
    assert ("balances" in account) == ("balances" in kinds)
    for kind in ("balances", "transactions"):
        query = "?bookingStatus=booked&dateFrom=2026-11-01" if kind == "transactions" else ""
        answer = enrolment.api.get(enrolment.path(f"/{kind}{query}"))
        if kind in kinds:
            assert answer.status == 200
        else:
            assert answer.refusal == (401, "CONSENT_INVALID")


@pytest.mark.parametrize(
    ("access", "refusal", "path"),
    [
        ({}, (400, "FORMAT_ERROR"), "access"),
        ({"accounts": "all"}, (400, "FORMAT_ERROR"), "access.accounts"),
        ({"accounts": ["DE02120300000000202051"]}, (400, "FORMAT_ERROR"), "access.accounts[0]"),
        ({"accounts": [{}]}, (400, "FORMAT_ERROR"), "access.accounts[0].iban"),
        ({"accounts": [{"iban": 5}]}, (400, "FORMAT_ERROR"), "access.accounts[0].iban"),
        ({"accounts": [{"iban": None}]}, (400, "FORMAT_ERROR"), "access.accounts[0].iban"),
        (
            {"accounts": [{"iban": "DE02120300000000202052"}]},
            (400, "FORMAT_ERROR"),
            "access.accounts[0].iban",
        ),
        ({"accounts": [{"iban": "DE02120300000000202051"}]}, (400, "RESOURCE_UNKNOWN"), "access"),
        ({"accounts": [{"pan": "4000"}]}, (400, "PARAMETER_NOT_SUPPORTED"), "access.accounts[0].pan"),
        ({"accounts": [{"IBAN": "x"}]}, (400, "FORMAT_ERROR"), "access.accounts[0].IBAN"),
        ({"everything": []}, (400, "FORMAT_ERROR"), "access.everything"),
        ({"accounts": [], "allPsd2": "allAccounts"}, (400, "FORMAT_ERROR"), "access"),
        ({"allPsd2": "allAccounts", "availableAccounts": "allAccounts"}, (400, "FORMAT_ERROR"), "access"),
        ({"allPsd2": "some"}, (400, "FORMAT_ERROR"), "access.allPsd2"),
        ({"allPsd2": True}, (400, "FORMAT_ERROR"), "access.allPsd2"),
        ({"allPsd2": "allAccountsWithOwnerName"}, (400, "PARAMETER_NOT_SUPPORTED"), "access.allPsd2"),
        (
            {"accounts": [], "additionalInformation": {}},
            (400, "PARAMETER_NOT_SUPPORTED"),
            "access.additionalInformation",
        ),
        ({"accounts": [], "restrictedTo": ["CACC"]}, (400, "PARAMETER_NOT_SUPPORTED"), "access.restrictedTo"),
        ({"accounts": [{"iban": "DE02120300000000202051"}] * 101}, (400, "FORMAT_ERROR"), "access.accounts"),
        ([], (400, "FORMAT_ERROR"), "access"),
        ("allAccounts", (400, "FORMAT_ERROR"), "access"),
    ],
)
def test_a_wrong_access_is_named_and_nothing_is_kept(world: World, access, refusal, path):
    answer = world.ais().post("/v1/consents", consent_body(access=access))
    assert (answer.refusal, answer.path) == (refusal, path)
    assert not Consent.objects.exists()


def test_accounts_are_named_in_every_list_or_in_none(world: World):
    access = {"accounts": [{"iban": world.anna.account.iban}], "balances": []}
    assert world.ais().post("/v1/consents", consent_body(access=access)).refusal == (400, "FORMAT_ERROR")


def test_an_account_in_another_currency_is_unknown(world: World):
    iban = world.anna.account.iban
    api = world.ais()
    right = {"accounts": [{"iban": iban, "currency": "EUR"}]}
    wrong = {"accounts": [{"iban": iban, "currency": "USD"}]}
    assert api.post("/v1/consents", consent_body(access=right)).status == 201
    assert api.post("/v1/consents", consent_body(access=wrong)).refusal == (400, "RESOURCE_UNKNOWN")


@pytest.mark.parametrize(
    ("change", "code", "path"),
    [
        ({"recurringIndicator": 1}, "FORMAT_ERROR", "recurringIndicator"),
        ({"recurringIndicator": "true"}, "FORMAT_ERROR", "recurringIndicator"),
        ({"recurringIndicator": ABSENT}, "FORMAT_ERROR", "recurringIndicator"),
        ({"recurringIndicator": False}, "FORMAT_ERROR", "frequencyPerDay"),
        ({"validUntil": "2027-02-30"}, "FORMAT_ERROR", "validUntil"),
        ({"validUntil": "20270228"}, "FORMAT_ERROR", "validUntil"),
        ({"validUntil": "2027-W01-1"}, "FORMAT_ERROR", "validUntil"),
        ({"validUntil": "٢٠٢٧-٠٢-٠١"}, "FORMAT_ERROR", "validUntil"),
        ({"validUntil": "2027-02-01\n"}, "FORMAT_ERROR", "validUntil"),
        ({"validUntil": 20270201}, "FORMAT_ERROR", "validUntil"),
        ({"validUntil": ABSENT}, "FORMAT_ERROR", "validUntil"),
        ({"frequencyPerDay": 0}, "FORMAT_ERROR", "frequencyPerDay"),
        ({"frequencyPerDay": -4}, "FORMAT_ERROR", "frequencyPerDay"),
        ({"frequencyPerDay": 4.0}, "FORMAT_ERROR", "frequencyPerDay"),
        ({"frequencyPerDay": "4"}, "FORMAT_ERROR", "frequencyPerDay"),
        ({"frequencyPerDay": True}, "FORMAT_ERROR", "frequencyPerDay"),
        ({"frequencyPerDay": 10**30}, "FORMAT_ERROR", "frequencyPerDay"),
        ({"combinedServiceIndicator": True}, "SESSIONS_NOT_SUPPORTED", "combinedServiceIndicator"),
        ({"combinedServiceIndicator": None}, "FORMAT_ERROR", "combinedServiceIndicator"),
        ({"consentStatus": "valid"}, "FORMAT_ERROR", "consentStatus"),
        ({"psu": "anna"}, "FORMAT_ERROR", "psu"),
        ({"access": ABSENT}, "FORMAT_ERROR", "access"),
    ],
)
def test_a_wrong_member_is_named_and_nothing_is_kept(world: World, change, code, path):
    answer = world.ais().post("/v1/consents", consent_body(world.anna.account.iban, **change))
    assert (answer.refusal, answer.path) == ((400, code), path)
    assert not Consent.objects.exists()


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("PSU_IP_Address", ABSENT),
        ("PSU_IP_Address", ""),
        ("PSU_IP_Address", "203.0.113"),
        ("PSU_IP_Address", "203.0.113.7, 203.0.113.8"),
        ("PSU_IP_Address", "localhost"),
        ("TPP_Redirect_URI", "https://evil.example/callback"),
        ("TPP_Redirect_URI", f"{REDIRECT_URI}?more=1"),
        ("TPP_Redirect_URI", f"{REDIRECT_URI}/"),
        ("TPP_Nok_Redirect_URI", "https://shoppay.example/elsewhere"),
        ("TPP_Nok_Redirect_URI", "javascript:alert(1)"),
        ("TPP_Explicit_Authorisation_Preferred", "yes"),
    ],
)
@pytest.mark.req("S0-3")
def test_a_wrong_header_is_named_and_nothing_is_kept(world: World, header, value):
    answer = world.ais().post("/v1/consents", consent_body(world.anna.account.iban), **{header: value})
    assert (answer.refusal, answer.path) == ((400, "FORMAT_ERROR"), header.replace("_", "-"))
    assert not Consent.objects.exists()


def test_registered_addresses_and_an_ipv6_address_are_taken(world: World):
    answer = world.ais().post(
        "/v1/consents",
        consent_body(world.anna.account.iban),
        PSU_IP_Address="2001:db8::7",
        TPP_Redirect_URI=REDIRECT_URI,
        TPP_Nok_Redirect_URI=REDIRECT_URI,
    )
    assert answer.status == 201
    consent = Consent.objects.get(pk=answer.body["consentId"])
    assert (consent.tpp_redirect_uri, consent.tpp_nok_redirect_uri) == (REDIRECT_URI, REDIRECT_URI)


@pytest.mark.req("RTS-35(4)")
def test_the_same_call_again_gets_the_same_answer_and_makes_no_second_consent(world: World):
    api, body, request_id = world.ais(), consent_body(world.anna.account.iban), str(uuid4())
    first = api.post("/v1/consents", body, X_Request_ID=request_id)
    again = api.post("/v1/consents", body, X_Request_ID=request_id.upper())
    assert (first.status, first.body) == (again.status, again.body)
    assert first.headers["Location"] == again.headers["Location"]
    assert Consent.objects.count() == 1
    assert len(authorisations_of(first.body["consentId"])) == 1


@pytest.mark.parametrize("change", ["body", "header"])
def test_a_request_id_is_not_for_two_requests(world: World, change):
    api, request_id, iban = world.ais(), str(uuid4()), world.anna.account.iban
    api.post("/v1/consents", consent_body(iban), X_Request_ID=request_id)
    other = consent_body(iban, frequencyPerDay=1) if change == "body" else consent_body(iban)
    headers = {"TPP_Redirect_URI": REDIRECT_URI} if change == "header" else {}
    answer = api.post("/v1/consents", other, X_Request_ID=request_id, **headers)
    assert answer.refusal == (400, "PARAMETER_NOT_CONSISTENT")
    assert Consent.objects.count() == 1


def test_a_request_id_of_another_app_is_no_hindrance(world: World):
    request_id, body = str(uuid4()), consent_body(world.anna.account.iban)
    first = world.ais(world.shoppay).post("/v1/consents", body, X_Request_ID=request_id)
    other = world.ais(world.finanzblick).post("/v1/consents", body, X_Request_ID=request_id)
    assert first.status == other.status == 201
    assert first.body["consentId"] != other.body["consentId"]


def test_deleting_a_consent_that_waits_rejects_it_and_its_authorisation(world: World):
    api = world.ais()
    path = api.post("/v1/consents", consent_body(world.anna.account.iban)).href("self")
    assert api.delete(path).status == 204
    assert api.get(f"{path}/status").body == {"consentStatus": "rejected"}
    (authorisation,) = authorisations_of(path.rpartition("/")[2])
    assert authorisation.sca_status == "failed"


@pytest.mark.req("RTS-35(2)")
def test_deleting_a_valid_consent_ends_every_access_at_once(world: World):
    enrolment = world.enrol()
    assert enrolment.api.get(enrolment.path("/balances"), PSU_IP_Address=PSU_IP).status == 200
    api = world.ais()
    path = f"/v1/consents/{enrolment.consent_id}"
    assert api.delete(path).status == 204
    assert api.delete(path).status == 204
    assert api.get(f"{path}/status").body == {"consentStatus": "terminatedByTpp"}
    assert enrolment.api.get(enrolment.path("/balances"), PSU_IP_Address=PSU_IP).refusal == (
        401,
        "CONSENT_INVALID",
    )
    events = AuditEvent.objects.filter(
        object_id=enrolment.consent_id, event="consents.consent.terminatedByTpp"
    )
    assert events.count() == 1


def test_the_customers_word_ends_a_consent_for_the_app_too(world: World):
    enrolment = world.enrol()
    revoke_consent(consent_id=enrolment.consent_id, psu_id=world.anna.psu.pk, now=clock.now())
    status = world.ais().get(f"/v1/consents/{enrolment.consent_id}/status")
    assert status.body == {"consentStatus": "revokedByPsu"}
    assert enrolment.api.get("/v1/accounts").refusal == (401, "CONSENT_INVALID")


@pytest.mark.parametrize("job_has_run", [False, True])
def test_a_consent_past_its_last_day_is_expired_whether_the_job_has_run_or_not(
    world: World, bank_clock, job_has_run
):
    enrolment = world.enrol(validUntil=timezone.localdate().isoformat())
    bank_clock.move(days=1)
    if job_has_run:
        expire_consents(now=clock.now())
    path = f"/v1/consents/{enrolment.consent_id}"
    assert world.ais().get(f"{path}/status").body == {"consentStatus": "expired"}
    assert world.ais().get(path).body["consentStatus"] == "expired"
    assert enrolment.api.get("/v1/accounts").refusal == (401, "CONSENT_EXPIRED")


def test_the_customers_token_manages_its_own_consent_and_no_other(world: World):
    enrolment, other = world.enrol(), world.enrol()
    path = f"/v1/consents/{enrolment.consent_id}"
    assert enrolment.api.get(f"{path}/status").body == {"consentStatus": "valid"}
    assert other.api.get(f"{path}/status").refusal == (401, "TOKEN_INVALID")
    assert other.api.delete(path).refusal == (401, "TOKEN_INVALID")
    assert enrolment.api.delete(path).status == 204


@pytest.mark.parametrize("consent_id", [NOT_THERE, "1", "..", "%00", "x" * 300])
@pytest.mark.parametrize("rest", ["", "/status", "/authorisations"])
def test_an_unknown_consent_in_the_path_is_403(world: World, consent_id, rest):
    assert world.ais().get(f"/v1/consents/{consent_id}{rest}").refusal == (403, "CONSENT_UNKNOWN")


@pytest.mark.req("S0-20")
def test_the_tpp_is_checked_before_the_iban_is_looked_at(world: World):
    company = world.finanzblick
    token = world.ais(company)
    type(company.app.tpp).objects.filter(pk=company.app.tpp_id).update(roles=["PISP"])
    for iban in (world.anna.account.iban, "DE02120300000000202051", "nonsense"):
        assert token.post("/v1/consents", consent_body(iban)).refusal == (401, "ROLE_INVALID")
