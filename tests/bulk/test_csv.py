"""A table instead of pain.001: the same rules, the same errors, by line and column."""

import pytest

from apps.bulk.models import PaymentBatch, PaymentFile, PaymentItem
from apps.identity.models import PSU
from tests.bulk.files import PAYEE_IBAN
from tests.bulk.world import NOW, carry_out, emil, signed, uploaded

pytestmark = pytest.mark.django_db

HEADER = "debtor_iban;creditor_name;creditor_iban;amount"


@pytest.fixture
def psu(db: None) -> PSU:
    return emil()


def table(psu: PSU, *rows: str, header: str = HEADER, encoding: str = "utf-8") -> bytes:
    """Rows that begin with the customer's account."""
    lines = [header, *(row.replace("ME", psu.account.iban) for row in rows)]
    return ("\n".join(lines) + "\n").encode(encoding)


def problems(file: PaymentFile) -> list[tuple[int, str, str]]:
    assert file.status == "RJCT"
    assert not PaymentItem.objects.exists()
    return [(one["line"], one["field"], one["code"]) for one in file.problems]


def test_is_loaded(psu: PSU) -> None:
    content = table(
        psu,
        f"ME;Möbelhaus Kern;{PAYEE_IBAN};12.50;EUR;;Invoice 1;E-1",
        f'ME;"Kern; Söhne";{PAYEE_IBAN};1234,5;;2026-11-24;"two\nlines"x;',
        header=HEADER + ";currency;execution_date;reference;end_to_end_id",
    ).replace(b'"two\nlines"x', b"Invoice 2")
    content = content.replace(b"Kern; S", b"Kern, S")
    file = uploaded(psu, content, name="table.csv")
    assert (file.status, file.problems) == ("RCVD", [])
    assert (file.file_format, file.number_of_transactions, file.total_minor) == ("csv", 2, 124_700)
    assert file.message_identification.startswith("CSV-")
    assert list(
        PaymentItem.objects.order_by("line").values_list("line", "creditor_name", "amount_minor")
    ) == [
        (2, "Möbelhaus Kern", 1_250),
        (3, "Kern, Söhne", 123_450),
    ]
    days = PaymentBatch.objects.order_by("number").values_list("requested_execution_date", flat=True)
    assert [str(day) for day in days] == ["None", "2026-11-24"]


@pytest.mark.parametrize("separator", [";", ","])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_separators_and_line_ends(psu: PSU, separator: str, ending: str) -> None:
    content = table(psu, f"ME;Kern;{PAYEE_IBAN};12.50", f"ME;Kern;{PAYEE_IBAN};1.00", "")
    content = content.replace(b";", separator.encode()).replace(b"\n", ending.encode())
    assert uploaded(psu, b"\xef\xbb\xbf" + content).number_of_transactions == 2


def test_without_a_day_it_is_paid_at_once(psu: PSU) -> None:
    file = signed(psu, uploaded(psu, table(psu, f"ME;Kern;{PAYEE_IBAN};12.50")))
    carry_out()
    file.refresh_from_db()
    assert file.status == "ACSC"


@pytest.mark.parametrize(
    ("row", "found"),
    [
        (f"ME;Kern;{PAYEE_IBAN};0", (3, "amount", "amount")),
        (f"ME;Kern;{PAYEE_IBAN};1.234,50", (3, "amount", "amount")),
        (f"ME;Kern;{PAYEE_IBAN};", (3, "amount", "amount")),
        ("ME;Kern;DE00;5", (3, "creditor_iban", "iban")),
        ("ME;Kern;;5", (3, "creditor_iban", "missing")),
        (f"ME;;{PAYEE_IBAN};5", (3, "creditor_name", "missing")),
        (f"{PAYEE_IBAN};Kern;ME;5", (3, "debtor_iban", "account")),
        ("ME;Kern;ME;5", (3, "creditor_iban", "same_account")),
        (f"ME;Kern;{PAYEE_IBAN}", (3, "", "csv_row")),
        (f'ME;"Kern"x;{PAYEE_IBAN};5', (3, "", "csv_row")),
        (f"ME;Kern \u2603;{PAYEE_IBAN};5", (3, "creditor_name", "characters")),
    ],
)
def test_what_is_wrong_is_told_by_line_and_column(psu: PSU, row: str, found: tuple[int, str, str]) -> None:
    file = uploaded(psu, table(psu, f"ME;Kern;{PAYEE_IBAN};5", row, f"ME;Kern;{PAYEE_IBAN};6"))
    assert found in problems(file)


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("debtor_iban;creditor_name;amount", "csv_header"),
        (HEADER + ";colour", "csv_header"),
        (HEADER + ";amount", "csv_header"),
        ("a;b;c;d", "unknown_format"),
    ],
)
def test_the_header_is_needed(psu: PSU, header: str, code: str) -> None:
    assert problems(uploaded(psu, table(psu, f"ME;Kern;{PAYEE_IBAN};5", header=header)))[0][2] == code


def test_currency_and_day_have_their_rules(psu: PSU) -> None:
    file = uploaded(
        psu,
        table(
            psu,
            f"ME;Kern;{PAYEE_IBAN};5;USD;",
            f"ME;Kern;{PAYEE_IBAN};5;EUR;2026-02-31",
            f"ME;Kern;{PAYEE_IBAN};5;EUR;2026-11-19",
            header=HEADER + ";currency;execution_date",
        ),
    )
    assert problems(file) == [
        (2, "amount", "currency"),
        (3, "execution_date", "date"),
        (4, "execution_date", "date_past"),
    ]


def test_another_encoding_is_told(psu: PSU) -> None:
    content = table(psu, f"ME;Möbelhaus;{PAYEE_IBAN};5", encoding="latin-1")
    assert [one[2] for one in problems(uploaded(psu, content))] == ["encoding"]


def test_the_same_table_twice(psu: PSU) -> None:
    content = table(psu, f"ME;Kern;{PAYEE_IBAN};5")
    uploaded(psu, content)
    assert [one["code"] for one in uploaded(psu, content, now=NOW).problems] == ["duplicate_file"]


def test_only_a_header_is_no_payment(psu: PSU) -> None:
    assert [one[2] for one in problems(uploaded(psu, table(psu)))] == ["empty"]
