"""The books: what may be posted, what the database refuses, and who may write at all."""

import threading

import pytest
from django.db import DatabaseError, IntegrityError, connection, connections, transaction

from apps.engine.management.commands.provision_roles import ENGINE_ROLE, WEB_ROLE, grant_privileges
from apps.ledger.models import LedgerAccount, Posting
from apps.ledger.queries import get_ledger_sums
from apps.ledger.rules import Direction, EntryKind, Narrative
from apps.ledger.services import (
    AccountNotPostable,
    EntryClash,
    ExceedsBalance,
    Leg,
    post_entry,
)
from tests.factories.accounts import NOW
from tests.ledger.books import DAY, book_account, transfer


class TestPostTransfer:
    def test_moves_the_amount_and_keeps_the_sum(self, anna: LedgerAccount, bruno: LedgerAccount) -> None:
        assert transfer(anna, bruno, 2_500) is True
        anna.refresh_from_db()
        bruno.refresh_from_db()
        assert (anna.balance_minor, bruno.balance_minor) == (7_500, 2_500)
        assert get_ledger_sums().sound

    def test_takes_the_last_cent(self, anna: LedgerAccount, bruno: LedgerAccount) -> None:
        assert transfer(anna, bruno, 10_000)

    def test_refuses_one_cent_too_many(self, anna: LedgerAccount, bruno: LedgerAccount) -> None:
        with pytest.raises(ExceedsBalance):
            transfer(anna, bruno, 10_001)
        assert not Posting.objects.filter(account=bruno).exists()

    def test_uses_the_overdraft_to_its_limit(self, anna: LedgerAccount, bruno: LedgerAccount) -> None:
        overdrawn = book_account("overdrawn", limit=500)
        assert transfer(overdrawn, bruno, 500)
        with pytest.raises(ExceedsBalance):
            transfer(overdrawn, bruno, 1)

    def test_books_a_reference_once(self, anna: LedgerAccount, bruno: LedgerAccount) -> None:
        assert transfer(anna, bruno, 100, reference="p1") is True
        assert transfer(anna, bruno, 100, reference="p1") is False
        bruno.refresh_from_db()
        assert bruno.balance_minor == 100

    def test_refuses_a_reference_with_another_amount(self, anna: LedgerAccount, bruno: LedgerAccount) -> None:
        transfer(anna, bruno, 100, reference="p1")
        with pytest.raises(EntryClash):
            transfer(anna, bruno, 101, reference="p1")

    def test_refuses_an_unknown_account(self, anna: LedgerAccount) -> None:
        ghost = LedgerAccount(code="ghost")
        with pytest.raises(AccountNotPostable):
            transfer(anna, ghost, 1)

    def test_refuses_another_currency(self, anna: LedgerAccount) -> None:
        with pytest.raises(AccountNotPostable):
            transfer(anna, book_account("dollars", currency="USD"), 1)


@pytest.mark.django_db
def test_a_posting_reads_no_table_from_end_to_end() -> None:
    """Also where the planner has no statistics yet, as on the first day of a bank with many customers.

    And where its session, begun on that day, keeps the plans that it made when every table was one page.
    """
    first, second = book_account("first", limit=100), book_account("second")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        for _ in range(8):  # From the sixth call on the server may keep a plan.
            transfer(first, second, 1)
        cursor.execute(
            "SET LOCAL session_replication_role = replica"
        )  # Past the triggers: this is about size.
        cursor.execute(
            """
            INSERT INTO ledger_ledgeraccount (id, code, kind, currency, credits_minor, minimum_balance_minor)
            SELECT md5(n::text)::uuid, 'customer:' || n, 'customer', 'EUR', 0, -1000 FROM generate_series(1, 10000) n;
            INSERT INTO ledger_entrykey (entry_id, booking_date, currency, content_hash)
            SELECT md5(n::text)::uuid, '2026-11-21', 'EUR', sha256('') FROM generate_series(1, 20000) n;
            INSERT INTO ledger_entry (id, kind, reference, currency, booking_date, value_date, posted_at,
                debtor_name, debtor_iban, creditor_name, creditor_iban, end_to_end_identification,
                remittance_information_unstructured)
            SELECT md5(n::text)::uuid, 'opening', n::text, 'EUR', '2026-11-21', '2026-11-21', now(), '', '', '',
                '', '', '' FROM generate_series(1, 20000) n;
            INSERT INTO ledger_posting (entry_id, account_id, direction, amount_minor, currency, booking_date,
                balance_after_minor)
            SELECT md5(n::text)::uuid, md5((1 + n % 10000)::text)::uuid, side, 1, 'EUR', '2026-11-21', 0
            FROM generate_series(1, 20000) n, unnest(ARRAY['DEBIT', 'CREDIT']) side
            """
        )
        cursor.execute("SET LOCAL session_replication_role = origin")
        debit, credit = LedgerAccount.objects.order_by("code")[:2]
        scans = "SELECT relname, seq_scan FROM pg_stat_xact_user_tables WHERE relname LIKE 'ledger%' ORDER BY relname"
        cursor.execute(scans)
        before = cursor.fetchall()
        transfer(debit, credit, 100)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(scans)
        assert cursor.fetchall() == before


class TestTheDatabaseAlone:
    """Every constraint, violated once by raw SQL."""

    def test_refuses_an_entry_that_does_not_balance(self, anna: LedgerAccount, bruno: LedgerAccount) -> None:
        legs = [Leg(anna.pk, Direction.DEBIT, 100), Leg(bruno.pk, Direction.CREDIT, 99)]
        with pytest.raises(IntegrityError, match="does not balance"), transaction.atomic():
            post_entry(
                kind=EntryKind.CREDIT_TRANSFER,
                reference="crooked",
                currency="EUR",
                legs=legs,
                booking_date=DAY,
                value_date=DAY,
                narrative=Narrative(),
                now=NOW,
            )
            with connection.cursor() as cursor:
                cursor.execute("SET CONSTRAINTS ledger_entry_balances IMMEDIATE")

    @pytest.mark.parametrize(
        ("statement", "constraint"),
        [
            ("UPDATE ledger_posting SET amount_minor = 1", "append-only"),
            ("DELETE FROM ledger_posting", "append-only"),
            ("UPDATE ledger_entry SET reference = 'x'", "append-only"),
            ("DELETE FROM ledger_entry", "append-only"),
            (
                "UPDATE ledger_ledgeraccount SET debits_minor = credits_minor + 1 WHERE code = 'anna'",
                "ledger_account_minimum_balance",
            ),
            ("UPDATE ledger_ledgeraccount SET debits_minor = -1", "ledger_account_totals_not_negative"),
            ("UPDATE ledger_ledgeraccount SET currency = 'eur'", "ledger_account_currency_form"),
            ("UPDATE ledger_ledgeraccount SET kind = 'secret'", "ledger_account_kind_known"),
            (
                "INSERT INTO ledger_posting (entry_id, account_id, direction, amount_minor, currency, booking_date,"
                " balance_after_minor) SELECT entry_id, account_id, 'DEBIT', 0, 'EUR', booking_date, 0"
                " FROM ledger_posting LIMIT 1",
                "ledger_posting_amount_positive",
            ),
            (
                "INSERT INTO ledger_posting (entry_id, account_id, direction, amount_minor, currency, booking_date,"
                " balance_after_minor) SELECT entry_id, account_id, 'LEFT', 1, 'EUR', booking_date, 0"
                " FROM ledger_posting LIMIT 1",
                "ledger_posting_direction_known",
            ),
            (
                "INSERT INTO ledger_entry (id, kind, reference, currency, booking_date, value_date, posted_at,"
                " debtor_name, debtor_iban, creditor_name, creditor_iban, end_to_end_identification,"
                " remittance_information_unstructured) SELECT gen_random_uuid(), 'gift', 'r', 'EUR', now(), now(),"
                " now(), '', '', '', '', '', ''",
                "ledger_entry_kind_known",
            ),
            (
                "INSERT INTO ledger_entrykey SELECT * FROM ledger_entrykey LIMIT 1",
                "ledger_entrykey_pkey",
            ),
            ("UPDATE ledger_entrykey SET booking_date = now()", "append-only"),
            ("DELETE FROM ledger_entrykey", "append-only"),
            ("DELETE FROM ledger_ledgeraccount", "append-only"),
            (
                "UPDATE ledger_ledgeraccount SET folds_later = true WHERE code = 'anna'",
                "ledger_account_folds_later_without_limit",
            ),
            ("UPDATE ledger_ledgeraccount SET held_minor = -1", "ledger_account_held_not_negative"),
            (
                "UPDATE ledger_ledgeraccount SET held_minor = 10001 WHERE code = 'anna'",
                "ledger_account_minimum_balance",
            ),
        ],
    )
    def test_refuses_it(self, anna: LedgerAccount, statement: str, constraint: str) -> None:
        with (
            pytest.raises(IntegrityError, match=constraint),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)

    @pytest.mark.parametrize(("debit", "credit"), [(5, 4), (5, 6)])
    def test_refuses_an_unbalanced_insert_past_the_function(
        self, anna: LedgerAccount, debit: int, credit: int
    ) -> None:
        with (
            pytest.raises(IntegrityError, match="does not balance"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(
                "INSERT INTO ledger_posting (entry_id, account_id, direction, amount_minor, currency, booking_date,"
                " balance_after_minor) SELECT entry_id, account_id, d, a, 'EUR', booking_date, 0 FROM"
                " (SELECT * FROM ledger_posting LIMIT 1) p, (VALUES ('DEBIT', %s), ('CREDIT', %s)) v (d, a)",
                [debit, credit],
            )
            cursor.execute("SET CONSTRAINTS ledger_entry_balances IMMEDIATE")

    def test_is_not_fooled_by_a_temporary_table_of_the_same_name(self, anna: LedgerAccount) -> None:
        with (
            pytest.raises(IntegrityError, match="does not balance"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(
                "CREATE TEMPORARY TABLE ledger_posting (LIKE public.ledger_posting) ON COMMIT DROP"
            )
            cursor.execute(
                "SELECT ledger_post_entry('credit_transfer', 'shadow', 'EUR', now()::date,"
                " now()::date, now(), ARRAY[%s]::uuid[], ARRAY['CREDIT'], ARRAY[1]::bigint[], '', '', '', '', '', '')",
                [anna.pk],
            )
            cursor.execute("SET CONSTRAINTS ledger_entry_balances IMMEDIATE")


@pytest.mark.req("S0-48", "S0-50")
class TestWhoMayWrite:
    """Only the engine's role may book, and it only through the posting function."""

    @pytest.fixture(autouse=True)
    def roles(self, anna: LedgerAccount, bruno: LedgerAccount) -> None:
        with connection.cursor() as cursor:
            for role in (WEB_ROLE, ENGINE_ROLE):
                cursor.execute(
                    f"DO $$ BEGIN CREATE ROLE {role}; EXCEPTION WHEN duplicate_object OR unique_violation THEN END $$"
                )
            grant_privileges(cursor)

    def as_role(self, role: str, statement: str) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL ROLE {role}")
            cursor.execute(statement)

    POST = """SELECT ledger_post_entry('credit_transfer', 'by-role', 'EUR', now()::date, now()::date,
        now(), ARRAY(SELECT id FROM ledger_ledgeraccount WHERE code = 'anna' UNION ALL
                     SELECT id FROM ledger_ledgeraccount WHERE code = 'bruno'),
        ARRAY['DEBIT', 'CREDIT'], ARRAY[1, 1]::bigint[], '', '', '', '', '', '')"""

    def test_the_engine_may_post(self) -> None:
        self.as_role(ENGINE_ROLE, self.POST)
        assert LedgerAccount.objects.get(code="bruno").balance_minor == 1

    @pytest.mark.parametrize(
        "statement",
        [
            POST,
            "INSERT INTO ledger_posting (entry_id) VALUES (gen_random_uuid())",
            "UPDATE ledger_ledgeraccount SET credits_minor = 999999",
            "UPDATE ledger_posting SET amount_minor = 1",
            "DELETE FROM ledger_posting",
            "TRUNCATE ledger_posting",
            "TRUNCATE audit_auditevent",
            "DELETE FROM audit_auditevent",
            "INSERT INTO audit_audithead VALUES (1, 1, '')",
            "CREATE TEMPORARY TABLE ledger_posting (entry_id uuid)",
        ],
    )
    def test_the_web_may_not(self, statement: str) -> None:
        with pytest.raises(DatabaseError, match="permission denied"):
            self.as_role(WEB_ROLE, statement)

    @pytest.mark.parametrize(
        "statement",
        [
            "INSERT INTO ledger_posting (entry_id) VALUES (gen_random_uuid())",
            "UPDATE ledger_ledgeraccount SET credits_minor = 999999",
            "SELECT * FROM sca_challenge",
            "SELECT * FROM identity_session",
            "SELECT * FROM authserver_accesstoken",
            "SELECT password FROM identity_user",
            "UPDATE identity_user SET is_superuser = true",
            "CREATE TEMPORARY TABLE ledger_posting (entry_id uuid)",
            "CREATE TABLE public.ledger (id uuid)",
        ],
    )
    def test_the_engine_may_no_more_than_it_needs(self, statement: str) -> None:
        with pytest.raises(DatabaseError, match="permission denied"):
            self.as_role(ENGINE_ROLE, statement)


@pytest.mark.django_db(transaction=True)
def test_transfers_in_both_directions_at_once_neither_deadlock_nor_overdraw() -> None:
    source = book_account("source", limit=None)
    anna, bruno = book_account("anna"), book_account("bruno")
    for account in (anna, bruno):
        transfer(source, account, 1_000)
    outcomes: list[str] = []

    def run(debit: LedgerAccount, credit: LedgerAccount) -> None:
        try:
            for _ in range(25):
                try:
                    transfer(debit, credit, 100)
                    outcomes.append("posted")
                except ExceedsBalance:
                    outcomes.append("refused")
        finally:
            connections.close_all()

    pairs = [(anna, bruno), (bruno, anna)] * 4
    threads = [threading.Thread(target=run, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 200
    assert get_ledger_sums().sound
    assert sum(a.balance_minor for a in LedgerAccount.objects.filter(code__in=["anna", "bruno"])) == 2_000
