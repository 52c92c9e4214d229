"""The EU's consolidated list of financial sanctions, "export" XML of version 1.1, read with care.

Streaming, with no document type, no entities and nothing fetched; sizes and counts are bounded. What is not as the
format has it refuses the whole file, with the line. Attributes the bank does not use are passed over.
"""

import hashlib
import json
import re
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import IO
from xml.parsers import expat

from apps.core.errors import InvalidInput

NAMESPACE = "http://eu.europa.ec/fpi/fsd/export"
FILE_BYTES_MAX = 200 * 1024 * 1024
ENTRIES_MAX = 100_000
NAMES_PER_ENTRY_MAX = 500
TEXT_MAX = 2000
DEPTH_MAX = 12
_CHUNK = 64 * 1024
_PERSON = "person"


class ListUnreadable(InvalidInput):
    """The file is no list of the EU's format; ``detail`` says where and why."""

    code = "list_unreadable"


@dataclass(slots=True)
class ParsedEntry:
    """One sanctioned person or group. ``logical_id`` names it across editions of the list."""

    logical_id: int
    eu_reference: str
    subject_type: str = ""
    names: list[str] = field(default_factory=list)
    birthdates: list[str] = field(default_factory=list)
    citizenships: list[str] = field(default_factory=list)
    programme: str = ""
    regulation: str = ""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all that is known: another one means that the entry has changed."""
        content = [
            *(self.logical_id, self.eu_reference, self.subject_type, sorted(self.names)),
            *(sorted(self.birthdates), sorted(self.citizenships), self.programme, self.regulation),
        ]
        return hashlib.sha256(json.dumps(content, ensure_ascii=True).encode()).hexdigest()


@dataclass(slots=True)
class ParsedList:
    """A whole file: when it was made, its SHA-256, its entries in order."""

    published_at: datetime
    file_number: str
    sha256: str
    entries: list[ParsedEntry]


def read_list(file: IO[bytes]) -> ParsedList:
    """Read and check a whole file.

    :raises ListUnreadable: naming line and reason; nothing of it may be used then.
    """
    reader = _Reader()
    digest, size = hashlib.sha256(), 0
    try:
        while chunk := file.read(_CHUNK):
            size += len(chunk)
            if size > FILE_BYTES_MAX:
                raise ListUnreadable(f"larger than {FILE_BYTES_MAX} bytes")
            if b"\x00" in chunk:  # UTF-16 and its like, which expat would read unasked.
                raise ListUnreadable("the format is in UTF-8")
            digest.update(chunk)
            reader.parser.Parse(chunk, False)
        reader.parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise ListUnreadable(f"line {error.lineno}: {expat.ErrorString(error.code)}") from None
    except (UnicodeError, LookupError, ValueError):
        raise ListUnreadable(f"{reader.where}: wrong encoding") from None
    if reader.published_at is None or not reader.entries:
        raise ListUnreadable("no entry in it: an empty list would clear everybody")
    return ParsedList(
        reader.published_at, reader.file_number, digest.hexdigest(), list(reader.entries.values())
    )


class _Reader:
    def __init__(self) -> None:
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.StartDoctypeDeclHandler = self._refuse_doctype
        self.parser.EntityDeclHandler = self._refuse_doctype
        self.parser.ExternalEntityRefHandler = self._refuse_doctype
        self.parser.XmlDeclHandler = self._check_declaration
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.published_at: datetime | None = None
        self.file_number = ""
        self.entries: dict[int, ParsedEntry] = {}
        self._entry: ParsedEntry | None = None
        self._depth = 0

    @property
    def where(self) -> str:
        return f"line {self.parser.CurrentLineNumber}"

    def _refuse(self, why: str) -> ListUnreadable:
        return ListUnreadable(f"{self.where}: {why}")

    def _refuse_doctype(self, *_arguments: object) -> int:
        raise self._refuse("a document type or entity, which the format does not have")

    def _check_declaration(self, version: str, encoding: str | None, standalone: int) -> None:
        if (encoding or "utf-8").lower() not in ("utf-8", "utf8"):
            raise self._refuse("the format is in UTF-8")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise self._refuse("nested too deep")
        if any(len(value) > TEXT_MAX for value in attributes.values()):
            raise self._refuse(f"an attribute longer than {TEXT_MAX} characters")
        namespace, _, name = tag.rpartition(" ")
        if self._depth == 1:
            if (namespace, name) != (NAMESPACE, "export"):
                raise self._refuse("the root is not the export of the EU's list")
            self.published_at = self._moment(attributes.get("generationDate", ""))
            self.file_number = attributes.get("globalFileId", "")[:20]
        elif self._depth == 2 and name == "sanctionEntity":
            self._begin_entry(attributes)
        elif self._depth == 3 and self._entry is not None:
            self._add(self._entry, name, attributes)

    def _end(self, tag: str) -> None:
        if self._depth == 2 and self._entry is not None:
            if not self._entry.names or not self._entry.subject_type:
                raise self._refuse(f"entry {self._entry.logical_id} has no name or no subjectType")
            self.entries[self._entry.logical_id] = self._entry
            self._entry = None
        self._depth -= 1

    def _begin_entry(self, attributes: dict[str, str]) -> None:
        text = attributes.get("logicalId", "")
        if not re.fullmatch("[0-9]{1,18}", text):
            raise self._refuse("sanctionEntity without a logicalId")
        if int(text) in self.entries:
            raise self._refuse(f"logicalId {text} a second time")
        if len(self.entries) >= ENTRIES_MAX:
            raise self._refuse(f"more than {ENTRIES_MAX} entries")
        self._entry = ParsedEntry(int(text), attributes.get("euReferenceNumber", "")[:40])

    def _add(self, entry: ParsedEntry, name: str, attributes: dict[str, str]) -> None:
        if name == "subjectType":
            code = attributes.get("code", "")
            if code not in (_PERSON, "enterprise"):
                raise self._refuse(f"subjectType {code[:40]!r} is unknown")
            entry.subject_type = code
        elif name == "nameAlias":
            parts = (attributes.get(part, "") for part in ("firstName", "middleName", "lastName"))
            whole = attributes.get("wholeName", "").strip() or " ".join(filter(None, parts)).strip()
            if not whole:
                raise self._refuse("nameAlias without a name")
            if whole not in entry.names:
                entry.names.append(whole)
            if len(entry.names) > NAMES_PER_ENTRY_MAX:
                raise self._refuse(f"more than {NAMES_PER_ENTRY_MAX} names of one entry")
        elif name == "birthdate":
            entry.birthdates.append(self._birthdate(attributes))
        elif name == "citizenship":
            entry.citizenships.append(attributes.get("countryIso2Code", "")[:2])
        elif name == "regulation":
            entry.programme = attributes.get("programme", "")[:40]
            entry.regulation = attributes.get("numberTitle", "")[:200]

    def _birthdate(self, attributes: dict[str, str]) -> str:
        """A whole date, or the year; the list often knows no more."""
        text = attributes.get("birthdate", "")
        if text:
            try:
                return date.fromisoformat(text).isoformat()
            except ValueError:
                raise self._refuse(f"birthdate {text[:20]!r} is no date") from None
        return attributes.get("year", "")[:4]

    def _moment(self, text: str) -> datetime:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise self._refuse("generationDate is missing or no time") from None
        if moment.tzinfo is None:
            raise self._refuse("generationDate has no time zone")
        return moment
