"""The bulk payment of NextGenPSD2 in JSON (``bulkPaymentInitiation_json``): one group, from one account on one day.

A long list of payments is never held as a whole: of the text at most one payment is in memory. The members of the
object stand in any order, so the file is gone through twice, first for its head and then for its payments.
"""

import codecs
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from apps.bulk.reading.fields import BatchHead, Content, Fields, Header, Item, Sink, Text, is_internal
from apps.bulk.reading.problems import ProblemList, shown
from apps.bulk.rules import ITEMS_MAX, ProblemCode

_VALUE_MAX = (
    20_000  # Characters of one payment, or of one member of the head: more than all of its texts together.
)
_MEMBERS_MAX = 100  # Of the head: each is remembered, so that none stands twice.
_BLANK = re.compile(r"[ \t\n\r]*")
_GROUP = "GROUP-1"

_OF_HEAD = frozenset({"batchBookingPreferred", "debtorAccount", "requestedExecutionDate"})
_OF_PAYMENT = frozenset(
    {
        "endToEndIdentification",
        "instructedAmount",
        "creditorAccount",
        "creditorName",
        "remittanceInformationUnstructured",
        # Read and left aside, as in pain.001: the IBAN tells the bank.
        "creditorAgent",
        "creditorAgentName",
        "creditorAddress",
    }
)
_OF_ACCOUNT = frozenset({"iban", "currency", "cashAccountType"})
_OF_AMOUNT = frozenset({"currency", "amount"})


class _Member(NamedTuple):
    """A member of the file's object; of ``payments`` each payment is one, or None if there is none."""

    line: int
    name: str
    value: Any


def read_json(content: Content, *, fields: Fields, sink: Sink, problems: ProblemList) -> Header:
    """Read a bulk payment; see :func:`apps.bulk.reading.recognise.read_payment_file`.

    Without a word on it (``batchBookingPreferred``) the group is booked as one debit, as in the other formats.
    """
    reader = _Reader(fields, sink, problems)
    reader.begin(_head(content, problems))
    for member in _members(content(), problems):
        if member.name == "payments":
            reader.take(member)
    return Header()


def _head(content: Content, problems: ProblemList) -> dict[str, _Member]:
    """All but the payments; the first of them stands for all."""
    head: dict[str, _Member] = {}
    for member in _members(content(), problems):
        head.setdefault(member.name, member)
    return head


def _members(pieces: Iterator[bytes], problems: ProblemList) -> Iterator[_Member]:
    """The file's one object, member by member, and its payments one by one.

    :raises ReadingStopped: no JSON, not in UTF-8, or not one object with a list of payments.
    """
    text, seen = _JSONText(pieces, problems), set[str]()
    text.take("{")
    while text.peek() != "}":
        name = text.name()
        if name in seen or len(seen) >= _MEMBERS_MAX:
            text.stop(name)
        seen.add(name)
        text.take(":")
        text.peek()
        line = text.line
        if name == "payments":
            yield from _payments(text, problems)
        else:
            yield _Member(line, name, text.value())
        text.comma("}")
    text.take("}")
    if text.peek():
        text.stop(text.peek())


def _payments(text: "_JSONText", problems: ProblemList) -> Iterator[_Member]:
    begin = text.line
    if text.peek() != "[":
        problems.stop(ProblemCode.SCHEMA, line=begin, field="payments", value="[]")
    text.take("[")
    if text.peek() == "]":
        yield _Member(begin, "payments", None)
    while text.peek() != "]":
        line = text.line
        yield _Member(line, "payments", text.value())
        text.comma("]")
    text.take("]")


class _Broken(ValueError):
    """What JSON's grammar lets pass, and no bank should: a name twice in one object, or what is no number."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _value in pairs]
        raise _Broken(next(name for name in names if names.count(name) > 1))
    return members


def _constant(name: str) -> Any:
    raise _Broken(name)


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)


class _JSONText:
    """JSON text, decoded piece by piece, and the line in which the next value stands."""

    def __init__(self, pieces: Iterator[bytes], problems: ProblemList) -> None:
        self.line = 1
        self._pieces, self._problems = pieces, problems
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._text, self._at, self._is_all = "", 0, False

    def peek(self) -> str:
        """The character that comes next, blanks aside; empty at the end."""
        while True:
            self._go(_BLANK.match(self._text, self._at).end())  # type: ignore[union-attr]
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._fill(1):
                return ""

    def take(self, expected: str) -> None:
        """Go on behind a character that must be the next."""
        found = self.peek()
        if found != expected:
            self.stop(f"{found} ≠ {expected}" if found else f"… {expected}")
        self._go(self._at + 1)

    def comma(self, end: str) -> None:
        """Go on behind a comma; stay before the end."""
        if self.peek() == end:
            return
        self.take(",")
        if self.peek() == end:
            self.stop(f",{end}")

    def name(self) -> str:
        """The name of a member, which is a string."""
        if (found := self.peek()) != '"':
            self.stop(f'{found} ≠ "')
        return str(self.value())

    def value(self) -> Any:
        """The value that stands here."""
        self.peek()
        self._fill(_VALUE_MAX)
        try:
            value, end = _DECODER.raw_decode(self._text, self._at)
        except json.JSONDecodeError as error:
            if not self._is_all and (error.pos >= len(self._text) - 1 or "Unterminated" in error.msg):
                self._problems.stop(ProblemCode.TOO_LONG, line=self.line, value=self._text[self._at :][:100])
            self.stop(error.msg, line=self.line + self._text.count("\n", self._at, error.pos))
        except (ValueError, RecursionError) as error:  # A number of thousands of digits; too deep.
            self.stop(str(error) if isinstance(error, _Broken) else self._text[self._at :][:100])
        self._go(end)
        return value

    def stop(self, value: str, *, line: int = 0) -> None:
        """The JSON is broken here.

        :raises ReadingStopped: always.
        """
        self._problems.stop(ProblemCode.NOT_JSON, line=line or self.line, value=value)

    def _go(self, to: int) -> None:
        self.line += self._text.count("\n", self._at, to)
        self._at = to

    def _fill(self, wanted: int) -> bool:
        """Whether ``wanted`` characters are at hand; all that there are, if there are fewer."""
        while len(self._text) - self._at < wanted and not self._is_all:
            piece = next(self._pieces, None)
            try:
                more = self._decoder.decode(piece or b"", final=piece is None)
            except UnicodeDecodeError as error:
                self._problems.stop(
                    ProblemCode.ENCODING,
                    line=self.line + self._text.count("\n", self._at),
                    value=f"0x{error.object[error.start]:02X}",
                )
            self._text, self._at, self._is_all = self._text[self._at :] + more, 0, piece is None
        return len(self._text) - self._at >= wanted


class _Object:
    """An object of the file: its members by name, each only of the kind that it must have."""

    def __init__(
        self,
        members: Any,
        known: frozenset[str],
        *,
        problems: ProblemList,
        line: int,
        path: str = "",
        lines: Mapping[str, int] | None = None,
    ) -> None:
        self._problems, self._line, self._path, self._lines = problems, line, path, lines or {}
        self._members: dict[str, Any] = {}
        if not isinstance(members, dict):
            self._differs(path, members)
            return
        self._members = members
        for name in members.keys() - known:
            # It would have to be carried out, and cannot be.
            self._note(ProblemCode.NOT_SUPPORTED, name, name)

    def text(self, name: str) -> Text:
        """A string; empty if there is none, or something else."""
        value = self._members.get(name, "")
        if not isinstance(value, str):
            self._differs(name, value)
            value = ""
        return Text(self._lines.get(name, self._line), self._path + shown(name), value)

    def flag(self, name: str) -> bool | None:
        """True or false, if it is there."""
        value = self._members.get(name)
        if name in self._members and not isinstance(value, bool):
            self._differs(name, value)
        return value if isinstance(value, bool) else None

    def inner(self, name: str, known: frozenset[str]) -> "_Object":
        """The object of a member; one without members if there is none."""
        return _Object(
            self._members.get(name, {}),
            known,
            problems=self._problems,
            line=self._lines.get(name, self._line),
            path=f"{self._path}{name}.",
        )

    def has(self, name: str) -> bool:
        return name in self._members

    def _differs(self, name: str, value: Any) -> None:
        """A value of the wrong kind, told as it would stand in the file."""
        self._note(ProblemCode.SCHEMA, name, json.dumps(value, ensure_ascii=False)[:200])

    def _note(self, code: ProblemCode, name: str, value: str) -> None:
        field = name if name == self._path else self._path + shown(name)
        self._problems.add(code, line=self._lines.get(name, self._line), field=field.rstrip("."), value=value)


class _Reader:
    """The head becomes a group, and each payment one of its payments."""

    def __init__(self, fields: Fields, sink: Sink, problems: ProblemList) -> None:
        self._fields, self._sink, self._problems = fields, sink, problems
        self._count = 0
        self._debtor_iban = ""
        self._batch: int | None = None

    def begin(self, members: dict[str, _Member]) -> None:
        """What all payments have in common.

        :raises ReadingStopped: there are no payments.
        """
        payments = members.pop("payments", None)
        if payments is None or payments.value is None:
            self._problems.stop(ProblemCode.MISSING, line=payments.line if payments else 0, field="payments")
        head = _Object(
            {name: member.value for name, member in members.items()},
            _OF_HEAD,
            problems=self._problems,
            line=1,
            lines={name: member.line for name, member in members.items()},
        )
        account = self._fields.debtor_account(self._iban(head, "debtorAccount"))
        day = None
        if head.has("requestedExecutionDate"):
            day = self._fields.execution_date(head.text("requestedExecutionDate"))
        is_one_debit = head.flag("batchBookingPreferred") is not False
        if account is not None and not self._problems:
            self._debtor_iban = account[1]
            self._batch = self._sink.begin_batch(
                BatchHead(
                    payment_information_identification=_GROUP,
                    debtor_account_id=account[0],
                    debtor_iban=account[1],
                    batch_booking=is_one_debit,
                    requested_execution_date=day,
                )
            )

    def take(self, member: _Member) -> None:
        """One payment.

        :raises ReadingStopped: more than a file may have.
        """
        self._count += 1
        if self._count > ITEMS_MAX:
            self._problems.stop(ProblemCode.TOO_MANY_ITEMS, line=member.line)
        payment = _Object(member.value, _OF_PAYMENT, problems=self._problems, line=member.line)
        amount = payment.inner("instructedAmount", _OF_AMOUNT)
        account = self._iban(payment, "creditorAccount")
        iban = self._fields.iban(account)
        if iban and iban == self._debtor_iban:
            self._problems.add(ProblemCode.SAME_ACCOUNT, line=account.line, field=account.field, value=iban)
        item = Item(
            line=member.line,
            instruction_identification="",
            end_to_end_identification=self._fields.end_to_end(payment.text("endToEndIdentification")),
            amount_minor=self._fields.amount(amount.text("amount"), amount.text("currency").text),
            creditor_name=self._fields.name(payment.text("creditorName")),
            creditor_iban=iban,
            remittance_information_unstructured=self._fields.remittance(
                payment.text("remittanceInformationUnstructured")
            ),
            purpose="",
            is_internal=bool(iban) and is_internal(iban),
        )
        if self._batch is not None and not self._problems:
            self._sink.add(self._batch, item)

    def _iban(self, owner: _Object, name: str) -> Text:
        """The IBAN of an account reference; its currency, where it stands, can only be the one."""
        account = owner.inner(name, _OF_ACCOUNT)
        currency = account.text("currency")
        if currency.text not in ("", "EUR"):
            self._problems.add(
                ProblemCode.CURRENCY, line=currency.line, field=currency.field, value=currency.text
            )
        return account.text("iban")
