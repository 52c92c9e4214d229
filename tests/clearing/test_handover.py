"""Handing over: kept before it is sent, sent until it is taken, to the letter, and not sent when it is too late."""

import pytest
from django.db import transaction

from apps.clearing.houses import is_signed_by_house, sign_message
from apps.clearing.services import time_out_instruction
from apps.engine.execution import execute_payment
from apps.identity.models import PSU
from apps.notifications.models import OutboxMessage
from apps.payments.models import PaymentInitiation
from apps.payments.rules import PaymentProduct
from examples.clearing_house.server import sign
from tests.clearing.conftest import House
from tests.factories.accounts import NOW, bank_accounts, customer
from tests.factories.clearing import instruction_of, send_out, settle, write_out
from tests.factories.payments import authorised_payment


@pytest.fixture
def anna(db: None) -> PSU:
    bank_accounts()
    return customer("Anna", balance_minor=10_000)


def sent(anna: PSU, **fields: object) -> PaymentInitiation:
    payment = authorised_payment(anna, **fields)
    with transaction.atomic():
        execute_payment(payment_id=payment.pk, now=NOW)
    payment.refresh_from_db()
    return payment


def tries(message) -> list[str]:
    found = OutboxMessage.objects.filter(topic="clearing.send_message").order_by("created_at")
    return [row.payload["attempt"] for row in found if row.payload["message_row_id"] == str(message.pk)]


def test_what_is_sent_is_what_was_kept_signed_with_the_shared_key(
    anna: PSU, house: House, settings: object
) -> None:
    payment = sent(anna)
    message = send_out(write_out(payment))
    ((signature, body),) = house.heard
    assert body.decode() == message.body
    assert signature == sign(settings.CLEARING_KEY.encode(), receiver="house", body=body)
    assert (message.status, instruction_of(payment).status) == ("sent", "sent")


def test_writing_twice_makes_one_message(anna: PSU) -> None:
    payment = sent(anna)
    assert write_out(payment).pk == write_out(payment).pk


def test_sending_twice_sends_once(anna: PSU, house: House) -> None:
    message = send_out(write_out(sent(anna)))
    send_out(message)
    assert len(house.heard) == 1


@pytest.mark.parametrize("status", [500, 503, 401, 404])
def test_a_house_that_cannot_take_it_is_asked_again_and_again(anna: PSU, house: House, status: int) -> None:
    payment = sent(anna)
    message = write_out(payment)
    house.status = status
    for attempt in range(3):
        message = send_out(message, attempt=attempt)
    assert (message.status, message.attempts, tries(message)) == ("waiting", 3, ["0", "1", "2", "3"])
    house.status = 202
    assert send_out(message, attempt=3).status == "sent"
    assert len({body for _signature, body in house.heard}) == 1


def test_a_house_that_is_away_is_asked_again(anna: PSU) -> None:
    message = send_out(write_out(sent(anna)))
    assert (message.status, tries(message)) == ("waiting", ["0", "1"])
    assert not OutboxMessage.objects.filter(status="dead").exists()


@pytest.mark.parametrize("status", [400, 409, 422])
def test_a_message_that_will_never_be_taken_gives_the_money_back(
    anna: PSU, house: House, status: int
) -> None:
    payment = sent(anna)
    house.status = status
    message = send_out(write_out(payment))
    assert (message.status, instruction_of(payment).reason) == ("refused", "NARR")
    payment = settle(payment)
    assert (payment.transaction_status, payment.status_reason) == ("RJCT", "NARR")


def test_what_was_given_up_is_not_written(anna: PSU) -> None:
    payment = sent(anna, product=PaymentProduct.INSTANT_SEPA_CREDIT_TRANSFERS)
    with transaction.atomic():
        time_out_instruction(instruction_id=instruction_of(payment).pk, now=NOW)
    with pytest.raises(Exception, match="does not exist"):
        write_out(payment)


def test_what_was_given_up_is_not_sent(anna: PSU, house: House) -> None:
    payment = sent(anna, product=PaymentProduct.INSTANT_SEPA_CREDIT_TRANSFERS)
    message = write_out(payment)
    with transaction.atomic():
        time_out_instruction(instruction_id=instruction_of(payment).pk, now=NOW)
    assert send_out(message).status == "refused"
    assert not house.heard


class TestSignatures:
    def test_the_houses_own_opens(self) -> None:
        assert is_signed_by_house(signature=sign_message(receiver="bank", body=b"x"), body=b"x")

    @pytest.mark.parametrize(
        ("receiver", "body"),
        [("house", b"x"), ("bank", b"y"), ("", b"x")],
        ids=["reflected", "altered", "bare"],
    )
    def test_another_does_not(self, receiver: str, body: bytes) -> None:
        assert not is_signed_by_house(signature=sign_message(receiver=receiver, body=body), body=b"x")

    @pytest.mark.parametrize("signature", ["", "0" * 64, "ä" * 64])
    def test_nonsense_does_not(self, signature: str) -> None:
        assert not is_signed_by_house(signature=signature, body=b"x")

    def test_without_a_key_nobody_is_the_house(self, settings: object) -> None:
        settings.CLEARING_KEY = ""
        assert not is_signed_by_house(signature=sign_message(receiver="bank", body=b"x"), body=b"x")
