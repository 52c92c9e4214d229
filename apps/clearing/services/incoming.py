"""Transfers from other banks: written down once each, credited or sent back by the engine, answered in time."""

from datetime import datetime
from uuid import UUID

from django.conf import settings

from apps.clearing.iso20022.items import AnswerItem, TransferItem
from apps.clearing.models import ClearingMessage, IncomingTransfer
from apps.clearing.rules import DifferenceKind, IncomingStatus, Rail
from apps.clearing.services.differences import note_difference
from apps.clearing.services.outcomes import CREDIT_TASK, ENGINE_QUEUE
from apps.clearing.services.store import store_outgoing_message
from apps.core.clock import bank_date
from apps.core.errors import NotFound
from apps.core.text import displayable
from apps.notifications.services import enqueue_message

ANSWER_TASK = "clearing.submit_answer"
RETURN_TASK = "clearing.submit_return"
RETURN_PREFIX = "B"


def note_incoming(*, item: TransferItem, message: ClearingMessage, now: datetime) -> None:
    """Write a transfer of another bank down and wake the engine. The same transfer in another message adds nothing."""
    incoming, is_new = IncomingTransfer.objects.get_or_create(
        debtor_agent=item.debtor_agent,
        transaction_id=item.transaction_id,
        defaults={
            "message": message,
            "rail": Rail.INST if item.is_instant else Rail.SCT,
            "amount_minor": item.amount_minor,
            "currency": item.currency,
            "debtor_name": displayable(item.debtor_name),
            "debtor_iban": item.debtor_iban,
            "creditor_name": displayable(item.creditor_name),
            "creditor_iban": item.creditor_iban,
            "end_to_end_identification": displayable(item.end_to_end_identification),
            "remittance_information_unstructured": displayable(item.remittance_information_unstructured),
            # An instant transfer is settled after our answer, an ordinary one before we hear of it.
            "cycle": "" if item.is_instant else item.cycle,
            "received_at": now,
        },
    )
    if is_new:
        _wake_engine(incoming, "received")
    elif (incoming.amount_minor, incoming.creditor_iban) != (item.amount_minor, item.creditor_iban):
        note_difference(
            kind=DifferenceKind.CONTRADICTION,
            reference=item.transaction_id,
            ours_minor=incoming.amount_minor,
            theirs_minor=item.amount_minor,
            now=now,
        )


def note_settlement_of_incoming(*, item: AnswerItem, now: datetime) -> bool:
    """The house says whether an instant transfer to a customer was settled; False when there is none."""
    incoming = (
        IncomingTransfer.objects.select_for_update(of=("self",))
        .filter(transaction_id=item.transaction_id, message__message_id=item.original_message_id)
        .first()
    )
    if incoming is None:
        return False
    is_settled = item.status in ("ACSC", "ACCC")
    if is_settled and incoming.status in (IncomingStatus.RECEIVED, IncomingStatus.ANSWERED):
        incoming.cycle = item.cycle
        incoming.save(update_fields=["cycle"])
        _wake_engine(incoming, "settled")
    elif not is_settled and not incoming.cycle and incoming.status == IncomingStatus.ANSWERED:
        incoming.status, incoming.reason, incoming.finished_at = IncomingStatus.REJECTED, item.reason, now
        incoming.save(update_fields=["status", "reason", "finished_at"])
    elif is_settled == (incoming.status == IncomingStatus.REJECTED):
        note_difference(
            kind=DifferenceKind.CONTRADICTION,
            reference=item.transaction_id,
            ours_minor=incoming.amount_minor,
            theirs_minor=None,
            now=now,
        )
    return True


def note_settlement_of_return(*, item: AnswerItem, now: datetime) -> bool:
    """What became of money that we sent back; False when we never did."""
    incoming = (
        IncomingTransfer.objects.select_for_update()
        .filter(pk__in=_uuids(item.original_message_id.removeprefix(RETURN_PREFIX)))
        .first()
    )
    if incoming is None or incoming.transaction_id != item.transaction_id:
        return False
    if item.status == "RJCT":
        note_difference(
            kind=DifferenceKind.RETURN_REFUSED,
            reference=item.transaction_id,
            ours_minor=incoming.amount_minor,
            theirs_minor=None,
            now=now,
        )
    elif item.status in ("ACSC", "ACCC") and incoming.status == IncomingStatus.RETURNING:
        incoming.return_cycle = item.cycle
        incoming.status, incoming.finished_at = IncomingStatus.RETURNED, now
        incoming.save(update_fields=["return_cycle", "status", "finished_at"])
        _wake_engine(incoming, "returned")
    return True


def lock_incoming_transfer(*, incoming_id: UUID) -> IncomingTransfer:
    """An incoming transfer under a row lock, for the engine, in its transaction.

    :raises NotFound: there is none.
    """
    incoming = IncomingTransfer.objects.select_for_update().filter(pk=incoming_id).first()
    if incoming is None:
        raise NotFound("incoming transfer")
    return incoming


def note_incoming_booked(*, incoming: IncomingTransfer, now: datetime) -> None:
    """The engine's report: the money is on the customer's account."""
    incoming.status, incoming.finished_at = IncomingStatus.BOOKED, now
    incoming.save(update_fields=["status", "finished_at"])


def promise_answer(*, incoming: IncomingTransfer, reason: str, now: datetime) -> None:
    """Accept an instant transfer (no ``reason``), or refuse it; the house is told after the commit."""
    incoming.status = IncomingStatus.REJECTED if reason else IncomingStatus.ANSWERED
    incoming.reason, incoming.finished_at = reason, now if reason else None
    incoming.save(update_fields=["status", "reason", "finished_at"])
    enqueue_message(
        topic=ANSWER_TASK,
        payload={"incoming_id": str(incoming.pk)},
        effect_key=f"clearing-answer:{incoming.pk}",
    )


def promise_return(*, incoming: IncomingTransfer, reason: str) -> None:
    """Send money back that cannot be credited; the house is told after the commit."""
    incoming.status, incoming.reason = IncomingStatus.RETURNING, reason
    incoming.save(update_fields=["status", "reason"])
    enqueue_message(
        topic=RETURN_TASK,
        payload={"incoming_id": str(incoming.pk)},
        effect_key=f"clearing-return:{incoming.pk}",
    )


def prepare_answer_message(*, incoming_id: UUID, now: datetime) -> None:
    """Write and store the pacs.002 with which an instant transfer is answered."""
    from apps.clearing.iso20022.envelope import PACS_002
    from apps.clearing.iso20022.writing import write_answer

    incoming = _get_with_message(incoming_id)
    is_refused = incoming.status == IncomingStatus.REJECTED
    message_id = f"A{incoming.pk.hex}"
    body = write_answer(
        message_id=message_id,
        original_message_id=incoming.message.message_id,
        transaction_id=incoming.transaction_id,
        status="RJCT" if is_refused else "ACCP",
        reason=incoming.reason if is_refused else "",
        bank_bic=settings.BANK_BIC,
        now=now,
    )
    store_outgoing_message(name=PACS_002, message_id=message_id, body=body, now=now)


def prepare_return_message(*, incoming_id: UUID, now: datetime) -> None:
    """Write and store the pacs.004 by which money goes back."""
    from apps.clearing.iso20022.envelope import PACS_004
    from apps.clearing.iso20022.writing import write_return

    incoming = _get_with_message(incoming_id)
    message_id = f"{RETURN_PREFIX}{incoming.pk.hex}"
    body = write_return(
        message_id=message_id,
        return_id=message_id,
        original_message_id=incoming.message.message_id,
        transaction_id=incoming.transaction_id,
        end_to_end_identification=incoming.end_to_end_identification,
        amount_minor=incoming.amount_minor,
        currency=incoming.currency,
        reason=incoming.reason,
        bank_bic=settings.BANK_BIC,
        settlement_date=bank_date(now),
        now=now,
    )
    store_outgoing_message(name=PACS_004, message_id=message_id, body=body, now=now)


def _wake_engine(incoming: IncomingTransfer, fact: str) -> None:
    enqueue_message(
        topic=CREDIT_TASK,
        payload={"incoming_id": str(incoming.pk)},
        effect_key=f"incoming:{incoming.pk}:{fact}",
        queue=ENGINE_QUEUE,
    )


def _get_with_message(incoming_id: UUID) -> IncomingTransfer:
    incoming = IncomingTransfer.objects.select_related("message").filter(pk=incoming_id).first()
    if incoming is None:
        raise NotFound("incoming transfer")
    return incoming


def _uuids(text: str) -> list[UUID]:
    """The id written in a message, or nothing: others may write there what they like."""
    try:
        return [UUID(hex=text)]
    except ValueError:
        return []
