"""Registering a TPP: at once in the sandbox, never by a form elsewhere."""

import pytest

from apps.tpp.models import TPP, TPPMember
from tests.console.kit import make_company, make_member

pytestmark = pytest.mark.django_db

NEW = "/developers/company/new/"
FORM = {
    "legal_name": "Finanzblick GmbH",
    "brand_name": "Finanzblick",
    "authorisation_number": "PSDDE-BAFIN-150001",
    "authority_name": "BaFin",
    "country": "DE",
    "roles": ["AISP", "PISP"],
    "contact_email": "api@finanzblick.example",
}


@pytest.mark.req("N2", "S0-20")
def test_a_company_is_active_with_its_roles_at_once(page, mara):
    response = page.post(NEW, FORM)
    assert (response.status_code, response.url) == (303, "/developers/")
    tpp = TPP.objects.get()
    assert (tpp.status, tpp.roles, tpp.country) == ("active", ["AISP", "PISP"], "DE")
    assert TPPMember.objects.get().user == mara.user


def test_the_page_says_what_will_replace_the_form(page):
    assert "eIDAS certificate" in page.get(NEW).content.decode()


@pytest.mark.req("N2")
def test_in_production_no_form_grants_a_role(page, settings):
    settings.SANDBOX = False
    assert "<form" not in page.get(NEW).content.decode().split("<main")[1].split("<footer")[0]
    assert page.post(NEW, FORM).status_code == 403
    assert not TPP.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("legal_name", ""),
        ("legal_name", "Finanz\u202eblick"),
        ("brand_name", "a\u0301\u0301\u0301\u0301"),
        ("brand_name", "Finanzblick\nGmbH"),
        ("authorisation_number", "150001"),
        ("authorisation_number", "PSDDE-BAFIN-15\n0001"),
        ("authorisation_number", "PSDDE-BAFIN-<b>"),
        ("country", "FR"),
        ("country", "XX"),
        ("roles", ["AISP", "ASPSP"]),
        ("roles", []),
        ("contact_email", "nobody"),
    ],
)
def test_what_cannot_be_registered_is_said_at_its_field(page, field, value):
    response = page.post(NEW, FORM | {field: value})
    assert response.status_code == 200
    assert field in response.context["form"].errors
    assert not TPP.objects.exists()


def test_a_number_is_registered_once(page, mara):
    make_company(make_member("jo.tester"), authorisation_number=FORM["authorisation_number"])
    response = page.post(NEW, FORM)
    assert "registered under this number" in str(response.context["form"].errors["authorisation_number"])


def test_the_page_shows_company_roles_and_members(page, company):
    html = page.get("/developers/company/").content.decode()
    for words in (company.legal_name, company.authorisation_number, "AISP", "mara.finanzblick", "(you)"):
        assert words in html


def test_names_are_shown_as_text(page, mara):
    make_company(mara, brand_name="<b>x</b>", legal_name="<script>alert(1)</script>")
    html = page.get("/developers/company/").content.decode()
    assert "<script>alert" not in html
    assert "<b>x" not in html


def test_country_names_follow_the_language(page, mara):
    mara.user.language = "de"
    mara.user.save()
    assert "Österreich" in page.get(NEW).content.decode()
