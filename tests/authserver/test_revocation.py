import pytest

from apps.audit.models import AuditEvent
from apps.authserver import services
from apps.authserver.refusals import IDTokenRefused, TokenInvalid
from apps.core import clock
from tests.authserver.world import Company, World


def revoke(company: Company, token: str, **form: str):
    program = company.program
    return program.post("/oauth/revoke", program.proof() | {"token": token} | form)


def is_live(token: str) -> bool:
    try:
        services.authenticate_access_token(token=token, now=clock.now())
    except TokenInvalid:
        return False
    return True


@pytest.mark.req("S0-7", "RTS-35(2)")
@pytest.mark.parametrize("what", ["refresh", "access"])
@pytest.mark.parametrize("hint", [{}, {"token_type_hint": "access_token"}, {"token_type_hint": "nonsense"}])
def test_revoking_one_token_ends_its_family(world: World, what, hint):
    tokens, others = world.tokens(), world.tokens()
    refreshed = world.shoppay.program.refresh(tokens.refresh).json()["access_token"]
    response = revoke(world.shoppay, getattr(tokens, what), **hint)
    assert (response.status_code, response.content) == (200, b"")
    assert response["Cache-Control"] == "no-store"
    assert not is_live(tokens.access)
    assert not is_live(refreshed)
    assert world.shoppay.program.refresh(tokens.refresh).status_code == 400
    with pytest.raises(IDTokenRefused):
        services.verify_id_token(token=tokens.id, app=world.shoppay.app, now=clock.now())
    assert is_live(others.access)
    assert AuditEvent.objects.filter(event="authserver.token.revoked", object_id=tokens.consent.pk).exists()


def test_a_clients_own_token_can_be_revoked(world: World):
    mine, other = (world.shoppay.program.client_token("aisp").json()["access_token"] for _ in range(2))
    assert revoke(world.shoppay, mine).status_code == 200
    assert not is_live(mine)
    assert is_live(other)


@pytest.mark.req("AS-46")
@pytest.mark.parametrize("what", ["refresh", "access"])
def test_another_clients_token_stays_alive_and_nobody_can_tell(world: World, what):
    tokens = world.tokens()
    foreign = revoke(world.finanzblick, getattr(tokens, what))
    unknown = revoke(world.finanzblick, "unknown")
    assert foreign.status_code == unknown.status_code == 200
    assert foreign.content == unknown.content
    assert is_live(tokens.access)
    assert world.shoppay.program.refresh(tokens.refresh).status_code == 200


def test_revoking_twice_is_revoking_once(world: World):
    tokens = world.tokens()
    assert revoke(world.shoppay, tokens.refresh).status_code == 200
    assert revoke(world.shoppay, tokens.refresh).status_code == 200


@pytest.mark.req("AS-14")
def test_revoking_needs_the_client(world: World):
    tokens = world.tokens()
    response = world.shoppay.program.post("/oauth/revoke", {"token": tokens.refresh})
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
    assert is_live(tokens.access)


def test_a_token_is_needed(world: World):
    response = world.shoppay.program.post("/oauth/revoke", world.shoppay.program.proof())
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")
