"""The ID token as the credential of a payment (S0-38 to S0-40)."""

import time
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from apps.authserver import services
from apps.authserver.keys import create_signing_key, list_signing_keys
from apps.authserver.models import Grant, IDToken
from apps.authserver.refusals import IDTokenRefused
from apps.consents.services import revoke_consent
from apps.core import clock
from tests.authserver.kit import EC_KEY, ISSUER, RSA_KEY, claims_of, header_of, hmac_signed, signed
from tests.authserver.world import World


def check(world: World, token: str, app=None, now=None):
    return services.verify_id_token(token=token, app=app or world.shoppay.app, now=now or clock.now())


def assert_refused(world: World, token: str, **with_: object) -> None:
    with pytest.raises(IDTokenRefused):
        check(world, token, **with_)


def resigned(token: str, **changes: object) -> str:
    """The same token with changed claims, signed by the bank's own key."""
    key = list_signing_keys()[0]
    claims = {name: value for name, value in (claims_of(token) | changes).items() if value is not None}
    return signed(header_of(token), claims, key.private_key)


@pytest.mark.req("S0-38", "S0-39")
def test_a_good_token_names_customer_and_consent(world: World):
    tokens = world.tokens()
    claims = check(world, tokens.id)
    assert (claims.psu_id, claims.consent_id) == (world.anna.psu.pk, tokens.consent.pk)
    assert str(claims.jti) == claims_of(tokens.id)["jti"]
    assert timezone.now() - claims.auth_time < timedelta(minutes=1)


@pytest.mark.req("S0-39")
def test_a_forged_signature_is_refused(world: World):
    token = world.tokens().id
    header, claims = header_of(token), claims_of(token)
    kid = header["kid"]
    public = list_signing_keys()[0].private_key.as_pem(private=False)
    for forged in (
        signed(header, claims, EC_KEY),
        signed({"alg": "ES256", "kid": "other"}, claims, EC_KEY),
        signed({"alg": "ES256"}, claims, EC_KEY),
        signed({"alg": "none", "kid": kid}, claims, None),
        signed({"alg": "PS256", "kid": kid}, claims, RSA_KEY),
        hmac_signed({"alg": "HS256", "kid": kid}, claims, public),
        signed(header | {"jwk": EC_KEY.as_dict(private=False)}, claims, EC_KEY),
        token[:-4] + "AAAA",
        token.rsplit(".", 1)[0] + ".",
        "",
        "x",
    ):
        assert_refused(world, forged)


@pytest.mark.req("S0-39")
def test_a_token_without_kid_is_refused(world: World):
    token = world.tokens().id
    key = list_signing_keys()[0].private_key
    assert_refused(world, signed({"alg": "ES256"}, claims_of(token), key))


@pytest.mark.req("S0-39")
@pytest.mark.parametrize(
    "change",
    [
        {"exp": 1},
        {"exp": None},
        {"exp": "later"},
        {"iss": "https://other.example"},
        {"iss": None},
        {"aud": "another-app"},
        {"aud": ["x"]},
        {"aud": None},
        {"jti": None},
        {"jti": "x"},
        {"jti": str(uuid4())},
        {"sub": "somebody"},
        {"sub": None},
    ],
)
def test_every_claim_that_matters_is_checked_even_under_our_signature(world: World, change):
    tokens = world.tokens()
    assert check(world, resigned(tokens.id))
    assert_refused(world, resigned(tokens.id, **change))


@pytest.mark.req("S0-40")
def test_a_token_of_another_tpp_is_refused(world: World):
    assert_refused(world, world.tokens(company=world.finanzblick).id)
    theirs = world.tokens(company=world.finanzblick).id
    assert_refused(world, resigned(theirs, aud=world.shoppay.app.client_id))


@pytest.mark.req("S0-39")
def test_an_expired_token_is_refused(world: World):
    tokens = world.tokens()
    assert_refused(world, resigned(tokens.id, exp=int(time.time())))


@pytest.mark.req("S0-40")
def test_the_token_ends_with_consent_customer_and_family(world: World):
    tokens = world.tokens()
    now = clock.now()
    assert_refused(world, tokens.id, now=now + timedelta(days=200))
    services.revoke_grant(grant=Grant.objects.get(), now=timezone.now())
    assert_refused(world, tokens.id)

    tokens = world.tokens()
    revoke_consent(consent_id=tokens.consent.pk, psu_id=world.anna.psu.pk, now=now)
    assert_refused(world, tokens.id)

    tokens = world.tokens()
    world.anna.psu.user.is_active = False
    world.anna.psu.user.save()
    assert_refused(world, tokens.id)


@pytest.mark.req("S0-39")
def test_a_token_whose_row_is_gone_or_revoked_is_refused(world: World):
    tokens = world.tokens()
    IDToken.objects.update(revoked_at=timezone.now())
    assert_refused(world, tokens.id)


def test_an_access_or_refresh_token_is_no_id_token(world: World):
    tokens = world.tokens()
    assert_refused(world, tokens.access)
    assert_refused(world, tokens.refresh)


@pytest.mark.req("S0-33")
def test_a_token_signed_before_a_rotation_stays_good_after_it(world: World):
    before = world.tokens().id
    create_signing_key(now=timezone.now() + timedelta(seconds=1))
    after = world.tokens().id
    assert header_of(before)["kid"] != header_of(after)["kid"]
    assert check(world, before)
    assert check(world, after)


@pytest.mark.req("AS-TRAP-15")
def test_auth_time_is_that_of_this_authorisation_and_not_of_some_log_in(world: World):
    user = world.anna.psu.user
    user.last_login = timezone.now() - timedelta(days=3)
    user.save()
    claims = claims_of(world.tokens().id)
    assert time.time() - claims["auth_time"] < 60
    assert claims["iss"] == ISSUER
