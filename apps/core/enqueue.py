"""Handing a wake-up call to the broker. The outbox row is the truth; see ``apps.notifications``."""

from celery import current_app


def publish(*, topic: str, message_id: str, queue: str) -> None:
    """Send the task ``topic`` with the id of its outbox row; returns once the broker has confirmed.

    :raises kombu.exceptions.OperationalError: the broker cannot be reached. The row stays pending.
    """
    current_app.send_task(
        topic,
        kwargs={"message_id": message_id},
        queue=queue,
        task_id=message_id,
        retry=False,
        ignore_result=True,
    )
