"""An authenticator in software: makes keys and answers as a device with a fingerprint reader would, and can be bent.

What it returns is what a browser hands to the page (PublicKeyCredential as JSON), byte for byte of the standard: client
data, authenticator data, CBOR keys, signatures. Chromium's own virtual authenticator plays the same part in the tests
that drive a browser.
"""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

ORIGIN = "http://localhost:8000"
_UP, _UV, _BE, _BS, _AT = 0x01, 0x04, 0x08, 0x10, 0x40


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Device:
    """One authenticator with one key. ``count`` 0 and ``counts`` False: a device that keeps no count."""

    origin: str = ORIGIN
    counts: bool = True
    count: int = 0
    is_synced: bool = False
    verifies_user: bool = True
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def make(self, creation: dict[str, Any], **bent: Any) -> str:
        """The answer to a request for a new key."""
        numbers = self.key.public_key().public_numbers()
        cose = cbor2.dumps(
            {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        )
        attested = bytes(16) + len(self.credential_id).to_bytes(2, "big") + self.credential_id + cose
        data = self._data(creation["rp"]["id"], _AT, bent) + attested
        client = self._client("webauthn.create", creation["challenge"], bent)
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        return self._credential({"clientDataJSON": b64(client), "attestationObject": b64(attestation)})

    def sign(self, request: dict[str, Any], **bent: Any) -> str:
        """The answer to a challenge. ``bent`` replaces parts: challenge, origin, rp_id, type, flags, count."""
        data = self._data(bent.pop("rp_id", request["rpId"]), 0, bent)
        client = self._client(
            bent.pop("type", "webauthn.get"), bent.pop("challenge", request["challenge"]), bent
        )
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return self._credential(
            {
                "clientDataJSON": b64(client),
                "authenticatorData": b64(data),
                "signature": b64(signature),
            }
        )

    def _data(self, rp_id: str, more_flags: int, bent: dict[str, Any]) -> bytes:
        if self.counts:
            self.count += 1
        flags = _UP | more_flags | (_UV if self.verifies_user else 0) | (_BE | _BS if self.is_synced else 0)
        count = bent.pop("count", self.count)
        return (
            hashlib.sha256(rp_id.encode()).digest()
            + bytes([bent.pop("flags", flags)])
            + count.to_bytes(4, "big")
        )

    def _client(self, kind: str, challenge: str, bent: dict[str, Any]) -> bytes:
        origin = bent.pop("origin", self.origin)
        return json.dumps(
            {"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": False}
        ).encode()

    def _credential(self, response: dict[str, str]) -> str:
        return json.dumps(
            {
                "id": b64(self.credential_id),
                "rawId": b64(self.credential_id),
                "type": "public-key",
                "clientExtensionResults": {},
                "response": response,
            }
        )
