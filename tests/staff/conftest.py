import pytest
from django.core.cache import cache

from apps.identity.models import User
from tests.staff.world import World, build_world, member_of_staff


@pytest.fixture(autouse=True)
def _fresh_throttles() -> None:
    """What one test counted for an address is not another's."""
    cache.clear()


@pytest.fixture
def world(db: None) -> World:
    return build_world()


@pytest.fixture
def rita(db: None) -> User:
    return member_of_staff("rita")
