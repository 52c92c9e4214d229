"""Codes over snapshots: made, sent, compared, spent (RTS art. 4(1)-(2), 5)."""

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from apps.audit.services import record_event
from apps.core.canonical import canonical_hash
from apps.core.errors import DomainError
from apps.core.ids import new_id
from apps.core.keys import derive_key
from apps.identity.models import User
from apps.notifications.services import enqueue_message
from apps.sca.models import AuthenticationState, Challenge, SCAAuthorisation
from apps.sca.queries import get_sms_device
from apps.sca.rules import (
    ChallengeStatus,
    Purpose,
    SCAStatus,
    check_code_form,
    compute_code,
    hash_code,
)
from apps.sca.services.attempts import inside_test_transaction, reserve_attempt, settle_failure
from apps.sca.services.authorisations import AuthorisationOver

SEND_CODE_TASK = "sca.send_code"
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


@dataclass(frozen=True, slots=True)
class Proof:
    """That a customer returned the right code, not yet spent. Spend it with :func:`consume_proof`."""

    challenge_id: UUID
    user_id: UUID
    purpose: str
    snapshot_hash: bytes
    authorisation_id: UUID | None


@dataclass(frozen=True, slots=True)
class CodeSentAhead:
    """A code that was on its way before its page was opened; ``user_id`` is empty for a decoy."""

    challenge_id: UUID
    user_id: UUID | None
    generated_at: datetime


@transaction.atomic
def send_code(
    *,
    user: User | None,
    purpose: Purpose,
    snapshot: dict[str, Any],
    authorisation_id: UUID | None = None,
    hide_limit: bool = True,
    is_ahead: bool = False,
    generated_at: datetime | None = None,
    now: datetime,
) -> UUID:
    """Make a code over ``snapshot`` and promise its delivery; returns the challenge's id.

    ``user`` None makes a decoy: it looks the same, nothing is sent, no code matches. A customer who is paused, has
    no number or asked too often gets a decoy too, unless ``hide_limit`` is False (he is signed in, there is nothing
    to hide from him). An earlier open code for the same authorisation is void from now on.

    ``is_ahead`` says that no page has asked for it yet: see :func:`take_code_sent_ahead`. ``generated_at`` makes a
    decoy as old as the code beside which it stands.

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
        generated_at=generated_at or now,
        expires_at=(generated_at or now) + timedelta(seconds=settings.SCA_CODE_TTL_SECONDS),
        offered_at=None if is_ahead else now,
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


def take_code_sent_ahead(*, authorisation_id: UUID, now: datetime) -> CodeSentAhead | None:
    """The code that went out before anybody came to the page; for the first who comes, and once.

    Whoever comes must be led on in the same way whether he is its customer or not: its age, and the tries it has
    left, would else tell whose password was right (N7). So it is taken by the first, right or wrong, and after that
    everybody begins with a new code or a new decoy. None when it was taken, or there is none whose life is not over.
    """
    ahead = Challenge.objects.filter(
        authorisation_id=authorisation_id,
        status=ChallengeStatus.OPEN,
        offered_at=None,
        expires_at__gt=now,
    ).first()
    if ahead is None or not Challenge.objects.filter(pk=ahead.pk, offered_at=None).update(offered_at=now):
        return None
    return CodeSentAhead(ahead.pk, ahead.user_id, ahead.generated_at)


def check_code(*, challenge_id: UUID, code: str, now: datetime) -> Proof:
    """Compare a code with its challenge. The attempt is counted and committed before it is compared.

    Counting first, each in one statement, holds the bounds at any concurrency: five per code, five in a row per
    log-in (RTS art. 4(3)(b), S1-5). Must not be called inside a transaction: a rollback would give the attempt back.

    :raises apps.sca.rules.CodeMalformed: not six digits; nothing counted.
    :raises CodeRefused: anything else; ``is_over`` tells that no further try can succeed.
    """
    if connection.in_atomic_block and not inside_test_transaction():
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
    if challenge.user_id is not None and not reserve_attempt(user_id=challenge.user_id, now=now):
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

    :raises CodeRefused: it was spent, voided or expired meanwhile, or the log-in was frozen.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("a proof is spent in the transaction of what it authorises")
    spent = Challenge.objects.filter(
        pk=proof.challenge_id, status=ChallengeStatus.OPEN, expires_at__gt=now
    ).update(status=ChallengeStatus.USED, used_at=now)
    if not spent:
        raise CodeRefused("already used", is_over=True)
    state = AuthenticationState.objects.filter(user_id=proof.user_id)
    if not state.filter(frozen_at=None).update(consecutive_failures=0, block_level=0, blocked_until=None):
        raise CodeRefused("frozen meanwhile", is_over=True)
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


def recompute_code(*, challenge: Challenge) -> str:
    """The code of a challenge, for its delivery only: made again from nonce and snapshot, since it is not stored."""
    return compute_code(
        key=_code_key(), nonce=bytes(challenge.nonce), snapshot_hash=canonical_hash(challenge.snapshot)
    )


def _code_key() -> bytes:
    return derive_key("sca.code.v1")


def _hash_key() -> bytes:
    return derive_key("sca.code-hash.v1")


def _may_receive_code(*, user: User, now: datetime) -> bool:
    # The row lock makes the count of sends exact; the state row is made on first use.
    AuthenticationState.objects.get_or_create(user=user)
    state = AuthenticationState.objects.select_for_update().get(user=user)
    if state.blocked_for_good or (state.blocked_until is not None and state.blocked_until > now):
        return False
    if get_sms_device(user_id=user.pk) is None:
        return False
    # Codes that served their purpose do not count: a customer may sign as many payments as he likes.
    unused = Challenge.objects.filter(user=user, generated_at__gt=now - SENDS_WINDOW).exclude(
        status=ChallengeStatus.USED
    )
    return unused.count() < settings.SCA_SENDS_PER_10_MINUTES


def _count_attempt(*, challenge_id: UUID, now: datetime) -> Challenge | None:
    counted = Challenge.objects.filter(
        pk=challenge_id,
        status=ChallengeStatus.OPEN,
        attempts__lt=settings.SCA_MAX_ATTEMPTS,
        expires_at__gt=now,
    ).update(attempts=F("attempts") + 1)
    return Challenge.objects.get(pk=challenge_id) if counted else None


def _kill(challenge: Challenge) -> None:
    Challenge.objects.filter(pk=challenge.pk, status=ChallengeStatus.OPEN).update(status=ChallengeStatus.DEAD)


def _counted_refusal(*, challenge: Challenge, is_last: bool, now: datetime) -> CodeRefused:
    """Make the counted failure stick; the error to raise after that: committed first, raised after."""
    paused = False
    with transaction.atomic():
        if is_last:
            _kill(challenge)
        if challenge.user_id is not None:
            paused = settle_failure(user_id=challenge.user_id, now=now, what="code")
    return CodeRefused("wrong code" if challenge.user_id else "decoy", is_over=is_last or paused)
