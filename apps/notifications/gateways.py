"""Roads to the outside: the SMS provider, and the status push to a TPP's notification URI."""

import json
import string
from typing import Any, Protocol

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
            )
        except httpx.HTTPError as error:
            # The class only: the error's text may repeat the request.
            raise SMSNotSent(type(error).__name__) from None
        if not response.is_success:
            raise SMSNotSent(f"provider answered {response.status_code}")
        return _reference(response)


def post_status(*, url: str, body: dict[str, Any], request_id: str) -> None:
    """Tell a TPP a new status (Berlin Group: Resource Status Notification) at an address checked when it was taken.

    No redirect is followed; ten seconds at most; nothing of the answer but its status is read.

    :raises PushNotDelivered: anything but a 2xx answer.
    """
    try:
        with httpx.stream(
            "POST",
            url,
            json=body,
            headers={"X-Request-ID": request_id},
            timeout=_TIMEOUT,
            follow_redirects=False,
        ) as response:
            status = response.status_code
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise PushNotDelivered(type(error).__name__) from None
    if not 200 <= status < 300:
        raise PushNotDelivered(f"endpoint answered {status}")


def _reference(response: httpx.Response) -> str:
    try:
        answer = response.json()
    except ValueError:
        return ""
    reference = answer.get("id", "") if isinstance(answer, dict) else ""
    return str(reference)
