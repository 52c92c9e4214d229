"""The outbox: a committed promise is kept, whatever dies; and kept once."""

from uuid import UUID

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import override_settings
from kombu.exceptions import OperationalError

from apps.notifications import services
from apps.notifications.models import OutboxMessage
from apps.notifications.queries import get_outbox_state
from apps.notifications.rules import retry_delay_seconds
from apps.notifications.services import (
    carry_out_message,
    enqueue_message,
    relay_messages,
    replay_message,
)
from tests.sca.test_codes import in_parallel

pytestmark = pytest.mark.req("R0-8")


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What would have gone to the broker."""
    sent: list[str] = []
    monkeypatch.setattr(services, "publish", lambda *, topic, message_id, queue: sent.append(message_id))
    return sent


def promise(effect_key: str = "effect", **fields: object) -> OutboxMessage:
    with transaction.atomic():
        enqueue_message(topic="test.topic", payload={"x": "1"}, effect_key=effect_key, **fields)
    return OutboxMessage.objects.get(effect_key=effect_key)


def make_due() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE notifications_outboxmessage SET available_at = now() - interval '1 second'")


class TestEnqueue:
    def test_belongs_to_the_transaction(self, transactional_db: None) -> None:
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            enqueue_message(topic="t", payload={}, effect_key="e")
            raise ZeroDivisionError
        assert not OutboxMessage.objects.exists()

    def test_is_refused_outside_one(self, transactional_db: None) -> None:
        with pytest.raises(RuntimeError, match="inside the transaction"):
            enqueue_message(topic="t", payload={}, effect_key="e")

    def test_one_effect_is_promised_once(self, db: None) -> None:
        promise("e")
        promise("e")
        assert OutboxMessage.objects.count() == 1


class TestRelay:
    def test_publishes_what_waits_once(self, db: None, published: list[str]) -> None:
        message = promise()
        assert relay_messages() == 1
        assert relay_messages() == 0
        assert published == [str(message.pk)]

    @pytest.mark.req("R0-9")
    def test_publishes_again_what_was_not_done_in_time(self, db: None, published: list[str]) -> None:
        promise()
        relay_messages()
        make_due()
        assert relay_messages() == 1
        assert len(published) == 2

    def test_leaves_rows_alone_when_the_broker_is_away(
        self, db: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def away(**_: str) -> None:
            raise OperationalError("away")

        monkeypatch.setattr(services, "publish", away)
        message = promise()
        with pytest.raises(OperationalError):
            relay_messages()
        message.refresh_from_db()
        assert (message.status, message.sent_at) == ("pending", None)

    @pytest.mark.django_db(transaction=True)
    def test_a_worker_quicker_than_the_relay_finds_the_row_free(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Else it would leave the row to "another worker", and the effect would wait for the next delivery.
        results: list[bool] = []

        def publish(*, message_id: str, **_: str) -> None:
            def work(_: int) -> bool:
                return carry_out_message(message_id=message_id, topic="test.topic", handler=lambda x: None)

            results.extend(in_parallel(1, work))

        monkeypatch.setattr(services, "publish", publish)
        for number in range(3):
            promise(f"e{number}")
        assert relay_messages() == 3
        assert results == [True, True, True]

    def test_waits_for_a_delayed_message(self, db: None, published: list[str]) -> None:
        promise(delay_seconds=60)
        assert relay_messages() == 0

    @pytest.mark.django_db(transaction=True)
    def test_two_relays_share_the_rows(self, published: list[str]) -> None:
        for number in range(40):
            promise(f"e{number}")
        in_parallel(4, lambda n: relay_messages(limit=40))
        assert len(published) == len(set(published)) == 40

    def test_gives_the_default_broker_the_queue_and_the_id(
        self, db: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        calls: list[tuple[str, dict]] = []
        monkeypatch.setattr(
            "apps.core.enqueue.current_app.send_task",
            lambda name, **kwargs: calls.append((name, kwargs)),
            raising=False,
        )
        message = promise(queue="engine")
        relay_messages()
        ((name, arguments),) = calls
        assert (name, arguments["queue"], arguments["kwargs"]) == (
            "test.topic",
            "engine",
            {"message_id": str(message.pk)},
        )


class TestCarryOut:
    def test_marks_done_in_the_transaction_of_the_effect(self, db: None) -> None:
        message, seen = promise(), []
        assert (
            carry_out_message(message_id=message.pk, topic=message.topic, handler=lambda x: seen.append(x))
            is True
        )
        message.refresh_from_db()
        assert (seen, message.status) == (["1"], "done")

    def test_does_nothing_the_second_time(self, db: None) -> None:
        message, seen = promise(), []
        for _ in range(3):
            carry_out_message(message_id=message.pk, topic=message.topic, handler=lambda x: seen.append(x))
        assert seen == ["1"]

    def test_an_unknown_message_is_nothing(self, db: None) -> None:
        assert carry_out_message(message_id=UUID(int=0), topic="test.topic", handler=print) is False

    @pytest.mark.req("S0-48")
    def test_a_row_is_carried_out_by_its_own_task_only(self, db: None) -> None:
        message = promise()
        seen: list[str] = []
        assert not carry_out_message(
            message_id=message.pk, topic="other.topic", handler=lambda x: seen.append(x)
        )
        message.refresh_from_db()
        assert (seen, message.attempts, message.done_at) == ([], 0, None)

    def fail(self, x: str) -> None:
        promise("effect of the failed handler")
        raise ValueError("secret 123456")

    def test_a_failure_rolls_back_waits_and_tells_no_secret(self, transactional_db: None) -> None:
        message = promise()
        with pytest.raises(ValueError, match="secret"):
            carry_out_message(message_id=message.pk, topic=message.topic, handler=self.fail)
        message.refresh_from_db()
        assert (message.status, message.attempts, message.last_error) == ("pending", 1, "ValueError")
        assert message.available_at > message.created_at
        assert OutboxMessage.objects.count() == 1

    @override_settings(OUTBOX_MAX_ATTEMPTS=3)
    def test_after_too_many_it_is_dead_until_staff_replay_it(self, db: None, published: list[str]) -> None:
        message = promise()
        for _ in range(3):
            with pytest.raises(ValueError, match="secret"):
                carry_out_message(message_id=message.pk, topic=message.topic, handler=self.fail)
        make_due()
        assert relay_messages() == 0
        assert get_outbox_state().dead == 1
        assert carry_out_message(message_id=message.pk, topic=message.topic, handler=print) is False
        assert replay_message(message_id=message.pk) is True
        assert replay_message(message_id=message.pk) is False
        assert relay_messages() == 1

    @pytest.mark.django_db(transaction=True)
    def test_ten_deliveries_at_once_have_one_effect(self) -> None:
        message, seen = promise(), []
        results = in_parallel(
            10,
            lambda n: carry_out_message(
                message_id=message.pk, topic=message.topic, handler=lambda x: seen.append(x)
            ),
        )
        assert seen == ["1"]
        assert results.count(True) == 1


@pytest.mark.parametrize(
    ("change", "constraint"),
    [("status = 'lost'", "outbox_status_known"), ("status = 'done'", "outbox_done_has_time")],
)
def test_the_database_refuses(db: None, change: str, constraint: str) -> None:
    promise()
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE notifications_outboxmessage SET {change}")


def test_tries_come_slower_and_slower() -> None:
    assert [retry_delay_seconds(n) for n in (1, 2, 3, 9, 20)] == [1, 2, 4, 256, 300]
