"""The bank's app in software, on the other side of every message: makes keys, opens requests, answers; and can be bent.

Written from the protocol (decision 0031), not with the bank's own functions for it, so that the two prove one another.
"""

import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from apps.identity.models import PSU
from apps.sca.models import Challenge, SigningDevice
from apps.sca.rules import DeviceKind
from apps.sca.services import bind_app, make_activation_code, seal_request
from tests.factories.accounts import NOW
from tests.sca.device import b64
from tests.sca.keys import signed_enrolment

_CURVE = ec.SECP256R1()


@dataclass(frozen=True)
class Opened:
    """A request that was opened."""

    challenge_id: UUID
    content: bytes
    code_key: bytes

    @property
    def shown(self) -> dict[str, Any]:
        return json.loads(self.content[32:])

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(self.content).digest()


@dataclass
class App:
    """One telephone with the app; ``environment`` is what it runs in."""

    pin: str = "274951"
    environment: bytes = b"telephone"
    counter: int = 0
    device_id: int = 0
    signing: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(_CURVE))
    agreement: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(_CURVE))

    def activation(self, code: str, **bent: Any) -> tuple[bytes, bytes]:
        """Message and signature that bind it."""
        said = {
            "kind": "activate",
            "activation_code": code,
            "signing_key": b64(point(self.signing)),
            "agreement_key": b64(point(self.agreement)),
            "pin_key": b64(self.pin_key()),
            "environment_hash": b64(hashlib.sha256(self.environment).digest()),
        }
        return self.signed(said | bent)

    def bind(self, psu: PSU, *, now: datetime = NOW) -> SigningDevice:
        """Make it the customer's, by the way by which anybody's app becomes his."""
        enrolment = signed_enrolment(psu, kind=DeviceKind.APP, name="Telephone", now=now)
        code = make_activation_code(enrolment_id=enrolment.pk, psu=psu, now=now)
        body, signature = self.activation(code)
        device = bind_app(body=body, signature=signature, now=now)
        self.device_id = device.pk
        return device

    def open(self, sealed: bytes) -> Opened:
        """What a request says; an error when it is for another device."""
        assert sealed[:1] == b"\x01"
        bank = ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, sealed[17:82])
        wide = HKDF(
            algorithm=hashes.SHA256(), length=64, salt=sealed[1:17], info=b"bankportal.device.request.v1"
        ).derive(self.agreement.exchange(ec.ECDH(), bank))
        content = AESGCM(wide[:32]).decrypt(bytes(12), sealed[82:], sealed[:82])
        return Opened(UUID(bytes=sealed[1:17]), content, wide[32:])

    def open_challenge(self, challenge_id: UUID) -> Opened:
        """What the bank seals of this challenge for it."""
        challenge = Challenge.objects.get(pk=challenge_id)
        return self.open(
            seal_request(challenge=challenge, device=SigningDevice.objects.get(pk=self.device_id)).sealed
        )

    def answer(self, opened: Opened, **bent: Any) -> tuple[bytes, bytes]:
        """Message and signature of the customer's yes; ``bent`` replaces parts, ``pin`` the PIN that he enters."""
        self.counter += 1
        pin_key = self.pin_key(bent.pop("pin", self.pin))
        said = {
            "kind": "answer",
            "device_id": self.device_id,
            "challenge_id": str(opened.challenge_id),
            "is_approved": True,
            "counter": self.counter,
            "pin_proof": b64(_mac(pin_key, b"bankportal.device.pin.v1|" + opened.digest)),
            "environment": hashlib.sha256(self.environment).hexdigest(),
            "is_unsound": False,
        }
        return self.signed(said | bent)

    def code(self, opened: Opened, *, pin: str = "") -> str:
        """The eight digits that it shows without a net."""
        mac = _mac(opened.code_key, self.pin_key(pin or self.pin) + opened.digest)
        return str(int.from_bytes(mac[:8], "big") % 10**8).zfill(8)

    def pin_key(self, pin: str = "") -> bytes:
        # Fewer rounds than the real app's: the bank never learns how it is made.
        return hashlib.pbkdf2_hmac("sha256", (pin or self.pin).encode(), point(self.signing), 10)

    def signed(self, said: dict[str, Any]) -> tuple[bytes, bytes]:
        body = json.dumps(said).encode()
        r, s = decode_dss_signature(self.signing.sign(body, ec.ECDSA(hashes.SHA256())))
        return body, r.to_bytes(32, "big") + s.to_bytes(32, "big")


def wrong_code(code: str) -> str:
    """Another code than this."""
    return str((int(code) + secrets.randbelow(10**8 - 1) + 1) % 10**8).zfill(8)


def point(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _mac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, hashlib.sha256)
