"""The text messages: what the customer reads before he types a code."""

import pytest
from django.test import override_settings

from apps.audit.models import AuditEvent
from apps.identity.models import PSU
from apps.notifications.gateways import SMSNotSent
from apps.notifications.models import OutboxMessage, SMSDelivery
from apps.notifications.services import carry_out_message
from apps.sca.messages import render_code_message
from apps.sca.models import Challenge
from apps.sca.services import freeze_sign_in
from apps.sca.tasks import send_block_notice
from apps.sca.tasks import send_code as send_code_task
from tests.factories.accounts import NOW, customer
from tests.factories.payments import challenged_payment, right_code


class RecordingGateway:
    """A provider that remembers what it was given, and can be told to fail."""

    sent: list[tuple[str, str, str]] = []
    failures = 0

    def send(self, *, to: str, text: str, idempotency_key: str) -> str:
        if RecordingGateway.failures:
            RecordingGateway.failures -= 1
            raise SMSNotSent("busy")
        self.sent.append((to, text, idempotency_key))
        return "ref-1"


@pytest.fixture(autouse=True)
def gateway(settings, monkeypatch: pytest.MonkeyPatch) -> type[RecordingGateway]:
    settings.SMS_GATEWAY = "tests.sca.test_messages.RecordingGateway"
    monkeypatch.setattr("apps.core.clock._clock", lambda path: lambda: NOW)
    RecordingGateway.sent, RecordingGateway.failures = [], 0
    return RecordingGateway


@pytest.fixture
def anna(db: None) -> PSU:
    return customer("Anna")


def deliver(task=send_code_task) -> None:
    message = OutboxMessage.objects.get(topic=task.name)
    carry_out_message(message_id=message.pk, topic=message.topic, handler=handler_of(task))


def handler_of(task):
    """The function under a declared outbox task."""
    from apps.sca import tasks

    return next(
        cell.cell_contents
        for cell in task.run.__closure__
        if callable(cell.cell_contents) and cell.cell_contents.__module__ == tasks.__name__
    )


@pytest.mark.req("S1-14", "S1-15", "S0-43", "RTS-5(1)(a)")
class TestThePaymentMessage:
    @pytest.mark.req("S0-25", "S0-41", "S3-26", "N8")
    def test_names_amount_payee_code_and_expiry_with_the_amount_first(self, anna: PSU, gateway) -> None:
        _, _, challenge_id = challenged_payment(
            anna,
            amount_minor=124_900,
        )
        deliver()
        ((to, text, _),) = gateway.sent
        assert to == "+4915112345678"
        assert text.startswith(
            "Lindenbank: €1,249.00 to Möbelhaus Kern GmbH, IBAN DE02 1203 0000 0000 2020 51."
        )
        assert right_code(challenge_id) in text
        assert "valid until 13:10" in text

    def test_is_one_line_of_bounded_length(self, anna: PSU, gateway) -> None:
        challenged_payment(anna)
        deliver()
        text = gateway.sent[0][1]
        assert "\n" not in text
        assert len(text) <= 306

    def test_speaks_the_customers_language(self, anna: PSU) -> None:
        anna.user.language = "de"
        anna.user.save()
        _, _, challenge_id = challenged_payment(anna, amount_minor=124_900)
        challenge = Challenge.objects.get(pk=challenge_id)
        text = render_code_message(challenge=challenge, code="123456", language="de")
        assert "1.249,00\u00a0€" in text or "1.249,00 €" in text


@pytest.mark.req("P-70", "RTS-4(4)")
class TestTheNoticeOfAFreeze:
    def test_tells_once_what_holds_and_how_it_opens_again(self, anna: PSU, gateway, settings) -> None:
        for is_first in (True, False):
            assert is_first == freeze_sign_in(
                user_id=anna.user_id, actor_type="psu", actor_id=anna.pk, reason="phone lost", now=NOW
            )
        deliver(send_block_notice)
        ((_to, text, _key),) = gateway.sent
        assert "everything is frozen" in text
        assert settings.BANK_FRAUD_PHONE in text
        assert AuditEvent.objects.get(event="sca.sign_in.frozen").data == {"reason": "phone lost"}


class TestDelivery:
    def test_a_busy_provider_gets_the_same_code_again(self, anna: PSU, gateway) -> None:
        _, _, challenge_id = challenged_payment(anna)
        gateway.failures = 1
        with pytest.raises(SMSNotSent):
            deliver()
        deliver()
        assert right_code(challenge_id) in gateway.sent[0][1]
        assert gateway.sent[0][2] == f"challenge:{challenge_id}"

    def test_a_message_done_is_not_sent_again(self, anna: PSU, gateway) -> None:
        challenged_payment(anna)
        deliver()
        deliver()
        assert len(gateway.sent) == 1
        assert SMSDelivery.objects.get().sent_at is not None

    def test_a_code_past_its_life_is_not_sent(self, anna: PSU, gateway) -> None:
        _, _, challenge_id = challenged_payment(anna)
        Challenge.objects.filter(pk=challenge_id).update(status="voided")
        deliver()
        assert not gateway.sent

    @override_settings(
        SMS_GATEWAY="apps.notifications.gateways.HTTPSMSGateway", SMS_HTTP_URL="http://127.0.0.1:9/"
    )
    def test_a_provider_that_is_away_leaves_the_message_waiting(self, anna: PSU) -> None:
        challenged_payment(anna)
        with pytest.raises(SMSNotSent):
            deliver()
        message = OutboxMessage.objects.get(topic="sca.send_code")
        assert (message.status, message.attempts, message.last_error) == ("pending", 1, "SMSNotSent")
