"""What must hold of the register even against psql."""

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from apps.core.ids import new_id
from apps.engine.management.commands.provision_roles import ENGINE_ROLE, WEB_ROLE, grant_privileges
from apps.fraud.models import AuthorityNotice, CountedDay
from apps.fraud.rules import ReportOutcome
from tests.factories.accounts import NOW, bank_accounts, customer
from tests.factories.fraud import booked_payment, judged, reported

pytestmark = pytest.mark.django_db


@pytest.fixture
def payment():
    bank_accounts()
    return booked_payment(customer())


@pytest.fixture
def notice(db):
    return AuthorityNotice.objects.create(
        kind="exceeded", etv_minor=10_000, year=2026, quarter=3, note="x", noted_at=NOW, noted_by=new_id()
    )


def run(statement: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize(
    ("constraint", "change"),
    [
        ("fraud_report_reason_known", "reason = 'xxx'"),
        ("fraud_report_decision_whole", "status = 'closed'"),
        ("fraud_report_decision_whole", "outcome = 'fraud'"),
        ("fraud_report_decision_whole", "status = 'closed', outcome = 'fraud', decided_at = now()"),
        ("fraud_report_refund_of_fraud", "refunded_at = now(), refunded_minor = 1"),
        ("fraud_report_refund_of_fraud", "refunded_minor = 1"),
    ],
)
def test_a_report_says_what_it_has_to(payment, constraint, change):
    reported(payment)
    # What the trigger keeps anyway.
    run("SET CONSTRAINTS ALL IMMEDIATE")
    run("ALTER TABLE fraud_fraudreport DISABLE TRIGGER fraud_report_unchanged")
    with pytest.raises(IntegrityError, match=constraint):
        run(f"UPDATE fraud_fraudreport SET {change}")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE fraud_fraudreport SET outcome = 'not_fraud'",
        "UPDATE fraud_fraudreport SET decision_reason = 'another'",
        "UPDATE fraud_fraudreport SET refund_due_on = refund_due_on + 1",
        "UPDATE fraud_fraudreport SET reported_at = now()",
        "UPDATE fraud_fraudreport SET refunded_minor = 1",
        "DELETE FROM fraud_fraudreport",
    ],
)
def test_what_was_judged_and_paid_back_stays(payment, statement):
    report = judged(payment, ReportOutcome.FRAUD)
    report.refunded_at, report.refunded_minor = NOW, 2_500
    report.save()
    with pytest.raises(IntegrityError):
        run(statement)


def test_one_report_for_a_payment(payment):
    reported(payment)
    with pytest.raises(IntegrityError, match="payment_id"):
        run(
            "INSERT INTO fraud_fraudreport SELECT (jsonb_populate_record(NULL::fraud_fraudreport,"
            " to_jsonb(r) || jsonb_build_object('id', gen_random_uuid()))).* FROM fraud_fraudreport r"
        )


@pytest.mark.parametrize(
    ("constraint", "change"),
    [
        ("fraud_notice_once", "kind = 'exceeded'"),
        ("fraud_notice_kind_known", "kind = 'xxx'"),
        ("fraud_notice_band_known", "etv_minor = 10001"),
        ("fraud_notice_quarter_range", "quarter = 5"),
        ("fraud_notice_has_note", "year = 2020, note = ''"),
    ],
)
def test_a_notice_says_what_it_has_to(notice, constraint, change):
    changes = ", ".join(
        f"'{name}', {value}" for name, value in (one.split(" = ") for one in change.split(", "))
    )
    with pytest.raises(IntegrityError, match=constraint):
        run(
            "INSERT INTO fraud_authoritynotice SELECT (jsonb_populate_record(NULL::fraud_authoritynotice,"
            f" to_jsonb(n) || jsonb_build_object('id', gen_random_uuid(), {changes}))).* FROM fraud_authoritynotice n"
        )


@pytest.mark.parametrize(
    "statement", ["UPDATE fraud_authoritynotice SET note = 'y'", "DELETE FROM fraud_authoritynotice"]
)
def test_a_notice_stays(notice, statement):
    with pytest.raises(IntegrityError, match="stays as it is"):
        run(statement)


def test_no_day_is_worth_less_than_nothing(db):
    CountedDay.objects.create(day=NOW.date(), total_minor=0, payments=0, counted_at=NOW)
    with pytest.raises(IntegrityError, match="fraud_day_total_not_negative"):
        run("UPDATE fraud_countedday SET total_minor = -1")


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        (WEB_ROLE, "DELETE FROM fraud_authoritynotice"),
        (WEB_ROLE, "UPDATE fraud_authoritynotice SET note = 'y'"),
        (ENGINE_ROLE, "SELECT * FROM fraud_authoritynotice"),
        (ENGINE_ROLE, "UPDATE fraud_countedday SET total_minor = 0"),
    ],
)
def test_no_role_does_more_than_it_needs(payment, role, statement):
    with connection.cursor() as cursor:
        for name in (WEB_ROLE, ENGINE_ROLE):
            cursor.execute(
                f"DO $$ BEGIN CREATE ROLE {name};"
                " EXCEPTION WHEN duplicate_object OR unique_violation THEN END $$"
            )
        grant_privileges(cursor)
        cursor.execute(f"SET LOCAL ROLE {role}")
        with pytest.raises(DatabaseError, match="permission denied"):
            cursor.execute(statement)
