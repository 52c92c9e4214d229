"""Waking the bank's app through a push service, which stands here on loopback and keeps all that it gets: it learns
nothing of what is signed, knows who sends, and when it fails nothing is lost."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt
from joserfc.jwk import ECKey

from apps.core import clock
from apps.identity.models import PSU
from apps.notifications.models import OutboxMessage
from apps.sca.device_protocol import from_text, read_public_key, to_text
from apps.sca.models import Challenge, SigningDevice
from apps.sca.push import PushRefused, public_push_key
from apps.sca.rules import AuthenticationMethod, Purpose
from apps.sca.services import answer_by_app, issue_challenge, subscribe_app
from apps.sca.tasks import wake_app
from apps.web.pictures import request_picture
from tests.bulk.files import other_ibans
from tests.factories.accounts import customer
from tests.sca.apps import App, point
from tests.sca.device import b64
from tests.sca.test_signing_devices import PAYMENT

pytestmark = [pytest.mark.django_db, pytest.mark.req("S3-14", "S3-15", "S1-26")]


@dataclass
class PushService:
    """What a browser's maker runs. It keeps every call, and answers ``status``."""

    status: int = 201
    calls: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    origin: str = ""


@pytest.fixture
def service(settings: Any) -> Iterator[PushService]:
    service = PushService()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            service.calls.append((self.path, dict(self.headers), body))
            self.send_response(service.status)
            if service.status == 302:
                self.send_header("Location", f"{service.origin}/elsewhere")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    service.origin = f"http://127.0.0.1:{server.server_port}"
    settings.SCA_PUSH_SERVICES = [service.origin]
    yield service
    server.shutdown()
    server.server_close()


@pytest.fixture
def anna() -> PSU:
    return customer("Anna")


@dataclass
class Phone:
    """An app, and its browser's half of the subscription."""

    app: App
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    secret: bytes = b"sixteen bytes 16"

    def subscribe(self, endpoint: str) -> None:
        self.app.counter += 1
        body, signature = self.app.signed(
            {
                "kind": "subscribe",
                "device_id": self.app.device_id,
                "counter": self.app.counter,
                "endpoint": endpoint,
                "p256dh": b64(point(self.key)),
                "auth": b64(self.secret),
            }
        )
        subscribe_app(body=body, signature=signature, now=clock.now())

    def decrypt(self, body: bytes) -> bytes:
        return http_ece.decrypt(body, private_key=self.key, auth_secret=self.secret, version="aes128gcm")


@pytest.fixture
def phone(anna: PSU, service: PushService) -> Phone:
    phone = Phone(App())
    phone.app.bind(anna, now=clock.now())
    phone.subscribe(f"{service.origin}/send/abc")
    return phone


def ask(psu: PSU, snapshot: dict[str, Any] = PAYMENT, purpose: Purpose = Purpose.PAYMENT) -> UUID:
    return issue_challenge(
        user=psu.user,
        purpose=purpose,
        snapshot=snapshot,
        method=AuthenticationMethod.PUSH_OTP,
        hide_limit=False,
        now=clock.now(),
    )


def deliver() -> OutboxMessage:
    """What the worker does with the latest wish to wake an app."""
    message = OutboxMessage.objects.filter(topic="sca.wake_app").latest("created_at")
    OutboxMessage.objects.filter(pk=message.pk).update(available_at=clock.now() - timedelta(seconds=1))
    with suppress(PushRefused):  # Counted in the row; Celery's log has it.
        wake_app(message_id=str(message.pk))
    message.refresh_from_db()
    return message


class TestWhatThePushServiceGets:
    def test_is_for_the_app_alone(self, anna: PSU, phone: Phone, service: PushService) -> None:
        challenge_id = ask(anna)
        deliver()
        ((path, _headers, body),) = service.calls
        assert path == "/send/abc"
        for clear in (b"friend", b"DE02", b"100", b"Pay", str(challenge_id).encode(), challenge_id.bytes):
            assert clear not in body
        # The browser opens the first cover, and finds a request that the app's own key opens (RFC 8291, S3-15).
        told = phone.decrypt(body)
        assert b"friend" not in told
        request = from_text(told.decode().split('"')[3])
        opened = phone.app.open(request)
        assert opened.shown["title"] == "Pay €100.00"
        answer, signature = phone.app.answer(opened)
        answer_by_app(body=answer, signature=signature, now=clock.now())
        assert Challenge.objects.get(pk=challenge_id).answered_by_id == phone.app.device_id

    def test_says_who_sends_and_for_how_long(self, anna: PSU, phone: Phone, service: PushService) -> None:
        ask(anna)
        deliver()
        headers = service.calls[0][1]
        assert headers["Content-Encoding"] == "aes128gcm"
        assert headers["Urgency"] == "high"
        assert 0 < int(headers["TTL"]) <= 600
        scheme, _, rest = headers["Authorization"].partition(" ")
        parts = dict(one.strip().split("=", 1) for one in rest.split(","))
        assert (scheme, parts["k"]) == ("vapid", public_push_key())
        numbers = read_public_key(from_text(parts["k"])).public_numbers()
        key = ECKey.import_key(
            {
                "kty": "EC",
                "crv": "P-256",
                "x": to_text(numbers.x.to_bytes(32, "big")),
                "y": to_text(numbers.y.to_bytes(32, "big")),
            }
        )
        claims = jwt.decode(parts["t"], key).claims
        assert claims["aud"] == service.origin
        # Not more than a day ahead (RFC 8292, section 2).
        assert 0 < claims["exp"] - clock.real_now().timestamp() < 24 * 3600
        assert claims["sub"].startswith(("https:", "http:", "mailto:"))

    def test_nothing_after_it_was_answered(self, anna: PSU, phone: Phone, service: PushService) -> None:
        body, signature = phone.app.answer(phone.app.open_challenge(ask(anna)))
        answer_by_app(body=body, signature=signature, now=clock.now())
        deliver()
        assert service.calls == []

    def test_nothing_to_a_withdrawn_device(self, anna: PSU, phone: Phone, service: PushService) -> None:
        ask(anna)
        SigningDevice.objects.update(
            confirmed=False,
            withdrawn_at=clock.now(),
            withdrawn_because="removed",
            push_endpoint="",
            push_key=None,
            push_secret=None,
        )
        deliver()
        assert service.calls == []

    def test_what_is_too_long_for_a_push_is_asked_for(
        self, anna: PSU, phone: Phone, service: PushService
    ) -> None:
        ask(anna, PAYMENT | {"remittance_information_unstructured": "ü" * 3_000})
        deliver()
        assert len(service.calls[0][2]) <= 4096  # What a push service must take (RFC 8030, section 7.2).
        assert phone.decrypt(service.calls[0][2]) == b"{}"


class TestWhenItFails:
    @pytest.mark.parametrize("status", [302, 400, 401, 413, 429, 500, 503])
    def test_it_is_tried_again(self, anna: PSU, phone: Phone, service: PushService, status: int) -> None:
        ask(anna)
        service.status = status
        failed = deliver()
        assert (failed.done_at, failed.attempts, len(service.calls)) == (None, 1, 1)
        assert service.origin not in failed.last_error, "the address is a secret of the device's"
        service.status = 201
        assert deliver().done_at is not None
        assert len(service.calls) == 2

    def test_nobody_there(self, anna: PSU, phone: Phone, settings: Any) -> None:
        ask(anna)
        SigningDevice.objects.update(push_endpoint="http://127.0.0.1:9/send/abc")
        assert deliver().done_at is None

    @pytest.mark.parametrize("status", [404, 410])
    def test_a_subscription_that_is_gone_is_forgotten(
        self, anna: PSU, phone: Phone, service: PushService, status: int
    ) -> None:
        ask(anna)
        service.status = status
        assert deliver().done_at is not None
        assert SigningDevice.objects.get().push_endpoint == ""


def test_the_longest_file_of_payments_fits_into_a_picture_and_a_push(
    anna: PSU, phone: Phone, service: PushService
) -> None:
    """Five payees with the longest names there are; or their customer could not sign the file."""
    snapshot = {
        "file_id": "0" * 36,
        "total_minor": 99_999_999_999,
        "currency": "EUR",
        "number_of_transactions": 100_000,
        "items_sha256": "f" * 64,
        "batches": [{"debtor_iban": iban} for iban in other_ibans(20)],
        "shown": {
            "strategy": "riskiest",
            "payments": [
                {
                    "id": number,
                    "line": number,
                    "amount_minor": 99_999_999_999,
                    "creditor_name": "ü" * 70,
                    "creditor_iban": "MT84MALT011000012345MTLCAST001S",
                    "reasons": [],
                }
                for number in range(5)
            ],
        },
    }
    challenge_id = ask(anna, snapshot, Purpose.BULK)
    deliver()
    request = from_text(phone.decrypt(service.calls[0][2]).decode().split('"')[3])
    assert phone.app.open(request).challenge_id == challenge_id
    assert "<svg" in request_picture(to_text(request), title="What you sign")
