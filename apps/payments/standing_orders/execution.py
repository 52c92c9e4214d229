"""The payments that are due today (PSD2 art. 78)."""

from datetime import date, datetime

from django.db import transaction

from apps.audit.services import record_event
from apps.core.canonical import canonical_hash
from apps.core.clock import bank_date
from apps.core.ids import new_id
from apps.notifications.services import enqueue_message
from apps.payments.models import PaymentInitiation, StandingOrder
from apps.payments.risk import assess_execution
from apps.payments.rules import TransactionStatus
from apps.payments.services import (
    ENGINE_QUEUE,
    EXECUTE_TASK,
    tell_status,
)
from apps.payments.standing_order_evidence import (
    execution_fields,
)
from apps.payments.standing_orders.status import advance, change_status

# Of one standing order, in one transaction: a clock that jumped is caught up in several.
EXECUTIONS_PER_RUN_MAX = 400


def execute_due_standing_orders(*, now: datetime, limit: int = 500) -> int:
    """Make the payments that are due today, or were on days that were missed; returns how many.

    Each standing order in a transaction of its own. A second runner at the same time passes over what the first has in
    hand, and a due date has one payment in the database, so nothing is paid twice. Whether there is money and the
    right to take it is the engine's to find out, for each payment by itself: a refused one does not end the series.
    """
    today = bank_date(now)
    due = StandingOrder.objects.filter(
        transaction_status=TransactionStatus.ACTC, next_execution_date__lte=today
    ).order_by("next_execution_date", "created_at")
    made = 0
    for standing_order_id in list(due.values_list("pk", flat=True)[:limit]):
        with transaction.atomic():
            order = (
                due.select_for_update(of=("self",), skip_locked=True)
                .select_related("app", "psu", "debtor_account")
                .filter(pk=standing_order_id)
                .first()
            )
            if order is not None:
                made += _execute_due(order, today=today, now=now)
    return made


def _execute_due(order: StandingOrder, *, today: date, now: datetime) -> int:
    made, had_begun = 0, order.reported_status == TransactionStatus.ACSP
    while made < EXECUTIONS_PER_RUN_MAX and order.next_due_date and order.next_execution_date:
        if order.next_execution_date > today:
            break
        _make_payment(order, due_date=order.next_due_date, now=now)
        advance(order, due_date=order.series.next_due_date(after=order.next_due_date))
        made += 1
    if order.next_due_date is None:
        change_status(order, status=TransactionStatus.ACSC, actor_type="system", now=now)
        return made
    order.save(update_fields=["next_due_date", "next_execution_date"])
    if not had_begun:
        tell_status(order, status=TransactionStatus.ACSP)
    return made


def _make_payment(order: StandingOrder, *, due_date: date, now: datetime) -> None:
    """One execution, covered by the authorisation of the series, and the promise that the engine books it."""
    payment = PaymentInitiation(
        **execution_fields(order),
        debtor_account=order.debtor_account,
        transaction_status=TransactionStatus.ACTC,
        standing_order=order,
        due_date=due_date,
        request_id=str(new_id()),
        request_hash=canonical_hash({"standing_order": str(order.pk), "due_date": due_date.isoformat()}),
        authorised_at=order.authorised_at,
        released_at=now,
        created_at=now,
        status_changed_at=now,
    )
    assess_execution(payment=payment, order=order, now=now)
    payment.save(force_insert=True)
    record_event(
        event="payments.payment.received",
        object_type="payment",
        object_id=payment.pk,
        actor_type="system",
        at=now,
        data={
            "amount_minor": payment.amount_minor,
            "currency": payment.currency,
            "standing_order": str(order.pk),
            "due_date": due_date.isoformat(),
        },
    )
    enqueue_message(
        topic=EXECUTE_TASK,
        payload={"payment_id": str(payment.pk)},
        effect_key=f"execute:{payment.pk}",
        queue=ENGINE_QUEUE,
    )
