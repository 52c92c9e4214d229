"""Which format a file has, told from its beginning; and what no payment file may hold, whatever its format."""

import re
from collections.abc import Iterator

from apps.bulk.reading.csv_file import read_csv
from apps.bulk.reading.fields import Content, Fields, Header, Sink
from apps.bulk.reading.json_file import read_json
from apps.bulk.reading.pain001 import read_pain001
from apps.bulk.reading.problems import ProblemList
from apps.bulk.rules import FileFormat, ProblemCode

_HEAD = 4096
_NAMESPACE = re.compile(rb"urn:iso:std:iso:20022:tech:xsd:([a-z]{4}\.[0-9]{3}\.[0-9]{3}\.[0-9]{2})")
_ENCODING = re.compile(rb"""^<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_COMPRESSED = (b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"\x28\xb5\x2f\xfd", b"Rar!")
_UTF_8 = b"\xef\xbb\xbf"
# A declaration of a document type is the beginning of every attack by entities; payment messages have none.
_FORBIDDEN = re.compile(rb"<!(DOCTYPE|ENTITY)")
_OVERLAP = 16


def read_payment_file(
    content: Content, *, fields: Fields, sink: Sink, problems: ProblemList
) -> tuple[FileFormat, Header]:
    """Read a file piece by piece, in the same little memory however long it is.

    What is wrong goes to ``problems``; every payment that is good goes to ``sink``, also of a file that is not.

    :raises ReadingStopped: not to be read, or enough is wrong.
    """
    head = _peek(content())
    if not head.strip():
        problems.stop(ProblemCode.EMPTY)
    if head.startswith(_COMPRESSED):
        problems.stop(ProblemCode.COMPRESSED)
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in head:
        problems.stop(ProblemCode.ENCODING, value="UTF-16")
    text = head.removeprefix(_UTF_8).lstrip()
    if text.startswith(b"{"):
        return FileFormat.JSON, read_json(content, fields=fields, sink=sink, problems=problems)
    if not text.startswith(b"<"):
        return FileFormat.CSV, read_csv(content(), fields=fields, sink=sink, problems=problems)
    declared = _ENCODING.match(text)
    if declared and declared.group(1).decode().upper() not in ("UTF-8", "UTF8", "US-ASCII", "ASCII"):
        problems.stop(ProblemCode.ENCODING, line=1, value=declared.group(1).decode())
    named = _NAMESPACE.search(text)
    if named is None:
        problems.stop(ProblemCode.UNKNOWN_FORMAT)
    message = named.group(1).decode() if named else ""
    if message not in (FileFormat.PAIN_001_001_03, FileFormat.PAIN_001_001_09):
        problems.stop(ProblemCode.VERSION, value=message)
    version = FileFormat(message)
    return version, read_pain001(
        lambda: _without_doctype(content(), problems),
        version=version,
        fields=fields,
        sink=sink,
        problems=problems,
    )


def _peek(pieces: Iterator[bytes]) -> bytes:
    """The beginning."""
    head = b""
    for piece in pieces:
        head += piece
        if len(head) >= _HEAD:
            break
    return head[:_HEAD]


def _without_doctype(pieces: Iterator[bytes], problems: ProblemList) -> Iterator[bytes]:
    """The pieces, looked through before the parser gets them."""
    tail = b""
    for piece in pieces:
        if _FORBIDDEN.search(tail + piece[:_OVERLAP]) or _FORBIDDEN.search(piece):
            problems.stop(ProblemCode.DOCTYPE)
        tail = piece[-_OVERLAP:]
        yield piece
