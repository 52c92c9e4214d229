"""Text messages about a customer's access: whatever was done with it, he learns it, in case it was not he."""

from datetime import datetime
from uuid import UUID

from apps.notifications.services import enqueue_message

SEND_DEVICE_NOTICE_TASK = "sca.send_device_notice"
SEND_SECURITY_NOTICE_TASK = "sca.send_security_notice"


def promise_device_notice(*, user_id: UUID, kind: str, device_id: int, name: str, what: str) -> None:
    """Promise the message that a device was added or withdrawn (``what``: added, or why it was withdrawn)."""
    effect_key = f"{kind}:{device_id}:{what}"
    enqueue_message(
        topic=SEND_DEVICE_NOTICE_TASK,
        payload={"user_id": str(user_id), "kind": kind, "name": name, "what": what, "effect_key": effect_key},
        effect_key=effect_key,
    )


def promise_security_notice(*, user_id: UUID, what: str, device_id: int | None = None, now: datetime) -> None:
    """Promise a text message about the customer's access; to a number that he had before, if ``device_id`` says so."""
    effect_key = f"security:{what}:{user_id}:{int(now.timestamp())}:{device_id or ''}"
    enqueue_message(
        topic=SEND_SECURITY_NOTICE_TASK,
        payload={
            "user_id": str(user_id),
            "what": what,
            "device_id": str(device_id or ""),
            "effect_key": effect_key,
        },
        effect_key=effect_key,
    )
