"""Closing a log-in because its elements may be in other hands (PSD2 art. 70(1)(e); RTS art. 4(3)(b))."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from apps.audit.services import record_event
from apps.notifications.services import enqueue_message
from apps.sca.models import AuthenticationState, Challenge, Passkey
from apps.sca.rules import ChallengeStatus
from apps.sca.services.attempts import SEND_BLOCK_NOTICE_TASK


@transaction.atomic
def freeze_sign_in(*, user_id: UUID, actor_type: str, actor_id: UUID, reason: str, now: datetime) -> bool:
    """Close sign-in and signing at once, until :func:`reopen_sign_in`; the person is told by text message.

    No code is sent, none that is under way is taken any more, not even one that was compared a moment ago. Passkeys are
    suspended. False when it was frozen before; then nothing changes.
    """
    # Passkeys first, as where one is withdrawn; whoever adds one meanwhile finds the state frozen, or is waited for.
    Passkey.objects.filter(user_id=user_id, confirmed=True, suspended_at=None).update(suspended_at=now)
    # Codes first and the state after them, in the order in which a code is spent: else the two would wait for one
    # another. A code made in between finds the state frozen when it is tried.
    Challenge.objects.filter(user_id=user_id, status=ChallengeStatus.OPEN).update(
        status=ChallengeStatus.VOIDED
    )
    AuthenticationState.objects.get_or_create(user_id=user_id)
    if not AuthenticationState.objects.filter(user_id=user_id, frozen_at=None).update(
        blocked_for_good=True, frozen_at=now
    ):
        return False
    record_event(
        event="sca.sign_in.frozen",
        object_type="user",
        object_id=user_id,
        actor_type=actor_type,
        actor_id=actor_id,
        at=now,
        data={"reason": reason},
    )
    effect_key = f"freeze:{user_id}:{int(now.timestamp())}"
    enqueue_message(
        topic=SEND_BLOCK_NOTICE_TASK,
        payload={"user_id": str(user_id), "effect_key": effect_key},
        effect_key=effect_key,
    )
    return True
