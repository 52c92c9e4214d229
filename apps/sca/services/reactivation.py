"""A new number or passkey for somebody who has lost what he signs with (RTS art. 24-26).

By his password and a code that he got for that, and for nothing else.
"""

import hmac
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.db import connection, transaction
from django.db.models import F

from apps.audit.services import record_event
from apps.core.canonical import canonical_hash
from apps.core.errors import DomainError, NotFound
from apps.core.keys import derive_key
from apps.core.legal_limits import CODE_ATTEMPTS_MAX
from apps.core.text import check_display_text
from apps.identity.models import PSU, StaffProposal, User
from apps.identity.queries import get_user_by_username
from apps.identity.rules import StaffAct
from apps.identity.services import confirm_act, end_sessions, propose_act
from apps.notifications.services import enqueue_message
from apps.sca.models import (
    AuthenticationState,
    Challenge,
    DeviceEnrolment,
    Passkey,
    Reactivation,
    ReactivationCode,
    SMSDevice,
)
from apps.sca.queries import get_sms_device
from apps.sca.rules import (
    ACTIVATION_CODE_LIFE,
    REACTIVATION_LIFE,
    ChallengeStatus,
    Delivery,
    EnrolmentStatus,
    ReactivationKind,
    check_code_form,
    compute_code,
    make_reactivation_code,
    read_reactivation_code,
)
from apps.sca.services.access import hash_reactivation_code
from apps.sca.services.attempts import (
    NOTHING_FAILED,
    check_knowledge,
    inside_test_transaction,
    reserve_attempt,
    settle_failure,
)
from apps.sca.services.challenges import CodeRefused, fresh_nonce
from apps.sca.services.notices import promise_security_notice
from apps.sca.services.passkeys import add_passkey
from apps.sca.services.reopening import withdraw_number

SEND_LETTER_TASK = "sca.send_activation_letter"
SEND_NUMBER_CODE_TASK = "sca.send_number_code"
_SENDS_MAX = 3


class ReactivationOver(DomainError):
    """Its ten minutes are over, it was made use of, or too many codes were asked for or wrong."""

    code = "reactivation_over"


# Activation codes of the bank -----------------------------------------------------------------------------


def propose_activation_code(
    *, user: User, delivery: Delivery, staff_id: UUID, reason: str, now: datetime
) -> StaffProposal:
    """The first of four eyes: a customer who was identified is to get an activation code.

    :raises apps.identity.services.ProposedAlready: it waits for a second member of staff already.
    """
    return propose_act(
        act=StaffAct.ACTIVATION_CODE,
        object_type="user",
        object_id=user.pk,
        data={"delivery": delivery.value},
        reason=reason,
        staff_id=staff_id,
        now=now,
    )


@transaction.atomic
def issue_activation_code(*, proposal_id: UUID, staff_id: UUID, now: datetime) -> ReactivationCode:
    """The second of four eyes: make the code and have its letter printed; nobody at the bank reads it (S0-6). Earlier
    ones are void. The customer is told by text message, if he has a number.

    :raises apps.core.errors.NotFound: there is no such proposal.
    :raises apps.identity.services.OwnProposal: the same person proposed it.
    :raises apps.identity.services.ProposalOver: it waits no more.
    """
    proposal = confirm_act(proposal_id=proposal_id, act=StaffAct.ACTIVATION_CODE, staff_id=staff_id, now=now)
    user_id, delivery = proposal.object_id, Delivery(proposal.data["delivery"])
    ReactivationCode.objects.filter(
        user_id=user_id, kind=ReactivationKind.ACTIVATION, used_at=None, voided_at=None
    ).update(voided_at=now)
    nonce = fresh_nonce()
    code = ReactivationCode.objects.create(
        user_id=user_id,
        kind=ReactivationKind.ACTIVATION,
        delivery=delivery,
        code_hash=hash_reactivation_code(read_reactivation_code(_code_of(nonce))),
        nonce=nonce,
        made_at=now,
        expires_at=now + ACTIVATION_CODE_LIFE[delivery],
    )
    record_event(
        event="sca.activation_code.issued",
        object_type="user",
        object_id=user_id,
        actor_type="staff",
        actor_id=staff_id,
        at=now,
        data={"code": code.pk, "delivery": delivery.value, "proposed_by": proposal.proposed_by_id},
    )
    enqueue_message(
        topic=SEND_LETTER_TASK, payload={"code_id": str(code.pk)}, effect_key=f"activation:{code.pk}"
    )
    promise_security_notice(user_id=user_id, what="activation_code", now=now)
    return code


def recompute_activation_code(*, code: ReactivationCode) -> str:
    """An activation code in clear, for its letter only: made again from the nonce, since it is not stored."""
    return _code_of(bytes(code.nonce or b""))


def _code_of(nonce: bytes) -> str:
    random = hmac.digest(derive_key("sca.activation-code.v1"), nonce, "sha256")
    return make_reactivation_code(ReactivationKind.ACTIVATION, random=random)


# Beginning ------------------------------------------------------------------------------------------------


def start_reactivation(*, username: str, password: str, code: str, now: datetime) -> Reactivation:
    """Check password and code together; then there are ten minutes to register another number or passkey.

    A recovery code is an element like others: it counts with them, and opens nothing while sign-in is blocked. An
    activation code, which the bank gave to somebody it has identified, lifts a block (RTS art. 4(4)), so it is counted
    by itself: five tries by whoever holds it. Neither lifts a freeze. Must not be called inside a transaction: a
    rollback would give the attempt back.

    :raises CodeRefused: anything is wrong; nobody learns what.
    """
    if connection.in_atomic_block and not inside_test_transaction():
        raise RuntimeError("start_reactivation commits what it counts: call it outside a transaction")
    symbols = read_reactivation_code(code)
    found = (
        ReactivationCode.objects.filter(code_hash=hash_reactivation_code(symbols)).first()
        if symbols
        else None
    )
    if found is not None and found.kind == ReactivationKind.ACTIVATION:
        user = _check_activation(found, username=username, password=password, now=now)
    else:
        user = _check_recovery(found, username=username, password=password, now=now)
    if user is None or found is None:
        raise CodeRefused("password or code", is_over=False)
    return _begin(found, user=user, now=now)


def _check_recovery(
    found: ReactivationCode | None, *, username: str, password: str, now: datetime
) -> User | None:
    user = check_knowledge(username=username, password=password, now=now)
    if user is None or not reserve_attempt(user_id=user.pk, now=now):
        return None
    if found is None or found.user_id != user.pk or found.used_at or found.voided_at:
        settle_failure(user_id=user.pk, now=now, what="recovery")
        return None
    return user


def _check_activation(found: ReactivationCode, *, username: str, password: str, now: datetime) -> User | None:
    counted = ReactivationCode.objects.filter(
        pk=found.pk, used_at=None, voided_at=None, attempts__lt=CODE_ATTEMPTS_MAX, expires_at__gt=now
    ).update(attempts=F("attempts") + 1)
    user = (
        get_user_by_username(username=username) if username.isprintable() and len(username) <= 150 else None
    )
    if not counted or user is None or user.pk != found.user_id or not user.is_active:
        make_password(password)
        is_right = False
    else:
        is_right = check_password(password, user.password)
    if not is_right:
        record_event(
            event="sca.attempt.failed",
            object_type="user",
            object_id=found.user_id,
            actor_type="anonymous",
            at=now,
            data={"element": "activation"},
        )
    return user if is_right else None


@transaction.atomic
def _begin(code: ReactivationCode, *, user: User, now: datetime) -> Reactivation:
    unspent = ReactivationCode.objects.filter(pk=code.pk, used_at=None, voided_at=None)
    if not PSU.objects.filter(user=user).exists() or not unspent.update(used_at=now):
        raise CodeRefused("used meanwhile", is_over=False)
    AuthenticationState.objects.get_or_create(user=user)
    success = NOTHING_FAILED | (
        {"blocked_for_good": False} if code.kind == ReactivationKind.ACTIVATION else {}
    )
    if not AuthenticationState.objects.filter(user=user, frozen_at=None).update(**success):
        raise CodeRefused("frozen", is_over=False)
    reactivation = Reactivation.objects.create(
        user=user, code=code, started_at=now, expires_at=now + REACTIVATION_LIFE
    )
    record_event(
        event="sca.reactivation.started",
        object_type="user",
        object_id=user.pk,
        actor_type="psu",
        actor_id=user.pk,
        at=now,
        data={"kind": code.kind, "code": code.pk},
    )
    promise_security_notice(user_id=user.pk, what="reactivation", now=now)
    return reactivation


# Another number -------------------------------------------------------------------------------------------


@transaction.atomic
def send_number_code(*, reactivation_id: UUID, phone_number: str, now: datetime) -> None:
    """Send a code to the number that is to be registered, so that nobody registers another's by a slip.

    :raises ReactivationOver: see there.
    """
    reactivation = _lock(reactivation_id, now=now)
    if reactivation.sends >= _SENDS_MAX:
        raise ReactivationOver("too many codes")
    reactivation.phone_number, reactivation.nonce = phone_number, fresh_nonce()
    reactivation.sends += 1
    reactivation.save(update_fields=["phone_number", "nonce", "sends"])
    enqueue_message(
        topic=SEND_NUMBER_CODE_TASK,
        payload={"reactivation_id": str(reactivation.pk), "number": str(reactivation.sends)},
        effect_key=f"reactivation:{reactivation.pk}:{reactivation.sends}",
    )


def compute_number_code(*, reactivation: Reactivation) -> str:
    """The code that goes to the new number: over that number, not stored."""
    return compute_code(
        key=derive_key("sca.number-code.v1"),
        nonce=bytes(reactivation.nonce or b""),
        snapshot_hash=canonical_hash(
            {"reactivation": str(reactivation.pk), "number": reactivation.phone_number}
        ),
    )


def confirm_number(*, reactivation_id: UUID, code: str, now: datetime) -> SMSDevice:
    """Register the new number in place of the old one, after its code was right. Every session ends; the customer is
    told at both numbers. For ``SCA_COOL_DOWN_HOURS`` its codes sign in and sign nothing (S1-25). The try is committed
    before it is compared: not to be called inside a transaction.

    :raises apps.sca.rules.CodeMalformed: not six digits; nothing counted.
    :raises CodeRefused: not the code.
    :raises ReactivationOver: see there.
    """
    if connection.in_atomic_block and not inside_test_transaction():
        raise RuntimeError("confirm_number commits what it counts: call it outside a transaction")
    code = check_code_form(code)
    counted = Reactivation.objects.filter(
        pk=reactivation_id, done_at=None, expires_at__gt=now, attempts__lt=CODE_ATTEMPTS_MAX, sends__gt=0
    ).update(attempts=F("attempts") + 1)
    if not counted:
        raise ReactivationOver(str(reactivation_id))
    with transaction.atomic():
        reactivation = _lock(reactivation_id, now=now)
        if hmac.compare_digest(code, compute_number_code(reactivation=reactivation)):
            return _replace_number(reactivation, now=now)
    raise CodeRefused("wrong code", is_over=reactivation.attempts >= CODE_ATTEMPTS_MAX)


def _replace_number(reactivation: Reactivation, *, now: datetime) -> SMSDevice:
    user_id = reactivation.user_id
    old = get_sms_device(user_id=user_id)
    Challenge.objects.filter(user_id=user_id, status=ChallengeStatus.OPEN).update(
        status=ChallengeStatus.VOIDED
    )
    _check_not_frozen(user_id)
    if old is not None:
        withdraw_number(device=old, reason="replaced", now=now)
        promise_security_notice(user_id=user_id, what="number_changed", device_id=old.pk, now=now)
    device = SMSDevice.objects.create(
        user_id=user_id,
        name="SMS",
        confirmed=True,
        phone_number=reactivation.phone_number,
        enrolled_at=now,
        cools_until=_cool_down_end(now),
    )
    _finish(reactivation, now=now)
    record_event(
        event="sca.device.enrolled",
        object_type="user",
        object_id=user_id,
        actor_type="psu",
        actor_id=user_id,
        at=now,
        data={"method": "SMS_OTP", "number": device.masked_number, "reactivation": reactivation.pk},
    )
    promise_security_notice(user_id=user_id, what="number_changed", now=now)
    return device


# Another passkey ------------------------------------------------------------------------------------------


@transaction.atomic
def enrolment_of_reactivation(*, reactivation_id: UUID, now: datetime) -> DeviceEnrolment:
    """The enrolment by which a passkey is made here and now; password and code stand for its signature.

    :raises ReactivationOver: see there.
    """
    reactivation = _lock(reactivation_id, now=now)
    name = check_display_text("Re-activated device", field="name", max_length=40)
    enrolment, _ = DeviceEnrolment.objects.get_or_create(
        user_id=reactivation.user_id,
        status=EnrolmentStatus.SIGNED,
        signed_at=reactivation.started_at,
        defaults={"name": name, "nonce": fresh_nonce(), "created_at": now},
    )
    return enrolment


@transaction.atomic
def add_reactivated_passkey(
    *, reactivation_id: UUID, enrolment_id: UUID, psu: PSU, answer: str, now: datetime
) -> Passkey:
    """Take the passkey that the device has made. It cools down like a number, and every session ends.

    :raises ReactivationOver: see there.
    :raises apps.sca.services.PasskeyAnswerMalformed: see :func:`add_passkey`, as of the other errors.
    """
    reactivation = _lock(reactivation_id, now=now)
    if reactivation.user_id != psu.user_id:
        raise NotFound("reactivation")
    passkey = add_passkey(enrolment_id=enrolment_id, psu=psu, answer=answer, now=now)
    passkey.cools_until = _cool_down_end(now)
    passkey.save(update_fields=["cools_until"])
    _finish(reactivation, now=now)
    return passkey


def _cool_down_end(now: datetime) -> datetime:
    return now + timedelta(hours=settings.SCA_COOL_DOWN_HOURS)


def _finish(reactivation: Reactivation, *, now: datetime) -> None:
    reactivation.done_at = now
    reactivation.save(update_fields=["done_at"])
    end_sessions(user_id=reactivation.user_id, actor_type="psu", actor_id=reactivation.user_id, now=now)


def _check_not_frozen(user_id: UUID) -> None:
    state = AuthenticationState.objects.select_for_update(no_key=True).filter(user_id=user_id).first()
    if state is not None and state.frozen_at is not None:
        raise ReactivationOver("frozen meanwhile")


def _lock(reactivation_id: UUID, *, now: datetime) -> Reactivation:
    reactivation = Reactivation.objects.select_for_update().filter(pk=reactivation_id, done_at=None).first()
    if reactivation is None or reactivation.expires_at <= now:
        raise ReactivationOver(str(reactivation_id))
    return reactivation
