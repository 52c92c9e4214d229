"""From a message of the clearing house to values. What its schema allows and this bank cannot use is refused."""

import re

from lxml import etree

from apps.clearing.iso20022.envelope import (
    CAMT_029,
    CAMT_053,
    NAMESPACE,
    PACS_002,
    PACS_004,
    PACS_008,
    MessageMalformed,
    read_envelope,
)
from apps.clearing.iso20022.items import (
    AnswerItem,
    Item,
    RecallAnswerItem,
    ReportEntry,
    ReportItem,
    ReturnItem,
    TransferItem,
)
from apps.clearing.iso20022.schemas import parse_checked
from apps.clearing.rules import Rail

_AMOUNT = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,5}))?")
_CODE = re.compile(r"[A-Z0-9]{1,4}")


def read_items(body: bytes) -> list[Item]:
    """Everything that a message carries.

    :raises MessageMalformed: not readable, not as its schema says, or not what these rails carry (euro in whole cents).
    """
    name = read_envelope(body).name
    root = parse_checked(body, name=name)
    message = _Node(root[0], name)
    readers = {
        PACS_008: _transfers,
        PACS_002: _answers,
        PACS_004: _returns,
        CAMT_053: _reports,
        CAMT_029: _recall_answers,
    }
    items = list(readers[name](message))
    if not items:
        raise MessageMalformed("the message carries nothing")
    return items


class _Node:
    """An element, by paths without prefixes."""

    def __init__(self, element: etree._Element, name: str) -> None:
        self._element, self._name = element, name

    def all(self, path: str) -> "list[_Node]":
        return [_Node(found, self._name) for found in self._element.findall(self._qualified(path))]

    def text(self, *paths: str, limit: int = 140) -> str:
        """The text at the first path that has any; shortened where the bank keeps less than the standard allows."""
        for path in paths:
            if found := self._element.findtext(self._qualified(path)):
                return found.strip()[:limit]
        return ""

    def needed(self, *paths: str) -> str:
        found = self.text(*paths)
        if not found:
            raise MessageMalformed(f"line {self._element.sourceline}: {paths[0]} is needed")
        return found

    def code(self, path: str) -> str:
        """A code of four characters at most, or nothing."""
        found = self.text(path)
        return found if _CODE.fullmatch(found) else ""

    def amount(self, path: str) -> tuple[int, str]:
        """Minor units and currency: euro, not below nothing, whole cents."""
        element = self._element.find(self._qualified(path))
        text = "" if element is None else (element.text or "").strip()
        currency = "" if element is None else str(element.get("Ccy", ""))
        parts = _AMOUNT.fullmatch(text)
        cents = (parts.group(2) or "").rstrip("0") if parts else ""
        if parts is None or len(cents) > 2 or currency != "EUR":
            raise MessageMalformed(
                f"line {self._element.sourceline}: {path} is no amount in whole euro cents"
            )
        return int(parts.group(1)) * 100 + int(cents.ljust(2, "0")), currency

    def _qualified(self, path: str) -> str:
        return "/".join(f"{{{NAMESPACE}{self._name}}}{step}" for step in path.split("/"))


def _transfers(message: _Node) -> list[Item]:
    items: list[Item] = []
    total = 0
    for tx in message.all("CdtTrfTxInf"):
        amount_minor, currency = tx.amount("IntrBkSttlmAmt")
        if not amount_minor:
            raise MessageMalformed("an amount of zero")
        total += amount_minor
        local = tx.text("PmtTpInf/LclInstrm/Cd") or message.text("GrpHdr/PmtTpInf/LclInstrm/Cd")
        items.append(
            TransferItem(
                transaction_id=tx.needed("PmtId/TxId"),
                end_to_end_identification=tx.needed("PmtId/EndToEndId"),
                amount_minor=amount_minor,
                currency=currency,
                is_instant=local == "INST",
                debtor_name=tx.text("Dbtr/Nm"),
                debtor_iban=tx.text("DbtrAcct/Id/IBAN"),
                debtor_agent=tx.needed(
                    "DbtrAgt/FinInstnId/BICFI",
                    "DbtrAgt/FinInstnId/ClrSysMmbId/MmbId",
                    "DbtrAgt/FinInstnId/Othr/Id",
                )[:35],
                creditor_name=tx.text("Cdtr/Nm"),
                creditor_iban=tx.needed("CdtrAcct/Id/IBAN"),
                remittance_information_unstructured=tx.text("RmtInf/Ustrd"),
                cycle=tx.text("PmtId/ClrSysRef"),
            )
        )
    if message.text("GrpHdr/NbOfTxs") != str(len(items)):
        raise MessageMalformed(f"NbOfTxs does not say {len(items)}")
    if message.all("GrpHdr/TtlIntrBkSttlmAmt") and message.amount("GrpHdr/TtlIntrBkSttlmAmt")[0] != total:
        raise MessageMalformed("TtlIntrBkSttlmAmt is not the sum of the transfers")
    return items


def _answers(message: _Node) -> list[Item]:
    return [
        AnswerItem(
            original_message_id=tx.text("OrgnlGrpInf/OrgnlMsgId")
            or message.text("OrgnlGrpInfAndSts/OrgnlMsgId"),
            original_name=tx.text("OrgnlGrpInf/OrgnlMsgNmId")
            or message.text("OrgnlGrpInfAndSts/OrgnlMsgNmId"),
            transaction_id=tx.needed("OrgnlTxId"),
            status=tx.needed("TxSts"),
            reason=tx.code("StsRsnInf/Rsn/Cd"),
            cycle=tx.text("ClrSysRef"),
        )
        for tx in message.all("TxInfAndSts")
    ]


def _returns(message: _Node) -> list[Item]:
    items: list[Item] = []
    for tx in message.all("TxInf"):
        amount_minor, currency = tx.amount("RtrdIntrBkSttlmAmt")
        items.append(
            ReturnItem(
                return_id=tx.needed("RtrId"),
                transaction_id=tx.needed("OrgnlTxId"),
                amount_minor=amount_minor,
                currency=currency,
                reason=tx.code("RtrRsnInf/Rsn/Cd") or "MS03",
                cycle=tx.text("ClrSysRef"),
            )
        )
    if message.text("GrpHdr/NbOfTxs") != str(len(items)):
        raise MessageMalformed(f"NbOfTxs does not say {len(items)}")
    return items


def _reports(message: _Node) -> list[Item]:
    items: list[Item] = []
    for statement in message.all("Stmt"):
        balances = {
            balance.text("Tp/CdOrPrtry/Cd"): (balance.text("CdtDbtInd"), *balance.amount("Amt"))
            for balance in statement.all("Bal")
        }
        if not {"OPBD", "CLBD"} <= set(balances):
            raise MessageMalformed("opening and closing balance are needed")
        signed = {code: -minor if side == "DBIT" else minor for code, (side, minor, _ccy) in balances.items()}
        rail = statement.needed("Acct/Tp/Prtry").lower()
        if rail not in Rail.values:
            raise MessageMalformed("the account is of no rail that is known")
        number = statement.needed("ElctrncSeqNb")
        if not (number.isascii() and number.isdigit() and len(number) <= 15):
            raise MessageMalformed("ElctrncSeqNb is no number")
        items.append(
            ReportItem(
                cycle=statement.needed("Id"),
                rail=rail,
                number=int(number),
                opening_minor=signed["OPBD"],
                closing_minor=signed["CLBD"],
                currency="EUR",
                entries=tuple(_report_entry(entry) for entry in statement.all("Ntry")),
            )
        )
    return items


def _report_entry(entry: _Node) -> ReportEntry:
    amount_minor, currency = entry.amount("Amt")
    details = entry.all("NtryDtls/TxDtls")
    if len(details) != 1:
        raise MessageMalformed("an entry is about one transaction")
    references = {ref.text("Tp"): ref.text("Ref") for ref in details[0].all("Refs/Prtry")}
    return ReportEntry(
        transaction_id=details[0].needed("Refs/TxId"),
        return_id=references.get("RETURN", ""),
        amount_minor=amount_minor,
        currency=currency,
        is_credit=entry.text("CdtDbtInd") == "CRDT",
        is_return=entry.text("BkTxCd/Domn/Fmly/SubFmlyCd") == "RRTN",
    )


def _recall_answers(message: _Node) -> list[Item]:
    return [
        RecallAnswerItem(
            case_id=tx.text("CxlStsId"),
            transaction_id=tx.needed("OrgnlTxId"),
            status=tx.code("TxCxlSts"),
            reason=tx.code("CxlStsRsnInf/Rsn/Cd"),
        )
        for tx in message.all("CxlDtls/TxInfAndSts")
    ]
