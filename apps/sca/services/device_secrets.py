"""What the bank keeps of a customer's device under a key: what the app makes of its PIN, and the key inside a token."""

from apps.core.sealing import seal, unseal
from apps.sca.models import HardwareToken, SigningDevice


def pin_key_of(device: SigningDevice) -> bytes:
    owner = bytes(device.signing_key or b"") if device.is_app else device.serial_number.encode()
    return unseal(device.pin_key, purpose="sca.device-pin.v1", owner=owner.hex())


def seal_pin_key(pin_key: bytes, *, owner: bytes) -> str:
    return seal(pin_key, purpose="sca.device-pin.v1", owner=owner.hex())


def seal_token_key(token_key: bytes, *, serial_number: str) -> str:
    return seal(token_key, purpose="sca.token.v1", owner=serial_number)


def token_key_of(device: SigningDevice | HardwareToken) -> bytes:
    return unseal(device.token_key, purpose="sca.token.v1", owner=device.serial_number)
