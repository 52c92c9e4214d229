"""What is inside the token: one key. It opens requests that were sealed for it, and shows digits over exactly what it
has opened. It knows no time and no net, and keeps nothing of a PIN."""

import hashlib
import hmac
import json
import re
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

FILE_FORMAT = "bankportal.token.v1"
TOKEN_REQUEST = 2
_HEAD, _MARK, _WHOLE = 17, 16, 32  # Kind and challenge; GCM's tag; what stands for the snapshot.
_PIN = re.compile(r"[0-9]{6}")


class TokenError(Exception):
    """Says to the person who holds the token what is wrong."""


@dataclass(frozen=True, slots=True)
class Request:
    """What was opened."""

    challenge_id: UUID
    content: bytes
    code_key: bytes

    @property
    def title(self) -> str:
        return str(self._shown["title"])

    @property
    def bank(self) -> str:
        return str(self._shown["bank"])

    @property
    def language(self) -> str:
        return str(self._shown["language"])

    @property
    def lines(self) -> list[tuple[str, str]]:
        return [(str(label), str(text)) for label, text in self._shown["lines"]]

    @property
    def asks_new_pin(self) -> bool:
        """Whether the token is bound by this, and its owner chooses a PIN."""
        return self._shown.get("asks") == "new_pin"

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(self.content).digest()

    @property
    def _shown(self) -> dict:
        shown: dict = json.loads(self.content[_WHOLE:])
        return shown


@dataclass(frozen=True, slots=True)
class Token:
    """One token."""

    serial_number: str
    key: bytes

    @classmethod
    def from_file(cls, path: Path) -> "Token":
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
            if said["format"] != FILE_FORMAT:
                raise TokenError(f"{path} is of another format")
            return cls(said["serial_number"], _from_text(said["key"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise TokenError(f"{path} is no token's file") from error

    def open(self, request: bytes | str) -> Request:
        """What a request says, as bytes or as the text that stands under the picture.

        :raises TokenError: made for another device, damaged, or none at all.
        """
        if isinstance(request, str):
            try:
                request = _from_text(re.sub(r"\s", "", request))
            except ValueError as error:
                raise TokenError("This is no request of the bank.") from error
        if len(request) < _HEAD + _WHOLE + _MARK or request[0] not in (1, TOKEN_REQUEST):
            raise TokenError("This is no request of the bank.")
        if request[0] != TOKEN_REQUEST:
            raise TokenError("This is for the bank's app, not for a token.")
        head, salt = request[:_HEAD], request[1:_HEAD]
        wide = HKDF(
            algorithm=hashes.SHA256(), length=64, salt=salt, info=b"bankportal.device.request.v1"
        ).derive(self.key)
        try:
            content = AESGCM(wide[:32]).decrypt(bytes(12), request[_HEAD:], head)
        except InvalidTag as error:
            raise TokenError("This was made for another token, or it is damaged.") from error
        return Request(UUID(bytes=salt), content, wide[32:])

    def code(self, request: Request, pin: str) -> str:
        """Eight digits over what was shown. With a wrong PIN they are others; the token cannot tell."""
        return _digits(_mac(request.code_key, self._pin_key(pin) + request.digest), 8)

    def new_pin(self, request: Request, pin: str) -> str:
        """Fourteen digits by which the token is bound with this PIN: the code, and the PIN hidden under a pad."""
        if not request.asks_new_pin:
            raise TokenError("Nothing asks for a new PIN.")
        if is_weak(pin):
            raise TokenError("Choose a PIN that is no row of equal or following digits.")
        code = self.code(request, pin)
        pad = _mac(request.code_key, b"bankportal.token.new-pin.v1|" + code.encode())
        return code + str((int(pin) + int.from_bytes(pad[:8], "big")) % 10**6).zfill(6)

    def _pin_key(self, pin: str) -> bytes:
        if not _PIN.fullmatch(pin):
            raise TokenError("The PIN has six digits.")
        return _mac(self.key, b"bankportal.token.pin.v1|" + pin.encode())


def is_weak(pin: str) -> bool:
    """What anybody tries first."""
    return len(set(pin)) == 1 or pin in "01234567890" or pin in "09876543210"


def _mac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")


def _digits(mac: bytes, count: int) -> str:
    return str(int.from_bytes(mac[:8], "big") % 10**count).zfill(count)


def _from_text(text: str) -> bytes:
    return urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
