"""At the resources: what opens, and what stops opening the moment somebody says so."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from apps.authserver import services
from apps.authserver.models import AccessToken
from apps.authserver.refusals import (
    TokenConsentExpired,
    TokenConsentInvalid,
    TokenExpired,
    TokenHolderBlocked,
    TokenInvalid,
    TokenRefused,
    TokenUnknown,
)
from apps.consents.models import Consent
from apps.consents.services import revoke_consent
from apps.core import clock
from apps.tpp.services import block_tpp, suspend_app, unblock_tpp
from tests.authserver.kit import FORM, claims_of
from tests.authserver.world import World


def check(token: str, now=None):
    return services.authenticate_access_token(token=token, now=now or clock.now())


def userinfo(**headers: str):
    return Client().get("/oauth/userinfo", headers=headers)


@pytest.mark.req("AS-TRAP-2", "AS-30")
@pytest.mark.parametrize("what", ["id", "refresh", "code"])
def test_only_an_access_token_is_one(world: World, what):
    tokens = world.tokens()
    with pytest.raises(TokenUnknown):
        check(getattr(tokens, what))
    assert userinfo(authorization=f"Bearer {getattr(tokens, what)}").status_code == 401


@pytest.mark.req("AS-TRAP-2", "AS-30")
def test_a_client_assertion_is_no_access_token(world: World):
    with pytest.raises(TokenUnknown):
        check(world.shoppay.program.assertion())


@pytest.mark.req("AS-TRAP-2")
def test_the_librarys_own_ways_to_read_a_token_are_shut(world: World):
    from oauth2_provider.oauth2_backends import get_oauthlib_core

    tokens = world.tokens()
    core = get_oauthlib_core()
    for token in (tokens.access, tokens.id):
        request = Client().get("/oauth/jwks", headers={"authorization": f"Bearer {token}"}).wsgi_request
        assert core.verify_request(request, scopes=[]) == (False, None)
        validator = core.server.request_validator
        for check_token in (
            validator.validate_bearer_token,
            validator.validate_id_token,
            validator.validate_jwt_bearer_token,
        ):
            assert check_token(token, [], request) is False
    assert not hasattr(core.server, "verify_request")


@pytest.mark.parametrize("token", ["", "x", "x" * 600, "ä", "\x00", "a b", "' or 1=1 --"])
def test_garbage_is_no_token(db, token):
    with pytest.raises(TokenUnknown):
        check(token)


@pytest.mark.req("AS-31")
def test_a_token_lives_ten_minutes_of_real_time(world: World):
    tokens = world.tokens()
    row = AccessToken.objects.get()
    assert timedelta(seconds=595) < row.expires - timezone.now() <= timedelta(seconds=600)
    # A moved bank clock does not age it; the consent's last day it does end.
    assert check(tokens.access, now=clock.now() + timedelta(days=1))
    AccessToken.objects.update(expires=timezone.now())
    with pytest.raises(TokenExpired):
        check(tokens.access)


@pytest.mark.req("AS-31", "S0-7", "P-68")
def test_a_token_stops_with_its_app_its_tpp_and_its_customer(world: World):
    tokens, app, staff = world.tokens(), world.shoppay.app, uuid4()
    client_token = world.shoppay.program.client_token("aisp").json()["access_token"]

    suspend_app(app_id=app.pk, suspended=True, staff_id=staff, reason="r", now=clock.now())
    for token in (tokens.access, client_token):
        with pytest.raises(TokenHolderBlocked):
            check(token)
    suspend_app(app_id=app.pk, suspended=False, staff_id=staff, reason="r", now=clock.now())
    assert check(tokens.access)

    block_tpp(tpp_id=app.tpp_id, reason="fraud", staff_id=staff, now=clock.now())
    for token in (tokens.access, client_token):
        with pytest.raises(TokenHolderBlocked):
            check(token)
    unblock_tpp(tpp_id=app.tpp_id, reason="gone", staff_id=staff, now=clock.now())
    assert check(tokens.access)

    world.anna.psu.user.is_active = False
    world.anna.psu.user.save()
    with pytest.raises(TokenInvalid):
        check(tokens.access)
    assert check(client_token)


@pytest.mark.req("AS-33")
def test_a_token_stops_with_its_consent(world: World):
    tokens = world.tokens()
    revoke_consent(consent_id=tokens.consent.pk, psu_id=world.anna.psu.pk, now=clock.now())
    with pytest.raises(TokenConsentInvalid):
        check(tokens.access)


@pytest.mark.req("AS-33")
def test_a_token_works_on_the_consents_last_day_and_not_after(world: World):
    tokens = world.tokens()
    consent = Consent.objects.get(pk=tokens.consent.pk)
    days = (consent.valid_until - clock.bank_date(clock.now())).days
    assert check(tokens.access, now=clock.now() + timedelta(days=days))
    with pytest.raises(TokenConsentExpired):
        check(tokens.access, now=clock.now() + timedelta(days=days + 1))
    Consent.objects.update(consent_status="expired")
    with pytest.raises(TokenConsentExpired):
        check(tokens.access)


def test_every_refusal_is_one_kind(world: World):
    assert {TokenUnknown, TokenExpired, TokenInvalid, TokenConsentInvalid, TokenConsentExpired} == set(
        TokenRefused.__subclasses__()
    )


def test_a_token_costs_one_select(world: World, django_assert_num_queries):
    tokens = world.tokens()
    check(tokens.access)
    with django_assert_num_queries(1):
        context = check(tokens.access)
        # And what hangs on it costs no further one.
        assert context.app.tpp.legal_name == context.tpp.legal_name == "ShopPay GmbH"
        assert context.app.redirect_uris


def test_the_select_uses_the_index(world: World):
    from django.db import connection

    from apps.authserver.queries import _token_sql

    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN " + _token_sql(), ["x" * 64])
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "authserver_accesstoken_token_checksum" in plan
    assert "Seq Scan on authserver_accesstoken" not in plan


# The resource of this server: userinfo ---------------------------------------------------------------


def test_userinfo_names_the_customer_as_the_id_token_does(world: World):
    tokens = world.tokens()
    response = userinfo(authorization=f"Bearer {tokens.access}")
    assert response.json() == {"sub": claims_of(tokens.id)["sub"]}
    assert response["Cache-Control"] == "no-store"


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer "])
def test_the_scheme_has_no_case(world: World, scheme):
    assert userinfo(authorization=f"{scheme} {world.tokens().access}").status_code == 200


@pytest.mark.req("AS-TRAP-13", "AS-30")
def test_a_token_in_query_or_body_is_not_seen(world: World):
    token = world.tokens().access
    assert Client().get(f"/oauth/userinfo?access_token={token}").status_code == 401
    posted = Client().post("/oauth/userinfo", f"access_token={token}", content_type=FORM)
    assert posted.status_code == 405


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer a b", "Bearer ä", "Token x"]
)
def test_what_is_no_bearer_header_gets_a_plain_challenge(db, header):
    response = Client().get("/oauth/userinfo", headers={"authorization": header})
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"


def test_a_refused_token_is_told_as_invalid_token(db):
    response = userinfo(authorization="Bearer unknown")
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == 'Bearer error="invalid_token"'


@pytest.mark.req("AS-32")
def test_a_token_without_a_customer_names_none(world: World):
    token = world.shoppay.program.client_token("aisp").json()["access_token"]
    response = userinfo(authorization=f"Bearer {token}")
    assert response.status_code == 403
    assert response["WWW-Authenticate"] == 'Bearer error="insufficient_scope"'
