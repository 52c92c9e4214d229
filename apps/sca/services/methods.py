"""The choice of a method: one door for what signs something, whatever answers the challenge."""

from datetime import datetime
from typing import Any
from uuid import UUID

from apps.identity.models import User
from apps.sca.rules import AuthenticationMethod, Purpose
from apps.sca.services.codes import send_code
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
    now: datetime,
) -> UUID:
    """Ask for a signature over ``snapshot``: by a code, see :func:`send_code`, or by a passkey, see
    :func:`ask_passkey`. Returns the challenge's id."""
    if method == AuthenticationMethod.PASSKEY:
        return ask_passkey(
            user=user, purpose=purpose, snapshot=snapshot, authorisation_id=authorisation_id, now=now
        )
    return send_code(
        user=user,
        purpose=purpose,
        snapshot=snapshot,
        authorisation_id=authorisation_id,
        hide_limit=hide_limit,
        is_ahead=is_ahead,
        now=now,
    )
