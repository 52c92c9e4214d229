"""Members, their authenticator apps and their companies, for the tests here."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from django.test import Client
from django_otp import DEVICE_ID_SESSION_KEY
from django_otp.oath import TOTP

from apps.identity.models import User
from apps.sca.models import AuthenticatorDevice
from apps.sca.services import enrol_authenticator, make_authenticator_secret
from apps.tpp.models import TPP, App, TPPMember
from apps.tpp.services import add_app_key
from tests.factories.tpp import AppFactory, TPPFactory

NOW = datetime(2026, 11, 21, 18, 5, tzinfo=UTC)
PASSWORD = "Nadelwald-Regenbogen-7"
P256_JWK = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}  # RFC 7515 A.3


def code_of(secret: bytes, *, steps_ahead: int = 0) -> str:
    """What an authenticator app shows now, or some steps of 30 seconds later."""
    totp = TOTP(secret)
    totp.time = time.time() + 30 * steps_ahead
    return f"{totp.token():06d}"


def wrong_code(secret: bytes) -> str:
    """Six digits that are not right now, nor soon."""
    right = {code_of(secret, steps_ahead=steps) for steps in range(-2, 4)}
    return next(code for code in (f"{number:06d}" for number in range(100)) if code not in right)


@dataclass
class Member:
    """A developer with an authenticator app."""

    user: User
    secret: bytes
    device: AuthenticatorDevice

    def code(self) -> str:
        """The next code: the present one was used to enrol."""
        return code_of(self.secret, steps_ahead=1)

    def sign_in(self, client: Client) -> Client:
        """A session with both elements, without the pages."""
        client.force_login(self.user)
        session = client.session
        session[DEVICE_ID_SESSION_KEY] = self.device.persistent_id
        session.save()
        return client


def make_member(username: str = "mara.finanzblick") -> Member:
    user = User.objects.create_user(username=username, password=PASSWORD, email=f"{username}@example.org")
    secret = make_authenticator_secret()
    device = enrol_authenticator(user=user, secret=secret, code=code_of(secret), now=NOW)
    return Member(user=user, secret=secret, device=device)


def make_company(member: Member, **fields: object) -> TPP:
    tpp: TPP = TPPFactory(**fields)
    TPPMember.objects.create(tpp=tpp, user=member.user)
    return tpp


def make_app(tpp: TPP, *, with_key: bool = True, **fields: object) -> App:
    app: App = AppFactory(tpp=tpp, **fields)
    if with_key:
        add_app_key(app_id=app.pk, jwk=P256_JWK, member_id=None, now=NOW, kid="key-1")
    return app
