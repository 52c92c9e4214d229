"""The ledger beside a ledger in plain Python: whatever is done in whatever order, both must say the same."""

import os
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from apps.core.money import Money
from apps.ledger.models import LedgerAccount
from apps.ledger.queries import get_balance_on, get_ledger_balance, get_ledger_sums
from apps.ledger.rules import EntryKind, LedgerAccountKind, Narrative, PostingOutcome
from apps.ledger.services import (
    EntryClash,
    EntryUnknown,
    ExceedsBalance,
    HoldEnded,
    HoldUnknown,
    capture_hold,
    close_days,
    expire_holds,
    fold_totals,
    place_hold,
    post_transfers,
    release_hold,
    reverse_entry,
)
from tests.factories.accounts import NOW
from tests.ledger.books import DAY, book_account, order, transfer

CUSTOMERS = ("anna", "bruno", "carla")
NAMES = (*CUSTOMERS, "clearing")
LIMITS = {"anna": 0, "bruno": -300, "carla": 0, "clearing": None}
DAYS = tuple(DAY + timedelta(days=n) for n in range(4))

names = st.sampled_from(NAMES)
pairs = st.tuples(names, names).filter(lambda pair: pair[0] != pair[1])
amounts = st.integers(1, 400)
references = st.sampled_from([f"r{n}" for n in range(25)])
days = st.sampled_from(DAYS[:3])


@dataclass
class Account:
    """What a plain ledger knows of an account."""

    limit: int | None
    postings: list[tuple[date, int]] = field(default_factory=list)
    held: int = 0

    @property
    def balance(self) -> int:
        return sum(change for _, change in self.postings)

    def covers(self, amount: int) -> bool:
        return self.limit is None or self.balance - self.held - amount >= self.limit


class LedgerMachine(RuleBasedStateMachine):
    """Does the same to both, and compares after every step."""

    def __init__(self) -> None:
        super().__init__()
        self.savepoint = transaction.savepoint()
        self.plain = {name: Account(LIMITS[name]) for name in NAMES}
        self.entries: dict[tuple[str, str], tuple[str, str, int]] = {}
        self.holds: dict[str, list[Any]] = {}
        self.open_day = date.min
        self.real: dict[str, LedgerAccount] = {}
        for name in NAMES:
            limit = LIMITS[name]
            self.real[name] = book_account(
                f"model:{name}",
                limit=None if limit is None else -limit,
                kind=LedgerAccountKind.CUSTOMER if name in CUSTOMERS else LedgerAccountKind.CLEARING,
            )
        for name in CUSTOMERS:
            self.transfer(("clearing", name), 500, f"start-{name}", DAYS[0])

    def teardown(self) -> None:
        transaction.savepoint_rollback(self.savepoint)

    # The plain ledger -----------------------------------------------------------------------------------

    def _book(
        self, kind: str, reference: str, pair: tuple[str, str], amount: int, day: date
    ) -> PostingOutcome:
        known = self.entries.get((kind, reference))
        if known is not None:
            same = known == (*pair, amount)
            return PostingOutcome.EXISTS if same else PostingOutcome.EXISTS_WITH_DIFFERENT_CONTENT
        debit, credit = pair
        if not self.plain[debit].covers(amount):
            return PostingOutcome.EXCEEDS_BALANCE
        self.entries[kind, reference] = (*pair, amount)
        day = max(day, self.open_day)
        self.plain[debit].postings.append((day, -amount))
        self.plain[credit].postings.append((day, amount))
        return PostingOutcome.POSTED

    # What can be done -----------------------------------------------------------------------------------

    @rule(pair=pairs, amount=amounts, reference=references, day=days)
    def transfer(self, pair: tuple[str, str], amount: int, reference: str, day: date) -> None:
        expected = self._book("credit_transfer", reference, pair, amount, day)
        debit, credit = (self.real[name] for name in pair)
        outcome = _outcome_of(lambda: transfer(debit, credit, amount, reference=reference, day=day))
        assert outcome == expected

    @rule(orders=st.lists(st.tuples(pairs, amounts, references), min_size=1, max_size=8), day=days)
    def transfer_as_a_set(self, orders: list[tuple[tuple[str, str], int, str]], day: date) -> None:
        expected: list[PostingOutcome | None] = [None] * len(orders)
        first: dict[str, int] = {}
        for number, (*_, reference) in enumerate(orders):
            first.setdefault(reference, number)
        unknown = [("credit_transfer", reference) not in self.entries for *_, reference in orders]
        asked = dict.fromkeys(NAMES, 0)
        for number, (pair, amount, _) in enumerate(orders):
            if unknown[number]:
                asked[pair[0]] += amount
        covered = {name: self.plain[name].covers(asked[name]) for name in NAMES}
        sure = [
            not unknown[n] or (first[reference] == n and covered[pair[0]])
            for n, (pair, _, reference) in enumerate(orders)
        ]
        for those in (True, False):
            for number, (pair, amount, reference) in enumerate(orders):
                if sure[number] is those:
                    expected[number] = self._book("credit_transfer", reference, pair, amount, day)
        outcomes = post_transfers(
            transfers=[order(self.real[d], self.real[c], amount, ref) for (d, c), amount, ref in orders],
            currency="EUR",
            booking_date=day,
            value_date=day,
            now=NOW,
        )
        assert outcomes == expected

    @rule(name=st.sampled_from(CUSTOMERS), amount=amounts, reference=references, expires=st.booleans())
    def place(self, name: str, amount: int, reference: str, *, expires: bool) -> None:
        def place() -> bool:
            return place_hold(
                account_id=self.real[name].pk,
                reference=reference,
                amount=Money(amount, "EUR"),
                expires_at=NOW if expires else None,
                now=NOW,
            )

        if reference in self.holds:
            same = self.holds[reference][:2] == [name, amount]
            expected = PostingOutcome.EXISTS if same else PostingOutcome.EXISTS_WITH_DIFFERENT_CONTENT
        elif not self.plain[name].covers(amount):
            expected = PostingOutcome.EXCEEDS_BALANCE
        else:
            expected = PostingOutcome.POSTED
            self.holds[reference] = [name, amount, expires, ""]
            self.plain[name].held += amount
        assert _outcome_of(place) == expected

    @rule(reference=references, way=st.sampled_from(["captured", "released"]), day=days)
    def end_hold(self, reference: str, way: str, day: date) -> None:
        def end() -> bool:
            if way == "released":
                return release_hold(reference=reference, now=NOW)
            return capture_hold(
                reference=reference,
                kind=EntryKind.INCOMING_CREDIT_TRANSFER,
                credit_account_id=self.real["clearing"].pk,
                booking_date=day,
                narrative=Narrative(),
                now=NOW,
            )

        hold = self.holds.get(reference)
        if hold is None:
            with pytest.raises(HoldUnknown):
                end()
        elif hold[3] not in ("", way):
            with pytest.raises(HoldEnded):
                end()
        else:
            assert end() is (hold[3] == "")
            if hold[3] == "":
                hold[3] = way
                self.plain[hold[0]].held -= hold[1]
                if way == "captured":
                    self._book("incoming_credit_transfer", reference, (hold[0], "clearing"), hold[1], day)

    @rule()
    def expire(self) -> None:
        due = [hold for hold in self.holds.values() if hold[2] and not hold[3]]
        assert expire_holds(now=NOW) == len(due)
        for hold in due:
            hold[3] = "expired"
            self.plain[hold[0]].held -= hold[1]

    @rule(reference=references, day=days)
    def reverse(self, reference: str, day: date) -> None:
        def reverse() -> bool:
            return reverse_entry(
                kind=EntryKind.CREDIT_TRANSFER, reference=reference, booking_date=day, reason="wrong", now=NOW
            )

        entry = self.entries.get(("credit_transfer", reference))
        if entry is None:
            with pytest.raises(EntryUnknown):
                reverse()
        else:
            debit, credit, amount = entry
            expected = self._book("reversal", reference, (credit, debit), amount, day)
            assert _outcome_of(reverse) == expected

    @rule()
    def fold(self) -> None:
        fold_totals()

    @rule(day=st.sampled_from(DAYS))
    def close(self, day: date) -> None:
        booked = [booked_on for account in self.plain.values() for booked_on, _ in account.postings]
        start = self.open_day if self.open_day > date.min else min(booked)
        assert close_days(until=day) == max(0, (day - start).days + 1)
        self.open_day = max(self.open_day, day + timedelta(days=1)) if day >= start else self.open_day

    # What must hold -------------------------------------------------------------------------------------

    @invariant()
    def both_say_the_same(self) -> None:
        for name in NAMES:
            account, plain = self.real[name], self.plain[name]
            found = get_ledger_balance(account_id=account.pk)
            assert found.booked_minor == plain.balance, name
            assert found.available_minor == plain.balance - plain.held - (plain.limit or 0), name
            for day in DAYS:
                until = sum(change for booked_on, change in plain.postings if booked_on <= day)
                assert get_balance_on(account_id=account.pk, day=day) == until, (name, day)

    @invariant()
    def the_books_hold(self) -> None:
        assert get_ledger_sums().sound
        assert sum(account.balance for account in self.plain.values()) == 0


def _outcome_of(act: Any) -> PostingOutcome:
    try:
        return PostingOutcome.POSTED if act() else PostingOutcome.EXISTS
    except ExceedsBalance:
        return PostingOutcome.EXCEEDS_BALANCE
    except EntryClash:
        return PostingOutcome.EXISTS_WITH_DIFFERENT_CONTENT


@pytest.mark.django_db
def test_the_ledger_says_what_a_plain_ledger_says() -> None:
    """``LEDGER_EXAMPLES=2000`` looks further; a failure prints the steps that lead to it."""
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(
            max_examples=int(os.environ.get("LEDGER_EXAMPLES", "25")),
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
