"""Payments that wait are booked together: each ends as it would alone, and many cost little more than one."""

import random

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from apps.accounts.queries import get_balance
from apps.audit.models import AuditEvent
from apps.clearing.models import ClearingInstruction
from apps.core import clock
from apps.core.iban import make_iban
from apps.engine.execution import execute_payments
from apps.engine.tasks import execute_payments as execute_task
from apps.identity.models import PSU
from apps.ledger.models import Entry
from apps.ledger.queries import get_ledger_sums
from apps.ledger.verification import verify_books
from apps.notifications.models import OutboxMessage
from apps.payments.limit_models import PaymentLimits
from apps.payments.limit_rules import LimitKind
from apps.payments.limits import get_day_use
from apps.payments.models import PaymentInitiation
from apps.payments.queries import PaymentUnknown
from apps.payments.rules import PaymentProduct
from tests.factories.accounts import FOREIGN_IBAN, NOW, bank_accounts, customer
from tests.factories.payments import signed_payments
from tests.factories.tpp import AppFactory
from tests.sca.test_codes import in_parallel

NOBODY_HERE = make_iban(country="DE", bank_code="10099900", account_number="4040404040")

pytestmark = pytest.mark.req("S0-46", "S0-48")


@pytest.fixture
def people(db: None) -> list[PSU]:
    bank_accounts()
    return [
        customer(name, phone=f"+49151000000{number}", balance_minor=10_000)
        for number, name in enumerate(("Anna", "Bruno", "Carla", "Dora"))
    ]


def execute(payments: list[PaymentInitiation]) -> list[tuple[str, str]]:
    with transaction.atomic():
        execute_payments(requests={payment.pk: f"call-{payment.pk}" for payment in payments}, now=NOW)
    for payment in payments:
        payment.refresh_from_db()
    return [(payment.transaction_status, payment.status_reason) for payment in payments]


def balance(psu: PSU) -> int:
    return get_balance(account=psu.account).booked_minor


def limits(psu: PSU, per_day_minor: int) -> None:
    values = {f"{kind.value}_minor": per_day_minor for kind in LimitKind}
    PaymentLimits.objects.create(psu=psu, changed_at=NOW, **values)


class TestEachAsAlone:
    def test_every_outcome_in_one_group(self, people: list[PSU]) -> None:
        anna, bruno, carla, dora = people
        limits(carla, 100)
        payments = signed_payments(
            [
                (anna, bruno.account.iban, 1_000),
                (anna, FOREIGN_IBAN, 2_000),
                (anna, NOBODY_HERE, 100),
                (bruno, anna.account.iban, 50_000),
                (carla, anna.account.iban, 101),
                (dora, anna.account.iban, 400),
                (dora, anna.account.iban, 500),
            ]
        )
        changed = payments[6]
        PaymentInitiation.objects.filter(pk=changed.pk).update(amount_minor=501)
        instant = signed_payments(
            [(dora, FOREIGN_IBAN, 300)], payment_product=PaymentProduct.INSTANT_SEPA_CREDIT_TRANSFERS
        )
        assert execute(payments + instant) == [
            ("ACSC", ""),
            ("ACSP", ""),
            ("RJCT", "AC01"),
            ("RJCT", "AM04"),
            ("RJCT", "AM14"),
            ("ACSC", ""),
            ("RJCT", "DS0A"),
            ("ACSP", ""),
        ]
        assert [balance(psu) for psu in people] == [7_400, 11_000, 10_000, 9_300]
        handed_over = {(one.amount_minor, one.rail) for one in ClearingInstruction.objects.all()}
        assert handed_over == {(2_000, "sct"), (300, "inst")}
        assert OutboxMessage.objects.filter(topic="engine.time_out_payment").count() == 1
        assert get_ledger_sums().sound

    def test_a_second_delivery_changes_nothing(self, people: list[PSU]) -> None:
        anna, bruno, *_ = people
        payments = signed_payments([(anna, bruno.account.iban, 100), (anna, FOREIGN_IBAN, 100)])
        first = execute(payments)
        events = AuditEvent.objects.count()
        assert execute(payments) == first
        assert (balance(anna), Entry.objects.filter(kind="credit_transfer").count()) == (9_800, 2)
        assert (AuditEvent.objects.count(), ClearingInstruction.objects.count()) == (events, 1)

    def test_what_one_gets_another_may_pay_with(self, people: list[PSU]) -> None:
        anna, bruno, carla, _ = people
        payments = signed_payments([(anna, bruno.account.iban, 9_000), (bruno, carla.account.iban, 15_000)])
        assert execute(payments) == [("ACSC", ""), ("ACSC", "")]
        assert (balance(bruno), balance(carla)) == (4_000, 25_000)

    def test_an_unknown_one_stops_the_group_and_nothing_is_done(self, people: list[PSU]) -> None:
        anna, bruno, *_ = people
        payments = signed_payments([(anna, bruno.account.iban, 100)])
        with pytest.raises(PaymentUnknown), transaction.atomic():
            execute_payments(requests={payments[0].pk: "-", payments[0].authorisation_id: "-"}, now=NOW)
        assert balance(anna) == 10_000

    def test_each_event_names_the_call_of_its_payment(self, people: list[PSU]) -> None:
        anna, bruno, *_ = people
        app = AppFactory()
        payments = signed_payments(
            [(anna, bruno.account.iban, 100), (anna, bruno.account.iban, 200)],
            channel="xs2a",
            app=app,
            tpp_notification_uri="https://tpp.example/push",
        )
        execute(payments)
        for payment in payments:
            call = f"call-{payment.pk}"
            event = AuditEvent.objects.get(object_id=str(payment.pk), event="payments.payment.ACSC")
            assert (event.request_id, event.actor_type) == (call, "engine")
            assert event.actor_id == payment.core_user_id != ""
            push = OutboxMessage.objects.get(effect_key=f"push:{payment.pk}:ACSC")
            assert push.correlation_id == call


class TestLimits:
    def test_they_are_counted_in_order(self, people: list[PSU]) -> None:
        anna, bruno, *_ = people
        limits(anna, 1_000)
        payments = signed_payments([(anna, bruno.account.iban, amount) for amount in (600, 300, 200, 100)])
        outcomes = execute(payments)
        assert outcomes == [("ACSC", ""), ("ACSC", ""), ("RJCT", "AM14"), ("ACSC", "")]
        assert get_day_use(psu_id=anna.pk, now=NOW).portal_minor == 1_000

    def test_what_did_not_go_out_takes_no_room(self, people: list[PSU]) -> None:
        anna, bruno, *_ = people
        limits(anna, 20_000)
        payments = signed_payments([(anna, bruno.account.iban, amount) for amount in (15_000, 8_000)])
        assert execute(payments) == [("RJCT", "AM04"), ("ACSC", "")]
        assert get_day_use(psu_id=anna.pk, now=NOW).portal_minor == 8_000
        assert balance(anna) == 2_000


def test_many_take_no_more_round_trips_than_few(people: list[PSU]) -> None:
    def round_trips(copies: int) -> int:
        orders = [(psu, people[number - 1].account.iban, 10) for number, psu in enumerate(people)]
        orders += [(psu, FOREIGN_IBAN, 10) for psu in people]
        payments = signed_payments(orders * copies)
        with CaptureQueriesContext(connection) as queries:
            execute(payments)
        # One more for each further payment of the same customers: the limits are counted one after the other.
        return len(queries) - len(payments) - 2 * copies

    assert round_trips(1) == round_trips(5)


@pytest.mark.django_db(transaction=True)
@pytest.mark.req("S0-14")
def test_many_engines_share_what_waits(monkeypatch: pytest.MonkeyPatch, settings) -> None:
    """Eight at once over 200 payments to and fro: each once, no deadlock, the books hold."""
    settings.OUTBOX_TOGETHER = {"engine.execute_payment": 7}
    monkeypatch.setattr(clock, "now", lambda: NOW)
    bank_accounts()
    choose = random.Random(20261125)
    people = [
        customer(name, phone=f"+49151000000{number}", balance_minor=3_000)
        for number, name in enumerate(("Anna", "Bruno", "Carla"))
    ]
    orders = []
    for _ in range(200):
        payer, payee = choose.sample(people, 2)
        orders.append((payer, choose.choice([payee.account.iban, FOREIGN_IBAN]), choose.randint(1, 400)))
    payments = signed_payments(orders)
    failures = [outcome for outcome in in_parallel(8, lambda n: execute_task()) if outcome is not None]
    assert failures == []
    statuses = {payment.pk: payment.transaction_status for payment in PaymentInitiation.objects.all()}
    assert set(statuses.values()) <= {"ACSC", "ACSP", "RJCT"}
    booked = set(Entry.objects.filter(kind="credit_transfer").values_list("reference", flat=True))
    assert booked == {str(pk) for pk, status in statuses.items() if status != "RJCT"}
    assert set(
        OutboxMessage.objects.filter(topic="engine.execute_payment").values_list("status", "attempts")
    ) == {("done", 1)}
    assert len(payments) == 200
    assert verify_books().sound
