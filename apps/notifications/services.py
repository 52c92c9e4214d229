import json
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from celery.exceptions import NotRegistered
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.module_loading import import_string

from apps.core import request_context
from apps.core.enqueue import publish
from apps.core.ids import parse_uuid
from apps.notifications.gateways import LetterGateway, SMSGateway
from apps.notifications.models import OutboxMessage, SMSDelivery
from apps.notifications.rules import MessageStatus, retry_delay_seconds

logger = logging.getLogger(__name__)

OUTBOX_CHANNEL = "outbox"


def enqueue_message(
    *, topic: str, payload: dict[str, str], effect_key: str, queue: str = "default", delay_seconds: float = 0
) -> None:
    """Promise, in the caller's transaction, that the task ``topic`` will be carried out after the commit.

    The same ``effect_key`` a second time is the same promise and adds nothing. ``payload`` holds ids only: it is
    readable to operators.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("a message is promised inside the transaction that needs it")
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO notifications_outboxmessage
                (id, topic, queue, payload, effect_key, correlation_id, status, attempts, available_at, last_error)
            VALUES (gen_random_uuid(), %s, %s, %s::jsonb, %s, %s, 'pending', 0, now() + make_interval(secs => %s), '')
            ON CONFLICT (effect_key) DO NOTHING
            """,
            [topic, queue, json.dumps(payload), effect_key, request_context.request_id.get(), delay_seconds],
        )


@dataclass(frozen=True, slots=True)
class Promise:
    """One of many messages promised together; the fields mean what they mean in :func:`enqueue_message`."""

    topic: str
    payload: dict[str, str]
    effect_key: str
    queue: str = "default"
    correlation_id: str = "-"
    delay_seconds: float = 0


def enqueue_messages(promises: Sequence[Promise]) -> None:
    """Many promises in one round trip; otherwise as :func:`enqueue_message`."""
    if not connection.in_atomic_block:
        raise RuntimeError("a message is promised inside the transaction that needs it")
    if not promises:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO notifications_outboxmessage
                (id, topic, queue, payload, effect_key, correlation_id, status, attempts, available_at, last_error)
            SELECT gen_random_uuid(), topic, queue, payload, effect_key, correlation_id, 'pending', 0,
                   now() + make_interval(secs => delay), ''
            FROM unnest(%s::text[], %s::text[], %s::jsonb[], %s::text[], %s::text[], %s::float8[])
                AS p (topic, queue, payload, effect_key, correlation_id, delay)
            ON CONFLICT (effect_key) DO NOTHING
            """,
            [
                [promise.topic for promise in promises],
                [promise.queue for promise in promises],
                [json.dumps(promise.payload) for promise in promises],
                [promise.effect_key for promise in promises],
                [promise.correlation_id for promise in promises],
                [float(promise.delay_seconds) for promise in promises],
            ],
        )


def relay_messages(*, limit: int = 100) -> int:
    """Publish what waits: new rows, and rows sent longer than ``OUTBOX_REDELIVERY_SECONDS`` ago and not yet done.

    Several relays may run: each takes rows that no other holds. Rows are marked and committed first and published
    then: a worker that is quicker than our commit would find the row locked and think that another has it in hand.
    A crash between the two costs ``OUTBOX_REDELIVERY_SECONDS``, never the message. Of a topic that is carried out
    together, one message wakes the worker for as many rows as it takes at once. Returns how many rows were sent.

    :raises kombu.exceptions.OperationalError: the broker is away; every row not published stays as it was.
    """
    rows = _take_due_rows(limit=limit)
    seen: Counter[str] = Counter()
    for number, row in enumerate(rows):
        seen[row.topic] += 1
        if (seen[row.topic] - 1) % settings.OUTBOX_TOGETHER.get(row.topic, 1):
            continue
        try:
            publish(topic=row.topic, message_id=str(row.pk), queue=row.queue)
        except Exception:
            _give_back(rows[number:])
            raise
    return len(rows)


@transaction.atomic
def _take_due_rows(*, limit: int) -> list[OutboxMessage]:
    """The due rows as they were, marked as sent."""
    rows = list(
        OutboxMessage.objects.select_for_update(skip_locked=True)
        .filter(status__in=[MessageStatus.PENDING, MessageStatus.SENT], available_at__lte=Now())
        .order_by("available_at")[:limit]
    )
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(
                """
                UPDATE notifications_outboxmessage
                SET status = 'sent', sent_at = now(), available_at = now() + make_interval(secs => %s)
                WHERE id = ANY(%s)
                """,
                [settings.OUTBOX_REDELIVERY_SECONDS, [row.pk for row in rows]],
            )
    return rows


@transaction.atomic
def _give_back(rows: list[OutboxMessage]) -> None:
    """Undo the mark on rows that were not published; one that was done meanwhile stays done."""
    for row in rows:
        OutboxMessage.objects.filter(pk=row.pk, status=MessageStatus.SENT).update(
            status=row.status, sent_at=row.sent_at, available_at=row.available_at
        )


def carry_out_message(*, message_id: UUID | str, topic: str, handler: Callable[..., None]) -> bool:
    """Run ``handler`` with the row's payload and mark the row done, in one transaction.

    Returns False when there is nothing to do: the row is done, or another worker has it in hand, or it was promised
    to another task than ``topic`` (whoever can write to the broker still cannot choose what is done with a row). A
    handler that raises leaves no trace but the counted attempt; the row is tried again later and is dead after
    ``OUTBOX_MAX_ATTEMPTS`` (staff can replay it).
    """
    try:
        with transaction.atomic():
            row = OutboxMessage.objects.select_for_update(skip_locked=True).filter(pk=message_id).first()
            if row is None or row.status in (MessageStatus.DONE, MessageStatus.DEAD):
                return False
            if row.topic != topic:
                logger.error("outbox message %s came as %s and is %s", message_id, topic, row.topic)
                return False
            with request_context.call_context(request=row.correlation_id):
                handler(**row.payload)
            OutboxMessage.objects.filter(pk=row.pk).update(
                status=MessageStatus.DONE, done_at=Now(), attempts=F("attempts") + 1, last_error=""
            )
    except Exception as error:
        _record_failed_attempt(message_id=message_id, error=error)
        raise
    return True


@dataclass(frozen=True, slots=True)
class Work:
    """One row of the outbox, for a handler of many: its payload, and the id of the call that caused it."""

    payload: dict[str, str]
    correlation_id: str


def carry_out_together(*, topic: str, handler: Callable[[list[Work]], None]) -> int:
    """Run ``handler`` with all rows of ``topic`` that wait, ``settings.OUTBOX_TOGETHER`` at a time; returns how many.

    For work that costs little more for a hundred than for one. The message that wakes a worker says only that there is
    something to do: rows are taken whether or not they were published yet, and none that another worker has in hand.
    When a group fails, nothing of it has happened, and its rows are carried out one by one: what is wrong with one
    counts against that one alone.
    """
    carried_out, size = 0, settings.OUTBOX_TOGETHER[topic]
    failures: list[Exception] = []
    while True:
        taken: list[UUID] = []
        try:
            with transaction.atomic():
                rows = _take_waiting_rows(topic=topic, limit=size)
                taken = [row.pk for row in rows]
                if rows:
                    handler([Work(row.payload, row.correlation_id) for row in rows])
                    OutboxMessage.objects.filter(pk__in=taken).update(
                        status=MessageStatus.DONE, done_at=Now(), attempts=F("attempts") + 1, last_error=""
                    )
        except Exception:
            if not taken:
                raise
            logger.warning("a group of %d %s failed and is carried out one by one", len(taken), topic)
            failures += _one_by_one(taken, topic=topic, handler=handler)
        carried_out += len(taken)
        if len(taken) < size:
            break
    if failures:
        raise failures[0]
    return carried_out


def _take_waiting_rows(*, topic: str, limit: int) -> list[OutboxMessage]:
    """Rows under lock: not yet sent, or sent and not done. A failed one waits until its time has come."""
    due = Q(status=MessageStatus.SENT) | Q(status=MessageStatus.PENDING, available_at__lte=Now())
    return list(
        OutboxMessage.objects.select_for_update(skip_locked=True)
        .filter(due, topic=topic)
        .order_by("available_at")[:limit]
    )


def _one_by_one(
    message_ids: list[UUID], *, topic: str, handler: Callable[[list[Work]], None]
) -> list[Exception]:
    def carry_out(**payload: str) -> None:
        handler([Work(payload, request_context.request_id.get())])

    failures: list[Exception] = []
    for message_id in message_ids:
        try:
            carry_out_message(message_id=message_id, topic=topic, handler=carry_out)
        except Exception as error:
            failures.append(error)
    return failures


def count_unknown_topic(*, message_id: str, topic: str) -> None:
    """A worker got a message of which it knows no task: a failed attempt, so that it does not go round for ever.

    Another topic than the row's is none of the row's business: whoever can write to the broker cannot use up its tries.
    """
    found = parse_uuid(message_id)
    if found and OutboxMessage.objects.filter(pk=found, topic=topic).exists():
        _record_failed_attempt(message_id=found, error=NotRegistered(topic))


def replay_message(*, message_id: UUID | str) -> bool:
    """Give a dead message new tries. Returns False when it is not dead."""
    return bool(
        OutboxMessage.objects.filter(pk=message_id, status=MessageStatus.DEAD).update(
            status=MessageStatus.PENDING, attempts=0, available_at=Now()
        )
    )


def send_sms(*, effect_key: str, user_id: UUID | None, to: str, text: str) -> bool:
    """Hand one text message to the provider; at most once per ``effect_key`` as far as we know.

    After a crash or a time-out the same text goes out again under the same idempotency key, by which a
    provider recognises it. Returns False when it was already sent.

    :raises apps.notifications.gateways.SMSNotSent: the provider did not take it; try later.
    """
    delivery, _ = SMSDelivery.objects.select_for_update().get_or_create(
        effect_key=effect_key, defaults={"user_id": user_id}
    )
    if delivery.sent_at is not None:
        return False
    reference = sms_gateway().send(to=to, text=text, idempotency_key=effect_key)
    SMSDelivery.objects.filter(pk=effect_key).update(
        sent_at=Now(), attempts=F("attempts") + 1, provider_reference=reference[:100]
    )
    return True


def send_letter(*, user_id: UUID, place: str, text: str, effect_key: str) -> None:
    """Hand one letter to be printed; the same ``effect_key`` again is the same letter.

    :raises apps.notifications.gateways.LetterNotSent: it was not taken; try later.
    """
    gateway: LetterGateway = import_string(settings.LETTER_GATEWAY)()
    gateway.send(user_id=user_id, place=place, text=text, idempotency_key=effect_key)


def sms_gateway() -> SMSGateway:
    """The gateway that ``settings.SMS_GATEWAY`` names."""
    return import_string(settings.SMS_GATEWAY)()


def _record_failed_attempt(*, message_id: UUID | str, error: Exception) -> None:
    with transaction.atomic():
        row = OutboxMessage.objects.select_for_update().filter(pk=message_id).first()
        if row is None or row.status == MessageStatus.DONE:
            return
        attempts = row.attempts + 1
        dead = attempts >= settings.OUTBOX_MAX_ATTEMPTS
        with connection.cursor() as cursor:
            cursor.execute(
                """
                UPDATE notifications_outboxmessage SET status = %s, attempts = %s, last_error = %s,
                       available_at = now() + make_interval(secs => %s) WHERE id = %s
                """,
                [
                    MessageStatus.DEAD if dead else MessageStatus.PENDING,
                    attempts,
                    # The class alone: the text of an error may hold what must not be read by operators.
                    type(error).__name__,
                    retry_delay_seconds(attempts),
                    str(message_id),
                ],
            )
        if dead:
            logger.error("outbox message %s (%s) is dead after %d attempts", message_id, row.topic, attempts)
