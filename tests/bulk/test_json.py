"""The bulk payment of NextGenPSD2 in JSON: the same rules, the same errors, by line and member."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from apps.bulk.models import PaymentBatch, PaymentFile, PaymentItem
from apps.bulk.reading import ProblemList, ReadingStopped
from apps.bulk.reading.fields import Fields, Item
from apps.bulk.reading.json_file import read_json
from apps.core.ids import new_id
from apps.identity.models import PSU
from tests.bulk.files import PAYEE_IBAN
from tests.bulk.world import NOW, carry_out, emil, signed, uploaded
from tests.compliance.berlin_group.contract import check_body

pytestmark = pytest.mark.django_db


@pytest.fixture
def psu(db: None) -> PSU:
    return emil()


def payment(**other: Any) -> dict[str, Any]:
    return {
        "instructedAmount": {"currency": "EUR", "amount": "12.50"},
        "creditorAccount": {"iban": PAYEE_IBAN},
        "creditorName": "Möbelhaus Kern",
    } | other


def bulk(psu: PSU, *payments: Any, **other: Any) -> dict[str, Any]:
    return {
        "debtorAccount": {"iban": psu.account.iban},
        "payments": list(payments) or [payment()],
    } | other


def text_of(value: Any) -> bytes:
    """Each member in a line of its own."""
    return json.dumps(value, indent=1, ensure_ascii=False).encode()


def refused(file: PaymentFile) -> list[tuple[int, str, str]]:
    assert file.status == "RJCT"
    assert not PaymentItem.objects.exists()
    return [(one["line"], one["field"], one["code"]) for one in file.problems]


def test_is_loaded_as_the_contract_writes_it(psu: PSU) -> None:
    value = bulk(
        psu,
        payment(endToEndIdentification="E-1", remittanceInformationUnstructured="Invoice 1"),
        payment(
            creditorName="Kern & Söhne",
            creditorAgent="AAAADEBBXXX",
            creditorAddress={"country": "DE", "townName": "Kiel"},
        ),
        batchBookingPreferred=False,
        requestedExecutionDate="2026-11-24",
    )
    check_body(value, "bulkPaymentInitiation_json")
    file = uploaded(psu, text_of(value), name="salaries.json")
    assert (file.status, file.problems) == ("RCVD", [])
    assert (file.file_format, file.number_of_transactions, file.total_minor) == ("json", 2, 2_500)
    assert file.message_identification.startswith("JSON-")
    group = PaymentBatch.objects.get()
    assert (group.batch_booking, str(group.requested_execution_date)) == (False, "2026-11-24")
    first, second = PaymentItem.objects.order_by("position")
    assert (first.line, first.end_to_end_identification) == (6, "E-1")
    assert first.remittance_information_unstructured == "Invoice 1"
    assert (second.creditor_name, second.end_to_end_identification) == ("Kern & Söhne", "NOTPROVIDED")


def test_members_may_stand_in_any_order_and_all_in_one_line(psu: PSU) -> None:
    value = {"payments": [payment(), payment()]} | bulk(psu, payment(), payment())
    content = b"\xef\xbb\xbf \r\n" + json.dumps(value).encode()
    file = uploaded(psu, content)
    assert (file.status, file.number_of_transactions) == ("RCVD", 2)
    assert set(PaymentItem.objects.values_list("line", flat=True)) == {2}


def test_without_a_day_it_is_paid_at_once_as_one_debit(psu: PSU) -> None:
    file = signed(psu, uploaded(psu, text_of(bulk(psu))))
    carry_out()
    file.refresh_from_db()
    assert file.status == "ACSC"
    assert PaymentBatch.objects.get().batch_booking


@pytest.mark.parametrize(
    ("other", "found"),
    [
        ({"instructedAmount": {"currency": "EUR", "amount": "0"}}, ("instructedAmount.amount", "amount")),
        ({"instructedAmount": {"currency": "EUR", "amount": "1e3"}}, ("instructedAmount.amount", "amount")),
        ({"instructedAmount": {"currency": "EUR", "amount": "-1.00"}}, ("instructedAmount.amount", "amount")),
        ({"instructedAmount": {"currency": "EUR", "amount": "0.001"}}, ("instructedAmount.amount", "amount")),
        ({"instructedAmount": {"currency": "EUR", "amount": 5}}, ("instructedAmount.amount", "schema")),
        ({"instructedAmount": {"currency": "USD", "amount": "5"}}, ("instructedAmount.amount", "currency")),
        ({"instructedAmount": "5"}, ("instructedAmount", "schema")),
        ({"instructedAmount": None}, ("instructedAmount", "schema")),
        ({"creditorAccount": {"iban": "DE00"}}, ("creditorAccount.iban", "iban")),
        ({"creditorAccount": {}}, ("creditorAccount.iban", "missing")),
        ({"creditorAccount": {"bban": "1"}}, ("creditorAccount.bban", "not_supported")),
        (
            {"creditorAccount": {"iban": PAYEE_IBAN, "currency": "CHF"}},
            ("creditorAccount.currency", "currency"),
        ),
        ({"creditorAccount": [PAYEE_IBAN]}, ("creditorAccount", "schema")),
        ({"creditorName": ""}, ("creditorName", "missing")),
        ({"creditorName": "K" * 71}, ("creditorName", "too_long")),
        ({"creditorName": "Kern \ud800"}, ("creditorName", "characters")),
        ({"creditorName": "Kern \x00"}, ("creditorName", "characters")),
        ({"creditorName": ["Kern"]}, ("creditorName", "schema")),
        ({"ultimateCreditor": "X"}, ("ultimateCreditor", "not_supported")),
        ({"requestedExecutionDate": "2026-11-24"}, ("requestedExecutionDate", "not_supported")),
        ({"a\u0000\u202eb": 1}, ("a\ufffd\ufffdb", "not_supported")),
        ({"remittanceInformationUnstructured": "x" * 141}, ("remittanceInformationUnstructured", "too_long")),
    ],
)
def test_what_is_wrong_with_a_payment_is_told_by_line_and_member(
    psu: PSU, other: dict[str, Any], found: tuple[str, str]
) -> None:
    content = json.dumps(bulk(psu, payment(), payment(**other), payment())).replace('{"instr', '\n{"instr')
    assert (3, *found) in refused(uploaded(psu, content.encode()))


@pytest.mark.parametrize(
    ("other", "found"),
    [
        ({"debtorAccount": {"iban": PAYEE_IBAN}}, ("debtorAccount.iban", "account")),
        ({"debtorAccount": {}}, ("debtorAccount.iban", "missing")),
        ({"debtorAccount": "x"}, ("debtorAccount", "schema")),
        ({"batchBookingPreferred": "true"}, ("batchBookingPreferred", "schema")),
        ({"batchBookingPreferred": 1}, ("batchBookingPreferred", "schema")),
        ({"requestedExecutionDate": "2026-02-31"}, ("requestedExecutionDate", "date")),
        ({"requestedExecutionDate": "2026-11-19"}, ("requestedExecutionDate", "date_past")),
        ({"requestedExecutionDate": 20261124}, ("requestedExecutionDate", "schema")),
        ({"requestedExecutionTime": "2026-11-24T10:00:00Z"}, ("requestedExecutionTime", "not_supported")),
        ({"payments": []}, ("payments", "missing")),
        ({"payments": {}}, ("payments", "schema")),
        ({"payments": [5]}, ("", "schema")),
    ],
)
def test_what_is_wrong_with_the_whole(psu: PSU, other: dict[str, Any], found: tuple[str, str]) -> None:
    problems = refused(uploaded(psu, text_of(bulk(psu, **other))))
    assert found in [one[1:] for one in problems]
    assert all(line for line, *_rest in problems)


def test_payer_and_payee_are_not_the_same(psu: PSU) -> None:
    file = uploaded(psu, text_of(bulk(psu, payment(creditorAccount={"iban": psu.account.iban}))))
    assert [one[1:] for one in refused(file)] == [("creditorAccount.iban", "same_account")]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b'{"payments": [\n', 2),
        (b'{"payments": [{}\n', 2),
        (b'{"payments": [{},\n]}', 2),
        (b'{\n"payments": [{}] "debtorAccount": {}}', 2),
        (b'{\n"payments": [{}],}', 2),
        (b"{\n5: 1}", 2),
        (b'{"a": 1,\n"a": 2}', 2),
        (b'{"payments": [\n{"creditorName": "A", "creditorName": "B"}]}', 2),
        (b'{"payments": [\n{"creditorName": NaN}]}', 2),
        (b'{"payments": [\n{"creditorName": "A}]}', 2),
        (b'{"payments": [\n{"creditorName": "A\nB"}]}', 2),
        (b'{"payments": [\n' + b"[" * 15_000, 2),
        (b'{"payments": [\n' + b"1" * 15_000 + b"]}", 2),
        (b'{"payments": [{}]}\n{"payments": [{}]}', 2),
        (b"{", 1),
    ],
)
def test_broken_json_is_told_by_its_line(psu: PSU, content: bytes, line: int) -> None:
    assert [(one[0], one[2]) for one in refused(uploaded(psu, content))] == [(line, "not_json")]


def test_a_head_of_any_length_is_not_read(psu: PSU) -> None:
    pieces = (f'{"{" if not number else ","}\n"m{number}": 1'.encode() for number in itertools.count())
    problems = ProblemList()
    fields = Fields(problems, payable={}, today=NOW.date())
    with pytest.raises(ReadingStopped):
        read_json(lambda: pieces, fields=fields, sink=Counting(), problems=problems)
    assert [(one.line, one.code) for one in problems.found] == [(102, "not_json")]


def test_a_value_of_any_length_is_not_read(psu: PSU) -> None:
    content = text_of(bulk(psu, payment(creditorName="K" * 300_000)))
    assert [one[2] for one in refused(uploaded(psu, content))] == ["too_long"]


def test_another_encoding_is_told(psu: PSU) -> None:
    content = json.dumps(bulk(psu), ensure_ascii=False, indent=1).encode("latin-1")
    assert [one[2] for one in refused(uploaded(psu, content))] == ["encoding"]


def test_the_same_file_and_the_same_identification_twice(psu: PSU) -> None:
    content = text_of(bulk(psu, payment(endToEndIdentification="A"), payment(endToEndIdentification="A")))
    assert [one[2] for one in refused(uploaded(psu, content))] == ["duplicate_identification"]
    uploaded(psu, text_of(bulk(psu)))
    again = uploaded(psu, text_of(bulk(psu)), now=NOW)
    assert [one["code"] for one in again.problems] == ["duplicate_file"]


class Counting:
    """A sink that keeps nothing."""

    def __init__(self) -> None:
        self.count = 0

    def begin_batch(self, head: object) -> int:
        return 0

    def add(self, batch: int, item: Item) -> None:
        self.count += 1


def many(psu: PSU, count: int, *, size: int) -> Iterator[bytes]:
    """A long file in pieces of ``size``, cut wherever it falls, characters of several bytes too."""
    one = json.dumps(payment(), ensure_ascii=False).encode()
    head = f'{{"debtorAccount": {{"iban": "{psu.account.iban}"}}, "payments": ['.encode()
    rest = head
    for number in range(count):
        rest += one + (b"," if number < count - 1 else b"]}")
        while len(rest) >= size:
            yield rest[:size]
            rest = rest[size:]
    yield rest


@pytest.mark.parametrize("size", [7, 1000, 70_000])
def test_pieces_may_be_cut_anywhere(psu: PSU, size: int) -> None:
    problems, sink = ProblemList(), Counting()
    fields = Fields(problems, payable={psu.account.iban: new_id()}, today=NOW.date())
    read_json(lambda: many(psu, 500, size=size), fields=fields, sink=sink, problems=problems)
    assert (sink.count, problems.found) == (500, [])


def test_more_payments_than_a_file_may_hold(psu: PSU, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.bulk.reading.json_file.ITEMS_MAX", 1_000)
    problems, sink = ProblemList(), Counting()
    fields = Fields(problems, payable={psu.account.iban: new_id()}, today=NOW.date())
    with pytest.raises(ReadingStopped):
        read_json(lambda: many(psu, 1_001, size=65_536), fields=fields, sink=sink, problems=problems)
    assert (sink.count, problems.found[0].code) == (1_000, "too_many_items")
