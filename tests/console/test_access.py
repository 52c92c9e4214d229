"""Who sees what: strangers are asked to sign in, members find what is theirs, everything else is missing."""

from uuid import uuid4

import pytest
from django.test import Client

from apps.tpp.models import AppKey
from tests.console.kit import make_app, make_company, make_member

pytestmark = pytest.mark.django_db

MEMBERS_ONLY = ("company/", "company/new/", "apps/", "apps/new/", "first-call/")
OF_AN_APP = ("", "redirect-uris/", "keys/new/", "keys/{key}/retire/", "first-call/")
PUBLIC = (
    *("", "register/", "sign-in/", "reference/", "errors/", "errors/FORMAT_ERROR/", "errors/invalid_client/"),
    "callback/?code=abc&state=s&iss=x",
)


@pytest.mark.parametrize("path", PUBLIC)
def test_public_pages(client, path):
    response = client.get(f"/developers/{path}")
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]


@pytest.mark.parametrize("path", MEMBERS_ONLY)
def test_strangers_are_asked_to_sign_in(client, path):
    for response in (client.get(f"/developers/{path}"), client.post(f"/developers/{path}")):
        assert response.status_code in (303, 405)
        if response.status_code == 303:
            assert response.url.startswith("/developers/sign-in/")


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("path", OF_AN_APP)
def test_another_companys_app_is_as_missing_as_one_that_never_was(page, company, path, method):
    """The page that is not theirs must not differ from the page of nothing, whatever the verb."""
    other = make_app(make_company(make_member("jo.tester")))
    key = other.keys.get()
    seen = []
    for app_id in (other.pk, uuid4()):
        url = f"/developers/apps/{app_id}/{path.format(key=key.pk)}"
        data = {"redirect_uris": "https://evil.example/", "public_key": "{}"} if method == "post" else None
        response = getattr(page, method)(url, data)
        seen.append((response.status_code, response.content.decode().count("cannot find this page")))
    assert seen[0] == seen[1]
    assert seen[0][0] in (404, 405)
    other.refresh_from_db()
    assert other.redirect_uris != ["https://evil.example/"]
    assert other.keys.filter(status="active").count() == 1


def test_another_apps_key_is_missing_under_ones_own_app(page, app):
    other = make_app(make_company(make_member("jo.tester")))
    key = other.keys.get()
    url = f"/developers/apps/{app.pk}/keys/{key.pk}/retire/"
    assert page.get(url).status_code == 404
    assert page.post(url).status_code == 404
    assert AppKey.objects.get(pk=key.pk).status == "active"


@pytest.mark.parametrize("path", OF_AN_APP)
def test_strangers_learn_nothing_about_apps(client, app, path):
    key = app.keys.get()
    for app_id in (app.pk, uuid4()):
        response = client.get(f"/developers/apps/{app_id}/{path.format(key=key.pk)}")
        assert response.status_code == 303


def test_lists_hold_only_ones_own(page, app):
    other = make_app(make_company(make_member("jo.tester"), brand_name="Fremdfirma"), name="Fremde App")
    for path in ("", "apps/", "company/", "first-call/"):
        html = page.get(f"/developers/{path}", follow=True).content.decode()
        assert other.name not in html
        assert "Fremdfirma" not in html
        assert other.client_id not in html


@pytest.mark.parametrize(
    "path", ["apps/1/", "apps/not-a-uuid/", "errors/NOPE/", "errors/format_error/", "nowhere/"]
)
def test_nonsense_is_not_found(page, path):
    assert page.get(f"/developers/{path}").status_code == 404


@pytest.mark.parametrize("method", ["put", "delete", "patch"])
def test_other_methods_are_refused(page, app, method):
    for path in ("", "apps/", f"apps/{app.pk}/", f"apps/{app.pk}/keys/new/"):
        assert getattr(page, method)(f"/developers/{path}").status_code == 405


def test_pages_of_a_member_are_never_stored(page, app):
    response = page.get(f"/developers/apps/{app.pk}/")
    assert response["Cache-Control"] == "no-store"
    assert "default-src 'none'" in response["Content-Security-Policy"]


def test_two_browsers_of_two_members_stay_apart(mara, app):
    jo = make_member("jo.tester")
    assert jo.sign_in(Client()).get(f"/developers/apps/{app.pk}/").status_code == 404
    assert mara.sign_in(Client()).get(f"/developers/apps/{app.pk}/").status_code == 200
