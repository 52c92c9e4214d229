"""Waking the bank's app: Web Push (RFC 8030), encrypted for the app alone (RFC 8291), by a sender who proves who it is
(RFC 8292). What is pushed is a request that is sealed for the device besides, so that the push service, and the
browser's own storage of messages, see nothing of a transaction (S3-14, S3-15).

The encryption is http_ece's, which is what pywebpush is made of; that package would bring two HTTP clients along.
"""

import json
from functools import lru_cache
from urllib.parse import urlsplit

import httpx
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.conf import settings

from apps.core.clock import real_now
from apps.core.errors import DomainError
from apps.core.keys import derive_key
from apps.sca.device_protocol import bank_key, public_bytes, to_text
from apps.sca.models import SigningDevice

_TIMEOUT = httpx.Timeout(10.0, connect=3.0)
# What a push service takes is 4096 bytes, encryption included (RFC 8291, section 4).
_PAYLOAD_MAX = 3_900
_TOKEN_SECONDS = 3600


class PushRefused(DomainError):
    """The push service could not be reached, or is too busy. The outbox tries again."""

    code = "push_refused"


class SubscriptionGone(DomainError):
    """The push service knows the subscription no more."""

    code = "subscription_gone"


def public_push_key() -> str:
    """The bank's public key as a sender, which a browser wants to know when it subscribes (VAPID)."""
    return to_text(public_bytes(_sender_key()))


def push_to_app(*, device: SigningDevice, sealed: bytes, ttl_seconds: int) -> None:
    """Send a sealed request to a device; when it is too long for a push, an empty one, upon which the app asks.

    :raises PushRefused: it may be tried again.
    :raises SubscriptionGone: it may not.
    """
    import http_ece  # In the worker that sends, and nowhere else.

    payload = json.dumps({"request": to_text(sealed)}).encode()
    if len(payload) > _PAYLOAD_MAX:
        payload = b"{}"
    body = http_ece.encrypt(
        payload,
        private_key=ec.generate_private_key(ec.SECP256R1()),
        dh=bytes(device.push_key or b""),
        auth_secret=bytes(device.push_secret or b""),
        version="aes128gcm",
    )
    try:
        response = httpx.post(
            device.push_endpoint,
            content=body,
            headers={
                "Authorization": f"vapid t={_token(device.push_endpoint)}, k={public_push_key()}",
                "Content-Encoding": "aes128gcm",
                "Content-Type": "application/octet-stream",
                "TTL": str(max(0, ttl_seconds)),
                "Urgency": "high",
            },
            timeout=_TIMEOUT,
            follow_redirects=False,
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        # The class only: the error's text may repeat the address, which is a secret of the device's.
        raise PushRefused(type(error).__name__) from None
    if response.status_code in (404, 410):
        raise SubscriptionGone(str(response.status_code))
    if not response.is_success:
        raise PushRefused(f"push service answered {response.status_code}")


def _token(endpoint: str) -> str:
    from joserfc import jwt
    from joserfc.jwk import ECKey

    parts = urlsplit(endpoint)
    # Real time, not the bank's: the push service knows no other.
    claims = {
        "aud": f"{parts.scheme}://{parts.netloc}",
        "exp": int(real_now().timestamp()) + _TOKEN_SECONDS,
        "sub": settings.PUBLIC_BASE_URL,
    }
    pem = _sender_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return jwt.encode({"alg": "ES256", "typ": "JWT"}, claims, ECKey.import_key(pem))


def _sender_key() -> ec.EllipticCurvePrivateKey:
    return _key_from(derive_key("sca.push-sender.v1"))


@lru_cache(maxsize=4)
def _key_from(secret: bytes) -> ec.EllipticCurvePrivateKey:
    return bank_key(secret=secret, nonce=b"push sender".ljust(32, b"\0"))
