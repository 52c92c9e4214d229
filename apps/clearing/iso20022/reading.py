"""From a message of the clearing house to values. What its schema allows and this bank cannot use is refused."""

import re
from collections import Counter
from typing import NoReturn

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
_ALL_ALIKE = frozenset({"ACSC", "ACCC", "RJCT"})  # A GrpSts that leaves no exception, other than PART.
_NAMED_MAX = 10


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
        currency = "" if element is None else str(element.get("Ccy", ""))
        if currency != "EUR":
            self._refuse_amount(path)
        return self.minor(path), currency

    def minor(self, path: str) -> int:
        """Minor units of an amount that need not say its currency, as a control sum."""
        parts = _AMOUNT.fullmatch(self.text(path))
        cents = (parts.group(2) or "").rstrip("0") if parts else ""
        if parts is None or len(cents) > 2:
            self._refuse_amount(path)
        return int(parts.group(1)) * 100 + int(cents.ljust(2, "0"))

    def _refuse_amount(self, path: str) -> NoReturn:
        raise MessageMalformed(f"line {self._element.sourceline}: {path} is no amount in whole euro cents")

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
    _check_group(message, [item.transaction_id for item in items if isinstance(item, TransferItem)])
    for path in ("GrpHdr/TtlIntrBkSttlmAmt", "GrpHdr/CtrlSum"):
        if message.all(path) and message.minor(path) != total:
            raise MessageMalformed(f"{path} is not the sum of the transfers")
    return items


def _answers(message: _Node) -> list[Item]:
    original_message_id = message.text("OrgnlGrpInfAndSts/OrgnlMsgId")
    original_name = message.text("OrgnlGrpInfAndSts/OrgnlMsgNmId")
    answers = [
        AnswerItem(
            original_message_id=tx.text("OrgnlGrpInf/OrgnlMsgId") or original_message_id,
            original_name=tx.text("OrgnlGrpInf/OrgnlMsgNmId") or original_name,
            transaction_id=tx.needed("OrgnlTxId"),
            status=tx.needed("TxSts"),
            reason=tx.code("StsRsnInf/Rsn/Cd"),
            cycle=tx.text("ClrSysRef"),
        )
        for tx in message.all("TxInfAndSts")
    ]
    _check_once([answer.transaction_id for answer in answers])
    group_status = message.text("OrgnlGrpInfAndSts/GrpSts")
    if group_status and not answers:
        reason = message.code("OrgnlGrpInfAndSts/StsRsnInf/Rsn/Cd")
        return [AnswerItem(original_message_id, original_name, "", group_status, reason, "")]
    if group_status in _ALL_ALIKE and any(answer.status != group_status for answer in answers):
        raise MessageMalformed(f"GrpSts says {group_status} and not every TxSts does")
    return list(answers)


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
    _check_group(message, [item.return_id for item in items if isinstance(item, ReturnItem)])
    return items


def _check_group(message: _Node, ids: list[str]) -> None:
    """A group says how many it carries, and carries each once."""
    if message.text("GrpHdr/NbOfTxs") != str(len(ids)):
        raise MessageMalformed(f"NbOfTxs does not say {len(ids)}")
    _check_once(ids)


def _check_once(ids: list[str]) -> None:
    times = Counter(ids)
    if twice := [name for name in times if times[name] > 1]:
        raise MessageMalformed(*(f"{name} comes twice" for name in twice[:_NAMED_MAX]))


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
