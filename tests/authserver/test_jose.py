import base64
import json
from datetime import UTC, datetime

import pytest
from joserfc import jwk

from apps.authserver.jose import (
    JWT_BYTES_MAX,
    JWTInvalid,
    check_public_key,
    numeric_date,
    read_jwt,
    sign_jwt,
    verify_signature,
)
from tests.authserver.kit import EC_KEY, ED_KEY, OTHER_EC_KEY, RSA_KEY, b64, hmac_signed, signed

KEYS = {"ES256": EC_KEY, "EdDSA": ED_KEY, "PS256": RSA_KEY}


def public(key, kid: str = "k") -> dict:
    return key.as_dict(private=False) | {"kid": kid}


def read(token: str):
    return read_jwt(token, types=("jwt",))


@pytest.mark.parametrize("alg", KEYS)
def test_the_three_algorithms_of_fapi_verify(alg):
    token = read(signed({"alg": alg, "kid": "k"}, {"a": 1}, KEYS[alg]))
    assert verify_signature(token, [public(KEYS[alg])])
    assert token.claims == {"a": 1}


@pytest.mark.parametrize("alg", KEYS)
def test_a_changed_payload_does_not_verify(alg):
    header, _, signature = signed({"alg": alg, "kid": "k"}, {"a": 1}, KEYS[alg]).split(".")
    token = read(".".join([header, b64(b'{"a":2}'), signature]))
    assert not verify_signature(token, [public(KEYS[alg])])


def test_a_kid_narrows_the_choice_of_keys():
    token = read(signed({"alg": "ES256", "kid": "other"}, {}, EC_KEY))
    assert not verify_signature(token, [public(EC_KEY, "k")])
    assert verify_signature(
        read(signed({"alg": "ES256"}, {}, EC_KEY)), [public(OTHER_EC_KEY), public(EC_KEY)]
    )


def test_keys_of_another_kind_are_passed_over_not_tripped_over():
    token = read(signed({"alg": "ES256"}, {}, EC_KEY))
    broken = {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}
    assert verify_signature(token, [public(RSA_KEY), public(ED_KEY), broken, {}, public(EC_KEY)])
    assert not verify_signature(token, [public(RSA_KEY), broken, {}])


@pytest.mark.req("AS-15")
@pytest.mark.parametrize(
    ("alg", "key"),
    [
        ("none", None),
        ("HS256", jwk.OctKey.import_key(b"k" * 32)),
        ("RS256", RSA_KEY),
        ("RS512", RSA_KEY),
        ("PS512", RSA_KEY),
        ("ES384", jwk.ECKey.generate_key("P-384")),
    ],
)
def test_no_other_algorithm_is_read(alg, key):
    with pytest.raises(JWTInvalid):
        read(signed({"alg": alg}, {}, key))


@pytest.mark.req("AS-15")
def test_the_public_key_is_no_hmac_secret():
    with pytest.raises(JWTInvalid):
        read(hmac_signed({"alg": "HS256", "kid": "k"}, {}, EC_KEY.as_pem(private=False)))


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "at+jwt"},
        {"typ": "dpop+jwt"},
        {"typ": 1},
        {"crit": ["exp"]},
        {"b64": False},
        {"zip": "DEF"},
        {"enc": "A128GCM"},
        {"kid": 7},
        {"kid": {"a": 1}},
    ],
)
def test_types_and_extensions_that_are_not_ours_are_refused(header):
    with pytest.raises(JWTInvalid):
        read(signed({"alg": "ES256"} | header, {}, EC_KEY))


def test_a_type_is_compared_in_any_case():
    assert read(signed({"alg": "ES256", "typ": "jWt"}, {}, EC_KEY)).header["typ"] == "jWt"


def test_a_key_in_the_header_is_not_a_key():
    header = {"alg": "ES256", "jwk": public(OTHER_EC_KEY), "jku": "https://evil.example/jwks"}
    assert not verify_signature(read(signed(header, {}, OTHER_EC_KEY)), [public(EC_KEY)])


def _raw(header: bytes, payload: bytes, signature: str = "AA") -> str:
    return f"{b64(header)}.{b64(payload)}.{signature}"


GOOD = b'{"alg":"ES256"}'


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b",
        "a.b.c.d",
        _raw(GOOD, b"{}") + "=",
        _raw(GOOD, b"{}") + "\n",
        _raw(GOOD, b"[]"),
        _raw(GOOD, b"1"),
        _raw(GOOD, b"null"),
        _raw(GOOD, b"{"),
        _raw(GOOD, b"\xff"),
        _raw(GOOD, b'{"a":NaN}'),
        _raw(GOOD, b'{"exp":1,"exp":2}'),
        _raw(b'{"alg":"none","alg":"ES256"}', b"{}"),
        _raw(GOOD, b"[" * 4000),
        _raw(GOOD, b'{"a":' * 1000 + b"1" + b"}" * 1000),
        _raw(b"{}", b"{}"),
        _raw(b'{"alg":["ES256"]}', b"{}"),
        _raw(b'{"alg":null}', b"{}"),
        _raw(GOOD, b"{}", ""),
        _raw(GOOD, b"{}", "A"),
        _raw(GOOD, b"{}", "AB"),  # Not canonical: the last bits are not zero.
        _raw(GOOD, b"{}", "ä"),
        "é" * 10,
        "x" * (JWT_BYTES_MAX + 1),
    ],
)
def test_what_is_no_token_is_refused_and_never_crashes(token):
    with pytest.raises(JWTInvalid):
        read(token)


@pytest.mark.parametrize("signature", ["AA", b64(b"\0" * 64), b64(b"\xff" * 64), b64(b"\0" * 1000)])
@pytest.mark.parametrize("alg", KEYS)
def test_degenerate_signatures_do_not_verify(alg, signature):
    token = read(_raw(json.dumps({"alg": alg}).encode(), b"{}", signature))
    assert not verify_signature(token, [public(KEYS[alg])])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("alg", "key"),
    [
        ("PS256", {"kty": "RSA", "e": "AQAB", "n": "0" * 171}),
        ("PS256", {"kty": "RSA", "e": "AQAB", "n": "z" * 2731}),
        ("ES256", jwk.ECKey.generate_key("P-384").as_dict(private=False)),
        ("ES256", EC_KEY.as_dict(private=True)),
        ("EdDSA", jwk.OKPKey.generate_key("X25519").as_dict(private=False)),
        ("EdDSA", jwk.OKPKey.generate_key("Ed448").as_dict(private=False)),
        ("ES256", {"kty": "oct", "k": "AAAA"}),
        ("ES256", {}),
        ("ES256", EC_KEY.as_dict(private=False) | {"use": "enc"}),
        ("ES256", EC_KEY.as_dict(private=False) | {"alg": "ES384"}),
        ("ES256", EC_KEY.as_dict(private=False) | {"x": 5}),
        ("PS256", {"kty": "RSA", "e": "AQAB", "n": 5}),
    ],
)
def test_keys_not_fit_for_the_algorithm_are_refused(alg, key):
    with pytest.raises(JWTInvalid):
        check_public_key(key, alg)


@pytest.mark.parametrize(
    "value",
    [None, "1", True, False, [], {}, float("nan"), float("inf"), -1, 10**15, 10**400, 1e300, -0.5],
)
def test_what_is_no_moment_is_none(value):
    assert numeric_date(value) is None


def test_moments_may_have_fractions():
    assert numeric_date(1.5) == datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC)


def test_what_we_sign_we_can_read():
    token = sign_jwt({"sub": "ä"}, key=EC_KEY, kid="k")
    assert json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "==")) == {
        "alg": "ES256",
        "kid": "k",
        "typ": "JWT",
    }
    assert verify_signature(read(token), [public(EC_KEY)])
