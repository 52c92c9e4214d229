"""Customers who have a token: taken from the stock and bound as anybody binds one. The token itself is the simulator's,
which knows nothing of the bank."""

import secrets
from datetime import datetime
from uuid import UUID

from apps.identity.models import PSU
from apps.sca.models import Challenge, SigningDevice
from apps.sca.rules import DeviceKind
from apps.sca.services import add_token, bind_token, name_token, seal_activation, seal_request
from examples.token.device import Request, Token
from tests.factories.accounts import NOW
from tests.sca.keys import signed_enrolment

PIN = "274951"


def stock(*, now: datetime = NOW) -> Token:
    """A token that the bank has, and nobody else yet."""
    token = Token(str(secrets.randbelow(10**10)).zfill(10), secrets.token_bytes(32))
    add_token(serial_number=token.serial_number, token_key=token.key, now=now)
    return token


def named(psu: PSU, token: Token, *, now: datetime = NOW) -> tuple[UUID, bytes]:
    """A signed wish for this token: its id, and the request that the page shows."""
    enrolment = signed_enrolment(psu, kind=DeviceKind.TOKEN, name="Blue token", now=now)
    name_token(enrolment_id=enrolment.pk, psu=psu, serial_number=token.serial_number, now=now)
    return enrolment.pk, seal_activation(enrolment_id=enrolment.pk, psu=psu, now=now)


def give_token(psu: PSU, *, pin: str = PIN, now: datetime = NOW) -> Token:
    """A token that is the customer's."""
    token = stock(now=now)
    enrolment_id, request = named(psu, token, now=now)
    bind_token(enrolment_id=enrolment_id, psu=psu, code=token.new_pin(token.open(request), pin), now=now)
    return token


def device_of(token: Token) -> SigningDevice:
    return SigningDevice.objects.get(serial_number=token.serial_number, confirmed=True)


def open_challenge(token: Token, challenge_id: UUID) -> Request:
    """What the bank seals of this challenge for it."""
    challenge = Challenge.objects.get(pk=challenge_id)
    return token.open(seal_request(challenge=challenge, device=device_of(token)).sealed)
