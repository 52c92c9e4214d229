"""Standing orders: taken in at the portal or through a TPP, signed, executed when due, ended (RTS art. 14; PSD2 art.
80)."""

import hmac
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from apps.accounts.queries import count_signatures_needed, payable_account_ids
from apps.audit.services import record_event
from apps.core.canonical import canonical_hash
from apps.core.clock import bank_date
from apps.core.ids import new_id
from apps.identity.models import PSU
from apps.notifications.services import enqueue_message
from apps.payees.rules import PayeeVerification
from apps.payments.limits import check_limits
from apps.payments.models import PaymentInitiation, StandingOrder
from apps.payments.queries import PaymentUnknown
from apps.payments.recurrence import Series, check_series
from apps.payments.risk import assess_execution
from apps.payments.rules import SIGNABLE_STATUSES, Channel, StatusReason, TransactionStatus
from apps.payments.services import (
    ENGINE_QUEUE,
    EXECUTE_TASK,
    CreditorNotConfirmed,
    DebtorAccountNotYours,
    PaymentOrder,
    PaymentStatusInvalid,
    RequestIdReused,
    SignedAlready,
    TPPAddresses,
    check_parties,
    is_stale,
    may_sign,
    note_confirmation,
    order_fields,
    takes_signatures,
    tell_status,
    unsigned_in_time,
    verify_payee_for,
    waits_for_confirmation,
)
from apps.payments.standing_order_evidence import (
    execution_fields,
    list_signers_of_order,
    standing_order_snapshot,
)
from apps.risk.facts import UNKNOWN_ORIGIN, Origin
from apps.sca import services as sca
from apps.sca.models import SCAAuthorisation
from apps.sca.queries import has_signed
from apps.sca.rules import AuthenticationMethod, Purpose, SubjectType
from apps.sca.services import Proof
from apps.tpp.models import App

EXECUTIONS_PER_RUN_MAX = (
    400  # Of one standing order, in one transaction: a clock that jumped is caught up in several.
)


class StandingOrderStatusInvalid(PaymentStatusInvalid):
    """The standing order is not in a status in which this can be done."""

    code = "standing_order_status_invalid"


class StandingOrderUnknown(PaymentUnknown):
    """No such standing order, or not the asking customer's or TPP's."""

    code = "standing_order_unknown"


def list_standing_orders(*, psu_id: UUID) -> QuerySet[StandingOrder]:
    """What runs for a customer, the next execution first; then what has ended. What nobody signed is left out, and
    what only one of two has (:func:`list_partly_signed_standing_orders`)."""
    return (
        StandingOrder.objects.filter(_his(psu_id))
        .exclude(authorised_at=None)
        .select_related("debtor_account", "app__tpp")
        .order_by("next_execution_date", "-status_changed_at")
    )


def list_partly_signed_standing_orders(*, psu_id: UUID) -> QuerySet[StandingOrder]:
    """What one of two has signed, the oldest first: by this customer, or waiting for him."""
    return (
        StandingOrder.objects.filter(_his(psu_id), transaction_status=TransactionStatus.PATC)
        .select_related("app__tpp", "debtor_account", "psu")
        .order_by("created_at")
    )


def list_standing_orders_to_sign(*, psu_id: UUID) -> QuerySet[StandingOrder]:
    """Those of them that wait for this customer."""
    return list_partly_signed_standing_orders(psu_id=psu_id).exclude(psu_id=psu_id)


def list_running_standing_orders(*, account_id: UUID) -> QuerySet[StandingOrder]:
    """What pays from an account again and again, the next execution first."""
    return StandingOrder.objects.filter(
        debtor_account_id=account_id, transaction_status=TransactionStatus.ACTC
    ).order_by("next_execution_date", "created_at")


def get_standing_order(*, psu_id: UUID, standing_order_id: UUID) -> StandingOrder:
    """A standing order of a customer, or one from his account that takes the signatures of several.

    :raises StandingOrderUnknown: missing, or not his.
    """
    return _only(_his(psu_id), standing_order_id=standing_order_id)


def get_standing_order_for_app(*, app_id: UUID, standing_order_id: UUID) -> StandingOrder:
    """A standing order that this app initiated.

    :raises StandingOrderUnknown: missing, or another app's.
    """
    return _only(Q(app_id=app_id), standing_order_id=standing_order_id)


def get_standing_order_to_sign(*, standing_order_id: UUID) -> StandingOrder:
    """A standing order, for the authorisation pages, which are opened by whoever holds the link.

    :raises StandingOrderUnknown: there is none.
    """
    return _only(Q(), standing_order_id=standing_order_id)


def get_latest_execution(*, standing_order_id: UUID) -> PaymentInitiation | None:
    """The payment that a standing order made last."""
    return list_executions(standing_order_id=standing_order_id, limit=1).first()


def list_executions(*, standing_order_id: UUID, limit: int = 50) -> QuerySet[PaymentInitiation]:
    """The payments that a standing order has made, the latest first."""
    return PaymentInitiation.objects.filter(standing_order_id=standing_order_id).order_by("-due_date")[:limit]


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
    _record(
        standing_order,
        event="payments.standing_order.received",
        actor_type=actor_type,
        now=now,
        data={"amount_minor": standing_order.amount_minor, "frequency": str(series.frequency)},
    )
    # What was found, and never the payee's real name: the trail is read by many and kept for long.
    _record(
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
    order = _lock(standing_order_id, Q(app_id=app_id))
    if note_confirmation(order, now=now):
        _record(
            order,
            event="payments.standing_order.creditor_confirmed",
            actor_type="tpp",
            now=now,
            data={"outcome": order.creditor_name_match},
        )
    return order


@transaction.atomic
def start_standing_order_authorisation(
    *, standing_order_id: UUID, psu: PSU | None = None, now: datetime
) -> SCAAuthorisation:
    """Open an authorisation for a standing order that waits for its customer, or for the second who must sign. ``psu``
    is who signs; not known when a TPP starts it.

    :raises StandingOrderUnknown: missing, or not his.
    :raises StandingOrderStatusInvalid: signed, refused or left lying.
    :raises SignedAlready: by this customer; it is another who must sign.
    :raises apps.payments.services.CreditorNotConfirmed: its TPP has to have the payee confirmed first.
    """
    order = _lock(standing_order_id, _his(psu.pk) if psu else Q())
    if psu is not None:
        _check_waits(order, psu=psu, now=now)
    elif not takes_signatures(order, now=now):
        raise StandingOrderStatusInvalid(order.transaction_status)
    if waits_for_confirmation(order):
        raise CreditorNotConfirmed(order.creditor_name_match)
    if not order.is_partly_signed:
        psu = order.psu
    return sca.open_authorisation(
        subject_type=SubjectType.STANDING_ORDER, subject_id=order.pk, psu=psu, now=now
    )


def send_standing_order_code(
    *,
    standing_order_id: UUID,
    authorisation_id: UUID,
    psu: PSU | None,
    hide_limit: bool = False,
    is_ahead: bool = False,
    method: AuthenticationMethod = AuthenticationMethod.SMS_OTP,
    now: datetime,
) -> UUID:
    """Send the code over the whole series; returns the challenge's id. ``is_ahead``: before its customer has come to
    the page (S0-41).

    ``hide_limit`` is for pages whose visitor nobody knows yet: who may not sign gets a decoy that looks the same, as
    does ``psu`` None. Without it he is told.

    :raises StandingOrderUnknown: missing, or not his.
    :raises StandingOrderStatusInvalid: it no longer waits.
    :raises SignedAlready: by this customer; it is another who must sign.
    :raises apps.sca.services.TooManyCodes: none was sent; only with ``hide_limit=False``.
    :raises apps.sca.services.AuthorisationOver: the authorisation is over.
    """
    if psu is None or hide_limit:
        order = get_standing_order_to_sign(standing_order_id=standing_order_id)
        if not takes_signatures(order, now=now):
            raise StandingOrderStatusInvalid(order.transaction_status)
        psu = psu if psu is not None and may_sign(order, psu=psu) else None
    else:
        order = get_standing_order(psu_id=psu.pk, standing_order_id=standing_order_id)
        _check_waits(order, psu=psu, now=now)
    return sca.issue_challenge(
        user=psu.user if psu else None,
        purpose=Purpose.STANDING_ORDER,
        snapshot=standing_order_snapshot(order=order),
        authorisation_id=authorisation_id,
        hide_limit=hide_limit,
        is_ahead=is_ahead,
        method=method,
        now=now,
    )


def authorise_standing_order(
    *, standing_order_id: UUID, authorisation_id: UUID, psu: PSU, proof: Proof, now: datetime
) -> StandingOrder:
    """Sign a standing order by the customer's code, which must have been made for exactly this series: it runs
    (``ACTC``), or waits for another's signature (``PATC``) if he may sign only together with one and is the first.

    This is the strong authentication of the whole series: later executions need none (RTS art. 14(1)-(2)). The one it
    replaces ends in the same transaction.

    :raises StandingOrderUnknown: missing, or not his.
    :raises StandingOrderStatusInvalid: it no longer waits, or the one it replaces has ended or has paid the first day.
    :raises SignedAlready: by this customer; it is another who must sign.
    :raises DebtorAccountNotYours: the customer lost his right on the account.
    :raises apps.sca.services.DynamicLinkBroken: the code belongs to other data; it is void now.
    :raises apps.sca.services.CodeRefused: the code was spent meanwhile.
    """
    broken = False
    with transaction.atomic():
        # One that came through a TPP which knows no customer is the first holder's who signs it.
        order = _lock(standing_order_id, _his(psu.pk) | Q(psu=None))
        _check_waits(order, psu=psu, now=now)
        if not may_sign(order, psu=psu):
            raise DebtorAccountNotYours(str(psu.pk))
        old = _lock(order.replaces_id) if order.replaces_id else None
        if old is not None and not old.is_running:
            # Ended or replaced meanwhile: two changes of one order must not leave two orders.
            raise StandingOrderStatusInvalid(old.transaction_status)
        if old is not None and old.executions.filter(due_date__gte=order.first_due_date).exists():
            # Paid while the customer was signing, or before a rest of the calendar: never twice for one day.
            raise StandingOrderStatusInvalid("the one it replaces has paid this day")
        broken = (
            proof.authorisation_id != authorisation_id
            or proof.user_id != psu.user_id
            or not sca.is_proof_of(
                proof=proof, purpose=Purpose.STANDING_ORDER, snapshot=standing_order_snapshot(order=order)
            )
        )
        if not broken:
            sca.consume_proof(proof=proof, now=now)
            sca.finalise_authorisation(
                authorisation_id=authorisation_id, psu=psu, snapshot_hash=proof.snapshot_hash, now=now
            )
            if not order.is_partly_signed:
                order.psu = psu
                order.signatures_needed = count_signatures_needed(psu_id=psu.pk, ibans=[order.debtor_iban])
            if len(list_signers_of_order(order=order)) >= order.signatures_needed:
                order.authorised_at, order.authorisation_id = now, authorisation_id
                _advance(order, due_date=order.series.first_due_date())
                _change_status(order, status=TransactionStatus.ACTC, actor_type="psu", psu_id=psu.pk, now=now)
                if old is not None:
                    _end(old, actor_type="psu", psu_id=psu.pk, now=now)
            elif order.is_partly_signed:
                raise StandingOrderStatusInvalid("it is not what the first has signed")
            else:
                _change_status(order, status=TransactionStatus.PATC, actor_type="psu", now=now)
    if broken:
        sca.void_challenge(challenge_id=proof.challenge_id, reason="standing order differs", now=now)
        raise sca.DynamicLinkBroken(str(standing_order_id))
    return order


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
    order = _lock(standing_order_id, _his(psu_id) if psu_id else Q(app_id=app_id))
    if psu_id is not None and not is_his_to_end(order=order, psu_id=psu_id):
        raise StandingOrderUnknown(str(standing_order_id))
    if order.transaction_status in (*SIGNABLE_STATUSES, TransactionStatus.ACTC):
        _end(order, actor_type="psu" if psu_id else "tpp", psu_id=psu_id, now=now)
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
    order = _lock(standing_order_id, _his(psu_id))
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
    order = _lock(standing_order_id, _his(psu_id) if psu_id else None)
    if order.transaction_status == TransactionStatus.RCVD:
        _reject(order, reason=reason, actor_type="psu", psu_id=psu_id, now=now)


def expire_standing_orders(*, now: datetime) -> int:
    """Refuse what nobody signed in time, and what no second person did; returns how many."""
    stale = list(StandingOrder.objects.filter(unsigned_in_time(now=now)).values_list("pk", flat=True)[:500])
    for standing_order_id in stale:
        with transaction.atomic():
            order = _lock(standing_order_id)
            if order.transaction_status in SIGNABLE_STATUSES and is_stale(order, now=now):
                _reject(order, reason=StatusReason.DS02, actor_type="system", now=now)
    return len(stale)


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
        _advance(order, due_date=order.series.next_due_date(after=order.next_due_date))
        made += 1
    if order.next_due_date is None:
        _change_status(order, status=TransactionStatus.ACSC, actor_type="system", now=now)
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


def _advance(order: StandingOrder, *, due_date: date | None) -> None:
    order.next_due_date = due_date
    order.next_execution_date = order.series.execution_date(due_date) if due_date else None


def _reject(
    order: StandingOrder, *, reason: StatusReason, actor_type: str, psu_id: UUID | None = None, now: datetime
) -> None:
    order.status_reason = reason
    _change_status(
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


def _end(order: StandingOrder, *, actor_type: str, psu_id: UUID | None = None, now: datetime) -> None:
    _advance(order, due_date=None)
    _change_status(order, status=TransactionStatus.CANC, actor_type=actor_type, psu_id=psu_id, now=now)
    sca.fail_authorisations_of(
        subject_type=SubjectType.STANDING_ORDER, subject_id=order.pk, reason="cancelled", now=now
    )


def _only(scope: Q, *, standing_order_id: UUID) -> StandingOrder:
    order = (
        StandingOrder.objects.select_related("app__tpp", "debtor_account", "replaces", "psu__user")
        .filter(scope, pk=standing_order_id)
        .first()
    )
    if order is None:
        raise StandingOrderUnknown(str(standing_order_id))
    return order


def _lock(standing_order_id: UUID, scope: Q | None = None) -> StandingOrder:
    """A standing order under a row lock; of all, or of those in ``scope``.

    :raises StandingOrderUnknown: missing, or not in scope.
    """
    order = (
        StandingOrder.objects.select_for_update(of=("self",))
        .select_related("app__tpp", "debtor_account", "psu")
        .filter(scope or Q(), pk=standing_order_id)
        .first()
    )
    if order is None:
        raise StandingOrderUnknown(str(standing_order_id))
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


def _his(psu_id: UUID) -> Q:
    """The standing orders of a customer, and those that take several signatures from accounts he may pay from."""
    # The ids, not a query for them: so that both halves are read off their indexes.
    account_ids = list(payable_account_ids(psu_id=psu_id))
    return Q(psu_id=psu_id) | Q(signatures_needed__gt=1, debtor_account__in=account_ids)


def _check_waits(order: StandingOrder, *, psu: PSU, now: datetime) -> None:
    if order.is_partly_signed and order.psu_id == psu.pk:
        raise SignedAlready(str(psu.pk))
    if not takes_signatures(order, now=now):
        raise StandingOrderStatusInvalid(order.transaction_status)


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


def _change_status(
    order: StandingOrder,
    *,
    status: TransactionStatus,
    actor_type: str,
    psu_id: UUID | None = None,
    now: datetime,
    data: dict[str, Any] | None = None,
) -> None:
    order.transaction_status, order.status_changed_at = status, now
    order.save()
    _record(
        order,
        event=f"payments.standing_order.{status}",
        actor_type=actor_type,
        psu_id=psu_id,
        now=now,
        data=data,
    )
    tell_status(order, status=status)


def _record(
    order: StandingOrder,
    *,
    event: str,
    actor_type: str,
    psu_id: UUID | None = None,
    now: datetime,
    data: dict[str, Any] | None = None,
) -> None:
    """``psu_id``: who did it, if it was not the customer whose order it is."""
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
