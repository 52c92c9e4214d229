"""The door by which the bank's app speaks: one host, JSON, no cookies, and an answer to whatever comes."""

import json
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from apps.sca.models import SigningDevice
from tests.factories.accounts import customer
from tests.sca.apps import App
from tests.sca.device import b64

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(settings: Any) -> Client:
    settings.AUTHENTICATOR_BASE_URL = "http://app.localhost"
    cache.clear()  # Of the calls that other tests made from this address.
    settings.ALLOWED_HOSTS = ["app.localhost", "testserver"]
    return Client(headers={"host": "app.localhost"})


def send(client: Client, path: str, body: bytes, signature: bytes = b"", **headers: str) -> Any:
    return client.post(
        path, body, content_type="application/json", headers={"X-Signature": b64(signature)} | headers
    )


@pytest.mark.parametrize("path", ["/api/activate", "/api/requests", "/api/answer", "/api/subscribe"])
class TestEveryMessage:
    @pytest.mark.parametrize(
        "body",
        [b"", b"{", b"[]", b"null", b"\xff", b"[" * 8_000, b'{"kind": 1}', b'{"device_id": NaN}', b"1e999"],
    )
    def test_that_is_none_is_refused_in_json(self, client: Client, path: str, body: bytes) -> None:
        answer = send(client, path, body)
        assert (answer.status_code, answer.json()["error"]) == (400, "device_answer_malformed")

    @pytest.mark.parametrize("length", [8 * 1024 + 1, 1024 * 1024 + 1])
    def test_that_is_too_long(self, client: Client, path: str, length: int) -> None:
        answer = send(client, path, b" " * length)
        assert (answer.status_code, answer.json()["error"]) == (413, "too_long")

    def test_is_posted(self, client: Client, path: str) -> None:
        assert client.get(path).status_code == 405

    def test_is_for_this_host_alone(self, client: Client, path: str) -> None:
        assert send(client, path, b"{}", host="testserver").status_code in {403, 404}

    def test_takes_and_sets_no_cookie(self, client: Client, path: str) -> None:
        assert not send(client, path, b"{}").cookies

    def test_flooding_one_address_is_slowed_down(self, client: Client, path: str) -> None:
        statuses = [send(client, path, b"{}").status_code for _ in range(302)]
        assert statuses[:300] == [400] * 300
        assert statuses[-1] == 429


def test_what_there_is_not(client: Client) -> None:
    answer = client.post("/api/other")
    assert (answer.status_code, answer.json()) == (404, {"error": "not_found"})


def test_no_page_of_the_bank_is_on_this_host(client: Client) -> None:
    for path in ("/login/", "/admin/", "/oauth/token"):
        assert client.get(path).status_code == 404
    # The TPPs' door looks at a call's headers before it looks for an address.
    assert client.get("/v1/accounts").status_code == 400


def test_a_whole_company_behind_one_address_may_ask(client: Client) -> None:
    app = App()
    app.bind(customer("Anna"))
    for _ in range(400):
        body, signature = app.signed({"kind": "requests", "device_id": app.device_id})
        answer = send(client, "/api/requests", body, signature)
        assert answer.status_code == 200
    assert answer.json() == {"requests": [], "counter": app.counter, "verification": None}


def test_a_withdrawn_app_is_told_so(client: Client) -> None:
    app = App()
    app.bind(customer("Anna"))
    SigningDevice.objects.update(
        confirmed=False, withdrawn_because="removed", withdrawn_at="2026-01-01T00:00Z"
    )
    body, signature = app.signed({"kind": "requests", "device_id": app.device_id})
    answer = send(client, "/api/requests", body, signature)
    assert (answer.status_code, json.loads(answer.content)["error"]) == (410, "device_unknown")
