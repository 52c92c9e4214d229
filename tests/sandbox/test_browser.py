"""The sandbox's pages in a real browser, and the phone that fills by itself."""

from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, expect

from apps.sandbox.gateway import SandboxSMSGateway
from tests import browser as tools
from tests.factories.accounts import customer

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LOOKS: list[tuple[int, Literal["light", "dark"]]] = [(1366, "light"), (320, "dark")]
PHONE = "+491713920099"


def deliver(key: str, code: str) -> None:
    SandboxSMSGateway().send(
        to=PHONE, text=f"Lindenbank: {code} is your code to sign in, valid until 14:05.", idempotency_key=key
    )


def test_pages_are_clean(running_browser: Browser, live_server: Any) -> None:
    anna = customer("Anna", phone=PHONE)
    deliver("k1", "482913")
    for path in ("/sandbox/", f"/sandbox/phone/{anna.user.username}/", "/sandbox/clock/"):
        page = tools.open_page(running_browser, live_server.url + path)
        for width, scheme in LOOKS:
            tools.dress(page, width=width, scheme=scheme)
            tools.check_page(page)
            assert tools.small_targets(page) == [], (path, width)
        page.context.close()


def test_a_new_message_appears_by_itself(running_browser: Browser, live_server: Any) -> None:
    anna = customer("Anna", phone=PHONE)
    page = tools.open_page(running_browser, f"{live_server.url}/sandbox/phone/{anna.user.username}/")
    expect(page.get_by_text("No messages yet")).to_be_visible()
    deliver("k1", "482913")
    expect(page.locator("[data-code]")).to_have_text("482913", timeout=10_000)
    deliver("k2", "118203")
    expect(page.locator("[data-code]").first).to_have_text("118203", timeout=10_000)
    assert page.locator("[data-code]").count() == 2
    expect(page.get_by_role("button", name="Copy the code").first).to_be_visible()
    tools.check_page(page)
    page.context.close()


def test_the_clock_moves_by_a_click(running_browser: Browser, live_server: Any) -> None:
    page = tools.open_page(running_browser, f"{live_server.url}/sandbox/clock/", width=390)
    page.get_by_role("button", name="90 days").click()
    expect(page.get_by_role("button", name="Back to real time")).to_be_visible()
    tools.check_page(page)
    page.get_by_role("button", name="Back to real time").click()
    expect(page.get_by_text("shows real time again")).to_be_visible()
    page.context.close()
