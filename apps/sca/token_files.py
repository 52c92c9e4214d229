"""The file of one token: its serial number and the key inside it, as the bank's stock and the simulator read it."""

import json
from pathlib import Path

from apps.core.errors import InvalidInput
from apps.sca.device_protocol import from_text, to_text

FORMAT = "bankportal.token.v1"


def read_token_file(path: Path) -> tuple[str, bytes]:
    """Serial number and key.

    :raises apps.core.errors.InvalidInput: another file.
    """
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        if said["format"] != FORMAT:
            raise InvalidInput("another format", field="format")
        return str(said["serial_number"]), from_text(said["key"])
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise InvalidInput(f"no token's file: {path.name}", field="file") from error


def write_token_file(folder: Path, *, serial_number: str, token_key: bytes) -> Path:
    """A new file, that its owner alone can read; never over another."""
    path = folder / f"token-{serial_number}.json"
    path.touch(mode=0o600, exist_ok=False)
    said = {"format": FORMAT, "serial_number": serial_number, "key": to_text(token_key)}
    path.write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")
    return path
