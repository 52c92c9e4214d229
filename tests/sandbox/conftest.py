from collections.abc import Iterator

import pytest

from apps.sandbox import clock


@pytest.fixture(autouse=True)
def _fresh_clock() -> Iterator[None]:
    """What one test read from its database must not be another's time."""
    clock.forget()
    yield
    clock.forget()
