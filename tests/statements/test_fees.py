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
from apps.ledger.rules import EntryKind
from apps.ledger.services import reverse_entry
from apps.pricing.rules import Settlement
from apps.statements.fee_queries import get_fee_statement, list_fee_years
from apps.statements.fee_rules import FeeStatementFormat
from apps.statements.fee_services import fetch_fee_statement, fetch_fee_statement_for_staff
from apps.statements.rules import PeriodBeforeOpening, PeriodInFuture, StatementDoesNotAddUp
from apps.statements.writers.fee_csv import write_fee_csv
from apps.statements.writers.fee_pdf import write_fee_pdf
from apps.statements.writers.sheet import Sheet
from tests.factories.identity import PSUFactory
from tests.pricing.books import account, charge, given_back, publish, put, send, settled, take

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


# What was paid with transfers ---------------------------------------------------------------------------


XB = "clearing:cross-border"


def lines_of(told) -> list[tuple[str, str, int, int, int]]:
    return [
        (line.heading.value, line.kind, line.quantity, line.unit_amount_minor, line.amount_minor)
        for line in told.fees
    ]


def ledger_fees() -> int:
    """What the bank earned by fees, of whatever kind and year."""
    return sum(
        posting.amount_minor if posting.direction == "CREDIT" else -posting.amount_minor
        for posting in Posting.objects.filter(account__code__startswith="fees:")
    )


@pytest.fixture
def sender():
    one = account(opened="2025-03-02")
    put(one, 100_000, "2025-12-01")
    return one


def sent(one, day: str, *, fee: int, via: str = "clearing:target-2") -> None:
    settled(send(one, 100, day, fee=fee, via=via), 100, day, via=via)


def test_fees_of_transfers_are_told_by_service_and_price_and_make_the_ledgers_total(sender):
    publish(
        valid_from="2026-01-01", maintenance=490, credit_transfer=10, target_transfer=1500, cross_border=1000
    )
    sent(sender, "2026-02-01", fee=1_500)
    sent(sender, "2026-03-01", fee=3_000, via=XB)
    sent(sender, "2026-04-01", fee=1_000, via=XB)
    sent(sender, "2026-12-31", fee=1_500)
    sent(sender, "2026-05-01", fee=0, via=XB)
    take(sender, 100, "2026-05-02")
    charge(closed="2026-12-31", now="2027-01-01")
    told = statement_of(sender)
    assert lines_of(told) == [
        ("general", "maintenance", 12, 490, 5_880),
        ("payments", "credit_transfer", 1, 10, 10),
        ("payments", "target_transfer", 2, 1_500, 3_000),
        ("payments", "cross_border", 1, 3_000, 3_000),
        ("payments", "cross_border", 1, 1_000, 1_000),
    ]
    assert told.is_final
    assert told.fees_minor == ledger_fees() == 12_890


def test_a_fee_that_was_given_back_was_no_fee(sender):
    refused = send(sender, 100, "2026-02-01", fee=1_500)
    given_back(sender, refused, 100, "2026-02-02", fee=1_500)
    sent(sender, "2026-02-03", fee=1_500)
    told = statement_of(sender)
    assert lines_of(told) == [("payments", "target_transfer", 1, 1_500, 1_500)]
    assert (told.is_final, told.fees_minor) == (True, ledger_fees())


def test_a_fee_stays_when_the_transfer_came_back_after_it_was_settled(sender):
    reference = send(sender, 100, "2026-02-01", fee=1_000, via=XB)
    settled(reference, 100, "2026-02-01", via=XB)
    given_back(sender, reference, 100, "2026-02-04", via=XB)
    assert statement_of(sender).fees_minor == ledger_fees() == 1_000


def test_a_reversed_entry_cost_nothing(sender):
    reference = send(sender, 100, "2026-02-01", fee=1_500)
    reverse_entry(
        kind=EntryKind.CREDIT_TRANSFER,
        reference=reference,
        booking_date=date(2026, 2, 2),
        reason="twice",
        now=datetime(2026, 2, 2, 9, tzinfo=UTC),
    )
    assert statement_of(sender).fees_minor == ledger_fees() == 0


def test_a_year_is_not_final_while_a_transfer_of_it_may_still_be_refused(sender):
    reference = send(sender, 100, "2026-12-31", fee=1_500)
    before = statement_of(sender)
    assert (before.is_final, before.fees_minor) == (False, 1_500)
    given_back(sender, reference, 100, "2027-01-02", fee=1_500)
    after = statement_of(sender)
    assert (after.is_final, after.fees_minor, ledger_fees()) == (True, 0, 0)
    assert statement_of(sender, year=2027).fees == ()


def test_a_year_is_not_final_on_its_last_day(sender):
    assert not statement_of(sender, now=datetime(2026, 12, 31, 9, tzinfo=UTC)).is_final


def test_each_fee_belongs_to_the_year_and_the_account_that_paid_it(sender):
    other = account(opened="2025-03-02")
    put(other, 10_000, "2025-12-01")
    for one, day, fee in (
        (sender, "2025-12-31", 1_100),
        (sender, "2026-01-01", 1_200),
        (sender, "2027-01-01", 1_300),
        (other, "2026-06-01", 1_400),
    ):
        sent(one, day, fee=fee)
    years = {year: statement_of(sender, year=year).fees_minor for year in (2025, 2026, 2027)}
    assert years == {2025: 1_100, 2026: 1_200, 2027: 1_300}
    assert sum(years.values()) + statement_of(other).fees_minor == ledger_fees()


def test_nothing_is_given_out_when_a_transfer_paid_for_a_way_that_is_free(sender):
    sent(sender, "2026-02-01", fee=100, via="clearing:sepa-sct")
    with pytest.raises(StatementDoesNotAddUp):
        statement_of(sender)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["Credit transfer by TARGET", "Credit transfer outside the SEPA area", "€25.00"]),
        ("de", ["Überweisung über TARGET", "Überweisung außerhalb des SEPA-Raums", "25,00\u00a0€"]),
    ],
)
def test_both_forms_name_the_transfers_that_cost_a_fee(sender, language, words, monkeypatch):
    sent(sender, "2026-02-01", fee=1_500)
    sent(sender, "2026-03-01", fee=1_000, via=XB)
    drawn: list[str] = []
    draw = Sheet.text
    monkeypatch.setattr(
        Sheet, "text", lambda self, text, **where: (drawn.append(text), draw(self, text, **where))[1]
    )
    told = statement_of(sender, language=language)
    write_fee_pdf(told, io.BytesIO())
    assert set(words) <= set(drawn)
    out = io.BytesIO()
    write_fee_csv(told, out)
    text = out.getvalue().decode("utf-8-sig")
    assert words[0] in text
    assert words[1] in text


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
