"""Roads to the outside: the SMS provider, and the status push to a TPP's notification URI."""

import ipaddress
import json
import socket
import ssl
import string
from functools import cache
from typing import Any, Protocol
from uuid import UUID

import httpx
from django.conf import settings

from apps.core.errors import DomainError

_TIMEOUT = httpx.Timeout(10.0, connect=3.0)


class SMSNotSent(DomainError):
    """The provider refused, was too slow or could not be reached. The outbox tries again."""

    code = "sms_not_sent"


class PushNotDelivered(DomainError):
    """The TPP's notification endpoint did not take the message. The outbox tries again."""

    code = "push_not_delivered"


class SMSGateway(Protocol):
    """What a provider of text messages must offer."""

    def send(self, *, to: str, text: str, idempotency_key: str) -> str:
        """Send ``text`` to the E.164 number ``to`` and return the provider's reference.

        The same ``idempotency_key`` again must not reach the phone twice.

        :raises SMSNotSent: the message was not taken; it may be tried again.
        """
        ...


class HTTPSMSGateway:
    """Any provider with an HTTP interface: ``SMS_HTTP_URL``, ``SMS_HTTP_KEY`` (Bearer), ``SMS_HTTP_TEMPLATE``.

    The template is JSON in which ``$to``, ``$text`` and ``$key`` stand for the values (each inside quotes).
    """

    def send(self, *, to: str, text: str, idempotency_key: str) -> str:
        values = {"to": to, "text": text, "key": idempotency_key}
        body = string.Template(settings.SMS_HTTP_TEMPLATE).substitute(
            {name: json.dumps(value)[1:-1] for name, value in values.items()}
        )
        try:
            response = httpx.post(
                settings.SMS_HTTP_URL,
                content=body.encode(),
                headers={
                    "Authorization": f"Bearer {settings.SMS_HTTP_KEY}",
                    "Content-Type": "application/json",
                    "Idempotency-Key": idempotency_key,
                },
                timeout=_TIMEOUT,
                follow_redirects=False,
                verify=_tls_context(),
            )
        except httpx.HTTPError as error:
            # The class only: the error's text may repeat the request.
            raise SMSNotSent(type(error).__name__) from None
        if not response.is_success:
            raise SMSNotSent(f"provider answered {response.status_code}")
        return _reference(response)


class LetterNotSent(DomainError):
    """The printing service refused, was too slow or could not be reached. The outbox tries again."""

    code = "letter_not_sent"


class LetterGateway(Protocol):
    """What prints a letter in a closed envelope: a printing house, or the printer of a branch."""

    def send(self, *, user_id: UUID, place: str, text: str, idempotency_key: str) -> None:
        """Print ``text`` for a log-in's owner, whose name and address the service knows. ``place``: branch, post.

        :raises LetterNotSent: it was not taken; it may be tried again.
        """
        ...


class HTTPLetterGateway:
    """Any service with an HTTP interface: a JSON object to ``LETTER_HTTP_URL`` with ``LETTER_HTTP_KEY`` (Bearer)."""

    def send(self, *, user_id: UUID, place: str, text: str, idempotency_key: str) -> None:
        try:
            response = httpx.post(
                settings.LETTER_HTTP_URL,
                json={"recipient": str(user_id), "place": place, "text": text, "key": idempotency_key},
                headers={
                    "Authorization": f"Bearer {settings.LETTER_HTTP_KEY}",
                    "Idempotency-Key": idempotency_key,
                },
                timeout=_TIMEOUT,
                follow_redirects=False,
                verify=_tls_context(),
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # The class only: the error's text may repeat the request.
            raise LetterNotSent(type(error).__name__) from None
        if not response.is_success:
            raise LetterNotSent(f"service answered {response.status_code}")


def post_status(*, url: str, body: dict[str, Any], request_id: str) -> None:
    """Tell a TPP a new status (Berlin Group: Resource Status Notification) at an address checked when it was taken.

    The name is looked up once and the connection goes to the address that was checked, so that no name leads into
    the bank's own networks, now or by changing its mind in between. TLS still asks for the name. No redirect is
    followed; ten seconds at most; nothing of the answer but its status is read.

    :raises PushNotDelivered: not a public address, or anything but a 2xx answer.
    """
    try:
        target = httpx.URL(url)
        with (
            httpx.Client(timeout=_TIMEOUT, follow_redirects=False, verify=_tls_context()) as client,
            client.stream(
                "POST",
                target.copy_with(host=_public_address(target)),
                json=body,
                headers={"Host": target.netloc.decode("ascii"), "X-Request-ID": request_id},
                extensions={"sni_hostname": target.host},
            ) as response,
        ):
            status = response.status_code
    except (httpx.HTTPError, httpx.InvalidURL, OSError, OverflowError, UnicodeError) as error:
        raise PushNotDelivered(type(error).__name__) from None
    if not 200 <= status < 300:
        raise PushNotDelivered(f"endpoint answered {status}")


@cache
def _tls_context() -> ssl.SSLContext:
    """One for all messages: to load the certificates of every authority takes longer than many a message."""
    return httpx.create_ssl_context()


def _public_address(url: httpx.URL) -> str:
    """An address of the URL's host, all of whose addresses lie in the public internet (in the sandbox also loopback).

    :raises PushNotDelivered: one does not.
    :raises OSError: there is no such host.
    """
    found = socket.getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    if not addresses or not all(_is_public(address) for address in addresses):
        raise PushNotDelivered("not a public address")
    return str(addresses[0])


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return _is_public(address.ipv4_mapped)
        if address.sixtofour is not None or address.teredo is not None:
            return False  # IPv4 addresses in disguise.
    if address.is_loopback:
        return bool(settings.SANDBOX)
    return address.is_global and not address.is_multicast


def _reference(response: httpx.Response) -> str:
    try:
        answer = response.json()
    except ValueError:
        return ""
    reference = answer.get("id", "") if isinstance(answer, dict) else ""
    return str(reference)
