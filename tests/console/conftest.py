import pytest
from django.core.cache import cache
from django.test import Client

from apps.tpp.models import TPP, App
from tests.console.kit import Member, make_app, make_company, make_member


@pytest.fixture(autouse=True)
def _empty_cache():
    cache.clear()


@pytest.fixture
def mara(db) -> Member:
    return make_member()


@pytest.fixture
def company(mara) -> TPP:
    return make_company(mara, brand_name="Finanzblick")


@pytest.fixture
def app(company) -> App:
    return make_app(company, name="Finanzblick Web")


@pytest.fixture
def page(mara, client) -> Client:
    """A browser in which Mara is signed in."""
    return mara.sign_in(client)
