"""pain.002 (CustomerPaymentStatusReport): what became of a file, its groups and each payment, for whoever made it.

Version .03 answers pain.001.001.03, version .10 all other formats. Written element by element, so that a report
on 100,000 payments needs no more memory than one on three.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import PurePath
from tempfile import SpooledTemporaryFile
from typing import Any

from django.utils.translation import gettext
from lxml import etree

from apps.bulk.models import PaymentBatch, PaymentFile, PaymentItem
from apps.bulk.queries import count_items_by_status, iterate_items, list_batches
from apps.bulk.rules import NOT_PROVIDED, FileFormat, FileStatus, ItemStatus, ReasonCode, problem_text
from apps.core.clock import BANK_TIME_ZONE
from apps.core.money import plain_amount

_MEMORY_BYTES = 1024 * 1024
_ADDITIONAL_MAX = 105  # AddtlInf is a Max105Text.
_PROBLEMS_TOLD = 20
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# A signed file that waits for its day: accepted, its customer checked. Our literal for it is NextGenPSD2's. One that
# waits for a second signature is pending: version .03 knows no PATC.
_GROUP_STATUS: Mapping[str, str] = {
    FileStatus.PATC: "PDNG",
    FileStatus.ACTC: "ACCP",
    FileStatus.CANC: "RJCT",
}


def has_report(file: PaymentFile) -> bool:
    """Whether there is something to report: the file was checked, whatever came of it."""
    return file.status not in (FileStatus.PDNG, FileStatus.CANC)


def report_name(file: PaymentFile) -> str:
    """A name for the downloaded report: that of the file, with letters that every system takes."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", PurePath(file.file_name).stem).strip("-.")
    return f"{stem[:60] or 'payments'}.pain002.xml"


def write_report(*, file: PaymentFile, now: datetime) -> Any:
    """The report on a file as it stands now, as an open file at its beginning; a long one lies on disk."""
    out = SpooledTemporaryFile(max_size=_MEMORY_BYTES)  # noqa: SIM115  # Whoever sends it closes it.
    version = "pain.002.001.03" if file.file_format == FileFormat.PAIN_001_001_03 else "pain.002.001.10"
    with etree.xmlfile(out, encoding="UTF-8") as xml:
        xml.write_declaration()
        _Report(xml, f"urn:iso:std:iso:20022:tech:xsd:{version}").write(file, now)
    out.seek(0)
    return out


class _Report:
    def __init__(self, xml: Any, namespace: str) -> None:
        self._xml, self._namespace = xml, namespace

    def write(self, file: PaymentFile, now: datetime) -> None:
        counts = count_items_by_status(file_id=file.pk)
        root = self._xml.element(f"{{{self._namespace}}}Document", nsmap={None: self._namespace})
        with root, self._inside("CstmrPmtStsRpt"):
            with self._inside("GrpHdr"):
                self._text("MsgId", f"R{file.pk.hex[:20]}{now.astimezone(BANK_TIME_ZONE):%y%m%d%H%M%S}"[:35])
                self._text("CreDtTm", _moment(now))
            self._original_group(file, counts)
            for batch in list_batches(file_id=file.pk):
                self._batch(batch, file)

    def _original_group(self, file: PaymentFile, counts: dict[str, tuple[int, int]]) -> None:
        with self._inside("OrgnlGrpInfAndSts"):
            self._text("OrgnlMsgId", file.message_identification or NOT_PROVIDED)
            self._text("OrgnlMsgNmId", file.file_format or NOT_PROVIDED)
            if file.number_of_transactions:
                self._text("OrgnlNbOfTxs", str(file.number_of_transactions))
                self._text("OrgnlCtrlSum", plain_amount(file.total_minor or 0, "EUR"))
            self._text("GrpSts", _GROUP_STATUS.get(file.status, file.status))
            if file.status_reason:
                told = [_told(problem) for problem in file.problems[:_PROBLEMS_TOLD]]
                self._reason(file.status_reason, told)
            self._counts(counts)

    def _batch(self, batch: PaymentBatch, file: PaymentFile) -> None:
        counts = count_items_by_status(batch_id=batch.pk)
        with self._inside("OrgnlPmtInfAndSts"):
            self._text("OrgnlPmtInfId", batch.payment_information_identification)
            self._text("OrgnlNbOfTxs", str(batch.number_of_transactions))
            self._text("OrgnlCtrlSum", plain_amount(batch.total_minor, batch.currency))
            self._text("PmtInfSts", _status_of(batch.status, file))
            if batch.status_reason:
                self._reason(batch.status_reason, [])
            self._counts(counts)
            for item in iterate_items(batch_id=batch.pk):
                self._item(item, batch, file)

    def _item(self, item: PaymentItem, batch: PaymentBatch, file: PaymentFile) -> None:
        with self._inside("TxInfAndSts"):
            self._text("StsId", item.pk.hex)
            if item.instruction_identification:
                self._text("OrgnlInstrId", item.instruction_identification)
            self._text("OrgnlEndToEndId", item.end_to_end_identification)
            self._text("TxSts", _status_of(item.status, file))
            if item.status_reason:
                self._reason(item.status_reason, [])
            elif item.return_reason:  # Done, and the money came back afterwards.
                self._reason(item.return_reason, [gettext("The payee’s bank sent it back.")])
            with self._inside("OrgnlTxRef"):
                with self._inside("Amt"):
                    self._text(
                        "InstdAmt", plain_amount(item.amount_minor, batch.currency), Ccy=batch.currency
                    )
                with self._inside("Cdtr"):
                    if file.file_format == FileFormat.PAIN_001_001_03:
                        self._text("Nm", item.creditor_name)
                    else:
                        with self._inside("Pty"):
                            self._text("Nm", item.creditor_name)
                with self._inside("CdtrAcct"), self._inside("Id"):
                    self._text("IBAN", item.creditor_iban)

    def _counts(self, counts: dict[str, tuple[int, int]]) -> None:
        for status, (count, total) in counts.items():
            with self._inside("NbOfTxsPerSts"):
                self._text("DtldNbOfTxs", str(count))
                self._text("DtldSts", status)
                self._text("DtldCtrlSum", plain_amount(total, "EUR"))

    def _reason(self, code: str, told: list[str]) -> None:
        with self._inside("StsRsnInf"):
            with self._inside("Rsn"):
                self._text("Cd", code)
            for text in told or [str(ReasonCode(code).label)]:
                self._text("AddtlInf", text[:_ADDITIONAL_MAX])

    @contextmanager
    def _inside(self, name: str) -> Iterator[None]:
        with self._xml.element(f"{{{self._namespace}}}{name}"):
            yield

    def _text(self, name: str, text: str, **attributes: str) -> None:
        with self._xml.element(f"{{{self._namespace}}}{name}", attributes):
            self._xml.write(_NOT_XML.sub("\ufffd", text))


def _status_of(status: str, file: PaymentFile) -> str:
    """A group or a payment that has not begun stands as its file does: waiting, signed, or never to be carried out."""
    if status != ItemStatus.PDNG:
        return status
    return "ACCP" if file.status in (FileStatus.ACTC, FileStatus.ACSP) else _undone(file.status)


def _undone(status: str) -> str:
    return "RJCT" if status in (FileStatus.RJCT, FileStatus.CANC) else "PDNG"


def _told(problem: dict[str, Any]) -> str:
    where = f"{problem['line']}: " if problem["line"] else ""
    return f"{where}{problem['field']} {problem_text(problem)}".strip()


def _moment(moment: datetime) -> str:
    return moment.astimezone(BANK_TIME_ZONE).isoformat(timespec="seconds")
