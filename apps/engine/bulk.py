"""What the engine does with a signed group of payments: set the money aside at once, then book set by set.

Each step is one transaction that promises the next, so a process may be killed anywhere: what is not committed did not
happen, and what is committed is not done again.
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction

from apps.accounts.queries import (
    AccountBlocked,
    DebitNotAllowed,
    PayableAccount,
    check_debit,
    find_payable_accounts,
)
from apps.accounts.rules import AccountStatus
from apps.bulk.queries import SetItem, get_largest_amount, list_set, list_set_totals
from apps.bulk.rail import narrative_of, promise_outgoing
from apps.bulk.rules import BatchStatus, ItemStatus, ReasonCode
from apps.bulk.services import (
    ItemOutcome,
    begin_batch,
    finish_set,
    get_refused_total,
    hold_back_batch,
    list_signers_of_batch,
    lock_batch,
    note_outcomes,
    note_set_booked,
    refuse_batch,
)
from apps.clearing.rules import Rail
from apps.core.clock import bank_date
from apps.core.crash_points import crash_point
from apps.core.money import Money
from apps.engine.outgoing import narrative_of_return
from apps.engine.rails import CLEARING_CODES
from apps.identity.queries import CoreUserUnknown, OperationNotAllowed
from apps.ledger.queries import get_ledger_account
from apps.ledger.rules import EntryKind, Narrative, PostingOutcome
from apps.ledger.services import (
    EntryClash,
    ExceedsBalance,
    Transfer,
    place_hold,
    post_held_transfers,
    post_transfer,
    post_transfers,
)
from apps.payments.limits import count_amount_against_limits, uncount_amount_against_limits
from apps.payments.rules import Channel

if TYPE_CHECKING:
    from apps.bulk.models import PaymentBatch

logger = logging.getLogger(__name__)

TRANSIT_CODE = "suspense:bulk-payments"
_BOOKED = (PostingOutcome.POSTED, PostingOutcome.EXISTS)


def start_batch(*, batch_id: UUID, now: datetime) -> None:
    """Take a signed group on: all of its money is there, or none of it is paid.

    A refusal is a result, not an error. A group that is not waiting (a second delivery) is left as it is; one whose day
    has not come waits on.
    """
    batch = lock_batch(batch_id=batch_id)
    if batch.status != BatchStatus.PDNG or batch.released_at is None:
        return
    if hold_back_batch(batch=batch, now=now):
        logger.error("group %s came before its day", batch_id)
        return
    signer_ids = list_signers_of_batch(batch=batch)
    if not signer_ids:
        logger.error("group %s is not covered by an authorisation", batch_id)
        refuse_batch(batch=batch, reason=ReasonCode.DS0A, now=now)
        return
    try:
        core_users = {
            signer_id: check_debit(psu_id=signer_id, account_id=batch.debtor_account_id)
            for signer_id in signer_ids
        }
    except (CoreUserUnknown, OperationNotAllowed, DebitNotAllowed) as error:
        logger.warning("group %s refused: %s", batch_id, error.code)
        refuse_batch(batch=batch, reason=ReasonCode.AG01, now=now)
        return
    except AccountBlocked:
        refuse_batch(batch=batch, reason=ReasonCode.AC06, now=now)
        return
    core_user_id = core_users[batch.file.psu_id]
    if not _count(batch, now=now):
        refuse_batch(batch=batch, reason=ReasonCode.AM14, core_user_id=core_user_id, now=now)
        return
    try:
        with transaction.atomic():
            _set_aside(batch, now=now)
    except ExceedsBalance:
        uncount_amount_against_limits(
            psu_id=batch.file.psu_id, amount_minor=batch.total_minor, channel=Channel.PORTAL, now=now
        )
        refuse_batch(batch=batch, reason=ReasonCode.AM04, core_user_id=core_user_id, now=now)
        return
    begin_batch(batch=batch, core_user_id=core_user_id, now=now)
    crash_point("engine.batch_begun")


def book_set(*, batch_id: UUID, number: int, now: datetime) -> None:
    """Book the next set of a group that has begun: payees of this bank are credited, the others' transfers handed over.

    A payee who cannot be credited refuses his own payment and no other.
    """
    batch = lock_batch(batch_id=batch_id)
    if batch.status != BatchStatus.ACSP or batch.next_set != number:
        return
    items = list_set(batch=batch, number=number)
    targets = find_payable_accounts(ibans=[item.creditor_iban for item in items if item.is_internal])
    clearing_id = get_ledger_account(code=CLEARING_CODES[Rail.SCT]).pk
    outcomes: list[ItemOutcome] = []
    booked: list[tuple[SetItem, UUID]] = []
    refused_minor = 0
    for item in items:
        target = targets.get(item.creditor_iban)
        reason = _refusal(target) if item.is_internal else None
        if reason:
            outcomes.append(ItemOutcome(item.id, ItemStatus.RJCT, reason))
            refused_minor += item.amount_minor
        else:
            booked.append((item, target.ledger_account_id if item.is_internal and target else clearing_id))
    _post(batch, number, booked, now=now)
    crash_point("engine.set_posted")
    outgoing = [item for item, _account in booked if not item.is_internal]
    if outcomes:
        note_outcomes(outcomes=outcomes)
        _uncount(batch, refused_minor)
    note_set_booked(batch=batch)
    if outgoing:
        promise_outgoing(batch=batch, items=outgoing, now=now)
    if batch.batch_booking and number + 1 == batch.sets:
        _give_back_refused(batch, now=now)
    finish_set(batch=batch, now=now)
    crash_point("engine.set_booked")


def _count(batch: "PaymentBatch", *, now: datetime) -> bool:
    return count_amount_against_limits(
        psu_id=batch.file.psu_id,
        amount_minor=batch.total_minor,
        largest_minor=get_largest_amount(batch_id=batch.pk),
        channel=Channel.PORTAL,
        now=now,
    )


def _uncount(batch: "PaymentBatch", amount_minor: int) -> None:
    """What is refused does not go out, so it does not count for the day on which the group was counted."""
    if batch.begun_at is not None:
        uncount_amount_against_limits(
            psu_id=batch.file.psu_id,
            amount_minor=amount_minor,
            channel=Channel.PORTAL,
            now=batch.begun_at,
        )


def _set_aside(batch: "PaymentBatch", *, now: datetime) -> None:
    """All of the money at once: as one debit, or as holds that each set will spend."""
    account_id = batch.debtor_account.ledger_account_id
    if batch.batch_booking:
        post_transfer(
            kind=EntryKind.CREDIT_TRANSFER,
            reference=str(batch.pk),
            debit_account_id=account_id,
            credit_account_id=get_ledger_account(code=TRANSIT_CODE).pk,
            amount=Money(batch.total_minor, batch.currency),
            booking_date=bank_date(now),
            value_date=bank_date(now),
            narrative=_narrative_of_all(batch),
            now=now,
        )
        return
    for number, total_minor in enumerate(list_set_totals(batch=batch)):
        place_hold(
            account_id=account_id,
            reference=_hold(batch, number),
            amount=Money(total_minor, batch.currency),
            expires_at=None,
            now=now,
        )


def _post(
    batch: "PaymentBatch", number: int, booked: Sequence[tuple[SetItem, UUID]], *, now: datetime
) -> None:
    debit_id = (
        get_ledger_account(code=TRANSIT_CODE).pk
        if batch.batch_booking
        else batch.debtor_account.ledger_account_id
    )
    transfers = [
        Transfer(
            kind=EntryKind.CREDIT_TRANSFER,
            reference=str(item.id),
            debit_account_id=debit_id,
            credit_account_id=credit_id,
            amount_minor=item.amount_minor,
            narrative=narrative_of(batch, item),
        )
        for item, credit_id in booked
    ]
    day = bank_date(now)
    if batch.batch_booking:
        outcomes = post_transfers(
            transfers=transfers, currency=batch.currency, booking_date=day, value_date=day, now=now
        )
    else:
        outcomes = post_held_transfers(
            reference=_hold(batch, number),
            transfers=transfers,
            currency=batch.currency,
            booking_date=day,
            now=now,
        )
    _check_booked(outcomes)


def _check_booked(outcomes: Sequence[PostingOutcome]) -> None:
    """Every transfer of a set that came so far can be booked: its accounts were looked at, its money is set aside. If
    one is not, something is wrong that no reason code tells: nothing is committed, and staff find the message.

    :raises apps.ledger.services.EntryClash: one was not booked.
    """
    failed = [outcome for outcome in outcomes if outcome not in _BOOKED]
    if failed:
        raise EntryClash(failed[0].value)


def _give_back_refused(batch: "PaymentBatch", *, now: datetime) -> None:
    """The debit was for all; what could not be paid goes back, as one entry."""
    refused = get_refused_total(batch=batch)
    if refused:
        post_transfer(
            kind=EntryKind.CREDIT_TRANSFER_RETURN,
            reference=str(batch.pk),
            debit_account_id=get_ledger_account(code=TRANSIT_CODE).pk,
            credit_account_id=batch.debtor_account.ledger_account_id,
            amount=Money(refused, batch.currency),
            booking_date=bank_date(now),
            value_date=bank_date(now),
            narrative=narrative_of_return(_narrative_of_all(batch), reason=""),
            now=now,
        )


def _refusal(target: PayableAccount | None) -> str | None:
    """Why a payee of this bank cannot be credited; None when he can."""
    if target is None:
        return ReasonCode.AC01
    if target.status == AccountStatus.DELETED:
        return ReasonCode.AC04
    return None if target.status == AccountStatus.ENABLED else ReasonCode.AC06


def _hold(batch: "PaymentBatch", number: int) -> str:
    return f"bulk:{batch.pk}:{number}"


def _narrative_of_all(batch: "PaymentBatch") -> Narrative:
    """What the payer reads about a debit for all: how many, and his own names for it."""
    return Narrative(
        debtor_name=batch.debtor_account.owner_name,
        debtor_iban=batch.debtor_iban,
        creditor_name=f"SEPA × {batch.number_of_transactions}",
        end_to_end_identification=batch.payment_information_identification,
        remittance_information_unstructured=batch.file.message_identification,
    )
