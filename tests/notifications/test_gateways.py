"""The roads out: a provider of text messages and a TPP's notification endpoint, on real loopback HTTP."""

import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from apps.notifications import gateways
from apps.notifications.gateways import HTTPSMSGateway, PushNotDelivered, SMSNotSent, post_status
from apps.notifications.models import SMSDelivery
from apps.notifications.services import send_sms


class Provider(BaseHTTPRequestHandler):
    """Answers as the test says, and remembers what it was asked."""

    status, body, delay_seconds = 200, b'{"id": "ref-7"}', 0.0
    calls: list[tuple[dict[str, str], dict[str, str]]] = []

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.calls.append((dict(self.headers), json.loads(content)))
        time.sleep(self.delay_seconds)
        self.send_response(self.status)
        if self.status == 302:
            self.send_header("Location", "http://127.0.0.1:9/elsewhere")
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *args: object) -> None:
        """Silent."""


@pytest.fixture
def provider(settings) -> Iterator[type[Provider]]:
    Provider.status, Provider.body, Provider.delay_seconds, Provider.calls = 200, b'{"id": "ref-7"}', 0.0, []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings.SMS_GATEWAY = "apps.notifications.gateways.HTTPSMSGateway"
    settings.SMS_HTTP_URL = f"http://127.0.0.1:{server.server_port}/send"
    settings.SMS_HTTP_KEY = "provider-key"
    settings.SMS_HTTP_TEMPLATE = '{"number": "$to", "message": {"body": "$text"}, "ref": "$key"}'
    yield Provider
    server.shutdown()
    server.server_close()


def send(text: str = "Lindenbank: 123456") -> str:
    return HTTPSMSGateway().send(to="+4915112345678", text=text, idempotency_key="challenge:1")


class TestHTTPSMSGateway:
    def test_speaks_the_providers_language(self, provider: type[Provider]) -> None:
        assert send('€1 to "Kern" \\ $to') == "ref-7"
        ((headers, body),) = provider.calls
        assert headers["Authorization"] == "Bearer provider-key"
        assert headers["Idempotency-Key"] == "challenge:1"
        assert body == {
            "number": "+4915112345678",
            "message": {"body": '€1 to "Kern" \\ $to'},
            "ref": "challenge:1",
        }

    @pytest.mark.parametrize("status", [302, 400, 401, 429, 500, 503])
    def test_anything_but_success_is_not_sent(self, provider: type[Provider], status: int) -> None:
        provider.status = status
        with pytest.raises(SMSNotSent, match=str(status)):
            send()
        assert len(provider.calls) == 1

    def test_gives_up_in_time(self, provider: type[Provider], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(gateways, "_TIMEOUT", 0.2)
        provider.delay_seconds = 1.0
        with pytest.raises(SMSNotSent, match="ReadTimeout"):
            send()

    @pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"id": 5}'])
    def test_takes_any_answer_body(self, provider: type[Provider], body: bytes) -> None:
        provider.body = body
        assert send() in ("", "5")

    @pytest.mark.req("S0-5", "RTS-22(1)", "S3-2")
    def test_logs_neither_code_nor_number(
        self, provider: type[Provider], caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.DEBUG):
            send()
            provider.status = 500
            with pytest.raises(SMSNotSent) as refused:
                send()
        assert "123456" not in caplog.text + str(refused.value)
        assert "15112345678" not in caplog.text + str(refused.value)


class TestSendSMS:
    def deliver(self) -> bool:
        return send_sms(effect_key="challenge:1", user_id=None, to="+4915112345678", text="Code 123456")

    def test_one_effect_is_sent_once(self, db: None, provider: type[Provider]) -> None:
        assert [self.deliver(), self.deliver()] == [True, False]
        assert len(provider.calls) == 1
        assert SMSDelivery.objects.get().provider_reference == "ref-7"

    def test_a_retry_carries_the_same_key(self, db: None, provider: type[Provider]) -> None:
        provider.status = 503
        with pytest.raises(SMSNotSent):
            self.deliver()
        provider.status = 200
        assert self.deliver() is True
        assert {headers["Idempotency-Key"] for headers, _ in provider.calls} == {"challenge:1"}


@pytest.mark.req("S0-46")
class TestPostStatus:
    def post(self, provider_url: str) -> None:
        post_status(
            url=provider_url, body={"paymentId": "p", "transactionStatus": "ACSC"}, request_id="11111111-1111"
        )

    def test_tells_the_tpp(self, provider: type[Provider], settings) -> None:
        self.post(settings.SMS_HTTP_URL)
        ((headers, body),) = provider.calls
        assert body == {"paymentId": "p", "transactionStatus": "ACSC"}
        assert headers["X-Request-ID"] == "11111111-1111"

    @pytest.mark.parametrize("status", [302, 404, 500])
    def test_follows_nothing_and_believes_only_success(
        self, provider: type[Provider], settings, status: int
    ) -> None:
        provider.status = status
        with pytest.raises(PushNotDelivered):
            self.post(settings.SMS_HTTP_URL)
        assert len(provider.calls) == 1

    @pytest.mark.parametrize(
        "url", ["http://127.0.0.1:9/", "http://", "gopher://x", "http://127.0.0.1:99999/"]
    )
    def test_a_dead_address_is_an_answer_too(self, url: str) -> None:
        with pytest.raises(PushNotDelivered):
            self.post(url)

    @pytest.mark.parametrize(
        "address",
        [
            *(
                "10.0.0.5",
                "172.16.3.1",
                "192.168.1.1",
                "169.254.169.254",
                "100.64.0.1",
                "0.0.0.0",  # noqa: S104 (nothing is bound)
                "224.0.0.1",
            ),
            *("::ffff:10.0.0.5", "fe80::1", "fd00::1", "2002:a00:5::1", "::"),
        ],
    )
    def test_no_name_leads_into_the_banks_networks(
        self, monkeypatch: pytest.MonkeyPatch, address: str
    ) -> None:
        answers = [("93.184.216.34", 443), (address, 443)]
        monkeypatch.setattr(
            socket, "getaddrinfo", lambda *_args, **_more: [(0, 0, 0, "", answer) for answer in answers]
        )
        with pytest.raises(PushNotDelivered, match="not a public address"):
            self.post("https://tpp.example/status")

    def test_loopback_is_for_the_sandbox(self, provider: type[Provider], settings) -> None:
        settings.SANDBOX = False
        with pytest.raises(PushNotDelivered, match="not a public address"):
            self.post(settings.SMS_HTTP_URL)
        assert not provider.calls

    def test_calls_the_address_that_was_checked_under_the_name_that_was_given(
        self, provider: type[Provider], settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A name that resolves differently the second time (DNS rebinding) is not asked a second time."""
        asked: list[str] = []

        def resolve(host: str, port: int, **_more: object) -> list[tuple[object, ...]]:
            asked.append(host)
            return [(0, 0, 0, "", ("127.0.0.1", port))]

        with monkeypatch.context() as patched:
            patched.setattr(gateways.socket, "getaddrinfo", resolve)
            url = settings.SMS_HTTP_URL.replace("127.0.0.1", "tpp.example")
            address = gateways._public_address(gateways.httpx.URL(url))
        assert (asked, address) == (["tpp.example"], "127.0.0.1")
        monkeypatch.setattr(gateways, "_public_address", lambda _url: address)
        self.post(url)
        ((headers, _),) = provider.calls
        assert headers["Host"].startswith("tpp.example:")
