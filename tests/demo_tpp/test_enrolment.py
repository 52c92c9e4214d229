"""Connecting an account: request, redirect, callback, ID token, renewal (S0-17 to S0-32 on the TPP's side)."""

import base64
import json
import re
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from joserfc.jwk import ECKey

from tests.demo_tpp.conftest import TPP, csrf_of, query_of
from tests.demo_tpp.fake_bank import CLIENT_ID, IBAN, ISSUER, REDIRECT_URI


@pytest.mark.req("S0-13", "S0-19", "S0-22", "S0-29", "S0-30", "S0-32")
def test_an_account_is_connected(tpp: TPP) -> None:
    started = tpp.enrol()
    assert started["redirect"].startswith(f"{ISSUER}/oauth/authorize?")
    query = started["query"]
    assert query["scope"] == f"openid AIS:{started['consentId']}"
    assert (query["response_type"], query["code_challenge_method"]) == ("code", "S256")
    assert (query["client_id"], query["redirect_uri"]) == (CLIENT_ID, REDIRECT_URI)
    assert min(len(query[name]) for name in ("state", "nonce", "code_challenge")) >= 43

    answer = tpp.allow(started)
    assert answer.status_code == 200
    assert (answer.json["state"], answer.json["iban"], answer.json["bank"]) == ("active", IBAN, "Lindenbank")
    assert "token" not in answer.text

    listed = tpp.browser.get("/api/enrolments", headers=tpp.bearer()).json["enrolments"]
    assert [entry["state"] for entry in listed] == ["active"]


@pytest.mark.req("S0-19")
def test_the_consent_request_is_what_the_contract_wants(tpp: TPP) -> None:
    tpp.enrol()
    request = tpp.bank.last("/v1/consents")
    account = [{"iban": IBAN}]
    assert request.body["access"] == {"accounts": account, "balances": account, "transactions": account}
    assert request.body["recurringIndicator"] is True
    assert request.body["frequencyPerDay"] == 4
    assert request.headers["Psu-Ip-Address"] == "127.0.0.1"
    assert request.headers["Tpp-Redirect-Uri"] == REDIRECT_URI


@pytest.mark.parametrize(
    ("said", "shown"), [("2027-02-01", "2027-02-01"), ("never", "2027-04-15"), ("", "2027-04-15")]
)
def test_the_banks_own_end_of_the_consent_is_shown(tpp: TPP, said: str, shown: str) -> None:
    tpp.bank.valid_until = said
    assert tpp.enrolled()["validUntil"] == shown


def test_the_client_token_is_kept_until_it_expires(tpp: TPP) -> None:
    tpp.enrol()
    tpp.enrol()
    assert tpp.bank.count("/oauth/token") == 1
    tpp.clock.now += 300
    tpp.enrol()
    assert tpp.bank.count("/oauth/token") == 2


def test_a_client_token_that_the_bank_forgot_is_fetched_anew(tpp: TPP) -> None:
    tpp.enrol()
    tpp.bank.refusals["POST /v1/consents"] = (
        401,
        {"tppMessages": [{"category": "ERROR", "code": "TOKEN_INVALID"}]},
    )
    tpp.browser.post("/api/enrol", json={"iban": IBAN}, headers=tpp.bearer())
    assert tpp.bank.count("/oauth/token") == 2


@pytest.mark.req("S0-3")
class TestCallback:
    def refused(self, tpp: TPP, answer: Any, code: str) -> None:
        assert answer.status_code in (400, 403)
        assert answer.json["error"] == code
        assert tpp.bank.count("/oauth/token") == 1, "only the client token of the consent request"
        states = [
            e["state"] for e in tpp.browser.get("/api/enrolments", headers=tpp.bearer()).json["enrolments"]
        ]
        assert "active" not in states

    def test_an_unknown_state_is_refused(self, tpp: TPP) -> None:
        self.refused(tpp, tpp.allow(tpp.enrol(), state="x" * 43), "callback_unknown_state")

    @pytest.mark.parametrize("state", [None, "", "x" * 5000])
    def test_a_missing_or_endless_state_is_refused(self, tpp: TPP, state: str | None) -> None:
        self.refused(tpp, tpp.allow(tpp.enrol(), state=state), "callback_unknown_state")

    def test_another_browser_is_refused_and_does_not_use_up_the_state(self, tpp: TPP) -> None:
        started = tpp.enrol()
        self.refused(tpp, tpp.allow(started, browser=tpp.new_browser()), "callback_other_browser")
        assert tpp.allow(started).status_code == 200

    def test_a_token_of_the_same_user_is_as_good_as_the_browser(self, tpp: TPP) -> None:
        started = tpp.enrol()
        code, values = tpp.bank.authorise(started["query"])
        answer = tpp.new_browser().get(
            "/callback",
            query_string={"code": code, "state": values["state"], "iss": ISSUER},
            headers=tpp.bearer() | {"Accept": "application/json"},
        )
        assert answer.status_code == 200

    @pytest.mark.parametrize("issuer", ["https://evil.example", ISSUER + "/", "", None])
    def test_an_answer_of_another_issuer_is_refused(self, tpp: TPP, issuer: str | None) -> None:
        started = tpp.enrol()
        self.refused(tpp, tpp.allow(started, iss=issuer), "callback_issuer")
        # A mix-up ends the attempt for good.
        self.refused(tpp, tpp.allow(started), "callback_used")

    def test_a_bank_that_does_not_promise_iss_may_leave_it_out(self, tpp: TPP) -> None:
        tpp.bank.drop_metadata = ("authorization_response_iss_parameter_supported",)
        started = tpp.enrol()
        assert tpp.allow(started, iss=None).status_code == 200

    def test_an_error_of_another_issuer_is_refused_too(self, tpp: TPP) -> None:
        answer = tpp.allow(tpp.enrol(), code=None, error="access_denied", iss="https://evil.example")
        self.refused(tpp, answer, "callback_issuer")

    def test_a_state_works_once(self, tpp: TPP) -> None:
        started = tpp.enrol()
        assert tpp.allow(started).status_code == 200
        again = tpp.allow(started)
        assert (again.status_code, again.json["error"]) == (400, "callback_used")

    def test_a_state_ends_after_an_hour(self, tpp: TPP) -> None:
        started = tpp.enrol()
        tpp.clock.now += 3600
        self.refused(tpp, tpp.allow(started), "callback_expired")

    def test_doubled_parameters_are_refused(self, tpp: TPP) -> None:
        self.refused(tpp, tpp.allow(tpp.enrol(), code=["one", "two"]), "callback_malformed")

    def test_an_answer_without_code_or_error_is_refused(self, tpp: TPP) -> None:
        self.refused(tpp, tpp.allow(tpp.enrol(), code=None), "callback_malformed")

    def test_the_customers_no_is_told_kindly(self, tpp: TPP) -> None:
        started = tpp.enrol()
        answer = tpp.allow(started, code=None, error="access_denied", error_description="<b>No</b>")
        self.refused(tpp, answer, "bank_denied")
        again = tpp.enrol()["query"]
        query = {"error": "access_denied", "state": again["state"], "iss": ISSUER}
        page = tpp.browser.get("/callback", query_string=query)
        assert page.status_code == 200
        assert "You did not allow it at your bank" in page.text
        listed = tpp.browser.get("/api/enrolments", headers=tpp.bearer()).json["enrolments"]
        assert (listed[0]["state"], listed[0]["reason"]) == ("refused", "access_denied")

    def test_a_code_that_the_bank_does_not_know_connects_nothing(self, tpp: TPP) -> None:
        started = tpp.enrol()
        answer = tpp.allow(started, code="forged")
        assert answer.status_code == 422
        assert answer.json["tppMessages"][0]["code"] == "invalid_grant"
        listed = tpp.browser.get("/api/enrolments", headers=tpp.bearer()).json["enrolments"]
        assert listed[0]["state"] == "refused"

    def test_loading_the_page_again_shows_the_account(self, tpp: TPP) -> None:
        tpp.log_in()
        started = tpp.browser.post(
            "/banks/connect", data={"csrf_token": csrf_of(tpp.browser, "/banks"), "iban": IBAN}
        ).headers["Location"]
        code, values = tpp.bank.authorise(query_of(started))
        query = {"code": code, "state": values["state"], "iss": ISSUER}
        first = tpp.browser.get("/callback", query_string=query)
        second = tpp.browser.get("/callback", query_string=query)
        assert first.status_code == second.status_code == 303
        assert first.headers["Location"] == second.headers["Location"]
        assert "the account is connected" in tpp.browser.get(first.headers["Location"]).text


@pytest.mark.req("S0-3", "S0-31")
class TestIDToken:
    def refused(self, tpp: TPP) -> None:
        answer = tpp.allow(tpp.enrol())
        assert (answer.status_code, answer.json["error"]) == (502, "bank_answer_invalid")
        listed = tpp.browser.get("/api/enrolments", headers=tpp.bearer()).json["enrolments"]
        assert listed[0]["state"] == "refused"

    @pytest.mark.parametrize(
        "claims",
        [
            {"iss": "https://evil.example"},
            {"iss": [ISSUER]},
            {"aud": "another-app"},
            {"aud": [CLIENT_ID, "another-app"]},
            {"aud": [CLIENT_ID, "another-app"], "azp": CLIENT_ID},
            {"exp": 1_799_999_000},
            {"exp": "later"},
            {"iat": 1_800_009_000},
            {"nonce": "another"},
            {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
            {"sub": None},
        ],
    )
    def test_a_wrong_claim_is_refused(self, tpp: TPP, claims: dict[str, Any]) -> None:
        tpp.bank.id_token_claims = claims
        self.refused(tpp)

    @pytest.mark.parametrize("name", ["iss", "sub", "aud", "exp", "iat", "nonce", "at_hash"])
    def test_a_missing_claim_is_refused(self, tpp: TPP, name: str) -> None:
        tpp.bank.drop_claims = (name,)
        self.refused(tpp)

    def test_another_key_under_the_banks_kid_is_refused(self, tpp: TPP) -> None:
        tpp.bank.signing_key = ECKey.generate_key("P-256", {"kid": "bank-1"})
        self.refused(tpp)

    def test_a_key_that_is_not_published_is_refused_and_looked_for_once(self, tpp: TPP) -> None:
        tpp.bank.signing_key = ECKey.generate_key("P-256", {"kid": "evil"})
        tpp.bank.id_token_header = {"kid": "evil"}
        self.refused(tpp)
        self.refused(tpp)
        assert tpp.bank.count("/oauth/jwks") == 1

    def test_a_new_key_of_the_bank_is_found(self, tpp: TPP) -> None:
        tpp.enrolled()
        tpp.bank.key = ECKey.generate_key("P-256", {"kid": "bank-2", "use": "sig"})
        tpp.bank.id_token_header = {"kid": "bank-2"}
        tpp.clock.now += 11
        tpp.enrolled()

    @pytest.mark.parametrize("header", [{"alg": "none"}, {"alg": "HS256"}, {"alg": "RS256"}, {"kid": None}])
    def test_another_algorithm_or_no_kid_is_refused(self, tpp: TPP, header: dict[str, Any]) -> None:
        original = tpp.bank.id_token

        def forged(**values: str) -> str:
            _, payload, signature = original(**values).split(".")
            own = {"alg": "ES256", "kid": "bank-1"} | header
            return (
                base64.urlsafe_b64encode(json.dumps(own).encode()).rstrip(b"=").decode()
                + f".{payload}.{signature}"
            )

        tpp.bank.id_token = forged  # type: ignore[method-assign]
        self.refused(tpp)


@pytest.mark.req("S0-3")
class TestDiscovery:
    def answer(self, tpp: TPP) -> Any:
        return tpp.browser.post("/api/enrol", json={"iban": IBAN}, headers=tpp.bearer())

    def test_a_sca_link_to_another_server_is_refused(self, tpp: TPP) -> None:
        tpp.bank.sca_oauth = "https://evil.example/.well-known/oauth-authorization-server"
        answer = self.answer(tpp)
        assert (answer.status_code, answer.json["error"]) == (502, "bank_answer_invalid")

    def test_a_relative_sca_link_is_fine(self, tpp: TPP) -> None:
        tpp.bank.sca_oauth = "/.well-known/openid-configuration"
        assert self.answer(tpp).status_code == 201

    @pytest.mark.parametrize(
        "metadata",
        [
            {"issuer": "https://evil.example"},
            {"token_endpoint": "http://evil.example/token"},
            {"authorization_endpoint": "javascript:alert(1)"},
            {"code_challenge_methods_supported": ["plain"]},
        ],
    )
    def test_wrong_metadata_is_refused(self, tpp: TPP, metadata: dict[str, Any]) -> None:
        tpp.bank.metadata = metadata
        assert self.answer(tpp).json["error"] == "bank_answer_invalid"
        assert tpp.bank.count("/oauth/token") == 0

    def test_a_silent_bank_is_told_so(self, make_tpp: Callable[..., TPP]) -> None:
        def silent(request: httpx2.Request) -> httpx2.Response:
            raise httpx2.ConnectError("refused")

        tpp = make_tpp(httpx2.MockTransport(silent))
        answer = self.answer(tpp)
        assert (answer.status_code, answer.json["error"]) == (503, "bank_unavailable")

    @pytest.mark.parametrize("content", [b"<html>", b"[]", b"\xff", b'{"a":' * 3000])
    def test_a_bank_that_talks_nonsense_is_told_so(
        self, make_tpp: Callable[..., TPP], content: bytes
    ) -> None:
        tpp = make_tpp(httpx2.MockTransport(lambda request: httpx2.Response(200, content=content)))
        assert self.answer(tpp).json["error"] == "bank_answer_invalid"


class TestBankErrors:
    def test_the_banks_messages_are_shown_with_code_and_text(self, tpp: TPP) -> None:
        messages = [
            {
                "category": "ERROR",
                "code": "RESOURCE_UNKNOWN",
                "text": "No such <b>account</b>.",
                "path": "access",
            }
        ]
        tpp.bank.refusals["POST /v1/consents"] = (400, {"tppMessages": messages})
        answer = tpp.browser.post("/api/enrol", json={"iban": IBAN}, headers=tpp.bearer())
        assert answer.status_code == 422
        assert answer.json["tppMessages"] == messages
        assert re.fullmatch(r"[0-9a-f-]{36}", answer.json["bankRequestId"])

        tpp.log_in()
        page = tpp.browser.post(
            "/banks/connect", data={"csrf_token": csrf_of(tpp.browser, "/banks"), "iban": IBAN}
        )
        assert page.status_code == 422
        assert "<code>RESOURCE_UNKNOWN</code> No such &lt;b&gt;account&lt;/b&gt;." in page.text

    @pytest.mark.parametrize(
        ("status", "content", "code"),
        [
            (403, {"type": "x", "code": "CONSENT_UNKNOWN", "detail": "Gone"}, "CONSENT_UNKNOWN"),
            (400, {"tppMessages": "odd"}, "HTTP 400"),
            (418, [], "HTTP 418"),
        ],
    )
    def test_other_shapes_of_errors_are_read_too(
        self, tpp: TPP, status: int, content: Any, code: str
    ) -> None:
        tpp.bank.refusals["POST /v1/consents"] = (status, content)
        answer = tpp.browser.post("/api/enrol", json={"iban": IBAN}, headers=tpp.bearer())
        assert answer.json["tppMessages"][0]["code"] == code

    def test_a_fault_of_the_bank_is_its_own(self, tpp: TPP) -> None:
        tpp.bank.refusals["POST /v1/consents"] = (500, {})
        answer = tpp.browser.post("/api/enrol", json={"iban": IBAN}, headers=tpp.bearer())
        assert (answer.status_code, answer.json["error"]) == (503, "bank_unavailable")


class TestReading:
    def accounts(self, tpp: TPP, enrolment: dict[str, Any]) -> Any:
        return tpp.browser.get(f"/api/enrolments/{enrolment['enrolmentId']}/accounts", headers=tpp.bearer())

    def test_accounts_balances_and_transactions_come_with_consent_and_token(self, tpp: TPP) -> None:
        enrolment = tpp.enrolled()
        account = self.accounts(tpp, enrolment).json["accounts"][0]
        assert account["balances"][0]["balanceAmount"]["amount"] == "1234.50"
        assert account["transactions"][0]["creditorName"] == "REWE Markt"
        request = tpp.bank.last("/v1/accounts")
        assert request.headers["Consent-Id"] == enrolment["consentId"]
        assert request.headers["Psu-Ip-Address"] == "127.0.0.1"

    def test_the_page_shows_them_and_runs_nothing_of_theirs(self, tpp: TPP) -> None:
        enrolment = tpp.enrolled()
        tpp.log_in()
        page = tpp.browser.get(f"/banks/{enrolment['enrolmentId']}").text
        assert "€1,234.50" in page
        assert "\N{MINUS SIGN}€54.20" in page
        assert "<script>alert" not in page

    def test_an_expired_access_token_is_renewed_first(self, tpp: TPP) -> None:
        enrolment = tpp.enrolled()
        asked = tpp.bank.count("/oauth/token")
        tpp.clock.now += 400
        assert self.accounts(tpp, enrolment).status_code == 200
        assert tpp.bank.last("/oauth/token").body["grant_type"] == "refresh_token"
        assert tpp.bank.count("/oauth/token") == asked + 1

    def test_a_token_that_the_bank_refuses_is_renewed_once(self, tpp: TPP) -> None:
        enrolment = tpp.enrolled()
        tpp.bank.tokens = {
            token: scope for token, scope in tpp.bank.tokens.items() if not token.startswith("access-")
        }
        assert self.accounts(tpp, enrolment).status_code == 200

    def test_a_rotated_refresh_token_is_kept(self, tpp: TPP) -> None:
        enrolment = tpp.enrolled()
        tpp.bank.rotate_refresh_token = True
        for _ in range(2):
            before = set(tpp.bank.tokens)
            tpp.clock.now += 400
            assert self.accounts(tpp, enrolment).status_code == 200
            for token in before:
                tpp.bank.tokens.pop(token, None)

    def test_a_renewed_id_token_about_somebody_else_is_refused(self, tpp: TPP) -> None:
        enrolment = tpp.enrolled()
        tpp.bank.id_token_claims = {"sub": "psu-mallory"}
        tpp.clock.now += 400
        assert self.accounts(tpp, enrolment).json["error"] == "bank_answer_invalid"

    def test_a_refused_renewal_ends_the_enrolment(self, tpp: TPP) -> None:
        enrolment = tpp.enrolled()
        tpp.bank.refresh_error = "invalid_grant"
        tpp.clock.now += 400
        assert self.accounts(tpp, enrolment).json["error"] == "enrolment_over"
        listed = tpp.browser.get("/api/enrolments", headers=tpp.bearer()).json["enrolments"]
        assert (listed[0]["state"], listed[0]["reason"]) == ("ended", "expired")

    def test_a_consent_ended_at_the_bank_ends_the_enrolment(self, tpp: TPP) -> None:
        enrolment = tpp.enrolled()
        message = {"category": "ERROR", "code": "CONSENT_INVALID", "text": "Revoked by the customer."}
        tpp.bank.refusals["GET /v1/accounts"] = (401, {"tppMessages": [message]})
        answer = self.accounts(tpp, enrolment)
        assert answer.status_code == 409
        assert answer.json["tppMessages"][0]["text"] == "Revoked by the customer."
        assert self.accounts(tpp, enrolment).json["error"] == "enrol_first"

    def test_a_newer_connection_replaces_the_older_one(self, tpp: TPP) -> None:
        tpp.enrolled()
        tpp.enrolled()
        listed = tpp.browser.get("/api/enrolments", headers=tpp.bearer()).json["enrolments"]
        assert [(entry["state"], entry["reason"]) for entry in listed] == [
            ("active", ""),
            ("ended", "replaced"),
        ]

    def test_a_consent_that_is_gone_already_can_be_disconnected(self, tpp: TPP) -> None:
        enrolment = tpp.enrolled()
        path = f"/v1/consents/{enrolment['consentId']}"
        message = {"category": "ERROR", "code": "CONSENT_UNKNOWN"}
        tpp.bank.refusals[f"DELETE {path}"] = (403, {"tppMessages": [message]})
        answer = tpp.browser.delete(f"/api/enrolments/{enrolment['enrolmentId']}", headers=tpp.bearer())
        assert answer.status_code == 204

    def test_a_bank_that_does_not_confirm_keeps_it_connected(self, tpp: TPP) -> None:
        enrolment = tpp.enrolled()
        tpp.bank.refusals[f"DELETE /v1/consents/{enrolment['consentId']}"] = (503, {})
        answer = tpp.browser.delete(f"/api/enrolments/{enrolment['enrolmentId']}", headers=tpp.bearer())
        assert answer.status_code == 503
        listed = tpp.browser.get("/api/enrolments", headers=tpp.bearer()).json["enrolments"]
        assert listed[0]["state"] == "active"
