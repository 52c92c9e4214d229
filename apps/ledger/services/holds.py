from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from django.db import transaction

from apps.core.errors import DomainError, NotFound
from apps.core.ids import new_id
from apps.core.money import Money
from apps.ledger.models import Hold
from apps.ledger.rules import EntryKind, HoldOutcome, HoldStatus, Narrative, PostingOutcome
from apps.ledger.services.database import call_function
from apps.ledger.services.posting import (
    AccountNotPostable,
    EntryClash,
    ExceedsBalance,
    Transfer,
    post_transfer,
    post_transfers,
)


class HoldUnknown(NotFound):
    """There is no hold with this reference."""

    code = "hold_unknown"


class HoldEnded(DomainError):
    """The hold ended in another way."""

    code = "hold_ended"


def place_hold(
    *, account_id: UUID, reference: str, amount: Money, expires_at: datetime | None, now: datetime
) -> bool:
    """Set money of an account aside; True if done now, False if it was before. Idempotent by ``reference``.

    The balance stays; what is available shrinks. Needs the engine's database role.

    :raises ExceedsBalance: that much is not available.
    :raises EntryClash: the reference holds another amount, or money of another account.
    :raises AccountNotPostable: no such account, one in another currency, or one of the bank's own.
    """
    outcome = HoldOutcome(
        call_function(
            "SELECT ledger_place_hold(%s, %s, %s, %s, %s, %s, %s)",
            [new_id(), account_id, reference, amount.amount_minor, amount.currency, expires_at, now],
        )
    )
    match outcome:
        case HoldOutcome.DONE:
            return True
        case HoldOutcome.EXISTS:
            return False
        case HoldOutcome.EXCEEDS_BALANCE:
            raise ExceedsBalance(reference)
        case HoldOutcome.EXISTS_WITH_DIFFERENT_CONTENT:
            raise EntryClash(reference)
        case _:
            raise AccountNotPostable(outcome)


@transaction.atomic
def capture_hold(
    *,
    reference: str,
    kind: EntryKind,
    credit_account_id: UUID,
    booking_date: date,
    narrative: Narrative,
    now: datetime,
) -> bool:
    """Book what a hold set aside to another account, under the hold's own reference; True if done now.

    :raises HoldUnknown: there is none.
    :raises HoldEnded: it was released or has expired: the money may be gone.
    """
    done = _end_hold(reference=reference, status=HoldStatus.CAPTURED, now=now)
    if done:
        hold = Hold.objects.get(reference=reference)
        post_transfer(
            kind=kind,
            reference=reference,
            debit_account_id=hold.account_id,
            credit_account_id=credit_account_id,
            amount=Money(hold.amount_minor, hold.currency),
            booking_date=booking_date,
            value_date=booking_date,
            narrative=narrative,
            now=now,
        )
    return done


@transaction.atomic
def post_held_transfers(
    *, reference: str, transfers: Sequence[Transfer], currency: str, booking_date: date, now: datetime
) -> list[PostingOutcome]:
    """Spend what a hold set aside on many transfers from its account, as a set; what became of each, in their order.

    They may come to less than the hold: the rest is available again. A second time nothing is booked, and every outcome
    says so.

    :raises HoldUnknown: there is none.
    :raises HoldEnded: it was released or has expired: the money may be gone.
    """
    _end_hold(reference=reference, status=HoldStatus.CAPTURED, now=now)
    return post_transfers(
        transfers=transfers, currency=currency, booking_date=booking_date, value_date=booking_date, now=now
    )


def release_hold(*, reference: str, now: datetime) -> bool:
    """Give back what a hold set aside; True if done now, False if it was before.

    :raises HoldUnknown: there is none.
    :raises HoldEnded: it was captured or has expired.
    """
    return _end_hold(reference=reference, status=HoldStatus.RELEASED, now=now)


def expire_holds(*, now: datetime, limit: int = 500) -> int:
    """Give back what is held past its time; returns how many holds ended."""
    due = Hold.objects.filter(expires_at__lte=now).exclude(
        events__status__in=[HoldStatus.CAPTURED, HoldStatus.RELEASED, HoldStatus.EXPIRED]
    )
    ended = 0
    for reference in list(due.order_by("expires_at").values_list("reference", flat=True)[:limit]):
        try:
            ended += _end_hold(reference=reference, status=HoldStatus.EXPIRED, now=now)
        except HoldEnded:  # A moment ago, by whoever it was for.
            continue
    return ended


def _end_hold(*, reference: str, status: HoldStatus, now: datetime) -> bool:
    outcome = HoldOutcome(call_function("SELECT ledger_end_hold(%s, %s, %s)", [reference, status.value, now]))
    if outcome == HoldOutcome.UNKNOWN:
        raise HoldUnknown(reference)
    if outcome == HoldOutcome.ALREADY_ENDED:
        raise HoldEnded(reference)
    return outcome == HoldOutcome.DONE
