"""Developers who sign up themselves."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth.hashers import make_password

from apps.audit.models import AuditEvent
from apps.core.errors import NotFound
from apps.identity import services
from apps.identity.models import PSU, User
from apps.identity.queries import get_member
from apps.identity.rules import InvalidUsername, check_member_username

NOW = datetime(2026, 11, 21, 18, 5, tzinfo=UTC)


def register(username: str = "mara.finanzblick") -> User:
    return services.register_member(
        username=username,
        password_hash=make_password("a-long-password-2026"),
        email="mara@finanzblick.example",
        language="de",
        now=NOW,
    )


@pytest.mark.django_db
def test_a_developer_is_neither_customer_nor_staff():
    user = register()
    assert not user.is_staff
    assert not PSU.objects.exists()
    assert user.check_password("a-long-password-2026")
    assert get_member(user_id=user.pk) == user
    assert AuditEvent.objects.filter(event="identity.member.registered", object_id=str(user.pk)).exists()


@pytest.mark.django_db
def test_a_user_id_is_taken_whatever_its_case():
    User.objects.create_user(username="Mara.Finanzblick", password="a-long-password-2026")
    with pytest.raises(services.UsernameTaken):
        register("mara.finanzblick")


@pytest.mark.parametrize("text", ["mara.finanzblick", "m-1234", "Mara@Finanzblick.example", " a_b1c "])
def test_user_ids_of_developers(text):
    assert check_member_username(text) == text.strip().lower()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "anna",
        "mara+1",
        ".mara",
        "mara.",
        "a.b",
        "mara finanz.blick",
        "mära.f",
        "mara.f\n.",
        "m" * 64 + ".a",
        "m.\u0131abc",
    ],
)
def test_what_could_be_a_customers_user_id_or_is_none_is_refused(text):
    with pytest.raises(InvalidUsername):
        check_member_username(text)


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["customer", "staff", "inactive"])
def test_others_are_no_members(kind):
    user = User.objects.create_user(username=kind, is_staff=kind == "staff", is_active=kind != "inactive")
    if kind == "customer":
        PSU.objects.create(user=user, first_name="Anna")
    with pytest.raises(NotFound):
        get_member(user_id=user.pk)
