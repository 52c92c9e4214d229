"""Reading a request body: one JSON text, understood in one way only.

The standard parsers are laxer than a bank can be: they keep the last of two equal keys (so that what was checked and
what is paid may differ), take NaN and byte order marks, and die of deep nesting.
"""

import json
from typing import Any, Protocol

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from apps.xs2a.refusals import FormatError, MediaTypeNotSupported


class Readable(Protocol):
    """What bytes come from."""

    def read(self, size: int, /) -> bytes: ...


BODY_BYTES_MAX = 64 * 1024
DEPTH_MAX = 8
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_json_object(request: HttpRequest) -> dict[str, Any]:
    """The request's body as an object.

    :raises MediaTypeNotSupported: another content type, charset or encoding than plain UTF-8 JSON.
    :raises FormatError: too long, or not one strict JSON object.
    """
    _check_media_type(request)
    document = parse_strict_json(_read_body(request))
    if not isinstance(document, dict):
        raise FormatError(_("The body is not a JSON object."))
    return document


def _read_body(request: HttpRequest) -> bytes:
    stream, raw = body_stream(request), b""
    # One byte more than allowed tells a long body from one that just fits, without reading on.
    while chunk := stream.read(BODY_BYTES_MAX + 1 - len(raw)):
        raw += chunk
        if len(raw) > BODY_BYTES_MAX:
            raise FormatError(_("The body is longer than 64 KiB."))
    return raw


def body_stream(request: HttpRequest) -> Readable:
    """The bytes of the body. Django reads none of a body without Content-Length (chunked), where the server ends it."""
    if not request.META.get("CONTENT_LENGTH") and request.META.get("wsgi.input_terminated"):
        stream: Readable = request.META["wsgi.input"]
        return stream
    return request


def parse_strict_json(raw: bytes) -> Any:
    """The value of a JSON text in UTF-8.

    Refused besides what RFC 8259 refuses: byte order mark, equal keys, NaN and infinities, lone surrogates, NUL, more
    than ``DEPTH_MAX`` levels.

    :raises FormatError: naming the reason.
    """
    if raw.startswith(_BYTE_ORDER_MARK):
        raise FormatError(_("The body begins with a byte order mark."))
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise FormatError(_("The body is not UTF-8.")) from None
    try:
        document = json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant)
    except RecursionError:
        raise FormatError(_("The body is nested too deeply.")) from None
    except ValueError:  # JSONDecodeError, and whole numbers longer than Python converts.
        raise FormatError(_("The body is not JSON.")) from None
    _check_values(document, depth=1)
    return document


def _check_media_type(request: HttpRequest) -> None:
    kind, _separator, parameters = request.META.get("CONTENT_TYPE", "").partition(";")
    charset = parameters.strip().lower().replace('"', "")
    if kind.strip().lower() != "application/json" or charset not in ("", "charset=utf-8"):
        raise MediaTypeNotSupported(_("Send the body as application/json in UTF-8."))
    if request.META.get("HTTP_CONTENT_ENCODING", "identity").strip().lower() != "identity":
        raise MediaTypeNotSupported(_("Send the body without a content encoding."))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise FormatError(_("A member is given twice in one object."))
    return members


def _refuse_constant(name: str) -> None:
    raise FormatError(_("NaN and infinities are no JSON numbers."))


def _check_values(value: Any, *, depth: int) -> None:
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, dict | list):
        if depth > DEPTH_MAX:
            raise FormatError(_("The body is nested too deeply."))
        for item in value:
            _check_values(item, depth=depth + 1)
        if isinstance(value, dict):
            for item in value.values():
                _check_values(item, depth=depth + 1)


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise FormatError(_("A text holds half of a surrogate pair.")) from None
    if "\x00" in text:
        raise FormatError(_("A text holds a NUL character."))
