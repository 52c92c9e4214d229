"""CSV: one line for each booking, for spreadsheets.

* UTF-8 with a byte order mark, without which spreadsheets take the file for the machine's old code page and break
  every umlaut; CRLF line ends and every cell in quotes (RFC 4180).
* The reader's language decides what his spreadsheet expects: in German ``;`` between cells and a decimal comma, in
  English ``,`` and a point. Amounts have no grouping and no currency sign; money out has a minus.
* A text cell that a spreadsheet would take for a formula gets an apostrophe in front, and characters that print nothing
  become blanks (requirements on exports: = + - @ tab CR). Amounts are made here and keep their minus.
"""

import csv
import io
import unicodedata
from datetime import date
from typing import BinaryIO

from django.utils.translation import gettext, override

from apps.core.money import plain_amount
from apps.statements.rules import Statement, StatementLine
from apps.statements.writers.codes import code_of

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# With the full-width forms, which some spreadsheets read as the ordinary ones.
_FORMULA_STARTS = tuple("=+-@|＝＋－＠\u2212")


def write_csv(statement: Statement, out: BinaryIO) -> None:
    """Write the statement's bookings, oldest first, with the balance after each."""
    out.write(BYTE_ORDER_MARK)
    text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=False)
    is_german = statement.language.startswith("de")
    rows = csv.writer(text, delimiter=";" if is_german else ",", quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    with override(statement.language):
        rows.writerow(_headings())
        for line in statement.lines:
            rows.writerow(_cells(line, statement.account.currency, is_german=is_german))
    text.flush()
    text.detach()  # Else its end would close the caller's file.


def _headings() -> list[str]:
    return [
        gettext("Booking date"),
        gettext("Value date"),
        gettext("Type"),
        gettext("Name"),
        "IBAN",
        gettext("Reference"),
        gettext("End-to-end reference"),
        gettext("Amount"),
        gettext("Currency"),
        gettext("Balance after it"),
        gettext("Booking number"),
    ]


def _cells(line: StatementLine, currency: str, *, is_german: bool) -> list[str]:
    return [
        _date(line.booking_date, is_german=is_german),
        _date(line.value_date, is_german=is_german),
        safe_cell(str(code_of(line).text)),
        safe_cell(line.counterparty_name),
        safe_cell(line.counterparty_iban),
        safe_cell(line.remittance_information_unstructured),
        safe_cell(line.end_to_end_identification),
        _amount(line.signed_minor, currency, is_german=is_german),
        currency,
        _amount(line.balance_minor, currency, is_german=is_german),
        str(line.posting_id),
    ]


def safe_cell(text: str) -> str:
    """The text as a cell that no spreadsheet takes for a formula."""
    printing = "".join(" " if unicodedata.category(one) in _UNPRINTED else one for one in text)
    return f"'{printing}" if printing.lstrip().startswith(_FORMULA_STARTS) else printing


# Control characters, bidirectional overrides and zero-width ones, line and paragraph separators.
_UNPRINTED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def _amount(amount_minor: int, currency: str, *, is_german: bool) -> str:
    text = plain_amount(amount_minor, currency)
    return text.replace(".", ",") if is_german else text


def _date(day: date, *, is_german: bool) -> str:
    return f"{day:%d.%m.%Y}" if is_german else day.isoformat()
