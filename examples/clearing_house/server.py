"""The house over HTTP: messages of the bank on one side, the sandbox's control on the other. Loopback only."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from examples.clearing_house.behaviour import ACTS, Behaviour
from examples.clearing_house.books import RAILS, Books, Refused
from examples.clearing_house.config import Configuration
from examples.clearing_house.messages import BadMessage, Transfer

BODY_MAX_BYTES = 5 * 1024 * 1024
SIGNATURE_HEADER = "X-Signature"
_SOMEBODY_IBAN = "DE02120300000000202051"


def sign(key: bytes, *, receiver: str, body: bytes) -> str:
    """HMAC-SHA256 over who is meant and what is said, so that neither side's message can be played back to it."""
    return hmac.new(key, receiver.encode() + b"\n" + body, hashlib.sha256).hexdigest()


class House(ThreadingHTTPServer):
    """The server with the books it serves."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, configuration: Configuration, books: Books) -> None:
        self.configuration, self.books = configuration, books
        self.work_waits = threading.Event()
        super().__init__(("127.0.0.1", configuration.port), Handler)


class Postman(threading.Thread):
    """Closes cycles in time and brings the bank its messages, each until it is taken or refused."""

    def __init__(self, house: House) -> None:
        super().__init__(daemon=True)
        self._house, self._over = house, False
        self._connection: http.client.HTTPConnection | None = None

    def run(self) -> None:
        while not self._over:
            self._house.work_waits.wait(0.1)
            self._house.work_waits.clear()
            self._house.books.tick(now=time.time())
            for number, body in self._house.books.due_messages(now=time.time()):
                status, answer = self._bring(body)
                self._house.books.note_delivery(number, status=status, answer=answer, now=time.time())

    def stop(self) -> None:
        self._over = True
        self.join(timeout=3)

    def _bring(self, body: bytes) -> tuple[int, str]:
        configuration = self._house.configuration
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection(
                    urlsplit(configuration.bank_url).netloc, timeout=10
                )
            headers = {
                "Content-Type": "application/xml",
                SIGNATURE_HEADER: sign(configuration.key, receiver="bank", body=body),
            }
            self._connection.request("POST", "/rails/messages/", body, headers)
            response = self._connection.getresponse()
            return response.status, response.read(4000).decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            if self._connection is not None:
                self._connection.close()
            self._connection = None
            return 0, type(error).__name__


class Handler(BaseHTTPRequestHandler):
    """One call."""

    server: House
    protocol_version = "HTTP/1.1"
    timeout = 20

    def do_GET(self) -> None:
        path = self.path.strip("/")
        if path in ("", "health"):
            self._answer(200, {"house": "Rheinclear", "acts": ACTS})
        elif path in ("transfers", "returns", "cycles", "outbox", "received") and self._is_here():
            self._answer(200, self.server.books.show(path))
        else:
            self._answer(404, {"error": "no such page"})

    def do_POST(self) -> None:
        try:
            body = self._body()
            if self.path == "/messages":
                self._take(body)
            elif self.path.startswith("/control/") and self._is_here():
                self._control(self.path.removeprefix("/control/"), body)
            else:
                self._answer(404, {"error": "no such page"})
        except (BadMessage, Refused, ValueError, KeyError) as error:
            self._answer(409 if isinstance(error, Refused) else 400, {"error": str(error)})

    def _take(self, body: bytes) -> None:
        wanted = sign(self.server.configuration.key, receiver="house", body=body)
        if not hmac.compare_digest(wanted, self.headers.get(SIGNATURE_HEADER, "")):
            self._answer(401, {"error": "not signed with the shared key"})
            return
        is_new = self.server.books.take(body, now=time.time())
        self._answer(202, {"taken": is_new})
        self.server.work_waits.set()

    def _control(self, what: str, body: bytes) -> None:
        if self.headers.get("Content-Type") == "application/xml" and what == "send":
            self.server.books.send_raw(body, now=time.time())
            self._answer(202, {})
        else:
            if self.headers.get("Content-Type") != "application/json":
                raise ValueError("application/json is expected")  # Which no page of another site can send.
            wanted = json.loads(body or b"{}")
            orders = {"incoming": self._bring, "next": self._order, "cycle": self._close}
            if what not in orders or not isinstance(wanted, dict):
                raise ValueError("no such order")
            self._answer(200, orders[what](wanted))
        self.server.work_waits.set()

    def _bring(self, wanted: dict[str, Any]) -> dict[str, Any]:
        whole, _, part = str(wanted["amount"]).partition(".")
        rail = str(wanted.get("rail", "sct"))
        if not (whole + part).isdigit() or len(part) != 2 or rail not in ("sct", "inst"):
            raise ValueError("amount is written 12.34, rail is sct or inst")
        transfer = Transfer(
            tx_id=str(wanted.get("tx_id") or uuid.uuid4().hex),
            end_to_end=str(wanted.get("end_to_end") or "NOTPROVIDED"),
            amount_minor=int(whole + part),
            debtor_name=str(wanted.get("debtor_name") or "Somebody Elsewhere"),
            debtor_iban=str(wanted.get("debtor_iban") or _SOMEBODY_IBAN),
            creditor_name=str(wanted.get("creditor_name") or "Customer"),
            creditor_iban=str(wanted["creditor_iban"]),
            remittance=str(wanted.get("remittance") or ""),
            rail=rail,
        )
        act = str(wanted.get("act") or "pay")
        return {"tx_id": self.server.books.bring(transfer, act=act, now=time.time())}

    def _order(self, wanted: dict[str, Any]) -> dict[str, Any]:
        behaviour = Behaviour(
            str(wanted["act"]), str(wanted.get("reason") or ""), float(wanted.get("seconds") or 0)
        )
        self.server.books.order_next(behaviour)
        return {"next": ACTS[behaviour.act]}

    def _close(self, wanted: dict[str, Any]) -> dict[str, Any]:
        rail = str(wanted.get("rail", "sct"))
        if rail not in RAILS:
            raise ValueError(f"rail is one of {', '.join(RAILS)}")
        return {"closed": self.server.books.close_cycle(rail, now=time.time())}

    def _is_here(self) -> bool:
        """Only by our own address: another name that leads to loopback is somebody's page in a browser."""
        return self.headers.get("Host", "").partition(":")[0] in ("127.0.0.1", "localhost")

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or int(length) > BODY_MAX_BYTES:
            self.close_connection = True
            raise ValueError("a body of at most 5 MB with its length is expected")
        return self.rfile.read(int(length))

    def _answer(self, status: int, content: Any) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the library's name)
        """Nothing: what was taken and sent stands in the books."""
