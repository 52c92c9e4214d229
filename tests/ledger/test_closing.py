"""The end of a day, the months and their partitions, and the proof of the books."""

import threading
import time
from datetime import date, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, connection, connections, transaction

from apps.core.clock import bank_date, real_now
from apps.engine.management.commands.provision_roles import ENGINE_ROLE, WEB_ROLE, grant_privileges
from apps.ledger import tasks
from apps.ledger.models import ClosedDay, DailyBalance, Entry, LedgerAccount, Posting
from apps.ledger.queries import get_balance_on, get_ledger_sums, list_postings
from apps.ledger.rules import EntryKind, LedgerAccountKind
from apps.ledger.services import (
    EntryUnknown,
    ExceedsBalance,
    close_days,
    detach_month,
    make_months,
    open_chart_of_accounts,
    reverse_entry,
)
from apps.ledger.verification import verify_books
from tests.factories.accounts import NOW
from tests.ledger.books import DAY, balance, book_account, transfer

TOMORROW, YESTERDAY = DAY + timedelta(days=1), DAY - timedelta(days=1)
OLD = date(2020, 3, 15)  # A month that has no partition unless a test makes one.


def run(statement: str, *values: object) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)


def partition_of(day: date) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM ledger_posting WHERE booking_date = %s", [day])
        return str(cursor.fetchone()[0])


class TestReversal:
    def test_turns_an_entry_round_once(self, anna: LedgerAccount, bruno: LedgerAccount) -> None:
        transfer(anna, bruno, 700, reference="p")
        arguments = {"kind": EntryKind.CREDIT_TRANSFER, "reference": "p", "booking_date": TOMORROW}
        assert reverse_entry(**arguments, reason="booked twice", now=NOW)
        assert not reverse_entry(**arguments, reason="booked twice", now=NOW)
        assert (balance(anna), balance(bruno)) == (10_000, 0)
        entry = Entry.objects.get(kind=EntryKind.REVERSAL)
        assert (entry.creditor_name, entry.remittance_information_unstructured) == (
            "Anna",
            "REVERSAL booked twice",
        )
        assert get_ledger_sums().sound

    def test_takes_no_money_that_is_gone(self, anna: LedgerAccount, bruno: LedgerAccount) -> None:
        transfer(anna, bruno, 700, reference="p")
        transfer(bruno, anna, 1)
        with pytest.raises(ExceedsBalance):
            reverse_entry(kind=EntryKind.CREDIT_TRANSFER, reference="p", booking_date=DAY, reason="", now=NOW)

    def test_knows_no_entry_that_is_not_there(self, anna: LedgerAccount) -> None:
        with pytest.raises(EntryUnknown):
            reverse_entry(kind=EntryKind.CREDIT_TRANSFER, reference="?", booking_date=DAY, reason="", now=NOW)


class TestClosing:
    def test_writes_the_balance_of_each_day_and_account(
        self, anna: LedgerAccount, bruno: LedgerAccount
    ) -> None:
        transfer(anna, bruno, 100, day=DAY)
        transfer(anna, bruno, 30, day=TOMORROW)
        transfer(bruno, anna, 5, day=TOMORROW)
        assert close_days(until=TOMORROW) == 2
        assert list(
            DailyBalance.objects.filter(account=bruno)
            .order_by("day")
            .values_list("day", "debits_minor", "credits_minor", "closing_balance_minor")
        ) == [(DAY, 0, 100, 100), (TOMORROW, 5, 30, 125)]

    def test_goes_on_from_the_last_closed_day(self, anna: LedgerAccount, bruno: LedgerAccount) -> None:
        transfer(anna, bruno, 100, day=DAY)
        assert close_days(until=DAY) == 1
        assert close_days(until=DAY) == 0
        transfer(anna, bruno, 1, day=TOMORROW)
        assert close_days(until=TOMORROW) == 1
        assert DailyBalance.objects.get(account=bruno, day=TOMORROW).closing_balance_minor == 101

    def test_an_empty_bank_has_no_day_to_close(self, db: None) -> None:
        assert close_days(until=DAY) == 0

    def test_a_closed_day_takes_nothing_more(self, anna: LedgerAccount, bruno: LedgerAccount) -> None:
        close_days(until=TOMORROW)
        transfer(anna, bruno, 9, day=DAY, reference="late")
        posting = Posting.objects.get(account=bruno)
        assert posting.booking_date == TOMORROW + timedelta(days=1)
        assert Entry.objects.get(reference="late").value_date == DAY
        assert not transfer(anna, bruno, 9, day=DAY, reference="late")

    def test_balances_on_a_day_are_the_same_before_and_after(
        self, anna: LedgerAccount, bruno: LedgerAccount
    ) -> None:
        for number, day in enumerate((YESTERDAY, DAY, TOMORROW), start=1):
            transfer(anna, bruno, number, day=day)
        days = [YESTERDAY - timedelta(days=1), YESTERDAY, DAY, TOMORROW, TOMORROW + timedelta(days=9)]
        before = [get_balance_on(account_id=bruno.pk, day=day) for day in days]
        assert before == [0, 1, 3, 6, 6]
        close_days(until=DAY)
        assert [get_balance_on(account_id=bruno.pk, day=day) for day in days] == before

    def test_the_nightly_task_leaves_days_open_that_only_the_sandboxs_clock_has_seen(
        self, anna: LedgerAccount, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("apps.core.clock.now", lambda: NOW + timedelta(days=4000))
        tasks.close()
        last = ClosedDay.objects.order_by("-day").values_list("day", flat=True).first()
        assert last is None or last < bank_date(real_now())


@pytest.mark.django_db(transaction=True)
def test_closing_waits_for_postings_that_did_not_hear_of_it() -> None:
    anna, bruno = book_account("anna"), book_account("bruno")
    transfer(book_account("source", limit=None), anna, 1_000)
    closed = threading.Event()

    def close() -> None:
        try:
            close_days(until=DAY)
            closed.set()
        finally:
            connections.close_all()

    thread = threading.Thread(target=close)
    with transaction.atomic():
        transfer(anna, bruno, 7)
        thread.start()
        assert not closed.wait(1)
    thread.join()
    assert closed.is_set()
    assert DailyBalance.objects.get(account=bruno, day=DAY).closing_balance_minor == 7


class TestMonths:
    def test_a_booking_goes_to_its_month_or_to_the_others(
        self, anna: LedgerAccount, bruno: LedgerAccount
    ) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT ledger_make_month(%s)", [OLD])
            assert cursor.fetchone()[0] is True
            cursor.execute("SELECT ledger_make_month(%s)", [OLD])
            assert cursor.fetchone()[0] is False
        transfer(anna, bruno, 1, day=OLD)
        transfer(anna, bruno, 1, day=date(2019, 1, 1))
        assert partition_of(OLD) == "ledger_posting_2020_03"
        assert partition_of(date(2019, 1, 1)) == "ledger_posting_other"

    def test_a_month_that_began_among_the_others_stays_there(
        self, anna: LedgerAccount, bruno: LedgerAccount
    ) -> None:
        transfer(anna, bruno, 1, day=OLD)
        with connection.cursor() as cursor:
            cursor.execute("SELECT ledger_make_month(%s)", [OLD])
            assert cursor.fetchone()[0] is False

    def test_the_months_ahead_are_made_once(self, db: None) -> None:
        assert make_months(today=date(2031, 11, 30)) == 4
        assert make_months(today=date(2031, 12, 1)) == 1

    @pytest.mark.parametrize("table", ["ledger_posting_2020_03", "ledger_posting_other"])
    def test_a_partition_by_its_own_name_refuses_what_the_whole_refuses(
        self, anna: LedgerAccount, bruno: LedgerAccount, table: str
    ) -> None:
        make_months(today=OLD)
        transfer(anna, bruno, 1, day=OLD if table != "ledger_posting_other" else date(2019, 1, 1))
        with pytest.raises(IntegrityError, match="does not balance"):
            run(
                f"INSERT INTO {table} (entry_id, account_id, direction, amount_minor, currency, booking_date)"
                f" SELECT entry_id, account_id, 'CREDIT', 1, 'EUR', booking_date FROM {table} LIMIT 1"
            )
        with pytest.raises(IntegrityError, match="append-only"):
            run(f"UPDATE {table} SET amount_minor = 2")
        with pytest.raises(IntegrityError, match="append-only"):
            run(f"DELETE FROM {table}")

    @pytest.mark.parametrize("role", [WEB_ROLE, ENGINE_ROLE])
    @pytest.mark.parametrize(
        "statement", ["DELETE FROM {}", "SELECT * FROM {}", "INSERT INTO {} (booking_date) VALUES (now())"]
    )
    def test_no_role_of_a_program_reaches_a_partition(self, db: None, role: str, statement: str) -> None:
        make_months(today=OLD)
        with connection.cursor() as cursor:
            for name in (WEB_ROLE, ENGINE_ROLE):
                cursor.execute(
                    f"DO $$ BEGIN CREATE ROLE {name}; EXCEPTION WHEN duplicate_object OR unique_violation THEN END $$"
                )
            grant_privileges(cursor)
        make_months(today=date(2031, 1, 1))
        for table in ("ledger_posting_2020_03", "ledger_posting_other", "ledger_posting_2031_01"):
            with (
                pytest.raises(DatabaseError, match="permission denied"),
                transaction.atomic(),
                connection.cursor() as cursor,
            ):
                cursor.execute(f"SET LOCAL ROLE {role}")
                cursor.execute(statement.format(table))

    def test_a_closed_month_goes_and_the_books_still_hold(
        self, anna: LedgerAccount, bruno: LedgerAccount
    ) -> None:
        make_months(today=OLD)
        transfer(anna, bruno, 40, day=OLD, reference="old")
        transfer(anna, bruno, 2, day=DAY)
        with pytest.raises(DatabaseError, match="not closed"), transaction.atomic():
            detach_month(month=OLD)
        close_days(until=OLD.replace(day=31))
        assert detach_month(month=OLD) == 2
        assert get_ledger_sums().sound
        assert get_balance_on(account_id=bruno.pk, day=DAY) == balance(bruno) == 42
        assert [row.amount_minor for row in list_postings(account_id=bruno.pk, limit=9)] == [2]
        assert not transfer(anna, bruno, 40, day=DAY, reference="old"), "it was booked, if long ago"


class TestPages:
    """A page of postings is the same however the history lies in its months."""

    def test_pages_join_without_gap_or_repetition(self, anna: LedgerAccount, bruno: LedgerAccount) -> None:
        days = [DAY - timedelta(days=n * 23) for n in range(40)]
        for day in days:
            transfer(anna, bruno, 1, day=day)
        whole = list_postings(account_id=bruno.pk, limit=100)
        assert [row.booking_date for row in whole] == days
        seen, before = [], None
        while page := list_postings(account_id=bruno.pk, before=before, limit=7):
            seen += page
            before = (page[-1].booking_date, page[-1].posting_id)
        assert seen == whole

    @pytest.mark.parametrize(("first", "last"), [(0, 0), (0, 39), (5, 30), (38, 39), (39, 39)])
    def test_a_period_holds_its_days_and_no_other(
        self, anna: LedgerAccount, bruno: LedgerAccount, first: int, last: int
    ) -> None:
        days = [DAY - timedelta(days=n * 23) for n in range(40)]
        for day in days:
            transfer(anna, bruno, 1, day=day)
        rows = list_postings(account_id=bruno.pk, date_from=days[last], date_to=days[first], limit=100)
        assert [row.booking_date for row in rows] == days[first : last + 1]

    def test_a_period_after_the_last_booking_is_empty(
        self, anna: LedgerAccount, bruno: LedgerAccount
    ) -> None:
        transfer(anna, bruno, 1)
        assert list_postings(account_id=bruno.pk, date_from=TOMORROW, limit=9) == []
        assert list_postings(account_id=LedgerAccount().pk, limit=9) == []

    def test_an_account_that_folds_later_shows_its_postings(self, anna: LedgerAccount) -> None:
        clearing = open_chart_of_accounts()["clearing:sepa-sct"]
        transfer(anna, clearing, 5)
        assert [row.amount_minor for row in list_postings(account_id=clearing.pk, limit=9)] == [5]


@pytest.mark.django_db(transaction=True)
class TestProof:
    @pytest.fixture(autouse=True)
    def books(self) -> None:
        source, self.anna, self.bruno = (
            book_account("source", limit=None),
            book_account("anna"),
            book_account("bruno"),
        )
        clearing = book_account("clearing:x", limit=None, kind=LedgerAccountKind.CLEARING)
        for n in range(30):
            transfer(source, self.anna, 100, day=DAY - timedelta(days=n * 7))
            transfer(self.anna, clearing if n % 2 else self.bruno, 50, day=DAY - timedelta(days=n * 7))

    def spoil(self, *statements: str) -> None:
        """As a superuser who switches the guards off could."""
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            for statement in statements:
                cursor.execute(statement)

    def test_sound_books_are_found_sound(self) -> None:
        seen: list[tuple[int, int, int]] = []
        findings = verify_books(on_progress=lambda *numbers: seen.append(numbers))
        assert findings.sound, findings
        assert (findings.entries, findings.postings, findings.accounts) == (60, 120, 4)
        assert seen[-1][0] == seen[-1][1] > 8
        output = StringIO()
        call_command("ledger", "verify", stdout=output)
        assert "120 postings in 60 entries on 4 accounts: the books hold" in output.getvalue()

    @pytest.mark.parametrize(
        ("statement", "finding"),
        [
            (
                "UPDATE ledger_posting SET amount_minor = amount_minor + 1"
                " WHERE id = (SELECT min(id) FROM ledger_posting)",
                "unbalanced_entries",
            ),
            (
                "UPDATE ledger_posting SET amount_minor = amount_minor + 1"
                " WHERE id = (SELECT min(id) FROM ledger_posting)",
                "difference_minor",
            ),
            (
                "UPDATE ledger_ledgeraccount SET credits_minor = credits_minor + 1 WHERE code = 'bruno'",
                "disagreeing_accounts",
            ),
            ("DELETE FROM ledger_pendingtotal", "disagreeing_accounts"),
            (
                "UPDATE ledger_posting SET account_id = gen_random_uuid()"
                " WHERE id = (SELECT min(id) FROM ledger_posting)",
                "disagreeing_accounts",
            ),
            ("DELETE FROM ledger_entry WHERE kind = 'credit_transfer'", "postings_without_entry"),
            ("DELETE FROM ledger_posting", "entries_without_postings"),
        ],
    )
    def test_what_was_spoilt_is_found(self, statement: str, finding: str) -> None:
        self.spoil(statement)
        findings = verify_books()
        assert not findings.sound
        assert getattr(findings, finding) != 0
        with pytest.raises(CommandError, match="do not hold"):
            call_command("ledger", "verify")

    def test_the_nightly_task_puts_the_result_on_record(self) -> None:
        def events() -> list[str]:
            with connection.cursor() as cursor:
                cursor.execute("SELECT event FROM audit_auditevent WHERE object_type = 'ledger' ORDER BY id")
                return [event for (event,) in cursor.fetchall()]

        tasks.verify()
        self.spoil("UPDATE ledger_ledgeraccount SET credits_minor = credits_minor + 1 WHERE code = 'bruno'")
        tasks.verify()
        assert events() == ["ledger.books.verified", "ledger.books.broken"]

    def test_it_proves_one_moment_while_others_book(self) -> None:
        stop = threading.Event()

        def book() -> None:
            try:
                while not stop.is_set():
                    transfer(self.anna, self.bruno, 1)
                    transfer(self.bruno, self.anna, 1)
            finally:
                connections.close_all()

        thread = threading.Thread(target=book)
        thread.start()
        try:
            end = time.monotonic() + 3
            while time.monotonic() < end:
                assert verify_books().sound
        finally:
            stop.set()
            thread.join()


@pytest.mark.parametrize("day", ["2999-01-01", "yesterday"])
def test_the_command_closes_no_day_that_is_not_over(day: str) -> None:
    with pytest.raises(CommandError):
        call_command("ledger", "close", day)
