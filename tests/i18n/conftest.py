import pytest
from django.core.cache import cache

from apps.identity.models import PSU
from tests.factories.accounts import customer
from tests.portal.kit import BankTime


@pytest.fixture
def bank_time(monkeypatch: pytest.MonkeyPatch) -> BankTime:
    """The bank's clock, which only the test moves."""
    time = BankTime()
    monkeypatch.setattr("apps.core.clock.now", time.now)
    cache.clear()  # The throttles of the test before.
    return time


@pytest.fixture
def anna(db: None, bank_time: BankTime) -> PSU:
    return customer("Anna")
