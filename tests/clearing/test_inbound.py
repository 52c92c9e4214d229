"""Messages of the house: kept to the letter, each once; what cannot be read is shown, and nothing of it is done."""

import pytest
from django.db import IntegrityError, connection, transaction

from apps.clearing.models import ClearingMessage, IncomingTransfer
from apps.clearing.services import MessageIdReused, receive_message
from apps.notifications.models import OutboxMessage
from tests.factories.accounts import NOW, bank_accounts
from tests.factories.clearing import status_body, take_in, transfer_body

IBAN = "DE02100999001000000001"


def test_a_message_is_kept_to_the_letter_and_read_afterwards(db: None) -> None:
    body = transfer_body(IBAN, mid="I1")
    assert receive_message(body=body, now=NOW)
    message = ClearingMessage.objects.get()
    assert (message.body.encode(), message.status) == (body, "arrived")
    assert OutboxMessage.objects.get().payload == {"message_row_id": str(message.pk)}


def test_the_same_message_again_adds_nothing(db: None) -> None:
    body = transfer_body(IBAN)
    assert [receive_message(body=body, now=NOW) for _ in range(3)] == [True, False, False]
    assert ClearingMessage.objects.count() == OutboxMessage.objects.count() == 1


def test_another_message_under_the_same_id_is_refused(db: None) -> None:
    receive_message(body=transfer_body(IBAN, mid="I1"), now=NOW)
    with pytest.raises(MessageIdReused):
        receive_message(body=transfer_body(IBAN, mid="I1"), now=NOW)


def test_reading_it_twice_changes_nothing(db: None) -> None:
    message = take_in(transfer_body(IBAN))
    take_in(transfer_body(IBAN))
    assert message.status == "read"
    assert IncomingTransfer.objects.count() == 2


def test_what_its_schema_forbids_is_kept_with_the_reason_and_not_done(db: None) -> None:
    body = transfer_body(IBAN).replace(b"<ChrgBr>SLEV</ChrgBr>", b"")
    message = take_in(body)
    assert (message.status, message.done_at) == ("refused", NOW)
    assert "line 1" in message.error
    assert "ChrgBr" in message.error
    assert not IncomingTransfer.objects.exists()


def test_one_bad_part_and_nothing_of_the_message_is_done(db: None) -> None:
    good = transfer_body(IBAN).decode()
    start, end = good.index("<CdtTrfTxInf>"), good.index("</CdtTrfTxInf>") + len("</CdtTrfTxInf>")
    bad = good[start:end].replace('<IntrBkSttlmAmt Ccy="EUR">42.00', '<IntrBkSttlmAmt Ccy="USD">42.00')
    message = take_in((good[:end] + bad + good[end:]).replace("<NbOfTxs>1", "<NbOfTxs>2").encode())
    assert message.status == "refused"
    assert not IncomingTransfer.objects.exists()


def test_a_message_with_many_transfers(db: None) -> None:
    bank_accounts()
    good = transfer_body(IBAN, tx_id="tx").decode()
    start, end = good.index("<CdtTrfTxInf>"), good.index("</CdtTrfTxInf>") + len("</CdtTrfTxInf>")
    many = "".join(good[start:end].replace("<TxId>tx<", f"<TxId>tx{n}<") for n in range(500))
    body = (good[:start] + many + good[end:]).replace("<NbOfTxs>1", "<NbOfTxs>500")
    body = body.replace('<TtlIntrBkSttlmAmt Ccy="EUR">42.00', '<TtlIntrBkSttlmAmt Ccy="EUR">21000.00')
    assert take_in(body.encode()).status == "read"
    assert IncomingTransfer.objects.count() == 500


_MESSAGE = (
    "INSERT INTO clearing_clearingmessage (id, direction, message_id, name, body, content_hash, status, attempts,"
    " error, created_at, done_at) VALUES (gen_random_uuid(), '{direction}', '{message_id}', 'n', 'b', '', '{status}',"
    " 0, '', now(), {done_at})"
)
_INSTRUCTION = (
    "INSERT INTO clearing_clearinginstruction (id, payment_id, rail, amount_minor, currency, debtor_name, debtor_iban,"
    " creditor_name, creditor_iban, end_to_end_identification, remittance_information_unstructured, status, reason,"
    " cycle, return_id, return_reason, return_cycle, submitted_at, returned_at, late_accepted_at) VALUES"
    " (gen_random_uuid(), gen_random_uuid(), '{rail}', {amount}, 'EUR', '', '', '', '', '', '', '{status}', '', '',"
    " '{return_id}', '', '', now(), {returned_at}, {late})"
)
_INCOMING = (
    "INSERT INTO clearing_incomingtransfer (id, message_id, transaction_id, debtor_agent, rail, amount_minor, currency,"
    " debtor_name, debtor_iban, creditor_name, creditor_iban, end_to_end_identification,"
    " remittance_information_unstructured, status, reason, cycle, return_cycle, received_at) SELECT gen_random_uuid(),"
    " id, '{tx}', 'ELSEDEFFXXX', '{rail}', {amount}, 'EUR', '', '', '', '', '', '', '{status}', '', '', '', now()"
    " FROM clearing_clearingmessage LIMIT 1"
)
_REPORT = (
    "INSERT INTO clearing_clearingreport (id, message_id, cycle, rail, number, entries, opening_minor, closing_minor,"
    " currency, received_at) SELECT gen_random_uuid(), id, '{cycle}', '{rail}', {number}, 0, 0, 0, 'EUR', now()"
    " FROM clearing_clearingmessage WHERE message_id = '{message_id}'"
)
_DIFFERENCE = (
    "INSERT INTO clearing_clearingdifference (id, kind, cycle, reference, currency, status, found_at, solved_at, note)"
    " VALUES (gen_random_uuid(), '{kind}', '', 'r', 'EUR', '{status}', now(), {solved_at}, '')"
)
_RECALL = (
    "INSERT INTO clearing_clearingrecall (id, instruction_id, reason, note, status, answer_reason, requested_at)"
    " SELECT gen_random_uuid(), id, '{reason}', '', '{status}', '', now() FROM clearing_clearinginstruction LIMIT 1"
)
_GOOD = {
    _MESSAGE: {"direction": "in", "message_id": "N", "status": "arrived", "done_at": "NULL"},
    _INSTRUCTION: {
        "rail": "sct",
        "amount": 1,
        "status": "sent",
        "return_id": "",
        "returned_at": "NULL",
        "late": "NULL",
    },
    _INCOMING: {"tx": "new", "rail": "sct", "amount": 1, "status": "arrived"},
    _REPORT: {"cycle": "new", "rail": "sct", "number": 2, "message_id": "M2"},
    _DIFFERENCE: {"kind": "amount", "status": "open", "solved_at": "NULL"},
    _RECALL: {"reason": "FRAD", "status": "requested"},
}


@pytest.fixture
def some_rows(db: None) -> None:
    """One row of each kind, and a message without a report."""
    with connection.cursor() as cursor:
        for message_id in ("M1", "M2"):
            cursor.execute(_MESSAGE.format(**_GOOD[_MESSAGE] | {"message_id": message_id}))
        cursor.execute(_INSTRUCTION.format(**_GOOD[_INSTRUCTION]))
        cursor.execute(_INCOMING.format(**_GOOD[_INCOMING] | {"tx": "old"}))
        cursor.execute(_REPORT.format(**_GOOD[_REPORT] | {"cycle": "old", "number": 1, "message_id": "M1"}))


@pytest.mark.parametrize("statement", list(_GOOD), ids=lambda text: text.split()[2])
def test_the_statements_below_are_good_but_for_one_thing(some_rows: None, statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement.format(**_GOOD[statement]))
        assert cursor.rowcount == 1


@pytest.mark.parametrize(
    ("constraint", "statement", "wrong"),
    [
        ("clearing_message_once", _MESSAGE, {"message_id": "M1"}),
        ("clearing_message_status_known", _MESSAGE, {"status": "sent", "done_at": "now()"}),
        ("clearing_message_status_known", _MESSAGE, {"direction": "up"}),
        ("clearing_message_done_has_time", _MESSAGE, {"status": "read"}),
        ("clearing_message_done_has_time", _MESSAGE, {"done_at": "now()"}),
        ("clearing_amount_positive", _INSTRUCTION, {"amount": 0}),
        ("clearing_status_known", _INSTRUCTION, {"status": "lost"}),
        ("clearing_rail_known", _INSTRUCTION, {"rail": "sea"}),
        ("clearing_return_has_id", _INSTRUCTION, {"return_id": "r"}),
        ("clearing_return_has_id", _INSTRUCTION, {"returned_at": "now()"}),
        ("clearing_late_only_timed_out", _INSTRUCTION, {"late": "now()"}),
        ("clearing_incoming_once", _INCOMING, {"tx": "old"}),
        ("clearing_incoming_amount_positive", _INCOMING, {"amount": -1}),
        ("clearing_incoming_status_known", _INCOMING, {"status": "lost"}),
        ("clearing_incoming_rail_known", _INCOMING, {"rail": "sea"}),
        ("cycle", _REPORT, {"cycle": "old"}),
        ("clearing_report_number_once", _REPORT, {"number": 1}),
        ("clearing_report_rail_known", _REPORT, {"rail": "sea"}),
        ("clearing_difference_kind_known", _DIFFERENCE, {"kind": "odd"}),
        ("clearing_difference_solved_has_time", _DIFFERENCE, {"status": "solved"}),
        ("clearing_difference_solved_has_time", _DIFFERENCE, {"solved_at": "now()"}),
        ("clearing_recall_status_known", _RECALL, {"status": "lost"}),
        ("clearing_recall_reason_known", _RECALL, {"reason": "WHIM"}),
    ],
)
def test_the_database_refuses(some_rows: None, constraint: str, statement: str, wrong: dict) -> None:
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement.format(**_GOOD[statement] | wrong))


def test_the_database_refuses_the_same_difference_twice(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_DIFFERENCE.format(**_GOOD[_DIFFERENCE]))
        with pytest.raises(IntegrityError, match="clearing_difference_once"):
            cursor.execute(_DIFFERENCE.format(**_GOOD[_DIFFERENCE]))


def test_status_messages_without_a_reason_code_are_read(db: None) -> None:
    assert take_in(status_body("t", "RJCT")).status == "read"
