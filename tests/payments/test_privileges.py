"""What the database lets the programs' roles do with records of exemptions and with trusted payees."""

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import override_settings

from apps.engine.management.commands.provision_roles import ENGINE_ROLE, WEB_ROLE, grant_privileges
from apps.payments.services import pay_without_code
from apps.sca.exemptions import Monitoring
from tests.factories.accounts import NOW, bank_accounts, customer
from tests.factories.payments import received_payment
from tests.factories.trusted_payees import trusted_payee

pytestmark = pytest.mark.django_db
EXEMPTIONS, PAYEES = "payments_paymentexemption", "payments_trustedpayee"


@pytest.fixture(autouse=True)
def _roles() -> None:
    bank_accounts()
    anna = customer("Anna")
    trusted_payee(anna)
    with override_settings(SCA_EXEMPTIONS=["13"]):
        pay_without_code(payment_id=received_payment(anna).pk, psu=anna, monitoring=Monitoring(), now=NOW)
    with connection.cursor() as cursor:
        for role in (WEB_ROLE, ENGINE_ROLE):
            cursor.execute(
                f"DO $$ BEGIN CREATE ROLE {role}; EXCEPTION WHEN duplicate_object OR unique_violation THEN END $$"
            )
        grant_privileges(cursor)


def as_role(role: str, statement: str) -> None:
    """Run it as a program would."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL ROLE {role}")
        cursor.execute(statement)
        cursor.execute("RESET ROLE")


def test_both_read_the_record_of_an_exemption() -> None:
    for role in (WEB_ROLE, ENGINE_ROLE):
        as_role(role, f"SELECT 1 FROM {EXEMPTIONS}")


@pytest.mark.parametrize("role", [WEB_ROLE, ENGINE_ROLE])
@pytest.mark.parametrize(
    "statement",
    [f"UPDATE {EXEMPTIONS} SET article = '13'", f"DELETE FROM {EXEMPTIONS}", f"TRUNCATE {EXEMPTIONS}"],
)
def test_neither_changes_or_deletes_one(role: str, statement: str) -> None:
    with pytest.raises(DatabaseError, match="permission denied"):
        as_role(role, statement)


@pytest.mark.parametrize("statement", [f"SELECT 1 FROM {PAYEES}", f"UPDATE {PAYEES} SET name = 'Fraud'"])
def test_the_engine_has_nothing_to_do_with_trusted_payees(statement: str) -> None:
    with pytest.raises(DatabaseError, match="permission denied"):
        as_role(ENGINE_ROLE, statement)


@pytest.mark.req("RTS-13")
def test_the_web_renames_nobody_without_the_customers_authentication() -> None:
    with pytest.raises(DatabaseError, match="only by strong authentication"):
        as_role(WEB_ROLE, f"UPDATE {PAYEES} SET name = 'Fraud'")
