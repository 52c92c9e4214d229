"""The choice of a method: one door for what signs something, whatever answers the challenge."""

from datetime import datetime
from typing import Any
from uuid import UUID

from apps.identity.models import User
from apps.sca.rules import DEVICE_METHODS, AuthenticationMethod, Purpose
from apps.sca.services.codes import send_code
from apps.sca.services.device_requests import ask_device
from apps.sca.services.passkeys import ask_passkey


def issue_challenge(
    *,
    user: User | None,
    purpose: Purpose,
    snapshot: dict[str, Any],
    method: AuthenticationMethod = AuthenticationMethod.SMS_OTP,
    authorisation_id: UUID | None = None,
    hide_limit: bool = True,
    is_ahead: bool = False,
    generated_at: datetime | None = None,
    now: datetime,
) -> UUID:
    """Ask for a signature over ``snapshot``: by a code, see :func:`send_code`, by a passkey, see :func:`ask_passkey`,
    or by the app or a token, see :func:`ask_device`. Returns the challenge's id. ``is_ahead`` and ``generated_at``
    are of codes alone."""
    if method == AuthenticationMethod.PASSKEY:
        return ask_passkey(
            user=user, purpose=purpose, snapshot=snapshot, authorisation_id=authorisation_id, now=now
        )
    if method in DEVICE_METHODS:
        return ask_device(
            user=user,
            purpose=purpose,
            snapshot=snapshot,
            method=method,
            authorisation_id=authorisation_id,
            hide_limit=hide_limit,
            now=now,
        )
    return send_code(
        user=user,
        purpose=purpose,
        snapshot=snapshot,
        authorisation_id=authorisation_id,
        hide_limit=hide_limit,
        is_ahead=is_ahead,
        generated_at=generated_at,
        now=now,
    )
