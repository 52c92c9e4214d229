"""Made customers and payments, some of them fraud: what monitoring is measured with.

Everything here is invented. Habits, slips and tricks are drawn at random from a seed; no bank's data were seen. Each
payment comes with what the bank would know of it, and with the truth.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from apps.core.iban import make_iban
from apps.risk.facts import Order, PastPayment, payee_facts
from apps.risk.rules import RiskFacts

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 180
WARM_UP_DAYS = 60  # So that most customers have a habit; what is paid then is not counted.
PAST_MAX = 500
COUNTRIES = ("FR", "NL", "ES", "IT", "PL")
NEW_HOURS, OLD_HOURS = 0, 24 * 90

# Of a thousand payments so many are fraud: many times what banks see, so that there is enough to count.
FRAUD_PER_MILLE = 5
SCENARIOS = ("takeover", "malware", "talked_into", "many_small", "known_mule", "quiet")


@dataclass
class Scene:
    """One payment: what the bank measures, and the truth ("" for an honest one)."""

    facts: RiskFacts
    fraud: str


@dataclass
class _Customer:
    iban: str
    usual_minor: int
    spread: float
    payees: list[str]
    payments_a_day: float
    hours: tuple[int, int]
    balance_minor: int
    tpp_share: float
    past: list[PastPayment] = field(default_factory=list)
    changed_at: datetime | None = None
    device_since: datetime = BEGIN - timedelta(days=200)
    network_since: datetime = BEGIN - timedelta(days=200)


class World:
    """``count`` payments that are counted, in the order of time, from one seed."""

    def __init__(self, *, seed: int, count: int) -> None:
        self.random = random.Random(seed)
        self.count = count
        self._number = seed * 1_000_000

    def scenes(self) -> Iterator[Scene]:
        """Customers one after another; each lives his half-year by himself."""
        made = 0
        while made < self.count:
            customer = self._customer()
            for scene in self._life(customer):
                yield scene
                made += 1
                if made == self.count:
                    return

    def _iban(self, country: str = "DE") -> str:
        self._number += 1
        if country == "DE":
            return make_iban(
                country="DE", bank_code="12030000", account_number=str(self._number % 10**10).zfill(10)
            )
        return f"{country}00{self._number:018d}"  # Only the country is looked at.

    def _customer(self) -> _Customer:
        draw = self.random
        usual = int(draw.lognormvariate(8.3, 0.7))  # Around 40 EUR.
        begin = draw.choice((7, 8, 9, 17, 18))
        return _Customer(
            iban=self._iban(),
            usual_minor=usual,
            spread=draw.uniform(0.5, 1.2),
            payees=[self._iban() for _ in range(draw.randint(4, 14))],
            payments_a_day=draw.choice((0.1, 0.3, 0.3, 0.5, 0.5, 1, 1.5, 4)),
            hours=(begin, begin + draw.randint(3, 10)),
            balance_minor=int(usual * draw.uniform(20, 400)),
            tpp_share=draw.choice((0, 0, 0, 0.1, 0.5)),
        )

    def _life(self, customer: _Customer) -> Iterator[Scene]:
        draw, at = self.random, BEGIN
        joined = BEGIN + timedelta(days=draw.choice((0, 0, 0, 0, 0, 0, WARM_UP_DAYS + 30)))
        at = joined
        end = BEGIN + timedelta(days=DAYS)
        while True:
            at += timedelta(days=draw.expovariate(customer.payments_a_day))
            at = at.replace(hour=self._hour(customer), minute=draw.randrange(60))
            if customer.past and at <= customer.past[0].at:
                at = customer.past[0].at + timedelta(minutes=draw.randint(3, 50))
            if at >= end:
                return
            is_counted = at >= BEGIN + timedelta(days=WARM_UP_DAYS)
            if is_counted and draw.randrange(1000) < FRAUD_PER_MILLE:
                yield from self._fraud(customer, at=at)
            else:
                scene = self._honest(customer, at=at)
                if is_counted:
                    yield scene

    def _hour(self, customer: _Customer) -> int:
        if self.random.random() < 0.04:
            return self.random.randrange(24)
        return self.random.randint(*customer.hours) % 24

    def _honest(self, customer: _Customer, *, at: datetime) -> Scene:
        """Everyday, with what makes honest people look strange now and then."""
        draw = self.random
        is_new = not customer.past or draw.random() < 0.12
        amount = max(100, int(customer.usual_minor * draw.lognormvariate(0, customer.spread)))
        if draw.random() < 0.02:  # A deposit, a car, a holiday.
            amount *= draw.randint(4, 25)
        if draw.random() < 0.01:
            customer.changed_at = at - timedelta(hours=draw.randint(0, 48))
        if draw.random() < 0.015:
            customer.device_since = at
        network_since = at if draw.random() < 0.05 else customer.network_since
        payee = draw.choice(customer.payees)
        if is_new:
            payee = self._iban(draw.choice(COUNTRIES) if draw.random() < 0.08 else "DE")
            if draw.random() < 0.6:
                customer.payees.append(payee)
        return self._scene(
            customer,
            at=at,
            payee=payee,
            amount=min(amount, customer.balance_minor),
            other_name=is_new and draw.random() < 0.04,
            device_since=customer.device_since,
            network_since=network_since,
            is_untold=draw.random() < customer.tpp_share,
            seconds=draw.randint(15, 240),
        )

    def _fraud(self, customer: _Customer, *, at: datetime) -> Iterator[Scene]:
        draw = self.random
        fraud = draw.choice(SCENARIOS)
        mule, before = self._iban(), len(customer.past)
        times_usual = draw.uniform(2, 30)
        amount = min(customer.balance_minor, max(20_000, int(customer.usual_minor * times_usual)))
        if fraud == "takeover":
            # Phone number moved or limits raised, then emptied from elsewhere.
            changed_at, customer.changed_at = customer.changed_at, at - timedelta(hours=draw.randint(1, 60))
            share = draw.uniform(0.5, 1)
            yield self._scene(
                customer,
                at=at,
                payee=mule,
                amount=int(customer.balance_minor * share),
                fraud=fraud,
                device_since=at,
                network_since=at,
                seconds=draw.randint(10, 200),
            )
            customer.changed_at = changed_at
        elif fraud == "malware":
            # The customer's own device, driven by a program; some slow down to look like a person.
            seconds = draw.randint(1, 8) if draw.random() < 0.7 else draw.randint(9, 60)
            yield self._scene(
                customer,
                at=at,
                payee=mule,
                amount=amount,
                fraud=fraud,
                seconds=seconds,
                is_program=draw.random() < 0.2,
                device_since=customer.device_since,
                network_since=customer.network_since,
            )
        elif fraud == "talked_into":
            # Told a story on the telephone: everything is the customer's own but the payee.
            yield self._scene(
                customer,
                at=at,
                payee=mule,
                amount=amount,
                fraud=fraud,
                seconds=draw.randint(30, 400),
                other_name=draw.random() < 0.5,
                device_since=customer.device_since,
                network_since=customer.network_since,
            )
        elif fraud == "many_small":
            for number in range(draw.randint(4, 9)):
                yield self._scene(
                    customer,
                    at=at + timedelta(minutes=4 * number),
                    payee=mule,
                    amount=draw.randint(2_000, 30_000),
                    fraud=fraud,
                    seconds=draw.randint(10, 90),
                    device_since=at,
                    network_since=at,
                )
        elif fraud == "known_mule":
            yield self._scene(
                customer,
                at=at,
                payee=mule,
                amount=amount,
                fraud=fraud,
                seconds=draw.randint(20, 200),
                is_listed=True,
                device_since=customer.device_since,
                network_since=customer.network_since,
            )
        else:
            # A usual amount to a new payee from a stolen session: nothing stands out but the payee.
            yield self._scene(
                customer,
                at=at,
                payee=mule,
                amount=customer.usual_minor,
                fraud=fraud,
                seconds=draw.randint(20, 200),
                device_since=customer.device_since,
                network_since=at,
            )
        # What was stolen is found out, and is no habit.
        del customer.past[: len(customer.past) - before]

    def _scene(
        self,
        customer: _Customer,
        *,
        at: datetime,
        payee: str,
        amount: int,
        seconds: int,
        device_since: datetime,
        network_since: datetime,
        other_name: bool = False,
        is_listed: bool = False,
        is_program: bool = False,
        is_untold: bool = False,
        fraud: str = "",
    ) -> Scene:
        """Measure it as the bank would, then remember it. ``is_untold``: through a TPP that tells little."""
        amount = max(1, amount)
        order = Order(
            amount_minor=amount,
            debtor_iban=customer.iban,
            creditor_iban=payee,
            has_other_name=other_name,
            past=customer.past,
            available_minor=customer.balance_minor,
            security_changed_at=customer.changed_at,
        )
        facts = RiskFacts(
            **payee_facts(order, now=at),
            listed_elements=int(is_listed),
            device_age_hours=None if is_untold else _age(device_since, at),
            network_age_hours=_age(network_since, at),
            automated_client=None if is_untold else int(is_program),
            session_seconds=None if is_untold else seconds,
        )
        customer.past.insert(0, PastPayment(payee, amount, at, True))
        del customer.past[PAST_MAX:]
        return Scene(facts, fraud)


def _age(since: datetime, at: datetime) -> int:
    return max(0, int((at - since).total_seconds() // 3600))
