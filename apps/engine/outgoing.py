"""What the rails carry for customers: an order of its own, or a payment of a file. To the rails both are alike."""

from datetime import datetime
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from apps.bulk.queries import SetItem, find_batch_of_item, get_set_item
from apps.bulk.rail import narrative_of as narrative_of_item
from apps.bulk.rules import ItemStatus, ReasonCode
from apps.bulk.services import ItemOutcome, bring_batch_up, lock_batch, note_item_returned, note_outcomes
from apps.core.money import Money
from apps.ledger.rules import Narrative
from apps.payments.limits import uncount_against_limits, uncount_amount_against_limits
from apps.payments.rules import Channel, StatusReason, TransactionStatus
from apps.payments.services import lock_payment_for_execution, note_execution, note_return

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

    def note_settled(self, *, now: datetime) -> None:
        """The payee's bank has the money."""

    def note_refused(self, *, reason: str, submitted_at: datetime, now: datetime) -> None:
        """It did not go out after all: so it does not count against the limits of the day on which it was counted."""

    def note_returned(self, *, reason: str, now: datetime) -> None:
        """It was settled and came back. It stays done: it did go out."""


class OutgoingPayment:
    """An order of its own."""

    def __init__(self, payment: "PaymentInitiation") -> None:
        self._payment = payment
        self.reference = str(payment.pk)
        self.amount = Money(payment.amount_minor, payment.currency)
        self.fee_minor = payment.fee_minor
        self.payer_account_id = payment.debtor_account.ledger_account_id
        self.narrative = narrative_of(payment)

    @property
    def is_on_its_way(self) -> bool:
        return self._payment.transaction_status == TransactionStatus.ACSP

    @property
    def has_come_back(self) -> bool:
        return self._payment.returned_at is not None

    def note_settled(self, *, now: datetime) -> None:
        note_execution(payment=self._payment, status=TransactionStatus.ACSC, now=now)

    def note_refused(self, *, reason: str, submitted_at: datetime, now: datetime) -> None:
        uncount_against_limits(payment=self._payment, now=submitted_at)
        known = StatusReason(reason) if reason in StatusReason.values else StatusReason.MS03
        note_execution(payment=self._payment, status=TransactionStatus.RJCT, reason=known, now=now)

    def note_returned(self, *, reason: str, now: datetime) -> None:
        note_return(payment=self._payment, reason=reason, now=now)


class OutgoingItem:
    """A payment of a file; its group is locked, and is brought up with it."""

    fee_minor = 0

    def __init__(self, batch: "PaymentBatch", item: SetItem) -> None:
        self._batch, self._item = batch, item
        self.reference = str(item.id)
        self.amount = Money(item.amount_minor, batch.currency)
        self.payer_account_id = batch.debtor_account.ledger_account_id
        self.narrative = narrative_of_item(batch, item)

    @property
    def is_on_its_way(self) -> bool:
        return self._item.status == ItemStatus.ACSP

    @property
    def has_come_back(self) -> bool:
        return self._item.returned_at is not None

    def note_settled(self, *, now: datetime) -> None:
        self._note(ItemStatus.ACSC, "", now=now)

    def note_refused(self, *, reason: str, submitted_at: datetime, now: datetime) -> None:
        uncount_amount_against_limits(
            psu_id=self._batch.file.psu_id,
            amount_minor=self._item.amount_minor,
            channel=Channel.PORTAL,
            # The group was counted as a whole when it began; its sets were handed over afterwards.
            now=self._batch.begun_at or submitted_at,
        )
        known = reason if reason in ReasonCode.values else ReasonCode.MS03.value
        self._note(ItemStatus.RJCT, known, now=now)

    def note_returned(self, *, reason: str, now: datetime) -> None:
        note_item_returned(batch=self._batch, item_id=self._item.id, reason=reason, now=now)
        self._item = self._item._replace(returned_at=now)

    def _note(self, status: ItemStatus, reason: str, *, now: datetime) -> None:
        note_outcomes(outcomes=[ItemOutcome(self._item.id, status, reason)])
        self._item = self._item._replace(status=status)
        bring_batch_up(batch=self._batch, now=now)


def lock_outgoing(*, payment_id: UUID) -> Outgoing:
    """What an instruction carries, under a row lock, in the engine's transaction: the payment, or the group it is of.

    :raises apps.payments.queries.PaymentUnknown: it is neither an order nor a payment of a file.
    """
    batch_id = find_batch_of_item(item_id=payment_id)
    if batch_id is None:
        return OutgoingPayment(lock_payment_for_execution(payment_id=payment_id))
    batch = lock_batch(batch_id=batch_id)
    return OutgoingItem(batch, get_set_item(item_id=payment_id))


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
