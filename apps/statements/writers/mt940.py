"""MT940 (SWIFT customer statement) with field 86 structured as the German banks do it.

Only SWIFT's character set x is used: umlauts are written out, other letters lose their accents, what is left becomes a
full stop. So a name reads ``MOELLER``-like here and to the letter in the other formats.
"""

import re
import unicodedata
from typing import BinaryIO

from apps.core.money import CURRENCY_EXPONENTS, plain_amount
from apps.statements.rules import Statement, StatementLine, period_text
from apps.statements.writers.codes import code_of

_LINE_END = "\r\n"
_NOT_SWIFT = re.compile(r"[^A-Za-z0-9/\-:().,'+ ]")  # "?" is in the set, but separates subfields here.
_SPELT_OUT = str.maketrans(
    {
        "ä": "ae",
        "ö": "oe",
        "ü": "ue",
        "Ä": "Ae",
        "Ö": "Oe",
        "Ü": "Ue",
        "ß": "ss",
        "ẞ": "SS",
        "æ": "ae",
        "Æ": "Ae",
        "œ": "oe",
        "Œ": "Oe",
        "ø": "oe",
        "Ø": "Oe",
        "å": "aa",
        "Å": "Aa",
        "ł": "l",
        "Ł": "L",
        "đ": "d",
        "Đ": "D",
        "ð": "d",
        "Ð": "D",
        "þ": "th",
        "Þ": "Th",
        "ı": "i",
        "€": "EUR",
        "&": "+",
        "–": "-",
        "—": "-",
        "\u2212": "-",
        "‘": "'",
        "’": "'",
        "“": "'",
        "”": "'",
        "„": "'",
        '"': "'",
        "…": "...",
        "_": "-",
        ";": ",",
    }
)
_BLANKS = re.compile(" {2,}")
_SUBFIELD_LENGTH, _LINE_LENGTH, _LINES_MAX, _LOOK_BACK = 27, 65, 6, 30
_PURPOSE_SUBFIELDS = [*range(20, 30), *range(60, 64)]


def write_mt940(statement: Statement, out: BinaryIO) -> None:
    """Write one message. The closing balance is in 62F; of a period that is still running in 62M, an interim one."""
    account, period = statement.account, statement.period
    head = [
        f":20:{swift_text(period_text(period)).replace('-', '')[:16]}",
        f":25:{account.iban}",
        f":28C:{(statement.number or 0):05d}/00001",
        f":60F:{_balance(statement.opening_minor, account.currency, f'{period.day_before:%y%m%d}')}",
    ]
    _write(out, head)
    for line in statement.lines:
        _write(out, _statement_line(line, account.currency))
    tag = "62F" if statement.is_final else "62M"
    closing = _balance(statement.closing_minor, account.currency, f"{period.date_to:%y%m%d}")
    _write(out, [f":{tag}:{closing}", "-"])


def _write(out: BinaryIO, lines: list[str]) -> None:
    out.write("".join(line + _LINE_END for line in lines).encode("ascii"))


def swift_text(text: str) -> str:
    """The text in SWIFT's character set x, without the question mark."""
    plain = unicodedata.normalize("NFC", text).translate(_SPELT_OUT)
    bare = "".join(one for one in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(one))
    return _BLANKS.sub(" ", _NOT_SWIFT.sub(".", bare)).strip(" ")


def _balance(balance_minor: int, currency: str, day: str) -> str:
    mark = "D" if balance_minor < 0 else "C"
    return f"{mark}{day}{currency}{_amount(abs(balance_minor), currency)}"


def _amount(amount_minor: int, currency: str) -> str:
    text = plain_amount(amount_minor, currency).replace(".", ",")
    return text if CURRENCY_EXPONENTS[currency] else f"{text},"  # The comma is part of the format.


def _statement_line(line: StatementLine, currency: str) -> list[str]:
    code, mark = code_of(line), "C" if line.is_credit else "D"
    return [
        f":61:{line.value_date:%y%m%d}{line.booking_date:%m%d}{mark}{_amount(line.amount_minor, currency)}"
        f"{code.swift}NONREF//{line.posting_id}",
        *_details(line, f":86:{code.gvc}?00{code.gvc_text}"),
    ]


def _details(line: StatementLine, head: str) -> list[str]:
    """Field 86 in the six lines it may have. What does not fit is the end of the purpose, never the counterparty."""
    numbered = [f"?{n}{piece}" for n, piece in zip(_PURPOSE_SUBFIELDS, _purpose(line), strict=False)]
    while True:
        lines = _wrapped(head + "".join(numbered) + _counterparty(line))
        if len(lines) <= _LINES_MAX:
            return lines
        numbered.pop()


def _purpose(line: StatementLine) -> list[str]:
    """References and remittance text: each word for a kind of reference begins a subfield of its own."""
    pieces: list[str] = []
    for word, text in (
        ("EREF+", line.reference),
        ("SVWZ+", line.remittance_information_unstructured),
    ):
        if text:
            pieces += cut(word + swift_text(text), _SUBFIELD_LENGTH)
    return pieces


def _counterparty(line: StatementLine) -> str:
    text = f"?31{line.counterparty_iban}" if line.counterparty_iban else ""
    pieces = cut(swift_text(line.counterparty_name), _SUBFIELD_LENGTH)
    return text + "".join(f"?{number}{piece}" for number, piece in zip((32, 33), pieces, strict=False))


def cut(text: str, length: int) -> list[str]:
    """Pieces of at most ``length`` characters that neither end nor begin with a blank, if that can be avoided.

    Readers take blanks at the edge of a subfield or line for padding and drop them; then two words become one.
    """
    pieces = []
    while len(text) > length:
        end = length
        while end > 1 and (text[end - 1] == " " or text[end] == " "):
            end -= 1
        end = end if end > 1 else length
        pieces.append(text[:end])
        text = text[end:]
    return [*pieces, text] if text else pieces


def _wrapped(text: str) -> list[str]:
    """Lines of at most 65 characters, none of which can be taken for a field's tag or the message's end."""
    lines: list[str] = []
    while text:
        length = _LINE_LENGTH if lines else _LINE_LENGTH + len(":86:")
        if len(text) <= length:
            lines.append(text)
            break
        end = next((at for at in range(length, length - _LOOK_BACK, -1) if _may_break(text, at)), length)
        lines.append(text[:end])
        rest = text[end:]
        # Rows of dashes have no good place to break: one of them is given up for the line's form.
        text = rest if _may_break(text, end) else "." + rest[1:]
    return lines


def _may_break(text: str, at: int) -> bool:
    # Nor between the sign and the number of a subfield, which some readers look for line by line.
    return text[at] not in ":- " and text[at - 1] != " " and "?" not in text[at - 2 : at]
