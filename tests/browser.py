"""A real Chromium for tests: open a page, then ask for CSP violations, axe violations and overflow, or take a picture.

Use::

    page = open_page(chromium(), url, width=320)
    check_page(page)

The browser is the installed one (``BANK_CHROMIUM`` names another). axe-core (MPL-2.0) is kept in ``tests/vendor``,
so that no Node is needed; ``npm run build:axe`` renews it.
"""

import json
import os
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, BrowserContext, Locator, Page, Playwright, expect, sync_playwright

from tests.conftest import find_chromium

ROOT = Path(__file__).resolve().parent.parent
AXE_SOURCE = Path(__file__).resolve().parent / "vendor" / "axe.min.js"
CHROMIUM = find_chromium()
WIDTHS = {"wide": 1366, "phone": 390, "small": 320}
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

expect.set_options(timeout=30_000)  # Five seconds are too few on a machine that others load.

# Runs before any script of the page, and is not subject to its CSP.
_COLLECT = """
window.__csp = [];
document.addEventListener("securitypolicyviolation", (event) => window.__csp.push(
  `${event.effectiveDirective} blocked ${event.blockedURI} at ${event.sourceFile}:${event.lineNumber}`));
"""


_opened = ExitStack()
_playwright: Playwright | None = None
_browser: Browser | None = None


def chromium() -> Browser:
    """The headless Chromium of this process, started by the first who asks; see :func:`close_chromium`."""
    global _browser
    if _browser is not None and not _browser.is_connected():
        close_chromium()  # It crashed: one test's failure, not that of all that follow.
    if _browser is None:
        _browser = launch()
        _opened.callback(_browser.close)
    return _browser


def launch(*arguments: str) -> Browser:
    """Another one, with flags of its own; whoever asks closes it."""
    global _playwright
    if _playwright is None:
        # Playwright's loop runs in the caller's thread, which Django takes for an async context: fixtures must still
        # query.
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
        _playwright = _opened.enter_context(sync_playwright())
    return _playwright.chromium.launch(
        executable_path=CHROMIUM,
        headless=True,
        args=["--no-sandbox", "--disable-dev-shm-usage", *arguments],
    )


def close_chromium() -> None:
    """End it, if it runs: a test without a browser may want an event loop of its own (tests/conftest.py)."""
    global _browser, _playwright
    _browser = _playwright = None
    _opened.close()


def new_context(
    browser: Browser,
    *,
    width: int = 1366,
    height: int = 900,
    scheme: Literal["light", "dark"] = "light",
    locale: str = "en-GB",
) -> BrowserContext:
    """A fresh visitor (no cookies) whose pages report CSP violations."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        locale=locale,
        reduced_motion="reduce",
        # As a person's Chromium names itself: the bank takes "HeadlessChrome" for a program in the browser's place.
        user_agent=(
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
            f" Chrome/{browser.version.partition('.')[0]}.0.0.0 Safari/537.36"
        ),
    )
    context.add_init_script(_COLLECT)
    context.on("page", _watch_console)
    return context


def open_page(browser: Browser, url: str, **visitor: Any) -> Page:
    """``url`` in a page of a fresh visitor; keywords as :func:`new_context`."""
    page = new_context(browser, **visitor).new_page()
    page.goto(url)
    return page


def press(page: Page, target: str | Locator) -> None:
    """Click what leads to another page, and wait until that page is there.

    A bare ``click()`` may return while the old page is still up: what the test then looks at, or where it goes next,
    would be a matter of luck.
    """
    with page.expect_navigation():
        (page.locator(target) if isinstance(target, str) else target).click()


def _watch_console(page: Page) -> None:
    errors: list[str] = []
    page.__dict__["console_errors"] = errors
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(f"uncaught: {error}"))


def console_errors(page: Page) -> list[str]:
    """Errors in the page's console since it was opened, uncaught exceptions included."""
    return list(page.__dict__.get("console_errors", []))


def csp_violations(page: Page) -> list[str]:
    """What the Content-Security-Policy had to block on the present page."""
    events: list[str] = page.evaluate("window.__csp ?? []")
    words = ("content security policy", "content-security-policy")
    return events + [text for text in console_errors(page) if any(word in text.lower() for word in words)]


def axe_violations(page: Page) -> list[str]:
    """WCAG 2.2 AA violations that axe-core finds, one line each with the elements concerned."""
    # Half a megabyte: once a page is enough for all of its looks.
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(_axe_source())
    # Of what axe may load first, no rule of these tags asks for the style sheets.
    options = {
        "runOnly": AXE_TAGS,
        "resultTypes": ["violations"],
        "selectors": False,
        "preload": {"assets": ["media"]},
    }
    # What holds stays in the browser: it is most of the answer.
    found: list[str] = page.evaluate(
        """async (options) => (await axe.run(document, options)).violations.map(({id, help, nodes}) =>
          `${id}: ${help} | ${nodes.slice(0, 4).map((node) => node.html.slice(0, 160)).join("; ")}`)""",
        options,
    )
    return found


@cache
def _axe_source() -> str:
    return AXE_SOURCE.read_text()


def overflow(page: Page) -> str:
    """Empty if the page fits its window; else by how much it does not, and the elements to blame (WCAG 1.4.10)."""
    found: str = page.evaluate(
        """() => {
          const over = document.documentElement.scrollWidth - window.innerWidth;
          if (over <= 0) return "";
          const scrolls = (node) => { for (let at = node.parentElement; at; at = at.parentElement)
            if (/auto|scroll|hidden/.test(getComputedStyle(at).overflowX)) return true; return false; };
          const wide = [...document.querySelectorAll("body *")]
            .filter((node) => node.getBoundingClientRect().right > window.innerWidth + 1 && !scrolls(node))
            .map((node) => `<${node.localName} class="${node.getAttribute("class") ?? ""}">`);
          return `${over}px too wide: ${wide.slice(0, 6).join(" ")}`;
        }"""
    )
    return found


def dress(page: Page, *, width: int, scheme: Literal["light", "dark"]) -> None:
    """Show the present page in another window, without loading it anew."""
    size = page.viewport_size
    page.set_viewport_size({"width": width, "height": size["height"] if size else 900})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")


def small_targets(page: Page, *, minimum: int = 44) -> list[str]:
    """Buttons, fields and menu links lower than ``minimum`` px; links inside running text are exempt (WCAG 2.5.8)."""
    found: list[str] = page.evaluate(
        """(minimum) => [...document.querySelectorAll(
            "button, select, textarea, input:not([type=hidden]), nav a, a.btn")]
          .map((node) => [node, (node.closest("label") ?? node).getBoundingClientRect()])
          .filter(([, box]) => box.width > 0 && box.height > 0 && box.bottom > 0 && box.height < minimum - 0.5)
          .map(([node, box]) => `${Math.round(box.height)}px: ${node.outerHTML.slice(0, 120)}`)""",
        minimum,
    )
    return found


def check_page(page: Page) -> None:
    """Assert that the present page breaks no CSP, is accessible as far as axe sees, and does not overflow."""
    problems = {
        "csp": csp_violations(page),
        "axe": axe_violations(page),
        "overflow": overflow(page),
        "errors": [text for text in console_errors(page) if text.startswith("uncaught")],
    }
    found = {name: what for name, what in problems.items() if what}
    assert not found, f"{page.url}: {json.dumps(found, indent=1, ensure_ascii=False)}"


def shoot(page: Page, name: str) -> None:
    """Keep a picture of the page if ``BANK_PICTURES`` names a folder for it."""
    if folder := os.environ.get("BANK_PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
