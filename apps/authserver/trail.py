"""What this door tells the audit trail: authorizations answered, tokens given out and taken back, replays.

Protocol time is real time, the trail keeps bank time; this is the one place where both meet. No code, token
or state ever gets in here.
"""

from typing import Any
from uuid import UUID

from apps.audit.services import record_event
from apps.authserver.models import AuthorizationRequest, Grant
from apps.core import clock


def record(
    event: str,
    about: AuthorizationRequest | Grant,
    *,
    actor_type: str,
    actor_id: UUID | str,
    data: dict[str, Any] | None = None,
) -> None:
    """Record what happened to a consent or payment by way of this request or grant."""
    record_event(
        event=f"authserver.{event}",
        object_type="consent" if about.consent_id else "payment",
        object_id=about.consent_id or about.payment_id or "",
        actor_type=actor_type,
        actor_id=actor_id,
        at=clock.now(),
        data=data,
    )


def record_for_app(event: str, *, app_id: UUID, data: dict[str, Any] | None = None) -> None:
    """Record what an app did for itself."""
    record_event(
        event=f"authserver.{event}",
        object_type="app",
        object_id=app_id,
        actor_type="tpp",
        actor_id=app_id,
        at=clock.now(),
        data=data,
    )
