"""Request parameters, read strictly: one value each, well-formed, bounded (RFC 6749 3.1, 3.2)."""

import re
from collections import Counter
from dataclasses import dataclass
from urllib.parse import parse_qsl

from django.http import HttpRequest

from apps.core.errors import DomainError

FORM_BYTES_MAX = 32 * 1024
FORM_FIELDS_MAX = 50
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class MalformedForm(DomainError):
    """Not a form: wrong media type, too large, broken escapes, not UTF-8, or control characters inside."""

    code = "malformed_form"


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters that have a value, and the names that came more than once."""

    values: dict[str, str]
    repeated: frozenset[str]

    def get(self, name: str) -> str | None:
        """The value; None when the parameter is absent or empty (RFC 6749 3.1: the same thing)."""
        return self.values.get(name)


def parse_form(raw: str) -> Parameters:
    """Parameters from ``application/x-www-form-urlencoded`` text.

    :raises MalformedForm: see there.
    """
    if len(raw) > FORM_BYTES_MAX:
        raise MalformedForm("too large")
    if not raw.isascii() or _BROKEN_ESCAPE.search(raw):
        raise MalformedForm("not form encoded")
    try:
        pairs = parse_qsl(raw, keep_blank_values=True, errors="strict", max_num_fields=FORM_FIELDS_MAX)
    except ValueError as error:
        raise MalformedForm(type(error).__name__) from error
    if any(_CONTROL.search(name) or _CONTROL.search(value) for name, value in pairs):
        raise MalformedForm("control characters")
    counts = Counter(name for name, _ in pairs)
    return Parameters(
        values={name: value for name, value in pairs if value},
        repeated=frozenset(name for name, count in counts.items() if count > 1),
    )


def read_query(request: HttpRequest) -> Parameters:
    """The parameters in the request's query string.

    :raises MalformedForm: see there.
    """
    return parse_form(request.META.get("QUERY_STRING", ""))


def read_body(request: HttpRequest) -> Parameters:
    """The parameters in the request's body; nothing in the query string counts.

    :raises MalformedForm: see there.
    """
    if request.content_type != "application/x-www-form-urlencoded":
        raise MalformedForm("content type")
    try:
        length = int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError as error:
        raise MalformedForm("content length") from error
    if length > FORM_BYTES_MAX:
        raise MalformedForm("too large")
    try:
        return parse_form(request.body.decode("ascii"))
    except UnicodeDecodeError as error:
        raise MalformedForm("not form encoded") from error
