"""From the authorization request to the tokens, as figure 1 of the founding story has it."""

import logging
import time

import pytest
from django.test import Client

from apps.audit.models import AuditEvent
from apps.authserver import services
from apps.authserver.models import AccessToken, Application, Grant, IDToken, RefreshToken
from apps.core import clock
from tests.authserver.kit import EC_KEY, ISSUER, REDIRECT_URI, answer, claims_of, header_of
from tests.authserver.world import World, allow_consent, authorisation_of, make_consent


@pytest.mark.req("S0-27", "S0-28", "S0-29", "S0-30", "S0-31")
def test_a_consent_ends_in_access_refresh_and_id_token(world: World):
    tokens = world.tokens()
    assert tokens.redirect.startswith(REDIRECT_URI + "?")
    assert answer(tokens.redirect) == {"code": tokens.code, "state": "a state", "iss": ISSUER}
    body = tokens.body
    assert set(body) == {"access_token", "token_type", "expires_in", "refresh_token", "id_token", "scope"}
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 600)
    assert set(body["scope"].split()) == {"openid", f"AIS:{tokens.consent.pk}"}
    context = services.authenticate_access_token(token=tokens.access, now=clock.now())
    assert context.app == world.shoppay.app
    assert context.tpp == world.shoppay.app.tpp
    assert context.consent_id == tokens.consent.pk
    assert context.payment_id is None
    assert context.psu_id == world.anna.psu.pk
    assert context.scopes == {"openid", f"AIS:{tokens.consent.pk}"}


@pytest.mark.req("S0-31", "S0-33")
def test_the_id_token_says_who_when_and_how_and_verifies_by_the_published_key(world: World):
    before = int(time.time())
    tokens = world.tokens()
    header, claims = header_of(tokens.id), claims_of(tokens.id)
    published = {key["kid"]: key for key in Client().get("/oauth/jwks").json()["keys"]}
    assert header == {"alg": "ES256", "kid": header["kid"], "typ": "JWT"}
    assert published[header["kid"]]["alg"] == "ES256"
    assert set(claims) == {
        *("iss", "sub", "aud", "exp", "iat", "auth_time", "acr", "amr", "nonce", "at_hash", "jti"),
    }
    assert (claims["iss"], claims["aud"]) == (ISSUER, world.shoppay.app.client_id)
    assert claims["exp"] - claims["iat"] == 3600
    assert before <= claims["auth_time"] <= claims["iat"] <= time.time()
    assert claims["acr"] == "urn:lindenbank:acr:sca"
    assert "mfa" in claims["amr"]
    assert claims["nonce"] == "a nonce"
    verified = services.verify_id_token(token=tokens.id, app=world.shoppay.app, now=clock.now())
    assert verified.psu_id == world.anna.psu.pk
    assert verified.consent_id == tokens.consent.pk
    assert verified.sub == claims["sub"]


def test_a_customer_has_another_name_at_each_company_and_the_same_at_one(world: World):
    here = claims_of(world.tokens().id)["sub"]
    again = claims_of(world.tokens().id)["sub"]
    there = claims_of(world.tokens(company=world.finanzblick).id)["sub"]
    assert here == again != there
    assert str(world.anna.psu.pk) not in (here, there)


@pytest.mark.req("S0-28", "S0-31")
def test_a_payment_may_be_authorised_the_same_way(world: World):
    tokens = world.payment_tokens()
    context = services.authenticate_access_token(token=tokens.access, now=clock.now())
    assert (context.payment_id, context.consent_id) == (tokens.payment.pk, None)
    verified = services.verify_id_token(token=tokens.id, app=world.shoppay.app, now=clock.now())
    assert (verified.payment_id, verified.consent_id) == (tokens.payment.pk, None)


@pytest.mark.req("S0-27")
def test_a_refusal_ends_with_access_denied_and_no_token(world: World):
    consent = make_consent(world.shoppay, world.anna)
    response = world.shoppay.program.authorize(f"openid AIS:{consent.pk}")
    url = services.deny_authorization(authorisation_id=authorisation_of(response))
    assert answer(url) == {"error": "access_denied", "state": "a state", "iss": ISSUER}
    assert not Grant.objects.exists()
    assert not AccessToken.objects.exists()
    assert AuditEvent.objects.filter(event="authserver.authorization.denied", object_id=consent.pk).exists()


@pytest.mark.parametrize("key_name", ["ed", "rsa"])
def test_all_three_kinds_of_keys_serve_an_app(world: World, key_name):
    from apps.tpp.services import add_app_key
    from tests.authserver.kit import ED_KEY, RSA_KEY

    program = world.shoppay.program
    program.key, program.alg, program.kid = {
        "ed": (ED_KEY, "EdDSA", "ed"),
        "rsa": (RSA_KEY, "PS256", "rsa"),
    }[key_name]
    public = program.key.as_dict(private=False)
    add_app_key(app_id=world.shoppay.app.pk, jwk=public, kid=program.kid, member_id=None, now=clock.now())
    assert program.client_token("aisp").status_code == 200


def test_an_app_gets_a_token_for_itself(world: World):
    response = world.shoppay.program.client_token("aisp pisp aisp")
    assert response.status_code == 200
    body = response.json()
    assert set(body) == {"access_token", "token_type", "expires_in", "scope"}
    assert body["scope"] == "aisp pisp"
    context = services.authenticate_access_token(token=body["access_token"], now=clock.now())
    assert context.scopes == {"aisp", "pisp"}
    assert (context.psu_id, context.consent_id, context.payment_id) == (None, None, None)
    assert context.tpp == world.shoppay.app.tpp


@pytest.mark.req("S0-5", "AS-TRAP-12")
def test_nothing_that_was_given_out_is_in_the_database(world: World):
    tokens = world.tokens()
    client_token = world.shoppay.program.client_token("aisp").json()["access_token"]
    secrets = (tokens.code, tokens.access, tokens.refresh, tokens.id, client_token, tokens.pkce.verifier)
    stored = [
        str(vars(row))
        for model in (Application, Grant, AccessToken, RefreshToken, IDToken, AuditEvent)
        for row in model.objects.all()
    ]
    assert stored
    assert not [secret for secret in secrets for row in stored if secret in row]


@pytest.mark.req("S0-5")
def test_nothing_that_was_given_out_is_in_the_log_at_its_most_talkative(world: World, caplog):
    caplog.set_level(logging.DEBUG)
    tokens = world.tokens()
    refreshed = world.shoppay.program.refresh(tokens.refresh).json()
    world.shoppay.program.redeem(tokens.code, tokens.pkce)
    secrets = [tokens.code, tokens.access, tokens.refresh, tokens.id, tokens.pkce.verifier]
    secrets += [refreshed["access_token"], refreshed["id_token"]]
    assert caplog.records
    written = [record.getMessage() for record in caplog.records]
    assert not [secret for secret in secrets for line in written if secret in line]


def test_the_trail_tells_who_granted_and_who_got_tokens(world: World):
    tokens = world.tokens()
    events = AuditEvent.objects.filter(object_type="consent", object_id=tokens.consent.pk).order_by("id")
    told = [(event.event, event.actor_type) for event in events if event.event.startswith("authserver.")]
    assert told == [("authserver.authorization.granted", "psu"), ("authserver.token.issued", "tpp")]


def test_the_application_row_copies_nothing_of_the_app_but_its_client_id(world: World):
    world.shoppay.program.client_token("aisp")
    application = Application.objects.get(app=world.shoppay.app)
    assert application.client_id == world.shoppay.app.client_id
    assert application.redirect_uris == ""
    assert application.client_secret.startswith("!")


@pytest.mark.req("AS-44")
def test_a_registered_query_stays_in_the_answer(world: World):
    uri = "https://shoppay.example/other?shop=7"
    world.shoppay.program.redirect_uri = uri
    tokens = world.tokens()
    assert tokens.redirect.startswith(uri + "&")
    assert answer(tokens.redirect)["shop"] == "7"


def test_without_state_and_nonce_none_come_back(world: World):
    tokens = world.tokens(state="", nonce="")
    assert set(answer(tokens.redirect)) == {"code", "iss"}
    assert "nonce" not in claims_of(tokens.id)


def test_no_oauth_request_no_oauth_answer(world: World):
    from apps.consents.services import start_consent_authorisation

    consent = make_consent(world.shoppay, world.anna)
    authorisation = start_consent_authorisation(consent_id=consent.pk, now=clock.now())
    assert allow_consent(consent, world.anna, authorisation.pk) is None
    assert services.deny_authorization(authorisation_id=authorisation.pk) is None


def test_keys_of_the_kit_are_not_the_banks(world: World):
    published = Client().get("/oauth/jwks").json()["keys"]
    assert EC_KEY.as_dict(private=False)["x"] not in {key["x"] for key in published}
