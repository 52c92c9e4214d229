"""Standing orders at the interface (periodic-payments): taken in, signed at the bank, carried out, told, ended."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client

from apps.audit.models import AuditEvent
from apps.authserver.services import complete_authorization
from apps.core import clock
from apps.core.clock import bank_date
from apps.engine.execution import execute_payment
from apps.notifications.models import OutboxMessage
from apps.payments.kinds import STANDING_ORDERS
from apps.payments.models import PaymentInitiation, StandingOrder
from apps.payments.rules import StatusReason
from apps.payments.services import check_authorised_as_is
from apps.payments.standing_orders import (
    authorise_standing_order,
    end_standing_order,
    execute_due_standing_orders,
    expire_standing_orders,
    list_standing_orders_to_sign,
    reject_standing_order,
    send_standing_order_code,
    start_standing_order_authorisation,
)
from apps.sca.models import Challenge
from apps.tpp.services import block_tpp
from tests.authserver.kit import OTHER_REDIRECT_URI, PKCE, REDIRECT_URI
from tests.authserver.kit import answer as read_answer
from tests.authserver.world import Customer, authorisation_of
from tests.factories.accounts import account_of_several
from tests.factories.identity import PASSWORD, UserFactory
from tests.factories.payments import proof_for
from tests.portal.kit import code_for, last_challenge
from tests.sca.test_codes import in_parallel
from tests.xs2a.bank_clock import BankClock
from tests.xs2a.kit import ABSENT, API, NOT_THERE, PAYMENTS, PERIODIC, Answer, payment_body, periodic_body
from tests.xs2a.world import World, authorisations_of, challenge_of, release

NOTIFY = "https://shoppay.example/bank/notifications?shop=7"


def initiate(world: World, **changes: Any) -> tuple[API, Answer]:
    """A standing order of Anna's, through ShopPay, that waits for her."""
    api = world.pis()
    answer = api.post(
        PERIODIC,
        periodic_body(world.anna.account.iban, **changes),
        TPP_Redirect_URI=REDIRECT_URI,
        TPP_Notification_URI=NOTIFY,
    )
    assert answer.status == 201, answer.body
    return api, answer


def signed(world: World, **changes: Any) -> tuple[API, Answer]:
    api, answer = initiate(world, **changes)
    release(answer.body["paymentId"], world.anna, kind=STANDING_ORDERS)
    return api, answer


def status(api: API, answer: Answer) -> str:
    told = api.get(answer.href("status")).body["transactionStatus"]
    assert api.get(answer.href("self")).body["transactionStatus"] == told
    return told


def pushed() -> list[str]:
    """What the TPP was told at its own address, in this order."""
    messages = OutboxMessage.objects.filter(topic="payments.push_status").order_by("available_at")
    assert {message.payload["payment_id"] for message in messages} <= {str(StandingOrder.objects.get().pk)}
    return [message.payload["transaction_status"] for message in messages]


def execute() -> PaymentInitiation:
    """What beat and the engine do on the day; the one payment that came of it."""
    assert execute_due_standing_orders(now=clock.now()) == 1
    payment = PaymentInitiation.objects.latest("due_date")
    with transaction.atomic():
        execute_payment(payment_id=payment.pk, now=clock.now())
    payment.refresh_from_db()
    return payment


@pytest.mark.req("S0-42", "S0-49")
def test_a_standing_order_is_taken_in_and_says_where_the_customer_goes(world: World):
    _, answer = initiate(world)
    order = StandingOrder.objects.get()
    (authorisation,) = authorisations_of(order.pk)
    path = f"{PERIODIC}/{order.pk}"
    assert answer.body == {
        "transactionStatus": "RCVD",
        "paymentId": str(order.pk),
        "transactionFeeIndicator": False,
        "_links": {
            "scaRedirect": {"href": f"http://localhost:8000/authorise/{authorisation.pk}/"},
            "scaStatus": {"href": f"{path}/authorisations/{authorisation.pk}"},
            "self": {"href": path},
            "status": {"href": f"{path}/status"},
        },
    }
    assert answer.headers["Location"] == path
    assert answer.headers["ASPSP-SCA-Approach"] == "REDIRECT"
    assert answer.headers["ASPSP-Notification-Content"] == "status=PROCESS"
    assert (order.app, order.psu, order.amount_minor) == (world.shoppay.app, None, 2490)
    assert not Challenge.objects.exists()
    assert not PaymentInitiation.objects.exists()
    event = AuditEvent.objects.get(event="payments.standing_order.received")
    assert (event.actor_type, event.actor_id) == ("tpp", str(world.shoppay.app.tpp_id))


@pytest.mark.req("RTS-36(4)", "P-66")
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"executionRule": "preceding", "dayOfExecution": "31"},
        {"dayOfExecution": "1", "creditorAgent": "BYLADEM1001"},
        {"endToEndIdentification": ABSENT, "remittanceInformationUnstructured": ABSENT},
        *(
            {"frequency": frequency}
            for frequency in ("Daily", "Weekly", "EveryTwoWeeks", "EveryTwoMonths", "Quarterly")
        ),
        {"frequency": "SemiAnnual"},
        {"frequency": "Annual"},
    ],
)
def test_what_was_sent_comes_back(world: World, changes: dict[str, str]):
    end = (bank_date(clock.now()) + timedelta(days=800)).isoformat()
    body = periodic_body(world.anna.account.iban, **changes)
    for sent in (body, body | {"endDate": end}):
        api = world.pis()
        answer = api.get(api.post(PERIODIC, sent).href("self"))
        assert answer.body == sent | {"transactionStatus": "RCVD"}


def test_without_a_rule_the_next_business_day_is_meant_and_told(world: World):
    api, answer = initiate(world, executionRule=ABSENT)
    assert api.get(answer.href("self")).body["executionRule"] == "following"


MALFORMED = (
    "2026-13-01",
    "2026-02-30",
    "01.12.2026",
    "20261201",
    "2026-W49-1",
    "",
    "٢٠٢٦-12-01",
    20261201,
    None,
)


@pytest.mark.parametrize(
    ("changes", "refusal", "path"),
    [
        *(({"startDate": day}, (400, "FORMAT_ERROR"), "startDate") for day in MALFORMED),
        *(({"endDate": day}, (400, "FORMAT_ERROR"), "endDate") for day in MALFORMED),
        ({"startDate": ABSENT}, (400, "FORMAT_ERROR"), "startDate"),
        ({"frequency": ABSENT}, (400, "FORMAT_ERROR"), "frequency"),
        ({"frequency": "monthly"}, (400, "FORMAT_ERROR"), "frequency"),
        ({"frequency": "Fortnightly"}, (400, "FORMAT_ERROR"), "frequency"),
        ({"frequency": 12}, (400, "FORMAT_ERROR"), "frequency"),
        ({"frequency": "MonthlyVariable"}, (400, "PARAMETER_NOT_SUPPORTED"), "frequency"),
        (
            {"frequency": "MonthlyVariable", "monthsOfExecution": ["1", "4"]},
            (400, "PARAMETER_NOT_SUPPORTED"),
            "frequency",
        ),
        ({"monthsOfExecution": ["1", "4"]}, (400, "PARAMETER_NOT_SUPPORTED"), "monthsOfExecution"),
        ({"executionRule": "nearest"}, (400, "FORMAT_ERROR"), "executionRule"),
        ({"executionRule": None}, (400, "FORMAT_ERROR"), "executionRule"),
        *(
            ({"dayOfExecution": day}, (400, "FORMAT_ERROR"), "dayOfExecution")
            for day in ("0", "32", "01", "-1", "1 ", "ultimo", "", 1, None)
        ),
        ({"dayOfExecution": "5", "frequency": "Weekly"}, (400, "FORMAT_ERROR"), "dayOfExecution"),
        ({"dayOfExecution": "5", "frequency": "Daily"}, (400, "FORMAT_ERROR"), "dayOfExecution"),
        ({"ahead": 0}, (400, "EXECUTION_DATE_INVALID"), "startDate"),
        ({"ahead": -1}, (400, "EXECUTION_DATE_INVALID"), "startDate"),
        ({"ahead": 400}, (400, "EXECUTION_DATE_INVALID"), "startDate"),
        ({"ahead": 10, "endDate": "2026-01-01"}, (400, "PERIOD_INVALID"), "endDate"),
        ({"requestedExecutionDate": "2099-01-01"}, (400, "FORMAT_ERROR"), "requestedExecutionDate"),
        ({"chargeBearer": "SLEV"}, (400, "FORMAT_ERROR"), "chargeBearer"),
        ({"creditorAddress": {"country": "DE"}}, (400, "PARAMETER_NOT_SUPPORTED"), "creditorAddress"),
        ({"dayofExecution": "5"}, (400, "FORMAT_ERROR"), "dayofExecution"),
        (
            {"instructedAmount": {"currency": "USD", "amount": "10.00"}},
            (400, "PAYMENT_FAILED"),
            "",
        ),
        ({"instructedAmount": {"currency": "EUR", "amount": "0"}}, (400, "FORMAT_ERROR"), None),
        ({"creditorAccount": {"iban": "TR330006100519786457841326"}}, (400, "FORMAT_ERROR"), None),
        ({"debtorAccount": {"iban": "DE02120300000000202051"}}, (400, "RESOURCE_UNKNOWN"), "debtorAccount"),
        ({"creditorName": ABSENT}, (400, "FORMAT_ERROR"), "creditorName"),
    ],
)
def test_what_makes_no_standing_order_is_named_and_nothing_is_kept(
    world: World, changes: dict[str, Any], refusal: tuple[int, str], path: str | None
):
    answer = world.pis().post(PERIODIC, periodic_body(world.anna.account.iban, **changes))
    assert answer.refusal == refusal
    assert path is None or answer.path == path
    assert not StandingOrder.objects.exists()


def test_the_end_may_not_come_before_the_first_day_that_is_due(world: World):
    """The start is no due day itself: the fifth of the month after it is."""
    start = bank_date(clock.now()).replace(day=6) + timedelta(days=60)
    start = start.replace(day=6)
    body = {"startDate": start.isoformat(), "dayOfExecution": "5"}
    too_early = world.pis().post(
        PERIODIC,
        periodic_body(world.anna.account.iban, **body, endDate=(start + timedelta(days=20)).isoformat()),
    )
    assert (too_early.refusal, too_early.path) == ((400, "PERIOD_INVALID"), "endDate")
    late_enough = periodic_body(
        world.anna.account.iban, **body, endDate=(start + timedelta(days=31)).isoformat()
    )
    assert world.pis().post(PERIODIC, late_enough).status == 201


def test_to_the_account_it_comes_from_nothing_is_paid(world: World):
    iban = world.anna.account.iban
    answer = world.pis().post(PERIODIC, periodic_body(iban, creditorAccount={"iban": iban}))
    assert answer.refusal == (400, "PAYMENT_FAILED")


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("PSU_IP_Address", ABSENT),
        ("TPP_Redirect_URI", "https://evil.example/"),
        ("TPP_Notification_URI", "https://evil.example/notify"),
        ("Client_VOP_Requested", "perhaps"),
        ("X_Request_ID", "1"),
    ],
)
def test_a_wrong_header_is_named_and_nothing_is_kept(world: World, header: str, value: str):
    answer = world.pis().post(PERIODIC, periodic_body(world.anna.account.iban), **{header: value})
    assert (answer.refusal, answer.path) == ((400, "FORMAT_ERROR"), header.replace("_", "-"))
    assert not StandingOrder.objects.exists()


@pytest.mark.parametrize(
    ("product", "refusal"),
    [
        ("instant-sepa-credit-transfers", (404, "PRODUCT_UNKNOWN")),
        ("target-2-payments", (404, "PRODUCT_UNKNOWN")),
        ("cross-border-credit-transfers", (404, "PRODUCT_UNKNOWN")),
    ],
)
def test_standing_orders_are_ordinary_transfers(world: World, product: str, refusal: tuple[int, str]):
    path = f"/v1/periodic-payments/{product}"
    assert world.pis().post(path, periodic_body(world.anna.account.iban)).refusal == refusal


def test_bulk_payments_are_refused_in_words_that_are_true(world: World):
    answer = world.pis().post(
        "/v1/bulk-payments/sepa-credit-transfers", periodic_body(world.anna.account.iban)
    )
    assert answer.refusal == (400, "PARAMETER_NOT_SUPPORTED")
    (message,) = answer.body["tppMessages"]
    assert message["text"] == "Single and periodic payments are offered, no bulk payments yet."


# Once ---------------------------------------------------------------------------------------------------


@pytest.mark.req("RTS-35(4)")
def test_the_same_call_again_gets_the_same_answer_and_makes_no_second_one(
    world: World, bank_clock: BankClock
):
    api, body = world.pis(), periodic_body(world.anna.account.iban, ahead=3)
    headers = {"X_Request_ID": str(uuid4()), "TPP_Redirect_URI": REDIRECT_URI}
    first = api.post(PERIODIC, body, **headers)
    assert (first.status, first.body) == (201, api.post(PERIODIC, body, **headers).body)
    release(first.body["paymentId"], world.anna, kind=STANDING_ORDERS)
    # Whoever repeats it after its first day is not told that the day is over.
    bank_clock.move(days=5)
    assert api.post(PERIODIC, body, **headers).body == first.body
    assert StandingOrder.objects.count() == 1
    assert len(authorisations_of(first.body["paymentId"])) == 1


@pytest.mark.parametrize(
    ("change", "headers"),
    [
        ({"creditorName": "Somebody Else"}, {}),
        ({"frequency": "Weekly"}, {}),
        ({"ahead": 11}, {}),
        ({"endDate": "2099-01-01"}, {}),
        ({"dayOfExecution": "5"}, {}),
        ({"executionRule": "preceding"}, {}),
        ({}, {"TPP_Redirect_URI": OTHER_REDIRECT_URI}),
        ({}, {"TPP_Notification_URI": NOTIFY}),
        ({}, {"Client_VOP_Requested": "true"}),
    ],
)
def test_a_request_id_is_not_for_two_orders(world: World, change: dict[str, Any], headers: dict[str, str]):
    api, iban = world.pis(), world.anna.account.iban
    first = {"X_Request_ID": str(uuid4()), "TPP_Redirect_URI": REDIRECT_URI}
    api.post(PERIODIC, periodic_body(iban), **first)
    answer = api.post(PERIODIC, periodic_body(iban, **change), **(first | headers))
    assert answer.refusal == (400, "PARAMETER_NOT_CONSISTENT")
    assert StandingOrder.objects.count() == 1


def test_two_companies_may_use_the_same_request_id_for_one_customer(world: World):
    type(world.finanzblick.app.tpp).objects.update(roles=["AISP", "PISP"])
    headers = {"X_Request_ID": str(uuid4())}
    for company in (world.shoppay, world.finanzblick):
        answer = world.pis(company).post(PERIODIC, periodic_body(world.anna.account.iban), **headers)
        release(answer.body["paymentId"], world.anna, kind=STANDING_ORDERS)
    assert set(StandingOrder.objects.values_list("psu", flat=True)) == {world.anna.psu.pk}


@pytest.mark.req("RTS-35(4)")
@pytest.mark.django_db(transaction=True)
def test_of_ten_equal_calls_at_once_one_standing_order_comes():
    world = World()
    token, body = world.app_token(world.shoppay, "pisp"), periodic_body(world.anna.account.iban)
    request_id = str(uuid4())
    answers: list[Any] = in_parallel(10, lambda _: API(token).post(PERIODIC, body, X_Request_ID=request_id))
    assert {answer.status for answer in answers} == {201}
    assert len({str(answer.body) for answer in answers}) == 1
    assert StandingOrder.objects.count() == 1
    assert len(authorisations_of(answers[0].body["paymentId"])) == 1


# At the bank --------------------------------------------------------------------------------------------


def open_page(answer: Answer) -> tuple[Client, str]:
    return Client(), "/authorise/" + answer.href("scaRedirect").partition("/authorise/")[2]


def sign_at_bank(answer: Answer, customer: Customer) -> tuple[str, str, str]:
    """The customer follows the link and signs there; first page, code page, last page."""
    browser, path = open_page(answer)
    first = browser.get(path).content.decode()
    browser.post(path, {"user_id": customer.psu.user.username, "password": PASSWORD})
    page = browser.get(f"{path}code/").content.decode()
    browser.post(f"{path}code/", {"code": code_for(customer.psu)})
    return first, page, browser.get(f"{path}done/").content.decode()


@pytest.mark.req("S0-43", "S0-46", "RTS-5(1)(a)", "RTS-14")
def test_the_customer_signs_what_he_sees_and_it_is_his_standing_order(world: World):
    end = (bank_date(clock.now()) + timedelta(days=800)).isoformat()
    api, answer = initiate(world, endDate=end, dayOfExecution="15")
    first, page, last = sign_at_bank(answer, world.anna)
    name = world.shoppay.app.tpp.legal_name
    order = StandingOrder.objects.get()
    for shown in (first, page):
        for what in ("24.90", "Möbelhaus Kern GmbH", "Order 88-2041", "every month", name):
            assert what in shown, what
    assert "asks you to approve a standing order" in first
    assert "Check and sign this standing order" in page
    assert "DE02 1203 0000 0000 2020 51" in page
    assert "The standing order is approved" in last
    assert REDIRECT_URI in last
    snapshot = last_challenge().snapshot
    assert {
        name: snapshot[name]
        for name in ("amount_minor", "creditor_iban", "frequency", "start_date", "end_date", "tpp_name")
    } == {
        "amount_minor": 2490,
        "creditor_iban": order.creditor_iban,
        "frequency": "Monthly",
        "start_date": order.start_date.isoformat(),
        "end_date": end,
        "tpp_name": name,
    }
    assert order.psu == world.anna.psu
    assert status(api, answer) == "ACTC"
    assert api.get(answer.href("scaStatus")).body == {"scaStatus": "finalised"}
    assert pushed() == ["ACTC"]
    listed = api.get(f"{answer.href('self')}/authorisations").body["authorisationIds"]
    assert listed == [str(authorisation.pk) for authorisation in authorisations_of(order.pk)]
    # Who comes to the link again finds that it is over.
    browser, path = open_page(answer)
    over = browser.get(path)
    assert over.status_code == 410
    assert "The standing order was approved" in over.content.decode()
    assert api.post(f"{answer.href('self')}/authorisations").refusal == (409, "STATUS_INVALID")


@pytest.mark.req("RTS-5(1)(d)")
def test_if_anything_changes_the_code_is_void(world: World):
    api, answer = initiate(world)
    challenge_id = challenge_of(answer.body["paymentId"], world.anna, kind=STANDING_ORDERS)
    StandingOrder.objects.update(frequency="Daily")
    from apps.sca.services import DynamicLinkBroken

    with pytest.raises(DynamicLinkBroken):
        release(answer.body["paymentId"], world.anna, kind=STANDING_ORDERS, challenge_id=challenge_id)
    assert status(api, answer) == "RCVD"


@pytest.mark.req("S0-40")
def test_who_may_not_pay_from_the_account_gets_a_decoy(world: World):
    api, answer = initiate(world)
    browser, path = open_page(answer)
    browser.post(path, {"user_id": world.bruno.psu.user.username, "password": PASSWORD})
    assert last_challenge().user is None
    assert status(api, answer) == "RCVD"


def test_the_customers_no_leads_back_and_is_told(world: World):
    api, answer = initiate(world)
    browser, path = open_page(answer)
    browser.post(f"{path}cancel/")
    assert "Nothing was paid." in browser.get(f"{path}done/").content.decode()
    told = api.get(answer.href("status")).body
    assert told["transactionStatus"] == "RJCT"
    assert "CUST" in told["tppMessage"][0]["text"]
    assert api.get(answer.href("scaStatus")).body == {"scaStatus": "failed"}
    assert pushed() == ["RJCT"]


def test_five_wrong_codes_refuse_it(world: World):
    from tests.factories.payments import wrong_code

    api, answer = initiate(world)
    browser, path = open_page(answer)
    browser.post(path, {"user_id": world.anna.psu.user.username, "password": PASSWORD})
    for _ in range(5):
        browser.post(f"{path}code/", {"code": wrong_code(last_challenge().pk)})
    assert "standing order was not approved" in browser.get(f"{path}done/").content.decode()
    assert status(api, answer) == "RJCT"


def test_one_that_nobody_signs_is_refused_after_a_day(world: World, bank_clock: BankClock):
    api, answer = initiate(world)
    bank_clock.move(hours=25)
    assert api.post(f"{answer.href('self')}/authorisations").refusal == (403, "RESOURCE_EXPIRED")
    assert expire_standing_orders(now=clock.now()) == 1
    assert status(api, answer) == "RJCT"
    assert api.post(f"{answer.href('self')}/authorisations").refusal == (403, "RESOURCE_EXPIRED")


def test_an_explicit_start_and_a_second_try(world: World):
    api = world.pis()
    answer = api.post(
        PERIODIC,
        periodic_body(world.anna.account.iban),
        TPP_Redirect_URI=REDIRECT_URI,
        TPP_Explicit_Authorisation_Preferred="true",
    )
    start = answer.href("startAuthorisation")
    first = api.post(start)
    assert (first.status, first.body["scaStatus"]) == (201, "received")
    assert api.post(start).body["authorisationId"] == first.body["authorisationId"]
    other = api.post(start, TPP_Redirect_URI=OTHER_REDIRECT_URI)
    assert other.refusal == (400, "PARAMETER_NOT_CONSISTENT")
    assert "The standing order is approved" in sign_at_bank(first, world.anna)[2]


@pytest.mark.req("S0-38", "S0-41")
def test_with_an_id_token_the_code_goes_out_at_once(world: World):
    api = world.pis()
    answer = api.post(
        PERIODIC,
        periodic_body(world.anna.account.iban),
        PSU_ID_Token=world.enrol().id_token,
        TPP_Redirect_URI=REDIRECT_URI,
    )
    order = StandingOrder.objects.get()
    assert order.psu == world.anna.psu
    challenge = Challenge.objects.get(authorisation_id=authorisations_of(order.pk)[0].pk)
    assert (challenge.purpose, challenge.user) == ("standing_order", world.anna.psu.user)
    # Not from the portal's own pages: the link is the way.
    assert order not in list_of_the_portal(world.anna)
    assert "The standing order is approved" in sign_at_bank(answer, world.anna)[2]
    assert Challenge.objects.filter(purpose="standing_order").count() == 1


def list_of_the_portal(customer: Customer) -> list[StandingOrder]:
    from apps.payments.standing_orders import list_standing_orders

    return list(list_standing_orders(psu_id=customer.psu.pk))


@pytest.mark.req("P-64")
def test_from_an_account_of_two_both_sign(world: World):
    joint = account_of_several(world.anna.psu, world.bruno.psu)
    api = world.pis()
    answer = api.post(PERIODIC, periodic_body(joint.iban), TPP_Redirect_URI=REDIRECT_URI)
    assert "One more signature is needed" in sign_at_bank(answer, world.anna)[2]
    assert status(api, answer) == "PATC"
    second = api.post(f"{answer.href('self')}/authorisations")
    assert second.body["authorisationId"] not in answer.href("scaStatus")
    first, _page, last = sign_at_bank(second, world.bruno)
    assert "has signed this standing order" in first
    assert "The standing order is approved" in last
    assert status(api, answer) == "ACTC"
    assert StandingOrder.objects.get().psu == world.anna.psu


def test_without_a_redirect_uri_the_way_is_oauth_and_its_token_opens_this_one_alone(world: World):
    api = world.pis()
    first, other = (api.post(PERIODIC, periodic_body(world.anna.account.iban)) for _ in range(2))
    single = api.post(PAYMENTS, payment_body(world.anna.account.iban))
    assert first.href("scaOAuth") == "http://localhost:8000/.well-known/oauth-authorization-server"
    pkce = PKCE()
    response = world.shoppay.program.authorize(f"openid PIS:{first.body['paymentId']}", pkce)
    assert first.href("scaStatus").endswith(str(authorisation_of(response)))
    release(first.body["paymentId"], world.anna, kind=STANDING_ORDERS)
    url = complete_authorization(
        authorisation_id=authorisation_of(response),
        psu=world.anna.psu,
        auth_time=clock.now(),
        now=clock.now(),
    )
    tokens = world.shoppay.program.redeem(read_answer(url)["code"], pkce).json()
    own = API(tokens["access_token"])
    assert own.get(first.href("status")).body == {"transactionStatus": "ACTC"}
    assert own.get(first.href("self")).status == 200
    for foreign in (other, single):
        assert own.get(foreign.href("status")).refusal == (401, "TOKEN_INVALID")
    event = AuditEvent.objects.filter(event__startswith="authserver.", object_id=first.body["paymentId"])
    assert set(event.values_list("object_type", flat=True)) == {"standing_order"}
    # No consent behind it: it identifies nobody for another order.
    answer = api.post(PERIODIC, periodic_body(world.anna.account.iban), PSU_ID_Token=tokens["id_token"])
    assert answer.refusal == (401, "PSU_CREDENTIALS_INVALID")
    assert own.delete(first.href("self")).status == 204


def test_another_apps_standing_order_cannot_be_asked_for_by_oauth(world: World):
    type(world.finanzblick.app.tpp).objects.update(roles=["AISP", "PISP"])
    _, answer = initiate(world)
    response = world.finanzblick.program.authorize(f"openid PIS:{answer.body['paymentId']}", PKCE())
    assert "error=access_denied" in response.headers["Location"]


@pytest.mark.req("P-64")
def test_the_second_may_sign_in_the_portal_on_an_authorisation_of_his_own(world: World):
    joint = account_of_several(world.anna.psu, world.bruno.psu)
    api = world.pis()
    answer = api.post(PERIODIC, periodic_body(joint.iban), TPP_Redirect_URI=REDIRECT_URI)
    sign_at_bank(answer, world.anna)
    order_id = UUID(answer.body["paymentId"])
    assert [order.pk for order in list_standing_orders_to_sign(psu_id=world.bruno.psu.pk)] == [order_id]
    own = start_standing_order_authorisation(standing_order_id=order_id, psu=world.bruno.psu, now=clock.now())
    # The TPP that starts one meanwhile gets another.
    second = api.post(f"{answer.href('self')}/authorisations")
    assert second.body["authorisationId"] != str(own.pk)
    challenge_id = send_standing_order_code(
        standing_order_id=order_id, authorisation_id=own.pk, psu=world.bruno.psu, now=clock.now()
    )
    authorise_standing_order(
        standing_order_id=order_id,
        authorisation_id=own.pk,
        psu=world.bruno.psu,
        proof=proof_for(challenge_id, now=clock.now()),
        now=clock.now(),
    )
    assert status(api, answer) == "ACTC"
    assert pushed() == []


def test_more_than_a_limit_of_the_known_customer_is_refused(world: World):
    amount = {"currency": "EUR", "amount": "20000.00"}
    answer = world.pis().post(
        PERIODIC,
        periodic_body(world.anna.account.iban, instructedAmount=amount),
        PSU_ID_Token=world.enrol().id_token,
    )
    assert answer.refusal == (400, "PAYMENT_FAILED")
    assert not StandingOrder.objects.exists()


# On its days ---------------------------------------------------------------------------------------------


@pytest.mark.req("S0-46", "RTS-14", "RTS-36(1)(b)")
def test_each_payment_is_made_on_its_day_and_the_status_follows(world: World, bank_clock: BankClock):
    start = bank_date(clock.now()) + timedelta(days=10)
    end = (start + timedelta(days=8)).isoformat()
    api, answer = signed(world, frequency="Weekly", endDate=end)
    assert execute_due_standing_orders(now=clock.now()) == 0
    bank_clock.move(days=14)  # A weekend may lie between.
    payment = execute()
    assert (payment.channel, payment.app, payment.psu) == ("xs2a", world.shoppay.app, world.anna.psu)
    assert payment.end_to_end_identification == "SP-88-2041"
    assert payment.transaction_status != "RJCT"
    assert check_authorised_as_is(payment=payment)
    assert status(api, answer) == "ACSP"
    # The payment is told with its series and has no address of its own.
    for path in (PAYMENTS, PERIODIC):
        assert api.get(f"{path}/{payment.pk}").refusal == (404, "RESOURCE_UNKNOWN")
    bank_clock.move(days=7)
    execute()
    assert status(api, answer) == "ACSC"
    assert pushed() == ["ACTC", "ACSP", "ACSC"]


@pytest.mark.req("RTS-14")
def test_a_payment_that_differs_from_its_series_is_not_covered(world: World, bank_clock: BankClock):
    signed(world)
    bank_clock.move(days=14)
    execute_due_standing_orders(now=clock.now())
    payment = PaymentInitiation.objects.get()
    assert check_authorised_as_is(payment=payment)
    for name, value in {"end_to_end_identification": "X", "creditor_agent": "X", "app": None}.items():
        changed = PaymentInitiation.objects.get()
        setattr(changed, name, value)
        assert not check_authorised_as_is(payment=changed), name


@pytest.mark.req("RTS-36(1)(b)", "P-79")
def test_a_refused_payment_is_told_as_a_warning_and_the_series_goes_on(world: World, bank_clock: BankClock):
    amount = {"currency": "EUR", "amount": "5000.00"}
    api, answer = signed(world, instructedAmount=amount)
    bank_clock.move(days=14)
    payment = execute()
    assert (payment.transaction_status, payment.status_reason) == ("RJCT", "AM04")
    told = api.get(answer.href("status")).body
    assert told["transactionStatus"] == "ACSP"
    (message,) = told["tppMessage"]
    assert (message["category"], message["code"]) == ("WARNING", "FUNDS_NOT_AVAILABLE")
    assert payment.due_date.isoformat() in message["text"]


def block(world: World) -> None:
    staff: Any = UserFactory()
    block_tpp(tpp_id=world.shoppay.app.tpp_id, reason="fraud", staff_id=staff.pk, now=clock.now())


def test_what_its_customer_has_signed_goes_on_when_the_tpp_is_blocked(world: World, bank_clock: BankClock):
    api, answer = signed(world)
    block(world)
    bank_clock.move(days=14)
    assert execute().transaction_status != "RJCT"
    for method, path, body in (
        ("GET", answer.href("self"), None),
        ("GET", answer.href("status"), None),
        ("DELETE", answer.href("self"), None),
        ("POST", PERIODIC, periodic_body(world.anna.account.iban)),
    ):
        given = api.post(path, body) if body else api.call(method, path)
        assert given.refusal == (401, "CERTIFICATE_BLOCKED")


def test_of_a_blocked_tpp_nothing_is_signed(world: World):
    _, answer = initiate(world)
    block(world)
    browser, path = open_page(answer)
    assert browser.get(path).status_code == 410
    assert StandingOrder.objects.get().transaction_status == "RCVD"


# Taken back ---------------------------------------------------------------------------------------------


@pytest.mark.req("P-80")
@pytest.mark.parametrize("is_signed", [False, True])
def test_the_tpp_ends_it_and_nothing_more_is_made(world: World, bank_clock: BankClock, is_signed: bool):
    api, answer = (signed if is_signed else initiate)(world)
    for _ in range(2):
        assert api.delete(answer.href("self")).status == 204
    assert status(api, answer) == "CANC"
    assert pushed() == (["ACTC"] if is_signed else []) + ["CANC"]
    sca = "finalised" if is_signed else "failed"
    assert api.get(answer.href("scaStatus")).body == {"scaStatus": sca}
    bank_clock.move(days=40)
    assert execute_due_standing_orders(now=clock.now()) == 0
    event = AuditEvent.objects.get(event="payments.standing_order.CANC")
    assert (event.actor_type, event.actor_id) == ("tpp", str(world.shoppay.app.tpp_id))


@pytest.mark.parametrize("ended", ["refused", "over"])
def test_what_has_ended_cannot_be_taken_back(world: World, bank_clock: BankClock, ended: str):
    start = bank_date(clock.now()) + timedelta(days=10)
    api, answer = initiate(world, endDate=start.isoformat())
    order_id = UUID(answer.body["paymentId"])
    if ended == "refused":
        reject_standing_order(standing_order_id=order_id, reason=StatusReason.CUST, now=clock.now())
    else:
        release(order_id, world.anna, kind=STANDING_ORDERS)
        bank_clock.move(days=14)
        execute()
    before = status(api, answer)
    assert before == {"refused": "RJCT", "over": "ACSC"}[ended]
    assert api.delete(answer.href("self")).refusal == (405, "CANCELLATION_INVALID")
    assert status(api, answer) == before


@pytest.mark.req("P-80")
def test_the_customer_ends_it_in_the_portal_and_the_tpp_is_told(world: World):
    api, answer = signed(world)
    end_standing_order(
        standing_order_id=UUID(answer.body["paymentId"]), psu_id=world.anna.psu.pk, now=clock.now()
    )
    assert status(api, answer) == "CANC"
    assert pushed() == ["ACTC", "CANC"]


def test_cancellation_authorisations_are_not_offered_as_for_single_payments(world: World):
    api, answer = signed(world)
    path = f"{answer.href('self')}/cancellation-authorisations"
    assert api.post(path).refusal == api.get(path).refusal == (405, "SERVICE_INVALID")


@pytest.mark.django_db(transaction=True)
def test_taken_back_and_signed_at_once_only_one_of_them_holds():
    world = World()
    api, answer = initiate(world)
    order_id = UUID(answer.body["paymentId"])
    challenge = challenge_of(order_id, world.anna, kind=STANDING_ORDERS)
    refusals: list[Exception] = []

    def act(number: int) -> int:
        if not number:
            try:
                release(order_id, world.anna, kind=STANDING_ORDERS, challenge_id=challenge)
            except Exception as error:
                refusals.append(error)
            return 0
        return API(api.token).delete(answer.href("self")).status

    in_parallel(2, act)
    order = StandingOrder.objects.get()
    # Who comes second ends what the first has signed, or finds nothing to sign.
    assert order.transaction_status == "CANC"
    assert (order.next_due_date, order.next_execution_date) == (None, None)
    assert len(refusals) == (0 if order.authorised_at else 1)


@pytest.mark.django_db(transaction=True)
def test_ended_and_due_at_once_is_paid_once_or_not_at_all(bank_clock: BankClock):
    world = World()
    api, answer = signed(world, frequency="Annual")
    bank_clock.move(days=14)

    def act(number: int) -> int:
        if number < 3:
            return execute_due_standing_orders(now=clock.now())
        return API(api.token).delete(answer.href("self")).status

    made = sum(count for count in in_parallel(4, act) if count != 204)
    assert made == PaymentInitiation.objects.count() <= 1
    assert StandingOrder.objects.get().transaction_status == "CANC"


# Nobody else's --------------------------------------------------------------------------------------------

PATHS = [
    ("GET", ""),
    ("DELETE", ""),
    ("GET", "/status"),
    ("GET", "/authorisations"),
    ("POST", "/authorisations"),
    ("GET", "/authorisations/{authorisation}"),
]


@pytest.mark.req("S0-20")
def test_another_apps_standing_order_looks_missing(world: World):
    type(world.finanzblick.app.tpp).objects.update(roles=["AISP", "PISP"])
    _, created = initiate(world)
    (authorisation,) = authorisations_of(created.body["paymentId"])
    stranger = world.pis(world.finanzblick)
    for method, rest in PATHS:
        rest = rest.format(authorisation=authorisation.pk)
        foreign = stranger.call(method, created.href("self") + rest)
        missing = stranger.call(method, f"{PERIODIC}/{NOT_THERE}{rest}")
        assert foreign.refusal == missing.refusal == (404, "RESOURCE_UNKNOWN"), (method, rest)
        assert foreign.body == missing.body
    foreign = stranger.put(created.href("self") + "/creditor-confirmation")
    missing = stranger.put(f"{PERIODIC}/{NOT_THERE}/creditor-confirmation")
    assert foreign.status == missing.status == 404
    assert foreign.body == missing.body
    assert StandingOrder.objects.get().transaction_status == "RCVD"


def test_each_id_is_known_under_its_own_service_only(world: World):
    api = world.pis()
    ids = {
        PERIODIC: api.post(PAYMENTS, payment_body(world.anna.account.iban)).body["paymentId"],
        PAYMENTS: api.post(PERIODIC, periodic_body(world.anna.account.iban)).body["paymentId"],
    }
    for path, other in ids.items():
        (authorisation,) = authorisations_of(other)
        for method, rest in PATHS:
            rest = rest.format(authorisation=authorisation.pk)
            assert api.call(method, f"{path}/{other}{rest}").refusal == (404, "RESOURCE_UNKNOWN"), (
                method,
                rest,
            )
        assert api.put(f"{path}/{other}/creditor-confirmation").status == 404
    assert PaymentInitiation.objects.get().transaction_status == "RCVD"
    assert StandingOrder.objects.get().transaction_status == "RCVD"


@pytest.mark.parametrize("payment_id", [NOT_THERE, "1", "%00", "x" * 300])
@pytest.mark.parametrize("rest", ["", "/status", "/authorisations", f"/authorisations/{NOT_THERE}"])
def test_an_unknown_one_is_404(world: World, payment_id: str, rest: str):
    assert world.pis().get(f"{PERIODIC}/{payment_id}{rest}").refusal == (404, "RESOURCE_UNKNOWN")


def test_the_standing_orders_of_the_portal_are_not_the_tpps(world: World):
    from apps.payments.recurrence import Frequency, Series
    from tests.payments.test_standing_orders import enter

    series = Series(bank_date(clock.now()) + timedelta(days=5), Frequency.MONTHLY)
    order = enter(world.anna.psu, series)
    assert world.pis().get(f"{PERIODIC}/{order.pk}").refusal == (404, "RESOURCE_UNKNOWN")
    assert world.pis().delete(f"{PERIODIC}/{order.pk}").refusal == (404, "RESOURCE_UNKNOWN")


def test_a_tpp_without_the_role_initiates_none(world: World):
    token = world.app_token(world.finanzblick, "aisp")
    answer = API(token).post(PERIODIC, periodic_body(world.anna.account.iban))
    assert answer.refusal == (401, "ROLE_INVALID")


@pytest.mark.req("S0-40")
def test_an_id_token_is_for_its_own_customers_account(world: World):
    answer = world.pis().post(
        PERIODIC, periodic_body(world.bruno.account.iban), PSU_ID_Token=world.enrol().id_token
    )
    assert answer.refusal == (401, "PSU_CREDENTIALS_INVALID")
    assert not StandingOrder.objects.exists()


# The payee's name (IPR art. 5c) -----------------------------------------------------------------------------


@pytest.mark.req("IPR-5c(verify)", "IPR-5c(authorise)")
def test_another_name_is_told_and_has_to_be_confirmed_first(world: World):
    api = world.pis()
    body = periodic_body(world.anna.account.iban, creditorName="Dr. Wurst")
    headers = {"TPP_Redirect_URI": REDIRECT_URI, "Client_VOP_Requested": "true"}
    answer = api.post(PERIODIC, body, **headers)
    assert answer.headers["ASPSP-VOP-Supported"] == "true"
    assert answer.body["transactionStatus"] == "RVCM"
    assert status(api, answer) == "RVCM"
    assert api.post(f"{answer.href('self')}/authorisations").refusal == (409, "STATUS_INVALID")
    confirmed = api.put(answer.href("creditorNameConfirmation"))
    assert confirmed.body["transactionStatus"] == "RCVC"
    again = api.put(answer.href("creditorNameConfirmation"))
    assert again.body == confirmed.body
    assert "The standing order is approved" in sign_at_bank(confirmed, world.anna)[2]
    assert status(api, answer) == "ACTC"


# In the database -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("app_id = NULL", "standing_order_channel_has_app"),
        ("channel = 'portal'", "standing_order_channel_has_app"),
        ("channel = 'fax'", "standing_order_channel_has_app"),
        (
            "transaction_status = 'ACTC', authorised_at = now(), authorisation_id = gen_random_uuid(),"
            " next_due_date = now(), next_execution_date = now()",
            "standing_order_runs_only_authorised",
        ),
        (
            "transaction_status = 'PATC', signatures_needed = 2",
            "standing_order_partly_signed_needs_more",
        ),
        (
            "transaction_status = 'ACTC', authorised_at = now(), authorisation_id = gen_random_uuid(),"
            " psu_id = (SELECT id FROM identity_psu LIMIT 1), next_due_date = now(), next_execution_date = now(),"
            " vop_requested = true, creditor_name_match = 'NMTC'",
            "standing_order_confirmed_if_asked",
        ),
    ],
)
def test_the_database_refuses(world: World, change: str, constraint: str):
    initiate(world)
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        connection.cursor().execute(f"UPDATE payments_standingorder SET {change}")


def test_the_database_keeps_one_order_for_a_request_of_an_app(world: World):
    initiate(world)
    initiate(world)
    with pytest.raises(IntegrityError, match="standing_order_request_once_per_app"), transaction.atomic():
        connection.cursor().execute("UPDATE payments_standingorder SET request_id = 'the same'")
