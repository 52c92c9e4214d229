"""What the formats promise, read back by other programs: a schema, a parser, a spreadsheet's rules."""

import csv
import io
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import mt940
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lxml import etree

from apps.ledger.rules import BookingSums, EntryKind
from apps.statements.rules import (
    Holder,
    Issuer,
    Statement,
    StatementDoesNotAddUp,
    StatementFormat,
    StatementLine,
    checked_lines,
    month_period,
)
from apps.statements.writers import WRITERS
from apps.statements.writers.camt053 import NAMESPACE
from apps.statements.writers.codes import code_of
from apps.statements.writers.csv import safe_cell
from apps.statements.writers.mt940 import cut, swift_text
from apps.statements.writers.pdf import write_pdf

SCHEMA = Path(__file__).resolve().parents[2] / "docs/reference/contract/iso20022" / "camt.053.001.08.xsd"
NS = {"c": NAMESPACE}
DAY = date(2026, 10, 12)
ANY_TEXT = st.text(alphabet=st.characters(codec="utf-8"), max_size=140)


def line(minor: int = -1_000, **changes: object) -> StatementLine:
    fields: dict[str, object] = {
        "posting_id": 4711,
        "entry_id": "0192f0c1-7a5e-7cc3-98a5-aaaaaaaaaaaa",
        "kind": EntryKind.CREDIT_TRANSFER,
        "direction": "CREDIT" if minor > 0 else "DEBIT",
        "amount_minor": abs(minor),
        "booking_date": DAY,
        "value_date": DAY,
        "counterparty_name": "Kern Verlag GmbH",
        "counterparty_iban": "DE02120300000000202051",
        "end_to_end_identification": "E2E-1",
        "remittance_information_unstructured": "Rechnung 1",
        "balance_minor": 0,
    }
    return StatementLine(**(fields | changes))  # type: ignore[arg-type]


def statement(*lines: StatementLine, opening_minor: int = 0, currency: str = "EUR") -> Statement:
    sums = BookingSums(
        credits=sum(one.is_credit for one in lines),
        credits_minor=sum(one.amount_minor for one in lines if one.is_credit),
        debits=sum(not one.is_credit for one in lines),
        debits_minor=sum(one.amount_minor for one in lines if not one.is_credit),
    )
    balance, running = opening_minor, []
    for one in lines:
        balance += one.signed_minor
        running.append(one._replace(balance_minor=balance))
    return Statement(
        issuer=Issuer("Lindenbank", "Lindenbank eG", "LINDDEB0XXX", "116 116"),
        account=Holder("DE89370400440532013000", "Anna Schneider", "Giro", "Giro Plus", currency),
        period=month_period(DAY),
        number=10,
        is_final=True,
        as_of=datetime(2026, 10, 31, 23, 0, tzinfo=UTC),
        language="en",
        opening_minor=opening_minor,
        closing_minor=balance,
        sums=sums,
        lines=running,
    )


def written(one: Statement, file_format: StatementFormat) -> bytes:
    out = io.BytesIO()
    WRITERS[file_format](one, out)
    return out.getvalue()


def camt(one: Statement) -> etree._Element:
    document = etree.fromstring(written(one, StatementFormat.CAMT053))
    schema = etree.XMLSchema(file=str(SCHEMA))
    assert schema.validate(document), schema.error_log
    return document


def texts(element: etree._Element, path: str) -> list[str]:
    return [found.text or "" for found in element.iterfind(path, NS)]


class TestCamt053:
    def test_balances_sums_and_entries_say_the_same(self) -> None:
        document = camt(statement(line(-2_500), line(300), opening_minor=1_000))
        balances = {
            texts(balance, ".//c:Cd")[0]: (texts(balance, "c:Amt")[0], texts(balance, "c:CdtDbtInd")[0])
            for balance in document.iterfind(".//c:Bal", NS)
        }
        assert balances == {"OPBD": ("10.00", "CRDT"), "CLBD": ("12.00", "DBIT")}
        assert texts(document, ".//c:TtlNtries/c:NbOfNtries") == ["2"]
        assert texts(document, ".//c:TtlCdtNtries/c:Sum") == ["3.00"]
        assert texts(document, ".//c:TtlDbtNtries/c:Sum") == ["25.00"]
        assert texts(document, ".//c:TtlNetNtry/*") == ["22.00", "DBIT"]
        assert texts(document, ".//c:Ntry/c:Amt") == ["25.00", "3.00"]
        assert texts(document, ".//c:Ntry/c:CdtDbtInd") == ["DBIT", "CRDT"]

    def test_a_period_that_is_still_running_closes_with_an_interim_balance_and_no_number(self) -> None:
        document = camt(replace(statement(line()), is_final=False, number=None))
        assert texts(document, ".//c:Bal//c:Cd") == ["OPBD", "ITBD"]
        assert texts(document, ".//c:ElctrncSeqNb") == []

    def test_names_the_month_s_number(self) -> None:
        assert texts(camt(statement()), ".//c:ElctrncSeqNb") == ["10"]

    def test_the_counterparty_is_the_creditor_of_a_debit_and_the_debtor_of_a_credit(self) -> None:
        document = camt(statement(line(-1), line(1)))
        assert texts(document, ".//c:Cdtr/c:Pty/c:Nm") == ["Kern Verlag GmbH"]
        assert texts(document, ".//c:CdtrAcct//c:IBAN") == ["DE02120300000000202051"]
        assert texts(document, ".//c:Dbtr/c:Pty/c:Nm") == ["Kern Verlag GmbH"]
        assert texts(document, ".//c:DbtrAcct//c:IBAN") == ["DE02120300000000202051"]

    def test_the_entry_s_reference_is_that_of_the_interface_for_tpps(self) -> None:
        document = camt(statement(line()))
        assert texts(document, ".//c:NtryRef") == ["0192f0c17a5e7cc398a5aaaaaaaaaaaa"]
        assert texts(document, ".//c:Ntry/c:AcctSvcrRef") == ["4711"]

    @given(text=ANY_TEXT, reference=st.text(alphabet=st.characters(codec="utf-8"), max_size=35))
    @example(text="]]> <![CDATA[ & \"'", reference="<E2E>")
    @example(text="\x00\x0b\ufffe", reference="\x1f")
    @example(text=" outer blanks ", reference="NOTPROVIDED")
    def test_whatever_a_booking_says_the_file_is_valid_and_says_it_to_the_letter(
        self, text: str, reference: str
    ) -> None:
        one = line(remittance_information_unstructured=text, end_to_end_identification=reference)
        document = camt(statement(one))
        # What XML cannot hold, and what its parsers make of line ends, is not the writer's.
        keeps = "".join(
            c
            if c in "\t\n" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff"
            else "\ufffd"
            for c in text.replace("\r", "\n")
        )
        got = "".join(texts(document, ".//c:Ustrd")).replace("\r", "\n")
        assert got == keeps
        assert bool(texts(document, ".//c:EndToEndId")) is bool(reference)

    def test_a_booking_that_says_nothing_is_valid_too(self) -> None:
        nothing = {
            "counterparty_name": "",
            "counterparty_iban": "",
            "end_to_end_identification": "",
            "remittance_information_unstructured": "",
        }
        document = camt(statement(line(**nothing)))
        assert document.find(".//c:RltdPties", NS) is None
        assert document.find(".//c:RmtInf", NS) is None

    def test_a_currency_without_decimals_has_none(self) -> None:
        assert texts(camt(statement(line(-1_250), currency="JPY")), ".//c:Ntry/c:Amt") == ["1250"]


def parsed(one: Statement) -> mt940.models.Transactions:
    content = written(one, StatementFormat.MT940).decode("ascii")
    return mt940.models.Transactions(
        processors=mt940.models.Transactions.DEFAULT_PROCESSORS, options=mt940.Options(applicant_iban=True)
    ), content


def read_back(one: Statement) -> mt940.models.Transactions:
    transactions, content = parsed(one)
    transactions.parse(content)
    return transactions


class TestMT940:
    def test_a_parser_reads_the_same_figures_back(self) -> None:
        got = read_back(
            statement(line(-2_500), line(300, value_date=date(2026, 10, 30)), opening_minor=1_000)
        )
        assert got.data["final_opening_balance"].amount.amount == Decimal("10.00")
        assert got.data["final_closing_balance"].amount.amount == Decimal("-12.00")
        assert got.data["account_identification"] == "DE89370400440532013000"
        assert (got.data["statement_number"], got.data["transaction_reference"]) == ("00010", "202610")
        amounts = [one.data["amount"].amount for one in got]
        assert amounts == [Decimal("-25.00"), Decimal("3.00")]
        assert [one.data["date"] for one in got] == [DAY, date(2026, 10, 30)]
        assert {one.data["entry_date"] for one in got} == {DAY}

    def test_an_interim_closing_balance_while_the_period_is_running(self) -> None:
        got = read_back(replace(statement(line()), is_final=False))
        assert "final_closing_balance" not in got.data
        assert got.data["intermediate_closing_balance"].amount.amount == Decimal("-10.00")

    def test_reference_purpose_name_and_account_come_back_whole(self) -> None:
        purpose = "Invoice 4711 of 30.09.2026 for windows, doors and the insulation of the house, thank you"
        one = line(remittance_information_unstructured=purpose, end_to_end_identification="A" * 35)
        data = read_back(statement(one))[0].data
        assert data["purpose"] == purpose
        assert data["end_to_end_reference"] == "A" * 35
        assert data["applicant_name"] == "Kern Verlag GmbH"
        assert data["applicant_iban"] == "DE02120300000000202051"
        assert (data["transaction_code"], data["posting_text"]) == ("116", "UEBERWEISUNG")

    def test_a_reference_that_is_none_is_not_passed_on(self) -> None:
        assert b"EREF" not in written(
            statement(line(end_to_end_identification="NOTPROVIDED")), StatementFormat.MT940
        )

    @given(text=ANY_TEXT, name=ANY_TEXT, reference=st.text(max_size=35))
    @example(text="-" * 140, name=":62F:C261031EUR9,99", reference="-}")
    @example(text="\r\n-\r\n:20:X", name="?31DE00", reference="\n:62F:")
    @example(text="ß" * 140, name="Ä" * 140, reference="ü" * 35)
    @example(text=": " * 70, name="- " * 70, reference="::")
    def test_whatever_a_booking_says_it_is_one_booking_in_the_form_of_the_format(
        self, text: str, name: str, reference: str
    ) -> None:
        one = line(
            remittance_information_unstructured=text,
            counterparty_name=name,
            end_to_end_identification=reference,
        )
        content = written(statement(one, line(7)), StatementFormat.MT940)
        lines = content.decode("ascii").split("\r\n")
        assert re.fullmatch(rb"[A-Za-z0-9/\-?:().,'+ \r\n]*", content), "SWIFT's character set x"
        assert [entry[:5] for entry in lines if entry.startswith(":")] == [
            *(":20:2", ":25:D", ":28C:", ":60F:"),
            *(":61:2", ":86:1", ":61:2", ":86:1"),
            ":62F:",
        ]
        assert lines.index("-") == len(lines) - 2, "the message ends once"
        details = content.decode("ascii").split(":86:")[1].split("\r\n:61:")[0].split("\r\n")
        assert len(details) <= 6
        assert max(map(len, details)) <= 65
        got = read_back(statement(one, line(7)))
        assert [found.data["amount"].amount for found in got] == [Decimal("-10.00"), Decimal("0.07")]
        assert got[0].data["applicant_iban"] == "DE02120300000000202051", "never cut off"

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("Müller, Größe & Öl", "Mueller, Groesse + Oel"),
            ("Zażółć gęślą jaźń", "Zazolc gesla jazn"),
            ("Ærø Ångström", "Aeroe Aangstroem"),
            ("5 € – „gut“?", "5 EUR - 'gut'."),
            ("Ελλάδα", "......"),
            ("M\u0075\u0308ller", "Mueller"),
        ],
    )
    def test_other_letters_are_spelt_out(self, text: str, expected: str) -> None:
        assert swift_text(text) == expected

    @given(st.text(alphabet="ab ", max_size=200))
    def test_pieces_put_together_are_the_text(self, text: str) -> None:
        pieces = cut(text, 27)
        assert "".join(pieces) == text
        assert all(0 < len(piece) <= 27 for piece in pieces)

    def test_a_currency_without_decimals_keeps_the_comma(self) -> None:
        content = written(statement(line(-1_250), currency="JPY"), StatementFormat.MT940)
        assert b"D1250,NTRF" in content


def cells(one: Statement) -> list[list[str]]:
    text = written(one, StatementFormat.CSV).decode("utf-8-sig")
    delimiter = ";" if one.language == "de" else ","
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))


class TestCSV:
    def test_begins_with_a_byte_order_mark_for_spreadsheets(self) -> None:
        assert written(statement(), StatementFormat.CSV).startswith(b"\xef\xbb\xbf")

    def test_has_a_line_for_each_booking_with_the_balance_after_it(self) -> None:
        heading, first, second = cells(statement(line(-2_500), line(300), opening_minor=1_000))
        assert heading[0] == "Booking date"
        assert first == [
            *("2026-10-12", "2026-10-12", "Transfer", "Kern Verlag GmbH", "DE02120300000000202051"),
            *("Rechnung 1", "E2E-1", "-25.00", "EUR", "-15.00", "4711"),
        ]
        assert Decimal(second[7]) == Decimal("3.00")
        assert Decimal(second[9]) == Decimal("-12.00")

    def test_speaks_the_reader_s_language_and_writes_as_its_spreadsheets_read(self) -> None:
        heading, first = cells(replace(statement(line(-123_456_78)), language="de"))
        assert heading[0] == "Buchungstag"
        assert (first[0], first[2], first[7]) == ("12.10.2026", "Überweisung", "-123456,78")

    @pytest.mark.parametrize(
        "text",
        [
            "=1+1",
            "+49 30",
            "-5",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            " =1",
            "\n\n@x",
            "＝1",
            "\u2212 5",
            "\u200b=1",
            "|x",
        ],
    )
    def test_a_cell_that_looks_like_a_formula_opens_as_text(self, text: str) -> None:
        got = cells(statement(line(counterparty_name=text, remittance_information_unstructured=text)))[1]
        assert got[3].startswith("'")
        assert got[5].startswith("'")

    @given(ANY_TEXT)
    @example("\u202eGNP.exe")
    def test_no_cell_begins_a_formula_or_hides_a_character(self, text: str) -> None:
        cell = safe_cell(text)
        assert not cell.lstrip().startswith(("=", "+", "-", "@"))
        assert not re.search(r"[\x00-\x1f\x7f\u200b-\u200f\u2028-\u202e\u2066-\u2069]", cell)

    @given(ANY_TEXT)
    @example('"; "x')
    def test_quotes_and_separators_stay_inside_their_cell(self, text: str) -> None:
        for language in ("en", "de"):
            one = replace(statement(line(remittance_information_unstructured=text)), language=language)
            assert [len(row) for row in cells(one)] == [11, 11]


class TestPDF:
    def test_the_same_statement_gives_the_same_bytes(self) -> None:
        assert written(statement(line()), StatementFormat.PDF) == written(
            statement(line()), StatementFormat.PDF
        )

    def test_every_font_is_embedded(self) -> None:
        out = io.BytesIO()
        write_pdf(statement(line()), out, compress=False)
        fonts = set(re.findall(rb"/BaseFont /([A-Za-z0-9+-]+)", out.getvalue()))
        assert fonts
        assert all(name.startswith(b"AAAAAA+IBMPlex") for name in fonts)
        assert out.getvalue().count(b"/FontFile2") == len(fonts)

    @pytest.mark.parametrize(("bookings", "pages"), [(0, 1), (1, 1), (40, 4), (400, 34)])
    def test_many_bookings_take_several_pages(self, bookings: int, pages: int) -> None:
        content = written(statement(*[line()] * bookings), StatementFormat.PDF)
        assert len(re.findall(rb"/Type /Page\b(?!s)", content)) == pages

    @given(text=ANY_TEXT)
    @example(text="W" * 140)
    @example(text="\x00\u202e株式会社☃" * 14)
    def test_whatever_a_booking_says_there_is_a_file(self, text: str) -> None:
        one = line(remittance_information_unstructured=text, counterparty_name=text)
        assert written(statement(one), StatementFormat.PDF).startswith(b"%PDF-1.")

    def test_says_when_it_was_made_and_in_which_language(self) -> None:
        out = io.BytesIO()
        write_pdf(replace(statement(line()), language="de"), out, compress=False)
        assert b"/CreationDate (D:20261101000000+01'00')" in out.getvalue()
        assert b"/Lang (de)" in out.getvalue()


@pytest.mark.parametrize("file_format", list(StatementFormat))
class TestAll:
    def test_lines_that_contradict_the_sums_end_the_writing(self, file_format: StatementFormat) -> None:
        right = statement(line(), line())
        wrong = checked_lines(
            list(right.lines)[:1], opening_minor=0, sums=right.sums, closing_minor=right.closing_minor
        )
        with pytest.raises(StatementDoesNotAddUp):
            written(replace(right, lines=wrong), file_format)

    @pytest.mark.parametrize("kind", EntryKind.values)
    @pytest.mark.parametrize("minor", [-100, 100])
    def test_every_kind_of_entry_can_be_written(
        self, file_format: StatementFormat, kind: str, minor: int
    ) -> None:
        assert written(statement(line(minor, kind=kind)), file_format)


@pytest.mark.parametrize("kind", [*EntryKind.values, "something_new"])
@pytest.mark.parametrize("minor", [-100, 100])
def test_every_kind_of_entry_has_codes_of_the_right_form(kind: str, minor: int) -> None:
    code = code_of(line(minor, kind=kind))
    assert re.fullmatch("PMNT|ACMT", code.domain)
    assert all(re.fullmatch("[A-Z]{4}", one) for one in (code.family, code.sub_family))
    assert re.fullmatch("[0-9]{3}", code.gvc)
    assert re.fullmatch("N[A-Z]{3}", code.swift)
    assert re.fullmatch("[A-Z ]{1,27}", code.gvc_text)
    assert str(code.text)
