"""Standing orders: taken in, signed, executed when due, ended (RTS art. 14; PSD2 art. 80)."""

import hmac
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from apps.accounts.queries import count_signatures_needed, is_holder, payable_account_ids
from apps.audit.services import record_event
from apps.core.canonical import canonical_hash
from apps.core.clock import bank_date
from apps.core.errors import DomainError, NotFound
from apps.core.ids import new_id
from apps.core.names.rules import NameMatch
from apps.identity.models import PSU
from apps.notifications.services import enqueue_message
from apps.payees.rules import Asker, PayeeVerification
from apps.payees.services import verify_payee
from apps.payments.limits import check_limits
from apps.payments.models import PaymentInitiation, StandingOrder
from apps.payments.recurrence import Series, check_series
from apps.payments.risk import assess_execution
from apps.payments.rules import (
    PARTLY_SIGNED_LIFE,
    SIGNABLE_STATUSES,
    UNAUTHORISED_LIFE,
    Channel,
    TransactionStatus,
)
from apps.payments.services import (
    ENGINE_QUEUE,
    EXECUTE_TASK,
    CurrencyNotSupported,
    DebtorAccountNotYours,
    PaymentOrder,
    RequestIdReused,
    SameAccount,
)
from apps.payments.services.status import SignedAlready
from apps.payments.standing_order_evidence import list_signers_of_order, standing_order_snapshot
from apps.risk.facts import UNKNOWN_ORIGIN, Origin
from apps.sca import services as sca
from apps.sca.models import SCAAuthorisation
from apps.sca.queries import has_signed
from apps.sca.rules import AuthenticationMethod, Purpose, SubjectType
from apps.sca.services import Proof

EXECUTIONS_PER_RUN_MAX = (
    400  # Of one standing order, in one transaction: a clock that jumped is caught up in several.
)


class StandingOrderStatusInvalid(DomainError):
    """The standing order is not in a status in which this can be done."""

    code = "standing_order_status_invalid"


class StandingOrderUnknown(NotFound):
    """No such standing order, or not the asking customer's."""

    code = "standing_order_unknown"


def list_standing_orders(*, psu_id: UUID) -> QuerySet[StandingOrder]:
    """What runs for a customer, the next execution first; then what has ended. What nobody signed is left out, and
    what only one of two has (:func:`list_partly_signed_standing_orders`)."""
    return (
        StandingOrder.objects.filter(_his(psu_id))
        .exclude(authorised_at=None)
        .select_related("debtor_account")
        .order_by("next_execution_date", "-status_changed_at")
    )


def list_partly_signed_standing_orders(*, psu_id: UUID) -> QuerySet[StandingOrder]:
    """What one of two has signed, the oldest first: by this customer, or waiting for him."""
    return (
        StandingOrder.objects.filter(_his(psu_id), transaction_status=TransactionStatus.PATC)
        .select_related("debtor_account", "psu")
        .order_by("created_at")
    )


def list_standing_orders_to_sign(*, psu_id: UUID) -> QuerySet[StandingOrder]:
    """Those of them that wait for this customer."""
    return list_partly_signed_standing_orders(psu_id=psu_id).exclude(psu_id=psu_id)


def get_standing_order(*, psu_id: UUID, standing_order_id: UUID) -> StandingOrder:
    """A standing order of a customer, or one from his account that takes the signatures of several.

    :raises StandingOrderUnknown: missing, or not his.
    """
    order = (
        StandingOrder.objects.select_related("debtor_account", "replaces", "psu")
        .filter(_his(psu_id), pk=standing_order_id)
        .first()
    )
    if order is None:
        raise StandingOrderUnknown(str(standing_order_id))
    return order


def list_executions(*, standing_order_id: UUID, limit: int = 50) -> QuerySet[PaymentInitiation]:
    """The payments that a standing order has made, the latest first."""
    return PaymentInitiation.objects.filter(standing_order_id=standing_order_id).order_by("-due_date")[:limit]


def verify_payee_of_standing_order(
    *,
    order: PaymentOrder,
    series: Series,
    psu: PSU,
    replaces: StandingOrder | None = None,
    request_id: str,
    now: datetime,
) -> PayeeVerification:
    """Whether the payee's name belongs to his IBAN: once, when the series is set up, for all that it will pay.

    To be asked before the order is taken in, outside of a transaction. An order that was taken in before under this
    request id keeps what was found then. Never raises, never takes long (IPR art. 5c).
    """
    known = StandingOrder.objects.filter(psu=psu, request_id=request_id).first()
    if known is not None and hmac.compare_digest(
        bytes(known.request_hash), _fingerprint(order, series, replaces)
    ):
        return PayeeVerification(NameMatch(known.creditor_name_match), known.matched_creditor_name)
    return verify_payee(
        name=order.creditor_name, iban=order.creditor_iban, asker=Asker.customer(psu.pk), now=now
    )


@transaction.atomic
def initiate_standing_order(
    *,
    order: PaymentOrder,
    series: Series,
    psu: PSU,
    replaces: StandingOrder | None = None,
    request_id: str,
    verification: PayeeVerification | None = None,
    origin: Origin = UNKNOWN_ORIGIN,
    now: datetime,
) -> tuple[StandingOrder, bool]:
    """Take in a standing order; nothing runs until it is signed. Returns it, and whether it is new.

    ``replaces`` is the one that ends when this one is signed: that is how one is changed. ``verification`` is what
    :func:`verify_payee_of_standing_order` said before; without it the payee is verified here. ``origin`` is kept:
    monitoring weighs it with each execution.

    :raises CurrencyNotSupported: not euro.
    :raises SameAccount: to itself.
    :raises DebtorAccountNotYours: the customer may not pay from the account.
    :raises StandingOrderStatusInvalid: the one to be replaced does not run, or is another customer's.
    :raises apps.payments.recurrence.SeriesInvalid: its dates make no series.
    :raises apps.payments.limits.LimitExceeded: every single execution would exceed a limit.
    :raises RequestIdReused: the request id belongs to another order.
    """
    if order.instructed_amount.currency != "EUR" or order.debtor_account.currency != "EUR":
        raise CurrencyNotSupported(order.instructed_amount.currency)
    if order.creditor_iban == order.debtor_account.iban:
        raise SameAccount
    if not is_holder(psu_id=psu.pk, iban=order.debtor_account.iban):
        raise DebtorAccountNotYours(str(psu.pk))
    if replaces is not None and (replaces.psu_id != psu.pk or not replaces.is_running):
        raise StandingOrderStatusInvalid("the one to be replaced does not run")
    check_series(series, today=bank_date(now))
    check_limits(
        psu_id=psu.pk,
        amount_minor=order.instructed_amount.amount_minor,
        channel=Channel.PORTAL,
        is_for_today=False,
        now=now,
    )
    fingerprint = _fingerprint(order, series, replaces)
    verification = verification or verify_payee_of_standing_order(
        order=order, series=series, psu=psu, replaces=replaces, request_id=request_id, now=now
    )
    standing_order = StandingOrder(
        psu=psu,
        replaces=replaces,
        debtor_account=order.debtor_account,
        debtor_iban=order.debtor_account.iban,
        creditor_name=order.creditor_name,
        creditor_iban=order.creditor_iban,
        creditor_name_match=verification.outcome,
        matched_creditor_name=verification.matched_name,
        creditor_name_checked_at=now,
        amount_minor=order.instructed_amount.amount_minor,
        currency=order.instructed_amount.currency,
        remittance_information_unstructured=order.remittance_information_unstructured,
        frequency=series.frequency,
        start_date=series.start_date,
        end_date=series.end_date,
        execution_rule=series.execution_rule.value,
        day_of_execution=series.day_of_execution,
        request_id=request_id,
        request_hash=fingerprint,
        origin=origin.as_dict(),
        created_at=now,
        status_changed_at=now,
    )
    try:
        with transaction.atomic():
            standing_order.save(force_insert=True)
    except IntegrityError:
        known = StandingOrder.objects.get(psu=psu, request_id=request_id)
        if not hmac.compare_digest(bytes(known.request_hash), fingerprint):
            raise RequestIdReused(request_id) from None
        return known, False
    _record(
        standing_order,
        event="payments.standing_order.received",
        actor_type="psu",
        now=now,
        data={"amount_minor": standing_order.amount_minor, "frequency": str(series.frequency)},
    )
    # What was found, and never the payee's real name: the trail is read by many and kept for long.
    _record(
        standing_order,
        event="payments.standing_order.payee_verified",
        actor_type="psu",
        now=now,
        data={"outcome": verification.outcome.value, "why": verification.why.value},
    )
    return standing_order, True


@transaction.atomic
def start_standing_order_authorisation(
    *, standing_order_id: UUID, psu: PSU, now: datetime
) -> SCAAuthorisation:
    """Open an authorisation for a standing order that waits for its customer, or for the second who must sign.

    :raises StandingOrderUnknown: missing, or not his.
    :raises StandingOrderStatusInvalid: signed, refused or left lying.
    :raises SignedAlready: by this customer; it is another who must sign.
    """
    order = _lock(standing_order_id, psu_id=psu.pk)
    _check_waits(order, psu=psu, now=now)
    return sca.open_authorisation(
        subject_type=SubjectType.STANDING_ORDER, subject_id=order.pk, psu=psu, now=now
    )


def send_standing_order_code(
    *,
    standing_order_id: UUID,
    authorisation_id: UUID,
    psu: PSU,
    method: AuthenticationMethod = AuthenticationMethod.SMS_OTP,
    now: datetime,
) -> UUID:
    """Send the code over the whole series; returns the challenge's id.

    :raises StandingOrderUnknown: missing, or not his.
    :raises StandingOrderStatusInvalid: it no longer waits.
    :raises apps.sca.services.TooManyCodes: none was sent.
    :raises apps.sca.services.AuthorisationOver: the authorisation is over.
    """
    order = get_standing_order(psu_id=psu.pk, standing_order_id=standing_order_id)
    _check_waits(order, psu=psu, now=now)
    return sca.issue_challenge(
        user=psu.user,
        purpose=Purpose.STANDING_ORDER,
        snapshot=standing_order_snapshot(order=order),
        authorisation_id=authorisation_id,
        hide_limit=False,
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
        order = _lock(standing_order_id, psu_id=psu.pk)
        _check_waits(order, psu=psu, now=now)
        if not is_holder(psu_id=psu.pk, iban=order.debtor_iban):
            raise DebtorAccountNotYours(str(psu.pk))
        old = _lock(order.replaces_id, psu_id=order.psu_id) if order.replaces_id else None
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
def end_standing_order(*, standing_order_id: UUID, psu_id: UUID, now: datetime) -> StandingOrder:
    """The customer ends his standing order, or takes back one that is not signed (by all): nothing more is made by it.

    No code is asked for: less is paid than was agreed, and withdrawing must not be harder than that (PSD2 art. 64(3),
    80). Executions that the engine has are irrevocable. Ending what has ended changes nothing.

    :raises StandingOrderUnknown: missing, or not his. Of several who sign it is the first's, and once it
        runs everyone's who has signed.
    """
    order = _lock(standing_order_id, psu_id=psu_id)
    if not is_his_to_end(order=order, psu_id=psu_id):
        raise StandingOrderUnknown(str(standing_order_id))
    if order.transaction_status in (*SIGNABLE_STATUSES, TransactionStatus.ACTC):
        _end(order, actor_type="psu", psu_id=psu_id, now=now)
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
    order = _lock(standing_order_id, psu_id=psu_id)
    if order.psu_id == psu_id:
        raise SignedAlready(str(psu_id))
    if not order.is_partly_signed:
        raise StandingOrderStatusInvalid(order.transaction_status)
    _reject(order, reason="declined", actor_type="psu", psu_id=psu_id, now=now)
    return order


@transaction.atomic
def reject_standing_order(*, standing_order_id: UUID, psu_id: UUID, reason: str, now: datetime) -> None:
    """The codes were wrong: ``RJCT``. Later it changes nothing: what one has signed is not undone by wrong codes.

    :raises StandingOrderUnknown: missing, or not his.
    """
    order = _lock(standing_order_id, psu_id=psu_id)
    if order.transaction_status == TransactionStatus.RCVD:
        _reject(order, reason=reason, actor_type="psu", psu_id=psu_id, now=now)


def expire_standing_orders(*, now: datetime) -> int:
    """Refuse what nobody signed in time, and what no second person did; returns how many."""
    stale = list(
        StandingOrder.objects.filter(
            Q(transaction_status=TransactionStatus.RCVD, created_at__lte=now - UNAUTHORISED_LIFE)
            | Q(transaction_status=TransactionStatus.PATC, status_changed_at__lte=now - PARTLY_SIGNED_LIFE)
        ).values_list("pk", "psu_id")[:500]
    )
    for standing_order_id, psu_id in stale:
        with transaction.atomic():
            order = _lock(standing_order_id, psu_id=psu_id)
            if order.transaction_status in SIGNABLE_STATUSES and _is_stale(order, now=now):
                _reject(order, reason="not signed in time", actor_type="system", now=now)
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
                .select_related("psu", "debtor_account")
                .filter(pk=standing_order_id)
                .first()
            )
            if order is not None:
                made += _execute_due(order, today=today, now=now)
    return made


def _execute_due(order: StandingOrder, *, today: date, now: datetime) -> int:
    made = 0
    while made < EXECUTIONS_PER_RUN_MAX and order.next_due_date and order.next_execution_date:
        if order.next_execution_date > today:
            break
        _make_payment(order, due_date=order.next_due_date, now=now)
        _advance(order, due_date=order.series.next_due_date(after=order.next_due_date))
        made += 1
    if order.next_due_date is None:
        _change_status(order, status=TransactionStatus.ACSC, actor_type="system", now=now)
    else:
        order.save(update_fields=["next_due_date", "next_execution_date"])
    return made


def _make_payment(order: StandingOrder, *, due_date: date, now: datetime) -> None:
    """One execution, covered by the authorisation of the series, and the promise that the engine books it."""
    payment = PaymentInitiation(
        channel=order.channel,
        psu=order.psu,
        debtor_account=order.debtor_account,
        debtor_iban=order.debtor_iban,
        creditor_name=order.creditor_name,
        creditor_iban=order.creditor_iban,
        # As the series was signed; one from before names were checked has "could not be checked".
        creditor_name_match=order.creditor_name_match,
        matched_creditor_name=order.matched_creditor_name,
        creditor_name_checked_at=order.creditor_name_checked_at,
        amount_minor=order.amount_minor,
        currency=order.currency,
        remittance_information_unstructured=order.remittance_information_unstructured,
        transaction_status=TransactionStatus.ACTC,
        standing_order=order,
        due_date=due_date,
        request_id=str(new_id()),
        request_hash=canonical_hash({"standing_order": str(order.pk), "due_date": due_date.isoformat()}),
        authorisation_id=order.authorisation_id,
        authorised_at=order.authorised_at,
        signatures_needed=order.signatures_needed,
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
    order: StandingOrder, *, reason: str, actor_type: str, psu_id: UUID | None = None, now: datetime
) -> None:
    _change_status(
        order,
        status=TransactionStatus.RJCT,
        actor_type=actor_type,
        psu_id=psu_id,
        now=now,
        data={"reason": reason},
    )
    sca.fail_authorisations_of(
        subject_type=SubjectType.STANDING_ORDER, subject_id=order.pk, reason=reason, now=now
    )


def _end(order: StandingOrder, *, actor_type: str, psu_id: UUID | None = None, now: datetime) -> None:
    _advance(order, due_date=None)
    _change_status(order, status=TransactionStatus.CANC, actor_type=actor_type, psu_id=psu_id, now=now)
    sca.fail_authorisations_of(
        subject_type=SubjectType.STANDING_ORDER, subject_id=order.pk, reason="cancelled", now=now
    )


def _lock(standing_order_id: UUID, *, psu_id: UUID) -> StandingOrder:
    order = (
        StandingOrder.objects.select_for_update(of=("self",))
        .select_related("debtor_account")
        .filter(_his(psu_id), pk=standing_order_id)
        .first()
    )
    if order is None:
        raise StandingOrderUnknown(str(standing_order_id))
    return order


def _his(psu_id: UUID) -> Q:
    """The standing orders of a customer, and those that take several signatures from accounts he may pay from."""
    # The ids, not a query for them: so that both halves are read off their indexes.
    account_ids = list(payable_account_ids(psu_id=psu_id))
    return Q(psu_id=psu_id) | Q(signatures_needed__gt=1, debtor_account__in=account_ids)


def _is_stale(order: StandingOrder, *, now: datetime) -> bool:
    if order.is_partly_signed:
        return order.status_changed_at <= now - PARTLY_SIGNED_LIFE
    return order.created_at <= now - UNAUTHORISED_LIFE


def _check_waits(order: StandingOrder, *, psu: PSU, now: datetime) -> None:
    if order.is_partly_signed and order.psu_id == psu.pk:
        raise SignedAlready(str(psu.pk))
    if order.transaction_status not in SIGNABLE_STATUSES or _is_stale(order, now=now):
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
    record_event(
        event=event,
        object_type="standing_order",
        object_id=order.pk,
        actor_type=actor_type,
        actor_id=(psu_id or order.psu_id) if actor_type == "psu" else "",
        at=now,
        data=data,
    )
