"""What all of it has in common: the status, told and on the trail."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from apps.audit.services import record_event
from apps.payments.models import StandingOrder
from apps.payments.rules import TransactionStatus
from apps.payments.services import (
    tell_status,
)
from apps.sca import services as sca
from apps.sca.rules import SubjectType


def change_status(
    order: StandingOrder,
    *,
    status: TransactionStatus,
    actor_type: str,
    psu_id: UUID | None = None,
    now: datetime,
    data: dict[str, Any] | None = None,
) -> None:
    """Save a locked order with its new status, write it on the trail, and tell the TPP through which it came."""
    order.transaction_status, order.status_changed_at = status, now
    order.save()
    record(
        order,
        event=f"payments.standing_order.{status}",
        actor_type=actor_type,
        psu_id=psu_id,
        now=now,
        data=data,
    )
    tell_status(order, status=status)


def end_series(order: StandingOrder, *, actor_type: str, psu_id: UUID | None = None, now: datetime) -> None:
    """Nothing more is paid by a locked order; who was about to sign it no longer can."""
    advance(order, due_date=None)
    change_status(order, status=TransactionStatus.CANC, actor_type=actor_type, psu_id=psu_id, now=now)
    sca.fail_authorisations_of(
        subject_type=SubjectType.STANDING_ORDER, subject_id=order.pk, reason="cancelled", now=now
    )


def advance(order: StandingOrder, *, due_date: date | None) -> None:
    """The next day on which it is due, and the one on which that is carried out; None: there is none. Unsaved."""
    order.next_due_date = due_date
    order.next_execution_date = order.series.execution_date(due_date) if due_date else None


def record(
    order: StandingOrder,
    *,
    event: str,
    actor_type: str,
    psu_id: UUID | None = None,
    now: datetime,
    data: dict[str, Any] | None = None,
) -> None:
    """An event on the trail. ``psu_id``: who did it, if it was not the customer whose order it is."""
    actors = {"psu": psu_id or order.psu_id, "tpp": order.app.tpp_id if order.app else None}
    record_event(
        event=event,
        object_type="standing_order",
        object_id=order.pk,
        actor_type=actor_type,
        actor_id=actors.get(actor_type) or "",
        at=now,
        data=data,
    )
