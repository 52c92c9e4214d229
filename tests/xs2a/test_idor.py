"""Nobody reaches what is another's: every path with an id, tried by everybody who should not (API1)."""

import pytest

from apps.consents.models import Consent
from apps.payments.models import PaymentInitiation
from tests.xs2a.kit import API, NOT_THERE, PAYMENTS, payment_body
from tests.xs2a.world import Enrolment, World, authorisations_of

CONSENT_PATHS = [
    ("GET", ""),
    ("DELETE", ""),
    ("GET", "/status"),
    ("GET", "/authorisations"),
    ("POST", "/authorisations"),
    ("GET", "/authorisations/{authorisation}"),
]
PAYMENT_PATHS = CONSENT_PATHS
ACCOUNT_PATHS = [
    "",
    "/balances",
    "/transactions?bookingStatus=booked&dateFrom=2026-11-01",
    "/transactions/{transaction}",
]


def test_every_path_with_an_id_is_in_this_matrix():
    from apps.xs2a.urls import urlpatterns
    from apps.xs2a.views.not_offered import NotOfferedView

    with_id = [
        str(entry.pattern)
        for entry in urlpatterns
        if getattr(entry.callback, "cls", None) is not NotOfferedView and "_id>" in str(entry.pattern)
    ]
    assert (
        len(with_id) == 4 + 4 + 4 + 1
    )  # The last: creditor-confirmation, whose refusals have a form of their own.


@pytest.fixture
def enrolment(world: World) -> Enrolment:
    return world.enrol()


@pytest.mark.req("S0-20")
def test_another_apps_consent_looks_missing(world: World, enrolment: Enrolment):
    (authorisation,) = authorisations_of(enrolment.consent_id)
    stranger = world.ais(world.finanzblick)
    own = world.enrol(company=world.finanzblick)
    for method, rest in CONSENT_PATHS:
        rest = rest.format(authorisation=authorisation.pk)
        foreign = stranger.call(method, f"/v1/consents/{enrolment.consent_id}{rest}")
        missing = stranger.call(method, f"/v1/consents/{NOT_THERE}{rest}")
        assert foreign.refusal == missing.refusal == (403, "CONSENT_UNKNOWN"), (method, rest)
        assert foreign.body == missing.body
        # A customer's token of the other app does not help either.
        by_customer = own.api.call(method, f"/v1/consents/{enrolment.consent_id}{rest}")
        assert by_customer.refusal == (401, "TOKEN_INVALID"), (method, rest)
    assert Consent.objects.get(pk=enrolment.consent_id).consent_status == "valid"


def test_another_apps_payment_looks_missing(world: World):
    # Finanzblick gets the licence for payments, so that only the owner is the question.
    type(world.finanzblick.app.tpp).objects.update(roles=["AISP", "PISP"])
    created = world.pis().post(PAYMENTS, payment_body(world.anna.account.iban))
    (authorisation,) = authorisations_of(created.body["paymentId"])
    stranger = world.pis(world.finanzblick)
    for method, rest in PAYMENT_PATHS:
        rest = rest.format(authorisation=authorisation.pk)
        foreign = stranger.call(method, created.href("self") + rest)
        missing = stranger.call(method, f"{PAYMENTS}/{NOT_THERE}{rest}")
        assert foreign.refusal == missing.refusal == (404, "RESOURCE_UNKNOWN"), (method, rest)
        assert foreign.body == missing.body
    confirmation = "/creditor-confirmation"
    foreign = stranger.put(created.href("self") + confirmation)
    missing = stranger.put(f"{PAYMENTS}/{NOT_THERE}{confirmation}")
    assert foreign.status == missing.status == 404
    assert foreign.body == missing.body
    assert PaymentInitiation.objects.get().transaction_status == "RCVD"


@pytest.mark.req("RTS-36(3)")
def test_another_customers_account_looks_missing(world: World, enrolment: Enrolment):
    theirs = world.enrol(customer=world.bruno)
    listed = theirs.api.get(theirs.path("/transactions?bookingStatus=booked&dateFrom=2026-11-01"))
    transaction = listed.body["transactions"]["booked"][0]["transactionId"]
    for rest in ACCOUNT_PATHS:
        rest = rest.format(transaction=transaction)
        foreign = enrolment.api.get(theirs.path(rest))
        missing = enrolment.api.get(f"/v1/accounts/{NOT_THERE}{rest}")
        assert foreign.refusal == missing.refusal == (404, "RESOURCE_UNKNOWN"), rest
        assert foreign.body == missing.body


def test_another_consents_token_does_not_open_this_one(world: World, enrolment: Enrolment):
    """Same customer, same app, other consent; and the other app's consent for the same account."""
    second, foreign = world.enrol(), world.enrol(company=world.finanzblick)
    for rest in ACCOUNT_PATHS[:3]:
        path = enrolment.path(rest)
        assert API(second.api.token, consent_id=enrolment.consent_id).get(path).refusal == (
            401,
            "CONSENT_INVALID",
        )
        assert API(foreign.api.token, consent_id=enrolment.consent_id).get(path).refusal == (
            400,
            "CONSENT_UNKNOWN",
        )


@pytest.mark.req("RTS-36(3)")
@pytest.mark.parametrize("ended", ["terminatedByTpp", "revokedByPsu", "expired", "rejected"])
def test_an_ended_consent_opens_nothing(world: World, enrolment: Enrolment, ended):
    Consent.objects.filter(pk=enrolment.consent_id).update(consent_status=ended)
    code = "CONSENT_EXPIRED" if ended == "expired" else "CONSENT_INVALID"
    for rest in ACCOUNT_PATHS:
        answer = enrolment.api.get(enrolment.path(rest.format(transaction="1")))
        assert answer.refusal == (401, code), rest
    assert enrolment.api.get("/v1/accounts").refusal == (401, code)


def test_the_token_of_a_payment_opens_this_payment_and_no_other(world: World):
    from apps.authserver.services import complete_authorization
    from apps.core import clock
    from tests.authserver.kit import PKCE, answer
    from tests.xs2a.world import release

    api = world.pis()
    first, second = (api.post(PAYMENTS, payment_body(world.anna.account.iban)) for _ in range(2))
    pkce = PKCE()
    world.shoppay.program.authorize(f"openid PIS:{first.body['paymentId']}", pkce)
    release(first.body["paymentId"], world.anna)
    (authorisation,) = authorisations_of(first.body["paymentId"])
    url = complete_authorization(
        authorisation_id=authorisation.pk, psu=world.anna.psu, auth_time=clock.now(), now=clock.now()
    )
    tokens = world.shoppay.program.redeem(answer(url)["code"], pkce).json()
    own = API(tokens["access_token"])
    assert own.get(first.href("status")).body == {"transactionStatus": "ACTC"}
    assert own.get(second.href("status")).refusal == (401, "TOKEN_INVALID")
    assert own.delete(second.href("self")).refusal == (401, "TOKEN_INVALID")
    assert own.post(PAYMENTS, payment_body(world.anna.account.iban)).refusal == (401, "TOKEN_INVALID")
    assert own.get("/v1/accounts").refusal == (401, "TOKEN_INVALID")
    # An ID token that came of a payment names no consent, so it identifies nobody for another payment.
    refused = api.post(PAYMENTS, payment_body(world.anna.account.iban), PSU_ID_Token=tokens["id_token"])
    assert refused.refusal == (401, "PSU_CREDENTIALS_INVALID")
