"""From values to the bank's own messages. Nothing leaves that its schema does not allow.

Elements are made by lxml, which escapes what it must; the schema decides whether the result may go out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from lxml import etree

from apps.clearing.iso20022.envelope import (
    CAMT_056,
    NAMESPACE,
    PACS_002,
    PACS_004,
    PACS_008,
    MessageMalformed,
)
from apps.clearing.iso20022.schemas import check_schema
from apps.clearing.rules import Rail

_BIC_UNKNOWN = "NOTPROVIDED"
# ISO 20022 ExternalServiceLevel1Code: by SEPA's rules, urgent, not urgent.
_SERVICE_LEVELS = {Rail.SCT: "SEPA", Rail.INST: "SEPA", Rail.T2: "URGP", Rail.XB: "NURG"}


@dataclass(frozen=True, slots=True)
class OutgoingTransfer:
    """What a pacs.008 of this bank says about one transfer."""

    transaction_id: str
    end_to_end_identification: str
    amount_minor: int
    currency: str
    rail: Rail
    received_at: datetime
    debtor_name: str
    debtor_iban: str
    creditor_name: str
    creditor_iban: str
    creditor_agent: str
    charge_bearer: str
    remittance_information_unstructured: str


def write_credit_transfers(
    transfers: Sequence[OutgoingTransfer],
    *,
    message_id: str,
    bank_bic: str,
    settlement_date: date,
    now: datetime,
) -> bytes:
    """pacs.008 with these transfers, all in one currency.

    :raises MessageMalformed: the values make no valid message.
    """
    if len({transfer.currency for transfer in transfers}) > 1:
        raise MessageMalformed("transfers of several currencies have no sum")
    document = _Document(PACS_008, "FIToFICstmrCdtTrf")
    header = document.header(message_id=message_id, now=now)
    header.put("NbOfTxs", str(len(transfers)))
    header.money(
        "TtlIntrBkSttlmAmt", sum(transfer.amount_minor for transfer in transfers), transfers[0].currency
    )
    header.put("IntrBkSttlmDt", settlement_date.isoformat())
    header.put("SttlmInf/SttlmMtd", "CLRG")
    header.agent("InstgAgt", bank_bic)
    for transfer in transfers:
        _put_transfer(document.body.into("CdtTrfTxInf"), transfer, bank_bic=bank_bic)
    return document.checked()


def _put_transfer(tx: "_Node", transfer: OutgoingTransfer, *, bank_bic: str) -> None:
    identification = tx.into("PmtId")
    identification.put("EndToEndId", transfer.end_to_end_identification)
    identification.put("TxId", transfer.transaction_id)
    kind = tx.into("PmtTpInf")
    kind.put("SvcLvl/Cd", _SERVICE_LEVELS[transfer.rail])
    if transfer.rail == Rail.INST:
        kind.put("LclInstrm/Cd", "INST")
    tx.money("IntrBkSttlmAmt", transfer.amount_minor, transfer.currency)
    if transfer.rail == Rail.INST:
        tx.put("AccptncDtTm", _time(transfer.received_at))
    tx.put("ChrgBr", transfer.charge_bearer)
    tx.put("Dbtr/Nm", transfer.debtor_name)
    tx.put("DbtrAcct/Id/IBAN", transfer.debtor_iban)
    tx.agent("DbtrAgt", bank_bic)
    if transfer.creditor_agent:
        tx.agent("CdtrAgt", transfer.creditor_agent)
    else:
        # Inside SEPA the IBAN alone says which bank it is (Regulation 260/2012 art. 5(7)).
        tx.put("CdtrAgt/FinInstnId/Othr/Id", _BIC_UNKNOWN)
    tx.put("Cdtr/Nm", transfer.creditor_name)
    tx.put("CdtrAcct/Id/IBAN", transfer.creditor_iban)
    if transfer.remittance_information_unstructured:
        tx.put("RmtInf/Ustrd", transfer.remittance_information_unstructured)


def write_answer(
    *,
    message_id: str,
    original_message_id: str,
    transaction_id: str,
    status: str,
    reason: str,
    bank_bic: str,
    now: datetime,
) -> bytes:
    """pacs.002: whether an instant transfer for a customer of this bank is taken.

    :raises MessageMalformed: the values make no valid message.
    """
    document = _Document(PACS_002, "FIToFIPmtStsRpt")
    document.header(message_id=message_id, now=now).agent("InstgAgt", bank_bic)
    tx = document.body.into("TxInfAndSts")
    tx.put("OrgnlGrpInf/OrgnlMsgId", original_message_id)
    tx.last("OrgnlGrpInf").put("OrgnlMsgNmId", PACS_008)
    tx.put("OrgnlTxId", transaction_id)
    tx.put("TxSts", status)
    if reason:
        tx.put("StsRsnInf/Rsn/Cd", reason)
    return document.checked()


def write_return(
    *,
    message_id: str,
    return_id: str,
    original_message_id: str,
    transaction_id: str,
    end_to_end_identification: str,
    amount_minor: int,
    currency: str,
    reason: str,
    bank_bic: str,
    settlement_date: date,
    now: datetime,
) -> bytes:
    """pacs.004: a transfer that cannot be credited goes back.

    :raises MessageMalformed: the values make no valid message.
    """
    document = _Document(PACS_004, "PmtRtr")
    header = document.header(message_id=message_id, now=now)
    header.put("NbOfTxs", "1")
    header.put("SttlmInf/SttlmMtd", "CLRG")
    header.agent("InstgAgt", bank_bic)
    tx = document.body.into("TxInf")
    tx.put("RtrId", return_id)
    tx.put("OrgnlGrpInf/OrgnlMsgId", original_message_id)
    tx.last("OrgnlGrpInf").put("OrgnlMsgNmId", PACS_008)
    tx.put("OrgnlEndToEndId", end_to_end_identification)
    tx.put("OrgnlTxId", transaction_id)
    tx.money("RtrdIntrBkSttlmAmt", amount_minor, currency)
    tx.put("IntrBkSttlmDt", settlement_date.isoformat())
    tx.put("RtrRsnInf/Rsn/Cd", reason)
    return document.checked()


def write_recall(
    *,
    message_id: str,
    case_id: str,
    original_message_id: str,
    transaction_id: str,
    end_to_end_identification: str,
    amount_minor: int,
    currency: str,
    reason: str,
    bank_bic: str,
    house: str,
    now: datetime,
) -> bytes:
    """camt.056: please give this money back.

    :raises MessageMalformed: the values make no valid message.
    """
    document = _Document(CAMT_056, "FIToFIPmtCxlReq")
    assignment = document.body.into("Assgnmt")
    assignment.put("Id", message_id)
    assignment.put("Assgnr/Agt/FinInstnId/BICFI", bank_bic)
    assignment.put("Assgne/Agt/FinInstnId/Nm", house)
    assignment.put("CreDtTm", _time(now))
    document.body.put("CtrlData/NbOfTxs", "1")
    tx = document.body.into("Undrlyg").into("TxInf")
    tx.put("CxlId", case_id)
    tx.put("OrgnlGrpInf/OrgnlMsgId", original_message_id)
    tx.last("OrgnlGrpInf").put("OrgnlMsgNmId", PACS_008)
    tx.put("OrgnlEndToEndId", end_to_end_identification)
    tx.put("OrgnlTxId", transaction_id)
    tx.money("OrgnlIntrBkSttlmAmt", amount_minor, currency)
    tx.put("CxlRsnInf/Rsn/Cd", reason)
    return document.checked()


class _Node:
    """An element that is being filled, in the order of its schema."""

    def __init__(self, element: etree._Element, namespace: str) -> None:
        self._element, self._namespace = element, namespace

    def into(self, tag: str) -> "_Node":
        return _Node(etree.SubElement(self._element, f"{{{self._namespace}}}{tag}"), self._namespace)

    def last(self, tag: str) -> "_Node":
        """The child made last, to put more into it."""
        child = self._element[-1]
        if etree.QName(child).localname != tag:
            raise ValueError(tag)
        return _Node(child, self._namespace)

    def put(self, path: str, text: str) -> None:
        node = self
        for step in path.split("/"):
            node = node.into(step)
        node._element.text = text

    def money(self, tag: str, amount_minor: int, currency: str) -> None:
        node = self.into(tag)
        node._element.set("Ccy", currency)
        node._element.text = f"{amount_minor // 100}.{amount_minor % 100:02d}"

    def agent(self, tag: str, bic: str) -> None:
        self.put(f"{tag}/FinInstnId/BICFI", bic)


class _Document:
    def __init__(self, name: str, tag: str) -> None:
        namespace = NAMESPACE + name
        self._name = name
        self._root = etree.Element(f"{{{namespace}}}Document", nsmap={None: namespace})
        self.body = _Node(self._root, namespace).into(tag)

    def header(self, *, message_id: str, now: datetime) -> _Node:
        header = self.body.into("GrpHdr")
        header.put("MsgId", message_id)
        header.put("CreDtTm", _time(now))
        return header

    def checked(self) -> bytes:
        check_schema(self._root, name=self._name)
        return etree.tostring(self._root, xml_declaration=True, encoding="UTF-8")


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
