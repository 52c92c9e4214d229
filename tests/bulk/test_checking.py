"""A file is taken whole or not at all: every rule that it can break, with the line and the field in which it does."""

import gzip
from dataclasses import replace

import pytest
from django.test import override_settings

from apps.bulk.models import PaymentBatch, PaymentFile, PaymentFilePart, PaymentItem
from apps.bulk.rules import problem_text
from apps.bulk.services import (
    PaymentFileStatusInvalid,
    TooManyFilesWaiting,
    cancel_payment_file,
    receive_payment_file,
)
from apps.core.names.rules import NameMatch
from apps.identity.models import PSU
from tests.bulk.files import PAYEE_IBAN, Group, Pay, line_of, other_ibans, pain001
from tests.bulk.world import NOW, carry_out, emil, uploaded
from tests.factories.accounts import customer

pytestmark = pytest.mark.django_db


@pytest.fixture
def psu(db: None) -> PSU:
    return emil()


def problems(file: PaymentFile) -> list[tuple[int, str, str]]:
    return [(one["line"], one["field"], one["code"]) for one in file.problems]


def refused(psu: PSU, content: bytes, **more: str) -> PaymentFile:
    """The file is not good, and nothing of it is kept."""
    file = uploaded(psu, content, **more)
    assert (file.status, file.status_reason) == ("RJCT", "FF01")
    assert not PaymentItem.objects.exists()
    assert not PaymentBatch.objects.exists()
    assert not PaymentFilePart.objects.exists()
    assert all(problem_text(problem) for problem in file.problems)
    return file


class TestGood:
    @pytest.mark.parametrize("version", ["03", "09"])
    def test_is_loaded_and_offered(self, psu: PSU, version: str) -> None:
        group = Group(
            psu.account.iban,
            [Pay(amount="10.01", instruction="I-1", more="<Purp><Cd>SALA</Cd></Purp>"), Pay(amount="999.5")],
        )
        file = uploaded(psu, pain001(group, version=version))
        assert (file.status, file.problems) == ("RCVD", [])
        assert (file.number_of_transactions, file.total_minor) == (2, 100_951)
        assert (file.message_identification, file.file_format) == ("MSG-1", f"pain.001.001.{version}")
        first = PaymentItem.objects.order_by("position").first()
        assert (first.creditor_name, first.creditor_iban, first.amount_minor) == (
            "Möbelhaus Kern GmbH",
            PAYEE_IBAN,
            1_001,
        )
        assert (first.instruction_identification, first.end_to_end_identification) == ("I-1", "PMT-1-0")
        assert (first.purpose, first.is_internal) == ("SALA", False)
        assert not PaymentFilePart.objects.exists()

    def test_several_groups_keep_their_own_account_day_and_booking(self, psu: PSU) -> None:
        file = uploaded(
            psu,
            pain001(
                Group(psu.account.iban, [Pay(), Pay()]),
                Group(psu.account.iban, identification="PMT-2", day="2026-11-24", batch_booking="false"),
                Group(psu.account.iban, identification="PMT-3", batch_booking=""),
            ),
        )
        assert file.status == "RCVD", file.problems
        rows = PaymentBatch.objects.order_by("number").values_list(
            "number_of_transactions", "total_minor", "batch_booking", "requested_execution_date"
        )
        assert [(*row[:3], str(row[3])) for row in rows] == [
            (2, 2_000, True, "2026-11-20"),
            (1, 1_000, False, "2026-11-24"),
            (1, 1_000, True, "2026-11-20"),
        ]

    def test_no_end_to_end_identification_is_said_so(self, psu: PSU) -> None:
        pays = [Pay(end_to_end="NOTPROVIDED"), Pay(end_to_end="NOTPROVIDED")]
        assert uploaded(psu, pain001(Group(psu.account.iban, pays))).status == "RCVD"

    def test_one_line_is_as_good_as_many(self, psu: PSU) -> None:
        content = pain001(Group(psu.account.iban, [Pay()] * 30)).replace(b"\n", b"")
        assert uploaded(psu, content).status == "RCVD"

    def test_a_byte_order_mark_is_forgiven(self, psu: PSU) -> None:
        content = b"\xef\xbb\xbf" + pain001(Group(psu.account.iban))
        assert uploaded(psu, content).status == "RCVD"

    def test_names_are_checked(self, psu: PSU) -> None:
        anna = customer("Anna", phone="+4915100000009")
        pays = [
            Pay(name="Anna Schneider", iban=anna.account.iban),
            Pay(name="Anna Schneidr", iban=anna.account.iban),
            Pay(name="Somebody Else", iban=anna.account.iban),
            Pay(iban=other_ibans(1)[0]),
        ]
        file = uploaded(psu, pain001(Group(psu.account.iban, pays)))
        assert file.status == "RCVD"
        found = list(
            PaymentItem.objects.order_by("position").values_list(
                "creditor_name_match", "matched_creditor_name"
            )
        )
        assert found == [
            (NameMatch.MTCH, ""),
            (NameMatch.CMTC, "Anna Schneider"),
            (NameMatch.NMTC, ""),
            (NameMatch.NOAP, ""),
        ]


BROKEN_VALUES = [
    ({"iban": "DE03120300000000202051"}, "CdtrAcct/Id/IBAN", "iban"),
    ({"iban": "US64SVBKUS6S3300958879"}, "CdtrAcct/Id/IBAN", "iban"),
    ({"iban": "TR330006100519786457841326"}, "CdtrAcct/Id/IBAN", "outside_sepa"),
    ({"amount": "0.00"}, "Amt/InstdAmt", "amount"),
    ({"amount": "1.005"}, "Amt/InstdAmt", "amount"),
    ({"amount": "1000000000.00"}, "Amt/InstdAmt", "amount_too_high"),
    ({"amount": "-5.00"}, "Amt/InstdAmt", "amount"),
    ({"currency": "USD"}, "Amt/InstdAmt", "currency"),
    ({"name": "Bad \u202e name"}, "Cdtr/Nm", "characters"),
    ({"name": "株式会社"}, "Cdtr/Nm", "characters"),
    ({"name": "x" * 71}, "Cdtr/Nm", "too_long"),
    ({"reference": "snow \u2603"}, "RmtInf/Ustrd", "characters"),
    ({"end_to_end": "/starts"}, "PmtId/EndToEndId", "characters"),
    ({"end_to_end": "dou//ble"}, "PmtId/EndToEndId", "characters"),
    ({"end_to_end": "Ä-1"}, "PmtId/EndToEndId", "characters"),
    ({"instruction": "100€"}, "PmtId/InstrId", "characters"),
]


class TestBrokenValues:
    @pytest.mark.parametrize(("change", "field", "code"), BROKEN_VALUES)
    def test_line_and_field_are_told(self, psu: PSU, change: dict[str, str], field: str, code: str) -> None:
        bad = replace(Pay(), **change)
        content = pain001(Group(psu.account.iban, [Pay(), bad, Pay()]))
        file = refused(psu, content)
        element = field.split("/")[-1]
        line = line_of(content, f"<{element}", number=_which(element))
        assert (line, field, code) in problems(file)

    def test_everything_that_is_wrong_is_told_at_once(self, psu: PSU) -> None:
        bad = Pay(iban="DE03120300000000202051", name="x" * 71, amount="0.00")
        file = refused(psu, pain001(Group(psu.account.iban, [bad, bad])))
        assert [code for _line, _field, code in problems(file)].count("iban") == 2
        assert {code for _line, _field, code in problems(file)} >= {"iban", "too_long", "amount"}

    def test_two_hundred_are_enough(self, psu: PSU) -> None:
        bad = Pay(iban="DE03120300000000202051")
        file = refused(psu, pain001(Group(psu.account.iban, [bad] * 300)))
        assert (len(file.problems), file.has_more_problems) == (200, True)


def _which(element: str) -> int:
    """In which place the second payment's element stands among those of its name."""
    return {"IBAN": 3, "Nm": 4, "InstrId": 1}.get(element, 2)


class TestBrokenGroups:
    @pytest.mark.parametrize(
        ("change", "field", "code"),
        [
            ({"day": "2026-11-19"}, "ReqdExctnDt", "date_past"),
            ({"day": "2028-01-01"}, "ReqdExctnDt", "date_too_far"),
            ({"day": "2026-02-31"}, "ReqdExctnDt", "date"),
            ({"count": "7"}, "NbOfTxs", "count_differs"),
            ({"total": "10.01"}, "CtrlSum", "sum_differs"),
            ({"total": "10.001"}, "CtrlSum", "sum_differs"),
            ({"debtor_iban": PAYEE_IBAN}, "DbtrAcct/Id/IBAN", "account"),
            (
                {"more": "<PmtTpInf><SvcLvl><Cd>URGP</Cd></SvcLvl></PmtTpInf>"},
                "PmtTpInf/SvcLvl/Cd",
                "not_supported",
            ),
            (
                {"more": "<PmtTpInf><LclInstrm><Cd>INST</Cd></LclInstrm></PmtTpInf>"},
                "PmtTpInf/LclInstrm/Cd",
                "not_supported",
            ),
            ({"identification": "-" * 36}, "PmtInfId", "too_long"),
        ],
    )
    def test_line_and_field_are_told(self, psu: PSU, change: dict[str, str], field: str, code: str) -> None:
        content = pain001(replace(Group(psu.account.iban), **change))
        file = refused(psu, content)
        assert (field, code) in [(one[1], one[2]) for one in problems(file)]
        assert all(line > 0 for line, _field, _code in problems(file))

    def test_the_sum_and_the_number_of_the_whole(self, psu: PSU) -> None:
        file = refused(psu, pain001(Group(psu.account.iban), count="2", total="11.00"))
        assert {(one[1], one[2]) for one in problems(file)} == {
            ("NbOfTxs", "count_differs"),
            ("CtrlSum", "sum_differs"),
        }

    @pytest.mark.parametrize("status", ["blocked", "deleted"])
    def test_an_account_that_cannot_pay(self, psu: PSU, status: str) -> None:
        psu.account.status = status
        psu.account.save()
        assert problems(refused(psu, pain001(Group(psu.account.iban))))[0][2] == "account"

    def test_another_customers_account(self, psu: PSU) -> None:
        anna = customer("Anna", phone="+4915100000009")
        assert problems(refused(psu, pain001(Group(anna.account.iban))))[0][2] == "account"

    def test_to_itself(self, psu: PSU) -> None:
        file = refused(psu, pain001(Group(psu.account.iban, [Pay(iban=psu.account.iban)])))
        assert problems(file)[0][1:] == ("CdtrAcct/Id/IBAN", "same_account")

    def test_more_than_a_hundred_groups(self, psu: PSU) -> None:
        groups = [Group(psu.account.iban, identification=f"PMT-{number}") for number in range(101)]
        assert problems(refused(psu, pain001(*groups)))[0][2] == "too_many_batches"

    def test_what_cannot_be_carried_out_is_not_left_aside(self, psu: PSU) -> None:
        more = "<UltmtCdtr><Nm>Somebody</Nm></UltmtCdtr>"
        content = pain001(Group(psu.account.iban)).replace(
            b"<RmtInf>", b"<RmtInf><Strd/>".replace(b"<RmtInf><Strd/>", more.encode() + b"<RmtInf>")
        )
        assert ("UltmtCdtr/Nm", "not_supported") in [
            (one[1], one[2]) for one in problems(refused(psu, content))
        ]


class TestDuplicates:
    @pytest.mark.parametrize(("field", "name"), [("end_to_end", "EndToEndId"), ("instruction", "InstrId")])
    def test_an_identification_twice_in_a_file(self, psu: PSU, field: str, name: str) -> None:
        twice = replace(Pay(), **{field: "SAME-1"})
        file = refused(psu, pain001(Group(psu.account.iban, [twice, Pay(), twice])))
        (found,) = file.problems
        assert (found["field"], found["code"]) == (name, "duplicate_identification")
        assert found["value"].startswith("SAME-1 (")

    def test_a_group_twice_in_a_file(self, psu: PSU) -> None:
        file = refused(psu, pain001(Group(psu.account.iban), Group(psu.account.iban)))
        assert ("PmtInfId", "duplicate_identification") in [(one[1], one[2]) for one in problems(file)]

    def test_the_same_file_is_told_by_its_first_upload(self, psu: PSU) -> None:
        content = pain001(Group(psu.account.iban))
        uploaded(psu, content, name="first.xml")
        file = uploaded(psu, content, name="second.xml")
        assert file.status == "RJCT"
        assert [(one["code"], one["value"]) for one in file.problems] == [
            ("duplicate_file", "first.xml, 2026-11-20")
        ]

    def test_the_same_message_with_other_payments(self, psu: PSU) -> None:
        uploaded(psu, pain001(Group(psu.account.iban)))
        file = uploaded(psu, pain001(Group(psu.account.iban, [Pay(amount="11.00")])))
        assert [one["code"] for one in file.problems] == ["duplicate_message"]

    def test_what_was_cancelled_or_not_good_may_come_again(self, psu: PSU) -> None:
        content = pain001(Group(psu.account.iban))
        first = uploaded(psu, content)
        cancel_payment_file(file_id=first.pk, psu_id=psu.pk, now=NOW)
        refused_one = uploaded(psu, pain001(Group(psu.account.iban, [Pay(amount="0.00")])))
        assert refused_one.status == "RJCT"
        assert uploaded(psu, content).status == "RCVD"

    def test_another_customer_has_his_own_messages(self, psu: PSU) -> None:
        anna = customer("Anna", phone="+4915100000009")
        uploaded(psu, pain001(Group(psu.account.iban)))
        assert uploaded(anna, pain001(Group(anna.account.iban))).status == "RCVD"

    def test_two_at_the_same_moment_leave_one(self, psu: PSU) -> None:
        content = pain001(Group(psu.account.iban))
        both = [receive_payment_file(psu=psu, name=f"{n}.xml", content=[content], now=NOW) for n in (1, 2)]
        carry_out("bulk.check_file")  # Both are checked before the names of either are.
        carry_out("bulk.verify_payees")
        for file in both:
            file.refresh_from_db()
        assert sorted(file.status for file in both) == ["RCVD", "RJCT"]


class TestNotToBeRead:
    @pytest.mark.parametrize(
        ("content", "code"),
        [
            (b"", "empty"),
            (b"  \n ", "empty"),
            (gzip.compress(b"<Document/>", mtime=0), "compressed"),
            (b"PK\x03\x04rest", "compressed"),
            ("<Document/>".encode("utf-16"), "encoding"),
            (b"hello world", "unknown_format"),
            (b"<html></html>", "unknown_format"),
            (b"\x00\x01\x02", "encoding"),
        ],
    )
    def test_is_told(self, psu: PSU, content: bytes, code: str) -> None:
        assert [one[2] for one in problems(refused(psu, content))] == [code]

    def test_another_encoding(self, psu: PSU) -> None:
        content = pain001(Group(psu.account.iban), declaration='<?xml version="1.0" encoding="ISO-8859-1"?>')
        assert problems(refused(psu, content)) == [(1, "", "encoding")]

    def test_bytes_that_are_no_utf_8(self, psu: PSU) -> None:
        content = pain001(Group(psu.account.iban)).replace("Möbelhaus".encode(), b"M\xf6belhaus")
        ((line, _field, code),) = problems(refused(psu, content))
        assert (line, code) == (24, "encoding")

    def test_another_version(self, psu: PSU) -> None:
        content = pain001(Group(psu.account.iban)).replace(b"pain.001.001.03", b"pain.001.001.12")
        assert problems(refused(psu, content))[0][2] == "version"

    def test_another_message(self, psu: PSU) -> None:
        content = pain001(Group(psu.account.iban)).replace(b"pain.001.001.03", b"pain.008.001.02")
        assert problems(refused(psu, content))[0][2] == "version"

    def test_broken_xml_is_told_with_its_line(self, psu: PSU) -> None:
        content = pain001(Group(psu.account.iban, [Pay(), Pay()]))
        line = line_of(content, "<Cdtr>", number=2)
        content = content.replace(b"</Nm></Cdtr>", b"</Cdtr>", 2).replace(b"</Cdtr>", b"</Nm></Cdtr>", 1)
        ((found, _field, code), *_rest) = problems(refused(psu, content))
        assert (found, code) == (line, "not_xml")

    def test_a_file_that_ends_in_the_middle(self, psu: PSU) -> None:
        content = pain001(Group(psu.account.iban))[:-40]
        assert problems(refused(psu, content))[0][2] == "not_xml"

    def test_the_schema_is_kept_to(self, psu: PSU) -> None:
        content = pain001(Group(psu.account.iban)).replace(
            b"<PmtMtd>TRF</PmtMtd>", b"<PmtMtd>TRF</PmtMtd>\n<Bad/>"
        )
        found = problems(refused(psu, content))
        assert (line_of(content, "<Bad/>"), "Bad", "schema") in found

    @pytest.mark.parametrize(
        "prolog",
        [
            "<!DOCTYPE Document>",
            '<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>',
            '<!DOCTYPE d SYSTEM "http://127.0.0.1:1/x.dtd">',
            '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/hostname">]>',
        ],
    )
    def test_no_document_type_and_no_entity(self, psu: PSU, prolog: str) -> None:
        content = pain001(
            Group(psu.account.iban, [Pay(name="&amp;x;")]),
            declaration=f'<?xml version="1.0" encoding="UTF-8"?>\n{prolog}',
        )
        assert problems(refused(psu, content)) == [(0, "", "doctype")]

    def test_an_entity_that_nobody_declared(self, psu: PSU) -> None:
        content = pain001(Group(psu.account.iban)).replace(b"Invoice 2041", b"&x;")
        assert problems(refused(psu, content))[0][2] == "not_xml"

    def test_depth_without_end(self, psu: PSU) -> None:
        content = pain001(Group(psu.account.iban)).replace(b"<PmtMtd>", b"<x>" * 100_000 + b"<PmtMtd>")
        assert refused(psu, content).problems

    @override_settings(BULK_FILE_MAX_BYTES=100)
    def test_larger_than_a_file_may_be(self, psu: PSU) -> None:
        assert problems(refused(psu, pain001(Group(psu.account.iban)))) == [(0, "", "too_large")]

    def test_more_payments_than_a_file_may_hold(self, psu: PSU, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("apps.bulk.reading.pain001.ITEMS_MAX", 20)
        content = pain001(Group(psu.account.iban, [Pay()] * 21))
        assert problems(refused(psu, content))[0][2] == "too_many_items"


class TestWaiting:
    def test_only_so_many_at_once(self, psu: PSU) -> None:
        for number in range(5):
            receive_payment_file(psu=psu, name=f"{number}", content=[b"x"], now=NOW)
        with pytest.raises(TooManyFilesWaiting):
            receive_payment_file(psu=psu, name="6", content=[b"x"], now=NOW)

    def test_taken_back_before_the_check_nothing_of_it_is_kept(self, psu: PSU) -> None:
        file = receive_payment_file(psu=psu, name="x", content=[pain001(Group(psu.account.iban))], now=NOW)
        cancel_payment_file(file_id=file.pk, psu_id=psu.pk, now=NOW)
        carry_out()
        file.refresh_from_db()
        assert file.status == "CANC"
        assert not PaymentItem.objects.exists()
        assert not PaymentFilePart.objects.exists()
        with pytest.raises(PaymentFileStatusInvalid):
            cancel_payment_file(file_id=file.pk, psu_id=psu.pk, now=NOW)
