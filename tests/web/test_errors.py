from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.test import Client, RequestFactory

from apps.web import errors

pytestmark = pytest.mark.urls("tests.web.pages")


def render_stub(request: HttpRequest, *, status: int) -> HttpResponse:
    return JsonResponse({"status": status}, status=status)


class TestPages:
    @pytest.mark.parametrize(("path", "status"), [("/suspect/", 400), ("/forbid/", 403), ("/nowhere/", 404)])
    def test_say_what_happened_and_lead_back(self, client: Client, path: str, status: int) -> None:
        response = client.get(path)
        body = response.content.decode()
        assert response.status_code == status
        assert response["X-Request-ID"] in body
        assert 'href="/home/"' in body

    def test_lead_a_developer_back_to_the_console(self, client: Client) -> None:
        assert 'href="/developers/"' in client.get("/developers/nowhere/").content.decode()

    def test_a_form_without_its_token_is_explained(self) -> None:
        response = Client(enforce_csrf_checks=True).post("/form/")
        assert response.status_code == 403
        assert "Nothing was sent" in response.content.decode()

    def test_render_while_the_database_is_away(
        self, rf: RequestFactory, monkeypatch: pytest.MonkeyPatch
    ) -> None:  # No db fixture: any query would fail here.
        def unreachable() -> None:
            raise ConnectionError

        monkeypatch.setattr("apps.core.clock.now", unreachable)
        response = errors.server_error(rf.get("/home/"))
        assert response.status_code == 500
        assert b"Something went wrong on our side" in response.content

    def test_a_broken_error_page_falls_back_to_plain_words(
        self, rf: RequestFactory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*args: Any, **kwargs: Any) -> None:
            raise RuntimeError

        monkeypatch.setattr(errors, "render", broken)
        request = rf.get("/")
        request.request_id = "<id>"  # type: ignore[attr-defined]
        response = errors.server_error(request)
        assert response.status_code == 500
        assert b"&lt;id&gt;" in response.content


class TestJSONDoors:
    @pytest.fixture(autouse=True)
    def _door(self, settings: Any) -> None:
        settings.WEB_ERROR_RENDERERS = {"/door/": "tests.web.test_errors.render_stub"}

    def test_keep_their_format_where_no_view_was_reached(self, client: Client) -> None:
        assert client.get("/door/nowhere").json() == {"status": 404}

    def test_keep_their_format_when_the_server_fails(self, client: Client) -> None:
        client.raise_request_exception = False
        assert client.get("/door/crash/").json() == {"status": 500}

    def test_other_paths_get_pages(self, client: Client) -> None:
        assert client.get("/other/nowhere")["Content-Type"].startswith("text/html")
