"""What the rails carry for customers: an order of its own, or a payment of a file. To the rails both are alike."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from apps.bulk.queries import SetItem, find_batches_of_items, list_set_items
from apps.bulk.rail import narrative_of as narrative_of_item
from apps.bulk.rules import ItemStatus, ReasonCode
from apps.bulk.services import ItemOutcome, bring_batch_up, lock_batch, note_item_returned, note_outcomes
from apps.core.money import Money
from apps.fraud.queries import is_refunded
from apps.ledger.rules import Narrative
from apps.payments.limits import uncount_against_limits, uncount_amount_against_limits
from apps.payments.rules import Channel, StatusReason, TransactionStatus
from apps.payments.services import (
    ExecutionReport,
    lock_payments_for_execution,
    note_execution,
    note_executions,
    note_return,
)

if TYPE_CHECKING:
    from apps.bulk.models import PaymentBatch
    from apps.payments.models import PaymentInitiation


class Outgoing(Protocol):
    """A locked transfer that left the bank, and what is noted about it. Each noting belongs to the transaction that
    moves the money."""

    reference: str
    amount: Money
    fee_minor: int
    payer_account_id: UUID
    narrative: Narrative

    @property
    def is_on_its_way(self) -> bool:
        """Whether nobody has said yet what became of it."""
        ...

    @property
    def has_come_back(self) -> bool:
        """Whether its money came back after it was settled, and the payer has it."""
        ...

    @property
    def is_refunded(self) -> bool:
        """Whether the bank has paid it back as not authorised: asked when it comes back, nowhere else."""
        ...

    def note_refused(self, *, reason: str, submitted_at: datetime, now: datetime) -> None:
        """It did not go out after all: so it does not count against the limits of the day on which it was counted."""

    def note_returned(self, *, reason: str, now: datetime) -> None:
        """It was settled and came back. It stays done: it did go out."""


class OutgoingPayment:
    """An order of its own."""

    def __init__(self, payment: "PaymentInitiation") -> None:
        self.payment = payment
        self.reference = str(payment.pk)
        self.amount = Money(payment.amount_minor, payment.currency)
        self.fee_minor = payment.fee_minor
        self.payer_account_id = payment.debtor_account.ledger_account_id
        self.narrative = narrative_of(payment)

    @property
    def is_on_its_way(self) -> bool:
        return self.payment.transaction_status == TransactionStatus.ACSP

    @property
    def has_come_back(self) -> bool:
        return self.payment.returned_at is not None

    @property
    def is_refunded(self) -> bool:
        return is_refunded(payment_id=self.payment.pk)

    def note_refused(self, *, reason: str, submitted_at: datetime, now: datetime) -> None:
        uncount_against_limits(payment=self.payment, now=submitted_at)
        known = StatusReason(reason) if reason in StatusReason.values else StatusReason.MS03
        note_execution(payment=self.payment, status=TransactionStatus.RJCT, reason=known, now=now)

    def note_returned(self, *, reason: str, now: datetime) -> None:
        note_return(payment=self.payment, reason=reason, now=now)


class OutgoingItem:
    """A payment of a file; its group is locked, and is brought up with it."""

    fee_minor = 0
    is_refunded = False  # A payment of a file cannot be reported by itself.

    def __init__(self, batch: "PaymentBatch", item: SetItem) -> None:
        self.batch, self.item = batch, item
        self.reference = str(item.id)
        self.amount = Money(item.amount_minor, batch.currency)
        self.payer_account_id = batch.debtor_account.ledger_account_id
        self.narrative = narrative_of_item(batch, item)

    @property
    def is_on_its_way(self) -> bool:
        return self.item.status == ItemStatus.ACSP

    @property
    def has_come_back(self) -> bool:
        return self.item.returned_at is not None

    def note_refused(self, *, reason: str, submitted_at: datetime, now: datetime) -> None:
        uncount_amount_against_limits(
            psu_id=self.batch.file.psu_id,
            amount_minor=self.item.amount_minor,
            channel=Channel.PORTAL,
            # The group was counted as a whole when it began; its sets were handed over afterwards.
            now=self.batch.begun_at or submitted_at,
        )
        known = reason if reason in ReasonCode.values else ReasonCode.MS03.value
        self._note(ItemStatus.RJCT, known, now=now)

    def note_returned(self, *, reason: str, now: datetime) -> None:
        note_item_returned(batch=self.batch, item_id=self.item.id, reason=reason, now=now)
        self.item = self.item._replace(returned_at=now)

    def _note(self, status: ItemStatus, reason: str, *, now: datetime) -> None:
        note_outcomes(outcomes=[ItemOutcome(self.item.id, status, reason)])
        self.item = self.item._replace(status=status)
        bring_batch_up(batch=self.batch, now=now)


def lock_many_outgoing(*, payment_ids: Iterable[UUID]) -> dict[UUID, Outgoing]:
    """What instructions carry by the payments' ids, under row locks, in the engine's transaction and in a few round
    trips: first the orders are locked, then the groups, each kind in the order of its ids.

    :raises apps.payments.queries.PaymentUnknown: one is neither an order nor a payment of a file.
    """
    payment_ids = set(payment_ids)
    batch_of = find_batches_of_items(item_ids=payment_ids)
    payments = lock_payments_for_execution(payment_ids=payment_ids - batch_of.keys())
    batches = {batch_id: lock_batch(batch_id=batch_id) for batch_id in sorted(set(batch_of.values()))}
    found: dict[UUID, Outgoing] = {payment.pk: OutgoingPayment(payment) for payment in payments}
    for item in list_set_items(item_ids=batch_of) if batch_of else ():
        found[item.id] = OutgoingItem(batches[batch_of[item.id]], item)
    return found


def note_many_settled(transfers: Sequence[tuple[Outgoing, str]], *, now: datetime) -> None:
    """The payees' banks have the money of these locked transfers; each with the id of the call that caused it."""
    reports: list[ExecutionReport] = []
    items: list[OutgoingItem] = []
    for outgoing, request_id in transfers:
        if isinstance(outgoing, OutgoingItem):
            items.append(outgoing)
        elif isinstance(outgoing, OutgoingPayment):
            reports.append(ExecutionReport(outgoing.payment, TransactionStatus.ACSC, request_id=request_id))
    if reports:
        note_executions(reports, now=now)
    if items:
        note_outcomes(outcomes=[ItemOutcome(item.item.id, ItemStatus.ACSC) for item in items])
        for item in items:
            item.item = item.item._replace(status=ItemStatus.ACSC)
        for batch in {item.batch.pk: item.batch for item in items}.values():
            bring_batch_up(batch=batch, now=now)


def narrative_of(payment: "PaymentInitiation") -> Narrative:
    """What statements say about an outgoing payment."""
    return Narrative(
        debtor_name=payment.debtor_account.owner_name,
        debtor_iban=payment.debtor_iban,
        creditor_name=payment.creditor_name,
        creditor_iban=payment.creditor_iban,
        end_to_end_identification=payment.end_to_end_identification,
        remittance_information_unstructured=payment.remittance_information_unstructured,
    )


def narrative_of_return(narrative: Narrative, *, reason: str) -> Narrative:
    """A return comes from where the money was to go."""
    words = ("RETURN", reason, narrative.remittance_information_unstructured)
    return Narrative(
        debtor_name=narrative.creditor_name,
        debtor_iban=narrative.creditor_iban,
        creditor_name=narrative.debtor_name,
        creditor_iban=narrative.debtor_iban,
        end_to_end_identification=narrative.end_to_end_identification,
        remittance_information_unstructured=" ".join(filter(None, words))[:140],
    )
