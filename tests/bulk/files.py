"""Files of payments as tests write them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from xml.sax.saxutils import escape

from apps.core.iban import make_iban

PAYEE_IBAN = "DE02120300000000202051"


@dataclass(frozen=True)
class Pay:
    """One payment."""

    name: str = "Möbelhaus Kern GmbH"
    iban: str = PAYEE_IBAN
    amount: str = "10.00"
    reference: str = "Invoice 2041"
    end_to_end: str = ""
    instruction: str = ""
    currency: str = "EUR"
    more: str = ""  # XML after the payee's account.


@dataclass(frozen=True)
class Group:
    """One PmtInf."""

    debtor_iban: str
    payments: Sequence[Pay] = field(default_factory=lambda: (Pay(),))
    identification: str = "PMT-1"
    day: str = "2026-11-20"
    batch_booking: str = "true"
    count: str = ""
    total: str = ""
    more: str = ""  # XML after PmtMtd.


def pain001(
    *groups: Group,
    version: str = "03",
    message: str = "MSG-1",
    count: str = "",
    total: str = "",
    declaration: str = '<?xml version="1.0" encoding="UTF-8"?>',
) -> bytes:
    """A message, each element in a line of its own."""
    payments = [payment for group in groups for payment in group.payments]
    count = count or str(len(payments))
    total = total or _sum(payments)
    lines = [
        declaration,
        f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.{version}">',
        "<CstmrCdtTrfInitn>",
        "<GrpHdr>",
        f"<MsgId>{escape(message)}</MsgId>",
        "<CreDtTm>2026-11-20T10:00:00</CreDtTm>",
        f"<NbOfTxs>{count}</NbOfTxs>",
        f"<CtrlSum>{total}</CtrlSum>",
        "<InitgPty><Nm>Kr\u00fcger Werkzeugbau e.K.</Nm></InitgPty>",
        "</GrpHdr>",
    ]
    for group in groups:
        lines += _group(group, version)
    lines += ["</CstmrCdtTrfInitn>", "</Document>", ""]
    return "\n".join(lines).encode()


def _group(group: Group, version: str) -> list[str]:
    day = group.day if version == "03" else f"<Dt>{group.day}</Dt>"
    lines = [
        "<PmtInf>",
        f"<PmtInfId>{escape(group.identification)}</PmtInfId>",
        "<PmtMtd>TRF</PmtMtd>",
        *([f"<BtchBookg>{group.batch_booking}</BtchBookg>"] if group.batch_booking else []),
        f"<NbOfTxs>{group.count or len(group.payments)}</NbOfTxs>",
        f"<CtrlSum>{group.total or _sum(group.payments)}</CtrlSum>",
        *([group.more] if group.more else []),
        f"<ReqdExctnDt>{day}</ReqdExctnDt>",
        "<Dbtr><Nm>Kr\u00fcger</Nm></Dbtr>",
        f"<DbtrAcct><Id><IBAN>{group.debtor_iban}</IBAN></Id></DbtrAcct>",
        "<DbtrAgt><FinInstnId><Othr><Id>NOTPROVIDED</Id></Othr></FinInstnId></DbtrAgt>",
    ]
    for number, payment in enumerate(group.payments):
        lines += _payment(payment, f"{group.identification}-{number}")
    return [*lines, "</PmtInf>"]


def _payment(payment: Pay, name: str) -> list[str]:
    instruction = f"<InstrId>{escape(payment.instruction)}</InstrId>" if payment.instruction else ""
    reference = f"<RmtInf><Ustrd>{escape(payment.reference)}</Ustrd></RmtInf>" if payment.reference else ""
    return [
        "<CdtTrfTxInf>",
        f"<PmtId>{instruction}<EndToEndId>{escape(payment.end_to_end or name)}</EndToEndId></PmtId>",
        f'<Amt><InstdAmt Ccy="{payment.currency}">{payment.amount}</InstdAmt></Amt>',
        f"<Cdtr><Nm>{escape(payment.name)}</Nm></Cdtr>",
        f"<CdtrAcct><Id><IBAN>{payment.iban}</IBAN></Id></CdtrAcct>",
        *([payment.more] if payment.more else []),
        *([reference] if reference else []),
        "</CdtTrfTxInf>",
    ]


def _sum(payments: Sequence[Pay]) -> str:
    try:
        return str(sum(Decimal(payment.amount) for payment in payments))
    except ArithmeticError:
        return "1.00"


def line_of(content: bytes, text: str, *, number: int = 1) -> int:
    """The line in which a text stands for the ``number``-th time."""
    found = [line for line, one in enumerate(content.decode().split("\n"), 1) if text in one]
    return found[number - 1]


def other_ibans(count: int) -> list[str]:
    """As many accounts at another bank."""
    return [
        make_iban(country="DE", bank_code="12030000", account_number=str(1_000_000 + number))
        for number in range(count)
    ]
