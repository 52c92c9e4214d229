"""What the sandbox's pages and JSON read."""

import re
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from apps.core.errors import NotFound
from apps.identity.models import PSU, User
from apps.identity.queries import get_user_by_username
from apps.sandbox.authenticator import code_of
from apps.sandbox.models import Letter, PhoneMessage
from apps.sandbox.seeding.personas import MEMBERS
from apps.sca.queries import get_authenticator, get_sms_device

# The word before the code in the messages for payments and consents, in both languages; else the first six digits.
_CODE_AFTER_WORD = re.compile(r"Code:? ([0-9]{6})(?![0-9])")
_SIX_DIGITS = re.compile(r"(?<![0-9])([0-9]{6})(?![0-9])")


@dataclass(frozen=True, slots=True)
class Phone:
    """Somebody's mobile phone: it gets text messages at ``number``, or shows ``authenticator_code``; never both."""

    user: User
    number: str
    authenticator_code: str


@dataclass(frozen=True, slots=True)
class ShownMessage:
    """A message in three parts, so that the code can be set apart; ``code`` is empty when there is none."""

    message_id: int
    before: str
    code: str
    after: str
    sent_at: datetime


def get_phone(*, user_id: str) -> Phone:
    """The phone of the person with this user ID: a persona's, or that of a customer who was added later.

    :raises NotFound: nobody of this user ID, or with no element on a phone that the sandbox could show.
    """
    user = get_user_by_username(username=user_id) if user_id.isprintable() and len(user_id) <= 150 else None
    if user is None:
        raise NotFound("phone")
    if device := get_sms_device(user_id=user.pk):
        return Phone(user=user, number=device.phone_number, authenticator_code="")
    if get_authenticator(user_id=user.pk) and any(user.username == person.user_id for person in MEMBERS):
        return Phone(user=user, number="", authenticator_code=code_of(user.username))
    if PSU.objects.filter(user=user).exists():  # Lost the number: letters reach him.
        return Phone(user=user, number="", authenticator_code="")
    raise NotFound("phone")


def list_messages(*, phone: Phone, limit: int = 50) -> QuerySet[PhoneMessage]:
    """What the phone has received, newest first."""
    return PhoneMessage.objects.filter(to=phone.number or "-").order_by("-id")[:limit]


def list_letters(*, phone: Phone, limit: int = 10) -> QuerySet[Letter]:
    """The letters that the person got, newest first."""
    return Letter.objects.filter(user_id=phone.user.pk).order_by("-id")[:limit]


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
