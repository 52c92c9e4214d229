from datetime import timedelta

from django.core.management import call_command
from django.utils import timezone

from apps.authserver import services
from apps.authserver.models import (
    AccessToken,
    AuthorizationRequest,
    Grant,
    IDToken,
    RefreshToken,
    SpentAssertion,
)
from apps.authserver.tasks import purge_expired
from tests.authserver.world import World, make_consent

KINDS = (AccessToken, AuthorizationRequest, Grant, IDToken, RefreshToken, SpentAssertion)


def counts() -> dict[str, int]:
    return {kind.__name__: kind.objects.count() for kind in KINDS}


def test_what_may_still_be_used_stays(world: World):
    world.tokens()
    world.code()
    before = counts()
    purge_expired()
    assert counts() == before


def test_a_family_lives_as_long_as_its_refresh_token(world: World):
    tokens = world.tokens()
    later = timezone.now() + timedelta(days=30)
    AccessToken.objects.update(expires=timezone.now() - timedelta(days=2))
    IDToken.objects.update(expires=timezone.now() - timedelta(days=2))
    past = timezone.now() - timedelta(days=3)
    Grant.objects.update(created=past, expires=past + timedelta(seconds=60))
    call_command("cleartokens", verbosity=0)
    assert AccessToken.objects.count() == IDToken.objects.count() == 0
    assert Grant.objects.count() == RefreshToken.objects.count() == 1
    assert world.shoppay.program.refresh(tokens.refresh).status_code == 200
    services.purge_expired(now=later)
    assert RefreshToken.objects.count() == 1
    RefreshToken.objects.update(expires_at=timezone.now() - timedelta(days=2))
    AccessToken.objects.update(expires=timezone.now() - timedelta(days=2))
    services.purge_expired(now=timezone.now())
    assert counts()["Grant"] == counts()["RefreshToken"] == counts()["AccessToken"] == 0


def test_requests_nobody_answered_and_old_assertions_go(world: World):
    consent = make_consent(world.shoppay, world.anna)
    world.shoppay.program.authorize(f"openid AIS:{consent.pk}")
    world.shoppay.program.client_token("aisp")
    AuthorizationRequest.objects.update(expires_at=timezone.now() - timedelta(days=2))
    SpentAssertion.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    services.purge_expired(now=timezone.now())
    assert not AuthorizationRequest.objects.exists()
    assert not SpentAssertion.objects.exists()


def test_an_assertions_name_is_kept_as_long_as_the_assertion_could_be_used(world: World):
    world.shoppay.program.client_token("aisp")
    services.purge_expired(now=timezone.now() + timedelta(seconds=60))
    assert SpentAssertion.objects.count() == 1
