"""The scanner of the journeys can fail: whatever is planted is found, and what only looks like it is not."""

import json

import pytest

from tests.journeys.traces import Traces

KEY = """-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgabcdefghijklmnopq
-----END PRIVATE KEY-----
"""
IBAN = "DE02120300000000202051"


@pytest.fixture
def traces() -> Traces:
    traces = Traces()
    person = {
        "name": "Jörg Groß",
        "mobile": "+4915112345678",
        "password": 'linden "2026"',
        "accounts": [{"iban": IBAN}],
    }
    traces.add_sandbox(
        {
            "customers": [person],
            "staff": [],
            "tpp_members": [person | {"totp_secret": "JBSWY3DPEHPK3PXP", "mobile": "", "accounts": []}],
            "tpps": [{"private_key_pem": KEY}],
        }
    )
    traces.add_message("Pay 24.90 EUR to DE02 1203 0000 0000 2020 51? Code 482913, until 12:05.")
    traces.add_payment(creditor_name="Möbelhaus Kern", creditor_iban=IBAN, amount="24.90")
    return traces


@pytest.mark.req("RTS-22(2)", "S0-5")
@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("code", "checked 482913"),
        ("code", '{"code": "482913"}'),
        ("code", "/sign/?code=482913&next=x"),
        ("number", "sent to +4915112345678"),
        ("number", "sent to 015112345678"),
        ("number", "to=%2B4915112345678"),
        ("password", json.dumps({"typed": 'linden "2026"'})),
        ("totp_secret", "otpauth://totp/x?secret=JBSWY3DPEHPK3PXP"),
        ("private_key_pem", KEY.splitlines()[1]),
        ("private key", KEY),
        ("bearer token", "Authorization: Bearer Zm9vYmFyYmF6cXV4Zm9v"),
        ("signed token", "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJ4In0xx.c2lnbmF0dXJlMTIz"),
    ],
)
def test_secrets_are_found(traces: Traces, kind: str, text: str) -> None:
    assert kind in {trace.kind for trace in traces.find_secrets(text, place="a log")}


@pytest.mark.req("RTS-5(2)", "S3-2")
@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("IBAN", f"/pay/?to={IBAN}"),
        ("IBAN", "/pay/?to=DE02+1203+0000+0000+2020+51"),
        ("name", "/pay/?name=M%C3%B6belhaus%20Kern"),
        ("name", json.dumps({"name": "Jörg Groß"})),
        ("amount", "paid 24,90 EUR"),
        ("amount", "/pay/?amount=24.90"),
    ],
)
def test_what_was_paid_is_found(traces: Traces, kind: str, text: str) -> None:
    assert kind in {trace.kind for trace in traces.find_all(text, place="a log")}
    assert kind not in {trace.kind for trace in traces.find_secrets(text, place="a page")}


@pytest.mark.parametrize(
    "text",
    [
        "id 7f482913-0000-4000-8000-000000000000",
        "2026-11-21T12:00:00.482913+00:00",
        "1482913 bytes",
        "balance 124.90",
        "24.905",
        "DE02120300000000202052",
        "Möbelhaus",
    ],
)
def test_what_only_looks_like_it_is_not(traces: Traces, text: str) -> None:
    assert list(traces.find_all(text, place="a log")) == []


def test_a_finding_does_not_repeat_what_it_found(traces: Traces) -> None:
    (trace,) = traces.find_secrets("checked 482913", place="web.log")
    assert str(trace) == "code in web.log"
