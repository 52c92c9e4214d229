"""The queue of sanctions hits at the staff's door: who may decide, and what follows."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.identity.models import User
from apps.identity.rules import StaffRole
from apps.screening.models import ScreeningHit, ScreeningRun
from tests.staff.world import member_of_staff, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.req("IPR-5d(1)")]
FORM = {"reason": "Date of birth compared with the passport", "is_confirmed": "on"}


@pytest.fixture
def compliance(world):
    return signed_in(member_of_staff("kai", roles=(StaffRole.COMPLIANCE,)))


def test_the_queue_shows_customer_entry_and_likeness(world, compliance):
    page = compliance.get("/staff/screening/screeninghit/?status__exact=open").content.decode()
    assert "Anna Schneider" in page
    row = compliance.get(f"/staff/screening/screeninghit/{world.hit.pk}/").content.decode()
    for text in ("EU.1.1", "1970-01-31", "100", "“anna” is the same word.", "/clear/", "/confirm/"):
        assert text in row


def test_clearing_leaves_the_accounts_open_and_is_told(world, compliance):
    response = compliance.post(f"/staff/screening/{world.hit.pk}/clear/", FORM)
    assert response.status_code == 303
    world.hit.refresh_from_db()
    world.anna.account.refresh_from_db()
    assert (world.hit.status, world.anna.account.status) == ("cleared", "enabled")
    page = compliance.get(response["Location"]).content.decode()
    assert FORM["reason"] in page
    assert f"/{world.hit.pk}/confirm/" not in page


def test_confirming_blocks_the_accounts_at_once(world, compliance):
    page = compliance.get(f"/staff/screening/{world.hit.pk}/confirm/").content.decode()
    assert "1 account of the customer is blocked" in page
    compliance.post(f"/staff/screening/{world.hit.pk}/confirm/", FORM)
    world.anna.account.refresh_from_db()
    assert world.anna.account.status == "blocked"


@pytest.mark.parametrize("form", [{"reason": "", "is_confirmed": "on"}, {"reason": FORM["reason"]}])
def test_without_reason_or_confirmation_nothing_is_decided(world, compliance, form):
    assert compliance.post(f"/staff/screening/{world.hit.pk}/confirm/", form).status_code == 422
    world.hit.refresh_from_db()
    assert world.hit.status == "open"


def test_what_is_decided_is_not_decided_again(world, compliance):
    compliance.post(f"/staff/screening/{world.hit.pk}/clear/", FORM)
    response = compliance.post(f"/staff/screening/{world.hit.pk}/confirm/", FORM, follow=True)
    assert "This is not possible any more" in response.content.decode()
    assert ScreeningHit.objects.get().status == "cleared"


@pytest.mark.parametrize("role", [role for role in StaffRole if role != StaffRole.COMPLIANCE])
def test_other_roles_decide_nothing(world, role):
    client = signed_in(member_of_staff("other", roles=(role,)))
    for act in ("clear", "confirm"):
        assert client.post(f"/staff/screening/{world.hit.pk}/{act}/", FORM).status_code == 403
    assert ScreeningHit.objects.get().status == "open"


@pytest.mark.parametrize("who", ["customer", "developer"])
def test_customers_and_developers_decide_nothing(world, who):
    user = world.anna.user if who == "customer" else User.objects.create_user("fiona@example")
    client = signed_in(user, verified=who == "customer")
    response = client.post(f"/staff/screening/{world.hit.pk}/confirm/", FORM)
    assert response["Location"].startswith("/staff/login/")
    assert ScreeningHit.objects.get().status == "open"


def test_a_missed_day_is_seen_on_the_overview_and_in_health(world, compliance, client):
    ScreeningRun.objects.update(business_date=timezone.localdate())
    assert "have not been screened" not in compliance.get("/staff/").content.decode()
    assert client.get("/health/ready").json()["checks"]["screening"] == "ok"
    ScreeningRun.objects.update(business_date=timezone.localdate() - timedelta(days=2))
    assert "have not been screened" in compliance.get("/staff/").content.decode()
    health = client.get("/health/ready")
    assert (health.status_code, health.json()["checks"]["screening"]) == (200, "late")
    assert health.json()["status"] == "degraded"
