"""A file of payments as a table: for whoever has no program that writes pain.001. The columns are in the manual."""

import codecs
import csv
import io
from collections.abc import Iterator
from datetime import date
from uuid import UUID

from apps.bulk.reading.fields import BatchHead, Fields, Header, Item, Sink, Text, is_internal
from apps.bulk.reading.problems import ProblemList
from apps.bulk.rules import BATCHES_MAX, ITEMS_MAX, ProblemCode

REQUIRED = ("debtor_iban", "creditor_name", "creditor_iban", "amount")
OPTIONAL = ("currency", "execution_date", "reference", "end_to_end_id")
COLUMNS = REQUIRED + OPTIONAL
_FIELD_MAX = 10_000


def read_csv(pieces: Iterator[bytes], *, fields: Fields, sink: Sink, problems: ProblemList) -> Header:
    """Read a table with a header; separated by semicolons or by commas, whichever its header is.

    Payments from one account on one day are one group, booked as one debit. See
    :func:`apps.bulk.reading.recognise.read_payment_file`.
    """
    lines = _Lines(pieces, problems)
    table = _Table(fields, sink, problems)
    try:
        first = next(lines, "")
        separator = ";" if first.count(";") >= first.count(",") else ","
        columns = _columns(first, separator, problems)
        csv.field_size_limit(_FIELD_MAX)
        for row in csv.reader(lines, delimiter=separator, strict=True):
            if any(value.strip() for value in row):
                table.take(lines.number, columns, row)
    except csv.Error as error:
        problems.add(ProblemCode.CSV_ROW, line=lines.number, value=error)
    if not table.count and not problems:
        problems.add(ProblemCode.EMPTY)
    return Header()


def _columns(first: str, separator: str, problems: ProblemList) -> list[str]:
    try:
        columns = [
            name.strip().lower() for name in next(csv.reader([first], delimiter=separator, strict=True))
        ]
    except (csv.Error, StopIteration):
        columns = []
    wrong = [name for name in columns if name not in COLUMNS or columns.count(name) > 1]
    wrong += [name for name in REQUIRED if name not in columns]
    if set(columns).isdisjoint(COLUMNS):
        problems.stop(ProblemCode.UNKNOWN_FORMAT)
    if wrong:
        problems.stop(ProblemCode.CSV_HEADER, line=1, value=", ".join(dict.fromkeys(wrong)))
    return columns


class _Lines:
    """The lines of the text, with the number of the one given last. A quoted field may go over several."""

    def __init__(self, pieces: Iterator[bytes], problems: ProblemList) -> None:
        self.number = 0
        self._problems = problems
        self._lines = self._decoded(pieces)

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.number += 1
        return line

    def _decoded(self, pieces: Iterator[bytes]) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder("utf-8-sig")()
        rest = ""
        try:
            for piece in pieces:
                rest += decoder.decode(piece)
                *whole, rest = io.StringIO(rest, newline="").readlines() or [""]
                if rest.endswith(("\n", "\r\n")):
                    whole, rest = [*whole, rest], ""
                yield from whole
                if len(rest) > _FIELD_MAX:
                    self._problems.stop(ProblemCode.UNKNOWN_FORMAT, line=self.number + 1)
            rest += decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            self._problems.stop(
                ProblemCode.ENCODING, line=self.number + 1, value=f"0x{error.object[error.start]:02X}"
            )
        if rest:
            yield rest


class _Table:
    """Rows become payments; those of one account and day become a group."""

    def __init__(self, fields: Fields, sink: Sink, problems: ProblemList) -> None:
        self.count = 0
        self._fields, self._sink, self._problems = fields, sink, problems
        self._groups: dict[tuple[str, date | None], int] = {}

    def take(self, line: int, columns: list[str], row: list[str]) -> None:
        """One row.

        :raises ReadingStopped: more rows than a file may have.
        """
        self.count += 1
        if self.count > ITEMS_MAX:
            self._problems.stop(ProblemCode.TOO_MANY_ITEMS, line=line)
        if len(row) != len(columns):
            self._problems.add(ProblemCode.CSV_ROW, line=line, value=f"{len(row)} ≠ {len(columns)}")
            return
        given = {name: Text(line, name, value) for name, value in zip(columns, row, strict=True)}

        def text(name: str) -> Text:
            return given.get(name, Text(line, name, ""))

        account = self._fields.debtor_account(text("debtor_iban"))
        day = (
            self._fields.execution_date(text("execution_date"))
            if text("execution_date").text.strip()
            else None
        )
        amount = text("amount")
        # As a spreadsheet in German writes it. Thousands are not to be grouped: 1.234 could be either.
        amount = amount._replace(text=amount.text.replace(",", ".", 1))
        iban = self._fields.iban(text("creditor_iban"))
        item = Item(
            line=line,
            instruction_identification="",
            end_to_end_identification=self._fields.end_to_end(text("end_to_end_id")),
            amount_minor=self._fields.amount(amount, text("currency").text.strip() or "EUR"),
            creditor_name=self._fields.name(text("creditor_name")),
            creditor_iban=iban,
            remittance_information_unstructured=self._fields.remittance(text("reference")),
            purpose="",
            is_internal=bool(iban) and is_internal(iban),
        )
        if account is not None and iban == account[1]:
            self._problems.add(ProblemCode.SAME_ACCOUNT, line=line, field="creditor_iban", value=iban)
        if account is not None and not self._problems:
            self._sink.add(self._group(account, day, line), item)

    def _group(self, account: tuple[UUID, str], day: date | None, line: int) -> int:
        key = (account[1], day)
        if key not in self._groups:
            if len(self._groups) >= BATCHES_MAX:
                self._problems.stop(
                    ProblemCode.TOO_MANY_BATCHES, line=line, value="debtor_iban, execution_date"
                )
            self._groups[key] = self._sink.begin_batch(
                BatchHead(
                    payment_information_identification=f"GROUP-{len(self._groups) + 1}",
                    debtor_account_id=account[0],
                    debtor_iban=account[1],
                    batch_booking=True,
                    requested_execution_date=day,
                )
            )
        return self._groups[key]
