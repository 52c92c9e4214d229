"""The outbox: a committed promise is kept, whatever dies; and kept once."""

from typing import Any
from uuid import UUID

import pytest
from celery.signals import task_unknown
from django.db import IntegrityError, connection, transaction
from django.test import override_settings
from kombu.exceptions import OperationalError

from apps.notifications import (
    outbox_tasks,  # noqa: F401 (listens for messages that no task is known for)
    services,
)
from apps.notifications.models import OutboxMessage
from apps.notifications.queries import get_outbox_state
from apps.notifications.rules import retry_delay_seconds
from apps.notifications.services import (
    Promise,
    Work,
    carry_out_message,
    carry_out_together,
    enqueue_message,
    enqueue_messages,
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

    @override_settings(OUTBOX_MAX_ATTEMPTS=2)
    def test_a_topic_that_no_worker_knows_ends_with_staff(self, db: None) -> None:
        message = promise()
        for _ in range(2):
            task_unknown.send(sender=None, name="test.topic", id=str(message.pk))
        message.refresh_from_db()
        assert (message.status, message.attempts, message.last_error) == ("dead", 2, "NotRegistered")

    @override_settings(OUTBOX_MAX_ATTEMPTS=1)
    @pytest.mark.parametrize("name", ["other.topic", ""])
    def test_a_forged_message_uses_up_no_tries(self, db: None, name: str) -> None:
        message = promise()
        for message_id in (str(message.pk), "no id", ""):
            task_unknown.send(sender=None, name=name, id=message_id)
        message.refresh_from_db()
        assert (message.status, message.attempts) == ("pending", 0)

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


@pytest.fixture
def by_three(settings: Any) -> None:
    settings.OUTBOX_TOGETHER = {"test.topic": 3}


@pytest.mark.usefixtures("by_three")
class TestTogether:
    def handler(self, works: list[Work]) -> None:
        self.groups.append([work.payload["x"] for work in works])
        if "poison" in self.groups[-1]:
            raise ValueError("poison")

    @pytest.fixture(autouse=True)
    def empty(self) -> None:
        self.groups: list[list[str]] = []

    def promise_many(self, *names: str) -> None:
        with transaction.atomic():
            enqueue_messages(
                [
                    Promise("test.topic", {"x": name}, effect_key=name, correlation_id=f"call-{name}")
                    for name in names
                ]
            )

    def test_a_message_wakes_for_as_many_as_are_taken_at_once(self, db: None, published: list[str]) -> None:
        self.promise_many(*"abcdefg")
        assert relay_messages() == 7
        assert len(published) == 3

    def test_all_that_waits_is_carried_out_in_groups(self, db: None) -> None:
        self.promise_many(*"abcdefg")
        assert carry_out_together(topic="test.topic", handler=self.handler) == 7
        assert [len(group) for group in self.groups] == [3, 3, 1]
        assert sorted(x for group in self.groups for x in group) == list("abcdefg")
        assert carry_out_together(topic="test.topic", handler=self.handler) == 0
        assert set(OutboxMessage.objects.values_list("status", "attempts")) == {("done", 1)}

    def test_sent_or_not_yet(self, db: None, published: list[str]) -> None:
        self.promise_many("a")
        relay_messages()
        self.promise_many("b")
        assert carry_out_together(topic="test.topic", handler=self.handler) == 2

    def test_each_keeps_the_id_of_its_call(self, db: None) -> None:
        self.promise_many("a", "b")
        seen: list[str] = []
        carry_out_together(
            topic="test.topic", handler=lambda works: seen.extend(work.correlation_id for work in works)
        )
        assert sorted(seen) == ["call-a", "call-b"]

    def test_another_topic_is_left_alone(self, db: None) -> None:
        promise()
        OutboxMessage.objects.update(topic="other.topic")
        assert carry_out_together(topic="test.topic", handler=self.handler) == 0

    def test_a_poisoned_one_fails_alone(self, transactional_db: None) -> None:
        self.promise_many("a", "poison", "b", "c", "d")
        with pytest.raises(ValueError, match="poison"):
            carry_out_together(topic="test.topic", handler=self.handler)
        states = dict(OutboxMessage.objects.values_list("effect_key", "status"))
        assert states == {"a": "done", "b": "done", "c": "done", "d": "done", "poison": "pending"}
        # It waits for its time, like any message that failed.
        assert carry_out_together(topic="test.topic", handler=self.handler) == 0

    @pytest.mark.django_db(transaction=True)
    def test_many_workers_share_the_rows(self) -> None:
        names = [str(n) for n in range(60)]
        self.promise_many(*names)
        counts = in_parallel(6, lambda n: carry_out_together(topic="test.topic", handler=self.handler))
        assert sum(counts) == 60
        assert sorted(x for group in self.groups for x in group) == sorted(names)

    def test_the_same_effect_is_promised_once(self, db: None) -> None:
        self.promise_many("a", "a")
        self.promise_many("a")
        assert OutboxMessage.objects.count() == 1

    def test_a_promise_outside_a_transaction_is_a_bug(self, transactional_db: None) -> None:
        with pytest.raises(RuntimeError):
            enqueue_messages([Promise("test.topic", {}, "a")])


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
