"""Signing up: user ID, password, and an authenticator app that works, before there is a log-in."""

import re
from base64 import b32decode
from datetime import timedelta

import pytest
from django.urls import reverse

from apps.core import clock
from apps.identity.models import Session, User
from apps.sca.models import AuthenticatorDevice
from tests.console.kit import PASSWORD, code_of, wrong_code
from tests.factories.identity import PSUFactory

pytestmark = pytest.mark.django_db

REGISTER, AUTHENTICATOR = "/developers/register/", "/developers/register/authenticator/"
FORM = {"username": "Jo.Tester", "email": "jo@example.org", "password": PASSWORD, "language": "en"}


def secret_on(response) -> bytes:
    text = re.search(r"<code[^>]*>([A-Z2-7 ]+)</code>", response.content.decode()).group(1).replace(" ", "")
    return b32decode(text + "=" * (-len(text) % 8))


def test_from_the_form_to_the_overview(client):
    response = client.post(REGISTER, FORM)
    assert (response.status_code, response.url) == (303, AUTHENTICATOR)
    assert not User.objects.exists(), "no log-in before the second element works"
    page = client.get(AUTHENTICATOR)
    response = client.post(AUTHENTICATOR, {"code": code_of(secret_on(page))})
    assert (response.status_code, response.url) == (303, "/developers/")
    user = User.objects.get()
    assert (user.username, user.email, user.is_staff, hasattr(user, "psu")) == (
        "jo.tester",
        FORM["email"],
        False,
        False,
    )
    assert user.check_password(PASSWORD)
    assert "Your log-in is ready" in client.get("/developers/").content.decode()


def test_the_secret_is_there_to_scan_and_to_type(client):
    client.post(REGISTER, FORM)
    html = client.get(AUTHENTICATOR).content.decode()
    assert "<svg" in html
    assert "style=" not in html
    assert "otpauth://totp/Lindenbank%20Developers%3Ajo.tester?secret=" in html


def test_a_wrong_code_makes_no_log_in_and_keeps_the_secret(client):
    client.post(REGISTER, FORM)
    secret = secret_on(client.get(AUTHENTICATOR))
    response = client.post(AUTHENTICATOR, {"code": wrong_code(secret)})
    assert "This code is not right" in response.content.decode()
    assert secret_on(response) == secret
    assert not User.objects.exists()
    assert not AuthenticatorDevice.objects.exists()


@pytest.mark.req("S0-5")
def test_neither_password_nor_secret_waits_in_clear(client):
    client.post(REGISTER, FORM)
    secret = secret_on(client.get(AUTHENTICATOR))
    stored = str(Session.objects.get(session_key=client.session.session_key).get_decoded())
    assert PASSWORD not in stored
    assert secret.hex() not in stored
    assert "argon2" in stored


def test_what_waits_does_not_wait_for_ever(client, monkeypatch):
    client.post(REGISTER, FORM)
    later = clock.now() + timedelta(minutes=16)
    monkeypatch.setattr(clock, "now", lambda: later)
    response = client.post(AUTHENTICATOR, {"code": "123456"})
    assert (response.status_code, response.url) == (303, REGISTER)


def test_the_second_page_alone_leads_to_the_first(client):
    assert client.get(AUTHENTICATOR).url == REGISTER


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("username", "anna", "with a dot, hyphen"),
        ("username", "a" * 151, "at most 150"),
        ("password", "short-7x", "at least 12"),
        ("password", "password12345", "too common"),
        ("password", "jo.tester2026", "too similar"),
        ("email", "nobody", "valid email"),
        ("language", "fr", "valid choice"),
    ],
)
def test_what_cannot_be_used_is_said_at_its_field(client, field, value, words):
    response = client.post(REGISTER, FORM | {field: value})
    assert response.status_code == 200
    assert words in " ".join(response.context["form"].errors[field])


def test_no_answer_tells_whether_a_customer_has_a_user_id(client):
    PSUFactory(user__username="anna")
    taken = client.post(REGISTER, FORM | {"username": "anna"})
    free = client.post(REGISTER, FORM | {"username": "arno"})
    assert taken.context["form"].errors == free.context["form"].errors


def test_a_developers_user_id_is_taken_once(client, mara):
    response = client.post(REGISTER, FORM | {"username": "MARA.finanzblick"})
    assert "Somebody has this user ID" in str(response.context["form"].errors["username"])


def test_who_was_quicker_has_the_user_id(client):
    client.post(REGISTER, FORM)
    secret = secret_on(client.get(AUTHENTICATOR))
    User.objects.create_user(username="jo.tester")
    response = client.post(AUTHENTICATOR, {"code": code_of(secret)})
    assert response.url == REGISTER
    assert not AuthenticatorDevice.objects.exists()


def test_too_many_registrations_from_one_address_are_slowed_down(client):
    for _ in range(30):
        client.post(REGISTER, FORM | {"username": "anna"})
    response = client.post(REGISTER, FORM)
    assert response.status_code == 429
    assert int(response["Retry-After"]) > 0


def test_a_member_who_is_signed_in_needs_no_second_log_in(page):
    assert page.get(REGISTER).url == reverse("console:overview")
