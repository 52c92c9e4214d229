"""Taking in a standing order, from its customer or through a TPP; nothing runs until it is signed."""

import hmac
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q

from apps.core.canonical import canonical_hash
from apps.core.clock import bank_date
from apps.identity.models import PSU
from apps.payees.rules import PayeeVerification
from apps.payments.limits import check_limits
from apps.payments.models import StandingOrder
from apps.payments.recurrence import Series, check_series
from apps.payments.rules import Channel
from apps.payments.services import (
    PaymentOrder,
    RequestIdReused,
    TPPAddresses,
    check_parties,
    note_confirmation,
    order_fields,
    verify_payee_for,
)
from apps.payments.standing_orders.reading import StandingOrderStatusInvalid, lock_standing_order
from apps.payments.standing_orders.status import record
from apps.risk.facts import UNKNOWN_ORIGIN, Origin
from apps.tpp.models import App


def verify_payee_of_standing_order(
    *,
    order: PaymentOrder,
    series: Series,
    psu: PSU | None,
    app: App | None = None,
    replaces: StandingOrder | None = None,
    request_id: str,
    now: datetime,
) -> PayeeVerification:
    """Whether the payee's name belongs to his IBAN: once, when the series is set up, for all that it will pay.

    To be asked before the order is taken in, outside of a transaction. An order that was taken in before under this
    request id keeps what was found then. Never raises, never takes long (IPR art. 5c).
    """
    return verify_payee_for(
        order,
        known=StandingOrder.objects.filter(**_owner(app=app, psu=psu), request_id=request_id).first(),
        fingerprint=_fingerprint(order, series, replaces),
        psu=psu,
        app=app,
        now=now,
    )


@transaction.atomic
def initiate_standing_order(
    *,
    order: PaymentOrder,
    series: Series,
    psu: PSU | None,
    app: App | None = None,
    addresses: TPPAddresses | None = None,
    replaces: StandingOrder | None = None,
    request_id: str,
    verification: PayeeVerification | None = None,
    vop_requested: bool = False,
    origin: Origin = UNKNOWN_ORIGIN,
    now: datetime,
) -> tuple[StandingOrder, bool]:
    """Take in a standing order; nothing runs until it is signed. Returns it, and whether it is new.

    From its customer in the portal, or through the ``app`` of a TPP, which may not know the customer and wants to be
    told at ``addresses``. ``replaces`` is the one that ends when this one is signed: that is how one is changed.
    ``verification`` is what :func:`verify_payee_of_standing_order` said before; without it the payee is verified here.
    ``vop_requested``: as for :func:`apps.payments.services.initiate_payment`. ``origin`` is kept: monitoring weighs it
    with each execution.

    :raises CurrencyNotSupported: not euro.
    :raises SameAccount: to itself.
    :raises DebtorAccountNotYours: the customer may not pay from the account.
    :raises StandingOrderStatusInvalid: the one to be replaced does not run, or is another customer's.
    :raises apps.payments.recurrence.SeriesInvalid: its dates make no series.
    :raises apps.payments.limits.LimitExceeded: every single execution would exceed a limit.
    :raises RequestIdReused: the request id belongs to another order.
    """
    check_parties(order, psu=psu)
    if replaces is not None and (psu is None or replaces.psu_id != psu.pk or not replaces.is_running):
        raise StandingOrderStatusInvalid("the one to be replaced does not run")
    known = StandingOrder.objects.filter(**_owner(app=app, psu=psu), request_id=request_id).first()
    if known is not None:
        # Before the days are checked: a call that is repeated later finds its order all the same.
        return _same_request(known, order, series, replaces), False
    check_series(series, today=bank_date(now))
    channel = Channel.XS2A if app else Channel.PORTAL
    if psu is not None:
        check_limits(
            psu_id=psu.pk,
            amount_minor=order.instructed_amount.amount_minor,
            channel=channel,
            is_for_today=False,
            now=now,
        )
    verification = verification or verify_payee_of_standing_order(
        order=order, series=series, psu=psu, app=app, replaces=replaces, request_id=request_id, now=now
    )
    standing_order = StandingOrder(
        **order_fields(order, addresses=addresses, verification=verification, now=now),
        channel=channel,
        app=app,
        psu=psu,
        replaces=replaces,
        vop_requested=vop_requested,
        frequency=series.frequency,
        start_date=series.start_date,
        end_date=series.end_date,
        execution_rule=series.execution_rule.value,
        day_of_execution=series.day_of_execution,
        request_id=request_id,
        request_hash=_fingerprint(order, series, replaces),
        origin=origin.as_dict(),
    )
    try:
        with transaction.atomic():
            standing_order.save(force_insert=True)
    except IntegrityError:
        known = StandingOrder.objects.get(**_owner(app=app, psu=psu), request_id=request_id)
        return _same_request(known, order, series, replaces), False
    actor_type = "tpp" if app else "psu"
    record(
        standing_order,
        event="payments.standing_order.received",
        actor_type=actor_type,
        now=now,
        data={"amount_minor": standing_order.amount_minor, "frequency": str(series.frequency)},
    )
    # What was found, and never the payee's real name: the trail is read by many and kept for long.
    record(
        standing_order,
        event="payments.standing_order.payee_verified",
        actor_type=actor_type,
        now=now,
        data={"outcome": verification.outcome.value, "why": verification.why.value},
    )
    return standing_order, True


@transaction.atomic
def confirm_creditor_of_standing_order(
    *, standing_order_id: UUID, app_id: UUID, now: datetime
) -> StandingOrder:
    """A TPP's word that its customer wants to pay this payee again and again in spite of the name; as
    :func:`apps.payments.services.confirm_creditor`.

    :raises StandingOrderUnknown: not this app's.
    :raises apps.payments.services.PaymentStatusInvalid: no longer waits, or there is nothing to confirm.
    """
    order = lock_standing_order(standing_order_id, Q(app_id=app_id))
    if note_confirmation(order, now=now):
        record(
            order,
            event="payments.standing_order.creditor_confirmed",
            actor_type="tpp",
            now=now,
            data={"outcome": order.creditor_name_match},
        )
    return order


def _owner(*, app: App | None, psu: PSU | None) -> dict[str, Any]:
    """Among whose orders a request id is known."""
    return {"app": app} if app is not None else {"psu": psu, "app": None}


def _same_request(
    known: StandingOrder, order: PaymentOrder, series: Series, replaces: StandingOrder | None
) -> StandingOrder:
    if not hmac.compare_digest(bytes(known.request_hash), _fingerprint(order, series, replaces)):
        raise RequestIdReused(known.request_id)
    return known


def _fingerprint(order: PaymentOrder, series: Series, replaces: StandingOrder | None) -> bytes:
    return canonical_hash(
        {
            "order": order.fingerprint().hex(),
            "frequency": series.frequency.value,
            "start_date": series.start_date.isoformat(),
            "end_date": series.end_date.isoformat() if series.end_date else "",
            "execution_rule": series.execution_rule.value,
            "day_of_execution": series.day_of_execution or 0,
            "replaces": str(replaces.pk) if replaces else "",
        }
    )
