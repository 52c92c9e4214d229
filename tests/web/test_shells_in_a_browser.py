"""Every shell and component in a real browser: strict CSP, axe, no overflow, targets big enough, light and dark."""

from collections.abc import Iterator
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, BrowserContext

from apps.identity.models import User
from tests import browser as tools

pytestmark = [
    pytest.mark.browser,
    pytest.mark.urls("tests.web.pages"),
    pytest.mark.django_db(transaction=True),
]

PAGES = ["/home/", "/sign/", "/form/", "/form/?errors", "/developers/", "/nowhere/"]
LOOKS: list[tuple[int, Literal["light", "dark"]]] = [(1366, "dark"), (390, "light"), (320, "dark")]


@pytest.fixture
def visitor(running_browser: Browser, live_server: Any, client: Any) -> Iterator[Any]:
    """Makes a signed-in visitor with a window of some width and colour scheme."""
    from django.conf import settings

    anna = User.objects.create_user(username="anna", password="linden-anna-2026", first_name="Anna")
    client.force_login(anna)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    contexts: list[BrowserContext] = []

    def make(**look: Any) -> BrowserContext:
        context = tools.new_context(running_browser, **look)
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}])
        contexts.append(context)
        return context

    yield make
    for context in contexts:
        context.close()


def test_pages_are_clean(visitor: Any, live_server: Any) -> None:
    context = visitor()
    for path in PAGES:
        page = context.new_page()
        page.goto(live_server.url + path)
        for width, scheme in LOOKS:
            tools.dress(page, width=width, scheme=scheme)
            tools.check_page(page)
            assert tools.small_targets(page) == [], (path, width)
        page.close()


def test_the_focused_element_is_not_hidden_by_the_bottom_bar(visitor: Any, live_server: Any) -> None:
    page = visitor(width=390, height=700).new_page()
    page.goto(live_server.url + "/home/")
    bar_top = page.locator(".bottom-bar").bounding_box()["y"]
    for _ in range(30):
        page.keyboard.press("Tab")
        bottom = page.evaluate(
            """() => { const at = document.activeElement;
            const elsewhere = at.closest(".bottom-bar, .skip-link, body:not(:has(:focus))");
            return elsewhere ? null : at.getBoundingClientRect().bottom; }"""
        )
        assert bottom is None or bottom <= bar_top + 1, page.evaluate("document.activeElement.outerHTML")


def test_the_skip_link_comes_first_and_leads_to_the_content(visitor: Any, live_server: Any) -> None:
    page = visitor().new_page()
    page.goto(live_server.url + "/home/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip-link"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_a_stay_asks_before_the_session_ends_and_one_click_extends_it(
    visitor: Any, live_server: Any, settings: Any
) -> None:
    settings.SESSION_IDLE_SECONDS = 61
    page = visitor().new_page()
    page.goto(live_server.url + "/home/")
    dialog = page.get_by_role("alertdialog")
    dialog.wait_for(state="visible", timeout=5000)
    assert tools.axe_violations(page) == []
    page.get_by_role("button", name="I am still here").click()
    dialog.wait_for(state="hidden")
    assert tools.csp_violations(page) == []


def test_language_and_theme_work_without_javascript(running_browser: Browser, live_server: Any) -> None:
    context = running_browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(live_server.url + "/form/")
    tools.press(page, page.get_by_role("button", name="Dark"))
    assert page.locator("html").get_attribute("data-theme") == "dark"
    tools.press(page, page.get_by_role("button", name="Deutsch"))
    assert page.locator("html").get_attribute("lang") == "de"
    assert page.url == live_server.url + "/form/"
    context.close()


def test_the_overflow_check_finds_what_is_too_wide(running_browser: Browser, live_server: Any) -> None:
    page = tools.open_page(running_browser, live_server.url + "/form/", width=320)
    assert tools.overflow(page) == ""
    page.evaluate(
        "document.querySelector('h1').insertAdjacentHTML('beforeend', `<b class=nowrap>${'x'.repeat(90)}</b>`)"
    )
    assert "nowrap" in tools.overflow(page)
    page.context.close()
