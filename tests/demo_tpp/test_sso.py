"""ShopPay's SSO token: who may ask for what (S0-15 to S0-17, S0-34 to S0-36)."""

import base64
import hmac
import json
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from examples.demo_tpp.sso import SSO, SSOTokenRefused, make_signing_key
from examples.demo_tpp.users import DEMO_PASSWORD, DEMO_USER_ID, HASH_METHOD, RegistrationRefused
from tests.demo_tpp.conftest import BASE_URL, TPP, Clock

pytestmark = pytest.mark.req("S0-36")


@pytest.fixture(scope="module")
def key_pem() -> bytes:
    return make_signing_key()


@pytest.fixture
def sso(key_pem: bytes, clock: Clock) -> SSO:
    return SSO(private_key_pem=key_pem, issuer=BASE_URL, is_revoked=lambda jti: jti == "gone", clock=clock)


def reason(sso: SSO, token: str | None, scope: str | None = "pay") -> str:
    with pytest.raises(SSOTokenRefused) as caught:
        sso.verify(token, scope=scope)
    return caught.value.reason


def forge(sso: SSO, key: Any, claims: dict[str, Any], **header: Any) -> str:
    """A token signed with ``key``, by default with ShopPay's own header."""
    good = sso.issue(subject="u-1")
    own = json.loads(base64.urlsafe_b64decode(good.split(".")[0] + "=="))
    header = own | header
    return jwt.encode(header, claims, key, algorithms=[header["alg"]])


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def claims_of(sso: SSO, **changes: Any) -> dict[str, Any]:
    payload = sso.issue(subject="u-1").split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))) | changes


def test_a_token_of_ours_is_accepted(sso: SSO) -> None:
    claims = sso.verify(sso.issue(subject="u-1", scopes=["pay"]), scope="pay")
    assert claims.subject == "u-1"
    assert claims.scopes == {"pay"}


@pytest.mark.req("S0-16")
def test_the_token_is_an_es256_jwt_for_15_minutes(sso: SSO, clock: Clock) -> None:
    token = sso.issue(subject="u-1")
    header = json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))
    claims = claims_of(sso)
    assert header["alg"] == "ES256"
    assert header["kid"]
    assert claims["exp"] - claims["iat"] == 15 * 60
    assert (claims["iss"], claims["aud"]) == (BASE_URL, f"{BASE_URL}/api")


@pytest.mark.parametrize("token", [None, ""])
def test_a_missing_token_is_refused(sso: SSO, token: str | None) -> None:
    assert reason(sso, token) == "missing"


@pytest.mark.parametrize("token", ["x", "a.b", "a.b.c.d", "a.b.c d", "é.b.c", "a" * 5000, "..", "a..c"])
def test_what_is_no_jwt_is_refused(sso: SSO, token: str) -> None:
    assert reason(sso, token) in ("malformed", "signature")


def test_an_expired_token_is_refused_from_the_very_second(sso: SSO, clock: Clock) -> None:
    token = sso.issue(subject="u-1")
    clock.now += 15 * 60 - 1
    sso.verify(token, scope="pay")
    clock.now += 1
    assert reason(sso, token) == "expired"


def test_another_key_is_refused(sso: SSO) -> None:
    assert reason(sso, forge(sso, ECKey.generate_key("P-256"), claims_of(sso))) == "signature"


def test_changed_claims_are_refused(sso: SSO) -> None:
    header, _, signature = sso.issue(subject="u-1", scopes=["enrol"]).split(".")
    payload = encoded(json.dumps(claims_of(sso)).encode())
    assert reason(sso, f"{header}.{payload}.{signature}") == "signature"


def test_a_token_without_signature_is_refused(sso: SSO) -> None:
    header = encoded(b'{"alg":"none","typ":"sso+jwt"}')
    payload = sso.issue(subject="u-1").split(".")[1]
    assert reason(sso, f"{header}.{payload}.") == "signature"


def test_our_public_key_used_as_a_hmac_secret_is_refused(sso: SSO, key_pem: bytes) -> None:
    # Made by hand: the library would not let itself be used for this.
    key = ECKey.import_key(key_pem)
    good = sso.issue(subject="u-1")
    header = json.loads(base64.urlsafe_b64decode(good.split(".")[0] + "==")) | {"alg": "HS256"}
    signed = encoded(json.dumps(header).encode()) + "." + good.split(".")[1]
    for secret in (key.as_pem(private=False), key.as_der(private=False)):
        signature = encoded(hmac.digest(secret, signed.encode(), "sha256"))
        assert reason(sso, f"{signed}.{signature}") == "signature"


def test_a_key_inside_the_token_is_not_used(sso: SSO) -> None:
    own = RSAKey.generate_key(2048)
    header = {"alg": "RS256", "typ": "sso+jwt", "jwk": own.as_dict(private=False)}
    token = jwt.encode(header, claims_of(sso), own, algorithms=["RS256"])
    assert reason(sso, token) == "signature"


def test_a_token_of_another_kind_signed_with_our_key_is_refused(sso: SSO, key_pem: bytes) -> None:
    key = ECKey.import_key(key_pem)
    assert reason(sso, forge(sso, key, claims_of(sso), typ="JWT")) == "signature"
    assert reason(sso, forge(sso, key, claims_of(sso), kid="other")) == "signature"


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "https://elsewhere.example/api"},
        {"iss": "https://elsewhere.example"},
        {"exp": None},
        {"exp": "tomorrow"},
        {"sub": ""},
        {"jti": None},
        {"scope": None},
        {"nbf": 4_000_000_000},
    ],
)
def test_wrong_claims_under_our_signature_are_refused(
    sso: SSO, key_pem: bytes, changes: dict[str, Any]
) -> None:
    assert reason(sso, forge(sso, ECKey.import_key(key_pem), claims_of(sso, **changes))) == "claims"


def test_a_token_without_this_authorisation_is_refused(sso: SSO) -> None:
    assert reason(sso, sso.issue(subject="u-1", scopes=["enrol", "accounts"])) == "scope"
    assert reason(sso, sso.issue(subject="u-1", scopes=[])) == "scope"


def test_a_logged_out_token_is_refused(tpp: TPP) -> None:
    headers = tpp.bearer()
    assert tpp.browser.get("/api/enrolments", headers=headers).status_code == 200
    assert tpp.browser.post("/api/logout", headers=headers).status_code == 204
    answer = tpp.browser.get("/api/enrolments", headers=headers)
    assert answer.status_code == 401
    assert answer.json["error"] == "invalid_token"


@pytest.mark.req("S0-17")
@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer"}, {"Authorization": "Basic cGF1bGE6eA=="}])
def test_the_api_says_clearly_that_the_token_is_missing(tpp: TPP, header: dict[str, str]) -> None:
    answer = tpp.browser.post("/api/enrol", json={"iban": "DE44100999000000000017"}, headers=header)
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    assert answer.json["error_description"] == "Log in first: this needs a ShopPay token."
    assert tpp.bank.requests == []


@pytest.mark.req("S0-17", "S0-35")
def test_an_expired_or_forged_token_reaches_no_bank(tpp: TPP) -> None:
    headers = tpp.bearer()
    tpp.clock.now += 15 * 60
    for path, body in (("/api/enrol", {"iban": "x"}), ("/api/payments", {})):
        answer = tpp.browser.post(path, json=body, headers=headers)
        assert answer.status_code == 401
        assert "expired" in answer.json["error_description"]
    headers["Authorization"] = headers["Authorization"][:-8] + "AAAAAAAA"
    assert tpp.browser.post("/api/payments", json={}, headers=headers).status_code == 401
    assert tpp.bank.requests == []


def test_a_narrow_token_may_do_only_what_it_names(tpp: TPP) -> None:
    answer = tpp.browser.post("/api/payments", json={}, headers=tpp.bearer("enrol accounts"))
    assert answer.status_code == 403
    assert answer.json["error"] == "insufficient_scope"
    answer = tpp.browser.post("/api/enrol", json={"iban": "x"}, headers=tpp.bearer("pay"))
    assert answer.status_code == 403


def test_the_cookie_is_no_proof_for_the_api(tpp: TPP) -> None:
    tpp.log_in()
    assert tpp.browser.get("/banks").status_code == 200
    assert tpp.browser.get("/api/enrolments").status_code == 401


@pytest.mark.req("S0-15", "S0-34")
class TestLogIn:
    def test_wrong_password_and_unknown_user_look_alike(self, tpp: TPP) -> None:
        wrong = tpp.browser.post("/api/login", json={"userId": DEMO_USER_ID, "password": "no"})
        unknown = tpp.browser.post("/api/login", json={"userId": "nobody", "password": "no"})
        assert wrong.status_code == unknown.status_code == 401
        assert wrong.json == unknown.json

    def test_five_wrong_passwords_block_for_a_minute_even_the_right_one(self, tpp: TPP) -> None:
        for _ in range(5):
            tpp.browser.post("/api/login", json={"userId": DEMO_USER_ID, "password": "no"})
        right = {"userId": DEMO_USER_ID, "password": DEMO_PASSWORD}
        assert tpp.browser.post("/api/login", json=right).status_code == 401
        tpp.clock.now += 61
        assert tpp.browser.post("/api/login", json=right).status_code == 200

    def test_the_page_puts_the_token_into_an_http_only_cookie(self, tpp: TPP) -> None:
        answer = tpp.log_in(following="/pay?basket=lamp")
        assert answer.status_code == 303
        assert answer.headers["Location"] == "/pay?basket=lamp"
        cookie = next(
            value for value in answer.headers.getlist("Set-Cookie") if value.startswith("shoppay_sso=")
        )
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie

    @pytest.mark.parametrize(
        "following", ["https://evil.example", "//evil.example", "/\\evil.example", "/x\r\ny", ""]
    )
    @pytest.mark.req("S0-3")
    def test_log_in_never_leads_elsewhere(self, tpp: TPP, following: str) -> None:
        assert tpp.log_in(following=following).headers["Location"] == "/"

    def test_passwords_are_stored_as_scrypt_hashes(self, tpp: TPP) -> None:
        user = tpp.services.store.get_user_by_user_id(DEMO_USER_ID)
        assert user is not None
        assert user.password_hash.startswith("scrypt:")
        assert DEMO_PASSWORD not in user.password_hash
        assert HASH_METHOD == "scrypt:16384:8:5", "16 MiB, five rounds (OWASP)"

    def test_a_new_user_registers_and_sees_nothing_of_others(self, tpp: TPP) -> None:
        tpp.enrolled()
        body = {"userId": "quentin", "password": "a-long-password"}
        assert tpp.browser.post("/api/register", json=body).status_code == 201
        assert tpp.browser.post("/api/register", json=body).json["error"] == "registration_taken"
        token = tpp.browser.post("/api/login", json=body).json["token"]
        found = tpp.browser.get("/api/enrolments", headers={"Authorization": f"Bearer {token}"})
        assert found.json == {"enrolments": []}

    @pytest.mark.parametrize(
        ("user_id", "password", "wrong"),
        [
            ("x", "a-long-password", "user_id"),
            ("a b c", "a-long-password", "user_id"),
            ("quentin", "short", "password"),
        ],
    )
    def test_registration_names_what_is_wrong(
        self, tpp: TPP, user_id: str, password: str, wrong: str
    ) -> None:
        with pytest.raises(RegistrationRefused) as caught:
            tpp.services.users.register(user_id=user_id, password=password)
        assert caught.value.reason == wrong
