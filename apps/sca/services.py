import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.db import connection, transaction
from django.db.models import F

from apps.audit.services import record_event
from apps.core.canonical import canonical_hash
from apps.core.errors import DomainError, InvalidInput
from apps.core.ids import new_id
from apps.core.keys import derive_key
from apps.identity.models import PSU, User
from apps.identity.queries import get_user_by_username
from apps.notifications.services import enqueue_message
from apps.sca.authenticator_secrets import AUTHENTICATOR_SECRET_BYTES, seal_secret
from apps.sca.models import AuthenticationState, AuthenticatorDevice, Challenge, SCAAuthorisation, SMSDevice
from apps.sca.queries import get_authenticator, get_sms_device
from apps.sca.rules import (
    FINAL_STATUSES,
    ChallengeStatus,
    Purpose,
    SCAStatus,
    SubjectType,
    block_until,
    check_code_form,
    compute_code,
    hash_code,
    may_change_status,
)

SEND_CODE_TASK = "sca.send_code"
SEND_BLOCK_NOTICE_TASK = "sca.send_block_notice"
SENDS_WINDOW = timedelta(minutes=10)


class CodeRefused(DomainError):
    """The code does not open this: wrong, used, expired, dead, of a decoy, or sign-in is paused.

    One error for all, since nobody may learn which element was wrong (RTS art. 4(3)(a)). ``detail`` says it to
    the log.
    """

    code = "code_refused"

    def __init__(self, detail: str = "", *, is_over: bool) -> None:
        super().__init__(detail)
        self.is_over = is_over


class DynamicLinkBroken(DomainError):
    """What is to be authorised is not what the code was made for; the code is void (RTS art. 5(1)(d))."""

    code = "dynamic_link_broken"


class TooManyCodes(DomainError):
    """Too many codes were asked for in the last ten minutes; none was sent."""

    code = "too_many_codes"


class AuthenticatorNotAllowed(InvalidInput):
    """The log-in is a customer's, and no authenticator app may stand for a customer (S1-19); or it has one already."""

    code = "authenticator_not_allowed"


class AuthorisationOver(DomainError):
    """The authorisation is finalised, failed or expired; nothing can be done with it."""

    code = "authorisation_over"


@dataclass(frozen=True, slots=True)
class Proof:
    """That a customer returned the right code, not yet spent. Spend it with :func:`consume_proof`."""

    challenge_id: UUID
    user_id: UUID
    purpose: str
    snapshot_hash: bytes
    authorisation_id: UUID | None


def check_knowledge(*, username: str, password: str, now: datetime) -> User | None:
    """Check user ID and password: the knowledge element. None when anything is wrong; the caller shows no sign of it.

    A wrong password counts as a failure in a row before it is compared, so that parallel guesses cannot slip past
    (RTS art. 4(3)(b)). The same work is done for unknown and for paused log-ins.
    """
    user = (
        get_user_by_username(username=username) if username.isprintable() and len(username) <= 150 else None
    )
    usable = user is not None and user.is_active and _reserve_attempt(user_id=user.pk, now=now)
    if user is None or not usable:
        make_password(password)
        return None
    if not check_password(password, user.password):
        _settle_failure(user_id=user.pk, now=now, what="password")
        return None
    _release_attempt(user_id=user.pk)
    return user


@transaction.atomic
def open_authorisation(
    *, subject_type: SubjectType, subject_id: UUID, psu: PSU | None = None, now: datetime
) -> SCAAuthorisation:
    """Start an authorisation of a consent or payment; it ends unused after ``SCA_AUTHORISATION_TTL_SECONDS``."""
    authorisation = SCAAuthorisation.objects.create(
        subject_type=subject_type,
        subject_id=subject_id,
        psu=psu,
        sca_status=SCAStatus.PSU_IDENTIFIED if psu else SCAStatus.RECEIVED,
        created_at=now,
        expires_at=now + timedelta(seconds=settings.SCA_AUTHORISATION_TTL_SECONDS),
    )
    _record_authorisation(authorisation, event="sca.authorisation.opened", now=now)
    return authorisation


@transaction.atomic
def send_code(
    *,
    user: User | None,
    purpose: Purpose,
    snapshot: dict[str, Any],
    authorisation_id: UUID | None = None,
    hide_limit: bool = True,
    now: datetime,
) -> UUID:
    """Make a code over ``snapshot`` and promise its delivery; returns the challenge's id.

    ``user`` None makes a decoy: it looks the same, nothing is sent, no code matches. A customer who is paused, has
    no number or asked too often gets a decoy too, unless ``hide_limit`` is False (he is signed in, there is nothing
    to hide from him). An earlier open code for the same authorisation is void from now on.

    :raises TooManyCodes: with ``hide_limit=False`` only.
    :raises AuthorisationOver: the authorisation is final or expired.
    """
    if authorisation_id is not None:
        authorisation = SCAAuthorisation.objects.select_for_update().get(pk=authorisation_id)
        if not authorisation.is_open or authorisation.expires_at <= now:
            raise AuthorisationOver(str(authorisation_id))
        Challenge.objects.filter(authorisation_id=authorisation_id, status=ChallengeStatus.OPEN).update(
            status=ChallengeStatus.VOIDED
        )
        authorisation.sca_status = SCAStatus.SCA_METHOD_SELECTED
        authorisation.save(update_fields=["sca_status"])
    recipient = user if user is not None and _may_receive_code(user=user, now=now) else None
    if recipient is None and user is not None and not hide_limit:
        raise TooManyCodes(str(user.pk))
    challenge_id, nonce = new_id(), secrets.token_bytes(32)
    snapshot = {"purpose": purpose.value, **snapshot}
    snapshot_hash = canonical_hash(snapshot)
    code = compute_code(key=_code_key(), nonce=nonce, snapshot_hash=snapshot_hash)
    challenge = Challenge.objects.create(
        id=challenge_id,
        authorisation_id=authorisation_id,
        user=recipient,
        purpose=purpose,
        snapshot=snapshot,
        snapshot_hash=snapshot_hash,
        nonce=nonce,
        code_hash=hash_code(
            key=_hash_key(), challenge_id=str(challenge_id), snapshot_hash=snapshot_hash, code=code
        ),
        generated_at=now,
        expires_at=now + timedelta(seconds=settings.SCA_CODE_TTL_SECONDS),
    )
    record_event(
        event="sca.challenge.issued" if recipient else "sca.challenge.decoy",
        object_type="challenge",
        object_id=challenge.pk,
        actor_type="psu" if recipient else "anonymous",
        actor_id=recipient.pk if recipient else "",
        at=now,
        data={
            "purpose": purpose.value,
            "method": challenge.method,
            "authorisation": authorisation_id,
            "snapshot_sha256": snapshot_hash.hex(),
        },
    )
    if recipient is not None:
        enqueue_message(
            topic=SEND_CODE_TASK,
            payload={"challenge_id": str(challenge.pk)},
            effect_key=f"challenge:{challenge.pk}",
        )
    return challenge.pk


def check_code(*, challenge_id: UUID, code: str, now: datetime) -> Proof:
    """Compare a code with its challenge. The attempt is counted and committed before it is compared.

    Counting first, each in one statement, holds the bounds at any concurrency: five per code, five in a row per
    log-in (RTS art. 4(3)(b), S1-5). Must not be called inside a transaction: a rollback would give the attempt back.

    :raises apps.sca.rules.CodeMalformed: not six digits; nothing counted.
    :raises CodeRefused: anything else; ``is_over`` tells that no further try can succeed.
    """
    if connection.in_atomic_block and not _inside_test_transaction():
        raise RuntimeError("check_code commits what it counts: call it outside a transaction")
    code = check_code_form(code)
    challenge = _count_attempt(challenge_id=challenge_id, now=now)
    if challenge is None:
        raise CodeRefused("challenge is not open", is_over=True)
    is_last = challenge.attempts >= settings.SCA_MAX_ATTEMPTS
    given = hash_code(
        key=_hash_key(),
        challenge_id=str(challenge.pk),
        snapshot_hash=bytes(challenge.snapshot_hash),
        code=code,
    )
    matches = hmac.compare_digest(given, bytes(challenge.code_hash))
    if challenge.user_id is not None and not _reserve_attempt(user_id=challenge.user_id, now=now):
        if is_last and not matches:
            # The fifth wrong try kills the code, paused or not: a decoy's end must not look different (N7).
            _kill(challenge)
        raise CodeRefused("sign-in is paused", is_over=True)
    if challenge.user_id is None or not matches:
        raise _counted_refusal(challenge=challenge, is_last=is_last, now=now)
    return Proof(
        challenge_id=challenge.pk,
        user_id=challenge.user_id,
        purpose=challenge.purpose,
        snapshot_hash=bytes(challenge.snapshot_hash),
        authorisation_id=challenge.authorisation_id,
    )


def is_proof_of(*, proof: Proof, purpose: Purpose, snapshot: dict[str, Any]) -> bool:
    """Whether the code was made for exactly this purpose and snapshot (RTS art. 5(1)(c))."""
    expected = canonical_hash({"purpose": purpose.value, **snapshot})
    return proof.purpose == purpose and hmac.compare_digest(expected, proof.snapshot_hash)


def consume_proof(*, proof: Proof, now: datetime) -> None:
    """Spend the code, in the transaction of what it authorises: once, even for two at the same moment.

    Failures in a row start again from zero.

    :raises CodeRefused: it was spent, voided or expired meanwhile.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("a proof is spent in the transaction of what it authorises")
    spent = Challenge.objects.filter(
        pk=proof.challenge_id, status=ChallengeStatus.OPEN, expires_at__gt=now
    ).update(status=ChallengeStatus.USED, used_at=now)
    if not spent:
        raise CodeRefused("already used", is_over=True)
    AuthenticationState.objects.filter(user_id=proof.user_id).update(
        consecutive_failures=0, block_level=0, blocked_until=None
    )
    record_event(
        event="sca.challenge.used",
        object_type="challenge",
        object_id=proof.challenge_id,
        actor_type="psu",
        actor_id=proof.user_id,
        at=now,
        data={"snapshot_sha256": proof.snapshot_hash.hex(), "elements": ["knowledge", "possession"]},
    )


@transaction.atomic
def void_challenge(*, challenge_id: UUID, reason: str, now: datetime) -> None:
    """Make a code worthless because what it was for has changed (RTS art. 5(1)(d))."""
    if Challenge.objects.filter(pk=challenge_id, status=ChallengeStatus.OPEN).update(
        status=ChallengeStatus.VOIDED
    ):
        record_event(
            event="sca.challenge.voided",
            object_type="challenge",
            object_id=challenge_id,
            actor_type="system",
            at=now,
            data={"reason": reason},
        )


@transaction.atomic
def note_psu_authenticated(*, authorisation_id: UUID, psu: PSU, now: datetime) -> SCAAuthorisation:
    """Note who is authorising, once his knowledge element was right.

    :raises AuthorisationOver: final or expired.
    """
    authorisation = _lock_open_authorisation(authorisation_id=authorisation_id, now=now)
    authorisation.psu = psu
    if may_change_status(current=authorisation.sca_status, new=SCAStatus.PSU_AUTHENTICATED):
        authorisation.sca_status = SCAStatus.PSU_AUTHENTICATED
    authorisation.save(update_fields=["psu", "sca_status"])
    return authorisation


@transaction.atomic
def finalise_authorisation(
    *, authorisation_id: UUID, psu: PSU, snapshot_hash: bytes, now: datetime
) -> SCAAuthorisation:
    """Close an authorisation after a code was spent for it; two elements are on record.

    :raises AuthorisationOver: final or expired.
    """
    authorisation = _lock_open_authorisation(authorisation_id=authorisation_id, now=now)
    authorisation.psu = psu
    authorisation.sca_status = SCAStatus.FINALISED
    authorisation.finalised_at = now
    authorisation.elements = ["knowledge", "possession"]
    authorisation.snapshot_hash = snapshot_hash
    authorisation.save()
    _record_authorisation(authorisation, event="sca.authorisation.finalised", now=now)
    return authorisation


@transaction.atomic
def note_code_accepted(
    *, authorisation_id: UUID, psu: PSU, snapshot_hash: bytes, now: datetime
) -> SCAAuthorisation:
    """The code was right and a confirmation is still to be given (scaStatus ``unconfirmed``; consents, S0-26).

    :raises AuthorisationOver: final or expired.
    """
    authorisation = _lock_open_authorisation(authorisation_id=authorisation_id, now=now)
    authorisation.psu = psu
    authorisation.sca_status = SCAStatus.UNCONFIRMED
    authorisation.snapshot_hash = snapshot_hash
    authorisation.save(update_fields=["psu", "sca_status", "snapshot_hash"])
    return authorisation


@transaction.atomic
def fail_authorisation(*, authorisation_id: UUID, reason: str, now: datetime) -> None:
    """End an authorisation without success; its open code is void. A final one stays as it is."""
    authorisation = SCAAuthorisation.objects.select_for_update().get(pk=authorisation_id)
    if not authorisation.is_open:
        return
    authorisation.sca_status = SCAStatus.FAILED
    authorisation.save(update_fields=["sca_status"])
    Challenge.objects.filter(authorisation=authorisation, status=ChallengeStatus.OPEN).update(
        status=ChallengeStatus.VOIDED
    )
    _record_authorisation(authorisation, event="sca.authorisation.failed", now=now, reason=reason)


def fail_authorisations_of(
    *, subject_type: SubjectType, subject_id: UUID, reason: str, now: datetime
) -> None:
    """End every open authorisation of a consent or payment that came to its end."""
    open_ids = (
        SCAAuthorisation.objects.filter(subject_type=subject_type, subject_id=subject_id)
        .exclude(sca_status__in=FINAL_STATUSES)
        .values_list("pk", flat=True)
    )
    for authorisation_id in list(open_ids):
        fail_authorisation(authorisation_id=authorisation_id, reason=reason, now=now)


def expire_authorisations(*, now: datetime) -> int:
    """Fail what was left lying; returns how many."""
    due = list(
        SCAAuthorisation.objects.filter(expires_at__lte=now)
        .exclude(sca_status__in=FINAL_STATUSES)
        .values_list("pk", flat=True)[:500]
    )
    for authorisation_id in due:
        fail_authorisation(authorisation_id=authorisation_id, reason="expired", now=now)
    return len(due)


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


def check_authenticator_code(*, user_id: UUID | None, code: str, now: datetime) -> AuthenticatorDevice | None:
    """Check the code of an authenticator app, after :func:`check_knowledge`. None when anything is wrong.

    Failures count in the same five in a row as passwords and text-message codes (RTS art. 4(3)(b)), each before it
    is compared; a success starts the count anew. A code works once. ``user_id`` None is the decoy: always None.
    Must not be called inside a transaction: a rollback would give the attempt back.

    :raises apps.sca.rules.CodeMalformed: not six digits; nothing counted.
    """
    if connection.in_atomic_block and not _inside_test_transaction():
        raise RuntimeError("check_authenticator_code commits what it counts: call it outside a transaction")
    code = check_code_form(code)
    if (
        user_id is None
        or get_authenticator(user_id=user_id) is None
        or not _reserve_attempt(user_id=user_id, now=now)
    ):
        return None
    with transaction.atomic():
        device = AuthenticatorDevice.objects.select_for_update().get(user_id=user_id, confirmed=True)
        if device.verify_token(code):
            AuthenticationState.objects.filter(user_id=user_id).update(
                consecutive_failures=0, block_level=0, blocked_until=None
            )
            record_event(
                event="sca.authenticator.used",
                object_type="user",
                object_id=user_id,
                actor_type="member",
                actor_id=user_id,
                at=now,
                data={"elements": ["knowledge", "possession"]},
            )
            return device
    _settle_failure(user_id=user_id, now=now, what="authenticator")
    return None


@transaction.atomic
def reopen_sign_in(*, user_id: UUID, staff_id: UUID, reason: str, now: datetime) -> None:
    """Lift a pause of sign-in, after staff made sure who asks (RTS art. 4(4))."""
    AuthenticationState.objects.filter(user_id=user_id).update(
        consecutive_failures=0, block_level=0, blocked_until=None, blocked_for_good=False
    )
    record_event(
        event="sca.sign_in.reopened",
        object_type="user",
        object_id=user_id,
        actor_type="staff",
        actor_id=staff_id,
        at=now,
        data={"reason": reason},
    )


def recompute_code(*, challenge: Challenge) -> str:
    """The code of a challenge, for its delivery only: made again from nonce and snapshot, since it is not stored."""
    return compute_code(
        key=_code_key(), nonce=bytes(challenge.nonce), snapshot_hash=canonical_hash(challenge.snapshot)
    )


def _code_key() -> bytes:
    return derive_key("sca.code.v1")


def _hash_key() -> bytes:
    return derive_key("sca.code-hash.v1")


def _inside_test_transaction() -> bool:
    """A test case's own outer transaction, which Django marks, is not the caller's."""
    return all(getattr(block, "_from_testcase", False) for block in connection.atomic_blocks)


def _lock_open_authorisation(*, authorisation_id: UUID, now: datetime) -> SCAAuthorisation:
    authorisation = SCAAuthorisation.objects.select_for_update().get(pk=authorisation_id)
    if not authorisation.is_open or authorisation.expires_at <= now:
        raise AuthorisationOver(str(authorisation_id))
    return authorisation


def _may_receive_code(*, user: User, now: datetime) -> bool:
    # The row lock makes the count of sends exact; the state row is made on first use.
    AuthenticationState.objects.get_or_create(user=user)
    state = AuthenticationState.objects.select_for_update().get(user=user)
    if state.blocked_for_good or (state.blocked_until is not None and state.blocked_until > now):
        return False
    if get_sms_device(user_id=user.pk) is None:
        return False
    recent = Challenge.objects.filter(user=user, generated_at__gt=now - SENDS_WINDOW).count()
    return recent < settings.SCA_SENDS_PER_10_MINUTES


def _count_attempt(*, challenge_id: UUID, now: datetime) -> Challenge | None:
    counted = Challenge.objects.filter(
        pk=challenge_id,
        status=ChallengeStatus.OPEN,
        attempts__lt=settings.SCA_MAX_ATTEMPTS,
        expires_at__gt=now,
    ).update(attempts=F("attempts") + 1)
    return Challenge.objects.get(pk=challenge_id) if counted else None


def _reserve_attempt(*, user_id: UUID, now: datetime) -> bool:
    """Count one failure in advance; False when five are counted or sign-in is paused."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO sca_authenticationstate AS s
                (user_id, consecutive_failures, block_level, blocked_for_good) VALUES (%s, 1, 0, false)
            ON CONFLICT (user_id) DO UPDATE SET consecutive_failures = s.consecutive_failures + 1
            WHERE s.consecutive_failures < %s AND NOT s.blocked_for_good
              AND (s.blocked_until IS NULL OR s.blocked_until <= %s)
            RETURNING consecutive_failures
            """,
            [user_id, settings.SCA_MAX_ATTEMPTS, now],
        )
        return cursor.fetchone() is not None


def _release_attempt(*, user_id: UUID) -> None:
    """Give back a reservation whose element was right; only a whole success starts the count anew (N6)."""
    AuthenticationState.objects.filter(user_id=user_id, consecutive_failures__gt=0).update(
        consecutive_failures=F("consecutive_failures") - 1
    )


@transaction.atomic
def _settle_failure(*, user_id: UUID, now: datetime, what: str) -> bool:
    """Record a counted failure; the fifth in a row pauses sign-in and tells the customer (RTS art. 4(4))."""
    state = AuthenticationState.objects.select_for_update().get(user_id=user_id)
    paused = state.consecutive_failures >= settings.SCA_MAX_ATTEMPTS
    if paused:
        until = block_until(level=state.block_level, now=now)
        state.blocked_until, state.blocked_for_good = until, until is None
        state.block_level += 1
        state.consecutive_failures = 0
        state.save()
        effect_key = f"block:{user_id}:{int(now.timestamp())}"
        enqueue_message(
            topic=SEND_BLOCK_NOTICE_TASK,
            payload={"user_id": str(user_id), "effect_key": effect_key},
            effect_key=effect_key,
        )
    record_event(
        event="sca.sign_in.paused" if paused else "sca.attempt.failed",
        object_type="user",
        object_id=user_id,
        actor_type="anonymous",
        at=now,
        data={"element": what, "level": state.block_level, "until": state.blocked_until},
    )
    return paused


def _counted_refusal(*, challenge: Challenge, is_last: bool, now: datetime) -> CodeRefused:
    """Make the counted failure stick; the error to raise after that: committed first, raised after."""
    paused = False
    with transaction.atomic():
        if is_last:
            _kill(challenge)
        if challenge.user_id is not None:
            paused = _settle_failure(user_id=challenge.user_id, now=now, what="code")
    return CodeRefused("wrong code" if challenge.user_id else "decoy", is_over=is_last or paused)


def _kill(challenge: Challenge) -> None:
    Challenge.objects.filter(pk=challenge.pk, status=ChallengeStatus.OPEN).update(status=ChallengeStatus.DEAD)


def _record_authorisation(
    authorisation: SCAAuthorisation, *, event: str, now: datetime, reason: str = ""
) -> None:
    record_event(
        event=event,
        object_type=authorisation.subject_type,
        object_id=authorisation.subject_id,
        actor_type="psu" if authorisation.psu_id else "anonymous",
        actor_id=authorisation.psu_id or "",
        at=now,
        data={
            "authorisation": authorisation.pk,
            "status": authorisation.sca_status,
            "elements": authorisation.elements,
            "snapshot_sha256": bytes(authorisation.snapshot_hash).hex()
            if authorisation.snapshot_hash
            else "",
            **({"reason": reason} if reason else {}),
        },
    )
