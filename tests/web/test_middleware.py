from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client, RequestFactory

from apps.core import clock, request_context
from apps.identity.models import User
from apps.web.middleware import accept_request_id, session_pseudonym

pytestmark = pytest.mark.urls("tests.web.pages")

UUID = "99391c7e-ad88-49ec-a2ad-99ddcb1f7721"


class BankClock:
    """A bank clock that a test moves."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 21, 17, 5, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def advance(self, **duration: int) -> None:
        self.time += timedelta(**duration)


@pytest.fixture
def bank_clock(monkeypatch: pytest.MonkeyPatch) -> BankClock:
    bank_clock = BankClock()
    monkeypatch.setattr(clock, "now", bank_clock)
    return bank_clock


@pytest.fixture
def anna(db: Any) -> User:
    return User.objects.create_user(username="anna", password="linden-anna-2026")


@pytest.fixture
def signed_in(client: Client, anna: User, bank_clock: BankClock) -> Client:
    client.force_login(anna)
    client.get("/session/")
    return client


class TestRequestID:
    @pytest.mark.parametrize("path", ["/health/live", "/nowhere/", "/forbid/", "/suspect/"])
    def test_is_echoed_on_every_answer(self, client: Client, path: str) -> None:
        assert client.get(path, headers={"X-Request-ID": UUID})["X-Request-ID"] == UUID

    def test_is_echoed_when_the_server_fails(self, client: Client) -> None:
        client.raise_request_exception = False
        response = client.get("/crash/", headers={"X-Request-ID": UUID})
        assert (response.status_code, response["X-Request-ID"]) == (500, UUID)
        assert UUID in response.content.decode()

    @pytest.mark.parametrize(
        "text",
        ["", "abc", UUID + "\r\nX: y", "{" + UUID + "}", "urn:uuid:" + UUID, UUID.replace("-", ""), "٩" * 32],
    )
    def test_anything_but_a_uuid_is_replaced(self, text: str) -> None:
        assert accept_request_id(text) != text

    def test_reaches_audit_and_logs(self, client: Client) -> None:
        client.get("/health/live", headers={"X-Request-ID": UUID})
        assert request_context.request_id.get() == UUID

    def test_the_session_is_known_by_a_pseudonym_only(self, rf: RequestFactory) -> None:
        from django.conf import settings

        request = rf.get("/")
        assert session_pseudonym(request) == "-"
        request.COOKIES[settings.SESSION_COOKIE_NAME] = "secretsessionkey"
        assert session_pseudonym(request) not in ("-", "secretsessionkey")


class TestSecurityHeaders:
    @pytest.mark.parametrize("path", ["/form/", "/nowhere/", "/health/live"])
    def test_hold_on_every_dynamic_answer(self, client: Client, path: str) -> None:
        response = client.get(path)
        assert response["Cache-Control"] == "no-store"
        assert "camera=()" in response["Permissions-Policy"]
        assert response["Referrer-Policy"] == "same-origin"
        assert response["Cross-Origin-Opener-Policy"] == "same-origin"
        assert response["X-Frame-Options"] == "DENY"
        assert response["X-Content-Type-Options"] == "nosniff"

    def test_a_view_may_allow_caching(self, client: Client) -> None:
        assert client.get("/cacheable/")["Cache-Control"] == "public, max-age=60"


@pytest.mark.req("S1-11", "RTS-4(3)(d)")
class TestIdleLogout:
    def test_five_minutes_without_an_action_end_the_session(
        self, signed_in: Client, bank_clock: BankClock
    ) -> None:
        bank_clock.advance(seconds=300)
        response = signed_in.get("/home/")
        assert not response.wsgi_request.user.is_authenticated
        assert "You did nothing for a while" in response.content.decode()

    def test_an_action_in_time_keeps_it(self, signed_in: Client, bank_clock: BankClock) -> None:
        for _ in range(3):
            bank_clock.advance(seconds=299)
            assert signed_in.get("/session/").status_code == 200

    @pytest.mark.req("RTS-4(3)(c)")
    def test_no_session_outlives_a_working_day_whatever_is_done_in_it(
        self, signed_in: Client, bank_clock: BankClock
    ) -> None:
        for _ in range(8 * 15 - 1):
            bank_clock.advance(minutes=4)
            assert signed_in.get("/session/").status_code == 200
        bank_clock.advance(minutes=3, seconds=30)
        assert signed_in.get("/session/").json() == {"remaining_seconds": 30}
        bank_clock.advance(seconds=30)
        response = signed_in.get("/home/")
        assert not response.wsgi_request.user.is_authenticated
        assert "You did nothing for a while" not in response.content.decode()

    @pytest.mark.req("S1-12")
    def test_polling_is_no_action(self, signed_in: Client, bank_clock: BankClock) -> None:
        bank_clock.advance(seconds=200)
        background = {"X-Background": "1"}
        assert signed_in.get("/session/", headers=background).json() == {"remaining_seconds": 100}
        bank_clock.advance(seconds=100)
        response = signed_in.get("/session/", headers=background)
        assert (response.status_code, response.json()) == (401, {"signed_out": True})

    @pytest.mark.req("S1-12")
    def test_the_count_starts_with_the_sign_in_itself(
        self, client: Client, anna: User, bank_clock: BankClock, rf: RequestFactory
    ) -> None:
        from django.contrib.auth import login
        from django.contrib.auth.models import AnonymousUser
        from django.http import HttpResponse

        from apps.identity.sessions import SessionStore
        from apps.web import idle
        from apps.web.middleware import IdleLogoutMiddleware

        def sign_in(request: Any) -> HttpResponse:
            login(request, anna, backend="django.contrib.auth.backends.ModelBackend")
            return HttpResponse()

        request = rf.post("/sign-in/")
        request.session = SessionStore()
        request.user = AnonymousUser()
        IdleLogoutMiddleware(sign_in)(request)
        assert request.session[idle.SESSION_KEY] == bank_clock.time.isoformat()

    def test_one_click_extends(self, signed_in: Client, bank_clock: BankClock) -> None:
        bank_clock.advance(seconds=250)
        response = signed_in.post("/session/extend/", headers={"Accept": "application/json"})
        assert response.json() == {"remaining_seconds": 300}

    def test_without_javascript_the_click_leads_back(self, signed_in: Client) -> None:
        response = signed_in.post("/session/extend/", {"next": "/home/"})
        assert (response.status_code, response["Location"]) == (303, "/home/")

    def test_a_session_that_has_ended_cannot_be_extended(
        self, signed_in: Client, bank_clock: BankClock
    ) -> None:
        bank_clock.advance(seconds=300)
        assert signed_in.post("/session/extend/", headers={"Accept": "application/json"}).status_code == 401

    def test_a_clock_set_back_starts_the_count_anew(self, signed_in: Client, bank_clock: BankClock) -> None:
        bank_clock.advance(days=-3)
        assert signed_in.get("/session/").json() == {"remaining_seconds": 300}

    def test_the_bank_may_be_stricter(self, signed_in: Client, bank_clock: BankClock, settings: Any) -> None:
        settings.SESSION_IDLE_SECONDS = 60
        bank_clock.advance(seconds=60)
        assert signed_in.get("/session/").status_code == 401

    def test_a_call_without_a_session_touches_none(self, client: Client) -> None:
        response = client.get("/health/live")
        assert not response.cookies


class TestLanguage:
    def test_is_kept_with_the_user(self, signed_in: Client, anna: User) -> None:
        signed_in.post("/language/", {"language": "de", "next": "/home/"})
        anna.refresh_from_db()
        assert anna.language == "de"
        signed_in.cookies.pop("language")
        assert (
            '<html lang="de"' in signed_in.get("/home/", headers={"Accept-Language": "en"}).content.decode()
        )

    def test_of_a_visitor_is_a_cookie(self, client: Client) -> None:
        client.post("/language/", {"language": "de"})
        assert '<html lang="de"' in client.get("/form/").content.decode()

    def test_of_the_browser_is_the_default(self, client: Client) -> None:
        assert '<html lang="de"' in client.get("/form/", headers={"Accept-Language": "de"}).content.decode()

    def test_an_unknown_one_changes_nothing(self, client: Client) -> None:
        assert "language" not in client.post("/language/", {"language": "xx"}).cookies


class TestTheme:
    def test_is_set_by_the_server(self, client: Client) -> None:
        client.post("/theme/", {"theme": "dark"})
        assert 'data-theme="dark"' in client.get("/form/").content.decode()

    def test_can_follow_the_device_again(self, client: Client) -> None:
        client.post("/theme/", {"theme": "dark"})
        client.post("/theme/", {"theme": "auto"})
        assert "data-theme" not in client.get("/form/").content.decode()

    def test_a_forged_cookie_is_ignored(self, client: Client) -> None:
        client.cookies["theme"] = '"><script>'
        assert "data-theme" not in client.get("/form/").content.decode()

    @pytest.mark.parametrize(
        "target", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:1", ""]
    )
    def test_leads_back_to_our_own_pages_only(self, client: Client, target: str) -> None:
        assert client.post("/theme/", {"theme": "dark", "next": target})["Location"] == "/"

    def test_cannot_be_set_by_a_link(self, client: Client) -> None:
        assert client.get("/theme/?theme=dark").status_code == 405
