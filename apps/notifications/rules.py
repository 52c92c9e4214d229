from django.db import models


class MessageStatus(models.TextChoices):
    """Life of an outbox row: pending → sent → done, back to pending after a failure, dead after too many."""

    PENDING = "pending"
    SENT = "sent"
    DONE = "done"
    DEAD = "dead"


def retry_delay_seconds(attempts: int) -> int:
    """How long to wait before the next try: 1, 2, 4 … at most 300 seconds."""
    return min(2 ** max(attempts - 1, 0), 300)
