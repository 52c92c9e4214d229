"""Codes over snapshots, by text message: made, sent, compared (RTS art. 4(1)-(2), 5)."""

import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from apps.audit.services import record_event
from apps.core.canonical import canonical_hash
from apps.core.ids import new_id
from apps.core.keys import derive_key
from apps.identity.models import User
from apps.notifications.services import enqueue_message
from apps.sca.models import AuthenticationState, Challenge
from apps.sca.queries import get_sms_device
from apps.sca.rules import (
    AuthenticationMethod,
    ChallengeStatus,
    MessageContent,
    Purpose,
    check_code_form,
    compute_code,
    hash_code,
)
from apps.sca.services.attempts import (
    check_knowledge,
    inside_test_transaction,
    release_attempt,
    reserve_attempt,
)
from apps.sca.services.challenges import (
    CodeRefused,
    Proof,
    TooManyCodes,
    check_text_message_enough,
    count_try,
    counted_refusal,
    fresh_nonce,
    has_asked_too_often,
    is_last_try,
    kill_challenge,
    open_challenge,
    select_method,
)

SEND_CODE_TASK = "sca.send_code"
_METHODS = frozenset({AuthenticationMethod.SMS_OTP})


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
    :raises TextMessageNotEnough: the amount is above ``SCA_SMS_MAX_MINOR``, whoever asks.
    :raises AuthorisationOver: the authorisation is final or expired.
    """
    check_text_message_enough(snapshot=snapshot)
    if authorisation_id is not None:
        select_method(authorisation_id=authorisation_id, now=now)
    recipient = user if user is not None and _may_receive_code(user=user, purpose=purpose, now=now) else None
    if recipient is None and user is not None and not hide_limit:
        raise TooManyCodes(str(user.pk))
    challenge_id, nonce = new_id(), fresh_nonce()
    snapshot = {"purpose": purpose.value, **snapshot}
    snapshot_hash = canonical_hash(snapshot)
    code = compute_code(key=_code_key(), nonce=nonce, snapshot_hash=snapshot_hash)
    challenge = open_challenge(
        challenge_id=challenge_id,
        user=recipient,
        is_decoy=recipient is None,
        purpose=purpose,
        method=AuthenticationMethod.SMS_OTP,
        snapshot=snapshot,
        nonce=nonce,
        code_hash=hash_code(
            key=_hash_key(), challenge_id=str(challenge_id), snapshot_hash=snapshot_hash, code=code
        ),
        # To sign in there is nothing to tell but the code.
        details_by_link=settings.SCA_MESSAGE_CONTENT == MessageContent.LINK and purpose != Purpose.SIGN_IN,
        authorisation_id=authorisation_id,
        generated_at=generated_at,
        is_ahead=is_ahead,
        now=now,
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
    :raises TextMessageNotEnough: the cap has come down since; nothing counted.
    :raises CodeRefused: anything else; ``is_over`` tells that no further try can succeed.
    """
    if connection.in_atomic_block and not inside_test_transaction():
        raise RuntimeError("check_code commits what it counts: call it outside a transaction")
    code = check_code_form(code)
    if found := Challenge.objects.filter(pk=challenge_id, method__in=_METHODS).only("snapshot").first():
        check_text_message_enough(snapshot=found.snapshot)
    challenge = count_try(challenge_id=challenge_id, methods=_METHODS, now=now)
    if challenge is None:
        raise CodeRefused("challenge is not open", is_over=True)
    matches = _is_code_of(challenge, code)
    if challenge.user_id is not None and not reserve_attempt(user_id=challenge.user_id, now=now):
        if is_last_try(challenge) and not matches:
            # The fifth wrong try kills the code, paused or not: a decoy's end must not look different (N7).
            kill_challenge(challenge)
        raise CodeRefused("sign-in is paused", is_over=True)
    if challenge.user_id is None or not matches:
        raise counted_refusal(
            challenge=challenge,
            user_id=challenge.user_id,
            detail="wrong code" if challenge.user_id else "decoy",
            what="code",
            now=now,
        )
    return Proof(
        challenge_id=challenge.pk,
        user_id=challenge.user_id,
        purpose=challenge.purpose,
        snapshot_hash=bytes(challenge.snapshot_hash),
        authorisation_id=challenge.authorisation_id,
        method=challenge.method,
    )


def open_details(
    *, challenge_id: UUID, user_id: str, password: str, code: str, now: datetime
) -> dict[str, Any]:
    """What a code signs, for the customer who has its message: by his password and the code together, never by the
    message's address alone (S1-18). Returns the snapshot; the code is not spent by looking.

    Each try counts like one of a code and one of a password, before anything is compared; a right one is given back.

    :raises apps.sca.rules.CodeMalformed: not six digits; nothing counted.
    :raises CodeRefused: password, code or address is not right, or not any more; nobody learns which.
    """
    if connection.in_atomic_block and not inside_test_transaction():
        raise RuntimeError("open_details commits what it counts: call it outside a transaction")
    code = check_code_form(code)
    challenge = count_try(challenge_id=challenge_id, methods=_METHODS, now=now)
    user = check_knowledge(username=user_id, password=password, now=now)
    if challenge is None:
        raise CodeRefused("challenge is not open", is_over=True)
    is_his = user is not None and user.pk == challenge.user_id and challenge.details_by_link
    if user is None or not is_his or not reserve_attempt(user_id=user.pk, now=now):
        raise counted_refusal(
            challenge=challenge, user_id=None, detail="not his details", what="details", now=now
        )
    if not _is_code_of(challenge, code):
        raise counted_refusal(challenge=challenge, user_id=user.pk, detail="wrong code", what="code", now=now)
    with transaction.atomic():
        release_attempt(user_id=user.pk)
        Challenge.objects.filter(pk=challenge.pk, attempts__gt=0).update(attempts=F("attempts") - 1)
        record_event(
            event="sca.challenge.details_shown",
            object_type="challenge",
            object_id=challenge.pk,
            actor_type="psu",
            actor_id=user.pk,
            at=now,
        )
    snapshot: dict[str, Any] = challenge.snapshot
    return snapshot


def recompute_code(*, challenge: Challenge) -> str:
    """The code of a challenge, for its delivery only: made again from nonce and snapshot, since it is not stored."""
    return compute_code(
        key=_code_key(), nonce=bytes(challenge.nonce), snapshot_hash=canonical_hash(challenge.snapshot)
    )


def _is_code_of(challenge: Challenge, code: str) -> bool:
    given = hash_code(
        key=_hash_key(),
        challenge_id=str(challenge.pk),
        snapshot_hash=bytes(challenge.snapshot_hash),
        code=code,
    )
    return hmac.compare_digest(given, bytes(challenge.code_hash or b""))


def _code_key() -> bytes:
    return derive_key("sca.code.v1")


def _hash_key() -> bytes:
    return derive_key("sca.code-hash.v1")


def _may_receive_code(*, user: User, purpose: Purpose, now: datetime) -> bool:
    # The row lock makes the count of sends exact; the state row is made on first use.
    AuthenticationState.objects.get_or_create(user=user)
    state = AuthenticationState.objects.select_for_update().get(user=user)
    if state.blocked_for_good or (state.blocked_until is not None and state.blocked_until > now):
        return False
    device = get_sms_device(user_id=user.pk)
    if device is None:
        return False
    if purpose != Purpose.SIGN_IN and device.cools_until is not None and device.cools_until > now:
        return False
    return not has_asked_too_often(user=user, methods=_METHODS, now=now)
