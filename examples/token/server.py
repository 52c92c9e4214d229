"""The token as a page of this machine: a picture dropped or pasted, or the text; what would be signed; the digits.

It listens on the loopback address and answers nobody who names another host. It keeps nothing between two requests.
"""

import json
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from examples.token.device import Token, TokenError

BODY_MAX = 20_000_000
_FILES = {
    "/": ("page.html", "text/html"),
    "/page.js": ("page.js", "text/javascript"),
    "/page.css": ("page.css", "text/css"),
}
_STATIC = Path(__file__).resolve().parent / "static"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-ancestors 'none'"
)


class Desk(ThreadingHTTPServer):
    """One token, on one page."""

    daemon_threads = True

    def __init__(self, token: Token, *, port: int) -> None:
        self.token = token
        super().__init__(("127.0.0.1", port), _Handler)


def serve(token: Token, *, port: int) -> int:
    """Until it is stopped.

    :raises TokenError: the port is taken.
    """
    try:
        desk = Desk(token, port=port)
    except OSError as error:
        raise TokenError(f"Port {port} is taken.") from error
    print(f"Token {token.serial_number}: http://127.0.0.1:{desk.server_port}/ (Ctrl-C ends it)", flush=True)
    try:
        desk.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        desk.server_close()
    return 0


class _Handler(BaseHTTPRequestHandler):
    server: Desk

    def do_GET(self) -> None:
        name, kind = _FILES.get(self.path, ("", ""))
        if not self._is_for_us() or not name:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        self._answer((_STATIC / name).read_bytes(), kind)

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        # A page of another site cannot send these kinds of content without asking first.
        kind = self.headers.get("Content-Type", "")
        if not self._is_for_us() or not 0 < length <= BODY_MAX:
            self.send_error(HTTPStatus.BAD_REQUEST)
            return
        body = self.rfile.read(length)
        try:
            if self.path == "/picture" and kind == "application/octet-stream":
                said = self._shown(_read_picture(body))
            elif self.path == "/text" and kind == "application/json":
                said = self._shown(str(json.loads(body)["text"]))
            elif self.path == "/digits" and kind == "application/json":
                said = self._digits(json.loads(body))
            else:
                self.send_error(HTTPStatus.NOT_FOUND)
                return
        except TokenError as error:
            said = {"error": str(error)}
        except (ValueError, KeyError, TypeError):
            self.send_error(HTTPStatus.BAD_REQUEST)
            return
        self._answer(json.dumps(said).encode(), "application/json")

    def _shown(self, text: str) -> dict[str, Any]:
        opened = self.server.token.open(text)
        return {
            "text": text,
            "bank": opened.bank,
            "title": opened.title,
            "lines": opened.lines,
            "language": opened.language,
            "asks_new_pin": opened.asks_new_pin,
        }

    def _digits(self, said: dict[str, Any]) -> dict[str, Any]:
        token, pin = self.server.token, str(said["pin"])
        opened = token.open(str(said["text"]))
        return {"digits": token.new_pin(opened, pin) if opened.asks_new_pin else token.code(opened, pin)}

    def _is_for_us(self) -> bool:
        return self.headers.get("Host") in {
            f"{name}:{self.server.server_port}" for name in ("127.0.0.1", "localhost")
        }

    def _answer(self, body: bytes, kind: str) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", _POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  The library's name.
        """Nothing: what is signed stands in no log."""


def _read_picture(data: bytes) -> str:
    from base64 import urlsafe_b64encode

    from examples.token.pictures import read_picture

    found = read_picture(data)
    return found if isinstance(found, str) else urlsafe_b64encode(found).rstrip(b"=").decode()
