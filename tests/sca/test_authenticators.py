"""Authenticator apps: a second element for members of TPPs, and for nothing else."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier

import pytest
from cryptography.exceptions import InvalidTag
from django.contrib import admin
from django.db import connection
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

from apps.identity.models import User
from apps.identity.services import register_customer
from apps.sca import services
from apps.sca.authenticator_secrets import open_secret, seal_secret
from apps.sca.models import AuthenticationState, AuthenticatorDevice
from apps.sca.queries import get_authenticator
from apps.sca.rules import CodeMalformed, Purpose

NOW = datetime(2026, 11, 21, 18, 5, tzinfo=UTC)


def code_of(secret: bytes, *, steps_ahead: int = 0) -> str:
    """What the app shows now, or will show some steps of 30 seconds later."""
    totp = TOTP(secret)
    totp.time = time.time() + 30 * steps_ahead
    return f"{totp.token():06d}"


def wrong_code(secret: bytes) -> str:
    right = {code_of(secret, steps_ahead=steps) for steps in range(-2, 3)}
    return next(
        code for code in ("000000", "111111", "222222", "333333", "444444", "555555") if code not in right
    )


@pytest.fixture
def secret() -> bytes:
    return services.make_authenticator_secret()


@pytest.fixture
def member(db) -> User:
    return User.objects.create_user(username="mara.finanzblick", password="a-long-password-2026")


@pytest.fixture
def enrolled(member, secret) -> User:
    services.enrol_authenticator(user=member, secret=secret, code=code_of(secret), now=NOW)
    return member


def test_an_app_is_enrolled_by_showing_a_right_code(enrolled):
    device = get_authenticator(user_id=enrolled.pk)
    assert device is not None
    assert device.confirmed


def test_a_wrong_code_enrols_nothing(member, secret):
    with pytest.raises(services.CodeRefused):
        services.enrol_authenticator(user=member, secret=secret, code=wrong_code(secret), now=NOW)
    assert TOTPDevice.objects.count() == 0


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "12 45", "1" * 5000])
def test_what_is_no_code_is_said_to_be_none_and_not_counted(enrolled, code):
    with pytest.raises(CodeMalformed):
        services.check_authenticator_code(user_id=enrolled.pk, code=code, now=NOW)
    assert not AuthenticationState.objects.exists()


def test_a_second_app_is_refused(enrolled, secret):
    with pytest.raises(services.AuthenticatorNotAllowed):
        services.enrol_authenticator(user=enrolled, secret=secret, code=code_of(secret), now=NOW)


@pytest.mark.req("S0-5")
def test_the_secret_is_not_readable_in_the_database(enrolled, secret):
    stored = TOTPDevice.objects.values_list("key", flat=True).get()
    assert secret.hex() not in stored
    assert len(stored) == 64
    assert open_secret(stored, owner=str(enrolled.pk)) == secret


@pytest.mark.req("S0-5")
def test_a_sealed_secret_is_worthless_with_another_user(secret):
    with pytest.raises(InvalidTag):
        open_secret(seal_secret(secret, owner="anna"), owner="bruno")


def test_secrets_survive_a_change_of_the_secret_key(enrolled, secret, settings):
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-secret-key-of-more-than-thirty-two-characters"
    assert services.check_authenticator_code(
        user_id=enrolled.pk, code=code_of(secret, steps_ahead=1), now=NOW
    )


@pytest.mark.req("S0-6")
def test_staff_has_no_page_on_which_secrets_could_be_read():
    assert not admin.site.is_registered(TOTPDevice)
    assert not admin.site.is_registered(AuthenticatorDevice)


def test_a_code_works_once(enrolled, secret):
    code = code_of(secret, steps_ahead=1)
    assert services.check_authenticator_code(user_id=enrolled.pk, code=code, now=NOW)
    assert services.check_authenticator_code(user_id=enrolled.pk, code=code, now=NOW) is None


@pytest.mark.req("RTS-4(3)(b)")
def test_wrong_codes_and_wrong_passwords_are_counted_together(enrolled, secret):
    for _ in range(2):
        assert services.check_knowledge(username=enrolled.username, password="wrong", now=NOW) is None
    for _ in range(3):
        assert (
            services.check_authenticator_code(user_id=enrolled.pk, code=wrong_code(secret), now=NOW) is None
        )
    state = AuthenticationState.objects.get(user=enrolled)
    assert state.blocked_until is not None
    right = code_of(secret, steps_ahead=1)
    assert services.check_authenticator_code(user_id=enrolled.pk, code=right, now=NOW) is None
    assert (
        services.check_knowledge(username=enrolled.username, password="a-long-password-2026", now=NOW) is None
    )


def test_a_success_starts_the_count_anew(enrolled, secret):
    for _ in range(4):
        services.check_authenticator_code(user_id=enrolled.pk, code=wrong_code(secret), now=NOW)
    assert services.check_authenticator_code(
        user_id=enrolled.pk, code=code_of(secret, steps_ahead=1), now=NOW
    )
    assert AuthenticationState.objects.get(user=enrolled).consecutive_failures == 0


def test_the_decoy_accepts_nothing(db):
    assert services.check_authenticator_code(user_id=None, code="123456", now=NOW) is None


@pytest.mark.req("S1-19")
def test_no_authenticator_app_stands_for_a_customer(db, secret):
    anna = register_customer(
        username="anna", password="linden-anna-2026", first_name="Anna", last_name="Linde", language="en",
        core_user_id="LB000001", now=NOW,
    )  # fmt: skip
    with pytest.raises(services.AuthenticatorNotAllowed):
        services.enrol_authenticator(user=anna.user, secret=secret, code=code_of(secret), now=NOW)


@pytest.mark.req("S1-19")
@pytest.mark.parametrize("purpose", list(Purpose))
def test_the_code_of_an_authenticator_app_opens_no_challenge(enrolled, secret, purpose):
    services.enrol_sms_device(user=enrolled, phone_number="+4915112345678", now=NOW)
    challenge_id = services.send_code(user=enrolled, purpose=purpose, snapshot={"amount": "1.00"}, now=NOW)
    with pytest.raises(services.CodeRefused):
        services.check_code(challenge_id=challenge_id, code=code_of(secret, steps_ahead=1), now=NOW)


def at_once(*calls):
    """The results of calls that run at the same moment, each on a connection of its own."""
    together = Barrier(len(calls))

    def run(call):
        together.wait()
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


@pytest.mark.django_db(transaction=True)
def test_a_right_code_sent_many_times_at_once_opens_one_session(enrolled, secret):
    code = code_of(secret, steps_ahead=1)

    def check():
        return services.check_authenticator_code(user_id=enrolled.pk, code=code, now=NOW)

    assert sum(device is not None for device in at_once(*[check] * 8)) == 1


@pytest.mark.req("RTS-4(3)(b)")
@pytest.mark.django_db(transaction=True)
def test_wrong_codes_sent_at_once_are_each_counted(enrolled, secret):
    code = wrong_code(secret)

    def check():
        return services.check_authenticator_code(user_id=enrolled.pk, code=code, now=NOW)

    assert at_once(*[check] * 12) == [None] * 12
    assert AuthenticationState.objects.get(user=enrolled).blocked_until is not None
    right = code_of(secret, steps_ahead=1)
    assert services.check_authenticator_code(user_id=enrolled.pk, code=right, now=NOW) is None


@pytest.mark.django_db(transaction=True)
def test_two_enrolments_at_once_leave_one_app(member):
    def enrol():
        secret = services.make_authenticator_secret()
        try:
            services.enrol_authenticator(user=member, secret=secret, code=code_of(secret), now=NOW)
        except services.AuthenticatorNotAllowed:
            return False
        return True

    assert sorted(at_once(enrol, enrol, enrol)) == [False, False, True]
    assert TOTPDevice.objects.count() == 1
