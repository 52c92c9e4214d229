from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.core import clock as bank_clock
from apps.sandbox import clock
from apps.sandbox.models import CLOCK_OFFSET_MAX_SECONDS, BankClock
from apps.sandbox.services import ClockOutOfRange, advance_clock, reset_clock

pytestmark = pytest.mark.django_db


def ahead() -> timedelta:
    return bank_clock.now() - timezone.now()


def test_the_bank_is_at_real_time_until_somebody_moves_it():
    assert abs(ahead()) < timedelta(seconds=1)


def test_advancing_adds_up_and_is_seen_at_once():
    advance_clock(by=timedelta(days=1), now=timezone.now())
    assert abs(ahead() - timedelta(days=1)) < timedelta(seconds=2)
    advance_clock(by=timedelta(hours=2), now=timezone.now())
    assert abs(ahead() - timedelta(days=1, hours=2)) < timedelta(seconds=2)


def test_resetting_goes_back_to_real_time():
    advance_clock(by=timedelta(days=90), now=timezone.now())
    reset_clock(now=bank_clock.now())
    assert abs(ahead()) < timedelta(seconds=1)


def test_a_move_by_another_process_is_seen_within_a_second(monkeypatch):
    assert abs(ahead()) < timedelta(seconds=1)
    BankClock.objects.create(pk=1, offset_seconds=3600)
    assert abs(ahead()) < timedelta(seconds=1), "what was read is believed for a second"
    later = clock.time.monotonic() + clock.CACHED_SECONDS
    monkeypatch.setattr(clock.time, "monotonic", lambda: later)
    assert abs(ahead() - timedelta(hours=1)) < timedelta(seconds=2)


@pytest.mark.parametrize("by", [timedelta(0), timedelta(seconds=-1), timedelta(days=3700)])
def test_the_clock_goes_neither_backwards_nor_beyond_ten_years(by):
    with pytest.raises(ClockOutOfRange):
        advance_clock(by=by, now=timezone.now())
    assert not BankClock.objects.exclude(offset_seconds=0).exists()


def test_every_move_is_in_the_trail():
    advance_clock(by=timedelta(minutes=10), now=timezone.now())
    reset_clock(now=bank_clock.now())
    events = list(AuditEvent.objects.filter(object_type="clock").order_by("id").values_list("event", "data"))
    assert events == [
        ("sandbox.clock.advanced", {"seconds": 600, "offset_seconds": 600}),
        ("sandbox.clock.reset", {"seconds": 0, "offset_seconds": 0}),
    ]


def test_the_time_is_told_before_the_table_exists(monkeypatch):
    monkeypatch.setattr(clock, "_read_offset", lambda: timedelta(hours=1))
    assert abs(ahead() - timedelta(hours=1)) < timedelta(seconds=2)
    monkeypatch.undo()
    clock.forget()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE sandbox_bankclock RENAME TO sandbox_bankclock_away")
    try:
        assert abs(ahead()) < timedelta(seconds=1)
        assert connection.needs_rollback is False
        assert not cache.get("anything"), "and the transaction is still good for other things"
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE sandbox_bankclock_away RENAME TO sandbox_bankclock")


def test_a_failed_transaction_can_still_be_told_the_time():
    with pytest.raises(IntegrityError), transaction.atomic():
        try:
            BankClock.objects.create(pk=2)
        finally:
            clock.forget()
            assert abs(ahead()) < timedelta(seconds=1)


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("INSERT INTO sandbox_bankclock (id, offset_seconds) VALUES (2, 0)", "sandbox_clock_single_row"),
        ("INSERT INTO sandbox_bankclock (id, offset_seconds) VALUES (1, -1)", "sandbox_clock_offset_bounded"),
        (
            f"INSERT INTO sandbox_bankclock (id, offset_seconds) VALUES (1, {CLOCK_OFFSET_MAX_SECONDS + 1})",
            "sandbox_clock_offset_bounded",
        ),
        (
            "INSERT INTO sandbox_phonemessage (\"to\", text, effect_key, sent_at) VALUES ('+491', '', 'a', now())",
            "sandbox_phone_message_has_text",
        ),
        (
            'INSERT INTO sandbox_phonemessage ("to", text, effect_key, sent_at)'
            " VALUES ('+491', 'x', 'a', now()), ('+491', 'y', 'a', now())",
            "sandbox_phone_message_once",
        ),
    ],
)
def test_the_database_itself_refuses(statement, constraint):
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
