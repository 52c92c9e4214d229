"""Answers: bytes of JSON, made once."""

from typing import Any

import orjson
from django.http import HttpResponse

CONTENT_TYPE = "application/json"


def json_answer(body: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> HttpResponse:
    """``body`` as the contract's JSON."""
    return HttpResponse(orjson.dumps(body), content_type=CONTENT_TYPE, status=status, headers=headers)


def empty_answer(*, status: int, headers: dict[str, str] | None = None) -> HttpResponse:
    """An answer that the contract defines without a body."""
    response = HttpResponse(status=status, headers=headers)
    del response["Content-Type"]
    return response
