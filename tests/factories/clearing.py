"""What a clearing house says, written by the sandbox's own house, and taken in as door and worker do."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from apps.clearing.models import ClearingInstruction, ClearingMessage, IncomingTransfer
from apps.clearing.rules import Direction
from apps.clearing.services import (
    deliver_message,
    prepare_transfer_message,
    read_stored_message,
    receive_message,
)
from apps.engine.rails import credit_incoming, settle_payment
from apps.payments.models import PaymentInitiation
from examples.clearing_house import messages as house
from examples.clearing_house.messages import ReportLine, Transfer
from tests.factories.accounts import FOREIGN_IBAN, NOW

BANK_BIC, OTHER_BIC = "LINDDEB0XXX", "ELSEDEFFXXX"
CYCLE = "SCT-20261121-1"


def message_id(letter: str = "S") -> str:
    """An id no message had before."""
    return f"{letter}-{uuid.uuid4().hex}"


def take_in(body: bytes, *, now: datetime = NOW) -> ClearingMessage:
    """Receive a message and read it, as door and worker do."""
    receive_message(body=body, now=now)
    message = ClearingMessage.objects.filter(direction=Direction.IN).order_by("-created_at", "-pk").first()
    for message in ClearingMessage.objects.filter(direction=Direction.IN, status="arrived"):
        with transaction.atomic():
            read_stored_message(message_id=message.pk, now=now)
    message.refresh_from_db()
    return message


def status_body(
    tx_id: str,
    status: str = "ACSC",
    *,
    reason: str = "",
    cycle: str = CYCLE,
    original: str = "T",
    name: str = house.PACS_008,
    mid: str = "",
) -> bytes:
    """A pacs.002 of the house about one transfer or return."""
    return answer_body(
        [house.Status(tx_id, status, reason)], cycle=cycle, original=original, name=name, mid=mid
    )


def answer_body(
    statuses: Sequence[house.Status],
    *,
    of: int = 0,
    cycle: str = CYCLE,
    original: str = "T",
    name: str = house.PACS_008,
    mid: str = "",
) -> bytes:
    """A pacs.002 of the house about some of the ``of`` transfers of a message; about all of them unless given."""
    return house.write_status(
        mid or message_id(),
        original_message_id=original,
        original_name=name,
        statuses=statuses,
        of=of or len(statuses),
        cycle=cycle,
        now=NOW,
    )


def return_body(
    tx_id: str,
    amount_minor: int = 2_500,
    *,
    reason: str = "AC04",
    return_id: str = "",
    cycle: str = CYCLE,
    mid: str = "",
) -> bytes:
    """A pacs.004 of the house."""
    return house.write_return(
        mid or message_id("R"),
        return_id=return_id or message_id("r"),
        original_message_id="T",
        tx_id=tx_id,
        amount_minor=amount_minor,
        reason=reason,
        cycle=cycle,
        bank_bic=BANK_BIC,
        now=NOW,
    )


def transfer_body(
    creditor_iban: str,
    *,
    amount_minor: int = 4_200,
    rail: str = "sct",
    tx_id: str = "",
    cycle: str = CYCLE,
    mid: str = "",
    remittance: str = "Rent <May> & June",
    debtor_name: str = "Jürgen Groß",
) -> bytes:
    """A pacs.008 of the house for a customer of the bank."""
    transfer = Transfer(
        tx_id=tx_id or uuid.uuid4().hex,
        end_to_end="E2E-77",
        amount_minor=amount_minor,
        debtor_name=debtor_name,
        debtor_iban=FOREIGN_IBAN,
        creditor_name="Anna Schneider",
        creditor_iban=creditor_iban,
        remittance=remittance,
        rail=rail,
    )
    return house.write_transfer(
        mid or message_id("I"), transfer, cycle=cycle, bank_bic=BANK_BIC, debtor_bic=OTHER_BIC, now=NOW
    )


def report_body(
    lines: list[ReportLine],
    *,
    cycle: str = CYCLE,
    rail: str = "sct",
    number: int = 1,
    opening_minor: int = 0,
    closing_minor: int | None = None,
    mid: str = "",
) -> bytes:
    """A camt.053 of the house; the closing balance follows from the lines unless given."""
    moved = sum(line.amount_minor if line.is_credit else -line.amount_minor for line in lines)
    return house.write_report(
        mid or message_id("C"),
        cycle=cycle,
        rail=rail,
        number=number,
        bank_bic=BANK_BIC,
        opening_minor=opening_minor,
        closing_minor=opening_minor + moved if closing_minor is None else closing_minor,
        lines=lines,
        now=NOW,
    )


def line(
    tx_id: str, amount_minor: int, *, is_credit: bool, return_id: str = "", is_return: bool = False
) -> ReportLine:
    """One entry of a report."""
    return ReportLine(
        tx_id, tx_id, return_id, "NOTPROVIDED", amount_minor, is_credit=is_credit, is_return=is_return
    )


def instruction_of(payment: PaymentInitiation) -> ClearingInstruction:
    """What was handed to the clearing house for a payment."""
    return ClearingInstruction.objects.get(payment_id=payment.pk)


def settle(payment: PaymentInitiation) -> PaymentInitiation:
    """The engine acts on where the instruction stands."""
    with transaction.atomic():
        settle_payment(instruction_id=instruction_of(payment).pk, now=NOW)
    payment.refresh_from_db()
    return payment


def answer(payment: PaymentInitiation, status: str = "ACSC", **fields: str) -> PaymentInitiation:
    """The house answers a payment, and the engine acts on it."""
    take_in(status_body(payment.pk.hex, status, **fields))
    return settle(payment)


def credit(incoming: IncomingTransfer) -> IncomingTransfer:
    """The engine does the next thing with an incoming transfer."""
    with transaction.atomic():
        credit_incoming(incoming_id=incoming.pk, now=NOW)
    incoming.refresh_from_db()
    return incoming


def write_out(*payments: PaymentInitiation) -> ClearingMessage:
    """The worker writes one message of these payments."""
    instructions = [instruction_of(payment) for payment in payments]
    with transaction.atomic():
        prepare_transfer_message(instruction_ids=[row.pk for row in instructions], now=NOW)
    return ClearingMessage.objects.get(instructions=instructions[0])


def send_out(message: ClearingMessage, *, attempt: int = 0) -> ClearingMessage:
    """The worker sends a message."""
    with transaction.atomic():
        deliver_message(message_id=message.pk, attempt=attempt, now=NOW)
    message.refresh_from_db()
    return message
