"""The statement of fees at the staff's door."""

import pytest

from apps.audit.models import AuditEvent
from apps.identity.rules import StaffRole
from tests.staff.world import member_of_staff, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.req("PAD-5")]


def test_is_found_from_the_account_and_downloaded(world):
    client = signed_in(member_of_staff("carl", roles=(StaffRole.CUSTOMER_SERVICE,)))
    path = f"/staff/accounts/{world.anna.account.pk}/fees/"
    assert path in client.get(f"/staff/accounts/paymentaccount/{world.anna.account.pk}/").content.decode()
    assert '<option value="2026">' in client.get(path).content.decode()
    file = client.get(f"{path}file/", {"year": "2026", "format": "pdf"})
    assert (file.status_code, file["Content-Type"]) == (200, "application/pdf")
    assert "statement-of-fees-" in file["Content-Disposition"]
    assert b"".join(file.streaming_content).startswith(b"%PDF-1.")
    event = AuditEvent.objects.get(event="statements.fees.fetched")
    assert (event.actor_type, event.object_id) == ("staff", str(world.anna.account.pk))


@pytest.mark.parametrize(
    "wanted",
    [
        {"year": "2023", "format": "pdf"},
        {"year": "2999", "format": "pdf"},
        {"year": "0", "format": "pdf"},
        {"year": "99999999", "format": "pdf"},
        {"year": "٢٠٢٦", "format": "pdf"},
        {"year": "x", "format": "csv"},
        {"year": "2026", "format": "mt940"},
        {},
    ],
)
def test_what_there_is_not_is_not_found(world, wanted):
    client = signed_in(member_of_staff("carl", roles=(StaffRole.CUSTOMER_SERVICE,)))
    assert client.get(f"/staff/accounts/{world.anna.account.pk}/fees/file/", wanted).status_code == 404


def test_other_roles_get_none(world):
    client = signed_in(member_of_staff("kai", roles=(StaffRole.COMPLIANCE,)))
    path = f"/staff/accounts/{world.anna.account.pk}/fees/"
    assert client.get(path).status_code == client.get(f"{path}file/?year=2026&format=pdf").status_code == 403
