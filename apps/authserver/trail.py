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
    """Record what happened to a consent, a payment or a standing order by way of this request or grant."""
    kinds = {
        "consent": about.consent_id,
        "payment": about.payment_id,
        "standing_order": about.standing_order_id,
    }
    object_type, object_id = next((kind, pk) for kind, pk in kinds.items() if pk is not None)
    record_event(
        event=f"authserver.{event}",
        object_type=object_type,
        object_id=object_id,
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
