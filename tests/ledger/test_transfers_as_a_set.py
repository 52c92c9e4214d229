"""Many transfers in one statement end as they would one after the other."""

import random
import threading
import time

import pytest
from django.db import connection, connections, transaction

from apps.ledger.models import LedgerAccount, Posting
from apps.ledger.queries import get_ledger_balance, get_ledger_sums
from apps.ledger.rules import LedgerAccountKind, PostingOutcome
from apps.ledger.services import ExceedsBalance, Transfer, fold_totals, post_transfers
from tests.factories.accounts import NOW
from tests.ledger.books import DAY, balance, book_account, order, transfer

POSTED, EXISTS, CLASH = (
    PostingOutcome.POSTED,
    PostingOutcome.EXISTS,
    PostingOutcome.EXISTS_WITH_DIFFERENT_CONTENT,
)
TOO_MUCH, NO_ACCOUNT = PostingOutcome.EXCEEDS_BALANCE, PostingOutcome.ACCOUNT_NOT_FOUND


def post(*transfers: Transfer) -> list[PostingOutcome]:
    return post_transfers(transfers=transfers, currency="EUR", booking_date=DAY, value_date=DAY, now=NOW)


def test_none_is_nothing() -> None:
    assert post() == []


def test_books_all_that_is_covered(anna: LedgerAccount, bruno: LedgerAccount) -> None:
    carla = book_account("carla")
    assert post(order(anna, bruno, 4_000), order(anna, carla, 6_000)) == [POSTED, POSTED]
    assert (balance(anna), balance(bruno), balance(carla)) == (0, 4_000, 6_000)
    assert get_ledger_sums().sound


def test_notes_the_balance_after_each_posting(anna: LedgerAccount, bruno: LedgerAccount) -> None:
    post(order(anna, bruno, 1_000), order(anna, bruno, 2_000), order(bruno, anna, 500))
    after = Posting.objects.filter(account=anna).order_by("id").values_list("balance_after_minor", flat=True)
    assert list(after) == [10_000, 9_000, 7_000, 7_500]
    after = Posting.objects.filter(account=bruno).order_by("id").values_list("balance_after_minor", flat=True)
    assert list(after) == [1_000, 3_000, 2_500]


def test_what_is_not_covered_is_refused_and_the_smaller_one_after_it_booked(
    anna: LedgerAccount, bruno: LedgerAccount
) -> None:
    outcomes = post(order(anna, bruno, 8_000), order(anna, bruno, 3_000), order(anna, bruno, 2_000))
    assert outcomes == [POSTED, TOO_MUCH, POSTED]
    assert balance(anna) == 0


def test_money_that_the_others_bring_is_used(anna: LedgerAccount, bruno: LedgerAccount) -> None:
    assert post(order(anna, bruno, 5_000), order(bruno, anna, 5_000)) == [POSTED, POSTED]
    assert (balance(anna), balance(bruno)) == (10_000, 0)


def test_each_is_judged_for_itself(anna: LedgerAccount, bruno: LedgerAccount) -> None:
    transfer(anna, bruno, 100, reference="before")
    ghost, dollars = LedgerAccount(code="ghost"), book_account("dollars", currency="USD")
    outcomes = post(
        order(anna, bruno, 100, "before"),
        order(anna, bruno, 101, "before"),
        order(anna, ghost, 1),
        order(anna, dollars, 1),
        order(anna, bruno, 1, "twice"),
        order(anna, bruno, 1, "twice"),
        order(anna, bruno, 2, "twice"),
    )
    assert outcomes == [EXISTS, CLASH, NO_ACCOUNT, PostingOutcome.CURRENCY_MISMATCH, POSTED, EXISTS, CLASH]
    assert balance(bruno) == 101


@pytest.mark.parametrize("amount_minor", [0, -1])
def test_an_amount_below_one_books_nothing_of_all(
    anna: LedgerAccount, bruno: LedgerAccount, amount_minor: int
) -> None:
    with pytest.raises(Exception, match=r"ledger_posting_amount_positive|ledger_account"):
        post(order(anna, bruno, 1), order(anna, bruno, amount_minor))


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.django_db
def test_a_set_ends_like_one_after_the_other(seed: int) -> None:
    """The same random orders both ways, on twin accounts; also orders that nobody can pay."""
    choose = random.Random(seed)
    names = [f"n{n}" for n in range(4)]
    source = book_account("source", limit=None)
    worlds = [{name: book_account(f"{world}-{name}", limit=50) for name in names} for world in "ab"]
    for name in names:
        for accounts in worlds:
            transfer(source, accounts[name], 200)
    plan = [(*choose.sample(names, 2), choose.randint(1, 150), str(choose.randint(0, 25))) for _ in range(30)]
    together = post(*(order(worlds[0][d], worlds[0][c], amount, f"a{ref}") for d, c, amount, ref in plan))
    one_by_one = [post(order(worlds[1][d], worlds[1][c], amount, f"b{ref}"))[0] for d, c, amount, ref in plan]
    assert get_ledger_sums().sound
    for accounts in worlds:
        assert all(balance(account) >= -50 for account in accounts.values())
    # Nothing is booked twice either way. What waits for its turn comes after what was sure, so with scarce money the
    # two ways may differ in who gets it; where all are covered they may not.
    for outcomes in (together, one_by_one):
        booked = [ref for (*_, ref), outcome in zip(plan, outcomes, strict=True) if outcome == POSTED]
        assert len(booked) == len(set(booked))
    if TOO_MUCH not in together + one_by_one:
        assert together == one_by_one
        assert [balance(worlds[0][n]) for n in names] == [balance(worlds[1][n]) for n in names]


class TestAccountsThatFoldLater:
    @pytest.fixture
    def clearing(self, db: None) -> LedgerAccount:
        return book_account("clearing:test", limit=None, kind=LedgerAccountKind.CLEARING)

    def test_their_balance_counts_what_waits(self, anna: LedgerAccount, clearing: LedgerAccount) -> None:
        transfer(anna, clearing, 300)
        post(order(anna, clearing, 200), order(anna, clearing, 100))
        assert balance(clearing) == 0
        assert get_ledger_balance(account_id=clearing.pk).booked_minor == 600
        assert get_ledger_sums().sound

    def test_folding_changes_no_balance_and_works_once(
        self, anna: LedgerAccount, clearing: LedgerAccount
    ) -> None:
        transfer(anna, clearing, 300)
        post(order(anna, clearing, 200))
        assert fold_totals() == 2
        assert fold_totals() == 0
        assert balance(clearing) == get_ledger_balance(account_id=clearing.pk).booked_minor == 500
        assert get_ledger_sums().sound

    def test_the_same_between_two_of_them_is_booked_once(self, clearing: LedgerAccount) -> None:
        nostro = book_account("nostro:test", limit=None, kind=LedgerAccountKind.NOSTRO)
        assert transfer(clearing, nostro, 5, reference="once")
        assert not transfer(clearing, nostro, 5, reference="once")
        assert get_ledger_balance(account_id=nostro.pk).booked_minor == 5


@pytest.mark.django_db(transaction=True)
def test_two_of_the_same_at_once_on_accounts_nobody_waits_for_are_booked_once() -> None:
    clearing = book_account("clearing:test", limit=None, kind=LedgerAccountKind.CLEARING)
    nostro = book_account("nostro:test", limit=None, kind=LedgerAccountKind.NOSTRO)
    booked: list[bool] = []
    gate = threading.Barrier(8)

    def run() -> None:
        try:
            gate.wait()
            for number in range(20):
                booked.append(transfer(clearing, nostro, 1, reference=str(number)))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(booked), booked.count(True)) == (160, 20)
    assert get_ledger_balance(account_id=nostro.pk).booked_minor == 20


@pytest.mark.django_db(transaction=True)
def test_sets_singles_and_folds_at_once_lose_nothing_and_lock_nobody_out() -> None:
    source = book_account("source", limit=None)
    clearing = book_account("clearing:test", limit=None, kind=LedgerAccountKind.CLEARING)
    people = [book_account(f"p{n}") for n in range(6)]
    for person in people:
        transfer(source, person, 1_000)
    errors: list[BaseException] = []

    def run(seed: int) -> None:
        choose = random.Random(seed)
        try:
            for _ in range(12):
                debit, credit = choose.sample(people, 2)
                if seed % 3 == 0:
                    targets = [
                        choose.choice([*(p for p in people if p != debit), clearing]) for _ in range(10)
                    ]
                    post(*(order(choose.choice([debit, credit]), target, 60) for target in targets))
                elif seed % 3 == 1:
                    try:
                        transfer(debit, credit, 300)
                    except ExceedsBalance:
                        continue
                else:
                    fold_totals()
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    sums = get_ledger_sums()
    assert sums.sound
    kept = sum(balance(person) for person in people) + get_ledger_balance(account_id=clearing.pk).booked_minor
    assert kept == 6_000


@pytest.mark.django_db(transaction=True)
def test_another_who_books_one_of_them_meanwhile_costs_a_second_look() -> None:
    """The set meets a key that another transaction wrote and had not committed when the set was judged."""
    clearing = book_account("clearing:test", limit=None, kind=LedgerAccountKind.CLEARING)
    nostro = book_account("nostro:test", limit=None, kind=LedgerAccountKind.NOSTRO)
    outcomes: list[PostingOutcome] = []

    def run() -> None:
        try:
            outcomes.extend(post(order(clearing, nostro, 10, "raced"), order(clearing, nostro, 5)))
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    with transaction.atomic():
        transfer(clearing, nostro, 10, reference="raced")
        thread.start()
        deadline = time.monotonic() + 30
        with connection.cursor() as cursor:
            while time.monotonic() < deadline:
                cursor.execute("SELECT pg_stat_clear_snapshot()")
                cursor.execute(
                    "SELECT 1 FROM pg_stat_activity"
                    " WHERE wait_event = 'transactionid' AND query LIKE '%post_transfers%'"
                )
                if cursor.fetchone():
                    break
                time.sleep(0.02)
    thread.join()
    assert outcomes == [EXISTS, POSTED]
    assert get_ledger_balance(account_id=nostro.pk).booked_minor == 15
