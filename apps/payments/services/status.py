"""How a payment changes: its row locked, its status by the table of transitions, the trail and the TPP told."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q

from apps.accounts.queries import is_holder
from apps.audit.services import Event, record_event, record_events
from apps.core.errors import DomainError
from apps.identity.models import PSU
from apps.notifications.services import Promise, enqueue_message, enqueue_messages
from apps.payments.models import AnyInitiation, PaymentInitiation
from apps.payments.queries import PaymentUnknown
from apps.payments.rules import (
    PARTLY_SIGNED_LIFE,
    SIGNABLE_STATUSES,
    UNAUTHORISED_LIFE,
    TransactionStatus,
    may_change_status,
)

EXECUTE_TASK = "engine.execute_payment"
PUSH_STATUS_TASK = "payments.push_status"
ENGINE_QUEUE = "engine"


class PaymentStatusInvalid(DomainError):
    """The payment is not in a status in which this can be done."""

    code = "payment_status_invalid"


class SignedAlready(PaymentStatusInvalid):
    """This customer has signed it; the signature that is missing has to be another's."""

    code = "signed_already"


def lock_payment(payment_id: UUID) -> PaymentInitiation:
    """The payment under a row lock until the caller's transaction ends.

    :raises apps.payments.queries.PaymentUnknown: there is none.
    """
    return lock_payments([payment_id])[0]


def lock_payments(payment_ids: Iterable[UUID]) -> list[PaymentInitiation]:
    """Payments under row locks until the caller's transaction ends, in the order of their ids.

    :raises apps.payments.queries.PaymentUnknown: one of them is missing.
    """
    wanted = set(payment_ids)
    payments = list(
        PaymentInitiation.objects.select_for_update(of=("self",))
        .select_related("app__tpp", "debtor_account", "psu")
        .filter(pk__in=wanted)
        .order_by("pk")
    )
    if len(payments) != len(wanted):
        raise PaymentUnknown
    return payments


def change_status(
    payment: PaymentInitiation,
    *,
    status: TransactionStatus,
    actor_type: str,
    actor_id: UUID | str,
    now: datetime,
    data: dict[str, Any] | None = None,
) -> None:
    """Give a locked payment its next status and keep what else changed with it; recorded, and told to its TPP.

    :raises PaymentStatusInvalid: no way leads there from where it stands.
    """
    if not may_change_status(current=payment.transaction_status, new=status):
        raise PaymentStatusInvalid(f"{payment.transaction_status} to {status}")
    payment.transaction_status, payment.status_changed_at = status, now
    payment.save(
        update_fields=[
            "transaction_status",
            "status_reason",
            "status_changed_at",
            "psu",
            "authorised_at",
            "authorisation_id",
            "released_at",
            "core_user_id",
            "signatures_needed",
        ]
    )
    record_on_payment(
        payment,
        event=f"payments.payment.{status}",
        actor_type=actor_type,
        actor_id=actor_id,
        now=now,
        data=data,
    )
    tell_status(payment, status=status)


def tell_status(order: AnyInitiation, *, status: TransactionStatus) -> None:
    """Promise, in the caller's transaction, to tell the TPP a new status, if it asked to be told (S0-46)."""
    if order.tpp_notification_uri:
        enqueue_message(
            topic=PUSH_STATUS_TASK,
            payload={"payment_id": str(order.pk), "transaction_status": status.value},
            effect_key=f"push:{order.pk}:{status}",
        )


@dataclass(frozen=True, slots=True)
class StatusChange:
    """The next status of a locked payment, whose ``status_reason`` and ``core_user_id`` are kept with it.

    ``request_id`` is the call that caused it.
    """

    payment: PaymentInitiation
    status: TransactionStatus
    request_id: str = "-"


def change_statuses(changes: Sequence[StatusChange], *, actor_type: str, now: datetime) -> None:
    """Many changes in three round trips; otherwise as :func:`change_status`, by the payments' core users.

    :raises PaymentStatusInvalid: of one of them no way leads there; nothing was changed.
    """
    for change in changes:
        if not may_change_status(current=change.payment.transaction_status, new=change.status):
            raise PaymentStatusInvalid(f"{change.payment.transaction_status} to {change.status}")
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE payments_paymentinitiation AS p
            SET transaction_status = c.status, status_reason = c.reason, core_user_id = c.core_user_id,
                status_changed_at = %s
            FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[]) AS c (id, status, reason, core_user_id)
            WHERE p.id = c.id
            """,
            [
                now,
                [change.payment.pk for change in changes],
                [str(change.status) for change in changes],
                [str(change.payment.status_reason) for change in changes],
                [change.payment.core_user_id for change in changes],
            ],
        )
    for change in changes:
        change.payment.transaction_status, change.payment.status_changed_at = change.status, now
    record_events(
        [
            Event(
                event=f"payments.payment.{change.status}",
                object_type="payment",
                object_id=change.payment.pk,
                actor_type=actor_type,
                actor_id=change.payment.core_user_id,
                data={"reason": str(change.payment.status_reason)} if change.payment.status_reason else {},
                request_id=change.request_id,
            )
            for change in changes
        ],
        at=now,
    )
    enqueue_messages(
        [
            Promise(
                topic=PUSH_STATUS_TASK,
                payload={"payment_id": str(change.payment.pk), "transaction_status": str(change.status)},
                effect_key=f"push:{change.payment.pk}:{change.status}",
                correlation_id=change.request_id,
            )
            for change in changes
            if change.payment.tpp_notification_uri
        ]
    )


def record_on_payment(
    payment: PaymentInitiation,
    *,
    event: str,
    actor_type: str,
    actor_id: UUID | str,
    now: datetime,
    data: dict[str, Any] | None = None,
) -> None:
    """An event of the trail about this payment; empty values are left out."""
    record_event(
        event=event,
        object_type="payment",
        object_id=payment.pk,
        actor_type=actor_type,
        actor_id=actor_id,
        at=now,
        data={key: value for key, value in (data or {}).items() if value},
    )


def promise_execution(payment: PaymentInitiation, *, effect_key: str) -> None:
    """Promise, in the caller's transaction, that the engine carries the payment out; once for each ``effect_key``."""
    enqueue_message(
        topic=EXECUTE_TASK,
        payload={"payment_id": str(payment.pk)},
        effect_key=effect_key,
        queue=ENGINE_QUEUE,
    )


def is_stale(order: AnyInitiation, *, now: datetime) -> bool:
    """Whether nobody authorised it in time: a day for the first signature, and from that fifteen for the second."""
    if order.is_partly_signed:
        return order.status_changed_at <= now - PARTLY_SIGNED_LIFE
    return order.created_at <= now - UNAUTHORISED_LIFE


def unsigned_in_time(*, now: datetime) -> Q:
    """:func:`is_stale` in SQL."""
    return Q(transaction_status=TransactionStatus.RCVD, created_at__lte=now - UNAUTHORISED_LIFE) | Q(
        transaction_status=TransactionStatus.PATC, status_changed_at__lte=now - PARTLY_SIGNED_LIFE
    )


def takes_signatures(order: AnyInitiation, *, now: datetime) -> bool:
    """Whether it waits for its first signature, or for another."""
    return order.transaction_status in SIGNABLE_STATUSES and not is_stale(order, now=now)


def may_sign(order: AnyInitiation, *, psu: PSU) -> bool:
    """Whether this customer may give the signature that it waits for: a holder of the account, for the first one named
    in the order if anybody is, for the second another than who gave the first."""
    is_first = order.psu_id in (None, psu.pk)
    wanted = order.psu_id != psu.pk if order.is_partly_signed else is_first
    return wanted and is_holder(psu_id=psu.pk, iban=order.debtor_iban)
