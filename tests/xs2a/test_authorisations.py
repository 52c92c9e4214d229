"""Authorisation sub-resources of consents and payments."""

import pytest

from apps.consents.models import Consent
from apps.core import clock
from apps.payments.models import PaymentInitiation
from apps.payments.services import expire_payments
from apps.sca.services import expire_authorisations, fail_authorisation
from tests.authserver.kit import OTHER_REDIRECT_URI, PKCE, REDIRECT_URI, answer
from tests.authserver.world import authorisation_of
from tests.sca.test_codes import in_parallel
from tests.xs2a.kit import NOT_THERE, PAYMENTS, consent_body, payment_body
from tests.xs2a.world import World, allow, authorisations_of, release

OAUTH = "http://localhost:8000/.well-known/oauth-authorization-server"


@pytest.mark.req("S0-22", "S0-28")
def test_the_sca_status_link_of_a_consent_leads_to_what_really_happens(world: World):
    api, pkce = world.ais(), PKCE()
    created = api.post("/v1/consents", consent_body(world.anna.account.iban))
    consent_id, sca_status = created.body["consentId"], created.href("scaStatus")
    assert api.get(sca_status).body == {"scaStatus": "received"}
    response = world.shoppay.program.authorize(f"openid AIS:{consent_id}", pkce)
    authorisation_id = authorisation_of(response)
    assert sca_status.endswith(str(authorisation_id))
    redirect = allow(Consent.objects.get(pk=consent_id), world.anna, authorisation_id)
    assert api.get(sca_status).body == {"scaStatus": "finalised"}
    assert api.get(created.href("status")).body == {"consentStatus": "valid"}
    assert answer(redirect)["code"]
    assert api.get(f"{created.href('self')}/authorisations").body == {
        "authorisationIds": [str(authorisation_id)]
    }


def test_a_second_try_by_oauth_opens_another_authorisation(world: World):
    created = world.ais().post("/v1/consents", consent_body(world.anna.account.iban))
    scope = f"openid AIS:{created.body['consentId']}"
    first, second = (authorisation_of(world.shoppay.program.authorize(scope, PKCE())) for _ in range(2))
    assert first != second
    assert len(authorisations_of(created.body["consentId"])) == 2


def test_an_authorisation_about_to_end_is_not_handed_to_the_customer(world: World, bank_clock, settings):
    created = world.ais().post("/v1/consents", consent_body(world.anna.account.iban))
    bank_clock.move(seconds=settings.SCA_AUTHORISATION_TTL_SECONDS - 60)
    response = world.shoppay.program.authorize(f"openid AIS:{created.body['consentId']}", PKCE())
    assert not created.href("scaStatus").endswith(str(authorisation_of(response)))


def test_a_payment_without_redirect_uri_is_authorised_by_oauth_on_the_same_authorisation(world: World):
    created = world.pis().post(PAYMENTS, payment_body(world.anna.account.iban))
    response = world.shoppay.program.authorize(f"openid PIS:{created.body['paymentId']}", PKCE())
    assert created.href("scaStatus").endswith(str(authorisation_of(response)))


@pytest.mark.django_db(transaction=True)
def test_two_oauth_requests_at_once_get_two_authorisations():
    world = World()
    created = world.ais().post("/v1/consents", consent_body(world.anna.account.iban))
    scope, program = f"openid AIS:{created.body['consentId']}", world.shoppay.program
    requests = [program.authorization_request(scope, PKCE()) for _ in range(8)]
    from django.test import Client

    responses = in_parallel(8, lambda number: Client().get("/oauth/authorize", requests[number]))
    found = {authorisation_of(response) for response in responses}
    assert len(found) == 8
    assert any(created.href("scaStatus").endswith(str(authorisation_id)) for authorisation_id in found)


def test_an_explicit_start_of_a_consent(world: World):
    api = world.ais()
    created = api.post(
        "/v1/consents",
        consent_body(world.anna.account.iban),
        TPP_Explicit_Authorisation_Preferred="true",
    )
    path = created.href("self")
    assert created.body["_links"] == {
        "startAuthorisation": {"href": f"{path}/authorisations"},
        "self": {"href": path},
        "status": {"href": f"{path}/status"},
    }
    assert api.get(f"{path}/authorisations").body == {"authorisationIds": []}
    started = api.post(created.href("startAuthorisation"))
    assert started.status == 201
    authorisation_id = started.body["authorisationId"]
    assert started.body == {
        "scaStatus": "received",
        "authorisationId": authorisation_id,
        "_links": {
            "scaOAuth": {"href": OAUTH},
            "scaStatus": {"href": f"{path}/authorisations/{authorisation_id}"},
        },
    }
    assert started.headers["ASPSP-SCA-Approach"] == "REDIRECT"
    assert api.get(f"{path}/authorisations").body == {"authorisationIds": [authorisation_id]}


def test_an_explicit_start_of_a_payment_leads_to_its_page(world: World):
    api = world.pis()
    created = api.post(
        PAYMENTS,
        payment_body(world.anna.account.iban),
        TPP_Explicit_Authorisation_Preferred="true",
        TPP_Redirect_URI=REDIRECT_URI,
    )
    started = api.post(created.href("startAuthorisation"))
    authorisation_id = started.body["authorisationId"]
    assert started.href("scaRedirect") == f"http://localhost:8000/authorise/{authorisation_id}/"
    assert api.get(started.href("scaStatus")).body == {"scaStatus": "received"}
    same = api.post(created.href("startAuthorisation"), TPP_Redirect_URI=REDIRECT_URI)
    assert same.body == started.body
    other = api.post(created.href("startAuthorisation"), TPP_Redirect_URI=OTHER_REDIRECT_URI)
    assert other.refusal == (400, "PARAMETER_NOT_CONSISTENT")


@pytest.mark.req("RTS-35(4)")
def test_starting_again_piles_nothing_up(world: World):
    api = world.ais()
    path = api.post("/v1/consents", consent_body(world.anna.account.iban)).href("self")
    answers = [api.post(f"{path}/authorisations") for _ in range(5)]
    assert len({answer.body["authorisationId"] for answer in answers}) == 1
    assert len(api.get(f"{path}/authorisations").body["authorisationIds"]) == 1


def test_a_failed_try_can_be_followed_by_another(world: World):
    api = world.ais()
    created = api.post("/v1/consents", consent_body(world.anna.account.iban))
    (failed,) = authorisations_of(created.body["consentId"])
    fail_authorisation(authorisation_id=failed.pk, reason="test", now=clock.now())
    again = api.post(f"{created.href('self')}/authorisations")
    assert again.status == 201
    assert again.body["authorisationId"] != str(failed.pk)
    assert api.get(created.href("scaStatus")).body == {"scaStatus": "failed"}


@pytest.mark.parametrize("job_has_run", [False, True])
def test_one_left_lying_has_failed_whether_the_job_has_run_or_not(
    world: World, bank_clock, settings, job_has_run
):
    api = world.ais()
    created = api.post("/v1/consents", consent_body(world.anna.account.iban))
    bank_clock.move(seconds=settings.SCA_AUTHORISATION_TTL_SECONDS)
    if job_has_run:
        expire_authorisations(now=clock.now())
    assert api.get(created.href("scaStatus")).body == {"scaStatus": "failed"}


def test_what_no_longer_waits_cannot_be_authorised(world: World):
    enrolment = world.enrol()
    ais, pis = world.ais(), world.pis()
    path = f"/v1/consents/{enrolment.consent_id}/authorisations"
    assert ais.post(path).refusal == (409, "STATUS_INVALID")
    ais.delete(f"/v1/consents/{enrolment.consent_id}")
    assert ais.post(path).refusal == (409, "STATUS_INVALID")
    created = pis.post(PAYMENTS, payment_body(world.anna.account.iban))
    release(created.body["paymentId"], world.anna)
    assert pis.post(f"{created.href('self')}/authorisations").refusal == (409, "STATUS_INVALID")


def test_an_expired_consent_cannot_be_authorised(world: World, bank_clock):
    enrolment = world.enrol(validUntil=consent_body()["validUntil"])
    bank_clock.move(days=120)
    answer = world.ais().post(f"/v1/consents/{enrolment.consent_id}/authorisations")
    assert answer.refusal == (403, "RESOURCE_EXPIRED")


@pytest.mark.parametrize("job_has_run", [False, True])
def test_a_payment_not_authorised_in_time_is_expired(world: World, bank_clock, job_has_run):
    created = world.pis().post(PAYMENTS, payment_body(world.anna.account.iban))
    bank_clock.move(hours=25)
    if job_has_run:
        expire_payments(now=clock.now())
    answer = world.pis().post(f"{created.href('self')}/authorisations")
    assert answer.refusal == (403, "RESOURCE_EXPIRED")
    assert PaymentInitiation.objects.get().psu is None


@pytest.mark.parametrize("authorisation_id", [NOT_THERE, "1", "%00"])
def test_an_unknown_authorisation_is_404(world: World, authorisation_id):
    ais, pis = world.ais(), world.pis()
    consent = ais.post("/v1/consents", consent_body(world.anna.account.iban)).href("self")
    payment = pis.post(PAYMENTS, payment_body(world.anna.account.iban)).href("self")
    assert ais.get(f"{consent}/authorisations/{authorisation_id}").refusal == (404, "RESOURCE_UNKNOWN")
    assert pis.get(f"{payment}/authorisations/{authorisation_id}").refusal == (404, "RESOURCE_UNKNOWN")


def test_an_authorisation_of_something_else_is_404(world: World):
    ais, pis = world.ais(), world.pis()
    first, second = (ais.post("/v1/consents", consent_body(world.anna.account.iban)) for _ in range(2))
    payment = pis.post(PAYMENTS, payment_body(world.anna.account.iban))
    of_first = first.href("scaStatus").rpartition("/")[2]
    assert ais.get(f"{second.href('self')}/authorisations/{of_first}").refusal == (404, "RESOURCE_UNKNOWN")
    assert pis.get(f"{payment.href('self')}/authorisations/{of_first}").refusal == (404, "RESOURCE_UNKNOWN")
