"""The trail: append-only, chained, and told when tampered with."""

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from apps.audit.models import AuditEvent, AuditHead
from apps.audit.queries import verify_chains
from apps.audit.services import Event, record_event, record_events
from apps.core import request_context
from tests.factories.accounts import NOW
from tests.sca.test_codes import in_parallel

pytestmark = pytest.mark.req("RTS-29(1)", "RTS-29(2)")


def record(number: int = 1) -> None:
    record_event(
        event="test.thing.happened",
        object_type="thing",
        object_id=str(number),
        actor_type="system",
        at=NOW,
        data={"number": number, "text": "Möbel"},
    )


def tamper(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_auditevent DISABLE TRIGGER audit_event_append_only")
        cursor.execute(statement)
        cursor.execute("ALTER TABLE audit_auditevent ENABLE TRIGGER audit_event_append_only")


def test_a_trail_of_many_events_is_intact(db: None) -> None:
    for number in range(20):
        record(number)
    report = verify_chains()
    assert (report.events, report.intact) == (20, True)
    call_command("audit", "verify")


def test_events_recorded_together_keep_their_order_and_their_calls(db: None) -> None:
    record_events([], at=NOW)
    record_events(
        [
            Event(
                "test.thing.happened",
                "thing",
                str(number),
                "engine",
                data={"n": number},
                request_id=f"r{number}",
            )
            for number in range(20)
        ],
        at=NOW,
    )
    events = AuditEvent.objects.order_by("seq")
    assert [(event.object_id, event.request_id, event.data) for event in events] == [
        (str(number), f"r{number}", {"n": number}) for number in range(20)
    ]
    assert verify_chains().intact


def test_an_event_knows_the_call_that_caused_it(db: None) -> None:
    with request_context.call_context(request="req-1", session="ses-1"):
        record()
    event = AuditEvent.objects.get()
    assert (event.request_id, event.session_id, event.at) == ("req-1", "ses-1", NOW)


def test_it_vanishes_with_its_transaction(db: None) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        record()
        raise ZeroDivisionError
    record()
    assert verify_chains().intact


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_auditevent SET actor_id = 'x'", "DELETE FROM audit_auditevent"]
)
def test_nothing_changes_an_event(db: None, statement: str) -> None:
    record()
    with (
        pytest.raises(IntegrityError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE audit_auditevent SET data = '{}' WHERE seq = 2", "content changed"),
        ("UPDATE audit_auditevent SET at = at + interval '1 second' WHERE seq = 2", "content changed"),
        ("UPDATE audit_auditevent SET actor_type = 'staff' WHERE seq = 3", "content changed"),
        ("DELETE FROM audit_auditevent WHERE seq = 2", "event missing before"),
        ("DELETE FROM audit_auditevent WHERE seq = 3", "tail cut off"),
        ("DELETE FROM audit_audithead", "no head"),
    ],
)
def test_tampering_past_the_trigger_is_found(transactional_db: None, statement: str, reason: str) -> None:
    with transaction.atomic():
        for number in range(3):
            record(number)
    tamper(statement)
    report = verify_chains()
    assert reason in {found for _, _, found in report.broken}
    with pytest.raises(CommandError, match="broken"):
        call_command("audit", "verify")


def test_a_rewritten_event_with_a_fresh_hash_breaks_the_next_link(transactional_db: None) -> None:
    with transaction.atomic():
        for number in range(3):
            record(number)
    tamper(
        "UPDATE audit_auditevent SET actor_id = 'x', hash = audit_hash(prev_hash, stream, seq, at, recorded_at, event,"
        " actor_type, 'x', object_type, object_id, request_id, session_id, data) WHERE seq = 2"
    )
    assert "link broken" in {found for _, _, found in verify_chains().broken}


def test_writers_at_once_do_not_wait_and_break_nothing(transactional_db: None) -> None:
    def write(number: int) -> None:
        for step in range(10):
            with transaction.atomic():
                record(number)
                record(step)

    assert in_parallel(12, write) == [None] * 12
    report = verify_chains()
    assert (report.events, report.intact) == (240, True)
    assert AuditHead.objects.count() == report.streams
