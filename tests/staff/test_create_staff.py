import io

import pytest
from django.core.management import CommandError, call_command

from apps.identity.models import User
from apps.sca.queries import get_sms_device

pytestmark = pytest.mark.django_db
GOOD = "ein gutes Passwort 17"


def create(monkeypatch, *arguments: str, password: str = GOOD) -> str:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
    out = io.StringIO()
    call_command("create_staff", *arguments, "--password-stdin", stdout=out)
    return out.getvalue()


def test_somebody_new_gets_a_log_in_a_phone_and_roles(monkeypatch):
    create(monkeypatch, "rita", "--mobile", "+491701234567", "--role", "Operations", "--first-name", "Rita")
    rita = User.objects.get(username="rita")
    assert rita.is_staff
    assert not rita.is_superuser
    assert rita.check_password(GOOD)
    assert rita.has_perm("notifications.change_outboxmessage")
    assert not rita.has_perm("tpp.change_tpp")
    device = get_sms_device(user_id=rita.pk)
    assert device is not None
    assert device.phone_number == "+491701234567"


@pytest.mark.parametrize(
    ("arguments", "password", "words"),
    [
        (["rita"], GOOD, "--mobile"),
        (["--mobile", "+491701234567"], GOOD, "user ID"),
        (["rita", "--mobile", "0170 1234567"], GOOD, "form"),
        (["rita", "--mobile", "+491701234567"], "short", "too short"),
    ],
)
def test_what_is_missing_or_wrong_is_told_and_nothing_is_made(monkeypatch, arguments, password, words):
    with pytest.raises(CommandError, match=words):
        create(monkeypatch, *arguments, password=password)
    assert not User.objects.exists()


def test_a_user_id_is_given_once(monkeypatch):
    create(monkeypatch, "rita", "--mobile", "+491701234567")
    with pytest.raises(CommandError, match="somebody has"):
        create(monkeypatch, "RITA", "--mobile", "+491701234568")


def test_the_roles_alone_can_be_brought_up_to_date():
    from django.contrib.auth.models import Group

    call_command("create_staff", "--roles-only", stdout=io.StringIO())
    assert Group.objects.get(name="Audit").permissions.filter(codename="view_auditevent").exists()
