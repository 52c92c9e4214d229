"""Paying with the stored ID token (S0-34 to S0-38, S0-42, S0-47)."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from examples.demo_tpp.payment import InvalidOrder, Order, parse_amount
from tests.demo_tpp.conftest import BASE_URL, TPP, csrf_of
from tests.demo_tpp.fake_bank import IBAN, ISSUER, iban_with_code

PAYMENTS = "/v1/payments/sepa-credit-transfers"


@pytest.mark.req("S0-13", "S0-35", "S0-38", "S0-42")
def test_the_order_and_the_id_token_go_to_the_bank(tpp: TPP) -> None:
    tpp.enrolled()
    answer = tpp.pay()
    assert answer.status_code == 201
    assert answer.json["redirect"] == f"{ISSUER}/authorise/{answer.json['paymentId']}/"
    request = tpp.bank.last(PAYMENTS)
    assert request.body["debtorAccount"] == {"iban": IBAN}
    assert request.body["creditorAccount"] == {"iban": "DE02120300000000202051"}
    assert request.body["creditorName"] == "Möbelhaus Kern GmbH"
    assert request.body["instructedAmount"] == {"currency": "EUR", "amount": "89.90"}
    assert request.headers["Psu-Id-Token"].count(".") == 2
    assert request.headers["Tpp-Redirect-Uri"] == f"{BASE_URL}/payments/return"
    assert request.headers["Tpp-Nok-Redirect-Uri"] == f"{BASE_URL}/payments/cancelled"
    assert request.headers["Tpp-Notification-Uri"] == f"{BASE_URL}/notify"


@pytest.mark.req("S0-37")
def test_an_account_that_is_not_connected_must_be_connected_first(tpp: TPP) -> None:
    answer = tpp.pay()
    assert (answer.status_code, answer.json["error"]) == (409, "enrol_first")
    assert tpp.bank.count(PAYMENTS) == 0


@pytest.mark.req("S0-37")
def test_another_iban_of_the_same_bank_is_not_covered(tpp: TPP) -> None:
    tpp.enrolled()
    assert tpp.pay(debtorIban=iban_with_code("10099900", 18)).json["error"] == "enrol_first"


@pytest.mark.req("S0-37")
def test_an_expired_id_token_is_renewed_by_the_refresh_grant(tpp: TPP) -> None:
    tpp.bank.access_lifetime = 10_000
    tpp.enrolled()
    assert tpp.pay().status_code == 201
    first = tpp.bank.last(PAYMENTS).headers["Psu-Id-Token"]
    tpp.clock.now += 400
    assert tpp.pay().status_code == 201
    assert tpp.bank.last(PAYMENTS).headers["Psu-Id-Token"] != first


def test_a_bank_that_renews_no_id_token_is_told_so(tpp: TPP) -> None:
    tpp.enrolled()
    tpp.bank.refresh_gives_id_token = False
    tpp.clock.now += 400
    assert tpp.pay().json["error"] == "bank_answer_invalid"
    assert tpp.bank.count(PAYMENTS) == 0


def test_paying_once_without_a_connection_sends_no_id_token(tpp: TPP) -> None:
    answer = tpp.pay(withoutEnrolment=True)
    assert answer.status_code == 201
    assert answer.json["withIdToken"] is False
    assert "Psu-Id-Token" not in tpp.bank.last(PAYMENTS).headers


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount": "0"}, "invalid_amount"),
        ({"amount": "-1"}, "invalid_amount"),
        ({"amount": "1e3"}, "invalid_amount"),
        ({"amount": "NaN"}, "invalid_amount"),
        ({"amount": "1.234"}, "invalid_amount"),
        ({"amount": "١"}, "invalid_amount"),
        ({"amount": "9" * 12}, "invalid_amount"),
        ({"amount": 5}, "invalid_request"),
        ({"creditorName": " "}, "invalid_creditor_name"),
        ({"creditorName": "x" * 71}, "invalid_creditor_name"),
        ({"creditorName": "a\u202eb"}, "invalid_creditor_name"),
        ({"creditorIban": "DE00"}, "invalid_iban"),
        ({"debtorIban": "DE02120300000000202051"}, "unknown_bank"),
        ({"reference": "x" * 141}, "invalid_reference"),
        ({"surprise": "x"}, "invalid_request"),
        ({"withoutEnrolment": "yes"}, "invalid_request"),
    ],
)
def test_a_wrong_order_is_refused_before_the_bank(tpp: TPP, changes: dict[str, Any], code: str) -> None:
    tpp.enrolled()
    answer = tpp.pay(**changes)
    assert answer.status_code in (400, 422)
    assert answer.json["error"] == code
    assert tpp.bank.count(PAYMENTS) == 0


@pytest.mark.parametrize(("text", "amount"), [("12", "12.00"), ("12,5", "12.50"), (" 0.01 ", "0.01")])
def test_amounts_as_people_type_them(text: str, amount: str) -> None:
    assert parse_amount(text) == amount


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b'{"iban":"a","iban":"b"}', "application/json"),
        (b'{"iban":' * 9000, "application/json"),
        (b"[" * 30000, "application/json"),
        (b"\xff\xfe", "application/json"),
        (b'{"iban":1}', "application/json"),
        (b'{"iban":null}', "application/json"),
        (b"iban=x", "application/x-www-form-urlencoded"),
        (b"", ""),
    ],
)
def test_a_body_that_is_no_proper_json_is_a_400(tpp: TPP, body: bytes, content_type: str) -> None:
    answer = tpp.browser.post("/api/enrol", data=body, content_type=content_type, headers=tpp.bearer())
    assert (answer.status_code, answer.json["error"]) == (400, "invalid_request") or answer.status_code == 413


def test_a_huge_body_is_a_413(tpp: TPP) -> None:
    answer = tpp.browser.post("/api/enrol", json={"iban": "x" * 100_000}, headers=tpp.bearer())
    assert answer.status_code == 413


def test_the_same_form_sent_twice_pays_once(tpp: TPP) -> None:
    tpp.enrolled()
    user = tpp.services.store.get_user_by_user_id("paula")
    assert user is not None
    order = Order("Kern", "DE02120300000000202051", IBAN, "5")

    def send() -> str:
        with tpp.app.test_request_context():
            from examples.demo_tpp.web import bank_call

            return tpp.services.payments.start(
                order, user=user.id, submission="form-12345", call=bank_call
            ).id

    with ThreadPoolExecutor(8) as pool:
        ids = {future.result() for future in [pool.submit(send) for _ in range(16)]}
    assert len(ids) == 1
    assert tpp.bank.count(PAYMENTS) == 1


def test_a_damaged_form_number_is_refused(tpp: TPP) -> None:
    order = Order("Kern", "DE02120300000000202051", IBAN, "5")
    with pytest.raises(InvalidOrder):
        tpp.services.payments.start(order, user="u", submission="", call=lambda about: None)  # type: ignore[arg-type, return-value]


def test_a_refusal_of_the_bank_is_shown_and_kept(tpp: TPP) -> None:
    tpp.enrolled()
    message = {"category": "ERROR", "code": "PAYMENT_FAILED", "text": "No funds."}
    tpp.bank.refusals[f"POST {PAYMENTS}"] = (400, {"tppMessages": [message]})
    answer = tpp.pay()
    assert answer.status_code == 422
    assert answer.json["tppMessages"] == [message | {"path": ""}]
    kept = tpp.browser.get("/api/payments", headers=tpp.bearer()).json["payments"][0]
    assert (kept["state"], kept["bankText"]) == ("refused", "PAYMENT_FAILED: No funds.")


@pytest.mark.req("S0-3")
@pytest.mark.parametrize(
    "link", ["https://evil.example/authorise/1/", "javascript:alert(1)", "", "//evil.example/"]
)
def test_a_redirect_that_leaves_the_bank_is_refused(tpp: TPP, link: str) -> None:
    tpp.enrolled()
    tpp.bank.sca_redirect = link or " "
    assert tpp.pay().json["error"] == "bank_answer_invalid"


@pytest.mark.req("S0-47")
class TestConfirmation:
    def started(self, tpp: TPP) -> dict[str, Any]:
        tpp.enrolled()
        return dict(tpp.pay().json)

    def test_the_bank_is_asked_until_the_status_is_final(self, tpp: TPP) -> None:
        payment = self.started(tpp)
        tpp.bank.statuses = ["RCVD", "ACTC", "ACSP", "ACSC"]
        answer = tpp.browser.get(f"/api/payments/{payment['paymentId']}?wait=10", headers=tpp.bearer()).json
        assert (answer["state"], answer["transactionStatus"], answer["final"]) == ("paid", "ACSC", True)
        assert tpp.sleeps == sorted(tpp.sleeps), "it waits longer each time"
        assert len(tpp.sleeps) == 3

    def test_it_does_not_ask_for_ever(self, tpp: TPP) -> None:
        payment = self.started(tpp)
        tpp.bank.statuses = ["ACSP"]
        answer = tpp.browser.get(f"/api/payments/{payment['id']}?wait=10", headers=tpp.bearer()).json
        assert (answer["state"], answer["final"]) == ("open", False)
        assert sum(tpp.sleeps) <= 10

    def test_a_final_status_is_not_asked_again(self, tpp: TPP) -> None:
        payment = self.started(tpp)
        path = f"{PAYMENTS}/{payment['paymentId']}/status"
        for _ in range(3):
            tpp.browser.get(f"/api/payments/{payment['id']}", headers=tpp.bearer())
        assert tpp.bank.count(path) == 1

    @pytest.mark.parametrize("status", ["RJCT", "CANC"])
    def test_a_rejected_payment_is_not_paid(self, tpp: TPP, status: str) -> None:
        payment = self.started(tpp)
        tpp.bank.statuses = [status]
        answer = tpp.browser.get(f"/api/payments/{payment['id']}", headers=tpp.bearer()).json
        assert (answer["state"], answer["final"]) == ("not_paid", True)

    @pytest.mark.parametrize(
        ("said", "shown"),
        [
            ({}, ""),
            ({"psuMessage": "You cancelled it"}, "You cancelled it"),
            (
                {
                    "psuMessage": "No money",
                    "tppMessages": [{"category": "ERROR", "code": "FUNDS", "text": "AM04"}],
                },
                "No money (FUNDS: AM04)",
            ),
            ({"tppMessages": [{"code": "PAYMENT_FAILED"}, "odd"]}, "PAYMENT_FAILED"),
            ({"psuMessage": 5, "tppMessages": None}, ""),
        ],
    )
    def test_the_banks_reason_is_shown(self, tpp: TPP, said: dict[str, Any], shown: str) -> None:
        payment = self.started(tpp)
        tpp.bank.status_extra = said
        tpp.bank.statuses = ["RJCT"]
        answer = tpp.browser.get(f"/api/payments/{payment['id']}", headers=tpp.bearer()).json
        assert answer["bankText"] == shown

    def test_the_customer_returns_and_sees_the_confirmation(self, tpp: TPP) -> None:
        payment = self.started(tpp)
        tpp.log_in()
        tpp.bank.statuses = ["ACSP", "ACSC"]
        answer = tpp.browser.get("/payments/return", follow_redirects=True)
        assert answer.request.path == f"/payments/{payment['id']}"
        assert "<h1>Paid</h1>" in answer.text
        assert "€89.90" in answer.text
        assert "DE02 1203 0000 0000 2020 51" in answer.text

    def test_the_way_back_proves_nothing(self, tpp: TPP) -> None:
        self.started(tpp)
        tpp.log_in()
        tpp.bank.statuses = ["RJCT"]
        page = tpp.browser.get("/payments/return", follow_redirects=True).text
        assert "<h1>Not paid</h1>" in page
        # And the other way round: 'cancelled' in the address, but paid at the bank.
        tpp.pay()
        tpp.bank.statuses = ["ACSC"]
        assert "<h1>Paid</h1>" in tpp.browser.get("/payments/cancelled", follow_redirects=True).text

    def test_of_several_payments_the_one_that_moved_on_is_shown(self, tpp: TPP) -> None:
        first = self.started(tpp)
        tpp.pay()
        tpp.log_in()
        tpp.bank.statuses_of[first["paymentId"]] = "ACSC"
        tpp.bank.statuses = ["RCVD"]
        answer = tpp.browser.get("/payments/return")
        assert answer.headers["Location"] == f"/payments/{first['id']}"

    def test_coming_back_from_nothing_shows_the_list(self, tpp: TPP) -> None:
        tpp.log_in()
        assert tpp.browser.get("/payments/return").headers["Location"] == "/payments"

    def test_an_expired_log_in_leads_back_after_logging_in(self, tpp: TPP) -> None:
        self.started(tpp)
        tpp.log_in()
        tpp.clock.now += 900
        answer = tpp.browser.get("/payments/return")
        assert answer.status_code == 303
        assert answer.headers["Location"] == "/log-in?next=/payments/return"
        assert "expired after 15 minutes" in tpp.browser.get(answer.headers["Location"]).text

    def test_another_users_payment_is_not_there(self, tpp: TPP) -> None:
        payment = self.started(tpp)
        body = {"userId": "quentin", "password": "a-long-password"}
        tpp.browser.post("/api/register", json=body)
        headers = {"Authorization": "Bearer " + tpp.browser.post("/api/login", json=body).json["token"]}
        for key in (payment["id"], payment["paymentId"], "nothing"):
            assert tpp.browser.get(f"/api/payments/{key}", headers=headers).status_code == 404

    def test_the_list_asks_for_what_is_still_open(self, tpp: TPP) -> None:
        payment = self.started(tpp)
        tpp.log_in()
        tpp.bank.statuses = ["ACSP", "ACSC"]
        page = tpp.browser.get("/payments").text
        assert ">Approved<" in page
        assert ">Paid<" in tpp.browser.get("/payments").text
        tpp.browser.get("/payments")
        assert tpp.bank.count(f"{PAYMENTS}/{payment['paymentId']}/status") == 2

    def test_a_silent_bank_changes_nothing(self, tpp: TPP) -> None:
        payment = self.started(tpp)
        tpp.log_in()
        tpp.bank.refusals[f"GET {PAYMENTS}/{payment['paymentId']}/status"] = (500, {})
        page = tpp.browser.get(f"/payments/{payment['id']}")
        assert page.status_code == 200
        assert "cannot be reached" in page.text
        assert 'data-state="open"' in page.text


@pytest.mark.req("S0-46", "S0-47")
class TestNotification:
    def test_the_banks_call_is_shown_but_not_believed(self, tpp: TPP) -> None:
        tpp.enrolled()
        payment = tpp.pay().json
        tpp.bank.statuses = ["RJCT"]
        sent = {"paymentId": payment["paymentId"], "transactionStatus": "ACSC"}
        assert tpp.new_browser().post("/notify", json=sent).status_code == 204
        tpp.log_in()
        page = tpp.browser.get(f"/payments/{payment['id']}").text
        assert "the bank reported ACSC" in page
        assert "<h1>Not paid</h1>" in page

    @pytest.mark.parametrize(
        "content",
        [{}, {"paymentId": "unknown", "transactionStatus": "ACSC"}, {"paymentId": 5}, {"paymentId": ["x"]}],
    )
    def test_unknown_payments_get_the_same_answer(self, tpp: TPP, content: dict[str, Any]) -> None:
        assert tpp.browser.post("/notify", json=content).status_code == 204

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b"[" * 15000, b"x" * 40000])
    def test_nonsense_is_refused(self, tpp: TPP, body: bytes) -> None:
        assert tpp.browser.post("/notify", data=body, content_type="application/json").status_code in (
            400,
            413,
        )

    def test_endless_calls_are_not_all_kept(self, tpp: TPP) -> None:
        tpp.enrolled()
        payment = tpp.pay().json
        for _ in range(30):
            tpp.browser.post("/notify", json={"paymentId": payment["paymentId"], "transactionStatus": "ACSP"})
        answer = tpp.browser.get(f"/api/payments/{payment['id']}", headers=tpp.bearer()).json
        assert len(answer["notifications"]) == 20


class TestPages:
    def post(self, tpp: TPP, **changes: str) -> Any:
        data = {
            "csrf_token": csrf_of(tpp.browser, "/pay"),
            "submission": "form-0123456789",
            "creditor_name": "Kern",
            "creditor_iban": "DE02120300000000202051",
            "debtor_iban": IBAN,
            "amount": "12,50",
            "reference": "",
        } | changes
        return tpp.browser.post("/pay", data=data)

    def test_the_form_leads_to_the_bank(self, tpp: TPP) -> None:
        tpp.enrolled()
        tpp.log_in()
        answer = self.post(tpp)
        assert answer.status_code == 303
        assert answer.headers["Location"].startswith(f"{ISSUER}/authorise/")

    def test_an_order_of_the_shop_is_paid_as_the_shop_says(self, tpp: TPP) -> None:
        tpp.enrolled()
        tpp.log_in()
        self.post(tpp, basket="coffee", amount="0.01", creditor_iban=IBAN)
        body = tpp.bank.last(PAYMENTS).body
        assert body["instructedAmount"]["amount"] == "24.80"
        assert body["creditorAccount"] == {"iban": "DE02500105170137075030"}

    def test_the_unconnected_customer_is_offered_both_ways(self, tpp: TPP) -> None:
        tpp.log_in()
        answer = self.post(tpp)
        assert answer.status_code == 409
        assert 'data-code="enrol_first"' in answer.text
        assert 'name="without_enrolment"' in answer.text
        assert 'value="12,50"' in answer.text, "what was typed is still there"

    def test_without_log_in_the_way_leads_over_the_log_in(self, tpp: TPP) -> None:
        assert tpp.browser.get("/pay?basket=lamp").headers["Location"] == "/log-in?next=/pay%3Fbasket%3Dlamp"
