"""pain.001.001.03 and .09 (CustomerCreditTransferInitiation): one pass, checked against the schema on the way."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from lxml import etree

from apps.bulk.reading.fields import BatchHead, Content, Fields, Header, Item, Sink, Text, is_internal
from apps.bulk.reading.problems import ProblemList
from apps.bulk.rules import BATCHES_MAX, ITEMS_MAX, FileFormat, ProblemCode
from apps.core.money import plain_amount

SCHEMAS = Path(__file__).resolve().parents[1] / "schemas"
# So little goes to the parser at once that what it finds stands in the line that it was given.
_PIECE = 4096

# Elements that are carried out, or that change nothing when they are left aside: addresses and numbers of parties, the
# payee's bank (the IBAN says which), what is for the bank's eyes. By path below the element named.
_OF_PAYMENT = re.compile(
    r"PmtId/(InstrId|EndToEndId|UETR)|Amt/InstdAmt|ChrgBr|CdtrAgt/.*|CdtrAgtAcct/.*|Cdtr/.*|CdtrAcct/.*|Purp/Cd"
    r"|RmtInf/Ustrd|PmtTpInf/(InstrPrty|SvcLvl/Cd|CtgyPurp/(Cd|Prtry))"
)
_OF_BATCH = re.compile(
    r"PmtInfId|PmtMtd|BtchBookg|NbOfTxs|CtrlSum|PmtTpInf/(InstrPrty|SvcLvl/Cd|CtgyPurp/(Cd|Prtry))|ReqdExctnDt(/Dt)?"
    r"|Dbtr/.*|DbtrAcct/.*|DbtrAgt/.*|ChrgBr"
)
_OF_HEADER = re.compile(r"MsgId|CreDtTm|NbOfTxs|CtrlSum|InitgPty/.*|Authstn/.*")
# The one value that is possible.
_ONLY = {
    "PmtMtd": "TRF",
    "ChrgBr": "SLEV",
    "PmtTpInf/SvcLvl/Cd": "SEPA",
    "CdtrAcct/Ccy": "EUR",
    "DbtrAcct/Ccy": "EUR",
}
_DECIMAL = re.compile(r"([0-9]{1,16})(?:\.([0-9]{1,17}))?")
_OPTIONS = {
    "huge_tree": False,
    "resolve_entities": False,
    "load_dtd": False,
    "no_network": True,
    "remove_comments": True,
    "remove_pis": True,
}


@dataclass
class _Sums:
    """What is announced, and what there is."""

    announced_count: Text | None = None
    announced_sum: Text | None = None
    count: int = 0
    total_minor: int = 0
    is_known: bool = True  # False: an amount was not good, so no sum can be told.


@dataclass
class _Batch:
    """A PmtInf that is being read. ``number`` is None while something in its head is not good."""

    number: int | None = None
    debtor_iban: str = ""
    sums: _Sums = field(default_factory=_Sums)


@cache
def schema_of(version: FileFormat) -> etree.XMLSchema:
    """The schema of a message, read once."""
    return etree.XMLSchema(etree.parse(SCHEMAS / f"{version.value}.xsd"))


def read_pain001(
    content: Content, *, version: FileFormat, fields: Fields, sink: Sink, problems: ProblemList
) -> Header:
    """Read a message; see :func:`apps.bulk.reading.recognise.read_payment_file`.

    The parser takes no entities, no document type, nothing from a network and no unreasonable depth or length.
    """
    reader = _Reader(version, fields, sink, problems)
    parser = etree.XMLPullParser(
        events=("start", "end"),
        tag=[f"{{*}}{name}" for name in ("Document", "GrpHdr", "PmtInf", "CdtTrfTxInf")],
        schema=schema_of(version),
        **_OPTIONS,
    )
    known = 0
    try:
        for line, piece in _by_line(content()):
            parser.feed(piece)
            for event, element in parser.read_events():
                reader.take(event, element)
            found = parser.feed_error_log
            if len(found) > known:
                if any(_IS_LOST.search(entry.message) for entry in list(found)[known:]):
                    break
                known = _note_schema(found, known, line, problems)
        else:
            parser.close()
    except etree.XMLSyntaxError:
        # Raised at the end for what the schema has been told about already; or the XML is broken.
        pass
    if not reader.is_whole:
        _note_broken(content, problems)
    reader.finish()
    return reader.header


def _note_broken(content: Content, problems: ProblemList) -> None:
    """Why a message could not be read to its end. The parser that keeps to the schema does not tell; one that does not
    keep to it is asked, from the beginning.

    :raises ReadingStopped: always: what was announced cannot be compared with what was not read.
    """
    parser = etree.XMLPullParser(events=("end",), tag="{*}CdtTrfTxInf", **_OPTIONS)
    line = 1
    try:
        for line, piece in _by_line(content()):  # noqa: B007  # Of use after the loop, too.
            parser.feed(piece)
            for _event, element in parser.read_events():
                element.clear()
                element.getparent().remove(element)
        parser.close()
    except etree.XMLSyntaxError as error:
        code = ProblemCode.ENCODING if _IS_ENCODING.search(error.msg) else ProblemCode.NOT_XML
        problems.stop(code, line=line, value=error.msg)
    problems.stop(ProblemCode.NOT_XML, line=line, value="</Document>")


def _by_line(pieces: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    """The bytes line by line, long lines in pieces, each with its line's number."""
    line = 1
    for piece in pieces:
        start = 0
        while start < len(piece):
            end = piece.find(b"\n", start, start + _PIECE) + 1 or min(start + _PIECE, len(piece))
            yield line, piece[start:end]
            line += piece[end - 1] == 10
            start = end


_IS_ENCODING = re.compile("UTF-8|encod", re.IGNORECASE)
# What the schema says of an element that hangs in the air, because the parser has given up before it.
_IS_LOST = re.compile("No matching global declaration available")
_IN_BRACES = re.compile(r"\{[^}]*\}")


def _note_schema(found: Any, known: int, line: int, problems: ProblemList) -> int:
    """Note what the parser has found since the last look, unless the same line has a clearer word on it already."""
    for entry in list(found)[known:]:
        if entry.domain_name == "SCHEMASV" and not problems.has_line(line):
            element, _, what = _IN_BRACES.sub("", entry.message).partition(": ")
            problems.add(
                ProblemCode.SCHEMA,
                line=line,
                field=element.removeprefix("Element ").strip("'").partition("'")[0],
                value=what,
            )
    return len(found)


class _Reader:
    """Takes the elements as they end, and lets go of them."""

    def __init__(self, version: FileFormat, fields: Fields, sink: Sink, problems: ProblemList) -> None:
        self.header = Header()
        self._version, self._fields, self._sink, self._problems = version, fields, sink, problems
        self._all = _Sums()
        self.is_whole = False
        self._batches: dict[str, int] = {}
        self._begun = 0
        self._batch: _Batch | None = None

    def take(self, event: str, element: Any) -> None:
        """One event of the parser."""
        name = _local(element)
        if event == "start":
            if name == "Document" and element.getroottree().docinfo.internalDTD is not None:
                self._problems.stop(ProblemCode.DOCTYPE)
            if name == "PmtInf":
                self._batch = None
        elif name == "CdtTrfTxInf":
            parent = element.getparent()
            if self._batch is None:
                self._batch = self._begin_batch(parent)
            self._take_payment(element, self._batch)
            element.clear()
            parent.remove(element)
        elif name == "PmtInf":
            if self._batch is not None:
                self._compare(self._batch.sums)
            element.clear()
        elif name == "GrpHdr":
            self._take_header(element)
        elif name == "Document":
            self.is_whole = True

    def finish(self) -> None:
        """What can be told only when all is read."""
        self._compare(self._all)

    def _take_header(self, element: Any) -> None:
        leaves = self._leaves(element, _OF_HEADER)
        self.header.message_identification = self._fields.identification(
            leaves.get("MsgId", Text(element.sourceline, "GrpHdr/MsgId", ""))
        )
        self.header.initiating_party = leaves.get("InitgPty/Nm", Text(0, "", "")).text.strip()[:140]
        self._all.announced_count, self._all.announced_sum = leaves.get("NbOfTxs"), leaves.get("CtrlSum")

    def _begin_batch(self, element: Any) -> _Batch:
        self._begun += 1
        if self._begun > BATCHES_MAX:
            self._problems.stop(
                ProblemCode.TOO_MANY_BATCHES, line=element.sourceline, field="PmtInf", value="PmtInf"
            )
        leaves = self._leaves(element, _OF_BATCH, stop_at="CdtTrfTxInf")
        missing = Text(element.sourceline, "", "")
        named = leaves.get("PmtInfId", missing._replace(field="PmtInfId"))
        identification = self._fields.identification(named)
        is_new = identification not in self._batches
        if identification and not is_new:
            self._problems.add(
                ProblemCode.DUPLICATE_IDENTIFICATION, line=named.line, field=named.field, value=identification
            )
        self._batches.setdefault(identification, self._begun)
        account = self._fields.debtor_account(
            leaves.get("DbtrAcct/Id/IBAN", missing._replace(field="DbtrAcct/Id/IBAN"))
        )
        dated = "ReqdExctnDt" if self._version == FileFormat.PAIN_001_001_03 else "ReqdExctnDt/Dt"
        day = self._fields.execution_date(leaves.get(dated, missing._replace(field=dated)))
        batch = _Batch(
            sums=_Sums(announced_count=leaves.get("NbOfTxs"), announced_sum=leaves.get("CtrlSum")),
            debtor_iban=account[1] if account else "",
        )
        if account is not None and identification and is_new and not self._problems:
            batch.number = self._sink.begin_batch(
                BatchHead(
                    payment_information_identification=identification,
                    debtor_account_id=account[0],
                    debtor_iban=account[1],
                    # Without a word on it, one debit for all: so the German banks' rules (DFÜ-Abkommen).
                    batch_booking=leaves.get("BtchBookg", missing).text.strip() not in ("false", "0"),
                    requested_execution_date=day,
                )
            )
        return batch

    def _take_payment(self, element: Any, batch: _Batch) -> None:
        self._all.count += 1
        batch.sums.count += 1
        if self._all.count > ITEMS_MAX:
            self._problems.stop(ProblemCode.TOO_MANY_ITEMS, line=element.sourceline)
        leaves = self._leaves(element, _OF_PAYMENT)
        missing = Text(element.sourceline, "", "")
        amount = leaves.get("Amt/InstdAmt")
        minor = 0
        if amount is not None:
            minor = self._fields.amount(amount, element.find("{*}Amt/{*}InstdAmt").get("Ccy", ""))
        for sums in (self._all, batch.sums):
            sums.total_minor += minor
            sums.is_known = sums.is_known and minor > 0
        account = leaves.get("CdtrAcct/Id/IBAN", missing._replace(field="CdtrAcct/Id/IBAN"))
        iban = self._fields.iban(account)
        if iban and iban == batch.debtor_iban:
            self._problems.add(ProblemCode.SAME_ACCOUNT, line=account.line, field=account.field, value=iban)
        item = Item(
            line=element.sourceline,
            instruction_identification=self._fields.identification(
                leaves.get("PmtId/InstrId", missing), required=False
            ),
            end_to_end_identification=self._fields.end_to_end(leaves.get("PmtId/EndToEndId", missing)),
            amount_minor=minor,
            creditor_name=self._fields.name(leaves.get("Cdtr/Nm", missing._replace(field="Cdtr/Nm"))),
            creditor_iban=iban,
            remittance_information_unstructured=self._fields.remittance(leaves.get("RmtInf/Ustrd", missing)),
            purpose=leaves.get("Purp/Cd", missing).text.strip()[:4],
            is_internal=bool(iban) and is_internal(iban),
        )
        if batch.number is not None and not self._problems:
            self._sink.add(batch.number, item)

    def _leaves(self, element: Any, carried_out: re.Pattern[str], stop_at: str = "") -> dict[str, Text]:
        """The texts below an element by their path; what would have to be carried out and cannot be is a problem."""
        leaves: dict[str, Text] = {}
        for path, leaf in _walk(element, "", stop_at):
            given = Text(leaf.sourceline, path, leaf.text or "")
            only = _ONLY.get(path)
            if not carried_out.fullmatch(path) or (path in leaves and path == "RmtInf/Ustrd"):
                self._problems.add(
                    ProblemCode.NOT_SUPPORTED, line=given.line, field=path, value=given.text or path
                )
            elif only is not None and given.text.strip() != only:
                self._problems.add(ProblemCode.NOT_SUPPORTED, line=given.line, field=path, value=given.text)
            leaves.setdefault(path, given)
        return leaves

    def _compare(self, sums: _Sums) -> None:
        """What a file announces against what it holds, exactly: to the last of its decimals."""
        if sums.announced_count is not None:
            given = sums.announced_count
            if not given.text.isascii() or not given.text.isdigit() or int(given.text) != sums.count:
                self._problems.add(
                    ProblemCode.COUNT_DIFFERS,
                    line=given.line,
                    field=given.field,
                    value=f"{given.text} ≠ {sums.count}",
                )
        if sums.announced_sum is not None and sums.is_known:
            given = sums.announced_sum
            if _hundredths(given.text) != sums.total_minor:
                self._problems.add(
                    ProblemCode.SUM_DIFFERS,
                    line=given.line,
                    field=given.field,
                    value=f"{given.text} ≠ {plain_amount(sums.total_minor, 'EUR')}",
                )


def _walk(element: Any, before: str, stop_at: str) -> Iterator[tuple[str, Any]]:
    for child in element:
        name = _local(child)
        if name == stop_at:
            return
        if len(child):
            yield from _walk(child, f"{before}{name}/", "")
        else:
            yield before + name, child


def _local(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


def _hundredths(text: str) -> int | None:
    """A decimal number in hundredths; None when it has more than two decimals that count."""
    match = _DECIMAL.fullmatch(text.strip())
    if match is None:
        return None
    decimals = match.group(2) or ""
    return None if decimals[2:].strip("0") else int(match.group(1) + decimals[:2].ljust(2, "0"))
