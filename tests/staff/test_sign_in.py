"""Staff come in with two elements, like customers, and nobody learns which one was wrong."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.identity.models import User
from apps.notifications.models import OutboxMessage
from apps.sca.models import AuthenticationState, Challenge
from apps.sca.services import recompute_code
from apps.web import idle
from tests.factories.accounts import customer
from tests.factories.identity import PASSWORD as CUSTOMER_PASSWORD
from tests.staff.world import PASSWORD, member_of_staff, signed_in

pytestmark = pytest.mark.django_db


def send_password(client: Client, user_id: str, password: str = PASSWORD, **more: str):
    return client.post("/staff/login/", {"user_id": user_id, "password": password, **more})


def send_code(client: Client, code: str):
    return client.post("/staff/login/code/", {"code": code})


def right_code() -> str:
    return recompute_code(challenge=Challenge.objects.latest("generated_at"))


def wrong_code() -> str:
    return str((int(right_code()) + 1) % 10**6).zfill(6)


@pytest.mark.req("S0-8")
def test_password_and_code_open_the_door(client, rita):
    assert send_password(client, "rita")["Location"] == "/staff/login/code/"
    assert client.get("/staff/")["Location"].startswith("/staff/login/"), "a password alone opens nothing"
    assert client.get("/staff/login/code/").status_code == 200
    response = send_code(client, right_code())
    assert response.status_code == 303
    assert response["Location"] == "/staff/"
    assert client.get("/staff/").status_code == 200


def test_the_sign_in_leads_back_to_the_page_that_was_asked_for(client, rita):
    asked = "/staff/tpp/tpp/?status__exact=blocked"
    login_page = client.get(asked)["Location"]
    assert "next=" in login_page
    page = client.get(login_page).content.decode()
    assert "/staff/tpp/tpp/?status__exact=blocked" in page
    send_password(client, "rita", next=asked)
    assert send_code(client, right_code())["Location"] == asked


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "/home/", "/staff/login/", "javascript:x"],
)
def test_it_leads_nowhere_else(client, rita, target):
    send_password(client, "rita", next=target)
    assert send_code(client, right_code())["Location"] == "/staff/"


@pytest.mark.req("S1-4")
def test_a_wrong_password_an_unknown_user_and_a_customer_all_look_alike(client, rita):
    anna = customer("Anna")
    pages = set()
    for user_id, password in (
        ("rita", "wrong"),
        ("nobody", "wrong"),
        (anna.user.username, CUSTOMER_PASSWORD),
        ("rita", PASSWORD),
    ):
        visitor = Client()
        response = send_password(visitor, user_id, password)
        assert (response.status_code, response["Location"]) == (303, "/staff/login/code/")
        text = visitor.get("/staff/login/code/").content.decode()
        pages.add(text.split("<h1")[1].split("csrfmiddlewaretoken")[0])
    assert len(pages) == 1
    assert OutboxMessage.objects.filter(topic="sca.send_code").count() == 1, "and only Rita's phone rings"


def test_a_customers_right_password_opens_nothing_here(client, rita):
    anna = customer("Anna")
    send_password(client, anna.user.username, CUSTOMER_PASSWORD)
    challenge = Challenge.objects.latest("generated_at")
    assert challenge.user is None
    assert send_code(client, recompute_code(challenge=challenge)).status_code == 422
    assert client.get("/staff/").status_code == 302


def test_a_code_for_another_door_opens_nothing_here(client, rita):
    from apps.sca.rules import Purpose
    from apps.sca.services import send_code as make_code

    send_password(client, "rita")
    other = make_code(
        user=rita, purpose=Purpose.SIGN_IN, snapshot={"sign_in_id": "portal"}, now=timezone.now()
    )
    session = client.session
    session["staff.sign_in"] = {**session["staff.sign_in"], "challenge_id": str(other)}
    session.save()
    code = recompute_code(challenge=Challenge.objects.get(pk=other))
    assert send_code(client, code).status_code == 422
    assert client.get("/staff/").status_code == 302


@pytest.mark.req("S1-5")
def test_five_wrong_codes_end_the_attempt_and_pause_the_log_in(client, rita):
    send_password(client, "rita")
    code, wrong = right_code(), wrong_code()
    for _ in range(4):
        assert send_code(client, wrong).status_code == 422
    assert send_code(client, wrong)["Location"] == "/staff/login/"
    assert send_code(client, code)["Location"] == "/staff/login/"
    assert AuthenticationState.objects.get(user=rita).blocked_until is not None
    assert client.get("/staff/").status_code == 302


def test_a_decoy_ends_after_five_codes_too(client, rita):
    send_password(client, "nobody", "wrong")
    for _ in range(4):
        assert send_code(client, "123456").status_code == 422
    assert send_code(client, "123456")["Location"] == "/staff/login/"


def test_digits_of_other_scripts_are_no_code_and_count_nothing(client, rita):
    send_password(client, "rita")
    assert send_code(client, "١٢٣٤٥٦").status_code == 422
    assert Challenge.objects.latest("generated_at").attempts == 0
    assert send_code(client, f" {right_code()[:3]} {right_code()[3:]} ").status_code == 303


def test_a_code_works_once(client, rita):
    send_password(client, "rita")
    code = right_code()
    session = dict(client.session.items())
    assert send_code(client, code).status_code == 303
    second = Client()
    copied = second.session
    copied.update(session)
    copied.save()
    assert send_code(second, code).status_code in (303, 422)
    assert second.get("/staff/").status_code == 302


def test_an_old_code_is_refused(client, rita):
    send_password(client, "rita")
    code = right_code()
    Challenge.objects.update(
        generated_at=timezone.now() - timedelta(minutes=20), expires_at=timezone.now() - timedelta(minutes=8)
    )
    assert send_code(client, code)["Location"] == "/staff/login/"
    assert client.get("/staff/").status_code == 302


def test_somebody_who_left_meanwhile_does_not_come_in(client, rita):
    send_password(client, "rita")
    code = right_code()
    User.objects.filter(pk=rita.pk).update(is_active=False)
    assert send_code(client, code).status_code == 422
    assert client.get("/staff/").status_code == 302


def test_the_session_gets_a_new_key_and_forgets_a_customers(client, rita):
    anna = customer("Anna")
    client.force_login(anna.user)
    session = client.session
    session["something of Anna's"] = "secret"
    session.save()
    before = client.session.session_key
    send_password(client, "rita")
    send_code(client, right_code())
    assert client.session.session_key != before
    assert "something of Anna's" not in client.session
    assert client.session["_auth_user_id"] == str(rita.pk)


def test_the_sign_in_is_in_the_trail_and_the_last_one_is_kept(client, rita):
    send_password(client, "rita")
    send_code(client, right_code())
    assert AuditEvent.objects.filter(event="sca.challenge.used", actor_id=str(rita.pk)).exists()
    rita.refresh_from_db()
    assert rita.last_login is not None


def test_signing_out_takes_a_post(client, rita):
    client = signed_in(rita)
    assert client.get("/staff/logout/").status_code == 405
    assert client.get("/staff/").status_code == 200
    assert client.post("/staff/logout/")["Location"] == "/staff/login/"
    assert client.get("/staff/").status_code == 302


@pytest.mark.req("S1-11")
def test_five_minutes_without_an_action_end_the_session(rita):
    client = signed_in(rita)
    assert client.get("/staff/").status_code == 200
    session = client.session
    session[idle.SESSION_KEY] = (timezone.now() - timedelta(seconds=301)).isoformat()
    session.save()
    assert client.get("/staff/")["Location"].startswith("/staff/login/")


def test_forms_need_their_token(rita):
    strict = Client(enforce_csrf_checks=True)
    assert strict.post("/staff/login/", {"user_id": "rita", "password": PASSWORD}).status_code == 403
    assert strict.post("/staff/login/code/", {"code": "123456"}).status_code == 403


def test_guessing_from_one_address_is_slowed_down(client, rita, monkeypatch):
    monkeypatch.setattr("apps.staff.views.sign_in._PASSWORDS_PER_ADDRESS", 2)
    answers = [send_password(client, f"nobody{number}", "wrong").status_code for number in range(3)]
    assert answers == [303, 303, 429]


@pytest.mark.parametrize(
    "form", [{}, {"user_id": ""}, {"user_id": "a\x00b", "password": "x"}, {"password": "x"}]
)
def test_half_a_form_is_told_what_is_missing(client, form):
    response = client.post("/staff/login/", form)
    assert response.status_code == 200
    assert "Please check your entries" in response.content.decode()


def test_staff_signed_in_with_a_password_only_are_strangers(rita):
    assert signed_in(rita, verified=False).get("/staff/").status_code == 302


@pytest.mark.req("S1-19")
def test_an_authenticator_app_opens_the_console_and_not_this_door(rita):
    from django_otp import DEVICE_ID_SESSION_KEY
    from django_otp.oath import TOTP

    from apps.sca.services import enrol_authenticator, make_authenticator_secret

    secret = make_authenticator_secret()
    device = enrol_authenticator(
        user=rita, secret=secret, code=f"{TOTP(secret).token():06d}", now=timezone.now()
    )
    client = signed_in(rita)
    session = client.session
    session[DEVICE_ID_SESSION_KEY] = device.persistent_id
    session.save()
    assert client.get("/staff/").status_code == 302


def test_another_member_of_staff_has_another_phone(client, rita):
    member_of_staff("sami", phone="+4917139200012")
    send_password(client, "sami")
    assert Challenge.objects.latest("generated_at").user == User.objects.get(username="sami")
