"""Payments at the interface: taken in, told, taken back."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import translation

from apps.core import clock
from apps.core.clock import bank_date
from apps.notifications.models import OutboxMessage
from apps.payments.models import PaymentInitiation
from apps.payments.rules import StatusReason, TransactionStatus
from apps.payments.services import lock_payment_for_execution, note_execution, reject_payment
from apps.sca.models import Challenge
from tests.authserver.kit import OTHER_REDIRECT_URI, REDIRECT_URI
from tests.pricing.books import publish, publish_own_fees
from tests.sca.test_codes import in_parallel
from tests.xs2a.bank_clock import BankClock
from tests.xs2a.kit import ABSENT, API, FOREIGN_IBAN, NOT_THERE, PAYMENTS, PSU_IP, payment_body
from tests.xs2a.world import World, authorisations_of, release

OAUTH = "http://localhost:8000/.well-known/oauth-authorization-server"
NOTIFY = "https://shoppay.example/bank/notifications?shop=7"


@pytest.mark.req("S0-42", "S0-49")
def test_a_payment_is_taken_in_and_says_where_the_customer_goes(world: World):
    answer = world.pis().post(PAYMENTS, payment_body(world.anna.account.iban), TPP_Redirect_URI=REDIRECT_URI)
    assert answer.status == 201
    payment = PaymentInitiation.objects.get()
    (authorisation,) = authorisations_of(payment.pk)
    path = f"{PAYMENTS}/{payment.pk}"
    assert answer.body == {
        "transactionStatus": "RCVD",
        "paymentId": str(payment.pk),
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
    assert "ASPSP-Notification-Support" not in answer.headers
    assert (payment.app, payment.psu, payment.amount_minor) == (world.shoppay.app, None, 2490)
    assert payment.creditor_iban == FOREIGN_IBAN
    assert payment.tpp_redirect_uri == REDIRECT_URI
    # Nobody is known yet, so nobody gets a code.
    assert not Challenge.objects.exists()


def test_without_a_redirect_uri_the_way_is_oauth(world: World):
    answer = world.pis().post(PAYMENTS, payment_body(world.anna.account.iban))
    assert answer.href("scaOAuth") == OAUTH
    assert "scaRedirect" not in answer.body["_links"]


def test_an_explicit_start_leaves_the_authorisation_to_the_tpp(world: World):
    answer = world.pis().post(
        PAYMENTS, payment_body(world.anna.account.iban), TPP_Explicit_Authorisation_Preferred="true"
    )
    path = answer.href("self")
    assert answer.body["_links"] == {
        "startAuthorisation": {"href": f"{path}/authorisations"},
        "self": {"href": path},
        "status": {"href": f"{path}/status"},
    }
    assert not authorisations_of(answer.body["paymentId"])


@pytest.mark.req("RTS-36(4)", "P-66")
def test_what_was_sent_comes_back(world: World):
    body = payment_body(world.anna.account.iban)
    api = world.pis()
    answer = api.get(api.post(PAYMENTS, body).href("self"))
    assert answer.body == body | {"transactionStatus": "RCVD"}


def test_the_optional_members_may_be_left_out(world: World):
    body = payment_body(
        world.anna.account.iban, endToEndIdentification=ABSENT, remittanceInformationUnstructured=ABSENT
    )
    api = world.pis()
    assert api.get(api.post(PAYMENTS, body).href("self")).body == body | {"transactionStatus": "RCVD"}


@pytest.mark.parametrize(
    ("amount", "minor", "told"),
    [
        ("24.90", 2490, "24.90"),
        ("0.01", 1, "0.01"),
        ("5", 500, "5.00"),
        ("7.5", 750, "7.50"),
        ("1.000", 100, "1.00"),
    ],
)
def test_an_amount_is_kept_to_the_cent(world: World, amount, minor, told):
    body = payment_body(world.anna.account.iban, instructedAmount={"currency": "EUR", "amount": amount})
    api = world.pis()
    path = api.post(PAYMENTS, body).href("self")
    assert PaymentInitiation.objects.get().amount_minor == minor
    assert api.get(path).body["instructedAmount"] == {"currency": "EUR", "amount": told}


@pytest.mark.req("S0-46")
def test_the_status_follows_the_payment_to_its_end(world: World):
    api = world.pis()
    answer = api.post(PAYMENTS, payment_body(world.anna.account.iban), TPP_Redirect_URI=REDIRECT_URI)
    status = answer.href("status")
    assert api.get(status).body == {"transactionStatus": "RCVD"}
    release(answer.body["paymentId"], world.anna)
    assert api.get(status).body == {"transactionStatus": "ACTC"}
    assert api.get(answer.href("scaStatus")).body == {"scaStatus": "finalised"}
    payment = PaymentInitiation.objects.get()
    note_execution(payment=payment, status=TransactionStatus.ACSC, core_user_id="LB000001", now=clock.now())
    assert api.get(status).body == {"transactionStatus": "ACSC"}


@pytest.mark.req("RTS-36(1)(b)", "RTS-36(2)")
@pytest.mark.parametrize(
    ("reason", "code"), [(StatusReason.AM04, "FUNDS_NOT_AVAILABLE"), (StatusReason.AC01, "PAYMENT_FAILED")]
)
def test_a_refusal_tells_its_reason(world: World, reason, code):
    api = world.pis()
    answer = api.post(PAYMENTS, payment_body(world.anna.account.iban))
    release(answer.body["paymentId"], world.anna)
    payment = PaymentInitiation.objects.get()
    note_execution(payment=payment, status=TransactionStatus.RJCT, reason=reason, now=clock.now())
    told = api.get(answer.href("status")).body
    assert told["transactionStatus"] == "RJCT"
    (message,) = told["tppMessage"]
    assert (message["code"], reason.value in message["text"]) == (code, True)
    assert told["psuMessage"]
    in_german = api.get(answer.href("status"), PSU_Accept_Language="fr;q=0.9, de-AT;q=0.8").body
    with translation.override("de"):
        assert in_german["psuMessage"].lower() == str(reason.label).lower()
    for odd in ("", "*", "xx", "x" * 5000, ";;;", "de;q=x"):
        assert api.get(answer.href("status"), PSU_Accept_Language=odd).status == 200
    assert api.get(answer.href("self")).body["tppMessage"] == [message]


@pytest.mark.req("RTS-35(4)")
def test_the_same_call_again_gets_the_same_answer_and_makes_no_second_payment(world: World):
    api, body, request_id = world.pis(), payment_body(world.anna.account.iban), str(uuid4())
    headers = {"X_Request_ID": request_id, "TPP_Redirect_URI": REDIRECT_URI, "TPP_Notification_URI": NOTIFY}
    first = api.post(PAYMENTS, body, **headers)
    again = api.post(PAYMENTS, body, **headers)
    assert (first.status, first.body) == (201, again.body)
    release(first.body["paymentId"], world.anna)
    assert api.post(PAYMENTS, body, **headers).body == first.body
    assert PaymentInitiation.objects.count() == 1
    assert len(authorisations_of(first.body["paymentId"])) == 1


@pytest.mark.parametrize(
    ("change", "headers"),
    [
        ({"creditorName": "Somebody Else"}, {}),
        ({"instructedAmount": {"currency": "EUR", "amount": "9999.00"}}, {}),
        ({}, {"TPP_Redirect_URI": OTHER_REDIRECT_URI}),
        ({}, {"TPP_Nok_Redirect_URI": REDIRECT_URI}),
        ({}, {"TPP_Notification_URI": NOTIFY}),
    ],
)
def test_a_request_id_is_not_for_two_orders(world: World, change, headers):
    api, request_id, iban = world.pis(), str(uuid4()), world.anna.account.iban
    first = {"X_Request_ID": request_id, "TPP_Redirect_URI": REDIRECT_URI}
    api.post(PAYMENTS, payment_body(iban), **first)
    answer = api.post(PAYMENTS, payment_body(iban, **change), **(first | headers))
    assert answer.refusal == (400, "PARAMETER_NOT_CONSISTENT")
    assert PaymentInitiation.objects.count() == 1


@pytest.mark.req("RTS-35(4)")
@pytest.mark.django_db(transaction=True)
def test_of_ten_equal_calls_at_once_one_payment_comes():
    world = World()
    token, body = world.app_token(world.shoppay, "pisp"), payment_body(world.anna.account.iban)
    request_id = str(uuid4())
    answers: list[Any] = in_parallel(10, lambda _: API(token).post(PAYMENTS, body, X_Request_ID=request_id))
    assert {answer.status for answer in answers} == {201}
    assert len({str(answer.body) for answer in answers}) == 1
    assert PaymentInitiation.objects.count() == 1
    assert len(authorisations_of(answers[0].body["paymentId"])) == 1


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("PSU_IP_Address", ABSENT),
        ("PSU_IP_Address", "x"),
        ("TPP_Redirect_URI", "https://evil.example/"),
        ("TPP_Redirect_URI", f"{REDIRECT_URI}#x"),
        ("TPP_Redirect_URI", REDIRECT_URI.upper()),
        ("TPP_Nok_Redirect_URI", f"{REDIRECT_URI}/../x"),
        ("TPP_Notification_URI", "https://evil.example/notify"),
        ("TPP_Notification_URI", "http://shoppay.example/notify"),
        ("TPP_Notification_URI", "https://shoppay.example:8443/notify"),
        ("TPP_Notification_URI", "https://shoppay.example.evil.example/notify"),
        ("TPP_Notification_URI", "https://shoppay.example@evil.example/notify"),
        ("TPP_Notification_URI", "https://evil.example\\@shoppay.example/notify"),
        ("TPP_Notification_URI", "https://127.0.0.1/notify"),
        ("TPP_Notification_URI", "https://169.254.169.254/latest"),
        ("TPP_Notification_URI", "file:///etc/passwd"),
        ("TPP_Notification_URI", "//shoppay.example/notify"),
        ("TPP_Notification_URI", "https://shoppay.example:99999/"),
        ("TPP_Notification_URI", "https://[::1/"),
        ("TPP_Notification_URI", "https://shoppay.example/" + "x" * 600),
        ("TPP_Explicit_Authorisation_Preferred", "1"),
    ],
)
@pytest.mark.req("S0-3")
def test_a_wrong_header_is_named_and_nothing_is_kept(world: World, header, value):
    answer = world.pis().post(PAYMENTS, payment_body(world.anna.account.iban), **{header: value})
    assert (answer.refusal, answer.path) == ((400, "FORMAT_ERROR"), header.replace("_", "-"))
    assert not PaymentInitiation.objects.exists()


@pytest.mark.req("S0-46", "RTS-36(1)(b)")
def test_each_change_of_status_is_told_to_the_notification_uri(world: World):
    answer = world.pis().post(PAYMENTS, payment_body(world.anna.account.iban), TPP_Notification_URI=NOTIFY)
    assert answer.headers["ASPSP-Notification-Support"] == "true"
    assert answer.headers["ASPSP-Notification-Content"] == "status=PROCESS"
    release(answer.body["paymentId"], world.anna)
    told = OutboxMessage.objects.filter(topic="payments.push_status").values_list("payload", flat=True)
    assert [payload["transaction_status"] for payload in told] == ["ACTC"]


def test_a_payment_that_waits_can_be_taken_back(world: World):
    api = world.pis()
    answer = api.post(PAYMENTS, payment_body(world.anna.account.iban), TPP_Redirect_URI=REDIRECT_URI)
    path = answer.href("self")
    assert api.delete(path).status == 204
    assert api.get(f"{path}/status").body == {"transactionStatus": "CANC"}
    assert api.get(answer.href("scaStatus")).body == {"scaStatus": "failed"}
    assert api.delete(path).status == 204


@pytest.mark.parametrize("ended", ["authorised", "executed", "refused"])
def test_an_authorised_or_ended_payment_cannot_be_taken_back(world: World, ended):
    api = world.pis()
    answer = api.post(PAYMENTS, payment_body(world.anna.account.iban))
    payment_id, path = answer.body["paymentId"], answer.href("self")
    if ended == "refused":
        reject_payment(payment_id=payment_id, reason=StatusReason.CUST, now=clock.now())
    else:
        release(payment_id, world.anna)
    if ended == "executed":
        payment = PaymentInitiation.objects.get()
        note_execution(
            payment=payment, status=TransactionStatus.ACSC, core_user_id="LB000001", now=clock.now()
        )
    before = PaymentInitiation.objects.get().transaction_status
    assert api.delete(path).refusal == (405, "CANCELLATION_INVALID")
    assert PaymentInitiation.objects.get().transaction_status == before


@pytest.mark.django_db(transaction=True)
def test_taken_back_and_released_at_once_only_one_of_them_holds():
    from tests.xs2a.world import challenge_of

    world = World()
    api = world.pis()
    answer = api.post(PAYMENTS, payment_body(world.anna.account.iban), TPP_Redirect_URI=REDIRECT_URI)
    payment_id = answer.body["paymentId"]
    challenge = challenge_of(payment_id, world.anna)

    def act(number: int) -> None:
        if number:
            API(api.token).delete(answer.href("self"))
        else:
            release(payment_id, world.anna, challenge_id=challenge)

    in_parallel(2, act)
    status = lock_status(payment_id)
    assert status in ("CANC", "ACTC")
    messages = OutboxMessage.objects.filter(topic="engine.execute_payment").count()
    assert messages == (1 if status == "ACTC" else 0)


def lock_status(payment_id: Any) -> str:
    from django.db import transaction

    with transaction.atomic():
        return lock_payment_for_execution(payment_id=payment_id).transaction_status


@pytest.mark.parametrize("payment_id", [NOT_THERE, "1", "%00", "x" * 300])
@pytest.mark.parametrize("rest", ["", "/status", "/authorisations", f"/authorisations/{NOT_THERE}"])
def test_an_unknown_payment_is_404(world: World, payment_id, rest):
    assert world.pis().get(f"{PAYMENTS}/{payment_id}{rest}").refusal == (404, "RESOURCE_UNKNOWN")


def test_the_payments_of_the_portal_are_not_the_tpps(world: World):
    from tests.factories.payments import received_payment

    payment = received_payment(world.anna.psu)
    assert world.pis().get(f"{PAYMENTS}/{payment.pk}").refusal == (404, "RESOURCE_UNKNOWN")
    assert world.pis().delete(f"{PAYMENTS}/{payment.pk}").refusal == (404, "RESOURCE_UNKNOWN")


def test_the_psus_presence_is_no_secret_of_the_order(world: World):
    """The address is only checked; it is not kept with the payment."""
    world.pis().post(PAYMENTS, payment_body(world.anna.account.iban))
    assert PSU_IP not in str(vars(PaymentInitiation.objects.get()))


@pytest.mark.req("P-80")
class TestForALaterDay:
    def ordered(self, world: World, *, ahead: int = 30) -> tuple[API, str, str]:
        day = (bank_date(clock.now()) + timedelta(days=ahead)).isoformat()
        api = world.pis()
        body = payment_body(world.anna.account.iban, requestedExecutionDate=day)
        return api, api.post(PAYMENTS, body).href("self"), day

    def test_the_day_comes_back_and_the_payment_waits(self, world: World):
        api, path, day = self.ordered(world)
        assert api.get(path).body["requestedExecutionDate"] == day
        release(PaymentInitiation.objects.get().pk, world.anna)
        assert api.get(f"{path}/status").body == {"transactionStatus": "ACTC"}
        assert not OutboxMessage.objects.filter(topic="engine.execute_payment").exists()

    def test_authorised_it_can_be_taken_back_until_the_business_day_before(self, world: World):
        api, path, _day = self.ordered(world)
        release(PaymentInitiation.objects.get().pk, world.anna)
        for _ in range(2):
            assert api.delete(path).status == 204
        assert api.get(f"{path}/status").body == {"transactionStatus": "CANC"}

    def test_and_not_later(self, world: World, bank_clock: BankClock):
        api, path, _day = self.ordered(world)
        release(PaymentInitiation.objects.get().pk, world.anna)
        bank_clock.move(days=30)
        assert api.delete(path).refusal == (405, "CANCELLATION_INVALID")
        assert api.get(f"{path}/status").body == {"transactionStatus": "ACTC"}

    def test_another_day_under_the_same_request_id_is_another_request(self, world: World):
        api, request_id = world.pis(), str(uuid4())
        body = payment_body(world.anna.account.iban)
        day = (bank_date(clock.now()) + timedelta(days=9)).isoformat()
        assert api.post(PAYMENTS, body, X_Request_ID=request_id).status == 201
        answer = api.post(PAYMENTS, body | {"requestedExecutionDate": day}, X_Request_ID=request_id)
        assert answer.refusal == (400, "PARAMETER_NOT_CONSISTENT")


INSTANT = "/v1/payments/instant-sepa-credit-transfers"


@pytest.mark.req("IPR-5a(4)")
def test_an_instant_transfer_is_taken_in_under_its_own_path(world: World):
    answer = world.pis().post(INSTANT, payment_body(world.anna.account.iban), TPP_Redirect_URI=REDIRECT_URI)
    assert answer.status == 201
    payment = PaymentInitiation.objects.get()
    assert payment.payment_product == "instant-sepa-credit-transfers"
    assert answer.headers["Location"] == f"{INSTANT}/{payment.pk}"
    assert world.pis().get(f"{INSTANT}/{payment.pk}/status").body["transactionStatus"] == "RCVD"


@pytest.mark.parametrize("rest", ["", "/status", "/authorisations"])
def test_a_payment_is_not_found_under_another_products_path(world: World, rest: str):
    world.pis().post(INSTANT, payment_body(world.anna.account.iban), TPP_Redirect_URI=REDIRECT_URI)
    payment = PaymentInitiation.objects.get()
    answer = world.pis().get(f"{PAYMENTS}/{payment.pk}{rest}")
    assert answer.status in (403, 404)
    assert answer.body == world.pis().get(f"{PAYMENTS}/{NOT_THERE}{rest}").body


URGENT, ABROAD = "/v1/payments/target-2-payments", "/v1/payments/cross-border-credit-transfers"
TURKISH = {"creditorAccount": {"iban": "TR330006100519786457841326"}, "creditorAgent": "TGBATRIS"}


def test_an_urgent_transfer_tells_its_fee(world: World):
    publish_own_fees()
    answer = world.pis().post(URGENT, payment_body(world.anna.account.iban))
    assert (answer.status, answer.body["transactionFeeIndicator"]) == (201, True)
    assert answer.body["transactionFees"] == {"currency": "EUR", "amount": "15.00"}


@pytest.mark.parametrize(
    ("path", "fields", "costs"),
    [("URGENT", {}, False), ("ABROAD", {"chargeBearer": "CRED"}, False), ("ORDINARY", {}, True)],
)
def test_what_is_free_by_its_own_price_indicates_no_fee(world: World, path: str, fields: dict, costs: bool):
    publish(valid_from="2026-11-01", credit_transfer=20)
    way = {"URGENT": URGENT, "ABROAD": ABROAD, "ORDINARY": PAYMENTS}[path]
    if path == "ABROAD":
        fields = {**TURKISH, **fields}
    answer = world.pis().post(
        way, payment_body(world.anna.account.iban, **fields), TPP_Redirect_URI=REDIRECT_URI
    )
    assert (answer.status, answer.body["transactionFeeIndicator"]) == (201, costs)
    assert "transactionFees" not in answer.body


@pytest.mark.parametrize(
    ("bearer", "fees"),
    [
        ({}, {"currency": "EUR", "amount": "10.00"}),
        ({"chargeBearer": "SHAR"}, {"currency": "EUR", "amount": "10.00"}),
        ({"chargeBearer": "DEBT"}, {"currency": "EUR", "amount": "30.00"}),
        ({"chargeBearer": "CRED"}, None),
    ],
)
def test_a_transfer_abroad_is_taken_in_and_comes_back_as_it_was_sent(world: World, bearer: dict, fees: dict):
    publish_own_fees()
    api = world.pis()
    answer = api.post(ABROAD, payment_body(world.anna.account.iban, **TURKISH, **bearer))
    assert (answer.status, answer.body.get("transactionFees")) == (201, fees)
    told = api.get(answer.href("self")).body
    assert (told["creditorAgent"], told["chargeBearer"]) == ("TGBATRIS", bearer.get("chargeBearer", "SHAR"))
    assert told["creditorAccount"] == TURKISH["creditorAccount"]


@pytest.mark.parametrize(
    ("product", "change", "refusal", "path"),
    [
        (ABROAD, {"creditorAgent": "TGBATRIS"}, (400, "FORMAT_ERROR"), "creditorAccount"),
        (ABROAD, {**TURKISH, "creditorAgent": ABSENT}, (400, "FORMAT_ERROR"), "creditorAgent"),
        (ABROAD, {**TURKISH, "chargeBearer": "SLEV"}, (400, "FORMAT_ERROR"), "chargeBearer"),
        (URGENT, {"chargeBearer": "DEBT"}, (400, "FORMAT_ERROR"), "chargeBearer"),
        (URGENT, TURKISH, (400, "FORMAT_ERROR"), "creditorAccount.iban"),
        (PAYMENTS, TURKISH, (400, "FORMAT_ERROR"), "creditorAccount.iban"),
        (
            ABROAD,
            {**TURKISH, "instructedAmount": {"currency": "USD", "amount": "1.00"}},
            (400, "PAYMENT_FAILED"),
            None,
        ),
    ],
)
def test_what_a_product_does_not_do_is_named_and_nothing_is_kept(
    world: World, product: str, change: dict, refusal: tuple, path: str | None
):
    answer = world.pis().post(product, payment_body(world.anna.account.iban, **change))
    assert answer.refusal == refusal
    assert path is None or answer.path == path
    assert not PaymentInitiation.objects.exists()
