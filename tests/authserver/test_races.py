"""Two at the same moment, on real PostgreSQL with real commits."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from time import sleep
from typing import Any

import pytest
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from apps.authserver import services
from apps.authserver.models import AccessToken, Application, Grant, RefreshToken
from apps.sca.models import SCAAuthorisation
from tests.authserver.kit import PKCE
from tests.authserver.world import World, make_consent

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(transactional_db) -> World:
    return World()


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Run the calls in threads that start together; their results in order."""
    barrier = Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        barrier.wait()
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(run, call) for call in calls]]


def statuses(responses: list[HttpResponse]) -> list[int]:
    return sorted(response.status_code for response in responses)


@pytest.mark.req("AS-2")
@pytest.mark.parametrize("parallel", [2, 8])
def test_of_many_redemptions_of_one_code_one_wins_and_makes_one_token(world: World, parallel):
    tokens = world.code()
    program = world.shoppay.program
    forms = [
        program.proof()
        | {
            "grant_type": "authorization_code",
            "code": tokens.code,
            "redirect_uri": program.redirect_uri,
            "code_verifier": tokens.pkce.verifier,
        }
        for _ in range(parallel)
    ]
    responses = at_once(*(lambda form=form: program.post("/oauth/token", form) for form in forms))
    assert statuses(responses) == [200, *[400] * (parallel - 1)]
    assert {r.json()["error"] for r in responses if r.status_code == 400} == {"invalid_grant"}
    assert AccessToken.objects.count() == RefreshToken.objects.count() == 1
    # The losers showed a used code: the winner's tokens are revoked (AS-1).
    assert AccessToken.objects.get().revoked_at is not None


@pytest.mark.req("AS-19")
def test_of_many_uses_of_one_assertion_one_wins(world: World):
    program = world.shoppay.program
    form = program.proof() | {"grant_type": "client_credentials", "scope": "aisp"}
    responses = at_once(*(lambda: program.post("/oauth/token", form) for _ in range(8)))
    assert statuses(responses) == [200, *[401] * 7]
    assert AccessToken.objects.count() == 1


def test_parallel_refreshes_all_work_and_all_tokens_live(world: World):
    tokens = world.tokens()
    responses = at_once(*(lambda: world.shoppay.program.refresh(tokens.refresh) for _ in range(4)))
    assert statuses(responses) == [200] * 4
    for response in responses:
        bearer = f"Bearer {response.json()['access_token']}"
        assert Client().get("/oauth/userinfo", headers={"authorization": bearer}).status_code == 200


def test_the_first_requests_of_a_new_app_make_one_row(world: World):
    responses = at_once(*(lambda: world.shoppay.program.client_token("aisp") for _ in range(6)))
    assert statuses(responses) == [200] * 6
    assert Application.objects.filter(app=world.shoppay.app).count() == 1


def test_a_doubled_click_on_the_tpps_link_breaks_nothing(world: World):
    consent, pkce = make_consent(world.shoppay, world.anna), PKCE()
    scope = f"openid AIS:{consent.pk}"
    responses = at_once(*(lambda: world.shoppay.program.authorize(scope, pkce) for _ in range(4)))
    assert statuses(responses) == [303] * 4
    assert 1 <= SCAAuthorisation.objects.count() <= 4


@pytest.mark.req("AS-1", "AS-35")
def test_a_refresh_during_a_revocation_leaves_no_live_token(world: World):
    tokens = world.tokens()
    grant = Grant.objects.get()
    accepted, moment = Event(), timezone.now()

    def refresh() -> None:
        with transaction.atomic():
            accepted_grant = services.accept_refresh_token(
                application=grant.application, refresh_token=tokens.refresh, now=moment
            )
            accepted.set()
            sleep(0.3)  # The revocation below has begun and waits.
            services.store_tokens(
                application=grant.application,
                grant=accepted_grant,
                scopes=["openid"],
                access_token="new",
                refresh_token=None,
                id_token=None,
                now=moment,
            )

    def revoke() -> None:
        assert accepted.wait(5)
        services.revoke_grant(grant=grant, now=moment)

    at_once(refresh, revoke)
    assert AccessToken.objects.count() == 2
    assert not AccessToken.objects.filter(revoked_at=None).exists()
