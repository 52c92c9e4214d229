"""What the sandbox's pages and JSON read."""

import re
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from apps.core.errors import NotFound
from apps.identity.models import User
from apps.identity.queries import get_user_by_username
from apps.sandbox.models import PhoneMessage
from apps.sca.queries import get_sms_device

# The word before the code in the messages for payments and consents, in both languages; else the first six digits.
_CODE_AFTER_WORD = re.compile(r"Code:? ([0-9]{6})(?![0-9])")
_SIX_DIGITS = re.compile(r"(?<![0-9])([0-9]{6})(?![0-9])")


@dataclass(frozen=True, slots=True)
class Phone:
    """The mobile phone of somebody in the sandbox."""

    user: User
    number: str


@dataclass(frozen=True, slots=True)
class ShownMessage:
    """A message in three parts, so that the code can be set apart; ``code`` is empty when there is none."""

    message_id: int
    before: str
    code: str
    after: str
    sent_at: datetime


def get_phone(*, user_id: str) -> Phone:
    """The phone of the person with this user ID.

    :raises NotFound: nobody of this user ID, or no mobile number registered.
    """
    user = get_user_by_username(username=user_id) if user_id.isprintable() and len(user_id) <= 150 else None
    device = get_sms_device(user_id=user.pk) if user is not None else None
    if user is None or device is None:
        raise NotFound("phone")
    return Phone(user=user, number=device.phone_number)


def list_messages(*, phone: Phone, limit: int = 50) -> QuerySet[PhoneMessage]:
    """What the phone has received, newest first."""
    return PhoneMessage.objects.filter(to=phone.number).order_by("-id")[:limit]


def show_message(message: PhoneMessage) -> ShownMessage:
    """The message with its code set apart."""
    found = _CODE_AFTER_WORD.search(message.text) or _SIX_DIGITS.search(message.text)
    start, end = found.span(1) if found else (len(message.text), len(message.text))
    return ShownMessage(
        message_id=message.pk,
        before=message.text[:start],
        code=message.text[start:end],
        after=message.text[end:],
        sent_at=message.sent_at,
    )
