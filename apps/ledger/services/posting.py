from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from apps.core.errors import DomainError, NotFound
from apps.core.money import Money
from apps.ledger.models import Entry
from apps.ledger.rules import Direction, EntryKind, Narrative, PostingOutcome
from apps.ledger.services.database import call_function

_POST_ENTRY = """
SELECT ledger_post_entry(%s, %s, %s, %s, %s, %s, %s::uuid[], %s::text[], %s::bigint[], %s, %s, %s, %s, %s, %s)
"""
# The arrays go over in binary: thousands of texts are written five times as fast as with quotes around each.
_POST_TRANSFERS = """
SELECT ledger_post_transfers(%b::text[], %b::text[], %s, %s, %s, %s, %b::uuid[], %b::uuid[], %b::bigint[],
    %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[])
"""


class ExceedsBalance(DomainError):
    """The debit would take the account below its overdraft limit. Nothing was booked."""

    code = "exceeds_balance"


class EntryClash(DomainError):
    """Something else was booked under this kind and reference. Nothing was booked."""

    code = "entry_clash"


class AccountNotPostable(DomainError):
    """An account of the entry does not exist or keeps another currency. Nothing was booked."""

    code = "account_not_postable"


class EntryUnknown(NotFound):
    """Nothing was booked under this kind and reference, or its month was taken out."""

    code = "entry_unknown"


@dataclass(frozen=True, slots=True)
class Leg:
    """One posting to be made."""

    account_id: UUID
    direction: Direction
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Transfer:
    """Money from one book account to another, once for its kind and reference."""

    kind: EntryKind
    reference: str
    debit_account_id: UUID
    credit_account_id: UUID
    amount_minor: int
    narrative: Narrative = field(default_factory=Narrative)


def post_transfer(
    *,
    kind: EntryKind,
    reference: str,
    debit_account_id: UUID,
    credit_account_id: UUID,
    amount: Money,
    booking_date: date,
    value_date: date,
    narrative: Narrative,
    now: datetime,
) -> bool:
    """Move money from one book account to another; see :func:`post_entry`."""
    return post_entry(
        kind=kind,
        reference=reference,
        currency=amount.currency,
        legs=[
            Leg(debit_account_id, Direction.DEBIT, amount.amount_minor),
            Leg(credit_account_id, Direction.CREDIT, amount.amount_minor),
        ],
        booking_date=booking_date,
        value_date=value_date,
        narrative=narrative,
        now=now,
    )


def post_entry(
    *,
    kind: EntryKind,
    reference: str,
    currency: str,
    legs: list[Leg],
    booking_date: date,
    value_date: date,
    narrative: Narrative,
    now: datetime,
) -> bool:
    """Book one entry in one round trip, in the caller's transaction; True if booked now, False if it was before.

    Idempotent by ``kind`` and ``reference``. A ``booking_date`` that is closed becomes the next open day. Needs the
    engine's database role (or the owner's).

    :raises ExceedsBalance: an account would fall below its limit, holds counted.
    :raises EntryClash: the reference was used for other accounts or amounts.
    :raises AccountNotPostable: unknown account, or one in another currency.
    :raises django.db.IntegrityError: the legs do not balance.
    """
    outcome = _post(
        kind=kind,
        reference=reference,
        currency=currency,
        legs=legs,
        booking_date=booking_date,
        value_date=value_date,
        narrative=narrative,
        now=now,
    )
    return is_booked_now(outcome, reference=reference)


def is_booked_now(outcome: PostingOutcome, *, reference: str) -> bool:
    """True if booked now, False if it was before.

    :raises ExceedsBalance: an account would fall below its limit, holds counted.
    :raises EntryClash: the reference was used for other accounts or amounts.
    :raises AccountNotPostable: unknown account, or one in another currency.
    """
    match outcome:
        case PostingOutcome.POSTED:
            return True
        case PostingOutcome.EXISTS:
            return False
        case PostingOutcome.EXCEEDS_BALANCE:
            raise ExceedsBalance(reference)
        case PostingOutcome.EXISTS_WITH_DIFFERENT_CONTENT:
            raise EntryClash(reference)
        case PostingOutcome.ACCOUNT_NOT_FOUND | PostingOutcome.CURRENCY_MISMATCH:
            raise AccountNotPostable(str(outcome))


def _post(
    *,
    kind: EntryKind,
    reference: str,
    currency: str,
    legs: Sequence[Leg],
    booking_date: date,
    value_date: date,
    narrative: Narrative,
    now: datetime,
) -> PostingOutcome:
    outcome = call_function(
        _POST_ENTRY,
        [
            kind.value,
            reference,
            currency,
            booking_date,
            value_date,
            now,
            _array(leg.account_id for leg in legs),
            _array(leg.direction.value for leg in legs),
            _array(leg.amount_minor for leg in legs),
            narrative.debtor_name,
            narrative.debtor_iban,
            narrative.creditor_name,
            narrative.creditor_iban,
            narrative.end_to_end_identification,
            narrative.remittance_information_unstructured,
        ],
    )
    return PostingOutcome(outcome)


def _post_alone(
    transfer: Transfer, currency: str, booking_date: date, value_date: date, now: datetime
) -> PostingOutcome:
    """A set of one by the function for one, whose plans the server keeps."""
    return _post(
        kind=transfer.kind,
        reference=transfer.reference,
        currency=currency,
        legs=[
            Leg(transfer.debit_account_id, Direction.DEBIT, transfer.amount_minor),
            Leg(transfer.credit_account_id, Direction.CREDIT, transfer.amount_minor),
        ],
        booking_date=booking_date,
        value_date=value_date,
        narrative=transfer.narrative,
        now=now,
    )


def post_transfers(
    *,
    transfers: Sequence[Transfer],
    currency: str,
    booking_date: date,
    value_date: date,
    now: datetime,
) -> list[PostingOutcome]:
    """Book many transfers in one statement, in the caller's transaction; what became of each, in their order.

    As :func:`post_transfer` for one after the other, at a fraction of the cost: one that cannot be booked leaves the
    others as they are. First come those that are covered for sure, then the others in their order.
    """
    if len(transfers) == 1:
        return [_post_alone(transfers[0], currency, booking_date, value_date, now)]
    if not transfers:
        return []
    narratives = [transfer.narrative for transfer in transfers]
    arguments: list[object] = [
        [transfer.kind.value for transfer in transfers],
        [transfer.reference for transfer in transfers],
        currency,
        booking_date,
        value_date,
        now,
        [transfer.debit_account_id for transfer in transfers],
        [transfer.credit_account_id for transfer in transfers],
        [transfer.amount_minor for transfer in transfers],
        [narrative.debtor_name for narrative in narratives],
        [narrative.debtor_iban for narrative in narratives],
        [narrative.creditor_name for narrative in narratives],
        [narrative.creditor_iban for narrative in narratives],
        [narrative.end_to_end_identification for narrative in narratives],
        [narrative.remittance_information_unstructured for narrative in narratives],
    ]
    try:
        with transaction.atomic():
            outcomes = call_function(_POST_TRANSFERS, arguments)
    except IntegrityError:
        # Another booked one of them between our look and our INSERT. He is done now: look again.
        outcomes = call_function(_POST_TRANSFERS, arguments)
    return [PostingOutcome(outcome) for outcome in outcomes]


def reverse_entry(*, kind: EntryKind, reference: str, booking_date: date, reason: str, now: datetime) -> bool:
    """Undo an entry by another with its legs turned round; True if done now, False if it was before.

    An entry is never changed or taken away, and is reversed once.

    :raises EntryUnknown: there is none of this kind and reference.
    :raises ExceedsBalance: the money is no longer there.
    """
    entry = Entry.objects.filter(pk=entry_id(kind=kind, reference=reference)).first()
    if entry is None:
        raise EntryUnknown(reference)
    turned = {Direction.DEBIT: Direction.CREDIT, Direction.CREDIT: Direction.DEBIT}
    return post_entry(
        kind=EntryKind.REVERSAL,
        reference=str(entry.pk),
        currency=entry.currency,
        legs=[
            Leg(posting.account_id, turned[Direction(posting.direction)], posting.amount_minor)
            for posting in entry.postings.filter(booking_date=entry.booking_date).order_by("id")
        ],
        booking_date=booking_date,
        value_date=entry.value_date,
        narrative=Narrative(
            debtor_name=entry.creditor_name,
            debtor_iban=entry.creditor_iban,
            creditor_name=entry.debtor_name,
            creditor_iban=entry.debtor_iban,
            end_to_end_identification=entry.end_to_end_identification,
            remittance_information_unstructured=f"REVERSAL {reason}"[:140],
        ),
        now=now,
    )


def _array(values: Iterable[UUID | str | int]) -> str:
    """An array as PostgreSQL reads it, for values that need no quotes: psycopg's own way took a fifth of the call."""
    return "{" + ",".join(map(str, values)) + "}"


def entry_id(*, kind: EntryKind, reference: str) -> UUID:
    """The id that the database gives the entry of this kind and reference."""
    found = call_function("SELECT ledger_entry_id(%s, %s)", [kind.value, reference])
    return UUID(str(found))
