"""Messages of the clearing house: kept to the letter before anything is made of them, each once."""

import hashlib
import hmac
import logging
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from django.db import transaction

from apps.clearing.iso20022.envelope import PACS_004, MessageMalformed, read_envelope
from apps.clearing.iso20022.items import (
    AnswerItem,
    Item,
    RecallAnswerItem,
    ReportItem,
    ReturnItem,
    TransferItem,
)
from apps.clearing.models import ClearingMessage
from apps.clearing.rules import DifferenceKind, Direction, MessageStatus
from apps.clearing.services import incoming, outcomes, recalls, reconciliation
from apps.clearing.services.differences import note_difference
from apps.core.errors import DomainError, NotFound
from apps.notifications.services import enqueue_message

logger = logging.getLogger(__name__)

READ_TASK = "clearing.read_message"
_SETTLED, _REFUSED = frozenset({"ACSC", "ACCC"}), "RJCT"


class MessageIdReused(DomainError):
    """Another message came under this id before."""

    code = "message_id_reused"


@transaction.atomic
def receive_message(*, body: bytes, now: datetime) -> bool:
    """Keep a message of the clearing house and promise that it is read; False when it is here already.

    Cheap and quick, for the door: only the outside of the message is looked at.

    :raises apps.clearing.iso20022.envelope.MessageMalformed: no message that could be kept.
    :raises MessageIdReused: another message has this id.
    """
    envelope = read_envelope(body)
    digest = hashlib.sha256(body).digest()
    message, is_new = ClearingMessage.objects.get_or_create(
        direction=Direction.IN,
        message_id=envelope.message_id,
        defaults={
            "name": envelope.name,
            "body": body.decode(),
            "content_hash": digest,
            "status": MessageStatus.RECEIVED,
            "created_at": now,
        },
    )
    if not is_new:
        if not hmac.compare_digest(bytes(message.content_hash), digest):
            raise MessageIdReused(envelope.message_id)
        return False
    enqueue_message(
        topic=READ_TASK,
        payload={"message_row_id": str(message.pk)},
        effect_key=f"clearing-read:{message.pk}",
    )
    return True


def read_stored_message(*, message_id: UUID, now: datetime) -> None:
    """Carry out what a kept message says: all of it or, if any part cannot be understood, nothing, and staff see why.

    Reading one a second time changes nothing.
    """
    from apps.clearing.iso20022.reading import read_items

    message = ClearingMessage.objects.select_for_update().filter(pk=message_id).first()
    if message is None:
        raise NotFound("message")
    if message.status != MessageStatus.RECEIVED:
        return
    try:
        items = read_items(message.body.encode())
    except MessageMalformed as error:
        logger.error("clearing message %s cannot be read", message.message_id)
        message.status, message.error, message.done_at = MessageStatus.REFUSED, error.detail, now
    else:
        for item in _in_order_of_locks(items):
            _carry_out(item, message=message, now=now)
        message.status, message.done_at = MessageStatus.READ, now
    message.save(update_fields=["status", "error", "done_at"])


def _in_order_of_locks(items: list[Item]) -> list[Item]:
    """By transaction, so that two messages about the same transfers never wait for one another; an answer about a whole
    message is one about each of its transfers."""
    each: list[Item] = []
    for item in items:
        if isinstance(item, AnswerItem) and not item.transaction_id:
            ids = outcomes.list_transactions_of_message(item.original_message_id)
            # About a message that we never wrote: for staff, under its name.
            each += [replace(item, transaction_id=name) for name in ids or [item.original_message_id]]
        else:
            each.append(item)
    return sorted(each, key=lambda item: "" if isinstance(item, ReportItem) else item.transaction_id)


def _carry_out(item: Item, *, message: ClearingMessage, now: datetime) -> None:
    match item:
        case TransferItem():
            incoming.note_incoming(item=item, message=message, now=now)
            return
        case ReportItem():
            reconciliation.note_report(item=item, message=message, now=now)
            return
        case AnswerItem():
            is_known = _carry_out_answer(item, now=now)
        case ReturnItem():
            is_known = outcomes.note_money_back(
                transaction_id=item.transaction_id,
                return_id=item.return_id,
                amount_minor=item.amount_minor,
                reason=item.reason,
                cycle=item.cycle,
                now=now,
            )
        case RecallAnswerItem():
            is_known = recalls.note_recall_refused(
                case_id=item.case_id, transaction_id=item.transaction_id, reason=item.reason, now=now
            )
    if not is_known:
        note_difference(
            kind=DifferenceKind.UNKNOWN,
            reference=f"{item.transaction_id} {message.message_id}",
            ours_minor=None,
            theirs_minor=item.amount_minor if isinstance(item, ReturnItem) else None,
            now=now,
        )


def _carry_out_answer(item: AnswerItem, *, now: datetime) -> bool:
    if item.original_name == PACS_004:
        return incoming.note_settlement_of_return(item=item, now=now)
    if item.status in _SETTLED:
        is_ours = outcomes.note_accepted(transaction_id=item.transaction_id, cycle=item.cycle, now=now)
    elif item.status == _REFUSED:
        is_ours = outcomes.note_rejected(
            transaction_id=item.transaction_id, reason=item.reason or "NARR", now=now
        )
    else:  # Still on its way (ACSP, PDNG): nothing to do.
        is_ours = outcomes.find_instruction(item.transaction_id) is not None
    return is_ours or incoming.note_settlement_of_incoming(item=item, now=now)
