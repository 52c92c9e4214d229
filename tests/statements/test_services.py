"""A statement out of the books: the customer's own, of one moment, proved, and with a trace."""

import csv
import io
import threading
from datetime import date, timedelta
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import DatabaseError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import AccountHolder, PaymentAccount
from apps.accounts.queries import AccountUnknown
from apps.accounts.rules import AccountStatus
from apps.audit.models import AuditEvent
from apps.core.snapshot import one_snapshot
from apps.ledger.queries import get_balance_on, iterate_postings
from apps.statements.queries import get_statement_year, open_statement
from apps.statements.rules import (
    Period,
    PeriodBeforeOpening,
    PeriodInFuture,
    StatementDoesNotAddUp,
    StatementFormat,
    TooManyForPDF,
    month_period,
)
from apps.statements.services import fetch_month_statement, fetch_period_statement
from tests.factories.accounts import customer
from tests.statements.world import NOW, awkward_account, book

OCTOBER = date(2026, 10, 1)


@pytest.fixture
def zofia(db: None) -> tuple:
    return awkward_account()


def month_file(psu, account, month=OCTOBER, file_format=StatementFormat.CSV, now=NOW) -> bytes:
    with fetch_month_statement(
        psu_id=psu.pk, account_id=account.pk, month=month, file_format=file_format, language="en", now=now
    ).content as content:
        return content.read()


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


class TestWhatIsInIt:
    def test_the_month_s_bookings_in_their_order_and_no_others(self, zofia: tuple) -> None:
        found = rows(month_file(*zofia))
        assert len(found) == 32
        assert (found[0]["Booking date"], found[-1]["Booking date"]) == ("2026-10-01", "2026-10-31")
        assert [row["Booking date"] for row in found] == sorted(row["Booking date"] for row in found)
        assert (found[0]["Balance after it"], found[-1]["Balance after it"]) == ("235.56", "100002572.97")
        assert "erst im November" not in str(found)

    def test_one_month_closes_where_the_next_opens(self, zofia: tuple) -> None:
        _psu, account = zofia
        balances = []
        for month in (7, 8, 9, 10):
            period = month_period(date(2026, month, 1))
            with open_statement(account=account, period=period, language="en", now=NOW) as statement:
                balances.append((statement.opening_minor, statement.closing_minor, statement.number))
        assert balances == [
            (0, 123_456, 9),
            (123_456, 123_456, 10),
            (123_456, 123_456, 11),
            (123_456, 10_000_257_297, 12),
        ]

    def test_a_booking_dated_out_of_order_stands_on_its_day_with_the_day_s_balance(
        self, zofia: tuple
    ) -> None:
        psu, account = zofia
        book(account, minor=-100, day=date(2026, 10, 3), name="Nachgebucht")
        found = rows(month_file(psu, account))
        assert [row["Name"] for row in found].index("Nachgebucht") == 2
        assert found[2]["Balance after it"] == "234.57"
        assert found[-1]["Balance after it"] == "100002571.97"

    @pytest.mark.parametrize("file_format", list(StatementFormat))
    def test_a_month_that_is_over_has_the_same_bytes_whenever_it_is_asked_for(
        self, zofia: tuple, file_format: StatementFormat
    ) -> None:
        first = month_file(*zofia, file_format=file_format)
        again = month_file(*zofia, file_format=file_format, now=NOW + timedelta(days=400, hours=5))
        assert first == again

    def test_the_running_month_goes_up_to_now_and_says_so(self, zofia: tuple) -> None:
        content = month_file(*zofia, month=date(2026, 11, 1), file_format=StatementFormat.CAMT053).decode()
        assert "<Cd>ITBD</Cd>" in content
        assert "<CreDtTm>2026-11-21T13:00:00+01:00</CreDtTm>" in content
        assert "ElctrncSeqNb" not in content

    def test_the_last_day_of_the_month_is_still_running(self, zofia: tuple) -> None:
        evening = NOW.replace(month=10, day=31, hour=22, minute=30)  # 23:30 in Berlin.
        assert b"ITBD" in month_file(*zofia, file_format=StatementFormat.CAMT053, now=evening)
        assert b"CLBD" in month_file(
            *zofia, file_format=StatementFormat.CAMT053, now=evening + timedelta(minutes=31)
        )


class TestWhoseItIs:
    def test_another_customer_s_account_looks_like_none(self, zofia: tuple) -> None:
        _psu, account = zofia
        bruno = customer("Bruno", phone="+4915100000002")
        told = []
        for account_id in (account.pk, uuid4()):
            with pytest.raises(AccountUnknown) as caught:
                fetch_month_statement(
                    psu_id=bruno.pk,
                    account_id=account_id,
                    month=OCTOBER,
                    file_format=StatementFormat.PDF,
                    language="en",
                    now=NOW,
                )
            told.append((type(caught.value), caught.value.code))
            with pytest.raises(AccountUnknown):
                get_statement_year(psu_id=bruno.pk, account_id=account_id, year=2026, now=NOW)
        assert told[0] == told[1]

    def test_whoever_may_not_look_gets_no_statement(self, zofia: tuple) -> None:
        psu, account = zofia
        AccountHolder.objects.filter(payment_account=account, psu=psu).update(may_view=False)
        with pytest.raises(AccountUnknown):
            month_file(psu, account)

    def test_a_joint_owner_gets_it_too(self, zofia: tuple) -> None:
        _psu, account = zofia
        dora = customer("Dora", phone="+4915100000003")
        AccountHolder.objects.create(payment_account=account, psu=dora)
        assert len(rows(month_file(dora, account))) == 32


class TestPeriods:
    def fetch(self, zofia: tuple, first: date, last: date, file_format=StatementFormat.CSV) -> bytes:
        psu, account = zofia
        return fetch_period_statement(
            psu_id=psu.pk,
            account_id=account.pk,
            period=Period(first, last),
            file_format=file_format,
            language="en",
            now=NOW,
        ).content.read()

    def test_any_period_can_be_had(self, zofia: tuple) -> None:
        found = rows(self.fetch(zofia, date(2026, 10, 7), date(2026, 11, 21)))
        assert (found[0]["Amount"], found[-1]["Reference"]) == ("-25.50", "erst im November")

    def test_one_that_is_not_offered_is_refused_and_leaves_no_trace_of_a_file(self, zofia: tuple) -> None:
        with pytest.raises(PeriodInFuture):
            self.fetch(zofia, date(2026, 11, 1), date(2026, 11, 22))
        with pytest.raises(PeriodBeforeOpening):
            self.fetch(zofia, date(2025, 10, 1), date(2025, 12, 1))
        assert not AuditEvent.objects.filter(event__startswith="statements.").exists()

    def test_too_many_bookings_for_paper_are_refused_for_paper_only(
        self, zofia: tuple, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("apps.statements.rules.PDF_POSTINGS_MAX", 31)
        with pytest.raises(TooManyForPDF):
            self.fetch(zofia, OCTOBER, date(2026, 10, 31), StatementFormat.PDF)
        assert self.fetch(zofia, OCTOBER, date(2026, 10, 31), StatementFormat.CSV)


class TestTheTrail:
    def test_says_who_fetched_what(self, zofia: tuple) -> None:
        psu, account = zofia
        month_file(psu, account, file_format=StatementFormat.MT940)
        event = AuditEvent.objects.get(event="statements.statement.fetched")
        assert (event.actor_type, event.actor_id) == ("psu", str(psu.pk))
        assert (event.object_type, event.object_id) == ("payment_account", str(account.pk))
        assert event.data == {
            "format": "mt940",
            "date_from": "2026-10-01",
            "date_to": "2026-10-31",
            "postings": 32,
        }


@pytest.mark.django_db(transaction=True)  # What is broken stays broken: no rollback may look at it.
class TestBooksThatDoNotHold:
    def lose_an_entry(self, text: str) -> None:
        """What no program can do: an entry vanishes and its postings stay."""
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
            cursor.execute("DELETE FROM ledger_entry WHERE remittance_information_unstructured = %s", [text])
            assert cursor.rowcount == 1
            cursor.execute("SET session_replication_role = origin")

    @pytest.mark.parametrize("file_format", list(StatementFormat))
    def test_nothing_is_handed_out_and_it_is_logged(
        self, zofia: tuple, file_format: StatementFormat, caplog: pytest.LogCaptureFixture
    ) -> None:
        self.lose_an_entry("Kartenzahlung 7")
        with pytest.raises(StatementDoesNotAddUp):
            month_file(*zofia, file_format=file_format)
        assert "does not add up: 31 lines of 32" in caplog.text
        assert not AuditEvent.objects.filter(event__startswith="statements.").exists()

    def test_the_command_writes_the_others_and_names_it(
        self, zofia: tuple, tmp_path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("apps.core.clock.now", lambda: NOW)
        other = customer("Bruno", phone="+4915100000002").account
        PaymentAccount.objects.filter(pk=other.pk).update(opened_date=OCTOBER)
        self.lose_an_entry("Kartenzahlung 7")
        with pytest.raises(CommandError, match=r"DE[0-9]{20}: statement_does_not_add_up") as caught:
            call_command("statements", "write", month="2026-10", folder=tmp_path)
        assert zofia[1].iban in str(caught.value)
        assert other.iban not in str(caught.value)
        assert {path.name for path in tmp_path.iterdir()} == {
            f"statement-{other.iban[-10:]}-2026-10.{end}"
            for end in ("pdf", "csv", "camt053.xml", "mt940.sta")
        }


class TestHowItIsRead:
    def test_a_busy_month_costs_no_more_queries_than_a_quiet_one(self, zofia: tuple) -> None:
        psu, account = zofia
        counts = []
        for month in (date(2026, 8, 1), OCTOBER):
            with CaptureQueriesContext(connection) as queries:
                month_file(psu, account, month=month)
            counts.append(len(queries))
        assert counts[0] == counts[1]

    def test_postings_come_in_chunks_and_all_of_them(self, zofia: tuple) -> None:
        _psu, account = zofia
        args = {
            "account_id": account.ledger_account_id,
            "date_from": date(2026, 1, 1),
            "date_to": date(2026, 12, 31),
        }
        at_once = list(iterate_postings(**args))
        assert len(at_once) == 34
        assert list(iterate_postings(**args, chunk=5)) == at_once


@pytest.mark.django_db(transaction=True)
class TestOneMoment:
    def test_what_is_booked_while_it_is_written_is_in_none_of_its_figures(self) -> None:
        _psu, account = awkward_account()
        period = month_period(OCTOBER)

        def book_more() -> None:
            try:
                book(account, minor=-500, day=date(2026, 10, 20), name="Zwischendurch")
            finally:
                connections.close_all()

        with open_statement(account=account, period=period, language="en", now=NOW) as statement:
            thread = threading.Thread(target=book_more)
            thread.start()
            thread.join()
            names = [line.counterparty_name for line in statement.lines]
        assert statement.sums.postings == len(names) == 32
        assert "Zwischendurch" not in names
        assert get_balance_on(account_id=account.ledger_account_id, day=period.date_to) == (
            statement.closing_minor - 500
        )

    def test_nothing_can_be_written_inside_a_snapshot(self) -> None:
        with pytest.raises(DatabaseError, match="read-only transaction"), one_snapshot():
            book(awkward_account()[1], minor=-1, day=OCTOBER)

    def test_outside_of_it_writing_goes_on_as_before(self) -> None:
        with one_snapshot():
            pass
        with transaction.atomic():
            awkward_account()


class TestTheYear:
    def test_shows_each_month_since_the_opening_with_its_sums_and_balance(self, zofia: tuple) -> None:
        psu, account = zofia
        overview = get_statement_year(psu_id=psu.pk, account_id=account.pk, year=None, now=NOW)
        assert (overview.year, overview.years) == (2026, [2026, 2025])
        assert [month.period.date_from.month for month in overview.months] == list(range(11, 0, -1))
        november, october, september = overview.months[:3]
        assert november.is_running
        assert november.closing_minor == 10_000_257_297 - 777
        assert not october.is_running
        assert (october.sums.postings, october.closing_minor) == (32, 10_000_257_297)
        assert (september.sums.postings, september.closing_minor) == (0, 123_456)

    def test_begins_with_the_month_of_the_opening(self, zofia: tuple) -> None:
        psu, account = zofia
        overview = get_statement_year(psu_id=psu.pk, account_id=account.pk, year=2025, now=NOW)
        assert [month.period.date_from for month in overview.months] == [date(2025, 12, 1), date(2025, 11, 1)]

    @pytest.mark.parametrize("year", [2024, 2027, 1, 9999])
    def test_a_year_without_the_account_is_this_year(self, zofia: tuple, year: int) -> None:
        psu, account = zofia
        overview = get_statement_year(psu_id=psu.pk, account_id=account.pk, year=year, now=NOW)
        assert overview.year == 2026

    def test_bookings_dated_before_the_opening_are_in_a_month_too(self, zofia: tuple) -> None:
        psu, account = zofia
        PaymentAccount.objects.filter(pk=account.pk).update(opened_date=date(2026, 11, 1))
        overview = get_statement_year(psu_id=psu.pk, account_id=account.pk, year=None, now=NOW)
        assert overview.months[-1].period.date_from == date(2026, 7, 1)


class TestTheCommand:
    @pytest.fixture(autouse=True)
    def bank_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("apps.core.clock.now", lambda: NOW)

    def run(self, *, month: str = "2026-10", **options: object) -> str:
        out = io.StringIO()
        call_command("statements", "write", month=month, stdout=out, **options)
        return out.getvalue()

    def test_writes_every_format_of_one_account_readable_by_nobody_else(self, zofia: tuple, tmp_path) -> None:
        psu, account = zofia
        said = self.run(folder=tmp_path / "out", account=account.iban)
        assert "4 files for 1 accounts" in said
        files = {path.name: path for path in (tmp_path / "out").iterdir()}
        assert len(files) == 4
        assert {path.stat().st_mode & 0o777 for path in files.values()} == {0o600}
        portal = month_file(psu, account, file_format=StatementFormat.MT940)
        assert files[f"statement-{account.iban[-10:]}-2026-10.mt940.sta"].read_bytes() == portal

    def test_writes_all_accounts_that_there_were_closed_ones_too_and_records_each(
        self, zofia: tuple, tmp_path
    ) -> None:
        _psu, account = zofia
        PaymentAccount.objects.filter(pk=account.pk).update(status=AccountStatus.DELETED)
        later = customer("Bruno", phone="+4915100000002", balance_minor=0).account
        PaymentAccount.objects.filter(pk=later.pk).update(opened_date=date(2026, 11, 1))
        self.run(folder=tmp_path, formats=["csv"])
        assert [path.name for path in tmp_path.iterdir()] == [f"statement-{account.iban[-10:]}-2026-10.csv"]
        event = AuditEvent.objects.get(event="statements.statement.exported")
        assert (event.actor_type, event.data["format"]) == ("system", "csv")

    def test_speaks_the_owner_s_language_unless_told(self, zofia: tuple, tmp_path) -> None:
        psu, account = zofia
        psu.user.language = "de"
        psu.user.save(update_fields=["language"])
        self.run(folder=tmp_path, account=account.iban, formats=["csv"])
        file = tmp_path / f"statement-{account.iban[-10:]}-2026-10.csv"
        assert "Buchungstag" in file.read_text()
        self.run(folder=tmp_path, account=account.iban, formats=["csv"], language="en")
        assert "Booking date" in file.read_text()

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"month": "2026-11"}, "is not over"),
            ({"month": "2027-01"}, "is not over"),
            ({"month": "2026-13"}, "is no month"),
            ({"month": "0000-01"}, "is no month"),
            ({"account": "DE00"}, "there is no account"),
            ({"account": "DE02120300000000202051"}, "there is no account"),
        ],
    )
    def test_refuses_what_it_cannot_do(self, zofia: tuple, tmp_path, options: dict, words: str) -> None:
        with pytest.raises(CommandError, match=words):
            self.run(folder=tmp_path, **options)
        assert list(tmp_path.iterdir()) == []
