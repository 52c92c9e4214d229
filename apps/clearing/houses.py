"""Clearing houses: the interface, and the one that is reached over HTTP with a shared key."""

import hashlib
import hmac
from functools import cache
from typing import Protocol

import httpx
from django.conf import settings

from apps.core.errors import DomainError

SIGNATURE_HEADER = "X-Signature"
_TIMEOUT = httpx.Timeout(5.0, connect=2.0)


class HouseUnavailable(DomainError):
    """The clearing house could not be reached, or could not take the message just now. It is sent again."""

    code = "house_unavailable"


class HouseRefused(DomainError):
    """The clearing house will not take this message, however often it is sent."""

    code = "house_refused"


class ClearingHouse(Protocol):
    """What rails must offer. The answers to what is handed over come later, as messages of the house's own."""

    def deliver(self, *, body: bytes) -> None:
        """Hand over one message. The same message again must change nothing.

        :raises HouseUnavailable: it is not known whether it arrived; to be sent again, to the letter.
        :raises HouseRefused: it will not be taken.
        """
        ...


class HTTPClearingHouse:
    """A house that takes messages at ``CLEARING_URL``, each signed with ``CLEARING_KEY`` (HMAC-SHA256)."""

    def deliver(self, *, body: bytes) -> None:
        headers = {
            "Content-Type": "application/xml",
            SIGNATURE_HEADER: sign_message(receiver="house", body=body),
        }
        try:
            response = _client().post(f"{settings.CLEARING_URL}/messages", content=body, headers=headers)
        except httpx.HTTPError as error:
            raise HouseUnavailable(type(error).__name__) from None
        if response.status_code in (400, 409, 413, 422):
            raise HouseRefused(f"{response.status_code} {response.text[:500]}")
        if not response.is_success:
            raise HouseUnavailable(str(response.status_code))


def sign_message(*, receiver: str, body: bytes) -> str:
    """Over who is meant and what is said: a message to the house cannot be played back to the bank."""
    key = settings.CLEARING_KEY.encode()
    return hmac.new(key, receiver.encode() + b"\n" + body, hashlib.sha256).hexdigest()


def is_signed_by_house(*, signature: str, body: bytes) -> bool:
    """Whether a message for the bank comes from whoever shares the key. Without a key nobody does."""
    if not settings.CLEARING_KEY or not signature.isascii():
        return False
    return hmac.compare_digest(sign_message(receiver="bank", body=body), signature)


@cache
def _client() -> httpx.Client:
    """One for all, so that an instant transfer does not wait for a new connection. Safe for threads."""
    return httpx.Client(timeout=_TIMEOUT, follow_redirects=False, trust_env=False)
