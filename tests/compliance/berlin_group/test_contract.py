"""The checker of answers is itself right: it takes what the contract shows and refuses what it does not."""

import json
from typing import Any

import pytest

from apps.xs2a.errors import EMPTY, EMPTY_FOR_PAYMENTS, ERRORS
from tests.compliance.berlin_group.contract import CONTRACT, ContractBroken, check_answer, contract

REQUEST_ID = {"X-Request-ID": "99391c7e-ad88-49ec-a2ad-99ddcb1f7721"}
JSON = {"Content-Type": "application/json"}
STATUS = "/v1/consents/1/status"


def check(body: Any, *, status: int = 200, path: str = STATUS, **headers: str) -> Any:
    raw = b"" if body is None else json.dumps(body).encode()
    given = (
        REQUEST_ID | (JSON if body is not None else {}) | {k.replace("_", "-"): v for k, v in headers.items()}
    )
    return check_answer(method="GET", path=path, status=status, headers=given, body=raw)


def test_good_answers_pass():
    assert check({"consentStatus": "valid"}) == {"consentStatus": "valid"}
    assert check({"tppMessages": [{"category": "ERROR", "code": "CONSENT_UNKNOWN"}]}, status=403)
    assert check(None, status=503) is None


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"consentStatus": "fine"}, 200),
        ({}, 200),
        ({"consentStatus": "valid", "secret": 1}, 200),
        ({"consentStatus": "valid"}, 299),
        ({"tppMessages": [{"category": "ERROR", "code": "PRODUCT_UNKNOWN"}]}, 404),
        ({"tppMessages": [{"code": "CONSENT_UNKNOWN"}]}, 403),
        ({"tppMessages": [{"category": "ERROR", "code": "CONSENT_UNKNOWN", "text": "x" * 501}]}, 403),
        ({"error": "x"}, 500),
        (None, 200),
    ],
)
def test_bad_answers_are_refused(body, status):
    with pytest.raises((ContractBroken, json.JSONDecodeError)):
        check(body, status=status)


def test_headers_and_content_types_are_looked_at():
    with pytest.raises(ContractBroken, match="X-Request-ID"):
        check_answer(method="GET", path=STATUS, status=200, headers=JSON, body=b'{"consentStatus": "valid"}')
    with pytest.raises(ContractBroken, match="X-Request-ID"):
        check({"consentStatus": "valid"}, X_Request_ID="1")
    with pytest.raises(ContractBroken, match="content type"):
        check({"consentStatus": "valid"}, Content_Type="text/html")


@pytest.mark.parametrize("amount", ["1.2345", "1,00", "1e3", " 1", "--1", "1\n"])
def test_patterns_hold_for_the_whole_text(amount):
    path = "/v1/accounts/1/balances"
    balance = {"balanceType": "interimBooked", "balanceAmount": {"currency": "EUR", "amount": amount}}
    with pytest.raises(ContractBroken):
        check({"balances": [balance]}, path=path)
    balance["balanceAmount"] = {"currency": "EUR", "amount": "-1.00"}
    assert check({"balances": [balance]}, path=path)


def test_the_contract_is_the_version_it_says_and_keeps_its_attribution():
    head = CONTRACT.read_text(encoding="utf-8")[:1500]
    assert contract()["info"]["version"] == "1.3.12_2022-07-01"
    assert contract()["info"]["license"]["url"] == "https://creativecommons.org/licenses/by/4.0/"
    assert "The Berlin Group" in head
    assert "The Berlin Group" in (CONTRACT.parent / "README.md").read_text()


def test_every_refusal_has_a_status_and_code_that_the_contract_knows():
    schemas = contract()["components"]["schemas"]
    for error, answer in ERRORS.items():
        if answer.status in EMPTY:
            continue
        names = [f"MessageCode{answer.status}_{service}" for service in ("AIS", "PIS", "PIS_CANC")]
        if answer.status in EMPTY_FOR_PAYMENTS:
            names = names[:1]
        known = {code for name in names if name in schemas for code in schemas[name]["enum"]}
        assert answer.code in known, error.__name__
