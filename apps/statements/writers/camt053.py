"""camt.053.001.08 (ISO 20022 BankToCustomerStatement), as accounting programs read it.

Valid against ``docs/reference/contract/iso20022/camt.053.001.08.xsd``. Texts are those of the booking to the letter.
Written element by element, so that a year of a busy account needs no more memory than a quiet month.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from functools import cache
from typing import Any, BinaryIO

from lxml import etree

from apps.core.clock import BANK_TIME_ZONE
from apps.core.money import plain_amount
from apps.statements.rules import Statement, StatementLine
from apps.statements.writers.codes import BookingCode, code_of

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"

# What XML 1.0 cannot hold at all; whatever came in as XML holds none of it.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_camt053(statement: Statement, out: BinaryIO) -> None:
    """Write one message with one statement.

    A closing balance is ``CLBD``; of a period that is still running it is ``ITBD``, an interim one.
    """
    with etree.xmlfile(out, encoding="UTF-8") as file:
        file.write_declaration()
        xml = _Writer(file)
        with xml.root("Document"), xml.inside("BkToCstmrStmt"):
            with xml.inside("GrpHdr"):
                xml.text("MsgId", statement.identification)
                xml.text("CreDtTm", _moment(statement.as_of))
            with xml.inside("Stmt"):
                _head(xml, statement)
                for line in statement.lines:
                    _entry(xml, line, statement.account.currency)


class _Writer:
    """Elements one after the other, each on a line of its own."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._depth = 0

    @contextmanager
    def root(self, name: str) -> Iterator[None]:
        """The element that names the namespace."""
        with self._file.element(_qualified(name), nsmap={None: NAMESPACE}):
            yield
            self._new_line()

    @contextmanager
    def inside(self, name: str) -> Iterator[None]:
        """An element with others in it."""
        self._depth += 1
        self._new_line()
        with self._file.element(_qualified(name)):
            yield
            self._new_line()
        self._depth -= 1

    def text(self, name: str, text: str, **attributes: str) -> None:
        """An element with text in it; nothing for an empty text, which no element here may have."""
        if not text:
            return
        self._file.write("\n" + "  " * (self._depth + 1))
        with self._file.element(_qualified(name), attributes):
            self._file.write(_NOT_XML.sub("\ufffd", text))

    def _new_line(self) -> None:
        self._file.write("\n" + "  " * self._depth)


@cache
def _qualified(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"


def _head(xml: _Writer, statement: Statement) -> None:
    account, sums = statement.account, statement.sums
    xml.text("Id", statement.identification)
    if statement.number is not None:
        xml.text("ElctrncSeqNb", str(statement.number))
    xml.text("CreDtTm", _moment(statement.as_of))
    with xml.inside("FrToDt"):
        xml.text("FrDtTm", f"{statement.period.date_from}T00:00:00")
        xml.text("ToDtTm", f"{statement.period.date_to}T23:59:59")
    with xml.inside("Acct"):
        with xml.inside("Id"):
            xml.text("IBAN", account.iban)
        xml.text("Ccy", account.currency)
        with xml.inside("Ownr"):
            xml.text("Nm", account.owner_name)
        with xml.inside("Svcr"), xml.inside("FinInstnId"):
            xml.text("BICFI", statement.issuer.bic)
            xml.text("Nm", statement.issuer.legal_name)
    _balance(xml, "OPBD", statement.opening_minor, account.currency, statement.period.date_from)
    closing = "CLBD" if statement.is_final else "ITBD"
    _balance(xml, closing, statement.closing_minor, account.currency, statement.period.date_to)
    with xml.inside("TxsSummry"):
        with xml.inside("TtlNtries"):
            xml.text("NbOfNtries", str(sums.postings))
            xml.text("Sum", plain_amount(sums.credits_minor + sums.debits_minor, account.currency))
            with xml.inside("TtlNetNtry"):
                xml.text("Amt", plain_amount(abs(sums.change_minor), account.currency))
                xml.text("CdtDbtInd", _sign(sums.change_minor))
        for name, count, sum_minor in (
            ("TtlCdtNtries", sums.credits, sums.credits_minor),
            ("TtlDbtNtries", sums.debits, sums.debits_minor),
        ):
            with xml.inside(name):
                xml.text("NbOfNtries", str(count))
                xml.text("Sum", plain_amount(sum_minor, account.currency))


def _balance(xml: _Writer, code: str, balance_minor: int, currency: str, day: date) -> None:
    with xml.inside("Bal"):
        with xml.inside("Tp"), xml.inside("CdOrPrtry"):
            xml.text("Cd", code)
        xml.text("Amt", plain_amount(abs(balance_minor), currency), Ccy=currency)
        xml.text("CdtDbtInd", _sign(balance_minor))
        with xml.inside("Dt"):
            xml.text("Dt", day.isoformat())


def _entry(xml: _Writer, line: StatementLine, currency: str) -> None:
    code, sign = code_of(line), "CRDT" if line.is_credit else "DBIT"
    amount = plain_amount(line.amount_minor, currency)
    with xml.inside("Ntry"):
        xml.text("NtryRef", _reference(line))
        xml.text("Amt", amount, Ccy=currency)
        xml.text("CdtDbtInd", sign)
        with xml.inside("Sts"):
            xml.text("Cd", "BOOK")
        with xml.inside("BookgDt"):
            xml.text("Dt", line.booking_date.isoformat())
        with xml.inside("ValDt"):
            xml.text("Dt", line.value_date.isoformat())
        xml.text("AcctSvcrRef", str(line.posting_id))
        _bank_code(xml, code)
        with xml.inside("NtryDtls"), xml.inside("TxDtls"):
            with xml.inside("Refs"):
                xml.text("AcctSvcrRef", str(line.posting_id))
                xml.text("EndToEndId", line.end_to_end_identification)
            xml.text("Amt", amount, Ccy=currency)
            xml.text("CdtDbtInd", sign)
            _counterparty(xml, line)
            if line.remittance_information_unstructured:
                with xml.inside("RmtInf"):
                    xml.text("Ustrd", line.remittance_information_unstructured)


def _bank_code(xml: _Writer, code: BookingCode) -> None:
    with xml.inside("BkTxCd"):
        with xml.inside("Domn"):
            xml.text("Cd", code.domain)
            with xml.inside("Fmly"):
                xml.text("Cd", code.family)
                xml.text("SubFmlyCd", code.sub_family)
        with xml.inside("Prtry"):
            # As German banks do: SWIFT type and business transaction code of the same booking's MT940.
            xml.text("Cd", f"{code.swift}+{code.gvc}")
            xml.text("Issr", "DK")


def _counterparty(xml: _Writer, line: StatementLine) -> None:
    if not (line.counterparty_name or line.counterparty_iban):
        return
    role = "Dbtr" if line.is_credit else "Cdtr"
    with xml.inside("RltdPties"):
        if line.counterparty_name:
            with xml.inside(role), xml.inside("Pty"):
                xml.text("Nm", line.counterparty_name)
        if line.counterparty_iban:
            with xml.inside(f"{role}Acct"), xml.inside("Id"):
                xml.text("IBAN", line.counterparty_iban)


def _reference(line: StatementLine) -> str:
    # A UUID without its hyphens, for which Max35Text has no room: entryReference of the interface for TPPs.
    return line.entry_id.replace("-", "")


def _sign(minor: int) -> str:
    return "DBIT" if minor < 0 else "CRDT"


def _moment(moment: datetime) -> str:
    return moment.astimezone(BANK_TIME_ZONE).isoformat(timespec="seconds")
