"""What every method of authentication has in common: a challenge over one snapshot, its tries, and the proof that it
was answered (RTS art. 4(1), 4(3)(b), 5)."""

import hmac
import secrets
from collections.abc import Collection
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
from apps.identity.models import User
from apps.sca.models import AuthenticationState, Challenge, SCAAuthorisation
from apps.sca.policy import may_sign_by_text_message
from apps.sca.queries import cools_until
from apps.sca.rules import (
    AuthenticationMethod,
    ChallengeStatus,
    MessageContent,
    Purpose,
    SCAStatus,
    elements_of,
)
from apps.sca.services.attempts import NOTHING_FAILED, settle_failure
from apps.sca.services.authorisations import AuthorisationOver

SENDS_WINDOW = timedelta(minutes=10)


class CodeRefused(DomainError):
    """The answer does not open this: wrong, used, expired, dead, of a decoy, or sign-in is paused.

    One error for all, since nobody may learn which element was wrong (RTS art. 4(3)(a)). ``detail`` says it to
    the log.
    """

    code = "code_refused"

    def __init__(self, detail: str = "", *, is_over: bool) -> None:
        super().__init__(detail)
        self.is_over = is_over


class DynamicLinkBroken(DomainError):
    """What is to be authorised is not what the challenge was made for; it is void (RTS art. 5(1)(d))."""

    code = "dynamic_link_broken"


class TooManyCodes(DomainError):
    """Too many codes were asked for in the last ten minutes, or sign-in is paused or frozen; nothing was asked."""

    code = "too_many_codes"


class TextMessageNotEnough(DomainError):
    """The amount is above what a code by text message may sign (``SCA_SMS_MAX_MINOR``); it takes a passkey, the app or
    a token (S1-25). Nothing was sent, compared or counted."""

    code = "text_message_not_enough"


@dataclass(frozen=True, slots=True)
class Proof:
    """That a customer answered a challenge rightly, not yet spent. Spend it with :func:`consume_proof`."""

    challenge_id: UUID
    user_id: UUID
    purpose: str
    snapshot_hash: bytes
    authorisation_id: UUID | None
    method: str
    passkey_id: int | None = None
    device_id: int | None = None
    is_user_verified: bool = False

    @property
    def elements(self) -> list[str]:
        """The categories of what was proved; always two different ones."""
        proved = elements_of(method=self.method, is_user_verified=self.is_user_verified)
        return [element.value for element in proved]


def check_text_message_enough(*, snapshot: dict[str, Any]) -> None:
    """Where a code is made, and again where it is compared and spent: the cap may have come down meanwhile.

    :raises TextMessageNotEnough: the amount in ``snapshot`` is above the cap.
    """
    if not may_sign_by_text_message(snapshot):
        raise TextMessageNotEnough


def open_challenge(
    *,
    challenge_id: UUID | None = None,
    user: User | None,
    is_decoy: bool = False,
    purpose: Purpose,
    method: AuthenticationMethod,
    snapshot: dict[str, Any],
    nonce: bytes,
    code_hash: bytes | None = None,
    details_by_link: bool = False,
    shown: dict[str, Any] | None = None,
    authorisation_id: UUID | None,
    generated_at: datetime | None = None,
    is_ahead: bool = False,
    now: datetime,
) -> Challenge:
    """Write a challenge over ``snapshot``, which names its purpose already, and the line of the trail."""
    generated_at = generated_at or now
    challenge = Challenge.objects.create(
        id=challenge_id or new_id(),
        authorisation_id=authorisation_id,
        user=user,
        purpose=purpose,
        method=method,
        snapshot=snapshot,
        snapshot_hash=canonical_hash(snapshot),
        nonce=nonce,
        code_hash=code_hash,
        details_by_link=details_by_link,
        shown=shown,
        generated_at=generated_at,
        expires_at=generated_at + timedelta(seconds=settings.SCA_CODE_TTL_SECONDS),
        offered_at=None if is_ahead else now,
    )
    record_event(
        event="sca.challenge.decoy" if is_decoy else "sca.challenge.issued",
        object_type="challenge",
        object_id=challenge.pk,
        actor_type="psu" if user else "anonymous",
        actor_id=user.pk if user else "",
        at=now,
        data={
            "purpose": purpose.value,
            "method": challenge.method,
            **({"message": _message_content(challenge)} if code_hash else {}),
            "authorisation": authorisation_id,
            "snapshot_sha256": bytes(challenge.snapshot_hash).hex(),
        },
    )
    return challenge


def _message_content(challenge: Challenge) -> str:
    # The bank's choice, on the trail with every code that went out (S1-16, S3-29).
    return MessageContent.LINK.value if challenge.details_by_link else MessageContent.CLEAR.value


def fresh_nonce() -> bytes:
    """What makes two challenges over the same snapshot unrelated (RTS art. 4(2)(b))."""
    return secrets.token_bytes(32)


def select_method(*, authorisation_id: UUID, now: datetime) -> None:
    """Note that the authorisation's method was chosen (again); what was open for it before is void.

    :raises AuthorisationOver: the authorisation is final or expired.
    """
    authorisation = SCAAuthorisation.objects.select_for_update().get(pk=authorisation_id)
    if not authorisation.is_open or authorisation.expires_at <= now:
        raise AuthorisationOver(str(authorisation_id))
    Challenge.objects.filter(authorisation_id=authorisation_id, status=ChallengeStatus.OPEN).update(
        status=ChallengeStatus.VOIDED
    )
    authorisation.sca_status = SCAStatus.SCA_METHOD_SELECTED
    authorisation.save(update_fields=["sca_status"])


def has_asked_too_often(*, user: User, methods: Collection[AuthenticationMethod], now: datetime) -> bool:
    """Whether a customer was asked by these methods as often in ten minutes as anybody may be. Codes that served their
    purpose do not count: he may sign as many payments as he likes."""
    unused = Challenge.objects.filter(
        user=user, method__in=methods, generated_at__gt=now - SENDS_WINDOW
    ).exclude(status=ChallengeStatus.USED)
    return unused.count() >= settings.SCA_SENDS_PER_10_MINUTES


def count_try(
    *, challenge_id: UUID, methods: Collection[AuthenticationMethod], now: datetime
) -> Challenge | None:
    """Count one try of an open challenge, in one statement and before anything is compared; None: it has none left."""
    counted = Challenge.objects.filter(
        pk=challenge_id,
        method__in=methods,
        status=ChallengeStatus.OPEN,
        attempts__lt=settings.SCA_MAX_ATTEMPTS,
        expires_at__gt=now,
    ).update(attempts=F("attempts") + 1)
    return Challenge.objects.get(pk=challenge_id) if counted else None


def is_last_try(challenge: Challenge) -> bool:
    """Whether the try that was just counted was the last one."""
    return challenge.attempts >= settings.SCA_MAX_ATTEMPTS


def kill_challenge(challenge: Challenge) -> None:
    """End a challenge whose tries are used up (S1-9)."""
    Challenge.objects.filter(pk=challenge.pk, status=ChallengeStatus.OPEN).update(status=ChallengeStatus.DEAD)


def counted_refusal(
    *, challenge: Challenge, user_id: UUID | None, detail: str, what: str, now: datetime
) -> CodeRefused:
    """Make the counted failure stick; the error to raise after that: committed first, raised after."""
    paused, is_last = False, is_last_try(challenge)
    with transaction.atomic():
        if is_last:
            kill_challenge(challenge)
        if user_id is not None:
            paused = settle_failure(user_id=user_id, now=now, what=what)
    return CodeRefused(detail, is_over=is_last or paused)


def is_proof_of(*, proof: Proof, purpose: Purpose, snapshot: dict[str, Any]) -> bool:
    """Whether the challenge was made for exactly this purpose and snapshot (RTS art. 5(1)(c))."""
    expected = canonical_hash({"purpose": purpose.value, **snapshot})
    return proof.purpose == purpose and hmac.compare_digest(expected, proof.snapshot_hash)


def consume_proof(*, proof: Proof, now: datetime) -> None:
    """Spend the answer, in the transaction of what it authorises: once, even for two at the same moment.

    Failures in a row start again from zero.

    :raises CodeRefused: it was spent, voided or expired meanwhile, the log-in was frozen, or the number or passkey was
        registered after a loss less than ``SCA_COOL_DOWN_HOURS`` ago and this is no sign-in.
    :raises TextMessageNotEnough: it is of a text message, and the amount above the cap.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("a proof is spent in the transaction of what it authorises")
    # What was registered anew after a loss opens the portal, and signs nothing yet: here, where everything passes.
    if proof.purpose != Purpose.SIGN_IN and cools_until(
        user_id=proof.user_id, method=proof.method, passkey_id=proof.passkey_id, now=now
    ):
        raise CodeRefused("cools down", is_over=True)
    if proof.method == AuthenticationMethod.SMS_OTP:
        check_text_message_enough(
            snapshot=Challenge.objects.only("snapshot").get(pk=proof.challenge_id).snapshot
        )
    spent = Challenge.objects.filter(
        pk=proof.challenge_id, status=ChallengeStatus.OPEN, expires_at__gt=now
    ).update(status=ChallengeStatus.USED, used_at=now, user_id=proof.user_id)
    if not spent:
        raise CodeRefused("already used", is_over=True)
    state = AuthenticationState.objects.filter(user_id=proof.user_id)
    if not state.filter(frozen_at=None).update(**NOTHING_FAILED):
        raise CodeRefused("frozen meanwhile", is_over=True)
    record_event(
        event="sca.challenge.used",
        object_type="challenge",
        object_id=proof.challenge_id,
        actor_type="psu",
        actor_id=proof.user_id,
        at=now,
        data={
            "snapshot_sha256": proof.snapshot_hash.hex(),
            "method": proof.method,
            "elements": proof.elements,
        },
    )


@transaction.atomic
def void_challenge(*, challenge_id: UUID, reason: str, now: datetime) -> bool:
    """Make a challenge worthless because what it was for has changed (RTS art. 5(1)(d)); whether it was worth anything
    until now."""
    if not Challenge.objects.filter(pk=challenge_id, status=ChallengeStatus.OPEN).update(
        status=ChallengeStatus.VOIDED
    ):
        return False
    record_event(
        event="sca.challenge.voided",
        object_type="challenge",
        object_id=challenge_id,
        actor_type="system",
        at=now,
        data={"reason": reason},
    )
    return True
