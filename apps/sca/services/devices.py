"""What a person has: mobile numbers of customers, authenticator apps of everybody else (RTS art. 24)."""

import secrets
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from apps.audit.services import record_event
from apps.core.errors import InvalidInput
from apps.identity.models import PSU, User
from apps.sca.authenticator_secrets import AUTHENTICATOR_SECRET_BYTES, seal_secret
from apps.sca.models import AuthenticationState, AuthenticatorDevice, SignInApp, SMSDevice
from apps.sca.queries import get_authenticator, get_sign_in_app
from apps.sca.rules import check_code_form
from apps.sca.services.attempts import (
    NOTHING_FAILED,
    inside_test_transaction,
    reserve_attempt,
    settle_failure,
)
from apps.sca.services.challenges import CodeRefused


class AuthenticatorNotAllowed(InvalidInput):
    """The log-in is a customer's, and no authenticator app may stand for a customer (S1-19); or it has one already."""

    code = "authenticator_not_allowed"


@transaction.atomic
def enrol_sms_device(*, user: User, phone_number: str, now: datetime) -> SMSDevice:
    """Register the mobile number of a customer at the bank's counter; one per customer."""
    device = SMSDevice.objects.create(
        user=user, name="SMS", confirmed=True, phone_number=phone_number, enrolled_at=now
    )
    record_event(
        event="sca.device.enrolled",
        object_type="user",
        object_id=user.pk,
        actor_type="system",
        at=now,
        data={"method": "SMS_OTP", "number": device.masked_number},
    )
    return device


def make_authenticator_secret() -> bytes:
    """A fresh secret for an authenticator app (RFC 4226 R6: 160 bits). Nothing is enrolled by it."""
    return secrets.token_bytes(AUTHENTICATOR_SECRET_BYTES)


@transaction.atomic
def enrol_authenticator(*, user: User, secret: bytes, code: str, now: datetime) -> AuthenticatorDevice:
    """Make an authenticator app somebody's second element, once it has shown a right code.

    :raises AuthenticatorNotAllowed: the user is a customer (S1-19), or has an app.
    :raises apps.sca.rules.CodeMalformed: not six digits.
    :raises CodeRefused: not the code of this secret at this time.
    """
    code = check_code_form(code)
    User.objects.select_for_update().get(pk=user.pk)  # Two enrolments at once: the second finds the first.
    if PSU.objects.filter(user=user).exists() or get_authenticator(user_id=user.pk):
        raise AuthenticatorNotAllowed(str(user.pk))
    device = AuthenticatorDevice(
        user=user, name="TOTP", confirmed=True, key=seal_secret(secret, owner=str(user.pk))
    )
    # Real time, not the bank's: the app cannot know of a clock that was moved. Saves the device if it is right.
    if not device.verify_token(code):
        raise CodeRefused("not the code of this secret", is_over=False)
    record_event(
        event="sca.device.enrolled",
        object_type="user",
        object_id=user.pk,
        actor_type="member",
        actor_id=user.pk,
        at=now,
        data={"method": "TOTP"},
    )
    return device


def check_authenticator_code(
    *, user_id: UUID | None, code: str, of_customer: bool = False, now: datetime
) -> AuthenticatorDevice | SignInApp | None:
    """Check the code of an authenticator app, after :func:`check_knowledge`. None when anything is wrong.

    ``of_customer``: the app with which a customer signs in, else that of a member of a TPP. Nothing that could be spent
    on a signature comes out of it, for either (S1-19).

    Failures count in the same five in a row as passwords and text-message codes (RTS art. 4(3)(b)), each before it
    is compared; a success starts the count anew. A code works once. ``user_id`` None is the decoy: always None.
    Must not be called inside a transaction: a rollback would give the attempt back.

    :raises apps.sca.rules.CodeMalformed: not six digits; nothing counted.
    """
    if connection.in_atomic_block and not inside_test_transaction():
        raise RuntimeError("check_authenticator_code commits what it counts: call it outside a transaction")
    code = check_code_form(code)
    if (
        user_id is None
        or (get_sign_in_app if of_customer else get_authenticator)(user_id=user_id) is None
        or not reserve_attempt(user_id=user_id, now=now)
    ):
        return None
    with transaction.atomic():
        apps = (SignInApp if of_customer else AuthenticatorDevice).objects.select_for_update()
        device: AuthenticatorDevice | SignInApp = apps.get(user_id=user_id, confirmed=True)
        if device.verify_token(code):
            AuthenticationState.objects.filter(user_id=user_id).update(**NOTHING_FAILED)
            record_event(
                event="sca.authenticator.used",
                object_type="user",
                object_id=user_id,
                actor_type="psu" if of_customer else "member",
                actor_id=user_id,
                at=now,
                data={"elements": ["knowledge", "possession"]},
            )
            return device
    settle_failure(user_id=user_id, now=now, what="authenticator")
    return None
