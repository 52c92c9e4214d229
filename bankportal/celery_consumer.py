"""Celery's consumer without what this bank does not use and should not wait for."""

from celery.worker.consumer import Consumer as CeleryConsumer

_DELAYED_DELIVERY = "celery.worker.consumer.delayed_delivery:DelayedDelivery"


class Consumer(CeleryConsumer):
    """On quorum queues Celery makes 28 more queues at every start, for tasks with a countdown. The outbox keeps the
    time of a message here (``available_at``), so no task has one."""

    class Blueprint(CeleryConsumer.Blueprint):  # type: ignore[misc, valid-type]
        default_steps = tuple(
            step for step in CeleryConsumer.Blueprint.default_steps if step != _DELAYED_DELIVERY
        )
