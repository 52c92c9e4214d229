"""A payment through a TPP that two must sign: PATC, an authorisation for each, and the bank's pages between."""

from uuid import UUID

import pytest
from django.test import Client

from apps.accounts.models import PaymentAccount
from apps.core import clock
from apps.payments.models import PaymentInitiation
from apps.payments.services import expire_payments, start_payment_authorisation
from tests.authserver.kit import PKCE, REDIRECT_URI, answer
from tests.authserver.world import Customer, authorisation_of
from tests.factories.accounts import account_of_several
from tests.factories.identity import PASSWORD
from tests.portal.kit import code_for, last_challenge
from tests.xs2a.kit import API, PAYMENTS, Answer, payment_body
from tests.xs2a.world import World

pytestmark = pytest.mark.req("P-64")


@pytest.fixture
def joint(world: World) -> PaymentAccount:
    return account_of_several(world.anna.psu, world.bruno.psu)


@pytest.fixture
def pis(world: World) -> API:
    return world.pis()


@pytest.fixture
def created(pis: API, joint: PaymentAccount) -> Answer:
    return pis.post(PAYMENTS, payment_body(joint.iban), TPP_Redirect_URI=REDIRECT_URI)


def sign(where: Answer, customer: Customer) -> str:
    """The customer follows the link and signs there; the last page."""
    browser = Client()
    path = where.href("scaRedirect").partition("/authorise/")[2]
    browser.post(f"/authorise/{path}", {"user_id": customer.psu.user.username, "password": PASSWORD})
    browser.post(f"/authorise/{path}code/", {"code": code_for(customer.psu)})
    return browser.get(f"/authorise/{path}done/").content.decode()


def another(pis: API, created: Answer) -> Answer:
    return pis.post(f"{created.href('self')}/authorisations")


def status(pis: API, created: Answer) -> str:
    told = pis.get(created.href("status")).body["transactionStatus"]
    assert pis.get(created.href("self")).body["transactionStatus"] == told
    return told


def test_each_signs_on_an_authorisation_of_his_own(world: World, pis: API, created: Answer) -> None:
    page = sign(created, world.anna)
    assert "One more signature is needed" in page
    assert REDIRECT_URI in page
    assert status(pis, created) == "PATC"
    assert pis.get(created.href("scaStatus")).body == {"scaStatus": "finalised"}
    second = another(pis, created)
    assert second.status == 201
    assert second.body["scaStatus"] == "received"
    assert second.body["authorisationId"] not in created.href("scaStatus")
    page = sign(second, world.bruno)
    assert "The payment is approved" in page
    assert status(pis, created) == "ACTC"
    assert pis.get(second.href("scaStatus")).body == {"scaStatus": "finalised"}
    assert len(pis.get(f"{created.href('self')}/authorisations").body["authorisationIds"]) == 2
    assert another(pis, created).refusal == (409, "STATUS_INVALID")


def test_who_has_signed_gets_no_second_code(world: World, pis: API, created: Answer) -> None:
    sign(created, world.anna)
    second = another(pis, created)
    browser, path = Client(), "/authorise/" + second.href("scaRedirect").partition("/authorise/")[2]
    assert "who has signed gets no second code" in browser.get(path).content.decode()
    browser.post(path, {"user_id": world.anna.psu.user.username, "password": PASSWORD})
    assert last_challenge().user is None
    assert status(pis, created) == "PATC"
    # The one who must is not kept from it.
    assert "The payment is approved" in sign(second, world.bruno)


def test_a_stranger_gets_none(world: World, pis: API, created: Answer) -> None:
    from tests.authserver.world import make_customer

    sign(created, world.anna)
    second = another(pis, created)
    browser, path = Client(), "/authorise/" + second.href("scaRedirect").partition("/authorise/")[2]
    browser.post(path, {"user_id": make_customer("Emil").psu.user.username, "password": PASSWORD})
    assert last_challenge().user is None


def test_a_no_by_the_second_link_ends_that_link_alone(world: World, pis: API, created: Answer) -> None:
    """Whoever holds the link may press the button, signed in or not: it does not undo what another has signed."""
    sign(created, world.anna)
    second = another(pis, created)
    Client().post("/authorise/" + second.href("scaRedirect").partition("/authorise/")[2] + "cancel/")
    assert pis.get(second.href("scaStatus")).body == {"scaStatus": "failed"}
    assert pis.get(created.href("scaStatus")).body == {"scaStatus": "finalised"}
    assert status(pis, created) == "PATC"
    assert "The payment is approved" in sign(another(pis, created), world.bruno)


def test_the_first_link_leads_to_a_page_that_says_so(world: World, created: Answer) -> None:
    sign(created, world.anna)
    page = Client().get("/authorise/" + created.href("scaRedirect").partition("/authorise/")[2])
    assert page.status_code == 410
    assert "One more signature is needed" in page.content.decode()


def test_a_repeated_call_finds_the_authorisation_that_is_under_way(
    world: World, pis: API, created: Answer
) -> None:
    sign(created, world.anna)
    ids = {another(pis, created).body["authorisationId"] for _ in range(3)}
    assert len(ids) == 1


def test_one_that_the_second_has_opened_in_the_portal_is_not_the_tpps(
    world: World, pis: API, created: Answer
) -> None:
    sign(created, world.anna)
    payment_id = UUID(created.body["paymentId"])
    own = start_payment_authorisation(payment_id=payment_id, psu=world.bruno.psu, now=clock.now())
    assert another(pis, created).body["authorisationId"] != str(own.pk)


def test_by_oauth_the_second_has_an_authorisation_of_his_own(
    world: World, pis: API, joint: PaymentAccount
) -> None:
    created = pis.post(PAYMENTS, payment_body(joint.iban))
    program, browser = world.shoppay.program, Client()
    seen = set()
    for customer in (world.anna, world.bruno):
        pkce = PKCE()
        authorisation_id = authorisation_of(
            program.authorize(f"openid PIS:{created.body['paymentId']}", pkce)
        )
        seen.add(authorisation_id)
        path = f"/authorise/{authorisation_id}/"
        browser.post(path, {"user_id": customer.psu.user.username, "password": PASSWORD})
        browser.post(f"{path}code/", {"code": code_for(customer.psu)})
        done = browser.get(f"{path}done/").content.decode()
        link = done.partition('btn-block" href="')[2].partition('"')[0].replace("&amp;", "&")
        assert program.redeem(answer(link)["code"], pkce).status_code == 200
    assert len(seen) == 2
    assert status(pis, created) == "ACTC"


def test_it_is_told_to_who_asked_to_be(world: World, pis: API, joint: PaymentAccount) -> None:
    from apps.notifications.models import OutboxMessage

    created = pis.post(
        PAYMENTS,
        payment_body(joint.iban),
        TPP_Redirect_URI=REDIRECT_URI,
        TPP_Notification_URI=REDIRECT_URI,
    )
    sign(created, world.anna)
    pushed = OutboxMessage.objects.filter(topic="payments.push_status")
    assert [message.payload["transaction_status"] for message in pushed] == ["PATC"]


def test_the_tpp_takes_it_back(world: World, pis: API, created: Answer) -> None:
    sign(created, world.anna)
    assert pis.delete(created.href("self")).status == 204
    assert status(pis, created) == "CANC"
    assert another(pis, created).refusal == (409, "STATUS_INVALID")


def test_fifteen_days_then_it_is_refused(world: World, pis: API, created: Answer, bank_clock) -> None:
    sign(created, world.anna)
    bank_clock.move(days=14)
    assert another(world.pis(), created).status == 201
    bank_clock.move(days=1)
    assert another(world.pis(), created).refusal == (403, "RESOURCE_EXPIRED")
    expire_payments(now=clock.now())
    assert another(world.pis(), created).refusal == (403, "RESOURCE_EXPIRED")
    assert PaymentInitiation.objects.get().status_reason == "DS02"
