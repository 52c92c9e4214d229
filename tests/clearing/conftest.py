"""The other end of the wire, for tests of what the bank hands over."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from apps.clearing.houses import SIGNATURE_HEADER


class House:
    """Somebody who listens: answers with ``status``, or not at all if that is 0, and keeps what came."""

    def __init__(self) -> None:
        self.status, self.error, self.heard = 202, "no", []
        house = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                house.heard.append((self.headers.get(SIGNATURE_HEADER), body))
                if not house.status:
                    self.close_connection = True
                    return
                answer = json.dumps({"error": house.error}).encode()
                self.send_response(house.status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None: ...

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def house(settings: object) -> Iterator[House]:
    house = House()
    settings.CLEARING_URL = house.url
    yield house
    house.close()
