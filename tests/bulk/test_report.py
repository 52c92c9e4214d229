"""pain.002: valid against its schema, in the version that answers what was uploaded, with a status for each payment."""

import re
from pathlib import Path

import pytest
from lxml import etree

from apps.accounts.models import PaymentAccount
from apps.bulk.models import PaymentFile, PaymentItem
from apps.bulk.report import has_report, report_name, write_report
from apps.identity.models import PSU
from tests.bulk.files import PAYEE_IBAN, Group, Pay, pain001
from tests.bulk.world import NOW, carry_out, emil, executed, sent_back, signed, uploaded
from tests.factories.accounts import customer

pytestmark = pytest.mark.django_db

SCHEMA = Path(__file__).resolve().parents[2] / "docs/reference/contract/iso20022/pain.002.001.10.xsd"
# The codes of version .03 are in its schema, TransactionGroupStatus3Code and TransactionIndividualStatus3Code; those of
# version .10 are external. The group's has RCVD and PART besides.
GROUP_CODES_03 = {"ACTC", "RCVD", "PART", "RJCT", "PDNG", "ACCP", "ACSP", "ACSC", "ACWC"}
ITEM_CODES_03 = GROUP_CODES_03 - {"RCVD", "PART"}


@pytest.fixture
def psu(db: None) -> PSU:
    return emil()


def report(file: PaymentFile) -> etree._Element:
    """The report, read back and held against its schema."""
    with write_report(file=file, now=NOW) as out:
        content = out.read()
    document = etree.fromstring(content)
    namespace = etree.QName(document).namespace
    version = "03" if file.file_format == "pain.001.001.03" else "10"
    assert namespace.endswith(f"pain.002.001.{version}")
    # Version .03 has no schema here: what we write of it stands in version .10 under the same names in the same order,
    # but for the payee, who has one element less around his name.
    same = content.replace(namespace.encode(), namespace.replace(".03", ".10").encode())
    if version == "03":
        same = re.sub(rb"<Cdtr>(<Nm>.*?</Nm>)</Cdtr>", rb"<Cdtr><Pty>\1</Pty></Cdtr>", same)
        assert set(texts(document, "GrpSts") + texts(document, "PmtInfSts")) <= GROUP_CODES_03
        assert set(texts(document, "TxSts") + texts(document, "DtldSts")) <= ITEM_CODES_03
    etree.XMLSchema(etree.parse(SCHEMA)).assertValid(etree.fromstring(same))
    return document


def texts(document: etree._Element, name: str) -> list[str]:
    return [element.text for element in document.iter(f"{{*}}{name}")]


@pytest.mark.parametrize("version", ["03", "09"])
def test_tells_what_became_of_each_payment(psu: PSU, version: str) -> None:
    anna = customer("Anna", phone="+4915100000009", balance_minor=0)
    bruno = customer("Bruno", phone="+4915100000002", balance_minor=0)
    pays = [
        Pay(name="Anna", iban=anna.account.iban, instruction="I-1", end_to_end="E-1"),
        Pay(name="Bruno & Söhne", iban=bruno.account.iban, end_to_end="E-2"),
        Pay(iban=PAYEE_IBAN, end_to_end="E-3"),
    ]
    file = signed(psu, uploaded(psu, pain001(Group(psu.account.iban, pays), version=version)))
    PaymentAccount.objects.filter(pk=bruno.account.pk).update(status="blocked")
    carry_out()
    file.refresh_from_db()
    document = report(file)
    assert texts(document, "OrgnlMsgId") == ["MSG-1"]
    assert texts(document, "OrgnlMsgNmId") == [f"pain.001.001.{version}"]
    assert (texts(document, "GrpSts"), texts(document, "PmtInfSts")) == (["PART"], ["PART"])
    assert texts(document, "OrgnlEndToEndId") == ["E-1", "E-2", "E-3"]
    assert texts(document, "OrgnlInstrId") == ["I-1"]
    assert texts(document, "TxSts") == ["ACSC", "RJCT", "ACSC"]
    assert texts(document, "Cd") == ["AC06"]
    assert texts(document, "InstdAmt") == ["10.00"] * 3
    assert texts(document, "Nm")[1] == "Bruno & Söhne"


@pytest.mark.parametrize("version", ["03", "09"])
def test_all_paid(psu: PSU, version: str) -> None:
    file = executed(psu, pain001(Group(psu.account.iban), version=version))
    assert (texts(report(file), "GrpSts"), texts(report(file), "TxSts")) == (["ACSC"], ["ACSC"])


def test_money_that_came_back_is_told_beside_what_was_done(psu: PSU) -> None:
    file = executed(psu, pain001(Group(psu.account.iban)))
    sent_back(PaymentItem.objects.get(batch__file=file), reason="MD07")
    document = report(file)
    assert (texts(document, "TxSts"), texts(document, "Cd")) == (["ACSC"], ["MD07"])
    assert texts(document, "AddtlInf") == ["The payee’s bank sent it back."]


def test_waiting_for_the_signature_and_signed(psu: PSU) -> None:
    file = uploaded(psu, pain001(Group(psu.account.iban)))
    document = report(file)
    assert (texts(document, "GrpSts"), texts(document, "TxSts")) == (["RCVD"], ["PDNG"])
    document = report(signed(psu, file))
    assert (texts(document, "GrpSts"), texts(document, "TxSts")) == (["ACCP"], ["ACCP"])


def test_a_file_that_is_not_good_says_why(psu: PSU) -> None:
    file = uploaded(psu, pain001(Group(psu.account.iban, [Pay(amount="0.00")])))
    document = report(file)
    assert (texts(document, "GrpSts"), texts(document, "Cd")) == (["RJCT"], ["FF01"])
    assert "Amt/InstdAmt" in texts(document, "AddtlInf")[0]


def test_a_table_gets_the_newer_version(psu: PSU) -> None:
    content = f"debtor_iban;creditor_name;creditor_iban;amount\n{psu.account.iban};Kern;{PAYEE_IBAN};5\n"
    document = report(executed(psu, content.encode()))
    assert texts(document, "GrpSts") == ["ACSC"]


def test_nothing_to_report_while_it_is_checked_or_when_it_was_taken_back(psu: PSU) -> None:
    assert not has_report(PaymentFile(status="PDNG"))
    assert not has_report(PaymentFile(status="CANC"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("salaries.xml", "salaries.pain002.xml"),
        ("../../etc/x", "x.pain002.xml"),
        ("…", "payments.pain002.xml"),
    ],
)
def test_the_name_of_the_report(name: str, expected: str) -> None:
    assert report_name(PaymentFile(file_name=name)) == expected
