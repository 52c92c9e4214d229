"""Customers who have a passkey, got by the way by which anybody gets one."""

from datetime import datetime

from apps.identity.models import PSU
from apps.sca.models import DeviceEnrolment
from apps.sca.queries import list_authorisations
from apps.sca.rules import AuthenticationMethod, DeviceKind, Purpose, SubjectType
from apps.sca.services import (
    add_passkey,
    check_passkey,
    enrolment_snapshot,
    issue_challenge,
    passkey_creation,
    passkey_request,
    sign_enrolment,
    start_enrolment,
)
from tests.factories.accounts import NOW
from tests.factories.payments import proof_for
from tests.sca.device import Device


def signed_enrolment(
    psu: PSU,
    *,
    kind: DeviceKind = DeviceKind.PASSKEY,
    name: str = "Laptop",
    by: Device | None = None,
    now: datetime = NOW,
) -> DeviceEnrolment:
    """A wish for a device that its customer has signed, by a code or by a passkey that he has."""
    enrolment = start_enrolment(psu=psu, kind=kind, name=name, now=now)
    [authorisation] = list_authorisations(subject_type=SubjectType.DEVICE, subject_id=enrolment.pk)
    challenge_id = issue_challenge(
        user=psu.user,
        purpose=Purpose.DEVICE,
        snapshot=enrolment_snapshot(enrolment=enrolment),
        method=AuthenticationMethod.PASSKEY if by else AuthenticationMethod.SMS_OTP,
        authorisation_id=authorisation.pk,
        hide_limit=False,
        now=now,
    )
    if by is None:
        proof = proof_for(challenge_id, now=now)
    else:
        answer = by.sign(passkey_request(challenge_id=challenge_id))
        proof = check_passkey(challenge_id=challenge_id, answer=answer, now=now)
    return sign_enrolment(
        enrolment_id=enrolment.pk, authorisation_id=authorisation.pk, psu=psu, proof=proof, now=now
    )


def give_passkey(psu: PSU, device: Device | None = None, *, now: datetime = NOW) -> Device:
    """A device whose key is the customer's."""
    device = device or Device()
    enrolment = signed_enrolment(psu, now=now)
    answer = device.make(passkey_creation(enrolment=enrolment, psu=psu))
    add_passkey(enrolment_id=enrolment.pk, psu=psu, answer=answer, now=now)
    return device
