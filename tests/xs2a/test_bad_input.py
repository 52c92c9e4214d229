"""Bodies that a bank must not understand: refused with the contract's error, nothing kept, never a crash."""

import gzip
import json
import random
from contextlib import suppress
from functools import partial
from io import BytesIO
from typing import Any

import pytest
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.consents.models import Consent
from apps.payments.models import PaymentInitiation
from apps.payments.rules import PaymentProduct
from apps.xs2a.parsers import BODY_BYTES_MAX, parse_strict_json
from apps.xs2a.refusals import FormatError, RequestRefused
from apps.xs2a.serializers.consents import parse_consent_request
from apps.xs2a.serializers.payments import parse_payment_request
from tests.xs2a.kit import ABSENT, API, PAYMENTS, PSU_IP, consent_body, payment_body
from tests.xs2a.world import World

PRODUCT = PaymentProduct.SEPA_CREDIT_TRANSFERS
BAD_JSON = {
    "blanks": b"   ",
    "cut off": b'{"access": {',
    "an array": b"[]",
    "a text": b'"access"',
    "a number": b"1",
    "null": b"null",
    "two objects": b"{}{}",
    "trailing comma": b'{"a": 1,}',
    "comment": b"{} // no",
    "single quotes": b"{'a': 1}",
    "byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "UTF-32": '{"a": 1}'.encode("utf-32"),
    "Latin-1": '{"a": "ü"}'.encode("latin-1"),
    "overlong UTF-8": b'{"a": "\xc0\x80"}',
    "surrogate in UTF-8": b'{"a": "\xed\xa0\x80"}',
    "lone surrogate": b'{"a": "\\ud800"}',
    "lone surrogate in a name": b'{"\\udfff": 1}',
    "NUL": b'{"a": "\\u0000"}',
    "NUL in a name": b'{"\\u0000": 1}',
    "raw control character": b'{"a": "\x01"}',
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": Infinity}',
    "-Infinity": b'{"a": -Infinity}',
    "equal names": b'{"a": 1, "a": 2}',
    "equal names below": b'{"a": {"b": 1, "b": 1}}',
    "equal names, one escaped": b'{"a": 1, "\\u0061": 2}',
    "deep arrays": b'{"a":' + b"[" * 20000 + b"]" * 20000 + b"}",
    "deep arrays without end": b"[" * 60000,
    "deep objects": b'{"a":' * 9000 + b"1" + b"}" * 9000,
    "nine levels": b'{"a":' + b"[" * 8 + b"]" * 8 + b"}",
    "a number of 60000 digits": b'{"a": ' + b"9" * 60000 + b"}",
    "too long": b'{"a": "' + b"x" * BODY_BYTES_MAX + b'"}',
    "far too long": b'{"a": "' + b"x" * (2 * 1024 * 1024) + b'"}',
}


@pytest.mark.req("R0-7")
@pytest.mark.parametrize("name", BAD_JSON)
@pytest.mark.req("R0-7")
def test_bad_json_is_400_and_nothing_is_kept(world: World, name):
    for api, path in ((world.ais(), "/v1/consents"), (world.pis(), PAYMENTS)):
        answer = api.call("POST", path, raw=BAD_JSON[name], PSU_IP_Address=PSU_IP)
        assert answer.refusal == (400, "FORMAT_ERROR")
    assert not Consent.objects.exists()
    assert not PaymentInitiation.objects.exists()


@pytest.mark.parametrize(
    "content_type",
    [
        *("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/json"),
        *("application/xml", "application/json; charset=latin-1", "application/json-patch+json", "x"),
        "application/problem+json",
    ],
)
def test_other_content_types_are_415(world: World, content_type):
    body = json.dumps(consent_body(world.anna.account.iban)).encode()
    answer = world.ais().call(
        "POST", "/v1/consents", raw=body, content_type=content_type, PSU_IP_Address=PSU_IP
    )
    assert (answer.status, answer.body) == (415, None)
    assert not Consent.objects.exists()


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", 'APPLICATION/JSON;charset="UTF-8"']
)
def test_the_same_content_type_in_other_words_is_taken(world: World, content_type):
    body = json.dumps(consent_body(world.anna.account.iban)).encode()
    answer = world.ais().call(
        "POST", "/v1/consents", raw=body, content_type=content_type, PSU_IP_Address=PSU_IP
    )
    assert answer.status == 201


def test_a_compressed_body_is_not_unpacked(world: World):
    body = gzip.compress(json.dumps(consent_body(world.anna.account.iban)).encode())
    answer = world.ais().call(
        "POST", "/v1/consents", raw=body, Content_Encoding="gzip", PSU_IP_Address=PSU_IP
    )
    assert answer.status == 415


class SlowInput(BytesIO):
    """A body as a server hands it over that does not know its length: in pieces, to its end."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(100, size) if size and size > 0 else 100)


def chunked(api: API, path: str, raw: bytes) -> tuple[int, SlowInput]:
    stream = SlowInput(raw)
    headers = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in api.headers({}).items()}
    response = Client().request(
        REQUEST_METHOD="POST",
        PATH_INFO=path,
        CONTENT_TYPE="application/json",
        HTTP_TRANSFER_ENCODING="chunked",
        HTTP_PSU_IP_ADDRESS=PSU_IP,
        **{"wsgi.input": stream, "wsgi.input_terminated": True},
        **headers,
    )
    return response.status_code, stream


def test_a_body_may_come_in_chunks(world: World):
    body = json.dumps(consent_body(world.anna.account.iban)).encode()
    status, _ = chunked(world.ais(), "/v1/consents", body)
    assert status == 201


@pytest.mark.parametrize("token", ["", "unknown"])
def test_a_long_body_is_read_to_its_end_so_that_its_sender_sees_the_answer(db, token):
    status, stream = chunked(API(token), "/v1/consents", b"x" * 300_000)
    assert status == 401
    assert stream.tell() == 300_000


def test_a_body_without_end_is_not(db, monkeypatch):
    monkeypatch.setattr("apps.xs2a.middleware.DRAIN_BYTES_MAX", 100_000)
    status, stream = chunked(API(), "/v1/consents", b"x" * 300_000)
    assert status == 401
    assert 100_000 <= stream.tell() <= 100_100


AMOUNTS: list[Any] = [
    *("-1", "0", "-0", "0.00", "NaN", "sNaN", "Infinity", "1e30", "1E1", "1_0.00", "٢٤.٩٠", "２４.９０"),
    *("01.00", "+1.00", "1.234", "0.001", "1,00", "1.000,00", " 1", "1 ", "1\n", "", ".5", "5.", "1.0.0"),
    *("9" * 13, "1" * 400, 24.9, 25, True, None, [], {}, 0.1 + 0.2),
]


@pytest.mark.req("R0-4", "R0-5", "R0-6")
@pytest.mark.parametrize("amount", AMOUNTS, ids=repr)
@pytest.mark.req("R0-5", "R0-4")
def test_no_amount_is_guessed(world: World, amount):
    body = payment_body(world.anna.account.iban, instructedAmount={"currency": "EUR", "amount": amount})
    answer = world.pis().post(PAYMENTS, body)
    assert (answer.refusal, answer.path) == ((400, "FORMAT_ERROR"), "instructedAmount.amount")
    assert not PaymentInitiation.objects.exists()


@pytest.mark.parametrize(
    ("currency", "code"),
    [
        *((wrong, "FORMAT_ERROR") for wrong in ("eur", "EU", "XXX", "", "EUR ", 978, None, True)),
        ("USD", "PAYMENT_FAILED"),
    ],
)
def test_no_currency_is_guessed(world: World, currency, code):
    body = payment_body(world.anna.account.iban, instructedAmount={"currency": currency, "amount": "24.90"})
    assert world.pis().post(PAYMENTS, body).refusal == (400, code)
    assert not PaymentInitiation.objects.exists()


UNSAFE = {
    "bidirectional override": "Kern\u202eHbmG",
    "isolate": "Kern\u2066GmbH",
    "zero width": "Ke\u200brn",
    "line break": "Kern\nGmbH",
    "tab": "Kern\tGmbH",
    "private use": "Kern\ue000",
    "unassigned": "Kern\u0378",
    "stacked marks": "K" + "\u0301" * 5,
    "line separator": "Kern\u2028",
}


@pytest.mark.parametrize("name", UNSAFE)
@pytest.mark.parametrize(
    "member", ["creditorName", "remittanceInformationUnstructured", "endToEndIdentification"]
)
@pytest.mark.req("S3-3")
def test_what_would_be_signed_must_be_fit_to_be_shown(world: World, name, member):
    answer = world.pis().post(PAYMENTS, payment_body(world.anna.account.iban, **{member: UNSAFE[name]}))
    assert (answer.refusal, answer.path) == ((400, "FORMAT_ERROR"), member)
    assert not PaymentInitiation.objects.exists()


@pytest.mark.parametrize(
    ("change", "code", "path"),
    [
        ({"creditorName": ABSENT}, "FORMAT_ERROR", "creditorName"),
        ({"creditorName": ""}, "FORMAT_ERROR", "creditorName"),
        ({"creditorName": "   "}, "FORMAT_ERROR", "creditorName"),
        ({"creditorName": "x" * 71}, "FORMAT_ERROR", "creditorName"),
        ({"creditorName": 5}, "FORMAT_ERROR", "creditorName"),
        (
            {"remittanceInformationUnstructured": "x" * 141},
            "FORMAT_ERROR",
            "remittanceInformationUnstructured",
        ),
        ({"remittanceInformationUnstructured": ["x"]}, "FORMAT_ERROR", "remittanceInformationUnstructured"),
        ({"endToEndIdentification": "x" * 36}, "FORMAT_ERROR", "endToEndIdentification"),
        ({"endToEndIdentification": None}, "FORMAT_ERROR", "endToEndIdentification"),
        ({"debtorAccount": ABSENT}, "FORMAT_ERROR", "debtorAccount"),
        ({"debtorAccount": {}}, "FORMAT_ERROR", "debtorAccount.iban"),
        ({"debtorAccount": "DE1"}, "FORMAT_ERROR", "debtorAccount"),
        ({"debtorAccount": {"iban": "DE02120300000000202052"}}, "FORMAT_ERROR", "debtorAccount.iban"),
        ({"debtorAccount": {"iban": "DE02120300000000202051"}}, "RESOURCE_UNKNOWN", "debtorAccount"),
        ({"creditorAccount": {"iban": "DE0212030000000020205"}}, "FORMAT_ERROR", "creditorAccount.iban"),
        ({"creditorAccount": {"iban": "ＤＥ02120300000000202051"}}, "FORMAT_ERROR", "creditorAccount.iban"),
        (
            {"creditorAccount": {"iban": "DE02120300000000202051\u00a0"}},
            "FORMAT_ERROR",
            "creditorAccount.iban",
        ),
        (
            {"creditorAccount": {"iban": "BR1800360305000010009795493C1"}},
            "FORMAT_ERROR",
            "creditorAccount.iban",
        ),
        ({"creditorAccount": {"pan": "4000"}}, "PARAMETER_NOT_SUPPORTED", "creditorAccount.pan"),
        (
            {"creditorAccount": {"iban": "DE02120300000000202051", "currency": "USD"}},
            "FORMAT_ERROR",
            "creditorAccount.currency",
        ),
        ({"instructedAmount": ABSENT}, "FORMAT_ERROR", "instructedAmount"),
        ({"instructedAmount": "24.90 EUR"}, "FORMAT_ERROR", "instructedAmount"),
        (
            {"instructedAmount": {"currency": "EUR", "amount": "1", "fee": "0"}},
            "FORMAT_ERROR",
            "instructedAmount.fee",
        ),
        ({"requestedExecutionDate": "2026-02-31"}, "FORMAT_ERROR", "requestedExecutionDate"),
        ({"requestedExecutionDate": "31.12.2026"}, "FORMAT_ERROR", "requestedExecutionDate"),
        ({"requestedExecutionDate": "20261231"}, "FORMAT_ERROR", "requestedExecutionDate"),
        ({"requestedExecutionDate": None}, "FORMAT_ERROR", "requestedExecutionDate"),
        ({"requestedExecutionDate": 20261231}, "FORMAT_ERROR", "requestedExecutionDate"),
        ({"requestedExecutionDate": "2001-01-01"}, "EXECUTION_DATE_INVALID", "requestedExecutionDate"),
        ({"requestedExecutionDate": "2099-01-01"}, "EXECUTION_DATE_INVALID", "requestedExecutionDate"),
        (
            {"requestedExecutionTime": "2027-01-01T10:00:00Z"},
            "PARAMETER_NOT_SUPPORTED",
            "requestedExecutionTime",
        ),
        ({"creditorAgent": "LINDDEB0XX"}, "FORMAT_ERROR", "creditorAgent"),
        ({"creditorAgent": 5}, "FORMAT_ERROR", "creditorAgent"),
        ({"chargeBearer": "DEBT"}, "FORMAT_ERROR", "chargeBearer"),
        ({"chargeBearer": "slev"}, "FORMAT_ERROR", "chargeBearer"),
        ({"creditorAgentName": "Lindenbank"}, "PARAMETER_NOT_SUPPORTED", "creditorAgentName"),
        ({"transactionStatus": "ACSC"}, "FORMAT_ERROR", "transactionStatus"),
        ({"psu": "anna"}, "FORMAT_ERROR", "psu"),
        ({"x" * 500: 1}, "FORMAT_ERROR", "x" * 40),
    ],
)
def test_a_wrong_member_is_named_and_nothing_is_kept(world: World, change, code, path):
    answer = world.pis().post(PAYMENTS, payment_body(world.anna.account.iban, **change))
    assert (answer.refusal, answer.path) == ((400, code), path)
    assert not PaymentInitiation.objects.exists()


def test_an_account_cannot_pay_itself(world: World):
    iban = world.anna.account.iban
    answer = world.pis().post(PAYMENTS, payment_body(iban, creditorAccount={"iban": iban}))
    assert answer.refusal == (400, "PAYMENT_FAILED")


# Without a database ------------------------------------------------------------------------------------

_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["EUR", "24.90", "DE02120300000000202051", "2027-01-01", "allAccounts"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(max_size=8)
            | st.sampled_from(
                [*payment_body(""), *consent_body(), "iban", "amount", "currency", "accounts", "allPsd2"]
            ),
            inner,
            max_size=8,
        )
    ),
    max_leaves=20,
)


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_whatever_bytes_come_are_understood_or_refused(raw):
    try:
        value = parse_strict_json(raw)
    except FormatError:
        return
    assert json.loads(raw) == value


@given(_values)
@settings(max_examples=300, deadline=None)
def test_whatever_json_comes_is_an_order_or_refused(value):
    for parse in (partial(parse_payment_request, product=PRODUCT), parse_consent_request):
        # RuntimeError is pytest-django's guard: an account was looked up, so the form was right.
        with suppress(RequestRefused, RuntimeError):
            parse(value if isinstance(value, dict) else {"access": value, "debtorAccount": value})


def test_mutated_orders_are_orders_or_refused():
    seed = random.randrange(2**32)
    generator = random.Random(seed)
    good = json.dumps(payment_body("DE02120300000000202051")).encode()
    for _ in range(2000):
        raw = bytearray(good)
        for _ in range(generator.randint(1, 4)):
            place = generator.randrange(len(raw))
            action = generator.randrange(3)
            if action == 0:
                raw[place] = generator.randrange(256)
            elif action == 1:
                raw[place:place] = bytes([generator.randrange(256)])
            else:
                del raw[place]
        try:
            document = parse_strict_json(bytes(raw))
            if isinstance(document, dict):
                parse_payment_request(document, product=PRODUCT)
        except RequestRefused:
            continue
        except Exception as error:
            raise AssertionError(f"seed {seed}: {bytes(raw)!r}") from error
