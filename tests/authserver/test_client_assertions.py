from datetime import UTC, datetime, timedelta

import pytest

from apps.authserver.client_assertions import check_assertion_claims, read_client_assertion
from apps.authserver.refusals import ClientAuthenticationFailed
from tests.authserver.kit import EC_KEY, ISSUER, TPPProgram, signed

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
T = int(NOW.timestamp())
program = TPPProgram("the-app")


def check(**changes):
    client_id, token = read_client_assertion(program.assertion(**({"iat": T, "exp": T + 60} | changes)))
    return check_assertion_claims(token, client_id=client_id, issuer=ISSUER, now=NOW)


def test_a_good_assertion_is_believed_and_remembered_until_it_is_over():
    claims = check(jti="j")
    assert claims.jti == "j"
    assert claims.remember_until >= NOW + timedelta(seconds=60)


@pytest.mark.req("AS-17")
@pytest.mark.parametrize(
    "aud",
    [
        None,
        [ISSUER],
        [ISSUER, "https://other.example"],
        f"{ISSUER}/",
        f"{ISSUER}/oauth/token",
        f"{ISSUER}/oauth/par",
        "https://other.example",
        "",
        {},
    ],
)
def test_the_audience_is_the_issuer_as_one_string(aud):
    with pytest.raises(ClientAuthenticationFailed):
        check(aud=aud)


@pytest.mark.req("AS-16")
@pytest.mark.parametrize(
    "changes",
    [
        {"exp": None},
        {"exp": T - 300},
        {"exp": T - 11},
        {"exp": T + 3700},
        {"exp": str(T + 60)},
        {"exp": True},
        {"exp": 10**30},
        {"iat": T + 61},
        {"nbf": T + 61},
        {"iat": "now"},
        {"nbf": []},
    ],
)
def test_an_assertion_has_its_time(changes):
    with pytest.raises(ClientAuthenticationFailed):
        check(**changes)


@pytest.mark.req("AS-16")
@pytest.mark.parametrize(
    "changes",
    [{"iat": T + 8}, {"nbf": T + 8}, {"iat": None}, {"exp": T + 3600}, {"exp": T + 0.5}, {"nbf": T - 9999}],
)
def test_clocks_may_differ_a_little(changes):
    check(**changes)


@pytest.mark.req("AS-18")
@pytest.mark.parametrize(
    "changes",
    [
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": ["the-app"]},
        {"sub": "x" * 65},
        {"sub": "the-app\u0000"},
        {"sub": "the app"},
        {"iss": None},
        {"iss": "another-app"},
        {"iss": ISSUER},
    ],
)
def test_issuer_and_subject_are_the_client(changes):
    with pytest.raises(ClientAuthenticationFailed):
        check(**changes)


@pytest.mark.req("AS-19")
@pytest.mark.parametrize("jti", [None, "", 5, "x" * 256, ["j"]])
def test_an_assertion_has_a_name(jti):
    with pytest.raises(ClientAuthenticationFailed):
        check(jti=jti)


@pytest.mark.parametrize("typ", ["JWT", "jwt", "client-authentication+jwt"])
def test_both_types_of_assertion_are_read(typ):
    read_client_assertion(program.assertion(header={"typ": typ}))


@pytest.mark.parametrize("typ", ["dpop+jwt", "at+jwt", "oauth-authz-req+jwt", ""])
def test_a_token_made_for_something_else_is_no_assertion(typ):
    with pytest.raises(ClientAuthenticationFailed):
        read_client_assertion(program.assertion(header={"typ": typ}))


def test_text_is_no_assertion():
    for text in ("", "x", signed({"alg": "ES256"}, b"[]", EC_KEY)):
        with pytest.raises(ClientAuthenticationFailed):
            read_client_assertion(text)
