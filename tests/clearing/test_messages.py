"""ISO 20022: what the bank writes its schemas allow, what it reads it understands, and nothing else gets in."""

import pytest

from apps.clearing.iso20022 import writing
from apps.clearing.iso20022.envelope import MESSAGE_MAX_BYTES, MessageMalformed, read_envelope
from apps.clearing.iso20022.items import (
    AnswerItem,
    RecallAnswerItem,
    ReportEntry,
    ReportItem,
    ReturnItem,
    TransferItem,
)
from apps.clearing.iso20022.reading import read_items
from apps.clearing.iso20022.schemas import parse_checked
from apps.clearing.rules import Rail
from examples.clearing_house import messages as house
from tests.factories.accounts import FOREIGN_IBAN, NOW
from tests.factories.clearing import (
    BANK_BIC,
    CYCLE,
    OTHER_BIC,
    line,
    report_body,
    return_body,
    status_body,
    transfer_body,
)

OWN_IBAN = "DE02100999001000000001"
TX = "0" * 31 + "7"


def outgoing(**fields: object) -> bytes:
    transfer = writing.OutgoingTransfer(
        **{
            "transaction_id": TX,
            "end_to_end_identification": "NOTPROVIDED",
            "amount_minor": 123_456,
            "currency": "EUR",
            "rail": Rail.SCT,
            "received_at": NOW,
            "debtor_name": "Anna & Ben <Schneider>",
            "debtor_iban": OWN_IBAN,
            "creditor_name": "Möbelhaus Kern GmbH",
            "creditor_iban": FOREIGN_IBAN,
            "creditor_agent": "",
            "charge_bearer": "SLEV",
            "remittance_information_unstructured": "Rechnung ‚88‘ / ÄÖÜ ß €",
        }
        | fields
    )
    return writing.write_credit_transfers(
        [transfer], message_id="T1", bank_bic=BANK_BIC, settlement_date=NOW.date(), now=NOW
    )


class TestWhatTheBankWrites:
    @pytest.mark.parametrize("rail", Rail)
    def test_a_transfer_is_valid_and_the_house_reads_the_same(self, rail: Rail) -> None:
        body = outgoing(rail=rail)
        parse_checked(body, name=house.PACS_008)
        (read,) = house.read_message(body).items
        assert read == house.Transfer(
            tx_id=TX,
            end_to_end="NOTPROVIDED",
            amount_minor=123_456,
            debtor_name="Anna & Ben <Schneider>",
            debtor_iban=OWN_IBAN,
            creditor_name="Möbelhaus Kern GmbH",
            creditor_iban=FOREIGN_IBAN,
            remittance="Rechnung ‚88‘ / ÄÖÜ ß €",
            rail=rail.value,
        )

    def test_an_answer_is_valid_and_the_house_reads_the_same(self) -> None:
        body = writing.write_answer(
            message_id="A1",
            original_message_id="I1",
            transaction_id=TX,
            status="RJCT",
            reason="AC01",
            bank_bic=BANK_BIC,
            now=NOW,
        )
        parse_checked(body, name=house.PACS_002)
        assert house.read_message(body).items == (house.Status(TX, "RJCT", "AC01"),)

    def test_a_return_is_valid_and_the_house_reads_the_same(self) -> None:
        body = writing.write_return(
            message_id="B1",
            return_id="B1",
            original_message_id="I1",
            transaction_id=TX,
            end_to_end_identification="E",
            amount_minor=5,
            currency="EUR",
            reason="AC06",
            bank_bic=BANK_BIC,
            settlement_date=NOW.date(),
            now=NOW,
        )
        parse_checked(body, name=house.PACS_004)
        assert house.read_message(body).items == (house.Return("B1", TX, 5, "AC06"),)

    def test_a_recall_is_valid_and_the_house_reads_the_same(self) -> None:
        body = writing.write_recall(
            message_id="K1",
            case_id="c1",
            original_message_id="T1",
            transaction_id=TX,
            end_to_end_identification="E",
            amount_minor=5,
            currency="EUR",
            reason="FRAD",
            bank_bic=BANK_BIC,
            house="CLEARING HOUSE",
            now=NOW,
        )
        parse_checked(body, name=house.CAMT_056)
        assert house.read_message(body).items == (house.Recall("c1", TX, 5, "FRAD"),)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"creditor_name": ""},
            {"creditor_name": "x" * 141},
            {"creditor_iban": "nothing"},
            {"end_to_end_identification": ""},
            {"remittance_information_unstructured": "x" * 141},
            {"currency": "euro"},
        ],
    )
    def test_what_its_schema_forbids_does_not_leave(self, wrong: dict[str, object]) -> None:
        with pytest.raises(MessageMalformed):
            outgoing(**wrong)


class TestWhatTheBankReads:
    def test_a_transfer(self) -> None:
        body = transfer_body(OWN_IBAN, rail="inst", tx_id="tx-1", cycle=CYCLE)
        assert read_items(body) == [
            TransferItem(
                transaction_id="tx-1",
                end_to_end_identification="E2E-77",
                amount_minor=4_200,
                currency="EUR",
                is_instant=True,
                debtor_name="Jürgen Groß",
                debtor_iban=FOREIGN_IBAN,
                debtor_agent=OTHER_BIC,
                creditor_name="Anna Schneider",
                creditor_iban=OWN_IBAN,
                remittance_information_unstructured="Rent <May> & June",
                cycle=CYCLE,
            )
        ]

    def test_an_answer(self) -> None:
        body = status_body(TX, "RJCT", reason="AC04", original="T9")
        assert read_items(body) == [AnswerItem("T9", house.PACS_008, TX, "RJCT", "AC04", "")]

    def test_a_return(self) -> None:
        assert read_items(return_body(TX, 99, return_id="r-1")) == [
            ReturnItem("r-1", TX, 99, "EUR", "AC04", CYCLE)
        ]

    def test_a_report(self) -> None:
        lines = [
            line("a", 100, is_credit=False),
            line("b", 30, is_credit=True, return_id="r", is_return=True),
        ]
        assert read_items(report_body(lines, opening_minor=-5)) == [
            ReportItem(
                cycle=CYCLE,
                rail="sct",
                number=1,
                opening_minor=-5,
                closing_minor=-75,
                currency="EUR",
                entries=(
                    ReportEntry("a", "", 100, "EUR", is_credit=False, is_return=False),
                    ReportEntry("b", "r", 30, "EUR", is_credit=True, is_return=True),
                ),
            )
        ]

    def test_a_refusal_of_a_recall(self) -> None:
        body = house.write_refusal_of_recall(
            "R1", case_id="c", tx_id=TX, reason="CUST", bank_bic=BANK_BIC, now=NOW
        )
        assert read_items(body) == [RecallAnswerItem("c", TX, "RJCR", "CUST")]

    @pytest.mark.parametrize(
        ("old", "new", "why"),
        [
            (b"<NbOfTxs>1<", b"<NbOfTxs>2<", "NbOfTxs"),
            (b'Ccy="EUR">42.00</TtlIntrBk', b'Ccy="EUR">43.00</TtlIntrBk', "TtlIntrBkSttlmAmt"),
            (b'<IntrBkSttlmAmt Ccy="EUR">42.00', b'<IntrBkSttlmAmt Ccy="EUR">42.001', "euro cents"),
            (b'<IntrBkSttlmAmt Ccy="EUR">42.00', b'<IntrBkSttlmAmt Ccy="EUR">-42.00', "line 1"),
            (b'<IntrBkSttlmAmt Ccy="EUR">42.00', b'<IntrBkSttlmAmt Ccy="USD">42.00', "euro cents"),
            (b'<IntrBkSttlmAmt Ccy="EUR">42.00', b'<IntrBkSttlmAmt Ccy="EUR">NaN', "line 1"),
            (b'<IntrBkSttlmAmt Ccy="EUR">42.00', b'<IntrBkSttlmAmt Ccy="EUR">0.00', "zero"),
            (b"<TxId>tx-1</TxId>", b"", "PmtId/TxId"),
            (b"<ChrgBr>SLEV</ChrgBr>", b"", "ChrgBr"),
            (b"<ChrgBr>SLEV</ChrgBr>", b"<ChrgBr>NONE</ChrgBr>", "ChrgBr"),
            (b"<EndToEndId>E2E-77", b"<EndToEndId>" + b"x" * 36, "EndToEndId"),
        ],
    )
    def test_a_wrong_part_is_named(self, old: bytes, new: bytes, why: str) -> None:
        body = transfer_body(OWN_IBAN, tx_id="tx-1")
        assert old in body
        with pytest.raises(MessageMalformed, match=why):
            read_items(body.replace(old, new))


def _inside(text: bytes) -> bytes:
    return status_body(TX, mid="M1").replace(b"<GrpHdr>", text + b"<GrpHdr>")


NAMESPACE = b"urn:iso:std:iso:20022:tech:xsd:pacs.002.001.10"
BOMB = b'<!DOCTYPE b [<!ENTITY a "x"><!ENTITY b "' + b"&a;" * 1000 + b'">]>'
ABUSES = {
    "nothing": b"",
    "no XML": b"{}",
    "cut off": status_body(TX)[:200],
    "two roots": status_body(TX) + b"<x/>",
    "document type": status_body(TX).replace(b"<Document", BOMB + b"<Document"),
    "external entity": status_body(TX).replace(
        b"<Document", b'<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><Document'
    ),
    "parameter entity": status_body(TX).replace(
        b"<Document", b'<!DOCTYPE d [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x"> %x;]><Document'
    ),
    "unknown entity": _inside(b"&x;"),
    "processing instruction": _inside(b"<?php x ?>"),
    "deep": _inside(b"<a>" * 100_000),
    "many": _inside(b"<a/>" * 400_000),
    "many attributes": _inside(b"<a " + b" ".join(b'a%d="1"' % n for n in range(50)) + b"/>"),
    "another namespace inside": _inside(b'<x:a xmlns:x="urn:x"/>'),
    "namespace swapped": status_body(TX).replace(NAMESPACE, b"urn:x"),
    "a kind not taken": status_body(TX).replace(
        NAMESPACE, NAMESPACE.replace(b"pacs.002.001.10", b"pain.001.001.09")
    ),
    "another root": status_body(TX).replace(b"<Document", b"<Dokument").replace(b"</Document", b"</Dokument"),
    "UTF-16": status_body(TX).decode().replace("UTF-8", "UTF-16").encode("utf-16"),
    "UTF-7 said": status_body(TX).replace(b'"UTF-8"', b'"UTF-7"'),
    "Latin-1 said": status_body(TX).replace(b'"UTF-8"', b'"ISO-8859-1"'),
    "not UTF-8": status_body(TX).replace(b"<TxSts>", b"<TxSts>\xff"),
    "NUL": status_body(TX) + b"\x00",
    "no id": status_body(TX, mid="M1").replace(b"<MsgId>M1</MsgId>", b""),
    "empty id": status_body(TX, mid="M1").replace(b"<MsgId>M1<", b"<MsgId><"),
    "long id": status_body(TX, mid="M" * 36),
    "two ids": status_body(TX, mid="M" * 20).replace(
        b"<CreDtTm>", b"<MsgId>" + b"N" * 20 + b"</MsgId><CreDtTm>", 1
    ),
    "large": b" " * (MESSAGE_MAX_BYTES + 1),
}


@pytest.mark.parametrize("name", sorted(ABUSES))
def test_an_abuse_is_refused_with_a_reason(name: str) -> None:
    with pytest.raises(MessageMalformed) as refused:
        read_envelope(ABUSES[name])
    assert refused.value.problems
    assert "passwd" not in str(refused.value)


@pytest.mark.parametrize("name", sorted(set(ABUSES) - {"nothing"}))
def test_the_reader_refuses_it_too(name: str) -> None:
    with pytest.raises(MessageMalformed):
        read_items(ABUSES[name])


def test_what_is_in_order_has_kind_and_id() -> None:
    envelope = read_envelope(status_body(TX, mid="M1"))
    assert (envelope.name, envelope.message_id) == ("pacs.002.001.10", "M1")
