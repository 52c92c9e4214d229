"""Signing in: password and authenticator app, one answer for whatever is wrong, and a session for this door only."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.urls import NoReverseMatch, reverse

from apps.core import clock
from apps.identity.models import User
from apps.sca.models import AuthenticationState
from apps.sca.services import enrol_sms_device
from tests.console.kit import NOW, PASSWORD, code_of, make_member, wrong_code
from tests.console.test_registration import secret_on
from tests.factories.identity import PSUFactory

pytestmark = pytest.mark.django_db

SIGN_IN, CODE = "/developers/sign-in/", "/developers/sign-in/code/"
ENROL = "/developers/sign-in/authenticator/"


def give_password(client, username, password=PASSWORD, **more):
    return client.post(SIGN_IN, {"username": username, "password": password} | more)


def test_password_then_code_then_the_page_that_was_asked_for(client, mara):
    response = client.get("/developers/apps/")
    assert response.status_code == 303
    assert response.url == SIGN_IN + "?next=%2Fdevelopers%2Fapps%2F"
    assert 'name="next" value="/developers/apps/"' in client.get(response.url).content.decode()
    assert give_password(client, mara.user.username, next="/developers/apps/").url == CODE
    response = client.post(CODE, {"code": mara.code()})
    assert (response.status_code, response.url) == (303, "/developers/apps/")
    assert client.get("/developers/apps/").status_code == 200


def test_the_session_gets_a_new_id(client, mara):
    give_password(client, mara.user.username)
    before = client.session.session_key
    client.post(CODE, {"code": mara.code()})
    assert client.session.session_key != before


@pytest.mark.parametrize("case", ["User ID in capitals", "code with blanks"])
def test_harmless_differences_are_forgiven(client, mara, case):
    username = mara.user.username.upper() if "capitals" in case else mara.user.username
    code = mara.code()
    give_password(client, username)
    response = client.post(CODE, {"code": f" {code[:3]} {code[3:]} " if "blanks" in case else code})
    assert response.status_code == 303
    assert response.url == "/developers/"


def bodies_of(client, username, password, code):
    """Everything that an outsider sees of a failed sign-in, tokens apart."""
    seen = []
    first = give_password(client, username, password)
    seen.append((first.status_code, first.headers.get("Location")))
    seen.append(client.get(CODE).context["form"].errors)
    answer = client.post(CODE, {"code": code})
    seen.append((answer.status_code, answer.context["form"].errors, [str(t.name) for t in answer.templates]))
    return seen


@pytest.mark.req("RTS-4(3)(a)")
def test_nobody_learns_what_was_wrong(mara):
    PSUFactory(user__username="anna", user__password="linden-anna-2026")
    User.objects.create_user(username="rita", password=PASSWORD, is_staff=True)
    User.objects.create_user(username="gone.member", password=PASSWORD, is_active=False)
    wrong = wrong_code(mara.secret)
    cases = [
        (mara.user.username, PASSWORD, wrong),
        (mara.user.username, "wrong", mara.code()),
        ("nobody.here", PASSWORD, "123456"),
        ("rita", PASSWORD, "123456"),
        ("gone.member", PASSWORD, "123456"),
        ("anna", "linden-anna-2026", "123456"),
    ]
    seen = [bodies_of(Client(), *case) for case in cases]
    assert all(one == seen[0] for one in seen[1:])


@pytest.mark.req("RTS-4(3)(b)")
def test_five_wrong_codes_pause_sign_in_and_look_like_five_wrong_passwords(client, mara):
    give_password(client, mara.user.username)
    real = [client.post(CODE, {"code": wrong_code(mara.secret)}).status_code for _ in range(5)]
    other = Client()
    give_password(other, "nobody.here")
    decoy = [other.post(CODE, {"code": "123456"}).status_code for _ in range(5)]
    assert real == decoy == [200, 200, 200, 200, 303]
    assert AuthenticationState.objects.get(user=mara.user).blocked_until is not None
    give_password(client, mara.user.username)
    assert client.post(CODE, {"code": mara.code()}).status_code == 200, "paused: even right is not enough"


def test_the_right_code_after_a_wrong_one_is_accepted_at_once(client, mara):
    give_password(client, mara.user.username)
    client.post(CODE, {"code": wrong_code(mara.secret)})
    assert client.post(CODE, {"code": mara.code()}).status_code == 303


@pytest.mark.parametrize("code", ["", "12345", "abcdef", "١٢٣٤٥٦", "9" * 21])
def test_what_is_no_code_costs_no_try(client, mara, code):
    give_password(client, mara.user.username)
    for _ in range(6):
        assert client.post(CODE, {"code": code}).status_code == 200
    assert client.post(CODE, {"code": mara.code()}).status_code == 303


def test_a_code_does_not_come_back_to_the_page(client, mara):
    give_password(client, mara.user.username)
    assert "987654" not in client.post(CODE, {"code": "987654"}).content.decode()


def test_the_sign_in_before_this_one_is_shown(client, mara):
    for _ in range(2):
        client.post("/developers/sign-out/")
        give_password(client, mara.user.username)
        client.post(CODE, {"code": mara.code()})
        mara.device.refresh_from_db()
        mara.device.last_t -= 2
        mara.device.save()
    assert "Last sign-in" in client.get("/developers/").content.decode()


def test_a_code_works_once(client, mara):
    code = mara.code()
    give_password(client, mara.user.username)
    client.post(CODE, {"code": code})
    other = Client()
    give_password(other, mara.user.username)
    assert other.post(CODE, {"code": code}).status_code == 200


def test_the_code_page_alone_leads_to_the_first_page(client):
    assert client.get(CODE).url == SIGN_IN


def test_a_sign_in_that_takes_too_long_starts_again(client, mara, monkeypatch):
    give_password(client, mara.user.username)
    later = clock.now() + timedelta(minutes=16)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert client.post(CODE, {"code": mara.code()}).url == SIGN_IN


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example",
        "/sign-in/",
        "javascript:alert(1)",
        "/developers//..//",
        "\\\\evil.example",
    ],
)
@pytest.mark.req("S0-3")
def test_the_way_back_is_always_a_page_of_ours(client, mara, target):
    give_password(client, mara.user.username, next=target)
    assert client.post(CODE, {"code": mara.code()}).url.startswith("/developers/")


def test_too_many_attempts_from_one_address_are_slowed_down(client, mara):
    for _ in range(60):
        give_password(client, "nobody.here", "wrong")
    assert give_password(client, mara.user.username).status_code == 429


def test_signing_out_needs_a_post_and_ends_the_session(page):
    assert page.get("/developers/sign-out/").status_code == 405
    assert page.post("/developers/sign-out/").url == "/developers/"
    assert page.get("/developers/apps/").status_code == 303


class TestAMemberOfTheSeedWithoutAuthenticator:
    @pytest.fixture
    def fiona(self) -> User:
        return User.objects.create_user(username="fiona", password=PASSWORD)

    def test_enrols_one_on_the_first_sign_in(self, client, fiona):
        assert give_password(client, "fiona", next="/developers/company/").url == ENROL
        secret = secret_on(client.get(ENROL))
        response = client.post(ENROL, {"code": code_of(secret)})
        assert (response.status_code, response.url) == (303, "/developers/company/")
        client.post("/developers/sign-out/")
        assert give_password(client, "fiona").url == CODE

    def test_gets_no_further_with_a_wrong_code(self, client, fiona):
        give_password(client, "fiona")
        secret = secret_on(client.get(ENROL))
        assert client.post(ENROL, {"code": wrong_code(secret)}).status_code == 200
        assert client.get("/developers/apps/").status_code == 303

    @pytest.mark.req("S0-9")
    def test_cannot_do_so_in_production(self, client, fiona, settings):
        settings.SANDBOX = False
        assert give_password(client, "fiona").url == CODE
        assert client.get(ENROL).url == SIGN_IN


class TestTheSession:
    @pytest.mark.req("S1-19")
    def test_of_a_member_opens_no_page_of_a_customers(self, page):
        for name in ("portal:home", "portal:payment-new", "portal:app-list", "portal:security"):
            try:
                url = reverse(name)
            except NoReverseMatch:
                continue
            response = page.get(url)
            assert response.status_code in (302, 303, 403, 404), name

    def test_without_the_authenticator_app_does_not_open_the_console(self, client, mara):
        client.force_login(mara.user)
        assert client.get("/developers/apps/").status_code == 303

    def test_of_a_customer_does_not_open_the_console(self, client):
        psu = PSUFactory()
        device = enrol_sms_device(user=psu.user, phone_number="+4915112345678", now=NOW)
        client.force_login(psu.user)
        session = client.session
        session["otp_device_id"] = device.persistent_id
        session.save()
        assert client.get("/developers/apps/").status_code == 303
        assert "Create a developer account" in client.get("/developers/").content.decode()

    def test_ends_for_whoever_becomes_a_customer_or_leaves(self, page, mara):
        mara.user.is_active = False
        mara.user.save()
        assert page.get("/developers/apps/").status_code == 303

    def test_ends_after_five_minutes_without_an_action(self, page, monkeypatch):
        assert page.get("/developers/apps/").status_code == 200
        later = clock.now() + timedelta(seconds=settings.SESSION_IDLE_SECONDS + 1)
        monkeypatch.setattr(clock, "now", lambda: later)
        assert page.get("/developers/apps/").status_code == 303


def test_forms_are_protected_against_forgery(mara):
    browser = Client(enforce_csrf_checks=True)
    for path in (SIGN_IN, "/developers/register/", "/developers/sign-out/"):
        assert browser.post(path, {"username": mara.user.username, "password": PASSWORD}).status_code == 403


def test_two_members_do_not_share_a_count(client, mara):
    make_member("jo.tester")
    give_password(client, "jo.tester", "wrong")
    assert not AuthenticationState.objects.filter(user=mara.user, consecutive_failures__gt=0).exists()
