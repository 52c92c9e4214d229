"""What programs are told does not depend on Accept-Language: interface and authorization server speak English."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.utils import translation

from tests.xs2a.bank_clock import BankClock
from tests.xs2a.kit import PAYMENTS, PSU_IP, consent_body, payment_body
from tests.xs2a.world import World

GERMAN = {"Accept-Language": "de", "Cookie": "language=de"}


@pytest.fixture(autouse=True)
def _german_thread():
    """A thread that has just answered a German customer."""
    with translation.override("de"):
        yield
    BankClock.offset = timedelta(0)


@pytest.fixture
def world(db: None, settings, tmp_path: Path) -> World:
    settings.OIDC_SIGNING_KEYS_DIR = str(tmp_path / "oidc")
    settings.BANK_CLOCK = "tests.xs2a.bank_clock.now"
    return World()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/accounts"),
        ("GET", "/v1/no/such/path"),
        ("POST", "/v1/consents"),
        ("PATCH", "/v1/consents"),
        ("POST", "/oauth/token"),
        ("POST", "/oauth/revoke"),
        ("GET", "/oauth/token"),
        ("GET", "/oauth/jwks"),
        ("GET", "/.well-known/openid-configuration"),
        ("GET", "/health/live"),
    ],
)
def test_the_answer_is_the_same_for_a_german_client(
    world: World, client: Client, method: str, path: str
) -> None:
    request_id = "99391c7e-ad88-49ec-a2ad-99ddcb1f7721"
    answers = []
    for headers in ({"Accept-Language": "en"}, GERMAN):
        response = client.generic(method, path, headers={"X-Request-ID": request_id} | headers)
        answers.append((response.status_code, response.content, response.headers.get("Content-Language")))
        assert "Accept-Language" not in response.headers.get("Vary", "")
    assert answers[0] == answers[1]


def test_refusals_of_the_rooms_are_told_in_english(world: World) -> None:
    """What a room or a form says of bad input goes through the catalogue on pages; here it must not."""
    anna, ais, pis = world.anna, world.ais(), world.pis()
    consents = [consent_body("DE00"), consent_body(anna.account.iban, validUntil="gestern"), {}]
    payments = [payment_body(anna.account.iban, instructedAmount={"amount": "0", "currency": "EUR"})]
    for language in ("en", "de"):
        header = {"Accept_Language": language, "PSU_IP_Address": PSU_IP}
        told = [ais.post("/v1/consents", body, **header) for body in consents]
        told += [pis.post(PAYMENTS, body, **header) for body in payments]
        told.append(ais.get("/v1/consents/00000000-0000-4000-8000-000000000000", **header))
        texts = [answer.body["tppMessages"][0].get("text", "") for answer in told]
        if language == "en":
            english = texts
    assert texts == english
    assert all(answer.status in (400, 403) for answer in told)


def test_people_whom_a_bad_request_brought_are_told_in_their_language(db: None, client: Client) -> None:
    response = client.get("/oauth/authorize", headers=GERMAN)
    assert (response.status_code, response.headers["Content-Language"]) == (400, "de")
    assert "Dieser Anfrage können wir nicht trauen" in response.content.decode()
