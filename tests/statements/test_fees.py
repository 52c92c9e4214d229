"""The statement of fees: its sums are the ledger's, its form the regulation's; final when the year is charged."""

import csv
import io
from datetime import UTC, date, datetime

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from apps.accounts.models import AccountHolder
from apps.audit.models import AuditEvent
from apps.core.ids import new_id
from apps.ledger.models import Posting
from apps.ledger.queries import get_ledger_sums
from apps.pricing.rules import Settlement
from apps.statements.fee_queries import get_fee_statement, list_fee_years
from apps.statements.fee_rules import FeeStatementFormat
from apps.statements.fee_services import fetch_fee_statement, fetch_fee_statement_for_staff
from apps.statements.rules import PeriodBeforeOpening, PeriodInFuture, StatementDoesNotAddUp
from apps.statements.writers.fee_pdf import write_fee_pdf
from apps.statements.writers.sheet import Sheet
from tests.factories.identity import PSUFactory
from tests.pricing.books import account, charge, publish, put, take

pytestmark = [pytest.mark.django_db, pytest.mark.req("PAD-5")]
NEXT_YEAR = datetime(2027, 1, 2, 9, tzinfo=UTC)


@pytest.fixture
def emil():
    """A year: 4.90 a month until June and 5.90 from July, transfers at 0.10, and an overdraft in February.

    Fees 6 × 4.90 + 6 × 5.90 + 3 × 0.10 = 65.10. Interest paid: 20,000 × 1,050 × 10 ÷ 3,650,000 = 0.58.
    """
    one = account(
        overdraft=50_000, opened="2025-03-02", owner_name="Emil Krüger", display_name="Geschäftskonto"
    )
    publish(valid_from="2026-01-01", maintenance=490, credit_transfer=10, overdraft=1050)
    publish(valid_from="2026-07-01", maintenance=590, credit_transfer=10, overdraft=1050, told="2026-05-01")
    take(one, 20_000, "2026-02-01")
    put(one, 500_000, "2026-02-11")
    take(one, 100, "2026-03-31")
    take(one, 100, "2026-12-31")
    charge(closed="2026-12-31", now="2027-01-01")
    return one


def statement_of(one, *, year: int = 2026, language: str = "en", now: datetime = NEXT_YEAR):
    return get_fee_statement(account=one, year=year, language=language, now=now)


def test_fees_are_told_by_service_and_price(emil):
    told = statement_of(emil)
    assert [
        (line.heading.value, line.kind, line.quantity, line.unit_amount_minor, line.amount_minor)
        for line in told.fees
    ] == [
        ("general", "maintenance", 6, 490, 2940),
        ("general", "maintenance", 6, 590, 3540),
        ("payments", "credit_transfer", 3, 10, 30),
    ]
    (paid,) = told.interest_paid
    assert (paid.rates_bp, paid.days, paid.amount_minor) == ((1050,), 10, 58)
    assert (told.fees_minor, told.interest_paid_minor, told.interest_earned_minor) == (6510, 58, 0)


def test_its_totals_are_what_the_ledger_booked_under_those_kinds(emil):
    booked = {
        kind: sum(
            posting.amount_minor
            for posting in Posting.objects.filter(account=emil.ledger_account, entry__kind=kind)
        )
        for kind in ("fee", "overdraft_interest", "credit_interest")
    }
    told = statement_of(emil)
    assert booked == {
        "fee": told.fees_minor,
        "overdraft_interest": told.interest_paid_minor,
        "credit_interest": told.interest_earned_minor,
    }
    assert get_ledger_sums().sound


def test_nothing_is_given_out_when_the_books_say_otherwise(emil):
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE pricing_charge DISABLE TRIGGER pricing_charge_append_only")
        cursor.execute(
            "UPDATE pricing_charge SET unit_amount_minor = 491, amount_minor = 491"
            " WHERE kind = 'maintenance' AND period_from = '2026-01-01'"
        )
    with pytest.raises(StatementDoesNotAddUp):
        statement_of(emil)


def test_interest_earned_and_part_of_a_year():
    anna = account(opened="2026-10-01")
    publish(valid_from="2026-10-01", credit=100, settlement=Settlement.MONTHLY)
    put(anna, 1_000_000, "2026-10-01")
    charge(closed="2026-11-15", now="2026-11-16")
    told = statement_of(anna, now=datetime(2026, 11, 16, 9, tzinfo=UTC))
    assert not told.is_final
    assert (told.period.date_to, told.as_of) == (date(2026, 11, 16), datetime(2026, 11, 16, 9, tzinfo=UTC))
    # 1,000,000 × 100 × 31 ÷ 3,650,000 = 849.32
    assert [(line.days, line.amount_minor) for line in told.interest_earned] == [(31, 849)]
    assert told.fees == ()


def test_a_year_is_final_when_december_is_charged_and_the_same_ever_after(emil):
    def written(now: datetime) -> bytes:
        out = io.BytesIO()
        write_fee_pdf(statement_of(emil, now=now), out)
        return out.getvalue()

    assert statement_of(emil).is_final
    put(emil, 1, "2027-02-01")
    assert written(NEXT_YEAR) == written(datetime(2027, 6, 1, 9, tzinfo=UTC))


def test_a_year_whose_december_is_not_charged_is_not_final():
    anna = account()
    put(anna, 10_000, "2026-11-01")
    publish(valid_from="2026-11-01", maintenance=490)
    charge(closed="2026-12-30", now="2026-12-31")
    told = statement_of(anna)
    assert (told.is_final, told.fees_minor) == (False, 490)


def test_what_is_owed_is_told_until_the_year_is_final():
    bruno = account()
    put(bruno, 312, "2026-10-01")
    publish(valid_from="2026-10-01", maintenance=490)
    charge(closed="2026-10-31", now="2026-11-01")
    assert statement_of(bruno, now=datetime(2026, 11, 2, tzinfo=UTC)).owed_minor == 178


def test_an_account_without_prices_has_a_statement_of_nothing():
    anna = account()
    put(anna, 100, "2026-10-01")
    told = statement_of(anna)
    assert (told.fees_minor, told.interest_paid_minor, told.is_final) == (0, 0, True)


def test_years_that_cannot_be_are_refused(emil):
    with pytest.raises(PeriodInFuture):
        statement_of(emil, year=2028)
    with pytest.raises(PeriodBeforeOpening):
        statement_of(emil, year=2024)
    assert list_fee_years(account=emil, now=NEXT_YEAR) == [2027, 2026, 2025]


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "en",
            [
                "Statement of Fees",
                "Maintaining the account",
                "Payments (excluding cards)",
                "€65.10",
                "10.50\u00a0%",
            ],
        ),
        (
            "de",
            ["Entgeltaufstellung", "Kontoführung", "Zahlungen (ohne Karten)", "65,10\u00a0€", "10,50\u00a0%"],
        ),
    ],
)
def test_the_pdf_has_the_regulations_words(emil, language, words, monkeypatch):
    drawn: list[str] = []
    draw = Sheet.text
    monkeypatch.setattr(
        Sheet, "text", lambda self, text, **where: (drawn.append(text), draw(self, text, **where))[1]
    )
    write_fee_pdf(statement_of(emil, language=language), io.BytesIO())
    assert set(words) <= set(drawn)


def test_the_csv_adds_up(emil):
    psu = PSUFactory()
    AccountHolder.objects.create(payment_account=emil, psu=psu)
    file = fetch_fee_statement(
        psu_id=psu.pk,
        account_id=emil.pk,
        year=2026,
        file_format=FeeStatementFormat.CSV,
        language="en",
        now=NEXT_YEAR,
    )
    rows = list(csv.reader(io.StringIO(file.content.read().decode("utf-8-sig"))))
    assert file.name == f"statement-of-fees-{emil.iban[-10:]}-2026.csv"
    assert [row[-1] for row in rows[1:]] == ["29.40", "35.40", "0.30", "0.58", "65.10", "0.58", "0.00"]
    assert AuditEvent.objects.get(event="statements.fees.fetched").data == {"format": "csv", "year": 2026}


def test_who_took_it_for_the_bank_is_on_record(emil):
    staff = new_id()
    fetch_fee_statement_for_staff(
        account=emil,
        year=2026,
        file_format=FeeStatementFormat.PDF,
        language="de",
        staff_id=staff,
        now=NEXT_YEAR,
    )
    event = AuditEvent.objects.get(event="statements.fees.fetched")
    assert (event.actor_type, event.actor_id) == ("staff", str(staff))


def test_the_command_writes_whole_files_of_a_year_that_is_over(emil, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("apps.core.clock.now", lambda: NEXT_YEAR)
    call_command("statements", "fees", "--year", "2026", "--folder", str(tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"statement-of-fees-{emil.iban[-10:]}-2026.{extension}" for extension in ("csv", "pdf")
    ]
    assert "2 files for 1 accounts" in capsys.readouterr().out
    with pytest.raises(CommandError, match="not over"):
        call_command("statements", "fees", "--year", "2027", "--folder", str(tmp_path))
