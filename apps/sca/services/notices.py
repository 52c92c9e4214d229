"""What a customer is told of his devices, on his telephone."""

from uuid import UUID

from apps.notifications.services import enqueue_message

SEND_DEVICE_NOTICE_TASK = "sca.send_device_notice"


def promise_device_notice(*, user_id: UUID, kind: str, device_id: int, name: str, what: str) -> None:
    """Promise the message that a device was added or withdrawn (``what``: added, or why it was withdrawn)."""
    effect_key = f"{kind}:{device_id}:{what}"
    enqueue_message(
        topic=SEND_DEVICE_NOTICE_TASK,
        payload={"user_id": str(user_id), "kind": kind, "name": name, "what": what, "effect_key": effect_key},
        effect_key=effect_key,
    )
