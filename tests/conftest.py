"""Fixtures for every test: brokers and browsers that may be missing, and the demands a test shows."""

import os
import re
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_BROKERS = {
    "rabbitmq": ("RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672//"),
    "redis": ("REDIS_URL", "redis://127.0.0.1:6379/15"),
}
_DEMAND = re.compile(r"N[1-8]|[A-Z0-9]+(-[A-Za-z0-9.()]+)+|RTS-[0-9]+(\([0-9a-z]+\))*")


def _listens(url: str) -> bool:
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname or "127.0.0.1", parts.port or 0), timeout=1).close()
    except OSError:
        return False
    return True


def find_chromium() -> str | None:
    """The browser to test with: BANK_CHROMIUM, or what is installed under a usual name."""
    if named := os.environ.get("BANK_CHROMIUM"):
        return named if Path(named).exists() else None
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((path for name in names if (path := shutil.which(name))), None)


def broker_url(name: str) -> str:
    """The address of a broker by name: "rabbitmq" or "redis"."""
    variable, default = _BROKERS[name]
    return os.environ.get(variable, default)


def _rank(item: pytest.Item) -> int:
    """When a test's turn comes, the lowest first."""
    if "journeys" in item.path.parts:
        return 0
    return 1 if item.get_closest_marker("browser") else 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, visibly, what needs a broker or a browser that is not there; refuse misspelt demands.

    The journeys come first, then the browsers: a file of them takes minutes, and the last one would be waited for by
    one process alone.
    """
    items.sort(key=_rank)
    reachable: dict[str, bool] = {}
    for item in items:
        for marker in item.iter_markers("req"):
            for demand in marker.args:
                if not _DEMAND.fullmatch(str(demand)):
                    raise pytest.UsageError(f"{item.nodeid}: {demand!r} does not look like a demand's number")
        if item.get_closest_marker("browser") and not find_chromium():
            item.add_marker(pytest.mark.skip(reason="no Chromium found (BANK_CHROMIUM names one)"))
        for marker in item.iter_markers("broker"):
            name = marker.args[0]
            if reachable.setdefault(name, _listens(broker_url(name))) is False:
                item.add_marker(
                    pytest.mark.skip(reason=f"no {name} answers at {_BROKERS[name][0]} or its usual address")
                )


@pytest.fixture
def running_browser() -> "Browser":
    """The Chromium of this process; browser tests follow one another, so that it starts once for many."""
    from tests.browser import chromium

    return chromium()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """No browser, and no event loop of Playwright's, beside a test that has none."""
    if not item.get_closest_marker("browser"):
        _close_browser()


def pytest_sessionfinish() -> None:
    """Nothing is left running."""
    _close_browser()


def _close_browser() -> None:
    if tools := sys.modules.get("tests.browser"):
        tools.close_chromium()


@pytest.fixture(autouse=True, scope="session")
def _quick_emptying() -> None:
    from tests import emptying

    emptying.install()


@pytest.fixture(autouse=True)
def _clean_context() -> Iterator[None]:
    """Whatever language a test switched on, the next one starts in English."""
    from django.utils import translation

    with translation.override("en"):
        yield
