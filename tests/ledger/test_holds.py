"""Holds: the money stays and is not available; each step is a row; each hold ends once."""

import threading
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, connections, transaction

from apps.core.ids import new_id
from apps.core.money import Money
from apps.ledger.models import HoldEvent, LedgerAccount
from apps.ledger.queries import get_ledger_balance, get_ledger_sums
from apps.ledger.rules import EntryKind, LedgerAccountKind, Narrative
from apps.ledger.services import (
    AccountNotPostable,
    EntryClash,
    ExceedsBalance,
    HoldEnded,
    HoldUnknown,
    capture_hold,
    expire_holds,
    place_hold,
    release_hold,
)
from tests.factories.accounts import NOW
from tests.ledger.books import DAY, balance, book_account, transfer


def hold(account: LedgerAccount, amount_minor: int, reference: str = "h", **more: object) -> bool:
    arguments = {"expires_at": None, "now": NOW} | more
    return place_hold(
        account_id=account.pk, reference=reference, amount=Money(amount_minor, "EUR"), **arguments
    )


def capture(credit: LedgerAccount, reference: str = "h") -> bool:
    return capture_hold(
        reference=reference,
        kind=EntryKind.CREDIT_TRANSFER,
        credit_account_id=credit.pk,
        booking_date=DAY,
        narrative=Narrative(),
        now=NOW,
    )


def available(account: LedgerAccount) -> int:
    return get_ledger_balance(account_id=account.pk).available_minor


def test_a_hold_leaves_the_balance_and_takes_from_what_is_available(
    anna: LedgerAccount, bruno: LedgerAccount
) -> None:
    assert hold(anna, 6_000)
    assert (balance(anna), available(anna)) == (10_000, 4_000)
    with pytest.raises(ExceedsBalance):
        transfer(anna, bruno, 4_001)
    with pytest.raises(ExceedsBalance):
        hold(anna, 4_001, "another")
    assert transfer(anna, bruno, 4_000)


def test_the_same_hold_again_is_the_same_hold(anna: LedgerAccount) -> None:
    assert hold(anna, 100)
    assert not hold(anna, 100)
    with pytest.raises(EntryClash):
        hold(anna, 101)
    assert available(anna) == 9_900


@pytest.mark.parametrize("account", ["ghost", "dollars", "clearing"])
def test_what_cannot_be_held(anna: LedgerAccount, account: str) -> None:
    accounts = {
        "ghost": lambda: LedgerAccount(code="ghost"),
        "dollars": lambda: book_account("dollars", currency="USD"),
        "clearing": lambda: book_account("clearing:x", limit=None, kind=LedgerAccountKind.CLEARING),
    }
    with pytest.raises(AccountNotPostable):
        hold(accounts[account](), 1)


def test_capturing_books_it_once(anna: LedgerAccount, bruno: LedgerAccount) -> None:
    hold(anna, 10_000)
    assert capture(bruno)
    assert not capture(bruno)
    assert (balance(anna), available(anna), balance(bruno)) == (0, 0, 10_000)
    assert get_ledger_sums().sound


def test_releasing_gives_it_back_once(anna: LedgerAccount, bruno: LedgerAccount) -> None:
    hold(anna, 10_000)
    assert release_hold(reference="h", now=NOW)
    assert not release_hold(reference="h", now=NOW)
    assert available(anna) == 10_000
    with pytest.raises(HoldEnded):
        capture(bruno)
    assert balance(bruno) == 0


def test_an_unknown_hold_ends_nothing(anna: LedgerAccount) -> None:
    with pytest.raises(HoldUnknown):
        release_hold(reference="nobody's", now=NOW)


def test_only_what_is_due_expires(anna: LedgerAccount) -> None:
    hold(anna, 1, "due", expires_at=NOW)
    hold(anna, 2, "later", expires_at=NOW + timedelta(seconds=1))
    hold(anna, 4, "open")
    hold(anna, 8, "released", expires_at=NOW)
    release_hold(reference="released", now=NOW)
    assert expire_holds(now=NOW) == 1
    assert expire_holds(now=NOW) == 0
    assert available(anna) == 10_000 - 6


def test_each_step_is_a_row(anna: LedgerAccount, bruno: LedgerAccount) -> None:
    hold(anna, 5)
    capture(bruno)
    assert list(HoldEvent.objects.order_by("id").values_list("status", flat=True)) == ["placed", "captured"]


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("UPDATE ledger_holdevent SET status = 'released'", "append-only"),
        ("DELETE FROM ledger_holdevent", "append-only"),
        ("UPDATE ledger_hold SET amount_minor = 1", "append-only"),
        ("DELETE FROM ledger_hold", "append-only"),
        (
            "INSERT INTO ledger_hold (id, account_id, reference, amount_minor, currency)"
            " SELECT gen_random_uuid(), account_id, 'zero', 0, 'EUR' FROM ledger_hold",
            "ledger_hold_amount_positive",
        ),
        (
            "INSERT INTO ledger_hold (id, account_id, reference, amount_minor, currency)"
            " SELECT gen_random_uuid(), account_id, reference, 1, 'EUR' FROM ledger_hold",
            "ledger_hold_reference",
        ),
        (
            "INSERT INTO ledger_holdevent (hold_id, status, happened_at) SELECT id, 'lost', now() FROM ledger_hold",
            "ledger_hold_status_known",
        ),
        (
            "INSERT INTO ledger_holdevent (hold_id, status, happened_at) SELECT id, 'placed', now() FROM ledger_hold",
            "ledger_hold_step_once",
        ),
        (
            "INSERT INTO ledger_holdevent (hold_id, status, happened_at)"
            " SELECT id, s, now() FROM ledger_hold, unnest(ARRAY['released', 'captured']) s",
            "ledger_hold_ends_once",
        ),
    ],
)
def test_the_database_alone_refuses(anna: LedgerAccount, statement: str, constraint: str) -> None:
    hold(anna, 5)
    with (
        pytest.raises(IntegrityError, match=constraint),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


@pytest.mark.django_db(transaction=True)
def test_of_capture_and_release_at_once_one_wins() -> None:
    anna, bruno = book_account("anna"), book_account("bruno")
    transfer(book_account("source", limit=None), anna, 1_000)
    references = [str(new_id()) for _ in range(10)]
    for reference in references:
        hold(anna, 100, reference)
    outcomes: list[str] = []

    def run(what: str) -> None:
        try:
            for reference in references:
                try:
                    done = (
                        capture(bruno, reference)
                        if what == "capture"
                        else release_hold(reference=reference, now=NOW)
                    )
                    outcomes.append(what if done else "before")
                except HoldEnded:
                    outcomes.append("too late")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(what,)) for what in ("capture", "release") * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    captured = outcomes.count("capture")
    assert captured + outcomes.count("release") == 10
    assert (balance(bruno), available(anna)) == (captured * 100, 1_000 - captured * 100)
    assert get_ledger_sums().sound
