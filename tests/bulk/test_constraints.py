"""What must hold even against psql: every constraint of the room, broken by raw SQL; and who may write what."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import IntegrityError, connection, transaction

from apps.accounts.queries import get_balance
from apps.bulk.models import PaymentFile, PaymentItem
from apps.bulk.services import PaymentFileStatusInvalid, authorise_payment_file
from apps.core.ids import new_id
from apps.engine.bulk import book_set, start_batch
from apps.engine.management.commands.provision_roles import ENGINE_WRITES, READ_ONLY_FOR_WEB
from apps.ledger.queries import get_ledger_sums
from apps.ledger.services import fold_totals
from apps.notifications.models import OutboxMessage
from apps.sca.services import CodeRefused
from tests.bulk.files import Group, Pay, pain001
from tests.bulk.world import NOW, carry_out, challenged, emil, only_batch, signed, uploaded
from tests.factories.accounts import customer
from tests.factories.payments import proof_for

BROKEN = [
    (
        "bulk_file_status_known",
        "UPDATE bulk_paymentfile SET status = 'XX', authorised_at = now(), authorisation_id = id",
    ),
    ("bulk_file_currency_euro", "UPDATE bulk_paymentfile SET currency = 'USD'"),
    ("bulk_file_executed_only_authorised", "UPDATE bulk_paymentfile SET status = 'ACTC'"),
    ("bulk_file_offered_only_checked", "UPDATE bulk_paymentfile SET items_sha256 = NULL"),
    ("bulk_file_offered_only_checked", "UPDATE bulk_paymentfile SET number_of_transactions = 100001"),
    ("bulk_file_offered_only_checked", "UPDATE bulk_paymentfile SET total_minor = 0"),
    (
        "bulk_part_once",
        "INSERT INTO bulk_paymentfilepart (file_id, number, content)"
        " SELECT id, 0, '' FROM bulk_paymentfile, (VALUES (1), (2)) v",
    ),
    ("bulk_progress_percent", "INSERT INTO bulk_fileprogress VALUES (gen_random_uuid(), 101)"),
    ("bulk_batch_status_known", "UPDATE bulk_paymentbatch SET status = 'XXXX', released_at = now()"),
    ("bulk_batch_begun_only_released", "UPDATE bulk_paymentbatch SET status = 'ACSP'"),
    ("bulk_batch_unchanged", "UPDATE bulk_paymentbatch SET debtor_iban = 'DE02120300000000202051'"),
    ("bulk_batch_unchanged", "UPDATE bulk_paymentbatch SET checks_payees = false"),
    ("bulk_batch_unchanged", "UPDATE bulk_paymentbatch SET set_size = 1"),
    ("bulk_item_status_known", "UPDATE bulk_paymentitem SET status = 'XXXX'"),
    ("bulk_item_reason_if_refused", "UPDATE bulk_paymentitem SET status = 'RJCT'"),
    ("bulk_item_reason_if_refused", "UPDATE bulk_paymentitem SET status_reason = 'AC04'"),
    (
        "bulk_item_returned_only_done",
        "UPDATE bulk_paymentitem SET returned_at = now(), return_reason = 'AC04'",
    ),
    ("bulk_item_returned_only_done", "UPDATE bulk_paymentitem SET status = 'ACSC', returned_at = now()"),
    ("bulk_item_returned_only_done", "UPDATE bulk_paymentitem SET status = 'ACSC', return_reason = 'AC04'"),
    ("bulk_item_name_match_known", "UPDATE bulk_paymentitem SET creditor_name_match = 'XXXX'"),
    ("bulk_item_name_shown_if_close", "UPDATE bulk_paymentitem SET matched_creditor_name = 'Anna'"),
    ("bulk_item_unchanged", "UPDATE bulk_paymentitem SET amount_minor = 1"),
    ("bulk_item_unchanged", "UPDATE bulk_paymentitem SET creditor_iban = 'DE02500105170137075030'"),
    ("bulk_item_unchanged", "UPDATE bulk_paymentitem SET creditor_name = 'Mallory'"),
    ("bulk_item_added_only_while_checked", "INSERT INTO bulk_paymentitem {copy}"),
    ("bulk_item_removed_only_while_checked", "DELETE FROM bulk_paymentitem"),
]
# While a file is being checked, rows may come: those that the tables refuse all the same.
BROKEN_WHILE_CHECKED = [
    ("bulk_item_amount", "amount_minor", "0"),
    ("bulk_item_amount", "amount_minor", "100000000000"),
    ("bulk_item_once", "position", "position"),
]
COLUMNS = [field.column for field in PaymentItem._meta.concrete_fields]


def copy(**changes: str) -> str:
    values = {"id": "gen_random_uuid()", "position": "position + 100"} | changes
    selected = ", ".join(values.get(column, column) for column in COLUMNS)
    return f"({', '.join(COLUMNS)}) SELECT {selected} FROM bulk_paymentitem"


@pytest.mark.django_db
@pytest.mark.parametrize(("constraint", "statement"), BROKEN)
def test_a_constraint_holds_against_sql(constraint: str, statement: str) -> None:
    psu = emil()
    uploaded(psu, pain001(Group(psu.account.iban)))
    with pytest.raises(IntegrityError) as raised, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement.format(copy=copy()))
    assert raised.value.__cause__.diag.constraint_name == constraint


@pytest.mark.django_db
@pytest.mark.parametrize(("constraint", "column", "value"), BROKEN_WHILE_CHECKED)
def test_what_is_loaded_keeps_to_the_rules(constraint: str, column: str, value: str) -> None:
    psu = emil()
    file = uploaded(psu, pain001(Group(psu.account.iban)))
    PaymentFile.objects.filter(pk=file.pk).update(status="PDNG")
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO bulk_paymentitem {copy(**{column: value})}")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("constraint", "column"),
    [
        ("bulk_batch_once", "payment_information_identification"),
        ("bulk_batch_identification_once", "number"),
        ("bulk_batch_set_size_positive", "set_size"),
        ("bulk_batch_currency_euro", "currency"),
    ],
)
def test_groups_keep_to_the_rules(constraint: str, column: str) -> None:
    psu = emil()
    batch = only_batch(uploaded(psu, pain001(Group(psu.account.iban))))
    change = {
        "bulk_batch_once": {"payment_information_identification": "OTHER"},
        "bulk_batch_identification_once": {"number": 2},
        "bulk_batch_set_size_positive": {
            "number": 2,
            "payment_information_identification": "X",
            "set_size": 0,
        },
        "bulk_batch_currency_euro": {
            "number": 2,
            "payment_information_identification": "X",
            "currency": "USD",
        },
    }[constraint]
    batch.pk = None
    batch._state.adding = True
    for name, value in change.items():
        setattr(batch, name, value)
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        batch.pk = new_id()
        batch.save(force_insert=True)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("constraint", "change"),
    [
        ("bulk_file_message_once_per_customer", "upload_sha256 = 'x'"),
        ("bulk_file_content_once_per_customer", "message_identification = 'x'"),
    ],
)
def test_a_file_stands_once(constraint: str, change: str) -> None:
    psu = emil()
    file = uploaded(psu, pain001(Group(psu.account.iban)))
    columns = [field.column for field in PaymentFile._meta.concrete_fields]
    name, _, value = change.partition(" = ")
    fresh = dict.fromkeys(("id", "risk_assessment_id"), "gen_random_uuid()")
    selected = ", ".join((fresh | {name: value}).get(one, one) for one in columns)
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SET LOCAL session_replication_role = replica"
        )  # Past the triggers, which refuse it first.
        cursor.execute(
            f"INSERT INTO bulk_paymentfile ({', '.join(columns)})"
            f" SELECT {selected} FROM bulk_paymentfile WHERE id = %s",
            [file.pk],
        )


def test_the_engine_writes_what_became_of_payments_and_nothing_of_the_upload() -> None:
    assert {"bulk_paymentfile", "bulk_paymentbatch", "bulk_paymentitem"} <= set(ENGINE_WRITES)
    assert not {"bulk_paymentfilepart", "bulk_payeecheckoptout", "bulk_fileprogress"} & set(ENGINE_WRITES)
    assert not [table for table in READ_ONLY_FOR_WEB if table.startswith("bulk_")]


def in_parallel(*calls: Callable[[], object]) -> list[object]:
    """What each call gave or raised, all at once, each on a connection of its own."""

    def carried_out(call: Callable[[], object]) -> object:
        try:
            return call()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(carried_out, calls))


@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_two_signatures_at_once_are_one(self) -> None:
        psu = emil()
        file = uploaded(psu, pain001(Group(psu.account.iban)))
        authorisation_id, challenge_id = challenged(psu, file)
        proof = proof_for(challenge_id, now=NOW)

        def sign() -> object:
            return authorise_payment_file(
                file_id=file.pk, authorisation_id=authorisation_id, psu=psu, proof=proof, now=NOW
            )

        results = in_parallel(sign, sign, sign)
        assert [type(one) for one in results].count(PaymentFile) == 1
        assert all(isinstance(one, PaymentFile | PaymentFileStatusInvalid | CodeRefused) for one in results)
        assert OutboxMessage.objects.filter(topic="engine.start_batch").count() == 1

    @pytest.mark.parametrize("batch_booking", ["true", "false"])
    def test_several_workers_with_one_file_pay_it_once(self, batch_booking: str) -> None:
        psu = emil(balance_minor=100_000)
        anna = customer("Anna", phone="+4915100000009", balance_minor=0)
        content = pain001(
            Group(psu.account.iban, [Pay(iban=anna.account.iban)] * 5, batch_booking=batch_booking)
        )
        file = signed(psu, uploaded(psu, content))
        batch = only_batch(file)

        def start() -> None:
            with transaction.atomic():
                start_batch(batch_id=batch.pk, now=NOW)

        def book() -> None:
            with transaction.atomic():
                book_set(batch_id=batch.pk, number=0, now=NOW)

        assert in_parallel(start, start, start) == [None] * 3
        assert in_parallel(book, book, book) == [None] * 3
        carry_out()
        fold_totals()
        file.refresh_from_db()
        balances = [get_balance(account=one.account).booked_minor for one in (psu, anna)]
        assert (file.status, *balances) == ("ACSC", 95_000, 5_000)
        assert get_ledger_sums().sound
