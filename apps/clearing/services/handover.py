"""Handing messages over: stored first, then sent, as often as it takes, to the letter and under the same id."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

from apps.clearing.houses import ClearingHouse, HouseRefused, HouseUnavailable
from apps.clearing.models import ClearingInstruction, ClearingMessage
from apps.clearing.queries import get_message
from apps.clearing.rules import InstructionStatus, MessageStatus, Rail
from apps.clearing.services.outcomes import note_rejected, time_out_of
from apps.clearing.services.store import promise_sending, store_outgoing_message
from apps.core.clock import bank_date
from apps.core.crash_points import crash_point
from apps.core.money import Money
from apps.ledger.rules import Narrative
from apps.notifications.services import Promise, enqueue_messages

logger = logging.getLogger(__name__)

SUBMIT_TASK = "clearing.submit"
COLLECT_TASK = "clearing.collect"
NOT_PROVIDED = "NOTPROVIDED"


@dataclass(frozen=True, slots=True)
class OutgoingOrder:
    """A transfer to be handed to the clearing house.

    ``received_at`` is when the order was received. An instant transfer that has no answer
    ``INSTANT_ANSWER_SECONDS`` later is given up (Regulation 260/2012 art. 5a(4)). ``request_id`` is the call that
    caused it.
    """

    payment_id: UUID
    rail: Rail
    amount: Money
    narrative: Narrative
    received_at: datetime
    creditor_agent: str = ""
    charge_bearer: str = "SLEV"
    request_id: str = "-"


def submit_credit_transfers(orders: Sequence[OutgoingOrder], *, now: datetime) -> None:
    """Promise, in the caller's transaction, that transfers are handed to the clearing house, in three round trips:
    ordinary ones together with others of the same ``CLEARING_COLLECT_SECONDS``, all others each at once. Idempotent by
    payment."""
    if not orders:
        return
    ClearingInstruction.objects.bulk_create(
        [
            ClearingInstruction(
                payment_id=order.payment_id,
                rail=order.rail,
                amount_minor=order.amount.amount_minor,
                currency=order.amount.currency,
                debtor_name=order.narrative.debtor_name,
                debtor_iban=order.narrative.debtor_iban,
                creditor_name=order.narrative.creditor_name,
                creditor_iban=order.narrative.creditor_iban,
                creditor_agent=order.creditor_agent,
                charge_bearer=order.charge_bearer,
                end_to_end_identification=order.narrative.end_to_end_identification or NOT_PROVIDED,
                remittance_information_unstructured=order.narrative.remittance_information_unstructured,
                received_at=order.received_at,
                submitted_at=now,
            )
            for order in orders
        ],
        ignore_conflicts=True,
    )
    requests = {order.payment_id: order.request_id for order in orders}
    instructions = list(ClearingInstruction.objects.filter(payment_id__in=requests))
    enqueue_messages(
        [
            Promise(
                topic=COLLECT_TASK if instruction.rail == Rail.SCT else SUBMIT_TASK,
                payload={"instruction_id": str(instruction.pk)},
                effect_key=f"clearing:{instruction.pk}",
                correlation_id=requests[instruction.payment_id],
                delay_seconds=_until_collected(now) if instruction.rail == Rail.SCT else 0,
            )
            for instruction in instructions
        ]
        + [
            time_out_of(instruction, request_id=requests[instruction.payment_id], now=now)
            for instruction in instructions
            if instruction.rail == Rail.INST
        ]
    )


def _until_collected(now: datetime) -> float:
    """How long an ordinary transfer waits for others: all of one stretch of time are due at the same moment."""
    stretch = settings.CLEARING_COLLECT_SECONDS
    return stretch - now.timestamp() % stretch if stretch else 0


def prepare_transfer_message(*, instruction_ids: Sequence[UUID], now: datetime) -> None:
    """Write and store one pacs.008 for all these instructions, and promise that it is sent. What was given up, or is in
    a message already, is left out; of ordinary transfers many go together, of all others each by itself.

    :raises apps.clearing.iso20022.envelope.MessageMalformed: one of them makes no valid message; nothing is written.
    """
    from apps.clearing.iso20022.envelope import PACS_008
    from apps.clearing.iso20022.writing import OutgoingTransfer, write_credit_transfers

    instructions = list(
        ClearingInstruction.objects.select_for_update()
        .filter(pk__in=instruction_ids, status=InstructionStatus.SUBMITTED, message=None)
        .order_by("payment_id")
    )
    if not instructions:
        return
    # By the first of its transfers: none is in two messages, so no two messages have one id.
    message_id = f"T{instructions[0].transaction_id}"
    body = write_credit_transfers(
        [
            OutgoingTransfer(
                transaction_id=instruction.transaction_id,
                end_to_end_identification=instruction.end_to_end_identification,
                amount_minor=instruction.amount_minor,
                currency=instruction.currency,
                rail=Rail(instruction.rail),
                received_at=instruction.received_at or instruction.submitted_at,
                debtor_name=instruction.debtor_name,
                debtor_iban=instruction.debtor_iban,
                creditor_name=instruction.creditor_name,
                creditor_iban=instruction.creditor_iban,
                creditor_agent=instruction.creditor_agent,
                charge_bearer=instruction.charge_bearer,
                remittance_information_unstructured=instruction.remittance_information_unstructured,
            )
            for instruction in instructions
        ],
        message_id=message_id,
        bank_bic=settings.BANK_BIC,
        settlement_date=bank_date(now),
        now=now,
    )
    message = store_outgoing_message(name=PACS_008, message_id=message_id, body=body, now=now)
    ClearingInstruction.objects.filter(pk__in=[instruction.pk for instruction in instructions]).update(
        message=message
    )
    crash_point("clearing.written")


def deliver_message(*, message_id: UUID, attempt: int, now: datetime) -> None:
    """Send a stored message. A house that is away is asked again later, for as long as it takes: no payment is lost to
    an outage, and none becomes a dead letter. A message that will never be taken rejects every transfer in it.

    A transfer that was given up before it could be sent is not sent any more.
    """
    message = get_message(message_id=message_id)
    if message.status != MessageStatus.WAITING:
        return
    # Only what travels alone is ever given up, so it is the whole message or nothing of it.
    if message.instructions.filter(status=InstructionStatus.TIMED_OUT).exists():
        _finish(message, MessageStatus.REFUSED, error="given up before it was sent", now=now)
        return
    crash_point("clearing.sending")
    try:
        clearing_house().deliver(body=message.body.encode())
    except HouseUnavailable as error:
        logger.warning("clearing message %s waits: %s", message.message_id, error.detail)
        message.attempts += 1
        message.save(update_fields=["attempts"])
        promise_sending(message, attempt=attempt + 1)
        return
    except HouseRefused as error:
        logger.error("clearing message %s was refused", message.message_id)
        _finish(message, MessageStatus.REFUSED, error=error.detail, now=now)
        for instruction in message.instructions.order_by("payment_id"):
            note_rejected(transaction_id=instruction.transaction_id, reason="NARR", now=now)
        return
    crash_point("clearing.handed_over")
    _finish(message, MessageStatus.SENT, now=now)
    # Under locks in the order in which answers take them, which may be coming in already.
    unsent = message.instructions.select_for_update().filter(status=InstructionStatus.SUBMITTED)
    ids = list(unsent.order_by("payment_id").values_list("pk", flat=True))
    ClearingInstruction.objects.filter(pk__in=ids).update(status=InstructionStatus.SENT)


def clearing_house() -> ClearingHouse:
    """The clearing house that ``settings.CLEARING_HOUSE`` names."""
    return import_string(settings.CLEARING_HOUSE)()


def _finish(message: ClearingMessage, status: MessageStatus, *, error: str = "", now: datetime) -> None:
    message.status, message.error, message.done_at = status, error, now
    message.attempts += 1
    message.save(update_fields=["status", "error", "done_at", "attempts"])
