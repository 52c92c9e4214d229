import pytest
from django.core.cache import cache

from apps.identity.models import PSU
from apps.tpp.models import App
from tests.factories.accounts import customer
from tests.factories.tpp import AppFactory
from tests.portal.kit import BankTime, Visitor


@pytest.fixture(autouse=True)
def bank_time(monkeypatch: pytest.MonkeyPatch) -> BankTime:
    """The bank's clock, which only the test moves."""
    time = BankTime()
    monkeypatch.setattr("apps.core.clock.now", time.now)
    cache.clear()  # The throttles of the test before.
    return time


@pytest.fixture
def anna(db: None) -> PSU:
    return customer("Anna")


@pytest.fixture
def bruno(db: None) -> PSU:
    return customer("Bruno", phone="+4915100000002")


@pytest.fixture
def app(db: None) -> App:
    return AppFactory()


@pytest.fixture
def visitor() -> Visitor:
    return Visitor()


@pytest.fixture
def customer_anna(anna: PSU, visitor: Visitor) -> Visitor:
    """Anna's browser, signed in."""
    assert visitor.sign_in(anna).headers["Location"] == "/home/"
    return visitor
