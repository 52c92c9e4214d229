"""The fixture ``stack``: one real bank for the journeys, on ports and data of its own, always stopped."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.journeys.stack import RunningStack, running_stack

_LOG_END = 1_500  # Characters of each program's log that a failed test shows.
HERE = Path(__file__).resolve().parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests here carry the marker ``journey``."""
    for item in items:
        if HERE in Path(item.path).parents:
            item.add_marker(pytest.mark.journey)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """A failed journey says which programs ran and what each said last: the reason is rarely in the browser."""
    report: pytest.TestReport = yield  # type: ignore[misc, assignment]
    stack = getattr(item, "funcargs", {}).get("stack")
    if report.failed and isinstance(stack, RunningStack):
        for name in stack.stack.programs:
            state = "runs" if stack.is_running(name) else "does not run"
            report.sections.append((f"{name} ({state})", stack.log(name)[-_LOG_END:]))
    return report  # type: ignore[return-value]


@pytest.fixture(scope="session")
def stack() -> Iterator[RunningStack]:
    """The bank and the demo TPP, up and answering."""
    with running_stack() as stack:
        yield stack


@pytest.fixture
def browser(running_browser: Browser) -> Browser:
    """A real Chromium."""
    return running_browser


@pytest.fixture
def whole_stack(stack: RunningStack) -> Iterator[RunningStack]:
    """The same, for tests that stop programs: whatever they stopped runs again afterwards."""
    yield stack
    stack.start_all()
