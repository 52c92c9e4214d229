"""The outside of a message: is it XML of a known kind, and what is its id? Nothing of the inside is believed here."""

from dataclasses import dataclass
from typing import NoReturn
from xml.parsers import expat

from apps.core.errors import InvalidInput

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:"
PACS_008, PACS_002, PACS_004 = "pacs.008.001.08", "pacs.002.001.10", "pacs.004.001.09"
CAMT_053, CAMT_056, CAMT_029 = "camt.053.001.08", "camt.056.001.08", "camt.029.001.09"
TAKEN = frozenset({PACS_008, PACS_002, PACS_004, CAMT_053, CAMT_029})

MESSAGE_MAX_BYTES = 5 * 1024 * 1024
_DEPTH_MAX = 40
_ATTRIBUTES_MAX = 8
_ELEMENTS_MAX = 300_000
_ID_MAX = 35


class MessageMalformed(InvalidInput):
    """A message cannot be read. ``problems`` says what is wrong, with lines where there are any."""

    code = "message_malformed"

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems)[:2000], field="message")
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Envelope:
    """What kind of message it is (``pacs.002.001.10``) and its id."""

    name: str
    message_id: str


def read_envelope(body: bytes) -> Envelope:
    """The kind and id of a message, after a walk through all of it that would notice what has no business there.

    No document type, no entities, no processing instructions, UTF-8 only, bounded in size, depth and number of elements
    (reliability: XML bombs, external entities, deep nesting, tricks with encodings).

    :raises MessageMalformed: saying what and where.
    """
    if len(body) > MESSAGE_MAX_BYTES:
        raise MessageMalformed(f"larger than {MESSAGE_MAX_BYTES} bytes")
    if body[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in body:
        raise MessageMalformed("not UTF-8")
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MessageMalformed(f"not UTF-8 at byte {error.start}") from None
    walk = _Walk()
    try:
        walk.parser.Parse(body, True)
    except expat.ExpatError as error:
        problem = expat.errors.messages.get(error.code, "not well-formed")
        raise MessageMalformed(f"line {error.lineno}, column {error.offset + 1}: {problem}") from None
    return walk.envelope()


class _Walk:
    """One pass of expat over a message."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate(namespace_separator="}")
        self.parser.buffer_text = True
        self.parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.StartDoctypeDeclHandler = lambda *_: self._refuse("a document type is not allowed")
        self.parser.EntityDeclHandler = lambda *_: self._refuse("entities are not allowed")
        self.parser.ProcessingInstructionHandler = lambda *_: self._refuse(
            "processing instructions are not allowed"
        )
        self.parser.XmlDeclHandler = self._declaration
        self._path: list[str] = []
        self._elements = 0
        self._name = ""
        self._message_id = ""

    def envelope(self) -> Envelope:
        if not 0 < len(self._message_id) <= _ID_MAX:
            raise MessageMalformed(f"the message id has 1 to {_ID_MAX} characters")
        return Envelope(self._name, self._message_id)

    def _refuse(self, problem: str) -> NoReturn:
        raise MessageMalformed(f"line {self.parser.CurrentLineNumber}: {problem}")

    def _declaration(self, version: str, encoding: str | None, standalone: int) -> None:
        if (encoding or "UTF-8").upper() != "UTF-8":
            self._refuse("the encoding must be UTF-8")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        if len(self._path) >= _DEPTH_MAX:
            self._refuse(f"nested deeper than {_DEPTH_MAX} elements")
        if self._elements > _ELEMENTS_MAX:
            self._refuse(f"more than {_ELEMENTS_MAX} elements")
        if len(attributes) > _ATTRIBUTES_MAX:
            self._refuse(f"more than {_ATTRIBUTES_MAX} attributes")
        namespace, _, local = tag.rpartition("}")
        if not self._path:
            self._name = namespace.removeprefix(NAMESPACE)
            if local != "Document" or not namespace.startswith(NAMESPACE):
                self._refuse("not an ISO 20022 Document")
            if self._name not in TAKEN:
                self._refuse(f"messages of the kind {self._name[:40]} are not taken")
        elif namespace != NAMESPACE + self._name:
            self._refuse("an element of another namespace")
        self._path.append(local)

    def _end(self, tag: str) -> None:
        self._path.pop()

    def _characters(self, text: str) -> None:
        if self._path[2:] in (["GrpHdr", "MsgId"], ["Assgnmt", "Id"]):
            self._message_id += text
            if len(self._message_id) > _ID_MAX:
                self._refuse(f"the message id has 1 to {_ID_MAX} characters")
