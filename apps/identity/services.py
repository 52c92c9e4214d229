from datetime import datetime

from django.db import transaction
from django.utils.translation import get_supported_language_variant

from apps.audit.services import record_event
from apps.identity.models import PSU, CoreUser, User
from apps.identity.rules import CoreOperation


@transaction.atomic
def register_customer(
    *, username: str, password: str, first_name: str, last_name: str, language: str, core_user_id: str, now: datetime
) -> PSU:
    """Open a log-in for a new customer, mapped to the core user of the back end."""
    user = User.objects.create_user(username=username, password=password, language=language)
    psu = PSU.objects.create(user=user, first_name=first_name, last_name=last_name)
    CoreUser.objects.create(core_user_id=core_user_id, psu=psu, operations=CoreOperation.values)
    record_event(
        event="identity.psu.registered",
        object_type="psu",
        object_id=psu.pk,
        actor_type="system",
        at=now,
        data={"core_user": core_user_id},
    )
    return psu


@transaction.atomic
def change_language(*, user: User, language: str, now: datetime) -> None:
    """Keep the language in which a person is addressed, on pages and in messages.

    :raises LookupError: not a language the bank speaks.
    """
    language = get_supported_language_variant(language)
    User.objects.filter(pk=user.pk).update(language=language)
    record_event(
        event="identity.user.language_changed",
        object_type="user",
        object_id=user.pk,
        actor_type="psu",
        actor_id=user.pk,
        at=now,
        data={"language": language},
    )


def note_login(*, user: User, now: datetime) -> None:
    """Remember this sign-in; the one before it is what the customer is shown next to his name."""
    User.objects.filter(pk=user.pk).update(previous_login_at=user.last_login, last_login=now)
