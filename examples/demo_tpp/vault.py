"""Encryption of the bank's tokens at rest (S0-32)."""

from __future__ import annotations

import json
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class VaultError(Exception):
    """A stored secret cannot be read: wrong key, changed bytes, or not of this owner."""


class TokenVault:
    """Seals small JSON values for one owner and one purpose.

    The key file has one Fernet key per line; the first seals, all open, so a key is changed by putting a new one on
    top. The owner is sealed in with the value: a row copied to another user or IBAN does not open there.
    """

    def __init__(self, key_file_content: bytes) -> None:
        keys = [Fernet(line) for line in key_file_content.split() if line]
        if not keys:
            raise VaultError("The key file is empty.")
        self._fernet = MultiFernet(keys)

    def seal(self, value: Any, *, owner: str) -> bytes:
        """Encrypt ``value`` (JSON) for ``owner``."""
        return self._fernet.encrypt(json.dumps({"owner": owner, "value": value}).encode())

    def open(self, sealed: bytes, *, owner: str) -> Any:
        """Decrypt what was sealed for the same owner. Raises VaultError."""
        try:
            content = json.loads(self._fernet.decrypt(sealed))
        except (InvalidToken, ValueError) as error:
            raise VaultError("A stored secret cannot be decrypted.") from error
        if content["owner"] != owner:
            raise VaultError("A stored secret belongs to another owner.")
        return content["value"]
