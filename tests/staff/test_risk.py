"""The staff's pages of monitoring: why a payment looks risky, the queue, the list of compromised elements."""

import pytest

from apps.bulk.models import PaymentItem
from apps.identity.rules import StaffRole
from apps.risk.models import CompromisedElement, RiskCase
from tests.bulk.files import Group, Pay, pain001
from tests.bulk.world import emil, uploaded
from tests.factories.accounts import FOREIGN_IBAN
from tests.factories.risk import case_of, listed_element
from tests.staff.world import member_of_staff, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.req("S0-12")]
FORM = {"reason": "Called the customer back", "is_confirmed": "on"}


@pytest.fixture
def compliance(world):
    return signed_in(member_of_staff("kai", roles=(StaffRole.COMPLIANCE,)))


def test_a_payments_page_says_its_score_and_why(world, compliance):
    page = compliance.get(f"/staff/payments/paymentinitiation/{world.waiting.pk}/").content.decode()
    for text in (
        "Risk",
        f"{world.waiting.risk_assessment.score} of 100",
        "Unusual device or software",
        "Unknown: the device.",
        "The payee was never paid before, or first within the last hour.",
        f"/staff/risk/riskassessment/{world.waiting.risk_assessment_id}/",
    ):
        assert text in page


def test_who_may_not_see_assessments_sees_the_level_only(world):
    client = signed_in(member_of_staff("ole", roles=(StaffRole.OPERATIONS,)))
    page = client.get(f"/staff/payments/paymentinitiation/{world.waiting.pk}/").content.decode()
    assert "Medium risk" in page or "High risk" in page or "Low risk" in page
    assert "Unknown: the device." not in page


def test_the_queue_shows_open_cases_and_closing_keeps_what_was_found(world, compliance):
    case = case_of(world.waiting)
    assert "1" in compliance.get("/staff/").content.decode()
    assert str(case.pk) in compliance.get("/staff/risk/riskcase/?status__exact=open").content.decode()
    row = compliance.get(f"/staff/risk/riskcase/{case.pk}/").content.decode()
    assert f"/staff/risk/cases/{case.pk}/close/" in row
    assert 'name="outcome"' in compliance.get(f"/staff/risk/cases/{case.pk}/close/").content.decode()
    response = compliance.post(f"/staff/risk/cases/{case.pk}/close/", FORM | {"outcome": "genuine"})
    assert response.status_code == 303
    closed = RiskCase.objects.get()
    assert (closed.status, closed.outcome, closed.decision_reason) == ("closed", "genuine", FORM["reason"])
    page = compliance.get(response["Location"]).content.decode()
    assert FORM["reason"] in page
    assert f"/staff/risk/cases/{case.pk}/close/" not in page


@pytest.mark.parametrize(
    "form",
    [FORM, FORM | {"outcome": "whatever"}, {"outcome": "fraud", "is_confirmed": "on"}],
)
def test_without_outcome_or_reason_nothing_is_closed(world, compliance, form):
    case = case_of(world.waiting)
    assert compliance.post(f"/staff/risk/cases/{case.pk}/close/", form).status_code == 422
    assert RiskCase.objects.get().status == "open"


def test_a_closed_case_is_not_closed_again(world, compliance):
    url = f"/staff/risk/cases/{case_of(world.waiting).pk}/close/"
    compliance.post(url, FORM | {"outcome": "genuine"})
    response = compliance.post(url, FORM | {"outcome": "fraud"}, follow=True)
    assert "This is not possible any more" in response.content.decode()
    assert RiskCase.objects.get().outcome == "genuine"


def test_an_account_is_put_on_the_list_and_taken_off(world, compliance):
    assert "/staff/risk/elements/list/" in compliance.get("/staff/risk/compromisedelement/").content.decode()
    form = compliance.get("/staff/risk/elements/list/").content.decode()
    assert 'name="kind"' in form
    assert 'name="value"' in form
    response = compliance.post(
        "/staff/risk/elements/list/", FORM | {"kind": "iban", "value": "DE02 1203 0000 0000 2020 51"}
    )
    assert response.status_code == 303
    element = CompromisedElement.objects.get()
    assert element.value == FOREIGN_IBAN
    page = compliance.get(f"/staff/risk/compromisedelement/{element.pk}/").content.decode()
    assert FOREIGN_IBAN in page
    assert compliance.post(f"/staff/risk/elements/{element.pk}/remove/", FORM).status_code == 303
    element.refresh_from_db()
    assert element.removed_at is not None


def test_what_is_no_iban_is_not_listed(world, compliance):
    form = FORM | {"kind": "iban", "value": "DE00 1203"}
    response = compliance.post("/staff/risk/elements/list/", form)
    assert response.status_code == 422
    assert "This is no IBAN" in response.content.decode()
    assert not CompromisedElement.objects.exists()


def test_what_is_listed_is_not_listed_again(world, compliance):
    listed_element()
    form = FORM | {"kind": "iban", "value": FOREIGN_IBAN}
    response = compliance.post("/staff/risk/elements/list/", form, follow=True)
    assert "it is on the list already" in response.content.decode()


def test_a_files_page_shows_its_riskiest_payments_and_each_payment_its_own(world, compliance):
    listed_element()
    psu = emil()
    pays = [Pay(iban="DE02500105170137075030", name="Usual Ltd"), Pay(name="Mallory Ltd")]
    file = uploaded(psu, pain001(Group(psu.account.iban, pays)))
    page = signed_in(member_of_staff("eva", roles=(StaffRole.AUDIT,), phone="+4917139200017"))
    text = page.get(f"/staff/bulk/paymentfile/{file.pk}/").content.decode()
    assert "1 of payee, network and device on the list of compromised elements." in text
    assert text.index("Mallory Ltd") < text.index("Usual Ltd")
    for name, is_listed in (("Mallory Ltd", True), ("Usual Ltd", False)):
        item = PaymentItem.objects.get(creditor_name=name)
        row = page.get(f"/staff/bulk/paymentitem/{item.pk}/").content.decode()
        assert ("on the list of compromised elements" in row) == is_listed
        assert "of 100" in row


def test_an_assessment_leads_to_its_payment(world, compliance):
    page = compliance.get(f"/staff/risk/riskassessment/{world.waiting.risk_assessment_id}/").content.decode()
    assert f"/staff/payments/paymentinitiation/{world.waiting.pk}/" in page


def test_staff_read_the_rules(world, compliance):
    page = compliance.get("/staff/risk/riskrule/").content.decode()
    assert "Percent of the largest usual amount" in page or "percent of the largest usual amount" in page


@pytest.mark.parametrize("role", [StaffRole.OPERATIONS, StaffRole.CUSTOMER_SERVICE, StaffRole.AUDIT])
def test_other_roles_close_and_list_nothing(world, role):
    client = signed_in(member_of_staff("other", roles=(role,)))
    case, element = case_of(world.waiting), listed_element()
    for path, form in (
        (f"/staff/risk/cases/{case.pk}/close/", FORM | {"outcome": "genuine"}),
        ("/staff/risk/elements/list/", FORM | {"kind": "network", "value": "192.0.2.1"}),
        (f"/staff/risk/elements/{element.pk}/remove/", FORM),
    ):
        assert client.post(path, form).status_code == 403
    assert RiskCase.objects.get().status == "open"
    assert CompromisedElement.objects.get().removed_at is None
