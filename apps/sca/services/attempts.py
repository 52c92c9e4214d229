"""Failures in a row of one log-in, counted before anything is compared (RTS art. 4(3)(b), 4(4))."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.db import connection, transaction
from django.db.models import F, Func, Q, Value

from apps.audit.services import record_event
from apps.identity.models import User
from apps.identity.queries import get_user_by_username
from apps.notifications.services import enqueue_message
from apps.sca.models import AuthenticationState
from apps.sca.rules import block_until


class ArrayAppend(Func):
    """array_append of PostgreSQL."""

    function = "array_append"


SEND_BLOCK_NOTICE_TASK = "sca.send_block_notice"
# What a whole success writes: the count begins anew (N6).
NOTHING_FAILED: dict[str, Any] = {
    "consecutive_failures": 0,
    "block_level": 0,
    "blocked_until": None,
    "failed_elements": [],
}


def check_knowledge(*, username: str, password: str, now: datetime) -> User | None:
    """Check user ID and password: the knowledge element. None when anything is wrong; the caller shows no sign of it.

    A wrong password counts as a failure in a row before it is compared, so that parallel guesses cannot slip past
    (RTS art. 4(3)(b)). The same work is done for unknown and for paused log-ins, the line in the trail included: a
    write to disk takes as long as anybody needs to tell two answers apart.
    """
    user = (
        get_user_by_username(username=username) if username.isprintable() and len(username) <= 150 else None
    )
    usable = user is not None and user.is_active and reserve_attempt(user_id=user.pk, now=now)
    if user is None or not usable:
        make_password(password)
        _record_refusal(user, now=now)
        return None
    if not check_password(password, user.password):
        settle_failure(user_id=user.pk, now=now, what="password")
        return None
    release_attempt(user_id=user.pk)
    return user


def reserve_attempt(*, user_id: UUID, now: datetime) -> bool:
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


def reserve_unblocking(*, user_id: UUID, now: datetime) -> bool:
    """Count the one try by which a passkey may lift a block, in advance and in one statement.

    False when there is no block, it is a freeze, or a passkey is among what failed: who is blocked for an element does
    not come past the block with it (RTS art. 4(4)). A count that nobody settled may have been a passkey's.
    """
    lifts = AuthenticationState.objects.filter(
        Q(blocked_for_good=True) | Q(blocked_until__gt=now), user_id=user_id, frozen_at=None
    ).exclude(failed_elements__overlap=["passkey", "unsettled"])
    return bool(lifts.update(failed_elements=ArrayAppend("failed_elements", Value("passkey"))))


def release_attempt(*, user_id: UUID) -> None:
    """Give back a reservation whose element was right; only a whole success starts the count anew (N6)."""
    AuthenticationState.objects.filter(user_id=user_id, consecutive_failures__gt=0).update(
        consecutive_failures=F("consecutive_failures") - 1
    )


@transaction.atomic
def settle_failure(*, user_id: UUID, now: datetime, what: str) -> bool:
    """Record a counted failure; the fifth in a row pauses sign-in and tells the customer (RTS art. 4(4))."""
    state = AuthenticationState.objects.select_for_update().get(user_id=user_id)
    paused = state.consecutive_failures >= settings.SCA_MAX_ATTEMPTS
    if what not in state.failed_elements:
        state.failed_elements.append(what)
        state.save(update_fields=["failed_elements"])
    if paused:
        _pause(state, now=now)
    _record_failure(state, paused=paused, what=what, now=now)
    return paused


def pause_stalled_sign_ins(*, now: datetime) -> int:
    """Make a pause of every full count that nobody turned into one; returns how many.

    A process that dies between counting and comparing leaves its failure counted, and so does a right code for
    something that ended meanwhile. The fifth of these would lock the log-in without end and without a word
    (RTS art. 4(4)).
    """
    full = AuthenticationState.objects.filter(
        consecutive_failures__gte=settings.SCA_MAX_ATTEMPTS, blocked_for_good=False
    ).exclude(blocked_until__gt=now)
    stalled = list(full.values_list("user_id", flat=True)[:500])
    for user_id in stalled:
        settle_failure(user_id=user_id, now=now, what="unsettled")
    return len(stalled)


def _pause(state: AuthenticationState, *, now: datetime) -> None:
    until = block_until(level=state.block_level, now=now)
    state.blocked_until, state.blocked_for_good = until, until is None
    state.block_level += 1
    state.consecutive_failures = 0
    state.save()
    effect_key = f"block:{state.user_id}:{int(now.timestamp())}"
    enqueue_message(
        topic=SEND_BLOCK_NOTICE_TASK,
        payload={"user_id": str(state.user_id), "effect_key": effect_key},
        effect_key=effect_key,
    )


def _record_failure(state: AuthenticationState, *, paused: bool, what: str, now: datetime) -> None:
    record_event(
        event="sca.sign_in.paused" if paused else "sca.attempt.failed",
        object_type="user",
        object_id=state.user_id,
        actor_type="anonymous",
        at=now,
        data={"element": what, "level": state.block_level, "until": state.blocked_until},
    )


@transaction.atomic
def _record_refusal(user: User | None, *, now: datetime) -> None:
    """An attempt for nobody, or while sign-in is paused. The user ID as typed is not kept: it may be a password."""
    record_event(
        event="sca.attempt.refused",
        object_type="user",
        object_id=user.pk if user else "",
        actor_type="anonymous",
        at=now,
        data={"reason": "paused" if user and user.is_active else "inactive" if user else "unknown"},
    )


def inside_test_transaction() -> bool:
    """A test case's own outer transaction, which Django marks, is not the caller's."""
    return all(getattr(block, "_from_testcase", False) for block in connection.atomic_blocks)
