"""What the programs' roles may do with the keys of receipts: the web signs, and cannot undo what was signed."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from apps.engine.management.commands.provision_roles import ENGINE_ROLE, WEB_ROLE, grant_privileges
from apps.identity.models import PSU
from apps.payments.models import PaymentInitiation
from apps.receipts.queries import list_receipt_keys
from apps.receipts.rules import ReceiptKind, verify_receipt
from apps.receipts.services import issue_signed_receipt
from tests.factories.accounts import NOW, bank_accounts, customer
from tests.factories.payments import authorised_payment

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna(db: None) -> PSU:
    bank_accounts()
    return customer("Anna")


@pytest.fixture
def payment(anna: PSU) -> PaymentInitiation:
    return authorised_payment(anna)


@pytest.fixture(autouse=True)
def roles(payment: PaymentInitiation) -> None:
    with connection.cursor() as cursor:
        for role in (WEB_ROLE, ENGINE_ROLE):
            cursor.execute(
                f"DO $$ BEGIN CREATE ROLE {role}; EXCEPTION WHEN duplicate_object OR unique_violation THEN END $$"
            )
        grant_privileges(cursor)


@contextmanager
def as_role(role: str) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(f"SET ROLE {role}")
        try:
            yield
        finally:
            cursor.execute("RESET ROLE")


def issue(payment: PaymentInitiation, psu: PSU) -> bytes:
    return issue_signed_receipt(
        kind=ReceiptKind.PAYMENT, subject_id=payment.pk, psu_id=psu.pk, now=NOW
    ).content


def test_the_web_makes_the_first_key_and_signs(payment: PaymentInitiation, anna: PSU) -> None:
    with as_role(WEB_ROLE):
        first, second = issue(payment, anna), issue(payment, anna)
        keys = list_receipt_keys()
    assert len(keys) == 1
    assert verify_receipt(first, keys=keys)
    assert verify_receipt(second, keys=keys)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE receipts_receiptkey SET retired_at = now(), sealed_private_key = ''",
        "DELETE FROM receipts_receiptkey",
        "TRUNCATE receipts_receiptkey",
    ],
)
def test_the_web_retires_and_removes_none(payment: PaymentInitiation, anna: PSU, statement: str) -> None:
    issue(payment, anna)
    with as_role(WEB_ROLE), transaction.atomic(), connection.cursor() as cursor:
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            cursor.execute(statement)
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            call_command("rotate_receipt_key", stdout=StringIO())


def test_the_engine_has_nothing_to_do_with_them(payment: PaymentInitiation, anna: PSU) -> None:
    with (
        as_role(ENGINE_ROLE),
        pytest.raises(DatabaseError, match="permission denied"),
        transaction.atomic(),
    ):
        list_receipt_keys()
