"""A customer's signing devices: the bank's app bound to him, and taken from him again (RTS art. 23 to 27)."""

import hashlib
import hmac
import secrets
from datetime import datetime
from uuid import UUID

from django.db import transaction

from apps.audit.services import record_event
from apps.core.errors import DomainError, NotFound
from apps.core.keys import derive_key
from apps.identity.models import PSU
from apps.sca.device_protocol import PIN_KEY_BYTES, is_signed
from apps.sca.models import Challenge, DeviceEnrolment, SigningDevice
from apps.sca.rules import (
    DEVICE_METHODS,
    ChallengeStatus,
    DeviceKind,
    EnrolmentStatus,
    WithdrawalReason,
)
from apps.sca.services.app_messages import DeviceAnswerMalformed, bytes_of, point_of, read_message
from apps.sca.services.device_secrets import seal_pin_key
from apps.sca.services.enrolments import check_enrolment_under_way, lock_enrolment
from apps.sca.services.notices import promise_device_notice
from apps.sca.services.user_verification import withdraw_verification

_ACTIVATION_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_ACTIVATION_LENGTH = 20


class ActivationRefused(DomainError):
    """No enrolment waits for this activation code, or its time is over."""

    code = "activation_refused"


@transaction.atomic
def make_activation_code(*, enrolment_id: UUID, psu: PSU, now: datetime) -> str:
    """The code that binds an app to this customer, for an enrolment that he has signed; the one before it is void. Of
    100 bits, and the bank keeps a keyed hash of it only (RTS art. 23, 26).

    :raises EnrolmentOver: not signed, made use of already, or too long ago.
    """
    enrolment = lock_enrolment(enrolment_id, user_id=psu.user_id)
    check_enrolment_under_way(enrolment=enrolment, kind=DeviceKind.APP, now=now)
    code = "".join(secrets.choice(_ACTIVATION_ALPHABET) for _ in range(_ACTIVATION_LENGTH))
    enrolment.activation_hash = _hash_activation(code)
    enrolment.save(update_fields=["activation_hash"])
    return code


@transaction.atomic
def bind_app(*, body: bytes, signature: bytes, now: datetime) -> SigningDevice:
    """Bind the app that presents an activation code: its public keys, what it makes of its PIN, and what it runs in.

    The message is signed by the new key, so that nobody can bind a key that he does not have. The customer is told by
    text message.

    :raises DeviceAnswerMalformed: not what the app sends.
    :raises ActivationRefused: no enrolment waits for this code.
    """
    said = read_message(body, kind="activate")
    signing_key, agreement_key = point_of(said, "signing_key"), point_of(said, "agreement_key")
    environment, pin_key = bytes_of(said, "environment_hash"), bytes_of(said, "pin_key")
    if not is_signed(signing_key=signing_key, body=body, signature=signature):
        raise DeviceAnswerMalformed("not signed by the new key")
    if len(environment) != 32 or len(pin_key) != PIN_KEY_BYTES or signing_key == agreement_key:
        raise DeviceAnswerMalformed("keys")
    code = str(said.get("activation_code", "")).upper().replace(" ", "").replace("-", "")
    found = DeviceEnrolment.objects.filter(
        activation_hash=_hash_activation(code), kind=DeviceKind.APP, status=EnrolmentStatus.SIGNED
    ).first()
    if found is None:
        raise ActivationRefused("no such code")
    enrolment = lock_enrolment(found.pk, user_id=found.user_id)
    try:
        check_enrolment_under_way(enrolment=enrolment, kind=DeviceKind.APP, now=now)
    except DomainError as error:
        raise ActivationRefused(error.code) from None
    if SigningDevice.objects.filter(signing_key=signing_key).exists():
        raise ActivationRefused("known key")
    device = SigningDevice.objects.create(
        user_id=enrolment.user_id,
        kind=DeviceKind.APP,
        name=enrolment.name,
        confirmed=True,
        agreement_key=agreement_key,
        signing_key=signing_key,
        pin_key=seal_pin_key(pin_key, owner=signing_key),
        environment=environment,
        enrolled_at=now,
    )
    finish_enrolment(enrolment, device, now=now)
    return device


def finish_enrolment(enrolment: DeviceEnrolment, device: SigningDevice, *, now: datetime) -> None:
    """Note that the device of a signed enrolment exists, on the trail and to the customer."""
    enrolment.status, enrolment.device, enrolment.activation_hash = EnrolmentStatus.DONE, device, None
    enrolment.save(update_fields=["status", "device", "activation_hash"])
    record_event(
        event="sca.device.enrolled",
        object_type="user",
        object_id=device.user_id,
        actor_type="psu",
        actor_id=device.user_id,
        at=now,
        data={
            "method": device.kind,
            "device": device.pk,
            "name": device.name,
            "serial_number": device.serial_number,
            "enrolment": enrolment.pk,
        },
    )
    promise_device_notice(
        user_id=device.user_id, kind=device.kind, device_id=device.pk, name=device.name, what="added"
    )


@transaction.atomic
def withdraw_device(
    *, user_id: UUID, device_id: int, reason: WithdrawalReason, now: datetime
) -> SigningDevice:
    """Take a device's power, at once and for good (RTS art. 27): it answers nothing any more, and the sessions that it
    opened end. What it signed before stays signed. Nothing when it was withdrawn before.

    :raises NotFound: the customer has no such device.
    """
    device = SigningDevice.objects.select_for_update().filter(pk=device_id, user_id=user_id).first()
    if device is None:
        raise NotFound("device")
    if not device.confirmed:
        return device
    device.confirmed, device.withdrawn_at, device.withdrawn_because = False, now, reason
    device.push_endpoint, device.push_key, device.push_secret = "", None, None
    device.save()
    withdraw_verification(user_id=user_id, device_id=device_id, reason=reason, now=now)
    Challenge.objects.filter(user_id=user_id, method__in=DEVICE_METHODS, status=ChallengeStatus.OPEN).update(
        status=ChallengeStatus.VOIDED
    )
    record_event(
        event="sca.device.withdrawn",
        object_type="user",
        object_id=user_id,
        actor_type="psu" if reason == WithdrawalReason.REMOVED else "system",
        actor_id=user_id if reason == WithdrawalReason.REMOVED else "",
        at=now,
        data={"method": device.kind, "device": device.pk, "reason": reason.value},
    )
    promise_device_notice(
        user_id=user_id, kind=device.kind, device_id=device.pk, name=device.name, what=reason.value
    )
    return device


def _hash_activation(code: str) -> bytes:
    return hmac.digest(derive_key("sca.activation.v1"), code.encode(), hashlib.sha256)
