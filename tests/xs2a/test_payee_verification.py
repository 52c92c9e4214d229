"""Verification of Payee for TPPs, in the words of NextGenPSD2 1.3.16."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction

from apps.audit.models import AuditEvent
from apps.core import clock
from apps.payees.models import LookupCount
from apps.payments.models import PaymentInitiation
from apps.payments.rules import UNAUTHORISED_LIFE
from apps.payments.services import CreditorNotConfirmed, start_payment_authorisation
from apps.sca.models import SCAAuthorisation
from tests.authserver.kit import REDIRECT_URI
from tests.authserver.world import make_company
from tests.payees import directories
from tests.sca.test_codes import in_parallel
from tests.xs2a.kit import ABSENT, API, NOT_THERE, PAYMENTS, Answer, payment_body
from tests.xs2a.world import World, release

NAMES = {"MTCH": "Moebelhaus Kern", "CMTC": "Kern", "NMTC": "Dr. Wurst", "NOAP": "Kern"}
REAL_NAME = "Möbelhaus Kern GmbH"


def initiate(world: World, outcome: str, *, requested: str = "true", **headers: str) -> Answer:
    body = payment_body(world.anna.account.iban, creditorName=NAMES[outcome])
    headers = {"TPP_Redirect_URI": REDIRECT_URI, "Client_VOP_Requested": requested} | headers
    return world.pis().post(PAYMENTS, body, **headers)


def told(outcome: str) -> dict[str, str]:
    information = {
        "transactionStatus": "RVCM",
        "originalEndToEndId": "SP-88-2041",
        "creditorNameMatch": outcome,
    }
    return information | ({"matchedCreditorName": REAL_NAME} if outcome == "CMTC" else {})


@pytest.fixture(autouse=True)
def silent(request: pytest.FixtureRequest, settings) -> None:
    """For NOAP: no other bank answers."""
    if "outcome" in request.fixturenames and request.getfixturevalue("outcome") == "NOAP":
        settings.VOP_DIRECTORY = directories.path(directories.Broken)


@pytest.mark.req("IPR-5c(verify)")
def test_a_match_is_told_and_the_customer_goes_on(world: World) -> None:
    answer = initiate(world, "MTCH")
    assert answer.headers["ASPSP-VOP-Supported"] == "true"
    assert answer.body["transactionStatus"] == "RCVC"
    assert answer.body["originalTransactionInformationAndVopStatus"] == [
        {"transactionStatus": "RCVC", "originalEndToEndId": "SP-88-2041"}
    ]
    assert sorted(answer.body["_links"]) == ["scaRedirect", "scaStatus", "self", "status"]
    status = world.pis().get(answer.href("status")).body
    assert status["transactionStatus"] == "RCVC"
    assert "creditorNameMatch" not in status["originalTransactionInformationAndVopStatus"][0]


@pytest.mark.req("IPR-5c(verify)")
@pytest.mark.parametrize("outcome", ["CMTC", "NMTC", "NOAP"])
def test_anything_else_is_told_and_has_to_be_confirmed_first(world: World, outcome: str) -> None:
    answer = initiate(world, outcome)
    path = answer.href("self")
    assert answer.status == 201
    assert answer.body["transactionStatus"] == "RVCM"
    assert answer.body["originalTransactionInformationAndVopStatus"] == [told(outcome)]
    assert answer.body["_links"] == {
        "creditorNameConfirmation": {"href": f"{path}/creditor-confirmation"},
        "self": {"href": path},
        "status": {"href": f"{path}/status"},
    }
    assert not SCAAuthorisation.objects.exists()
    api = world.pis()
    status = api.get(f"{path}/status").body
    assert (status["transactionStatus"], api.get(path).body["transactionStatus"]) == ("RVCM", "RVCM")
    assert status["originalTransactionInformationAndVopStatus"] == [told(outcome)]


@pytest.mark.parametrize("outcome", ["CMTC", "NMTC", "NOAP"])
def test_without_the_confirmation_no_authorisation_can_be_started(world: World, outcome: str) -> None:
    path = initiate(world, outcome).href("self")
    assert world.pis().post(f"{path}/authorisations").refusal == (409, "STATUS_INVALID")
    assert not SCAAuthorisation.objects.exists()


@pytest.mark.req("IPR-5c(authorise)")
@pytest.mark.parametrize("outcome", ["CMTC", "NMTC", "NOAP"])
def test_once_confirmed_the_customer_can_authorise_and_is_told_again(world: World, outcome: str) -> None:
    answer = initiate(world, outcome)
    api = world.pis()
    confirmed = api.put(answer.href("creditorNameConfirmation"))
    path = answer.href("self")
    assert (confirmed.status, confirmed.body["transactionStatus"]) == (200, "RCVC")
    assert confirmed.headers["X-Reference-API-Version"] == "1.1"
    authorisation = SCAAuthorisation.objects.get()
    assert confirmed.body["_links"] == {
        "scaRedirect": {"href": f"http://localhost:8000/authorise/{authorisation.pk}/"},
        "scaStatus": {"href": f"{path}/authorisations/{authorisation.pk}"},
        "self": {"href": path},
        "status": {"href": f"{path}/status"},
    }
    assert api.get(f"{path}/status").body["transactionStatus"] == "RCVC"
    payment = PaymentInitiation.objects.get()
    release(payment.pk, world.anna)
    after = api.get(f"{path}/status").body
    assert after["transactionStatus"] == "ACTC"


def test_confirming_twice_opens_one_authorisation(world: World) -> None:
    answer = initiate(world, "NMTC")
    api, link = world.pis(), answer.href("creditorNameConfirmation")
    assert api.put(link).body == api.put(link).body
    assert SCAAuthorisation.objects.count() == 1
    assert AuditEvent.objects.filter(event="payments.payment.creditor_confirmed").count() == 1


@pytest.mark.django_db(transaction=True)
def test_confirmations_at_the_same_moment_open_one_authorisation(world: World) -> None:
    answer = initiate(world, "NMTC")
    api, link = world.pis(), answer.href("creditorNameConfirmation")
    statuses = in_parallel(4, lambda _number: api.put(link).status)
    assert statuses == [200] * 4
    assert SCAAuthorisation.objects.count() == 1


def vop_refusal(answer: Answer) -> tuple[int, str]:
    (message,) = answer.body["apiClientMessages"]
    return answer.status, message["code"]


class TestWhatCannotBeConfirmed:
    @pytest.mark.parametrize("requested", ["false", ABSENT])
    def test_what_was_not_asked_for(self, world: World, requested: str) -> None:
        path = initiate(world, "NMTC", requested=requested).href("self")
        assert vop_refusal(world.pis().put(f"{path}/creditor-confirmation")) == (409, "STATUS_INVALID")

    def test_a_match(self, world: World) -> None:
        path = initiate(world, "MTCH").href("self")
        assert vop_refusal(world.pis().put(f"{path}/creditor-confirmation")) == (409, "STATUS_INVALID")

    def test_what_was_taken_back(self, world: World) -> None:
        answer, api = initiate(world, "NMTC"), world.pis()
        assert api.delete(answer.href("self")).status == 204
        assert vop_refusal(api.put(answer.href("creditorNameConfirmation"))) == (409, "STATUS_INVALID")

    def test_what_lay_too_long(self, world: World) -> None:
        answer = initiate(world, "NMTC")
        PaymentInitiation.objects.update(created_at=clock.now() - UNAUTHORISED_LIFE - timedelta(seconds=1))
        assert vop_refusal(world.pis().put(answer.href("creditorNameConfirmation"))) == (
            409,
            "STATUS_INVALID",
        )

    @pytest.mark.parametrize("where", ["nothing", "garbage", "product"])
    def test_what_is_not_there(self, world: World, where: str) -> None:
        path = {
            "nothing": f"{PAYMENTS}/{NOT_THERE}/creditor-confirmation",
            "garbage": f"{PAYMENTS}/x/creditor-confirmation",
            "product": f"/v1/payments/cross-border-credit-transfers/{NOT_THERE}/creditor-confirmation",
        }[where]
        assert vop_refusal(world.pis().put(path)) == (404, "RESOURCE_UNKNOWN")

    def test_anothers(self, world: World) -> None:
        link = initiate(world, "NMTC").href("creditorNameConfirmation")
        other = world.pis(make_company("OtherShop", ["PISP"]))
        assert vop_refusal(other.put(link)) == (404, "RESOURCE_UNKNOWN")
        assert PaymentInitiation.objects.get().creditor_confirmed_at is None

    def test_without_a_token_or_the_role(self, world: World) -> None:
        link = initiate(world, "NMTC").href("creditorNameConfirmation")
        assert vop_refusal(API("").put(link)) == (401, "TOKEN_UNKNOWN")
        refused = world.ais(world.finanzblick).put(link)
        assert vop_refusal(refused)[0] == 401
        assert vop_refusal(world.pis().put(link, X_Request_ID="x")) == (400, "FORMAT_ERROR")
        assert vop_refusal(world.pis().get(link)) == (405, "SERVICE_INVALID")


@pytest.mark.parametrize("requested", ["false", ABSENT])
@pytest.mark.parametrize("outcome", NAMES)
def test_who_does_not_ask_is_not_told_but_his_customer_is(world: World, outcome: str, requested: str) -> None:
    answer = initiate(world, outcome, requested=requested)
    assert "ASPSP-VOP-Supported" not in answer.headers
    assert answer.body["transactionStatus"] == "RCVD"
    assert "originalTransactionInformationAndVopStatus" not in answer.body
    assert "scaRedirect" in answer.body["_links"]
    assert PaymentInitiation.objects.get().creditor_name_match == outcome
    status = world.pis().get(answer.href("status")).body
    assert status == {"transactionStatus": "RCVD"}
    assert not re.search("belhaus", str(answer.body) + str(status))


@pytest.mark.parametrize("given", ["yes", "1", "", "TRUE "])
def test_the_header_is_true_or_false(world: World, given: str) -> None:
    answer = initiate(world, "MTCH", requested=given)
    if given.strip().lower() == "true":
        assert answer.body["transactionStatus"] == "RCVC"
    else:
        assert answer.refusal == (400, "FORMAT_ERROR")
        assert answer.path == "Client-VOP-Requested"
        assert not LookupCount.objects.exists()


def test_a_repeated_call_gets_the_same_and_is_looked_up_once(world: World) -> None:
    request_id = str(uuid4())
    first = initiate(world, "CMTC", X_Request_ID=request_id)
    world.pis().put(first.href("creditorNameConfirmation"))
    again = initiate(world, "CMTC", X_Request_ID=request_id)
    assert again.body == first.body
    assert LookupCount.objects.get().count == 1
    other = initiate(world, "CMTC", requested="false", X_Request_ID=request_id)
    assert other.refusal == (400, "PARAMETER_NOT_CONSISTENT")


def test_a_tpp_does_not_harvest_names(world: World, settings) -> None:
    settings.VOP_LOOKUPS_PER_DAY = 2
    names = [
        initiate(world, "CMTC")
        .body["originalTransactionInformationAndVopStatus"][0]
        .get("matchedCreditorName")
        for _ in range(4)
    ]
    assert names == [REAL_NAME, REAL_NAME, None, None]
    # The count is by app and debtor account, and holds whatever customer comes.
    assert LookupCount.objects.get().asker == f"app:{world.shoppay.app.pk}:{world.anna.account.pk}"


def test_an_order_that_is_refused_is_not_looked_up(world: World) -> None:
    body = payment_body("DE02120300000000202051", creditorAccount={"iban": world.anna.account.iban})
    answer = world.pis().post(PAYMENTS, body, Client_VOP_Requested="true")
    assert answer.refusal == (400, "RESOURCE_UNKNOWN")
    assert not LookupCount.objects.exists()


def test_the_database_lets_nothing_go_that_was_to_be_confirmed(world: World) -> None:
    initiate(world, "NMTC")
    payment = PaymentInitiation.objects.get()
    with (
        pytest.raises(IntegrityError, match="payment_confirmed_if_asked"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "UPDATE payments_paymentinitiation SET transaction_status = 'ACTC', psu_id = %s, authorised_at = now(),"
            " authorisation_id = id WHERE id = %s",
            [world.anna.psu.pk, payment.pk],
        )


def test_the_room_refuses_too(world: World) -> None:
    initiate(world, "NMTC")
    with pytest.raises(CreditorNotConfirmed):
        start_payment_authorisation(payment_id=PaymentInitiation.objects.get().pk, now=clock.now())
