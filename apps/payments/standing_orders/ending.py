"""How standing orders end before their last day: ended, declined, rejected, left lying."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from apps.payments.models import StandingOrder
from apps.payments.rules import SIGNABLE_STATUSES, StatusReason, TransactionStatus
from apps.payments.services import (
    SignedAlready,
    is_stale,
    unsigned_in_time,
)
from apps.payments.standing_orders.reading import (
    StandingOrderStatusInvalid,
    StandingOrderUnknown,
    his_standing_orders,
    lock_standing_order,
)
from apps.payments.standing_orders.status import change_status, end_series
from apps.sca import services as sca
from apps.sca.queries import has_signed
from apps.sca.rules import SubjectType


@transaction.atomic
def end_standing_order(
    *, standing_order_id: UUID, psu_id: UUID | None = None, app_id: UUID | None = None, now: datetime
) -> StandingOrder:
    """End a standing order, or take back one that is not signed (by all): nothing more is made by it. By its customer,
    or by the TPP through which it came.

    No code is asked for: less is paid than was agreed, and withdrawing must not be harder than that (PSD2 art. 64(3),
    80). Executions that the engine has are irrevocable. Ending what has ended changes nothing.

    :raises StandingOrderUnknown: missing, or not the caller's. Of several who sign it is the first's, and once it
        runs everyone's who has signed.
    :raises StandingOrderStatusInvalid: for a TPP: its last day has come, or it was refused.
    """
    if (psu_id is None) == (app_id is None):
        raise StandingOrderUnknown(str(standing_order_id))
    order = lock_standing_order(
        standing_order_id, his_standing_orders(psu_id) if psu_id else Q(app_id=app_id)
    )
    if psu_id is not None and not is_his_to_end(order=order, psu_id=psu_id):
        raise StandingOrderUnknown(str(standing_order_id))
    if order.transaction_status in (*SIGNABLE_STATUSES, TransactionStatus.ACTC):
        end_series(order, actor_type="psu" if psu_id else "tpp", psu_id=psu_id, now=now)
    elif app_id is not None and order.transaction_status != TransactionStatus.CANC:
        raise StandingOrderStatusInvalid(order.transaction_status)
    return order


def is_his_to_end(*, order: StandingOrder, psu_id: UUID) -> bool:
    """Whether this customer can end the standing order, or take it back."""
    return order.psu_id == psu_id or (
        order.is_running
        and has_signed(subject_type=SubjectType.STANDING_ORDER, subject_id=order.pk, psu_id=psu_id)
    )


@transaction.atomic
def decline_standing_order(*, standing_order_id: UUID, psu_id: UUID, now: datetime) -> StandingOrder:
    """Who would have to sign a standing order as the second does not want it: ``RJCT``.

    :raises StandingOrderUnknown: he could not sign it either.
    :raises SignedAlready: he has signed it: he takes it back (:func:`end_standing_order`).
    :raises StandingOrderStatusInvalid: it does not wait for a second signature (any more).
    """
    order = lock_standing_order(standing_order_id, his_standing_orders(psu_id))
    if order.psu_id == psu_id:
        raise SignedAlready(str(psu_id))
    if not order.is_partly_signed:
        raise StandingOrderStatusInvalid(order.transaction_status)
    _reject(order, reason=StatusReason.CUST, actor_type="psu", psu_id=psu_id, now=now)
    return order


@transaction.atomic
def reject_standing_order(
    *, standing_order_id: UUID, psu_id: UUID | None = None, reason: StatusReason, now: datetime
) -> None:
    """The codes were wrong, or its customer said no on the page to which a TPP led him: ``RJCT``. Later it changes
    nothing: what one has signed is not undone by wrong codes, nor by a stranger with a link.

    :raises StandingOrderUnknown: missing, or not this customer's, if he is known.
    """
    order = lock_standing_order(standing_order_id, his_standing_orders(psu_id) if psu_id else None)
    if order.transaction_status == TransactionStatus.RCVD:
        _reject(order, reason=reason, actor_type="psu", psu_id=psu_id, now=now)


def expire_standing_orders(*, now: datetime) -> int:
    """Refuse what nobody signed in time, and what no second person did; returns how many."""
    stale = list(StandingOrder.objects.filter(unsigned_in_time(now=now)).values_list("pk", flat=True)[:500])
    for standing_order_id in stale:
        with transaction.atomic():
            order = lock_standing_order(standing_order_id)
            if order.transaction_status in SIGNABLE_STATUSES and is_stale(order, now=now):
                _reject(order, reason=StatusReason.DS02, actor_type="system", now=now)
    return len(stale)


def _reject(
    order: StandingOrder, *, reason: StatusReason, actor_type: str, psu_id: UUID | None = None, now: datetime
) -> None:
    order.status_reason = reason
    change_status(
        order,
        status=TransactionStatus.RJCT,
        actor_type=actor_type,
        psu_id=psu_id,
        now=now,
        data={"reason": reason.value},
    )
    sca.fail_authorisations_of(
        subject_type=SubjectType.STANDING_ORDER, subject_id=order.pk, reason=reason.value, now=now
    )
