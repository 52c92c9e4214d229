"""Apps and their redirect URIs."""

import pytest
from django.test import Client

from apps.tpp.models import App
from apps.tpp.services import block_tpp, suspend_app
from tests.console.kit import NOW, make_company, make_member

pytestmark = pytest.mark.django_db

NEW = "/developers/apps/new/"


def form_of(company, **more) -> dict[str, str]:
    return {
        "tpp": str(company.pk),
        "name": "Web",
        "redirect_uris": "https://finanzblick.example/callback",
    } | more


def test_an_app_gets_its_client_id_and_the_next_page_asks_for_a_key(page, company):
    response = page.post(NEW, form_of(company))
    app = App.objects.get()
    assert response.url == f"/developers/apps/{app.pk}/keys/new/"
    assert len(app.client_id) >= 24
    assert app.redirect_uris == ["https://finanzblick.example/callback"]


def test_the_sandbox_fills_in_the_developers_own_machine_and_our_answer_page(page, company):
    initial = page.get(NEW).context["form"]["redirect_uris"].value().splitlines()
    assert initial == ["http://localhost:8000/callback", "http://localhost:8000/developers/callback/"]


def test_production_fills_in_nothing_and_takes_no_http(page, company, settings):
    settings.SANDBOX = False
    assert page.get(NEW).context["form"]["redirect_uris"].value() == ""
    response = page.post(NEW, form_of(company, redirect_uris="http://localhost:8000/callback"))
    assert "redirect_uris" in response.context["form"].errors


def test_without_a_company_there_is_no_app(page):
    assert page.get(NEW).url == "/developers/company/new/"


def test_several_addresses_one_on_each_line(page, app):
    uris = [
        "https://a.example/cb",
        "https://b.example/cb?x=1",
        "http://localhost:8000/callback",
        "http://[::1]:9/cb",
    ]
    text = "\r\n".join(["", uris[0], "  " + uris[1] + " ", uris[0], *uris[2:], ""])
    response = page.post(f"/developers/apps/{app.pk}/redirect-uris/", {"redirect_uris": text})
    assert response.status_code == 303
    app.refresh_from_db()
    assert app.redirect_uris == uris


BAD = {
    "http://finanzblick.example/callback": "https://",
    "https://finanzblick.example/callback#top": "after #",
    "https://finanzblick.example/callback#": "after #",
    "https://user:secret@finanzblick.example/": "user name",
    "https://finanzblick.example@evil.example/": "user name",
    "https://*.finanzblick.example/": "characters",
    "https://finanzblick.example\\@evil.example/": "characters",
    "https://finanzblick.example/\tx": "characters",
    "https://finanzblick.example/\rSet-Cookie:x": "characters",
    "https://finanzblick.example/ x": "characters",
    "https://fïnanzblick.example/": "characters",
    "https://finanzblick.example/\u202ecb": "characters",
    "https://finanzblick.example/<script>": "characters",
    "https://finanzblick.example/" + "a" * 480: "too long",
    "https://finanzblick.example:99999/": "not an address",
    "https://[::1/": "not an address",
    "https:///callback": "no host",
    "https:callback": "no host",
    "javascript:alert(1)": "no host",
    "javascript://finanzblick.example/%0aalert(1)": "https://",
    "data:text/html,x": "no host",
    "//finanzblick.example/": "https://",
    "callback": "no host",
    "ftp://finanzblick.example/": "https://",
    "com.finanzblick://callback": "https://",
    "http://localhost.evil.example/": "https://",
    "http://127.0.0.2/": "https://",
    "http://0.0.0.0:8000/": "https://",
}


@pytest.mark.req("S0-3")
@pytest.mark.parametrize(("address", "words"), BAD.items())
def test_what_cannot_be_a_redirect_uri_is_named_with_its_line(page, app, address, words):
    before = app.redirect_uris
    text = f"https://good.example/cb\n{address}"
    response = page.post(f"/developers/apps/{app.pk}/redirect-uris/", {"redirect_uris": text})
    assert response.status_code == 200
    (error,) = response.context["form"].errors["redirect_uris"]
    assert error.startswith("Line 2, ")
    assert words in error
    app.refresh_from_db()
    assert app.redirect_uris == before


def test_every_bad_line_is_named(page, app):
    text = "ftp://a.example/\n\nhttps://good.example/\njavascript:x"
    response = page.post(f"/developers/apps/{app.pk}/redirect-uris/", {"redirect_uris": text})
    errors = response.context["form"].errors["redirect_uris"]
    assert [error.split(",")[0] for error in errors] == ["Line 1", "Line 4"]


def test_none_and_too_many_addresses_are_refused(page, app):
    for text in ("", " \n ", "\n".join(f"https://a.example/{number}" for number in range(21))):
        response = page.post(f"/developers/apps/{app.pk}/redirect-uris/", {"redirect_uris": text})
        assert response.status_code == 200
        assert response.context["form"].errors["redirect_uris"]


@pytest.mark.parametrize("name", ["", "x" * 71, "Finanz\u200bblick", "a\tb"])
def test_names_that_cannot_be_shown_are_refused(page, company, name):
    response = page.post(NEW, form_of(company, name=name))
    assert "name" in response.context["form"].errors


def test_a_name_is_used_once_in_a_company(page, app):
    response = page.post(NEW, form_of(app.tpp, name=app.name))
    assert "app of this name" in str(response.context["form"].errors["name"])


def test_with_two_companies_one_is_chosen(page, mara, company):
    second = make_company(mara, brand_name="Zweitmarke")
    assert "Zweitmarke" in page.get(NEW).content.decode()
    page.post(NEW, form_of(second))
    assert App.objects.get().tpp == second


def test_another_companys_app_cannot_be_registered(page, company):
    other = make_company(make_member("jo.tester"))
    response = page.post(NEW, form_of(other))
    assert "tpp" in response.context["form"].errors
    assert not App.objects.exists()


def test_the_page_of_an_app_shows_what_its_program_needs(page, app):
    html = page.get(f"/developers/apps/{app.pk}/").content.decode()
    for words in (app.client_id, app.redirect_uris[0], "key-1", "CLIENT_ID=", "ISSUER=", "Active"):
        assert words in html


class TestABlockedCompany:
    @pytest.fixture(autouse=True)
    def _blocked(self, app, company, mara):
        block_tpp(tpp_id=company.pk, reason="Licence withdrawn", staff_id=mara.user.pk, now=NOW)

    def test_can_read_everything_and_sees_why(self, page, app):
        paths = [
            "",
            "company/",
            "apps/",
            f"apps/{app.pk}/",
            f"apps/{app.pk}/first-call/",
            f"apps/{app.pk}/keys/new/",
        ]
        for path in paths:
            response = page.get(f"/developers/{path}")
            assert response.status_code == 200, path
        assert "Licence withdrawn" in page.get("/developers/").content.decode()
        assert "Licence withdrawn" in page.get(f"/developers/apps/{app.pk}/").content.decode()

    def test_changes_nothing(self, page, company, app):
        from tests.console.test_keys import OTHER_JWK

        key = app.keys.get()
        requests = {
            NEW: form_of(company, name="Second"),
            f"/developers/apps/{app.pk}/redirect-uris/": {"redirect_uris": "https://other.example/"},
            f"/developers/apps/{app.pk}/keys/new/": {"public_key": OTHER_JWK},
            f"/developers/apps/{app.pk}/keys/{key.pk}/retire/": {},
        }
        for path, data in requests.items():
            response = page.post(path, data)
            assert response.status_code == 200, path
            assert "has blocked your company, so nothing of it can be changed" in response.content.decode(), (
                path
            )
        app.refresh_from_db()
        assert App.objects.count() == 1
        assert app.keys.filter(status="active").count() == 1
        assert app.redirect_uris != ["https://other.example/"]


def test_a_suspended_app_says_so(page, app, mara):
    suspend_app(app_id=app.pk, suspended=True, staff_id=mara.user.pk, reason="tests", now=NOW)
    assert "has suspended this app" in page.get(f"/developers/apps/{app.pk}/").content.decode()
    assert "Suspended" in page.get("/developers/apps/").content.decode()


def test_changes_are_protected_against_forgery(mara, app):
    browser = mara.sign_in(Client(enforce_csrf_checks=True))
    key = app.keys.get()
    for path in ("redirect-uris/", "keys/new/", f"keys/{key.pk}/retire/"):
        assert browser.post(f"/developers/apps/{app.pk}/{path}").status_code == 403
    assert browser.post(NEW).status_code == 403
