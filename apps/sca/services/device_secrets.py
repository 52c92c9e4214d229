"""What the bank keeps of a customer's device under a key: what the app makes of its PIN, and the key inside a token."""

from apps.core.sealing import seal, unseal
from apps.sca.models import SigningDevice


def pin_key_of(device: SigningDevice) -> bytes:
    return unseal(device.pin_key, purpose="sca.device-pin.v1", owner=bytes(device.signing_key or b"").hex())


def seal_pin_key(pin_key: bytes, *, owner: bytes) -> str:
    return seal(pin_key, purpose="sca.device-pin.v1", owner=owner.hex())


def token_key_of(device: SigningDevice) -> bytes:
    return unseal(device.token_key, purpose="sca.token.v1", owner=device.serial_number)
