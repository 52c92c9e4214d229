import pytest

from apps.ledger.models import LedgerAccount
from tests.ledger.books import book_account, transfer


@pytest.fixture
def anna(db: None) -> LedgerAccount:
    account = book_account("anna")
    transfer(book_account("source", limit=None), account, 10_000)
    return account


@pytest.fixture
def bruno(db: None) -> LedgerAccount:
    return book_account("bruno")
