"""How a room declares the task that carries out its outbox messages."""

from collections.abc import Callable
from typing import Any

from celery import shared_task
from celery.signals import task_unknown

from apps.notifications.services import Work, carry_out_message, carry_out_together, count_unknown_topic


def outbox_task(name: str) -> Callable[[Callable[..., None]], Any]:
    """Register ``handler(**payload)`` as the Celery task ``name``.

    The broker carries the row's id only. A failure is counted in the row before Celery hears of it: the outbox, not the
    broker, decides when to try again.
    """

    def register(handler: Callable[..., None]) -> Any:
        @shared_task(name=name, ignore_result=True)
        def task(*, message_id: str, **_newer_arguments: Any) -> None:
            carry_out_message(message_id=message_id, topic=name, handler=handler)

        return task

    return register


def outbox_task_for_many(name: str) -> Callable[[Callable[[list[Work]], None]], Any]:
    """Register ``handler(works)`` as the Celery task ``name``, which carries out all that waits together.

    The topic stands in ``settings.OUTBOX_TOGETHER`` with the size of its groups.
    """

    def register(handler: Callable[[list[Work]], None]) -> Any:
        @shared_task(name=name, ignore_result=True)
        def task(**_wake_up: Any) -> None:
            carry_out_together(topic=name, handler=handler)

        return task

    return register


@task_unknown.connect
def _task_is_unknown(*, name: str, **received: Any) -> None:
    """No code of this worker carries the message out: one of a newer release, or of a removed task."""
    count_unknown_topic(message_id=received["id"], topic=name)
