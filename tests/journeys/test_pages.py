"""Every page a person can reach by links, in a real Chromium: no CSP or axe violation, no overflow at 320 px.

A crawl finds the pages, so a new page is checked without being listed here.
"""

import re
from collections.abc import Sequence
from typing import Literal
from urllib.parse import urldefrag, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser import check_page, dress, new_context, press
from tests.journeys.people import Customer, Machine
from tests.journeys.stack import RunningStack

pytestmark = [pytest.mark.browser, pytest.mark.req("S0-4")]

# Ids differ, pages do not: one of each kind is enough.
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|(?<=/)[0-9]+(?=/)|(?<=/phone/)[a-z]+(?=/)")
_NOT_PAGES = re.compile(
    # What is downloaded,
    r"(/statements/[0-9]{4}-[0-9]+/|/statements/fees/[0-9]{4}/|/fees/file/|/batches/[0-9a-f-]+/report/|/receipts/.+/(json|pdf)/"
    # and what has no page.
    r"|sign-out|logout|jsi18n|\.json|\.yaml|\.sh|/static/|/health/|/oauth/|/\.well-known/|/receipts/jwks)"
)
PAGES_MAX = 160
# What else the bank's pages link to has tests of its own here.
ELSEWHERE = ("/sandbox/", "/developers/", "/staff/")


def crawl(
    context: BrowserContext,
    start: str,
    *,
    inside: str,
    outside: tuple[str, ...] = (),
    looks: Sequence[tuple[int, Literal["light", "dark"]]] = (),
) -> list[str]:
    """Check ``start`` and every page linked from it below ``inside``; one page of each kind.

    Not what is below one of ``outside``. Each page in every one of ``looks``, or as the visitor's window is.
    """
    page = context.new_page()
    waiting, kinds, visited = [start], {_kind(start)}, []
    while waiting:
        assert len(visited) < PAGES_MAX, waiting
        url = waiting.pop(0)
        response = page.goto(url)
        assert response is not None
        assert response.status < 400, f"{url}: {response.status}"
        if "html" not in response.headers.get("content-type", ""):
            continue
        if not looks:
            check_page(page)
        for width, scheme in looks:
            dress(page, width=width, scheme=scheme)
            check_page(page)
        visited.append(url)
        for link in _links(page, inside):
            if _kind(link) not in kinds and not link.startswith(outside):
                kinds.add(_kind(link))
                waiting.append(link)
    page.close()
    return visited


def _links(page: Page, inside: str) -> list[str]:
    hrefs = page.eval_on_selector_all("a[href]", "nodes => nodes.map(node => node.href)")
    found = [urldefrag(href).url for href in hrefs]
    return [url for url in found if url.startswith(inside) and not _NOT_PAGES.search(url)]


def _kind(url: str) -> str:
    parts = urlsplit(url)
    if parts.query and parts.path.startswith("/staff/"):
        return "/staff/?"  # One list that is narrowed looks like all.
    return _ID.sub("*", parts.path) + ("?" if parts.query else "")


SHAPES: list[tuple[int, Literal["light", "dark"]]] = [(320, "light"), (1366, "dark")]
# German words are the longer ones: the small window reads German.
LOCALES = {320: "de-DE", 1366: "en-GB"}


@pytest.mark.parametrize(
    ("name", "width", "scheme", "inside", "least"),
    [
        ("carla", 320, "light", "/accounts/", 3),
        ("anna", 1366, "dark", "/", 20),
        ("emil", 320, "dark", "/", 20),
    ],
)
def test_portal(
    browser: Browser, stack: RunningStack, name: str, width: int, scheme: str, inside: str, least: int
) -> None:
    """Carla has a blocked account, and nothing else that is hers alone; Emil reads German."""
    customer = Customer(stack, name)
    context = new_context(browser, width=width, scheme=scheme)
    page = context.new_page()
    known = len(customer.messages())
    page.goto(f"{stack.bank_url}/sign-in/")
    check_page(page)
    page.fill("input[name=user_id]", customer.name)
    page.fill("input[name=password]", customer.record["password"])
    press(page, "main form:has(input[name=password]) button[type=submit]:not([name])")
    page.wait_for_url("**/code/")
    check_page(page)
    page.fill("input[name=code]", customer.code(known))
    press(page, "main form:has(input[name=code]) button[type=submit]")
    page.wait_for_url("**/home/")
    visited = crawl(
        context,
        page.url,
        inside=stack.bank_url + inside,
        outside=tuple(stack.bank_url + path for path in ELSEWHERE),
    )
    assert len(visited) >= least, visited
    context.close()


def test_sandbox(browser: Browser, stack: RunningStack) -> None:
    context = new_context(browser, locale=LOCALES[320])
    visited = crawl(context, f"{stack.bank_url}/sandbox/", inside=f"{stack.bank_url}/sandbox/", looks=SHAPES)
    assert len(visited) >= 3, visited
    context.close()


def test_console_for_strangers(browser: Browser, stack: RunningStack) -> None:
    """Each error's page in the small window alone: what differs is the text, and how long its words are."""
    start = f"{stack.bank_url}/developers/"
    context = new_context(browser, width=320, locale=LOCALES[320])
    visited = crawl(context, f"{start}errors/", inside=f"{start}errors/")
    assert len(visited) >= 30, visited
    visited = crawl(context, start, inside=start, outside=(f"{start}errors/",), looks=SHAPES)
    assert len(visited) >= 4, visited
    context.close()


def test_staff(browser: Browser, stack: RunningStack) -> None:
    """In the small window: tests/staff/test_browser.py."""
    record = next(entry for entry in stack.sandbox["staff"] if entry["user_id"] == "rita")
    context = new_context(browser, width=1366, scheme="dark")
    page = context.new_page()
    known = len(stack.messages("rita"))
    page.goto(f"{stack.bank_url}/staff/")
    for width, scheme in SHAPES:
        dress(page, width=width, scheme=scheme)
        check_page(page)
    page.fill("input[type=text]", record["user_id"])
    page.fill("input[type=password]", record["password"])
    press(
        page,
        "form:has(input[type=password]) button[type=submit], form:has(input[type=password]) input[type=submit]",
    )
    check_page(page)
    rita = Customer(stack, "rita")
    page.fill("input[name=code]", rita.code(known))
    press(page, "form:has(input[name=code]) button[type=submit]")
    page.wait_for_url("**/staff/")
    visited = crawl(context, page.url, inside=f"{stack.bank_url}/staff/")
    assert len(visited) >= 10, visited
    context.close()


@pytest.mark.parametrize(("width", "scheme"), SHAPES)
def test_error_pages(browser: Browser, stack: RunningStack, width: int, scheme: str) -> None:
    context = new_context(browser, width=width, scheme=scheme, locale=LOCALES[width])
    page = context.new_page()
    for path in ("/no/such/page/", "/authorise/00000000-0000-4000-8000-000000000000/", "/oauth/authorize"):
        response = page.goto(stack.bank_url + path)
        assert response is not None
        assert 400 <= response.status < 500
        check_page(page)
    context.close()


def test_authorise_pages_of_a_payment_on_a_phone(browser: Browser, stack: RunningStack) -> None:
    """The consent's pages are checked in test_figures; here the payment's, small and dark."""
    dora, emil = Customer(stack, "dora"), Customer(stack, "emil")
    body = Machine(stack, "ShopPay").initiate(debtor_iban=dora.iban, creditor_iban=emil.iban)
    context = new_context(browser, width=320, scheme="dark")
    page = context.new_page()
    page.goto(body["_links"]["scaRedirect"]["href"])
    check_page(page)
    page.fill("input[name=user_id]", "dora")
    page.fill("input[name=password]", dora.record["password"])
    press(page, "main form:has(input[name=password]) button[type=submit]:not([name])")
    page.wait_for_url("**/code/")
    check_page(page)
    page.fill("input[name=code]", "000000")
    press(page, "main form:has(input[name=code]) button[type=submit]")
    check_page(page)
    context.close()
