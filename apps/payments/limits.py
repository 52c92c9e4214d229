"""A customer's limits: read, checked, counted by the engine, changed (PSD2 art. 68(1); Regulation (EU) 2024/886)."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from apps.audit.services import record_event
from apps.core.clock import bank_date
from apps.core.errors import DomainError, InvalidInput, NotFound
from apps.identity.models import PSU
from apps.payments.limit_models import ChangeStatus, PaymentDayUse, PaymentLimitChange, PaymentLimits
from apps.payments.limit_rules import DayUse, LimitKind, Limits, exceeded_limit, is_raise
from apps.payments.models import PaymentInitiation
from apps.payments.rules import Channel
from apps.sca import services as sca
from apps.sca.models import SCAAuthorisation
from apps.sca.rules import AuthenticationMethod, Purpose, SubjectType
from apps.sca.services import Proof

# One statement, one amount a customer, be it one payment or several together: his limits or the usual ones, held
# against the highest payment and against the day's sum, which grows only if it stays within them. ON CONFLICT locks the
# day's row and looks at its newest version: parallel payments cannot exceed a limit together. Always in the customers'
# order: no two groups can wait for each other in a ring.
_COUNT = """
WITH limits AS (
    SELECT asked.psu_id, asked.portal, asked.xs2a, asked.largest,
           coalesce(own.per_payment_minor, %(per_payment)s) AS per_payment,
           coalesce(own.per_day_minor, %(per_day)s) AS per_day,
           coalesce(own.portal_per_day_minor, %(portal_per_day)s) AS portal_per_day,
           coalesce(own.xs2a_per_day_minor, %(xs2a_per_day)s) AS xs2a_per_day
    FROM unnest(%(psus)s::uuid[], %(portal)s::bigint[], %(xs2a)s::bigint[], %(largest)s::bigint[])
             AS asked (psu_id, portal, xs2a, largest)
         LEFT JOIN payments_paymentlimits AS own ON own.psu_id = asked.psu_id
)
INSERT INTO payments_paymentdayuse AS used (psu_id, day, portal_minor, xs2a_minor)
SELECT psu_id, %(day)s, portal, xs2a FROM limits
WHERE largest <= per_payment AND portal + xs2a <= per_day
  AND portal <= portal_per_day AND xs2a <= xs2a_per_day
ORDER BY psu_id
ON CONFLICT ON CONSTRAINT payment_day_use_once_per_day DO UPDATE
SET portal_minor = used.portal_minor + excluded.portal_minor, xs2a_minor = used.xs2a_minor + excluded.xs2a_minor
WHERE used.portal_minor + used.xs2a_minor + excluded.portal_minor + excluded.xs2a_minor
      <= (SELECT per_day FROM limits WHERE limits.psu_id = excluded.psu_id)
  AND (excluded.portal_minor = 0 OR used.portal_minor + excluded.portal_minor
       <= (SELECT portal_per_day FROM limits WHERE limits.psu_id = excluded.psu_id))
  AND (excluded.xs2a_minor = 0 OR used.xs2a_minor + excluded.xs2a_minor
       <= (SELECT xs2a_per_day FROM limits WHERE limits.psu_id = excluded.psu_id))
RETURNING psu_id
"""


class _Amount(NamedTuple):
    psu_id: UUID
    sum_minor: int
    largest_minor: int
    channel: str


class LimitExceeded(DomainError):
    """The payment is more than the customer lets go out. ``kind`` says by which limit, ``limits`` what it is."""

    code = "limit_exceeded"

    def __init__(self, kind: LimitKind, *, limit_minor: int, left_minor: int) -> None:
        super().__init__(kind.value)
        self.kind = kind
        self.limit_minor = limit_minor
        self.left_minor = left_minor


class LimitTooHigh(InvalidInput):
    """Higher than the bank lets any customer set it."""

    code = "limit_too_high"


class LimitChangeOver(DomainError):
    """The change was signed or refused already, or other limits hold by now."""

    code = "limit_change_over"


class LimitChangeUnknown(NotFound):
    """No such change, or not the asking customer's."""

    code = "limit_change_unknown"


def usual_limits() -> Limits:
    """The limits of a customer who never changed them."""
    return Limits(
        per_payment_minor=settings.PAYMENT_LIMIT_PER_PAYMENT_MINOR,
        per_day_minor=settings.PAYMENT_LIMIT_PER_DAY_MINOR,
        portal_per_day_minor=settings.PAYMENT_LIMIT_PORTAL_PER_DAY_MINOR,
        xs2a_per_day_minor=settings.PAYMENT_LIMIT_XS2A_PER_DAY_MINOR,
    )


def get_limits(*, psu_id: UUID) -> Limits:
    """The limits that hold for a customer now."""
    own = PaymentLimits.objects.filter(psu_id=psu_id).first()
    return _limits_of(own) if own is not None else usual_limits()


def get_day_use(*, psu_id: UUID, now: datetime) -> DayUse:
    """What went out for a customer today."""
    use = PaymentDayUse.objects.filter(psu_id=psu_id, day=bank_date(now)).first()
    return DayUse(use.portal_minor, use.xs2a_minor) if use is not None else DayUse()


def get_limit_change(*, psu_id: UUID, change_id: UUID) -> PaymentLimitChange:
    """A change that a customer asked for.

    :raises LimitChangeUnknown: missing, or not his.
    """
    change = PaymentLimitChange.objects.filter(pk=change_id, psu_id=psu_id).first()
    if change is None:
        raise LimitChangeUnknown(str(change_id))
    return change


def get_last_limit_change(*, psu_id: UUID) -> PaymentLimitChange | None:
    """The latest change that a customer has signed; None when he never has."""
    signed = PaymentLimitChange.objects.filter(psu_id=psu_id, status=ChangeStatus.APPLIED)
    return signed.order_by("-applied_at").first()


def check_limits(
    *,
    psu_id: UUID,
    amount_minor: int,
    largest_minor: int | None = None,
    channel: Channel,
    is_for_today: bool,
    now: datetime,
) -> None:
    """The early check, so that a customer is told before he signs. The engine checks again, under a lock.

    What went out today counts only for what goes out today. ``largest_minor`` is the highest of several payments that
    come to ``amount_minor`` together: the limit per payment is held against it.

    :raises LimitExceeded: more than a limit allows.
    """
    limits = get_limits(psu_id=psu_id)
    use = get_day_use(psu_id=psu_id, now=now) if is_for_today else DayUse()
    kind = exceeded_limit(
        amount_minor=amount_minor, largest_minor=largest_minor, channel=channel, limits=limits, use=use
    )
    if kind is not None:
        raise LimitExceeded(
            kind, limit_minor=limits.of(kind), left_minor=max(0, limits.of(kind) - use.of(kind))
        )


def count_against_limits(*, payment: PaymentInitiation, now: datetime) -> bool:
    """For the engine, before it takes the funds: count the payment into its customer's day, if his limits allow it.

    False, and nothing counted, when a limit forbids it. Parallel payments wait for one another here until the first is
    committed or undone. What is refused or given up before it was settled is uncounted again; what was settled and
    then sent back by the other bank stays counted: it did go out.
    """
    return payment.pk in count_many_against_limits(payments=[payment], now=now)


def count_many_against_limits(*, payments: Iterable[PaymentInitiation], now: datetime) -> set[UUID]:
    """The ids of those payments that were counted; as :func:`count_against_limits` for one after the other.

    One round trip for all customers' first payments, one for their second ones, and so on. A transaction that calls
    this again does so for customers of whom it has counted something already: so transactions wait for one another in
    the customers' order only.
    """
    turns: list[list[PaymentInitiation]] = []
    seen: Counter[UUID] = Counter()
    for payment in payments:
        turn = seen[payment.payer.pk]
        seen[payment.payer.pk] += 1
        if turn == len(turns):
            turns.append([])
        turns[turn].append(payment)
    counted: set[UUID] = set()
    for together in turns:
        of_customer = {payment.payer.pk: payment for payment in together}
        amounts = [
            _Amount(psu_id, payment.amount_minor, payment.amount_minor, payment.channel)
            for psu_id, payment in of_customer.items()
        ]
        counted |= {of_customer[psu_id].pk for psu_id in _count_once_each(amounts, now=now)}
    return counted


def count_amount_against_limits(
    *, psu_id: UUID, amount_minor: int, largest_minor: int, channel: Channel, now: datetime
) -> bool:
    """As :func:`count_against_limits`, for payments that go out together: their sum counts into the day, once; the
    highest of them is held against the limit per payment."""
    return bool(_count_once_each([_Amount(psu_id, amount_minor, largest_minor, channel)], now=now))


def _count_once_each(amounts: Sequence[_Amount], *, now: datetime) -> list[UUID]:
    """The customers whose amount was counted; each may be there once."""
    parameters: dict[str, Any] = {
        **usual_limits().as_dict(),
        "day": bank_date(now),
        "psus": [amount.psu_id for amount in amounts],
        "portal": [amount.sum_minor if amount.channel == Channel.PORTAL else 0 for amount in amounts],
        "xs2a": [amount.sum_minor if amount.channel == Channel.XS2A else 0 for amount in amounts],
        "largest": [amount.largest_minor for amount in amounts],
    }
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, parameters)
        return [psu_id for (psu_id,) in cursor.fetchall()]


def uncount_against_limits(*, payment: PaymentInitiation, now: datetime) -> None:
    """For the engine, once for a counted payment: nothing goes out, for want of funds or because the other side refused
    it or did not answer.

    ``now`` is the moment at which it was counted, which tells the day.
    """
    uncount_amount_against_limits(
        psu_id=payment.payer.pk, amount_minor=payment.amount_minor, channel=Channel(payment.channel), now=now
    )


def uncount_amount_against_limits(
    *, psu_id: UUID, amount_minor: int, channel: Channel, now: datetime
) -> None:
    """The same for payments that were counted together, or for those of them that do not go out after all."""
    column = "portal_minor" if channel == Channel.PORTAL else "xs2a_minor"
    PaymentDayUse.objects.filter(psu_id=psu_id, day=bank_date(now)).update(
        **{column: F(column) - amount_minor}
    )


@transaction.atomic
def change_limits(*, psu: PSU, new: Limits, now: datetime) -> PaymentLimitChange | None:
    """Set a customer's limits. Lower ones hold at once; None then. If any is higher, all of the change waits for his
    code, and is returned: nothing has changed yet (PSD2 art. 97(1)(c)).

    :raises LimitTooHigh: above what the bank allows, with the field.
    """
    for kind in LimitKind:
        if not 0 <= new.of(kind) <= settings.PAYMENT_LIMIT_MAX_MINOR:
            raise LimitTooHigh(kind.value, field=kind.value)
    _lock_customer(psu)
    old = get_limits(psu_id=psu.pk)
    if is_raise(old=old, new=new):
        return PaymentLimitChange.objects.create(
            psu=psu, replaced=old.as_dict(), created_at=now, **_columns(new)
        )
    if new != old:
        _write(psu, old=old, new=new, authorisation_id=None, now=now)
    return None


def limit_change_snapshot(*, change: PaymentLimitChange) -> dict[str, Any]:
    """What the customer's code for new limits is made over, and what he is shown."""
    return {
        "change_id": str(change.pk),
        "currency": "EUR",
        "new": _limits_of(change).as_dict(),
        "old": change.replaced,
        "created_at": change.created_at.isoformat(),
    }


@transaction.atomic
def start_limit_authorisation(*, change_id: UUID, psu: PSU, now: datetime) -> SCAAuthorisation:
    """Open an authorisation for a change that waits for its customer.

    :raises LimitChangeUnknown: not his.
    :raises LimitChangeOver: signed or refused already.
    """
    _lock_open_change(change_id=change_id, psu=psu)
    return sca.open_authorisation(subject_type=SubjectType.LIMITS, subject_id=change_id, psu=psu, now=now)


def send_limit_code(
    *,
    change_id: UUID,
    authorisation_id: UUID,
    psu: PSU,
    method: AuthenticationMethod = AuthenticationMethod.SMS_OTP,
    now: datetime,
) -> UUID:
    """Send the code for new limits; returns the challenge's id.

    :raises LimitChangeUnknown: not his.
    :raises LimitChangeOver: signed or refused already.
    :raises apps.sca.services.TooManyCodes: none was sent.
    :raises apps.sca.services.AuthorisationOver: the authorisation is over.
    """
    change = get_limit_change(psu_id=psu.pk, change_id=change_id)
    if change.status != ChangeStatus.OPEN:
        raise LimitChangeOver(change.status)
    return sca.issue_challenge(
        user=psu.user,
        purpose=Purpose.LIMITS,
        snapshot=limit_change_snapshot(change=change),
        authorisation_id=authorisation_id,
        hide_limit=False,
        method=method,
        now=now,
    )


def authorise_limit_change(
    *, change_id: UUID, authorisation_id: UUID, psu: PSU, proof: Proof, now: datetime
) -> None:
    """Let new limits hold by the customer's code, which must have been made for exactly these.

    :raises LimitChangeUnknown: not his.
    :raises LimitChangeOver: signed or refused already, or other limits hold by now.
    :raises apps.sca.services.DynamicLinkBroken: the code belongs to other limits; it is void now.
    :raises apps.sca.services.CodeRefused: the code was spent meanwhile.
    """
    broken = False
    with transaction.atomic():
        _lock_customer(psu)
        change = _lock_open_change(change_id=change_id, psu=psu)
        old = get_limits(psu_id=psu.pk)
        broken = (
            proof.authorisation_id != authorisation_id
            or proof.user_id != psu.user_id
            or not sca.is_proof_of(
                proof=proof, purpose=Purpose.LIMITS, snapshot=limit_change_snapshot(change=change)
            )
        )
        if not broken and old.as_dict() != change.replaced:
            raise LimitChangeOver("other limits hold by now")
        if not broken:
            sca.consume_proof(proof=proof, now=now)
            sca.finalise_authorisation(
                authorisation_id=authorisation_id, psu=psu, snapshot_hash=proof.snapshot_hash, now=now
            )
            change.status, change.applied_at, change.authorisation_id = (
                ChangeStatus.APPLIED,
                now,
                authorisation_id,
            )
            change.save(update_fields=["status", "applied_at", "authorisation_id"])
            _write(psu, old=old, new=_limits_of(change), authorisation_id=authorisation_id, now=now)
    if broken:
        sca.void_challenge(challenge_id=proof.challenge_id, reason="limits differ", now=now)
        raise sca.DynamicLinkBroken(str(change_id))


@transaction.atomic
def refuse_limit_change(*, change_id: UUID, psu: PSU, reason: str, now: datetime) -> None:
    """The customer takes it back, or his codes were wrong. What is over stays as it is.

    :raises LimitChangeUnknown: not his.
    """
    change = PaymentLimitChange.objects.select_for_update().filter(pk=change_id, psu=psu).first()
    if change is None:
        raise LimitChangeUnknown(str(change_id))
    if change.status != ChangeStatus.OPEN:
        return
    change.status = ChangeStatus.REFUSED
    change.save(update_fields=["status"])
    sca.fail_authorisations_of(subject_type=SubjectType.LIMITS, subject_id=change.pk, reason=reason, now=now)


def _lock_open_change(*, change_id: UUID, psu: PSU) -> PaymentLimitChange:
    change = PaymentLimitChange.objects.select_for_update().filter(pk=change_id, psu=psu).first()
    if change is None:
        raise LimitChangeUnknown(str(change_id))
    if change.status != ChangeStatus.OPEN:
        raise LimitChangeOver(change.status)
    return change


def _lock_customer(psu: PSU) -> None:
    """Two changes at once: the second finds what the first left. The row of limits may not be there yet."""
    PSU.objects.select_for_update().get(pk=psu.pk)


def _write(psu: PSU, *, old: Limits, new: Limits, authorisation_id: UUID | None, now: datetime) -> None:
    PaymentLimits.objects.update_or_create(psu=psu, defaults={**_columns(new), "changed_at": now})
    record_event(
        event="payments.limits.changed",
        object_type="psu",
        object_id=psu.pk,
        actor_type="psu",
        actor_id=psu.pk,
        at=now,
        data={
            "old": old.as_dict(),
            "new": new.as_dict(),
            "authorisation": str(authorisation_id or ""),
        },
    )


def _limits_of(row: PaymentLimits | PaymentLimitChange) -> Limits:
    return Limits(
        per_payment_minor=row.per_payment_minor,
        per_day_minor=row.per_day_minor,
        portal_per_day_minor=row.portal_per_day_minor,
        xs2a_per_day_minor=row.xs2a_per_day_minor,
    )


def _columns(limits: Limits) -> dict[str, int]:
    return {f"{kind.value}_minor": limits.of(kind) for kind in LimitKind}
