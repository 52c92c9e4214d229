"""Another device for a customer's access: a wish, its signature by what he has already, and the short time after that
in which the device may be made (RTS art. 24(2)(b)). The same for passkeys, the app and tokens."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.core.errors import DomainError, NotFound
from apps.core.text import check_display_text
from apps.identity.models import PSU, User
from apps.sca.models import DeviceEnrolment, Passkey, SigningDevice
from apps.sca.rules import DeviceKind, EnrolmentStatus, Purpose, SubjectType
from apps.sca.services.authorisations import (
    fail_authorisations_of,
    finalise_authorisation,
    open_authorisation,
)
from apps.sca.services.challenges import (
    DynamicLinkBroken,
    Proof,
    consume_proof,
    fresh_nonce,
    is_proof_of,
    void_challenge,
)

DEVICES_MAX = 10
# From the signature over "a new device" until the device is made: as long as a code lives.
MAKING_MAX = timedelta(minutes=10)
_WAITING = (EnrolmentStatus.OPEN, EnrolmentStatus.SIGNED)


class TooManyDevices(DomainError):
    """The customer has as many of the kind as anybody may."""

    code = "too_many_devices"


class EnrolmentOver(DomainError):
    """The enrolment was made use of, given up, or ran out of time."""

    code = "enrolment_over"


@transaction.atomic
def start_enrolment(*, psu: PSU, kind: DeviceKind, name: str, now: datetime) -> DeviceEnrolment:
    """Note the wish for another device, and open the authorisation by which the customer signs it.

    An earlier wish that waits is closed.

    :raises TooManyDevices: he has ten.
    :raises apps.core.errors.InvalidInput: the name is empty, too long, or cannot be shown as it is.
    """
    name = check_display_text(name, field="name", max_length=40)
    User.objects.select_for_update().get(pk=psu.user_id)  # Two at once: the second sees the first.
    if _count_devices(psu.user_id, kind) >= DEVICES_MAX:
        raise TooManyDevices(str(psu.user_id))
    for earlier in DeviceEnrolment.objects.filter(user_id=psu.user_id, status__in=_WAITING):
        close_enrolment(enrolment_id=earlier.pk, user_id=psu.user_id, reason="replaced", now=now)
    enrolment = DeviceEnrolment.objects.create(
        user_id=psu.user_id, kind=kind, name=name, nonce=fresh_nonce(), created_at=now
    )
    open_authorisation(subject_type=SubjectType.DEVICE, subject_id=enrolment.pk, psu=psu, now=now)
    return enrolment


def enrolment_snapshot(*, enrolment: DeviceEnrolment) -> dict[str, Any]:
    """What the customer signs before a device is made, and what he is shown."""
    return {
        "enrolment_id": str(enrolment.pk),
        "action": f"add_{enrolment.kind}",
        "device_name": enrolment.name,
    }


def sign_enrolment(
    *, enrolment_id: UUID, authorisation_id: UUID, psu: PSU, proof: Proof, now: datetime
) -> DeviceEnrolment:
    """The customer has signed: for the next ten minutes he may make the device.

    :raises EnrolmentOver: it waits no more.
    :raises apps.sca.services.DynamicLinkBroken: what was signed is something else; it is void now.
    :raises apps.sca.services.CodeRefused: spent meanwhile.
    """
    broken = False
    with transaction.atomic():
        enrolment = lock_enrolment(enrolment_id, user_id=psu.user_id)
        if enrolment.status != EnrolmentStatus.OPEN:
            raise EnrolmentOver(enrolment.status)
        broken = (
            proof.authorisation_id != authorisation_id
            or proof.user_id != psu.user_id
            or not is_proof_of(
                proof=proof, purpose=Purpose.DEVICE, snapshot=enrolment_snapshot(enrolment=enrolment)
            )
        )
        if not broken:
            consume_proof(proof=proof, now=now)
            finalise_authorisation(
                authorisation_id=authorisation_id, psu=psu, snapshot_hash=proof.snapshot_hash, now=now
            )
            enrolment.status, enrolment.signed_at = EnrolmentStatus.SIGNED, now
            enrolment.save(update_fields=["status", "signed_at"])
    if broken:
        void_challenge(challenge_id=proof.challenge_id, reason="enrolment differs", now=now)
        raise DynamicLinkBroken(str(enrolment_id))
    return enrolment


def check_enrolment_under_way(*, enrolment: DeviceEnrolment, kind: DeviceKind, now: datetime) -> None:
    """Whether a device of this kind may be made now.

    :raises EnrolmentOver: not signed, made use of already, signed more than ten minutes ago, or of another kind.
    """
    if (
        enrolment.kind != kind
        or enrolment.status != EnrolmentStatus.SIGNED
        or enrolment.signed_at is None
        or now - enrolment.signed_at > MAKING_MAX
    ):
        raise EnrolmentOver(enrolment.status)


@transaction.atomic
def close_enrolment(
    *, enrolment_id: UUID, user_id: UUID, reason: str, if_signed: bool = True, now: datetime
) -> None:
    """Give an enrolment up; nothing when it is over, or, without ``if_signed``, when it is signed."""
    enrolment = lock_enrolment(enrolment_id, user_id=user_id)
    if enrolment.status == EnrolmentStatus.OPEN or (if_signed and enrolment.status == EnrolmentStatus.SIGNED):
        enrolment.status = EnrolmentStatus.CLOSED
        enrolment.save(update_fields=["status"])
        fail_authorisations_of(
            subject_type=SubjectType.DEVICE, subject_id=enrolment.pk, reason=reason, now=now
        )


def lock_enrolment(enrolment_id: UUID, *, user_id: UUID) -> DeviceEnrolment:
    """The customer's enrolment, locked.

    :raises NotFound: there is none, or it is another's.
    """
    enrolment = DeviceEnrolment.objects.select_for_update().filter(pk=enrolment_id, user_id=user_id).first()
    if enrolment is None:
        raise NotFound("enrolment")
    return enrolment


def _count_devices(user_id: UUID, kind: DeviceKind) -> int:
    if kind == DeviceKind.PASSKEY:
        return Passkey.objects.filter(user_id=user_id, confirmed=True).count()
    return SigningDevice.objects.filter(user_id=user_id, kind=kind, confirmed=True).count()
