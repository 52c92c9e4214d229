"""A customer with a business account, and his files at every stage."""

from datetime import UTC, datetime
from uuid import UUID

from django.db import transaction

from apps.bulk.models import PaymentBatch, PaymentFile, PaymentItem
from apps.bulk.services import (
    authorise_payment_file,
    check_payment_file,
    receive_payment_file,
    send_payment_file_code,
    start_payment_file_authorisation,
    verify_set_of_payees,
)
from apps.clearing.models import ClearingInstruction
from apps.clearing.services.outcomes import note_accepted, note_money_back, note_rejected
from apps.engine.bulk import book_set, start_batch
from apps.engine.rails import settle_payment
from apps.identity.models import PSU
from apps.notifications.models import OutboxMessage
from tests.factories.accounts import bank_accounts, customer
from tests.factories.payments import proof_for

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)  # A Friday: banks are open.

CLOSED_TAIL = "9999999999"


def answer(instruction_id: UUID, *, now: datetime) -> None:
    """What the clearing house says: accounts of nothing but nines are closed."""
    instruction = ClearingInstruction.objects.get(pk=instruction_id)
    if instruction.creditor_iban.endswith(CLOSED_TAIL):
        note_rejected(transaction_id=instruction.transaction_id, reason="AC04", now=now)
    else:
        note_accepted(transaction_id=instruction.transaction_id, cycle="SCT-20261120-1", now=now)


HANDLERS = {
    "bulk.check_file": lambda p, now: check_payment_file(file_id=UUID(p["file_id"]), now=now),
    "bulk.verify_payees": lambda p, now: verify_set_of_payees(
        file_id=UUID(p["file_id"]), first=int(p["first"]), now=now
    ),
    "engine.start_batch": lambda p, now: start_batch(batch_id=UUID(p["batch_id"]), now=now),
    "engine.book_set": lambda p, now: book_set(
        batch_id=UUID(p["batch_id"]), number=int(p["number"]), now=now
    ),
    "clearing.collect": lambda p, now: answer(UUID(p["instruction_id"]), now=now),
    "engine.settle_payment": lambda p, now: settle_payment(instruction_id=UUID(p["instruction_id"]), now=now),
}


def emil(*, balance_minor: int = 1_000_000, business: bool = False) -> PSU:
    """A customer whose ``account`` may be a company's."""
    bank_accounts()
    psu = customer("Emil", balance_minor=balance_minor)
    if business:
        psu.account.owner_name = "Krüger Werkzeugbau e.K."
        psu.account.save()
    return psu


def carry_out(*topics: str, now: datetime = NOW) -> int:
    """Do what is promised, each message in a transaction of its own, until nothing is left; only these topics if named.

    Returns how many were done.
    """
    done = 0
    waiting = OutboxMessage.objects.filter(status="pending", topic__in=topics or HANDLERS)
    while rows := list(waiting.order_by("created_at", "pk").values_list("pk", "topic", "payload")):
        for pk, topic, payload in rows:
            with transaction.atomic():
                HANDLERS[topic](payload, now)
                # Done; the constraint of done rows wants a time.
                OutboxMessage.objects.filter(pk=pk).update(status="dead")
            done += 1
    return done


def uploaded(psu: PSU, content: bytes, *, name: str = "salaries.xml", now: datetime = NOW) -> PaymentFile:
    """A file that was uploaded and checked."""
    pieces = (content[start : start + 1000] for start in range(0, len(content), 1000))
    file = receive_payment_file(psu=psu, name=name, content=pieces, now=now)
    carry_out("bulk.check_file", "bulk.verify_payees", now=now)
    file.refresh_from_db()
    return file


def challenged(psu: PSU, file: PaymentFile, *, now: datetime = NOW) -> tuple[UUID, UUID]:
    """A file whose code is on its way: authorisation and challenge."""
    authorisation = start_payment_file_authorisation(file_id=file.pk, psu=psu, now=now)
    challenge_id = send_payment_file_code(
        file_id=file.pk, authorisation_id=authorisation.pk, psu=psu, now=now
    )
    return authorisation.pk, challenge_id


def signed(psu: PSU, file: PaymentFile, *, now: datetime = NOW) -> PaymentFile:
    """A file that the engine has yet to book."""
    assert file.status == "RCVD", file.problems
    authorisation_id, challenge_id = challenged(psu, file, now=now)
    return authorise_payment_file(
        file_id=file.pk,
        authorisation_id=authorisation_id,
        psu=psu,
        proof=proof_for(challenge_id, now=now),
        now=now,
    )


def executed(psu: PSU, content: bytes, *, now: datetime = NOW) -> PaymentFile:
    """The whole way."""
    file = signed(psu, uploaded(psu, content, now=now), now=now)
    carry_out(now=now)
    file.refresh_from_db()
    return file


def only_batch(file: PaymentFile) -> PaymentBatch:
    """The group of a file that has one."""
    return PaymentBatch.objects.get(file=file)


def sent_back(item: PaymentItem, *, reason: str = "AC04", return_id: str = "", now: datetime = NOW) -> None:
    """The payee's bank sends a payment's money back, and the engine acts on it."""
    note_money_back(
        transaction_id=item.pk.hex,
        return_id=return_id or f"r-{item.pk.hex[:30]}",
        amount_minor=item.amount_minor,
        reason=reason,
        cycle="SCT-20261120-2",
        now=now,
    )
    carry_out("engine.settle_payment", now=now)
