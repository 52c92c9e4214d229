"""The one place where sets of outgoing transfers meet the clearing room; their answers come back one by one."""

from collections.abc import Sequence
from datetime import datetime

from apps.bulk.models import PaymentBatch
from apps.bulk.queries import SetItem
from apps.clearing.rules import Rail
from apps.clearing.services import OutgoingOrder, submit_credit_transfers
from apps.core import request_context
from apps.core.money import Money
from apps.ledger.rules import Narrative


def promise_outgoing(*, batch: PaymentBatch, items: Sequence[SetItem], now: datetime) -> None:
    """Hand over this set of outgoing transfers to the rail: in the transaction that books them, so that none is booked
    without going out, and none goes out without being booked. Idempotent by payment."""
    submit_credit_transfers(
        [
            OutgoingOrder(
                payment_id=item.id,
                rail=Rail.SCT,
                amount=Money(item.amount_minor, batch.currency),
                narrative=narrative_of(batch, item),
                received_at=batch.released_at or now,
                request_id=request_context.request_id.get(),
            )
            for item in items
        ],
        now=now,
    )


def narrative_of(batch: PaymentBatch, item: SetItem) -> Narrative:
    """What both sides read about a payment."""
    return Narrative(
        debtor_name=batch.debtor_account.owner_name,
        debtor_iban=batch.debtor_iban,
        creditor_name=item.creditor_name,
        creditor_iban=item.creditor_iban,
        end_to_end_identification=item.end_to_end_identification,
        remittance_information_unstructured=item.remittance_information_unstructured,
    )
