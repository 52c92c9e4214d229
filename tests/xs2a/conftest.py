from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.xs2a.bank_clock import BankClock
from tests.xs2a.world import World


@pytest.fixture(autouse=True)
def _interface(settings, tmp_path: Path) -> Iterator[None]:
    """Keys and a clock of the tests' own."""
    settings.OIDC_SIGNING_KEYS_DIR = str(tmp_path / "oidc")
    settings.BANK_CLOCK = "tests.xs2a.bank_clock.now"
    yield
    BankClock.offset = timedelta(0)


@pytest.fixture
def bank_clock() -> BankClock:
    return BankClock()


@pytest.fixture
def world(db: None) -> World:
    return World()
