"""The token endpoint under attack. Each test cites the case of the catalogue that it plays."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.authserver import services
from apps.authserver.models import AccessToken, Application, Grant, RefreshToken, SpentAssertion
from apps.authserver.refusals import TokenInvalid
from apps.consents.models import Consent
from apps.consents.services import revoke_consent, terminate_consent
from apps.core import clock
from apps.tpp.services import block_tpp, retire_app_key, suspend_app
from tests.authserver.kit import (
    ASSERTION_TYPE,
    EC_KEY,
    FORM,
    ISSUER,
    OTHER_EC_KEY,
    PKCE,
    RSA_KEY,
    TPPProgram,
    claims_of,
    hmac_signed,
    signed,
)
from tests.authserver.world import World


def assert_error(response, status: int, error: str) -> None:
    """An OAuth error, never to be stored, with no challenge (trap 15)."""
    assert (response.status_code, response.json()["error"]) == (status, error), response.content
    assert response["Content-Type"] == "application/json"
    assert response["Cache-Control"] == "no-store"
    assert "WWW-Authenticate" not in response
    assert set(response.json()) <= {"error", "error_description"}


def assert_no_tokens() -> None:
    assert not AccessToken.objects.exists()
    assert not RefreshToken.objects.exists()


# The code --------------------------------------------------------------------------------------------


@pytest.mark.req("AS-1", "AS-TRAP-8")
def test_a_code_used_twice_takes_every_token_with_it(world: World):
    tokens = world.tokens()
    refreshed = world.shoppay.program.refresh(tokens.refresh).json()["access_token"]
    assert_error(world.shoppay.program.redeem(tokens.code, tokens.pkce), 400, "invalid_grant")
    for token in (tokens.access, refreshed):
        with pytest.raises(TokenInvalid):
            services.authenticate_access_token(token=token, now=clock.now())
    assert_error(world.shoppay.program.refresh(tokens.refresh), 400, "invalid_grant")
    with pytest.raises(Exception, match="revoked"):
        services.verify_id_token(token=tokens.id, app=world.shoppay.app, now=clock.now())
    assert AuditEvent.objects.filter(event="authserver.code.replayed", object_id=tokens.consent.pk).exists()


@pytest.mark.req("AS-TRAP-8")
def test_a_replayed_code_does_no_harm_to_other_families(world: World):
    first, second = world.tokens(), world.tokens()
    world.shoppay.program.redeem(first.code, first.pkce)
    assert services.authenticate_access_token(token=second.access, now=clock.now())


@pytest.mark.req("AS-3")
def test_a_code_dies_after_sixty_seconds(world: World):
    tokens = world.code()
    grant = Grant.objects.get()
    assert grant.expires - grant.created <= timedelta(seconds=60)
    past = timezone.now() - timedelta(seconds=61)
    Grant.objects.update(created=past, expires=past + timedelta(seconds=60))
    assert_error(world.shoppay.program.redeem(tokens.code, tokens.pkce), 400, "invalid_grant")
    assert_no_tokens()


@pytest.mark.req("AS-4")
def test_a_code_of_another_client_is_refused_and_stays_usable_for_its_owner(world: World):
    tokens = world.code()
    assert_error(world.finanzblick.program.redeem(tokens.code, tokens.pkce), 400, "invalid_grant")
    assert_no_tokens()
    assert world.shoppay.program.redeem(tokens.code, tokens.pkce).status_code == 200


@pytest.mark.req("AS-4")
def test_a_used_code_shown_by_another_client_harms_nobody(world: World):
    tokens = world.tokens()
    assert_error(world.finanzblick.program.redeem(tokens.code, tokens.pkce), 400, "invalid_grant")
    assert services.authenticate_access_token(token=tokens.access, now=clock.now())


@pytest.mark.req("AS-5", "AS-TRAP-9")
@pytest.mark.parametrize("uri", ["", "https://shoppay.example/other?shop=7", "https://evil.example/"])
def test_the_redirect_uri_is_that_of_the_request(world: World, uri):
    tokens = world.code()
    response = world.shoppay.program.redeem(tokens.code, tokens.pkce, redirect_uri=uri)
    assert_error(response, 400, "invalid_grant")
    assert_no_tokens()


@pytest.mark.req("AS-6", "AS-TRAP-9")
@pytest.mark.parametrize("verifier", ["", "short", "x" * 43, "x" * 200, "ä" * 43])
def test_no_or_a_wrong_verifier_is_invalid_grant(world: World, verifier):
    tokens = world.code()
    response = world.shoppay.program.redeem(tokens.code, tokens.pkce, code_verifier=verifier)
    assert_error(response, 400, "invalid_grant")
    assert_no_tokens()


@pytest.mark.req("AS-6")
def test_the_challenge_is_no_verifier(world: World):
    tokens = world.code()
    response = world.shoppay.program.redeem(tokens.code, tokens.pkce, code_verifier=tokens.pkce.challenge)
    assert_error(response, 400, "invalid_grant")


@pytest.mark.req("AS-6")
def test_a_verifier_cannot_be_guessed_in_a_second_try(world: World):
    tokens = world.code()
    world.shoppay.program.redeem(tokens.code, tokens.pkce, code_verifier="x" * 43)
    assert_error(world.shoppay.program.redeem(tokens.code, tokens.pkce), 400, "invalid_grant")
    assert_no_tokens()


@pytest.mark.req("AS-8")
def test_the_verifier_of_another_flow_does_not_fit(world: World):
    first, second = world.code(), world.code()
    assert_error(world.shoppay.program.redeem(first.code, second.pkce), 400, "invalid_grant")
    assert_no_tokens()


@pytest.mark.parametrize("code", ["", "x", "x" * 5000, "a' or 1=1", "\u00e4"])
def test_garbage_is_no_code(world: World, code):
    error = "invalid_grant" if code else "invalid_request"
    assert_error(world.shoppay.program.redeem(code, PKCE()), 400, error)


@pytest.mark.req("S0-27")
@pytest.mark.parametrize("end", ["revoke", "terminate", "deactivate"])
def test_a_code_is_worth_nothing_once_consent_or_customer_is_gone(world: World, end):
    tokens = world.code()
    _end(world, tokens.consent, end)
    assert_error(world.shoppay.program.redeem(tokens.code, tokens.pkce), 400, "invalid_grant")
    assert_no_tokens()


def _end(world: World, consent: Consent, how: str) -> None:
    if how == "revoke":
        revoke_consent(consent_id=consent.pk, psu_id=world.anna.psu.pk, now=clock.now())
    elif how == "terminate":
        terminate_consent(consent_id=consent.pk, app_id=world.shoppay.app.pk, now=clock.now())
    elif how == "expire":
        Consent.objects.filter(pk=consent.pk).update(valid_until="2020-01-01")
    else:
        world.anna.psu.user.is_active = False
        world.anna.psu.user.save()


# Client authentication -------------------------------------------------------------------------------


@pytest.mark.req("AS-14", "AS-TRAP-1", "AS-TRAP-15")
@pytest.mark.parametrize(
    "form",
    [
        {},
        {"client_secret": ""},
        {"client_secret": "guess"},
        {"client_assertion_type": ASSERTION_TYPE},
        {"client_assertion": "x"},
        {"client_assertion": "x", "client_assertion_type": "urn:other"},
    ],
)
def test_without_an_assertion_nobody_is_let_in(world: World, form):
    world.shoppay.program.client_token("aisp")  # The library's row of the app exists.
    base = {"grant_type": "client_credentials", "scope": "aisp", "client_id": world.shoppay.app.client_id}
    assert_error(world.shoppay.program.post("/oauth/token", base | form), 401, "invalid_client")


@pytest.mark.req("AS-14", "AS-TRAP-1")
def test_not_even_the_stored_secret_lets_anybody_in(world: World):
    world.shoppay.program.client_token("aisp")
    secret = Application.objects.get().client_secret
    form = {"grant_type": "client_credentials", "scope": "aisp", "client_id": world.shoppay.app.client_id}
    response = world.shoppay.program.post("/oauth/token", form | {"client_secret": secret})
    assert_error(response, 401, "invalid_client")


@pytest.mark.req("AS-14")
@pytest.mark.parametrize("authorization", ["Basic YTo=", "Basic !!", "Bearer x", "Basic"])
def test_the_authorization_header_is_no_way_in(world: World, authorization):
    form = {"grant_type": "client_credentials", "scope": "aisp", "client_id": world.shoppay.app.client_id}
    response = world.shoppay.program.post("/oauth/token", form, authorization=authorization)
    assert_error(response, 401, "invalid_client")


@pytest.mark.req("AS-20")
def test_two_ways_at_once_are_refused(world: World):
    program = world.shoppay.program
    form = program.proof() | {"grant_type": "client_credentials", "scope": "aisp"}
    assert_error(program.post("/oauth/token", form | {"client_secret": "x"}), 400, "invalid_request")
    response = program.post("/oauth/token", form, authorization="Basic YTpi")
    assert_error(response, 400, "invalid_request")


@pytest.mark.req("AS-20")
def test_client_id_and_assertion_name_the_same_client(world: World):
    program = world.shoppay.program
    assert (
        program.token(grant_type="client_credentials", scope="aisp", client_id=program.client_id).status_code
        == 200
    )
    other = world.finanzblick.program.client_id
    response = program.token(grant_type="client_credentials", scope="aisp", client_id=other)
    assert_error(response, 401, "invalid_client")


def _attempt(world: World, assertion: str):
    form = world.shoppay.program.proof(assertion) | {"grant_type": "client_credentials", "scope": "aisp"}
    return world.shoppay.program.post("/oauth/token", form)


@pytest.mark.req("AS-15")
def test_other_algorithms_do_not_authenticate(world: World):
    program = world.shoppay.program
    claims, kid = program.claims(), program.kid
    attempts = [
        signed({"alg": "none", "kid": kid}, claims, None),
        hmac_signed({"alg": "HS256", "kid": kid}, claims, EC_KEY.as_pem(private=False)),
        hmac_signed({"alg": "HS256", "kid": kid}, claims, json.dumps(EC_KEY.as_dict()).encode()),
        signed({"alg": "RS256", "kid": kid}, claims, RSA_KEY),
    ]
    for assertion in attempts:
        assert_error(_attempt(world, assertion), 401, "invalid_client")


@pytest.mark.req("AS-16", "AS-17", "AS-18", "AS-19")
@pytest.mark.parametrize(
    "change",
    [
        {"exp": None},
        {"exp": 1},
        {"exp": 9_999_999_999},
        {"iat": 9_999_999_999},
        {"nbf": 9_999_999_999},
        {"aud": [ISSUER]},
        {"aud": f"{ISSUER}/oauth/token"},
        {"aud": "https://other.example"},
        {"aud": None},
        {"sub": None},
        {"sub": "somebody-else"},
        {"iss": "somebody-else"},
        {"jti": None},
        {"sub": {"$ne": 1}},
        {"exp": "NaN"},
        {"exp": 1e400},
    ],
)
def test_an_assertion_with_a_wrong_claim_does_not_authenticate(world: World, change):
    assert_error(_attempt(world, world.shoppay.program.assertion(**change)), 401, "invalid_client")
    assert_no_tokens()


@pytest.mark.req("AS-18")
def test_an_assertion_signed_with_another_clients_key_does_not_authenticate(world: World):
    assertion = world.shoppay.program.assertion(key=OTHER_EC_KEY)
    assert_error(_attempt(world, assertion), 401, "invalid_client")


@pytest.mark.req("AS-18")
def test_an_assertion_of_another_client_does_not_speak_for_this_one(world: World):
    mine, theirs = world.shoppay.program, world.finanzblick.program
    assertion = theirs.assertion(sub=mine.client_id, iss=mine.client_id, header={"kid": "unknown"})
    assert_error(_attempt(world, assertion), 401, "invalid_client")


@pytest.mark.req("AS-19")
def test_an_assertion_works_once(world: World):
    assertion = world.shoppay.program.assertion()
    assert _attempt(world, assertion).status_code == 200
    assert_error(_attempt(world, assertion), 401, "invalid_client")
    assert AccessToken.objects.count() == 1


@pytest.mark.req("AS-19")
def test_an_assertion_is_spent_by_a_request_that_fails_and_at_any_endpoint(world: World):
    program = world.shoppay.program
    assertion = program.assertion()
    form = program.proof(assertion) | {"grant_type": "authorization_code", "code": "x"}
    assert_error(program.post("/oauth/token", form), 400, "invalid_grant")
    assert_error(_attempt(world, assertion), 401, "invalid_client")
    assertion = program.assertion()
    assert program.post("/oauth/revoke", program.proof(assertion) | {"token": "x"}).status_code == 200
    assert_error(_attempt(world, assertion), 401, "invalid_client")


@pytest.mark.req("AS-19")
def test_two_clients_may_use_the_same_name_for_an_assertion(world: World):
    for company in (world.shoppay, world.finanzblick):
        program = company.program
        form = program.proof(program.assertion(jti="same")) | {"grant_type": "client_credentials"}
        assert program.post("/oauth/token", form | {"scope": "aisp"}).status_code == 200
    assert SpentAssertion.objects.count() == 2


@pytest.mark.req("AS-31")
def test_a_suspended_app_a_blocked_tpp_and_a_retired_key_do_not_authenticate(world: World):
    app, program, staff = world.shoppay.app, world.shoppay.program, uuid4()
    suspend_app(app_id=app.pk, suspended=True, staff_id=staff, reason="r", now=clock.now())
    assert_error(program.client_token("aisp"), 401, "invalid_client")
    suspend_app(app_id=app.pk, suspended=False, staff_id=staff, reason="r", now=clock.now())
    assert program.client_token("aisp").status_code == 200
    retire_app_key(app_id=app.pk, kid=program.kid, member_id=None, now=clock.now())
    assert_error(program.client_token("aisp"), 401, "invalid_client")
    finanzblick = world.finanzblick
    assert finanzblick.program.client_token("aisp").status_code == 200
    block_tpp(tpp_id=finanzblick.app.tpp_id, reason="fraud", staff_id=staff, now=clock.now())
    assert_error(finanzblick.program.client_token("aisp"), 401, "invalid_client")


@pytest.mark.req("AS-50")
def test_unknown_client_and_wrong_key_are_answered_alike(world: World):
    unknown = TPPProgram("unknown-client").client_token("aisp")
    wrong_key = _attempt(world, world.shoppay.program.assertion(key=OTHER_EC_KEY))
    no_assertion = world.shoppay.program.post(
        "/oauth/token", {"grant_type": "client_credentials", "scope": "aisp"}
    )
    assert_error(unknown, 401, "invalid_client")
    assert unknown.content == wrong_key.content == no_assertion.content
    headers = [
        {name: value for name, value in r.items() if name != "X-Request-ID"} for r in (unknown, wrong_key)
    ]
    assert headers[0] == headers[1]


@pytest.mark.req("AS-50")
def test_unknown_client_and_wrong_key_cost_the_same_work(world: World, monkeypatch):
    from apps.authserver import jose

    verified: list[str] = []
    for name, algorithm in jose._ALGORITHMS.items():
        monkeypatch.setitem(jose._ALGORITHMS, name, _Counting(algorithm, verified))
    work = []
    for assertion in (
        world.shoppay.program.assertion(key=OTHER_EC_KEY),
        TPPProgram("unknown-client").assertion(key=OTHER_EC_KEY),
    ):
        verified.clear()
        with CaptureQueriesContext(connection) as queries:
            _attempt(world, assertion)
        work.append((len(verified), len(queries)))
    (checks, statements), (decoy_checks, decoy_statements) = work
    assert checks == decoy_checks == 1
    assert statements - decoy_statements <= 1  # The keys of a known app are a second, indexed query.


class _Counting:
    """An algorithm that counts how often it verifies."""

    def __init__(self, algorithm: Any, counted: list[str]) -> None:
        self.algorithm, self.counted = algorithm, counted

    def verify(self, *args: Any) -> bool:
        self.counted.append(self.algorithm.name)
        return self.algorithm.verify(*args)

    def check_key(self, key: Any) -> None:
        self.algorithm.check_key(key)


# Grants and scopes -----------------------------------------------------------------------------------


@pytest.mark.req("AS-40")
@pytest.mark.parametrize(
    "grant_type",
    [
        "password",
        "implicit",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "urn:openid:params:grant-type:ciba",
        "openid",
        "Authorization_Code",
        "x" * 1000,
    ],
)
def test_other_grants_do_not_exist(world: World, grant_type):
    response = world.shoppay.program.token(
        grant_type=grant_type, username="anna", password="linden-anna-2026", code="x", scope="aisp"
    )
    assert_error(response, 400, "unsupported_grant_type")


def test_a_grant_type_is_needed(world: World):
    assert_error(world.shoppay.program.token(), 400, "invalid_request")


@pytest.mark.req("AS-TRAP-6", "AS-34")
@pytest.mark.parametrize("scope", ["", "pisp", "aisp pisp", "openid", "AIS:1", "aisp openid", "admin", "*"])
def test_an_app_gets_no_scope_beyond_its_licence_and_none_unasked(world: World, scope):
    response = world.finanzblick.program.client_token(scope)
    assert_error(response, 400, "invalid_scope")
    assert_no_tokens()


@pytest.mark.req("AS-TRAP-4")
def test_a_scope_in_the_token_request_does_not_widen_the_grant(world: World):
    tokens = world.code()
    response = world.shoppay.program.redeem(tokens.code, tokens.pkce, scope="aisp pisp openid admin")
    assert set(response.json()["scope"].split()) == {"openid", f"AIS:{tokens.consent.pk}"}


# Refresh ---------------------------------------------------------------------------------------------


def test_a_refresh_gives_new_access_and_id_tokens_and_keeps_the_refresh_token(world: World):
    tokens = world.tokens()
    body = world.shoppay.program.refresh(tokens.refresh).json()
    assert body["refresh_token"] == tokens.refresh
    assert body["access_token"] != tokens.access
    first, second = claims_of(tokens.id), claims_of(body["id_token"])
    assert first["jti"] != second["jti"]
    assert {first[name] == second[name] for name in ("sub", "aud", "auth_time", "acr", "nonce")} == {True}
    for token in (tokens.access, body["access_token"]):
        assert (
            services.authenticate_access_token(token=token, now=clock.now()).consent_id == tokens.consent.pk
        )
    assert AccessToken.objects.count() == 2
    assert RefreshToken.objects.count() == 1
    assert services.verify_id_token(token=body["id_token"], app=world.shoppay.app, now=clock.now())


@pytest.mark.req("AS-35")
def test_a_refresh_token_belongs_to_its_client(world: World):
    tokens = world.tokens()
    assert_error(world.finanzblick.program.refresh(tokens.refresh), 400, "invalid_grant")
    response = world.shoppay.program.post(
        "/oauth/token", {"grant_type": "refresh_token", "refresh_token": tokens.refresh}
    )
    assert_error(response, 401, "invalid_client")
    assert_error(world.shoppay.program.token(grant_type="refresh_token"), 400, "invalid_request")
    assert world.shoppay.program.refresh(tokens.refresh).status_code == 200


@pytest.mark.req("AS-35", "AS-TRAP-11")
@pytest.mark.parametrize("end", ["revoke", "terminate", "deactivate", "expire"])
def test_a_refresh_ends_with_consent_and_customer(world: World, end):
    tokens = world.tokens()
    _end(world, tokens.consent, end)
    assert_error(world.shoppay.program.refresh(tokens.refresh), 400, "invalid_grant")
    assert AccessToken.objects.count() == 1


@pytest.mark.req("AS-35")
def test_a_refresh_token_has_an_end(world: World):
    tokens = world.tokens()
    RefreshToken.objects.update(expires_at=timezone.now())
    assert_error(world.shoppay.program.refresh(tokens.refresh), 400, "invalid_grant")


@pytest.mark.req("AS-36")
@pytest.mark.parametrize("scope", ["openid pisp", "aisp", "openid AIS:00000000-0000-4000-8000-000000000000"])
def test_a_refresh_never_widens(world: World, scope):
    tokens = world.tokens()
    assert_error(world.shoppay.program.refresh(tokens.refresh, scope=scope), 400, "invalid_scope")


def test_a_refresh_may_narrow_and_what_is_left_out_is_not_tied(world: World):
    tokens = world.tokens()
    body = world.shoppay.program.refresh(tokens.refresh, scope="openid").json()
    context = services.authenticate_access_token(token=body["access_token"], now=clock.now())
    assert context.scopes == {"openid"}
    assert context.consent_id is None
    body = world.shoppay.program.refresh(tokens.refresh, scope=f"AIS:{tokens.consent.pk}").json()
    assert "id_token" not in body
    context = services.authenticate_access_token(token=body["access_token"], now=clock.now())
    assert context.consent_id == tokens.consent.pk


@pytest.mark.parametrize("what", ["access", "id", "code"])
def test_only_a_refresh_token_refreshes(world: World, what):
    tokens = world.tokens()
    assert_error(world.shoppay.program.refresh(getattr(tokens, what)), 400, "invalid_grant")


# The request itself ----------------------------------------------------------------------------------


@pytest.mark.req("AS-13")
@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/revoke"])
@pytest.mark.parametrize("method", ["get", "put", "patch", "delete", "head", "options"])
def test_only_post_is_allowed(db, path, method):
    response = getattr(Client(), method)(path)
    assert response.status_code == 405
    assert response["Allow"] == "POST"


@pytest.mark.req("AS-21", "AS-TRAP-10")
@pytest.mark.parametrize(
    "name", ["grant_type", "code", "client_id", "redirect_uri", "client_assertion", "scope", "resource", "x"]
)
def test_a_repeated_parameter_is_refused_even_when_equal(world: World, name):
    tokens = world.code()
    program = world.shoppay.program
    form = program.proof() | {
        "grant_type": "authorization_code",
        "code": tokens.code,
        "redirect_uri": program.redirect_uri,
        "code_verifier": tokens.pkce.verifier,
        "client_id": program.client_id,
        "scope": "openid",
        "resource": "https://a.example",
        "x": "1",
    }
    doubled = urlencode([*form.items(), (name, form[name])])
    response = Client().post("/oauth/token", doubled, content_type=FORM)
    assert_error(response, 400, "invalid_request")
    assert_no_tokens()
    assert program.redeem(tokens.code, tokens.pkce).status_code == 200


@pytest.mark.req("AS-TRAP-13")
def test_parameters_in_the_query_are_refused(world: World):
    program = world.shoppay.program
    form = program.proof() | {"grant_type": "client_credentials", "scope": "aisp"}
    assert_error(program.post("/oauth/token?scope=aisp", form), 400, "invalid_request")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ('{"grant_type": "client_credentials"}', "application/json"),
        ("grant_type=client_credentials", "text/plain"),
        ("grant_type=client_credentials", ""),
        ("grant_type=%ff", FORM),
        ("grant_type=%00", FORM),
        (b"grant_type=\xff", FORM),
        ("%", FORM),
        ("a=" + "x" * 40_000, FORM),
        ("&".join(f"p{n}=1" for n in range(100)), FORM),
        ("", FORM),
    ],
)
def test_unreadable_bodies_are_refused_and_never_crash(db, body, content_type):
    assert_error(Client().post("/oauth/token", body, content_type=content_type), 400, "invalid_request")


def test_unknown_parameters_are_ignored(world: World):
    response = world.shoppay.program.token(grant_type="client_credentials", scope="aisp", foo="bar")
    assert response.status_code == 200


def test_an_origin_gets_no_cors_headers(world: World):
    form = world.shoppay.program.proof() | {"grant_type": "client_credentials", "scope": "aisp"}
    response = world.shoppay.program.post("/oauth/token", form, origin="https://evil.example")
    assert "Access-Control-Allow-Origin" not in response


def test_tokens_are_random_enough(world: World):
    tokens = world.tokens()
    # 43 characters of base64url: 256 bits (FAPI 2.0 5.4.1 asks for 128).
    assert {len(tokens.access), len(tokens.refresh), len(tokens.code)} == {43}


def test_a_missing_signing_key_spends_nothing(world: World, settings):
    tokens = world.code()
    settings.BANK_MODE, settings.OIDC_SIGNING_KEYS_DIR = "production", "/nonexistent"
    assert_error(world.shoppay.program.redeem(tokens.code, tokens.pkce), 500, "server_error")
    assert Grant.objects.get().used_at is None
