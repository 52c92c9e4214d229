"""Messages of the bank's own: kept before they are sent."""

import hashlib
from datetime import datetime

from apps.clearing.models import ClearingMessage
from apps.clearing.rules import Direction, MessageStatus
from apps.notifications.services import enqueue_message

SEND_TASK = "clearing.send_message"
RESEND_MAX_SECONDS = 60


def store_outgoing_message(*, name: str, message_id: str, body: bytes, now: datetime) -> ClearingMessage:
    """Keep a message of the bank's and promise, in the caller's transaction, that it is sent. Idempotent by its id."""
    message, _ = ClearingMessage.objects.get_or_create(
        direction=Direction.OUT,
        message_id=message_id,
        defaults={
            "name": name,
            "body": body.decode(),
            "content_hash": hashlib.sha256(body).digest(),
            "status": MessageStatus.WAITING,
            "created_at": now,
        },
    )
    promise_sending(message, attempt=0)
    return message


def promise_sending(message: ClearingMessage, *, attempt: int) -> None:
    """Wake the worker to send a message; each try after the first waits longer, a minute at most."""
    enqueue_message(
        topic=SEND_TASK,
        payload={"message_row_id": str(message.pk), "attempt": str(attempt)},
        effect_key=f"clearing-send:{message.pk}:{attempt}",
        delay_seconds=min(2 ** (attempt - 1), RESEND_MAX_SECONDS) if attempt else 0,
    )
