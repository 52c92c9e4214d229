"""The house's own reading and writing of ISO 20022 messages; the member bank has its own."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from html import escape as escape_html
from typing import Any, NamedTuple

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:"
HOUSE_BIC = "RHCLDEFFXXX"
HOUSE_NAME = "RHEINCLEAR"
PACS_008, PACS_002, PACS_004 = "pacs.008.001.08", "pacs.002.001.10", "pacs.004.001.09"
# By service level: urgent ones settle in TARGET, those abroad by way of correspondents.
_RAILS = {"SEPA": "sct", "URGP": "t2", "NURG": "xb"}
CAMT_053, CAMT_056, CAMT_029 = "camt.053.001.08", "camt.056.001.08", "camt.029.001.09"


class BadMessage(Exception):
    """What is wrong with a message that came in."""


class Transfer(NamedTuple):
    """One credit transfer of a pacs.008."""

    tx_id: str
    end_to_end: str
    amount_minor: int
    debtor_name: str
    debtor_iban: str
    creditor_name: str
    creditor_iban: str
    remittance: str
    rail: str


class Status(NamedTuple):
    """One line of a pacs.002, of the bank's about a transfer of ours or the other way."""

    tx_id: str
    status: str
    reason: str


class Return(NamedTuple):
    """One line of a pacs.004."""

    return_id: str
    tx_id: str
    amount_minor: int
    reason: str


class Recall(NamedTuple):
    """One line of a camt.056."""

    case_id: str
    tx_id: str
    amount_minor: int
    reason: str


class Incoming(NamedTuple):
    """A message with what it carries."""

    name: str
    message_id: str
    items: tuple[Transfer | Status | Return | Recall, ...]


class ReportLine(NamedTuple):
    """One entry of a camt.053. ``is_credit`` from the bank's side of the account."""

    reference: str
    tx_id: str
    return_id: str
    end_to_end: str
    amount_minor: int
    is_credit: bool
    is_return: bool


def read_message(body: bytes) -> Incoming:
    """Understand a message of the member bank.

    :raises BadMessage: not XML, with a document type, or not a message the house takes.
    """
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise BadMessage("a document type is not allowed")
    try:
        root = ElementTree.fromstring(body)  # noqa: S314 (no document type; the size is bounded by the server)
    except ElementTree.ParseError as error:
        raise BadMessage(f"not well-formed: {error}") from None
    namespace, _, tag = root.tag[1:].partition("}")
    name = namespace.removeprefix(NAMESPACE)
    readers: dict[str, Callable[[ElementTree.Element], Iterable[Transfer | Status | Return | Recall]]] = {
        PACS_008: _transfers,
        PACS_002: _statuses,
        PACS_004: _returns,
        CAMT_056: _recalls,
    }
    if tag != "Document" or name not in readers:
        raise BadMessage(f"{name or tag} is not taken")
    for element in root.iter():
        element.tag = element.tag.partition("}")[2]
    message_id = _text(root, ".//GrpHdr/MsgId") or _text(root, ".//Assgnmt/Id")
    if not message_id:
        raise BadMessage("no message id")
    items = tuple(readers[name](root))
    if name in (PACS_008, PACS_004):
        _check_group(root, items)
    return Incoming(name, message_id, items)


def _check_group(root: ElementTree.Element, items: Sequence[Any]) -> None:
    """A group carries as many and as much as it says, each once; otherwise nothing of it is taken."""
    if _text(root, ".//GrpHdr/NbOfTxs") != str(len(items)) or not items:
        raise BadMessage(f"NbOfTxs does not say {len(items)}")
    total = sum(item.amount_minor for item in items)
    if root.find(".//GrpHdr/TtlIntrBkSttlmAmt") is not None and total != _minor(
        root, ".//GrpHdr/TtlIntrBkSttlmAmt"
    ):
        raise BadMessage("TtlIntrBkSttlmAmt is not the sum of the transfers")
    times = Counter(item.tx_id for item in items)
    if twice := [tx_id for tx_id in times if times[tx_id] > 1]:
        raise BadMessage(f"{twice[0]} comes twice")


def _transfers(root: ElementTree.Element) -> Iterable[Transfer]:
    for tx in root.iter("CdtTrfTxInf"):
        local = _text(tx, "PmtTpInf/LclInstrm/Cd") or _text(root, ".//GrpHdr/PmtTpInf/LclInstrm/Cd")
        yield Transfer(
            tx_id=_needed(tx, "PmtId/TxId"),
            end_to_end=_needed(tx, "PmtId/EndToEndId"),
            amount_minor=_minor(tx, "IntrBkSttlmAmt"),
            debtor_name=_text(tx, "Dbtr/Nm"),
            debtor_iban=_needed(tx, "DbtrAcct/Id/IBAN"),
            creditor_name=_text(tx, "Cdtr/Nm"),
            creditor_iban=_needed(tx, "CdtrAcct/Id/IBAN"),
            remittance=_text(tx, "RmtInf/Ustrd"),
            rail="inst" if local == "INST" else _RAILS.get(_text(tx, "PmtTpInf/SvcLvl/Cd"), "sct"),
        )


def _statuses(root: ElementTree.Element) -> Iterable[Status]:
    for tx in root.iter("TxInfAndSts"):
        yield Status(_needed(tx, "OrgnlTxId"), _needed(tx, "TxSts"), _text(tx, "StsRsnInf/Rsn/Cd"))


def _returns(root: ElementTree.Element) -> Iterable[Return]:
    for tx in root.iter("TxInf"):
        yield Return(
            _needed(tx, "RtrId"),
            _needed(tx, "OrgnlTxId"),
            _minor(tx, "RtrdIntrBkSttlmAmt"),
            _text(tx, "RtrRsnInf/Rsn/Cd"),
        )


def _recalls(root: ElementTree.Element) -> Iterable[Recall]:
    for tx in root.iter("TxInf"):
        yield Recall(
            _needed(tx, "CxlId"),
            _needed(tx, "OrgnlTxId"),
            _minor(tx, "OrgnlIntrBkSttlmAmt"),
            _text(tx, "CxlRsnInf/Rsn/Cd"),
        )


def _text(element: ElementTree.Element, path: str) -> str:
    return element.findtext(path) or ""


def _needed(element: ElementTree.Element, path: str) -> str:
    text = _text(element, path)
    if not text:
        raise BadMessage(f"{path} is missing")
    return text


def _minor(element: ElementTree.Element, path: str) -> int:
    found = element.find(path)
    whole, _, part = (found.text or "" if found is not None else "").partition(".")
    part = part.rstrip("0").ljust(2, "0")
    if found is None or found.get("Ccy") != "EUR" or not (whole + part).isdigit() or len(part) > 2:
        raise BadMessage(f"{path} is no amount in euro")
    return int(whole + part)


# Writing ---------------------------------------------------------------------------------------------


def write_transfer(
    message_id: str, transfer: Transfer, *, cycle: str, bank_bic: str, debtor_bic: str, now: datetime
) -> bytes:
    """pacs.008: a transfer for a customer of the bank."""
    local = "<LclInstrm><Cd>INST</Cd></LclInstrm>" if transfer.rail == "inst" else ""
    remittance = (
        f"<RmtInf><Ustrd>{escape(transfer.remittance)}</Ustrd></RmtInf>" if transfer.remittance else ""
    )
    accepted = f"<AccptncDtTm>{_time(now)}</AccptncDtTm>" if transfer.rail == "inst" else ""
    return _document(
        PACS_008,
        f"<FIToFICstmrCdtTrf><GrpHdr><MsgId>{message_id}</MsgId><CreDtTm>{_time(now)}</CreDtTm><NbOfTxs>1</NbOfTxs>"
        f'<TtlIntrBkSttlmAmt Ccy="EUR">{_amount(transfer.amount_minor)}</TtlIntrBkSttlmAmt>'
        f"<IntrBkSttlmDt>{now.date()}</IntrBkSttlmDt>{_SETTLEMENT}{_agent('InstdAgt', bank_bic)}</GrpHdr>"
        f"<CdtTrfTxInf><PmtId><EndToEndId>{escape(transfer.end_to_end)}</EndToEndId>"
        f"<TxId>{escape(transfer.tx_id)}</TxId><ClrSysRef>{cycle}</ClrSysRef></PmtId>"
        f"<PmtTpInf><SvcLvl><Cd>SEPA</Cd></SvcLvl>{local}</PmtTpInf>"
        f'<IntrBkSttlmAmt Ccy="EUR">{_amount(transfer.amount_minor)}</IntrBkSttlmAmt>{accepted}'
        f"<ChrgBr>SLEV</ChrgBr><Dbtr><Nm>{escape(transfer.debtor_name)}</Nm></Dbtr>"
        f"<DbtrAcct><Id><IBAN>{escape(transfer.debtor_iban)}</IBAN></Id></DbtrAcct>{_agent('DbtrAgt', debtor_bic)}"
        f"{_agent('CdtrAgt', bank_bic)}<Cdtr><Nm>{escape(transfer.creditor_name)}</Nm></Cdtr>"
        f"<CdtrAcct><Id><IBAN>{escape(transfer.creditor_iban)}</IBAN></Id></CdtrAcct>{remittance}</CdtTrfTxInf>"
        f"</FIToFICstmrCdtTrf>",
    )


def write_status(
    message_id: str,
    *,
    original_message_id: str,
    original_name: str,
    statuses: Sequence[Status],
    of: int = 1,
    cycle: str = "",
    now: datetime,
) -> bytes:
    """pacs.002: how transfers (or a return) of the bank stand, out of a message with ``of`` of them."""
    found = {status.status for status in statuses}
    # As a group they stand as each of them does, or else in part (ISO 20022 ExternalPaymentGroupStatus1Code).
    group_status = found.pop() if len(found) == 1 and len(statuses) == of else "PART"
    return _document(
        PACS_002,
        f"<FIToFIPmtStsRpt><GrpHdr><MsgId>{message_id}</MsgId><CreDtTm>{_time(now)}</CreDtTm>"
        f"{_agent('InstgAgt', HOUSE_BIC)}</GrpHdr><OrgnlGrpInfAndSts><OrgnlMsgId>{escape(original_message_id)}"
        f"</OrgnlMsgId><OrgnlMsgNmId>{original_name}</OrgnlMsgNmId><OrgnlNbOfTxs>{of}</OrgnlNbOfTxs>"
        f"<GrpSts>{group_status}</GrpSts></OrgnlGrpInfAndSts>"
        f"{''.join(_status(status, cycle) for status in statuses)}</FIToFIPmtStsRpt>",
    )


def _status(status: Status, cycle: str) -> str:
    why = f"<StsRsnInf><Rsn><Cd>{escape(status.reason)}</Cd></Rsn></StsRsnInf>" if status.reason else ""
    reference = f"<ClrSysRef>{cycle}</ClrSysRef>" if cycle and status.status == "ACSC" else ""
    return (
        f"<TxInfAndSts><OrgnlTxId>{escape(status.tx_id)}</OrgnlTxId><TxSts>{status.status}</TxSts>"
        f"{why}{reference}</TxInfAndSts>"
    )


def write_return(
    message_id: str,
    *,
    return_id: str,
    original_message_id: str,
    tx_id: str,
    amount_minor: int,
    reason: str,
    cycle: str,
    bank_bic: str,
    now: datetime,
) -> bytes:
    """pacs.004: money that the bank sent comes back."""
    return _document(
        PACS_004,
        f"<PmtRtr><GrpHdr><MsgId>{message_id}</MsgId><CreDtTm>{_time(now)}</CreDtTm><NbOfTxs>1</NbOfTxs>"
        f"{_SETTLEMENT}{_agent('InstdAgt', bank_bic)}</GrpHdr><TxInf><RtrId>{return_id}</RtrId><OrgnlGrpInf>"
        f"<OrgnlMsgId>{escape(original_message_id)}</OrgnlMsgId><OrgnlMsgNmId>{PACS_008}</OrgnlMsgNmId>"
        f"</OrgnlGrpInf><OrgnlTxId>{escape(tx_id)}</OrgnlTxId>"
        f'<RtrdIntrBkSttlmAmt Ccy="EUR">{_amount(amount_minor)}</RtrdIntrBkSttlmAmt>'
        f"<IntrBkSttlmDt>{now.date()}</IntrBkSttlmDt><ClrSysRef>{cycle}</ClrSysRef>"
        f"<RtrRsnInf><Rsn><Cd>{escape(reason)}</Cd></Rsn></RtrRsnInf></TxInf></PmtRtr>",
    )


def write_refusal_of_recall(
    message_id: str, *, case_id: str, tx_id: str, reason: str, bank_bic: str, now: datetime
) -> bytes:
    """camt.029: the money that the bank asked back does not come."""
    return _document(
        CAMT_029,
        f"<RsltnOfInvstgtn><Assgnmt><Id>{message_id}</Id><Assgnr>{_agent('Agt', HOUSE_BIC)}</Assgnr>"
        f"<Assgne>{_agent('Agt', bank_bic)}</Assgne><CreDtTm>{_time(now)}</CreDtTm></Assgnmt>"
        f"<Sts><Conf>RJCR</Conf></Sts><CxlDtls><TxInfAndSts><CxlStsId>{escape(case_id)}</CxlStsId>"
        f"<OrgnlTxId>{escape(tx_id)}</OrgnlTxId><TxCxlSts>RJCR</TxCxlSts>"
        f"<CxlStsRsnInf><Rsn><Cd>{escape(reason)}</Cd></Rsn></CxlStsRsnInf></TxInfAndSts></CxlDtls>"
        f"</RsltnOfInvstgtn>",
    )


def write_report(
    message_id: str,
    *,
    cycle: str,
    rail: str,
    number: int,
    bank_bic: str,
    opening_minor: int,
    closing_minor: int,
    lines: list[ReportLine],
    now: datetime,
) -> bytes:
    """camt.053: what was settled for the bank in one cycle, and where its position stands."""
    entries = "".join(_entry(line, now) for line in lines)
    return _document(
        CAMT_053,
        f"<BkToCstmrStmt><GrpHdr><MsgId>{message_id}</MsgId><CreDtTm>{_time(now)}</CreDtTm></GrpHdr>"
        f"<Stmt><Id>{cycle}</Id><ElctrncSeqNb>{number}</ElctrncSeqNb><CreDtTm>{_time(now)}</CreDtTm>"
        f"<Acct><Id><Othr><Id>{bank_bic}</Id></Othr></Id><Tp><Prtry>{rail.upper()}</Prtry></Tp>"
        f"<Ccy>EUR</Ccy></Acct>"
        f"{_balance('OPBD', opening_minor, now)}{_balance('CLBD', closing_minor, now)}{entries}</Stmt></BkToCstmrStmt>",
    )


def _entry(line: ReportLine, now: datetime) -> str:
    side = "CRDT" if line.is_credit else "DBIT"
    family = "RCDT" if line.is_credit else "ICDT"
    return_reference = (
        f"<Prtry><Tp>RETURN</Tp><Ref>{escape(line.return_id)}</Ref></Prtry>" if line.is_return else ""
    )
    return (
        f'<Ntry><NtryRef>{escape(line.reference)}</NtryRef><Amt Ccy="EUR">{_amount(line.amount_minor)}</Amt>'
        f"<CdtDbtInd>{side}</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>{now.date()}</Dt></BookgDt>"
        f"<ValDt><Dt>{now.date()}</Dt></ValDt><BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>{family}</Cd>"
        f"<SubFmlyCd>{'RRTN' if line.is_return else 'ESCT'}</SubFmlyCd></Fmly></Domn></BkTxCd>"
        f"<NtryDtls><TxDtls><Refs><EndToEndId>{escape(line.end_to_end)}</EndToEndId>"
        f"<TxId>{escape(line.tx_id)}</TxId>{return_reference}</Refs></TxDtls></NtryDtls></Ntry>"
    )


def _balance(code: str, minor: int, now: datetime) -> str:
    return (
        f'<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">{_amount(abs(minor))}</Amt>'
        f"<CdtDbtInd>{'DBIT' if minor < 0 else 'CRDT'}</CdtDbtInd><Dt><Dt>{now.date()}</Dt></Dt></Bal>"
    )


_SETTLEMENT = f"<SttlmInf><SttlmMtd>CLRG</SttlmMtd><ClrSys><Prtry>{HOUSE_NAME}</Prtry></ClrSys></SttlmInf>"


def escape(text: str) -> str:
    """Text as the content of an element."""
    return escape_html(text, quote=False)


def _agent(tag: str, bic: str) -> str:
    inner = f"<FinInstnId><BICFI>{escape(bic)}</BICFI></FinInstnId>"
    return f"<{tag}>{inner}</{tag}>"


def _amount(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02d}"


def _time(now: datetime) -> str:
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _document(name: str, content: str) -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><Document xmlns="{NAMESPACE}{name}">{content}</Document>'
    ).encode()
