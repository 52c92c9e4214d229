import pytest
from django.db import transaction

from apps.core import clock
from apps.notifications.services import send_sms
from apps.sandbox.gateway import SandboxSMSGateway
from apps.sandbox.models import PhoneMessage

pytestmark = pytest.mark.django_db


def test_a_message_reaches_the_phone_at_bank_time():
    before = clock.now()
    reference = SandboxSMSGateway().send(to="+491713920001", text="Hello", idempotency_key="k1")
    message = PhoneMessage.objects.get()
    assert (message.to, message.text) == ("+491713920001", "Hello")
    assert before <= message.sent_at <= clock.now()
    assert reference == "sandbox:k1"


def test_the_same_key_again_does_not_reach_the_phone_twice():
    gateway = SandboxSMSGateway()
    gateway.send(to="+491713920001", text="Hello", idempotency_key="k1")
    gateway.send(to="+491713920001", text="Hello", idempotency_key="k1")
    assert PhoneMessage.objects.count() == 1


def test_it_is_the_gateway_of_the_sandbox():
    with transaction.atomic():
        assert send_sms(effect_key="k2", user_id=None, to="+491713920001", text="Hello")
        assert not send_sms(effect_key="k2", user_id=None, to="+491713920001", text="Hello")
    assert PhoneMessage.objects.get().effect_key == "k2"
