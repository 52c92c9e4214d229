"""The fixture ``stack``: one real bank for the journeys, on ports and data of its own, always stopped."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.stack import RunningStack, running_stack

HERE = Path(__file__).resolve().parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests here carry the marker ``journey``."""
    for item in items:
        if HERE in Path(item.path).parents:
            item.add_marker(pytest.mark.journey)


@pytest.fixture(scope="session")
def stack() -> Iterator[RunningStack]:
    """The bank and the demo TPP, up and answering."""
    with running_stack() as stack:
        yield stack


@pytest.fixture
def whole_stack(stack: RunningStack) -> Iterator[RunningStack]:
    """The same, for tests that stop programs: whatever they stopped runs again afterwards."""
    yield stack
    stack.start_all()
