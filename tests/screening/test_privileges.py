"""What the database lets the programs' roles do with lists, evidence and hits."""

import pytest
from django.db import DatabaseError, connection, transaction

from apps.engine.management.commands.provision_roles import ENGINE_ROLE, WEB_ROLE, grant_privileges
from tests.factories.accounts import bank_accounts, customer
from tests.factories.screening import screened_hit

pytestmark = [pytest.mark.django_db, pytest.mark.req("IPR-5d(1)")]


@pytest.fixture(autouse=True)
def _roles():
    bank_accounts()
    customer("Anna")
    screened_hit("Anna Schneider")
    with connection.cursor() as cursor:
        for role in (WEB_ROLE, ENGINE_ROLE):
            cursor.execute(
                f"DO $$ BEGIN CREATE ROLE {role}; EXCEPTION WHEN duplicate_object OR unique_violation THEN END $$"
            )
        grant_privileges(cursor)


def as_role(role: str, statement: str) -> int:
    """How many rows the statement touched under the role."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL ROLE {role}")
        cursor.execute(statement)
        cursor.execute("RESET ROLE")
        return cursor.rowcount


@pytest.mark.parametrize(
    "table",
    [
        "screening_sanctionslist",
        "screening_listedentry",
        "screening_sanctionslist_entries",
        "screening_screeningbatch",
    ],
)
class TestEvidenceAndLists:
    def test_the_web_may_neither_change_nor_delete_them(self, table):
        for statement in (f"UPDATE {table} SET id = id", f"DELETE FROM {table}", f"TRUNCATE {table}"):
            with pytest.raises(DatabaseError, match="permission denied"):
                as_role(WEB_ROLE, statement)

    def test_the_engine_does_not_even_read_them(self, table):
        with pytest.raises(DatabaseError, match="permission denied"):
            as_role(ENGINE_ROLE, f"SELECT 1 FROM {table}")


def test_the_web_adds_editions_evidence_and_decisions():
    for statement in (
        "INSERT INTO screening_sanctionslist (published_at, file_number, sha256, entry_count, name_count, imported_at)"
        " VALUES (now(), '', repeat('a', 64), 1, 1, now())",
        "INSERT INTO screening_screeningbatch (run_id, number, psu_ids, hit_count, results, evidence_sha256,"
        " screened_at) SELECT run_id, 9, '{}', 0, '[]', evidence_sha256, now() FROM screening_screeningbatch",
        "UPDATE screening_screeninghit SET status = 'cleared', decided_at = now(),"
        " decided_by = gen_random_uuid(), decision_reason = 'x'",
    ):
        as_role(WEB_ROLE, statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE screening_screeninghit SET status = 'cleared'",
        "SELECT 1 FROM screening_screeninghit",
        "SELECT 1 FROM screening_screeningrun",
        "SELECT 1 FROM screening_customerscreening",
    ],
)
def test_the_engine_has_nothing_to_do_with_hits_and_runs(statement):
    with pytest.raises(DatabaseError, match="permission denied"):
        as_role(ENGINE_ROLE, statement)
