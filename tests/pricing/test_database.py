"""What the database itself refuses, and what its roles may do with prices and charges."""

import pytest
from django.db import DatabaseError, connection, transaction

from apps.engine.management.commands.provision_roles import ENGINE_ROLE, WEB_ROLE, grant_privileges
from tests.pricing.books import account, charge, publish, put

pytestmark = pytest.mark.django_db

_CHARGE = (
    "INSERT INTO pricing_charge (id, account_id, kind, period_from, period_to, direction, quantity, unit_amount_minor,"
    " amount_minor, shortfall_minor, currency, booked_at) SELECT gen_random_uuid(), account_id, {kind}, {first},"
    " {last}, {direction}, 1, {unit}, {amount}, {shortfall}, 'EUR', now() FROM pricing_charge"
)


def _charge(**changes: str) -> str:
    values = {
        "kind": "'maintenance'",
        "first": "'2026-12-01'::date",
        "last": "'2026-12-31'::date",
        "direction": "'DEBIT'",
        "unit": "NULL",
        "amount": "5",
        "shortfall": "0",
    }
    return _CHARGE.format(**values | changes)


@pytest.fixture
def charged():
    """One charge of 4.90, of which 1.78 were not covered."""
    bruno = account()
    put(bruno, 312, "2026-10-01")
    publish(valid_from="2026-10-01", maintenance=490, credit=100)
    charge(closed="2026-10-31", now="2026-11-01")
    return bruno


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("INSERT INTO pricing_price (product, service, amount_minor, currency, valid_from) SELECT product, service, 1,"
         " 'EUR', valid_from FROM pricing_price", "price_once_a_day"),
        ("INSERT INTO pricing_price (product, service, amount_minor, currency, valid_from)"
         " VALUES ('x', 'maintenance', -1, 'EUR', now())", "price_not_negative"),
        ("INSERT INTO pricing_price (product, service, amount_minor, currency, valid_from)"
         " VALUES ('x', 'paper', 1, 'EUR', now())", "price_service_known"),
        ("INSERT INTO pricing_price (product, service, amount_minor, currency, valid_from)"
         " VALUES ('x', 'maintenance', 1, 'eur', now())", "price_currency_form"),
        ("INSERT INTO pricing_interestterms (product, overdraft_rate_bp, credit_rate_bp, settlement, valid_from)"
         " SELECT product, 1, 1, 'monthly', valid_from FROM pricing_interestterms", "interest_terms_once_a_day"),
        ("INSERT INTO pricing_interestterms (product, overdraft_rate_bp, credit_rate_bp, settlement, valid_from)"
         " VALUES ('x', 10001, 0, 'monthly', now())", "interest_terms_rates_range"),
        ("INSERT INTO pricing_interestterms (product, overdraft_rate_bp, credit_rate_bp, settlement, valid_from)"
         " VALUES ('x', 1, 0, 'daily', now())", "interest_terms_settlement_known"),
        ("INSERT INTO pricing_accrual (account_id, day, direction, balance_minor, rate_bp)"
         " SELECT account_id, day, 'CREDIT', 1, 1 FROM pricing_accrual", "accrual_once_a_day"),
        ("INSERT INTO pricing_accrual (account_id, day, direction, balance_minor, rate_bp)"
         " SELECT DISTINCT account_id, '2026-12-01'::date, 'CREDIT', 0, 1 FROM pricing_accrual",
         "accrual_bears_interest"),
        ("INSERT INTO pricing_accrual (account_id, day, direction, balance_minor, rate_bp)"
         " SELECT DISTINCT account_id, '2026-12-01'::date, 'BOTH', 1, 1 FROM pricing_accrual",
         "accrual_direction_known"),
        (_charge(first="'2026-10-01'::date"), "charge_once_a_period"),
        (_charge(kind="'paper'"), "charge_kind_known"),
        (_charge(amount="-1"), "charge_not_negative"),
        (_charge(shortfall="6"), "charge_shortfall_part_of_it"),
        (_charge(shortfall="-1"), "charge_shortfall_part_of_it"),
        (_charge(last="'2026-11-30'::date"), "charge_period_in_order"),
        (_charge(direction="'CREDIT'"), "charge_direction_of_its_kind"),
        (_charge(kind="'credit_interest'"), "charge_direction_of_its_kind"),
        (_charge(unit="4"), "charge_is_price_times_quantity"),
        ("INSERT INTO pricing_collection (charge_id, number, amount_minor, collected_at)"
         " SELECT id, n, 1, now() FROM pricing_charge, (VALUES (1), (1)) AS t (n)", "collection_once"),
        ("INSERT INTO pricing_collection (charge_id, number, amount_minor, collected_at)"
         " SELECT id, 1, 0, now() FROM pricing_charge", "collection_amount_positive"),
        ("INSERT INTO pricing_collection (charge_id, number, amount_minor, collected_at)"
         " SELECT id, 1, 179, now() FROM pricing_charge WHERE shortfall_minor > 0", "more collected than was short"),
        ("UPDATE pricing_price SET amount_minor = 0", "append-only"),
        ("DELETE FROM pricing_price", "append-only"),
        ("UPDATE pricing_interestterms SET overdraft_rate_bp = 0", "append-only"),
        ("UPDATE pricing_accrual SET rate_bp = 1", "append-only"),
        ("DELETE FROM pricing_accruedday", "append-only"),
        ("UPDATE pricing_charge SET amount_minor = 1", "append-only"),
        ("DELETE FROM pricing_charge", "append-only"),
    ],
)  # fmt: skip
def test_the_database_itself_refuses(charged, statement, constraint):
    with pytest.raises(DatabaseError, match=constraint), transaction.atomic():
        connection.cursor().execute(statement)


def test_what_was_collected_stays(charged):
    put(charged, 1_000, "2026-11-02")
    charge(closed="2026-11-01", now="2026-11-02")
    for statement in ("UPDATE pricing_collection SET amount_minor = 1", "DELETE FROM pricing_collection"):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            connection.cursor().execute(statement)


@pytest.fixture
def roles(charged):
    with connection.cursor() as cursor:
        for role in (WEB_ROLE, ENGINE_ROLE):
            cursor.execute(
                f"DO $$ BEGIN CREATE ROLE {role}; EXCEPTION WHEN duplicate_object OR unique_violation THEN END $$"
            )
        grant_privileges(cursor)


def as_role(role: str, statement: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL ROLE {role}")
        cursor.execute(statement)
        cursor.execute("RESET ROLE")


TABLES = ("price", "interestterms", "accruedday", "accrual", "charge", "collection")


@pytest.mark.parametrize("table", TABLES)
def test_the_web_reads_and_nothing_more(roles, table):
    as_role(WEB_ROLE, f"SELECT 1 FROM pricing_{table}")
    for statement in (f"INSERT INTO pricing_{table} DEFAULT VALUES", f"DELETE FROM pricing_{table}"):
        with pytest.raises(DatabaseError, match="permission denied"):
            as_role(WEB_ROLE, statement)


@pytest.mark.parametrize("table", TABLES)
def test_the_engine_changes_nothing(roles, table):
    as_role(ENGINE_ROLE, f"SELECT 1 FROM pricing_{table}")
    with pytest.raises(DatabaseError, match="permission denied"):
        as_role(ENGINE_ROLE, f"DELETE FROM pricing_{table}")


@pytest.mark.parametrize("table", ["price", "interestterms"])
def test_the_engine_sets_no_prices(roles, table):
    with pytest.raises(DatabaseError, match="permission denied"):
        as_role(ENGINE_ROLE, f"INSERT INTO pricing_{table} DEFAULT VALUES")


def test_the_engine_can_do_its_work(roles, charged):
    put(charged, 1_000, "2026-11-02")
    with connection.cursor() as cursor:
        cursor.execute(f"SET ROLE {ENGINE_ROLE}")
        try:
            assert charge(closed="2026-11-30", now="2026-12-01") == 1
        finally:
            cursor.execute("RESET ROLE")
