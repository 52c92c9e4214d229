"""What the engine does with authorised payments: many at once, in one transaction, each with an end of its own."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings

from apps.accounts.queries import AccountBlocked, check_debits, is_own_iban, list_accounts_by_ibans
from apps.accounts.rules import AccountStatus
from apps.clearing.rules import Rail
from apps.clearing.services import OutgoingOrder, submit_credit_transfers
from apps.core import request_context
from apps.core.clock import bank_date
from apps.core.crash_points import crash_point
from apps.core.errors import DomainError
from apps.core.money import Money
from apps.engine.outgoing import narrative_of
from apps.engine.rails import CLEARING_CODES, fees_account_id, rail_of
from apps.ledger.queries import get_ledger_account
from apps.ledger.rules import Direction, EntryKind, PostingOutcome
from apps.ledger.services import ExceedsBalance, Leg, Transfer, is_booked_now, post_entry, post_transfers
from apps.payments.limits import count_many_against_limits, uncount_against_limits
from apps.payments.rules import StatusReason, TransactionStatus
from apps.payments.services import (
    ExecutionReport,
    hold_back_payment,
    list_authorised_as_is,
    lock_payments_for_execution,
    note_executions,
)

if TYPE_CHECKING:
    from apps.accounts.models import PaymentAccount
    from apps.payments.models import PaymentInitiation

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Execution:
    """One payment in hand, and what was found out about it. It is over as soon as it has a status."""

    payment: "PaymentInitiation"
    request_id: str
    signer_ids: frozenset[UUID] = frozenset()
    core_user_id: str = ""
    rail: Rail | None = None
    received_at: datetime | None = None
    credit_account_id: UUID | None = None
    status: TransactionStatus | None = None
    reason: StatusReason | None = None

    @property
    def payee_account_id(self) -> UUID:
        """The book account to be credited."""
        if self.credit_account_id is None:
            raise ValueError(f"no way was found for payment {self.payment.pk}")
        return self.credit_account_id

    def refuse(self, reason: StatusReason) -> None:
        self.status, self.reason = TransactionStatus.RJCT, reason


def execute_payment(*, payment_id: UUID, now: datetime) -> None:
    """One payment; see :func:`execute_payments`."""
    execute_payments(requests={payment_id: request_context.request_id.get()}, now=now)


def execute_payments(*, requests: Mapping[UUID, str], now: datetime) -> None:
    """Take the funds of authorised payments and book them: inside the bank at once, else through a clearing house.

    ``requests`` gives for each payment's id the id of the call that caused it, and the order in which limits and funds
    are used. A refusal is a result, not an error: the
    payment becomes ``RJCT`` with its reason, and the others go on. A payment that is not ``ACTC`` (a second delivery)
    is left as it is; one whose day has not come waits on. The round trips to the database do not grow with the number
    of payments, only with how many of them belong to one customer.

    :raises apps.payments.queries.PaymentUnknown: one of them is missing; nothing was done.
    """
    locked = {payment.pk: payment for payment in lock_payments_for_execution(payment_ids=requests)}
    in_hand = [
        _Execution(locked[payment_id], request_id)
        for payment_id, request_id in requests.items()
        if locked[payment_id].transaction_status == TransactionStatus.ACTC
        and not _has_to_wait(locked[payment_id], now=now)
    ]
    _check_signatures(in_hand)
    _check_debits(_open(in_hand))
    _find_ways(_open(in_hand), now=now)
    _take_funds(_open(in_hand), now=now)
    crash_point("engine.debited")
    _hand_over(in_hand, now=now)
    note_executions(
        [
            ExecutionReport(
                execution.payment,
                execution.status,
                execution.core_user_id,
                execution.reason,
                execution.request_id,
            )
            for execution in in_hand
            if execution.status is not None
        ],
        now=now,
    )
    crash_point("engine.booked")


def _open(executions: Iterable[_Execution]) -> list[_Execution]:
    return [execution for execution in executions if execution.status is None]


def _has_to_wait(payment: "PaymentInitiation", *, now: datetime) -> bool:
    if hold_back_payment(payment=payment, now=now):
        logger.error("payment %s came before its day", payment.pk)
        return True
    return False


def _check_signatures(executions: Sequence[_Execution]) -> None:
    covered = list_authorised_as_is(payments=[execution.payment for execution in executions])
    for execution in executions:
        execution.signer_ids = covered.get(execution.payment.pk, frozenset())
        if not execution.signer_ids:
            logger.error("payment %s is not covered by an authorisation", execution.payment.pk)
            execution.refuse(StatusReason.DS0A)


def _check_debits(executions: Sequence[_Execution]) -> None:
    """The back-end user of each who has signed, and his right on the account, as they are now (S0-52..54)."""
    found = check_debits(
        pairs=[
            (signer_id, execution.payment.debtor_account_id)
            for execution in executions
            for signer_id in execution.signer_ids
        ]
    )
    for execution in executions:
        account_id = execution.payment.debtor_account_id
        payers = found[execution.payment.payer.pk, account_id]
        execution.core_user_id = payers if isinstance(payers, str) else ""
        for signer_id in execution.signer_ids:
            outcome = found[signer_id, account_id]
            if isinstance(outcome, AccountBlocked):
                execution.refuse(StatusReason.AC06)
            elif isinstance(outcome, DomainError):
                logger.warning("payment %s refused: %s", execution.payment.pk, outcome.code)
                execution.refuse(StatusReason.AG01)


def _find_ways(executions: Sequence[_Execution], *, now: datetime) -> None:
    """To whose account the money goes: the payee's here, or the clearing account of a rail."""
    inside = {
        execution.payment.creditor_iban
        for execution in executions
        if is_own_iban(execution.payment.creditor_iban)
    }
    accounts = {account.iban: account for account in list_accounts_by_ibans(ibans=inside)} if inside else {}
    clearing: dict[Rail, UUID] = {}
    for execution in executions:
        if execution.payment.creditor_iban in inside:
            _to_payee(execution, accounts.get(execution.payment.creditor_iban))
            continue
        rail = execution.rail = rail_of(execution.payment)
        # Of an order for a later day that day, not the one on which it was signed (PSD2 art. 78(2)).
        execution.received_at = execution.payment.released_at or now
        if rail == Rail.INST and now >= execution.received_at + timedelta(
            seconds=settings.INSTANT_ANSWER_SECONDS
        ):
            # We were too slow ourselves: nothing was taken, and nothing is (Regulation 260/2012 art. 5a(4)).
            execution.refuse(StatusReason.AB05)
            continue
        if rail not in clearing:
            clearing[rail] = get_ledger_account(code=CLEARING_CODES[rail]).pk
        execution.credit_account_id = clearing[rail]


def _to_payee(execution: _Execution, account: "PaymentAccount | None") -> None:
    if account is None:
        execution.refuse(StatusReason.AC01)
    elif account.status != AccountStatus.ENABLED:
        execution.refuse(StatusReason.AC06)
    else:
        execution.credit_account_id = account.ledger_account_id


def _take_funds(executions: Sequence[_Execution], *, now: datetime) -> None:
    """Count against the limits, then book: all as one set for each currency."""
    counted = count_many_against_limits(payments=[execution.payment for execution in executions], now=now)
    for execution in executions:
        if execution.payment.pk not in counted:
            execution.refuse(StatusReason.AM14)
    without_funds: set[UUID] = set()
    for execution, outcome in _post(_open(executions), now=now):
        if outcome == PostingOutcome.EXCEEDS_BALANCE:
            uncount_against_limits(payment=execution.payment, now=now)
            execution.refuse(StatusReason.AM04)
            without_funds.add(execution.payment.payer.pk)
        else:
            is_booked_now(outcome, reference=str(execution.payment.pk))
            execution.status = TransactionStatus.ACSP if execution.rail else TransactionStatus.ACSC
    # What was refused because of a payment that did not go out after all has its turn now; they are fewer each time. It
    # may have another account to lock; should that ever end in a deadlock, the group is carried out one by one.
    again = [
        execution
        for execution in executions
        if execution.reason == StatusReason.AM14 and execution.payment.payer.pk in without_funds
    ]
    if again:
        for execution in again:
            execution.status = execution.reason = None
        _take_funds(again, now=now)


def _post(executions: Sequence[_Execution], *, now: datetime) -> list[tuple[_Execution, PostingOutcome]]:
    """As a set for each currency; what costs a fee follows, one by one: the fee is taken in the same entry."""
    day = bank_date(now)
    posted: list[tuple[_Execution, PostingOutcome]] = []
    without_fee = [execution for execution in executions if not execution.payment.fee_minor]
    for currency in sorted({execution.payment.currency for execution in without_fee}):
        together = [execution for execution in without_fee if execution.payment.currency == currency]
        transfers = [
            Transfer(
                kind=EntryKind.CREDIT_TRANSFER,
                reference=str(execution.payment.pk),
                debit_account_id=execution.payment.debtor_account.ledger_account_id,
                credit_account_id=execution.payee_account_id,
                amount_minor=execution.payment.amount_minor,
                narrative=narrative_of(execution.payment),
            )
            for execution in together
        ]
        outcomes = post_transfers(
            transfers=transfers, currency=currency, booking_date=day, value_date=day, now=now
        )
        posted += zip(together, outcomes, strict=True)
    posted += [
        (execution, _post_with_fee(execution, now=now))
        for execution in executions
        if execution.payment.fee_minor
    ]
    return posted


def _post_with_fee(execution: _Execution, *, now: datetime) -> PostingOutcome:
    payment = execution.payment
    try:
        is_new = post_entry(
            kind=EntryKind.CREDIT_TRANSFER,
            reference=str(payment.pk),
            currency=payment.currency,
            legs=[
                Leg(payment.debtor_account.ledger_account_id, Direction.DEBIT, payment.total_minor),
                Leg(execution.payee_account_id, Direction.CREDIT, payment.amount_minor),
                Leg(fees_account_id(), Direction.CREDIT, payment.fee_minor),
            ],
            booking_date=bank_date(now),
            value_date=bank_date(now),
            narrative=narrative_of(payment),
            now=now,
        )
    except ExceedsBalance:
        return PostingOutcome.EXCEEDS_BALANCE
    return PostingOutcome.POSTED if is_new else PostingOutcome.EXISTS


def _hand_over(executions: Sequence[_Execution], *, now: datetime) -> None:
    submit_credit_transfers(
        [
            OutgoingOrder(
                payment_id=execution.payment.pk,
                rail=execution.rail,
                amount=Money(execution.payment.amount_minor, execution.payment.currency),
                narrative=narrative_of(execution.payment),
                received_at=execution.received_at or now,
                creditor_agent=execution.payment.creditor_agent,
                charge_bearer=execution.payment.charge_bearer,
                request_id=execution.request_id,
            )
            for execution in executions
            if execution.status == TransactionStatus.ACSP and execution.rail is not None
        ],
        now=now,
    )
