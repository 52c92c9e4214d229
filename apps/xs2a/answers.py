"""Answers: bytes of JSON, made once."""

from typing import Any

import orjson
from django.http import HttpResponse

CONTENT_TYPE = "application/json"
# An answer is data: should a browser ever get hold of one, nothing in it runs and nobody frames it.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
}


def json_answer(body: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> HttpResponse:
    """``body`` as the contract's JSON."""
    content = orjson.dumps(body)
    return HttpResponse(
        content,
        content_type=CONTENT_TYPE,
        status=status,
        headers={**HEADERS, "Content-Length": str(len(content)), **(headers or {})},
    )


def as_client_messages(response: HttpResponse) -> HttpResponse:
    """A refusal in the words of the Verification of Payee services, which say apiClientMessages for tppMessages."""
    if not response.content:
        return response
    body = orjson.loads(response.content)
    kept = {name: response.headers[name] for name in ("WWW-Authenticate",) if name in response.headers}
    return json_answer({"apiClientMessages": body["tppMessages"]}, status=response.status_code, headers=kept)


def empty_answer(*, status: int, headers: dict[str, str] | None = None) -> HttpResponse:
    """An answer that the contract defines without a body."""
    response = HttpResponse(status=status, headers={**HEADERS, "Content-Length": "0", **(headers or {})})
    del response["Content-Type"]
    if status == 204:
        del response["Content-Length"]  # RFC 9110 8.6
    return response
