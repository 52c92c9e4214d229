"""The one gate that every call passes: method, request id, token, role (S0-50)."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from apps.authserver.models import AccessToken
from apps.authserver.rules import credential_hash
from apps.consents.models import Consent
from apps.core import clock
from apps.identity.models import User
from apps.tpp.services import block_tpp, suspend_app, unblock_tpp
from apps.xs2a.urls import urlpatterns
from apps.xs2a.views.base import XS2AView
from tests.compliance.berlin_group.contract import contract
from tests.factories.identity import UserFactory
from tests.xs2a.kit import ABSENT, API, NOT_THERE, PAYMENTS, consent_body, payment_body
from tests.xs2a.world import World

CONSENT = f"/v1/consents/{NOT_THERE}"
PAYMENT = f"{PAYMENTS}/{NOT_THERE}"
ACCOUNT = f"/v1/accounts/{NOT_THERE}"

OFFERED = [
    ("POST", "/v1/consents"),
    ("GET", CONSENT),
    ("DELETE", CONSENT),
    ("GET", f"{CONSENT}/status"),
    ("POST", f"{CONSENT}/authorisations"),
    ("GET", f"{CONSENT}/authorisations"),
    ("GET", f"{CONSENT}/authorisations/{NOT_THERE}"),
    ("GET", "/v1/accounts"),
    ("GET", ACCOUNT),
    ("GET", f"{ACCOUNT}/balances"),
    ("GET", f"{ACCOUNT}/transactions"),
    ("GET", f"{ACCOUNT}/transactions/1"),
    ("POST", PAYMENTS),
    ("GET", PAYMENT),
    ("DELETE", PAYMENT),
    ("GET", f"{PAYMENT}/status"),
    ("POST", f"{PAYMENT}/authorisations"),
    ("GET", f"{PAYMENT}/authorisations"),
    ("GET", f"{PAYMENT}/authorisations/{NOT_THERE}"),
]
AIS = [call for call in OFFERED if "/payments/" not in call[1]]
PIS = [call for call in OFFERED if "/payments/" in call[1]]
NOT_OFFERED = [
    ("GET", "/v1/card-accounts"),
    ("GET", "/v1/card-accounts/1"),
    ("GET", "/v1/card-accounts/1/balances"),
    ("GET", "/v1/card-accounts/1/transactions"),
    ("POST", "/v1/funds-confirmations"),
    ("POST", "/v1/signing-baskets"),
    ("GET", "/v1/signing-baskets/1"),
    ("DELETE", "/v1/signing-baskets/1"),
    ("GET", "/v1/signing-baskets/1/status"),
    ("POST", "/v1/signing-baskets/1/authorisations"),
    ("GET", "/v1/signing-baskets/1/authorisations/1"),
    ("PUT", "/v1/signing-baskets/1/authorisations/1"),
    ("POST", f"{PAYMENT}/cancellation-authorisations"),
    ("GET", f"{PAYMENT}/cancellation-authorisations"),
    ("GET", f"{PAYMENT}/cancellation-authorisations/1"),
    ("PUT", f"{PAYMENT}/cancellation-authorisations/1"),
    ("PUT", f"{CONSENT}/authorisations/{NOT_THERE}"),
    ("PUT", f"{PAYMENT}/authorisations/{NOT_THERE}"),
]


@pytest.mark.req("S0-50")
def test_no_path_goes_around_the_gate():
    views = [getattr(pattern.callback, "cls", None) for pattern in urlpatterns]
    assert views
    assert all(view and issubclass(view, XS2AView) for view in views)
    assert not [view for view in views if "dispatch" in vars(view)]


@pytest.mark.parametrize(
    "authorization", [ABSENT, "", "Bearer", "Bearer ", "Basic YTpi", "Bearer a b", "token"]
)
@pytest.mark.req("S0-50")
def test_no_call_without_a_token(db, authorization):
    for method, path in OFFERED:
        answer = API().call(method, path, Authorization=authorization)
        assert answer.refusal == (401, "TOKEN_UNKNOWN"), (method, path)
        assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("token", ["unknown", "x" * 5000, "eyJhbGciOiJub25lIn0.e30."])
@pytest.mark.req("S0-51")
def test_an_unknown_token_opens_nothing(db, token):
    for method, path in OFFERED:
        answer = API(token).call(method, path)
        assert answer.refusal == (401, "TOKEN_UNKNOWN"), (method, path)
        assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


def test_a_token_in_the_query_or_twice_in_the_header_is_none(world: World):
    token = world.app_token(world.shoppay, "aisp")
    assert API().get(f"/v1/consents/{NOT_THERE}?access_token={token}").refusal == (401, "TOKEN_UNKNOWN")
    assert API(f"{token}, {token}").get(CONSENT).refusal == (401, "TOKEN_UNKNOWN")


@pytest.mark.req("S0-51")
def test_an_id_token_or_refresh_token_is_no_access_token(world: World):
    tokens = world.enrol().tokens
    for name in ("id_token", "refresh_token"):
        assert API(tokens[name]).get("/v1/accounts").refusal == (401, "TOKEN_UNKNOWN")


def test_an_expired_token_says_so(world: World):
    enrolment = world.enrol()
    stored = AccessToken.objects.filter(token_checksum=credential_hash(enrolment.tokens["access_token"]))
    stored.update(expires=timezone.now() - timedelta(seconds=1))
    assert enrolment.api.get("/v1/accounts").refusal == (401, "TOKEN_EXPIRED")


def test_a_revoked_token_is_invalid(world: World):
    enrolment = world.enrol()
    program = world.shoppay.program
    program.post("/oauth/revoke", program.proof() | {"token": enrolment.tokens["access_token"]})
    assert enrolment.api.get("/v1/accounts").refusal == (401, "TOKEN_INVALID")


def test_the_token_of_a_deactivated_customer_is_invalid(world: World):
    enrolment = world.enrol()
    User.objects.filter(pk=world.anna.psu.user_id).update(is_active=False)
    assert enrolment.api.get("/v1/accounts").refusal == (401, "TOKEN_INVALID")


@pytest.mark.req("RTS-30(1)")
def test_account_information_needs_the_licence_for_it(world: World):
    token = world.app_token(world.shoppay, "aisp")
    type(world.shoppay.app.tpp).objects.update(roles=["PISP"])
    for method, path in AIS:
        answer = API(token).call(method, path)
        assert answer.refusal == (401, "ROLE_INVALID"), (method, path)
        assert answer.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope"'


def test_payments_need_the_licence_for_them(world: World):
    api = world.ais(world.finanzblick)
    for method, path in PIS:
        assert api.call(method, path).refusal == (401, "ROLE_INVALID"), (method, path)


def test_a_token_of_the_one_service_is_none_for_the_other(world: World):
    ais, pis = world.ais(), world.pis()
    for method, path in PIS:
        assert ais.call(method, path).refusal == (401, "TOKEN_INVALID"), (method, path)
    for method, path in AIS:
        assert pis.call(method, path).refusal == (401, "TOKEN_INVALID"), (method, path)


def test_an_app_cannot_read_accounts_with_a_token_of_its_own(world: World):
    enrolment = world.enrol()
    api = API(world.app_token(world.shoppay, "aisp"), consent_id=enrolment.consent_id)
    assert api.get("/v1/accounts").refusal == (401, "TOKEN_INVALID")
    assert api.get(enrolment.path("/balances")).refusal == (401, "TOKEN_INVALID")


@pytest.mark.parametrize("what", ["tpp", "app"])
@pytest.mark.req("P-68")
def test_a_blocked_company_is_stopped_at_its_next_call_and_told_why(world: World, what):
    staff: Any = UserFactory()
    now = clock.now()
    enrolment, ais, pis = world.enrol(), world.ais(), world.pis()
    body, order = consent_body(world.anna.account.iban), payment_body(world.anna.account.iban)
    consents = Consent.objects.count()
    app = world.shoppay.app
    if what == "tpp":
        block_tpp(tpp_id=app.tpp_id, reason="fraud", staff_id=staff.pk, now=now)
    else:
        suspend_app(app_id=app.pk, suspended=True, staff_id=staff.pk, reason="fraud", now=now)
    for answer in (
        enrolment.api.get("/v1/accounts"),
        ais.post("/v1/consents", body),
        ais.get(f"/v1/consents/{enrolment.consent_id}/status"),
        pis.post(PAYMENTS, order, PSU_ID_Token=enrolment.id_token),
    ):
        assert answer.refusal == (401, "CERTIFICATE_BLOCKED")
    assert Consent.objects.count() == consents
    if what == "tpp":
        unblock_tpp(tpp_id=app.tpp_id, reason="settled", staff_id=staff.pk, now=now)
    else:
        suspend_app(app_id=app.pk, suspended=False, staff_id=staff.pk, reason="settled", now=now)
    assert enrolment.api.get("/v1/accounts").status == 200


@pytest.mark.parametrize(
    "request_id",
    [
        *(
            ABSENT,
            "",
            "1",
            "not-a-uuid",
            NOT_THERE.replace("-", ""),
            f"{{{NOT_THERE}}}",
            f"urn:uuid:{NOT_THERE}",
        ),
        f"{NOT_THERE[:-1]}g",
    ],
)
def test_each_call_has_a_request_id(world: World, request_id):
    api = world.ais()
    for method, path in OFFERED:
        answer = api.call(method, path, X_Request_ID=request_id)
        assert (answer.refusal, answer.path) == ((400, "FORMAT_ERROR"), "X-Request-ID"), (method, path)
        assert answer.headers["X-Request-ID"] != request_id


def test_methods_that_are_not_offered_are_405_and_say_which_are(db):
    for path in {path for _, path in OFFERED}:
        offered = {verb for verb, other in OFFERED if other == path}
        for verb in {"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"} - offered:
            answer = API().call(verb, path)
            assert answer.refusal == (405, "SERVICE_INVALID"), (verb, path)
            assert {name.strip() for name in answer.headers["Allow"].split(",")} == offered


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
def test_a_header_does_not_change_the_method(world: World, header):
    path = world.ais().post("/v1/consents", consent_body(world.anna.account.iban)).href("self")
    overrides: dict[str, Any] = {header.replace("-", "_"): "DELETE"}
    assert world.ais().call("GET", path, **overrides).status == 200
    assert world.ais().get(f"{path}/status").body == {"consentStatus": "received"}


@pytest.mark.parametrize(("method", "path"), NOT_OFFERED)
def test_what_the_contract_has_and_the_bank_has_not_is_said_clearly(db, method, path):
    answer = API().call(method, path)
    assert answer.refusal == (405, "SERVICE_INVALID")
    assert "Allow" in answer.headers
    (message,) = answer.body["tppMessages"]
    assert "not offer" in message["text"]


@pytest.mark.parametrize(
    ("service", "product", "refusal"),
    [
        ("payments", "pain.001-instant-sepa-credit-transfers", (404, "PRODUCT_UNKNOWN")),
        ("payments", "pain.001-sepa-credit-transfers", (404, "PRODUCT_UNKNOWN")),
        ("payments", "pain.001-target-2-payments", (404, "PRODUCT_UNKNOWN")),
        ("payments", "pigeons", (404, "PRODUCT_UNKNOWN")),
        ("bulk-payments", "sepa-credit-transfers", (400, "PARAMETER_NOT_SUPPORTED")),
        ("periodic-payments", "instant-sepa-credit-transfers", (404, "PRODUCT_UNKNOWN")),
        ("periodic-payments", "pain.001-sepa-credit-transfers", (404, "PRODUCT_UNKNOWN")),
    ],
)
@pytest.mark.parametrize(
    "rest", ["", f"/{NOT_THERE}", f"/{NOT_THERE}/status", f"/{NOT_THERE}/authorisations"]
)
def test_other_products_and_services_are_told_apart(world: World, service, product, refusal, rest):
    method = "GET" if rest else "POST"
    assert world.pis().call(method, f"/v1/{service}/{product}{rest}").refusal == refusal


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/", "/v1/nothing", "/v1/consents/", "/v1/payments", "/v1/card-payments/sepa-credit-transfers"),
        *("/v1/accounts/1/2/3", "/v1/%2e%2e/staff", "/v1//consents"),
    ],
)
def test_an_unknown_path_is_answered_in_the_contracts_format(db, path):
    answer = API().get(path)
    assert answer.refusal == (404, "RESOURCE_UNKNOWN")


@pytest.mark.req("RTS-31", "RTS-30(1)", "S0-4")
def test_every_operation_of_the_contract_has_an_answer_of_its_own(db):
    """No path of the contract falls through to the pages for people."""
    replacements = {
        "{payment-service}": "payments",
        "{payment-product}": "sepa-credit-transfers",
    }
    seen = 0
    for template, item in contract()["paths"].items():
        path = template
        for name, value in replacements.items():
            path = path.replace(name, value)
        path = "/".join(NOT_THERE if part.startswith("{") else part for part in path.split("/"))
        for method in item:
            seen += 1
            assert API().call(method.upper(), path).status in (401, 405), (method, path)
    assert seen == 38 + 1  # With creditor-confirmation of 1.3.16.


@pytest.mark.parametrize(
    "accept", ["text/html", "application/xml", "application/json;q=0", "image/*", "text/*"]
)
def test_who_takes_no_json_is_told_so(world: World, accept):
    assert world.ais().get(CONSENT, Accept=accept).refusal == (406, "REQUESTED_FORMATS_INVALID")
    payment = world.pis().get(PAYMENT, Accept=accept)
    assert (payment.status, payment.body) == (406, None)


@pytest.mark.parametrize(
    "accept", ["", "*/*", "application/*", "text/html, application/json;q=0.1", "APPLICATION/JSON"]
)
def test_who_takes_json_gets_it(world: World, accept):
    assert world.ais().get(CONSENT, Accept=accept).refusal == (403, "CONSENT_UNKNOWN")


def test_no_format_parameter_changes_the_answer(world: World):
    answer = world.ais().get(f"{CONSENT}?format=xml")
    assert (answer.refusal, answer.path) == ((400, "FORMAT_ERROR"), "format")


@pytest.mark.req("RTS-36(2)")
def test_a_database_that_is_away_is_503_and_says_when_to_come_again(world: World, monkeypatch):
    api = world.ais()

    def away(**_arguments: object) -> None:
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr("apps.xs2a.access.authenticate_access_token", away)
    answer = api.get(CONSENT)
    assert (answer.status, answer.body) == (503, None)
    assert int(answer.headers["Retry-After"]) > 0


def test_a_fault_of_ours_is_500_and_tells_nothing(world: World, monkeypatch):
    token = world.app_token(world.shoppay, "aisp")

    def broken(**_arguments: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("apps.xs2a.access.authenticate_access_token", broken)
    client = Client(raise_request_exception=False)
    headers = {"X-Request-ID": NOT_THERE, "Authorization": f"Bearer {token}"}
    response = client.get(CONSENT, headers=headers)
    assert (response.status_code, response.content) == (500, b"")
    assert response["X-Request-ID"] == NOT_THERE


def test_a_bad_host_is_400_in_the_contracts_format(db):
    assert API().get(CONSENT, Host="evil.example").refusal == (400, "FORMAT_ERROR")


def test_no_answer_sets_a_cookie_or_may_be_kept(world: World):
    enrolment = world.enrol()
    for answer in (enrolment.api.get("/v1/accounts"), API().get("/v1/accounts"), world.ais().get(CONSENT)):
        assert "Set-Cookie" not in answer.headers
        assert answer.headers["Cache-Control"] == "no-store"
