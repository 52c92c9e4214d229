"""What the bank's app says to the bank: JSON, signed by the key that never leaves it, with a count that only grows."""

import json
from typing import Any

from apps.core.errors import DomainError
from apps.sca.device_protocol import from_text, is_signed, read_public_key
from apps.sca.models import SigningDevice
from apps.sca.rules import DeviceKind


class DeviceUnknown(DomainError):
    """There is no such device, or it was withdrawn: whoever has it must be bound anew."""

    code = "device_unknown"


class DeviceAnswerMalformed(DomainError):
    """Not what the app sends. Nothing was compared, nothing counted."""

    code = "device_answer_malformed"


def read_app_message(*, body: bytes, signature: bytes, kind: str) -> tuple[SigningDevice, dict[str, Any]]:
    """Who speaks, and what he says: a JSON object of this kind, signed by the key of the device that it names.

    :raises DeviceAnswerMalformed: anything else.
    :raises DeviceUnknown: the device was withdrawn, or never was.
    """
    said = read_message(body, kind=kind)
    device_id = said.get("device_id")
    device = (
        SigningDevice.objects.filter(pk=device_id, kind=DeviceKind.APP).first()
        if isinstance(device_id, int) and not isinstance(device_id, bool) and 0 < device_id < 2**63
        else None
    )
    if device is None:
        raise DeviceUnknown("no such device")
    if not is_signed(signing_key=bytes(device.signing_key or b""), body=body, signature=signature):
        raise DeviceAnswerMalformed("not signed by it")
    if not device.confirmed:
        raise DeviceUnknown(device.withdrawn_because)
    return device, said


def read_message(body: bytes, *, kind: str) -> dict[str, Any]:
    """A message of the app: a JSON object that says what it is, so that none passes for another.

    :raises DeviceAnswerMalformed: anything else.
    """
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        raise DeviceAnswerMalformed("no JSON") from None
    if not isinstance(said, dict) or said.get("kind") != kind:
        raise DeviceAnswerMalformed("another kind")
    return said


def count_up(device: SigningDevice, said: dict[str, Any]) -> bool:
    """Whether the app's own count has grown; in one statement, so that of two with the same count one is late."""
    counter = said.get("counter")
    if not isinstance(counter, int) or isinstance(counter, bool) or not 0 < counter < 2**62:
        raise DeviceAnswerMalformed("counter")
    grown = SigningDevice.objects.filter(pk=device.pk, confirmed=True, counter__lt=counter)
    return bool(grown.update(counter=counter))


def point_of(said: dict[str, Any], name: str) -> bytes:
    point = bytes_of(said, name)
    try:
        read_public_key(point)
    except ValueError:
        raise DeviceAnswerMalformed(name) from None
    return point


def bytes_of(said: dict[str, Any], name: str) -> bytes:
    text = said.get(name)
    if not isinstance(text, str) or len(text) > 200:
        raise DeviceAnswerMalformed(name)
    try:
        return from_text(text)
    except ValueError:
        raise DeviceAnswerMalformed(name) from None
