"""What a customer adds to his access by a signature, beside passkeys: recovery codes, an app for signing in.

RTS art. 24(2)(b).
"""

import hmac
import secrets
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.audit.services import record_event
from apps.core.errors import DomainError, NotFound
from apps.core.keys import derive_key
from apps.identity.models import PSU, User
from apps.sca.authenticator_secrets import seal_secret
from apps.sca.models import AccessChange, AuthenticationState, ReactivationCode, SignInApp
from apps.sca.queries import get_sign_in_app
from apps.sca.rules import (
    RECOVERY_CODES_COUNT,
    AccessAction,
    EnrolmentStatus,
    Purpose,
    ReactivationKind,
    SubjectType,
    check_code_form,
    make_reactivation_code,
    read_reactivation_code,
)
from apps.sca.services.authorisations import (
    fail_authorisations_of,
    finalise_authorisation,
    open_authorisation,
)
from apps.sca.services.challenges import (
    CodeRefused,
    DynamicLinkBroken,
    Proof,
    consume_proof,
    is_proof_of,
    void_challenge,
)
from apps.sca.services.notices import promise_security_notice

# From the signature until the codes are shown or the app is set up: as long as a code lives.
_MAKING_MAX = timedelta(minutes=10)
_WAITING = (EnrolmentStatus.OPEN, EnrolmentStatus.SIGNED)


class AccessChangeOver(DomainError):
    """The change was made, given up, replaced, not signed, or signed too long ago."""

    code = "access_change_over"


@transaction.atomic
def start_access_change(*, psu: PSU, action: AccessAction, now: datetime) -> AccessChange:
    """Note what the customer wants, and open the authorisation by which he signs it. An earlier wish is closed."""
    User.objects.select_for_update().get(pk=psu.user_id)  # Two at once: the second sees the first.
    for earlier in AccessChange.objects.filter(user_id=psu.user_id, status__in=_WAITING):
        close_access_change(change_id=earlier.pk, user_id=psu.user_id, reason="replaced", now=now)
    change = AccessChange.objects.create(user_id=psu.user_id, action=action, created_at=now)
    open_authorisation(subject_type=SubjectType.ACCESS, subject_id=change.pk, psu=psu, now=now)
    return change


def access_snapshot(*, change: AccessChange) -> dict[str, Any]:
    """What the customer signs, and what he is shown."""
    return {"change_id": str(change.pk), "action": change.action}


def sign_access_change(
    *, change_id: UUID, authorisation_id: UUID, psu: PSU, proof: Proof, now: datetime
) -> AccessChange:
    """The customer has signed: for the next ten minutes it may be made.

    :raises AccessChangeOver: it waits no more.
    :raises DynamicLinkBroken: what was signed is something else; it is void now.
    :raises CodeRefused: spent meanwhile, or what signs cools down.
    """
    with transaction.atomic():
        change = _lock_change(change_id, user_id=psu.user_id)
        if change.status != EnrolmentStatus.OPEN:
            raise AccessChangeOver(change.status)
        broken = (
            proof.authorisation_id != authorisation_id
            or proof.user_id != psu.user_id
            or not is_proof_of(proof=proof, purpose=Purpose.ACCESS, snapshot=access_snapshot(change=change))
        )
        if not broken:
            consume_proof(proof=proof, now=now)
            finalise_authorisation(
                authorisation_id=authorisation_id, psu=psu, snapshot_hash=proof.snapshot_hash, now=now
            )
            change.status, change.signed_at = EnrolmentStatus.SIGNED, now
            change.save(update_fields=["status", "signed_at"])
    if broken:
        void_challenge(challenge_id=proof.challenge_id, reason="change differs", now=now)
        raise DynamicLinkBroken(str(change_id))
    return change


@transaction.atomic
def close_access_change(
    *, change_id: UUID, user_id: UUID, reason: str, if_signed: bool = True, now: datetime
) -> None:
    """Give it up; nothing when it is over, or, without ``if_signed``, when it is signed."""
    change = _lock_change(change_id, user_id=user_id)
    if change.status == EnrolmentStatus.OPEN or (if_signed and change.status == EnrolmentStatus.SIGNED):
        change.status = EnrolmentStatus.CLOSED
        change.save(update_fields=["status"])
        fail_authorisations_of(subject_type=SubjectType.ACCESS, subject_id=change.pk, reason=reason, now=now)


@transaction.atomic
def make_recovery_codes(*, change_id: UUID, psu: PSU, now: datetime) -> list[str]:
    """Ten new codes, in clear this once; those made before are void. The customer is told.

    :raises AccessChangeOver: not signed, made already, too long ago, or frozen meanwhile.
    """
    _take_signed(change_id, action=AccessAction.RECOVERY_CODES, psu=psu, now=now)
    void_recovery_codes(user_id=psu.user_id, now=now)
    codes = [
        make_reactivation_code(ReactivationKind.RECOVERY, random=secrets.token_bytes(15))
        for _ in range(RECOVERY_CODES_COUNT)
    ]
    ReactivationCode.objects.bulk_create(
        ReactivationCode(
            user_id=psu.user_id,
            kind=ReactivationKind.RECOVERY,
            code_hash=hash_reactivation_code(read_reactivation_code(code)),
            made_at=now,
        )
        for code in codes
    )
    _record(event="sca.recovery_codes.made", psu=psu, change_id=change_id, now=now)
    promise_security_notice(user_id=psu.user_id, what="recovery_codes", now=now)
    return codes


def void_recovery_codes(*, user_id: UUID, now: datetime) -> None:
    """No recovery code made before opens anything."""
    ReactivationCode.objects.filter(
        user_id=user_id, kind=ReactivationKind.RECOVERY, used_at=None, voided_at=None
    ).update(voided_at=now)


@transaction.atomic
def add_sign_in_app(*, change_id: UUID, psu: PSU, secret: bytes, code: str, now: datetime) -> SignInApp:
    """Take the app as a way to sign in, once it has shown a right code; an earlier one goes. The customer is told.

    :raises apps.sca.rules.CodeMalformed: not six digits.
    :raises CodeRefused: not the code of this secret at this time.
    :raises AccessChangeOver: not signed, made already, too long ago, or frozen meanwhile.
    """
    code = check_code_form(code)
    _take_signed(change_id, action=AccessAction.SIGN_IN_APP, psu=psu, now=now)
    SignInApp.objects.filter(user_id=psu.user_id, name=SignInApp.NAME).delete()
    app = SignInApp(
        user_id=psu.user_id,
        name=SignInApp.NAME,
        confirmed=True,
        key=seal_secret(secret, owner=str(psu.user_id)),
    )
    # Real time, not the bank's: the app cannot know of a clock that was moved. Saves the device if it is right.
    if not app.verify_token(code):
        raise CodeRefused("not the code of this secret", is_over=False)
    _record(event="sca.device.enrolled", psu=psu, change_id=change_id, now=now, method="TOTP")
    promise_security_notice(user_id=psu.user_id, what="app_added", now=now)
    return app


@transaction.atomic
def remove_sign_in_app(*, user_id: UUID, actor_type: str, now: datetime) -> None:
    """The app opens nothing any more, and the sessions that it opened end with its row. Nothing when there is none."""
    app = get_sign_in_app(user_id=user_id)
    if app is None:
        return
    app.delete()
    record_event(
        event="sca.device.withdrawn",
        object_type="user",
        object_id=user_id,
        actor_type=actor_type,
        actor_id=user_id if actor_type == "psu" else "",
        at=now,
        data={"method": "TOTP", "reason": "removed"},
    )
    promise_security_notice(user_id=user_id, what="app_removed", now=now)


def hash_reactivation_code(symbols: str) -> bytes:
    """The keyed hash by which a code is found; of 75 random bits, so that nobody finds one by trying."""
    return hmac.digest(derive_key("sca.reactivation-code.v1"), symbols.encode(), "sha256")


def _take_signed(change_id: UUID, *, action: AccessAction, psu: PSU, now: datetime) -> None:
    change = _lock_change(change_id, user_id=psu.user_id)
    is_signed = change.status == EnrolmentStatus.SIGNED and change.signed_at is not None
    if change.action != action or not is_signed or now - change.signed_at > _MAKING_MAX:  # type: ignore[operator]
        raise AccessChangeOver(change.status)
    # Under a lock, as where something is signed: a freeze waits for this to end, or this finds it.
    state = AuthenticationState.objects.select_for_update(no_key=True).filter(user_id=psu.user_id).first()
    if state is not None and state.frozen_at is not None:
        raise AccessChangeOver("frozen meanwhile")
    change.status = EnrolmentStatus.DONE
    change.save(update_fields=["status"])


def _lock_change(change_id: UUID, *, user_id: UUID) -> AccessChange:
    change = AccessChange.objects.select_for_update().filter(pk=change_id, user_id=user_id).first()
    if change is None:
        raise NotFound("change")
    return change


def _record(*, event: str, psu: PSU, change_id: UUID, now: datetime, **data: Any) -> None:
    record_event(
        event=event,
        object_type="user",
        object_id=psu.user_id,
        actor_type="psu",
        actor_id=psu.pk,
        at=now,
        data={"change": change_id, **data},
    )
