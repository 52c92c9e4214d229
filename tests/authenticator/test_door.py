"""The door by which the bank's app speaks: one host, JSON, no cookies, and an answer to whatever comes."""

import json
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from apps.sca.device_protocol import from_text, verification_challenge
from apps.sca.models import SigningDevice, UserVerificationKey
from tests.factories.accounts import customer
from tests.sca.apps import App
from tests.sca.device import Device, b64

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


PATHS = ("activate", "requests", "answer", "verification", "add_verification", "subscribe")


@pytest.mark.parametrize("path", [f"/api/{name}" for name in PATHS])
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


@pytest.mark.req("S3-17", "RTS-24(2)(b)")
class TestFingerprintOrFace:
    @pytest.fixture
    def app(self) -> App:
        app = App()
        app.bind(customer("Anna"))
        return app

    def ask(self, client: Client, app: App, **said: Any) -> Any:
        app.counter += 1
        body, signature = app.signed(
            {"kind": "verification", "device_id": app.device_id, "counter": app.counter} | said
        )
        return send(client, "/api/verification", body, signature)

    def switch_on(self, client: Client, app: App, **bent: Any) -> Any:
        opened = app.open(from_text(self.ask(client, app, is_on=True).json()["request"]))
        creation = {"rp": {"id": "app.localhost"}, "challenge": b64(verification_challenge(opened.content))}
        made = Device(origin="http://app.localhost").make(creation)
        body, signature = app.answer(opened, **{"kind": "add_verification", "verification": made} | bent)
        return send(client, "/api/add_verification", body, signature)

    def test_on_and_off(self, client: Client, app: App) -> None:
        answer = self.switch_on(client, app)
        assert answer.status_code == 201
        key = UserVerificationKey.objects.get(withdrawn_at=None)
        assert answer.json() == {"verification": b64(bytes(key.credential_id))}
        body, signature = app.signed({"kind": "requests", "device_id": app.device_id})
        assert send(client, "/api/requests", body, signature).json()["verification"] == b64(
            bytes(key.credential_id)
        )
        off = self.ask(client, app, is_on=False)
        assert (off.status_code, off.json()) == (200, {"request": None})
        assert not UserVerificationKey.objects.filter(withdrawn_at=None).exists()

    def test_not_with_another_pin(self, client: Client, app: App) -> None:
        answer = self.switch_on(client, app, pin_proof=b64(bytes(32)))
        assert (answer.status_code, answer.json()["error"]) == (403, "code_refused")
        assert not UserVerificationKey.objects.exists()

    @pytest.mark.parametrize("verification", [None, 7, "", "{", "[]", "{}", '{"id": 1}', "x" * 4000])
    def test_not_with_what_is_no_key(self, client: Client, app: App, verification: Any) -> None:
        answer = self.switch_on(client, app, verification=verification)
        assert (answer.status_code, answer.json()["error"]) == (400, "device_answer_malformed")
        assert not UserVerificationKey.objects.exists()

    @pytest.mark.parametrize("is_on", [None, "yes", 1])
    def test_it_is_on_or_off(self, client: Client, app: App, is_on: Any) -> None:
        assert self.ask(client, app, is_on=is_on).status_code == 400

    def test_whose_signature_is_not_the_devices(self, client: Client, app: App) -> None:
        body, signature = app.signed(
            {"kind": "verification", "device_id": app.device_id, "counter": 99, "is_on": False}
        )
        answer = send(client, "/api/verification", body, signature[::-1])
        assert (answer.status_code, answer.json()["error"]) == (400, "device_answer_malformed")
