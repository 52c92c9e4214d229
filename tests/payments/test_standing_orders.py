"""Standing orders: signed once as a series, executed once a due date, covered by what was signed and nothing else."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from apps.accounts.models import AccountHolder, PaymentAccount
from apps.accounts.queries import get_balance
from apps.audit.models import AuditEvent
from apps.core.iban import make_iban
from apps.core.ids import new_id
from apps.core.money import Money
from apps.core.target_calendar import ExecutionRule
from apps.engine.execution import execute_payment
from apps.identity.models import PSU
from apps.ledger.queries import get_ledger_sums
from apps.notifications.models import OutboxMessage
from apps.payees.models import LookupCount
from apps.payments.limit_models import PaymentLimits
from apps.payments.limits import LimitExceeded
from apps.payments.messages import render_refusal_notice
from apps.payments.models import PaymentInitiation, StandingOrder
from apps.payments.queries import list_pending_payments
from apps.payments.recurrence import EndTooEarly, Frequency, Series, StartTooEarly
from apps.payments.rules import StatusReason
from apps.payments.services import (
    CurrencyNotSupported,
    DebtorAccountNotYours,
    PaymentOrder,
    RequestIdReused,
    SameAccount,
    check_authorised_as_is,
)
from apps.payments.standing_orders import (
    StandingOrderStatusInvalid,
    StandingOrderUnknown,
    authorise_standing_order,
    end_standing_order,
    execute_due_standing_orders,
    execution,
    expire_standing_orders,
    get_standing_order,
    initiate_standing_order,
    list_executions,
    list_standing_orders,
    reject_standing_order,
    send_standing_order_code,
    start_standing_order_authorisation,
)
from apps.sca.models import Challenge, SCAAuthorisation
from apps.sca.services import CodeRefused, DynamicLinkBroken
from tests.factories.accounts import FOREIGN_IBAN, NOW, account_of, bank_accounts, customer
from tests.factories.payments import challenged_payment, proof_for
from tests.sca.test_codes import in_parallel

# NOW is Saturday, 21 November 2026, 13:00 in Berlin.
MONTHLY = Series(date(2026, 12, 1), Frequency.MONTHLY)


def at(text: str) -> datetime:
    """A moment in Berlin's winter time."""
    return datetime.fromisoformat(f"{text}+01:00").astimezone(UTC)


@pytest.fixture
def anna(db: None) -> PSU:
    bank_accounts()
    return customer("Anna", balance_minor=100_000)


@pytest.fixture
def bruno(db: None) -> PSU:
    return customer("Bruno", phone="+4915100000002", balance_minor=0)


def enter(
    psu: PSU,
    series: Series = MONTHLY,
    *,
    to: str = FOREIGN_IBAN,
    amount: int = 2_500,
    request_id: str = "",
    replaces: StandingOrder | None = None,
    account: PaymentAccount | None = None,
    name: str = "Hausverwaltung Kern",
) -> StandingOrder:
    order, _ = initiate_standing_order(
        order=PaymentOrder(
            debtor_account=account or psu.account,
            creditor_name=name,
            creditor_iban=to,
            instructed_amount=Money(amount, "EUR"),
            remittance_information_unstructured="Rent",
        ),
        series=series,
        psu=psu,
        replaces=replaces,
        request_id=request_id or str(new_id()),
        now=NOW,
    )
    return order


def asked(psu: PSU, order: StandingOrder) -> tuple[SCAAuthorisation, Challenge]:
    authorisation = start_standing_order_authorisation(standing_order_id=order.pk, psu=psu, now=NOW)
    challenge_id = send_standing_order_code(
        standing_order_id=order.pk, authorisation_id=authorisation.pk, psu=psu, now=NOW
    )
    return authorisation, Challenge.objects.get(pk=challenge_id)


def sign(psu: PSU, order: StandingOrder) -> StandingOrder:
    authorisation, challenge = asked(psu, order)
    return authorise_standing_order(
        standing_order_id=order.pk,
        authorisation_id=authorisation.pk,
        psu=psu,
        proof=proof_for(challenge.pk),
        now=NOW,
    )


def running(psu: PSU, series: Series = MONTHLY, **fields: object) -> StandingOrder:
    return sign(psu, enter(psu, series, **fields))


def run_engine(payment: PaymentInitiation, *, now: datetime = NOW) -> tuple[str, str]:
    with transaction.atomic():
        execute_payment(payment_id=payment.pk, now=now)
    payment.refresh_from_db()
    return payment.transaction_status, payment.status_reason


def balance(psu: PSU) -> int:
    return get_balance(account=PaymentAccount.objects.get(pk=psu.account.pk)).booked_minor


def dues(order: StandingOrder) -> list[str]:
    return [payment.due_date.isoformat() for payment in reversed(list_executions(standing_order_id=order.pk))]


class TestTakingIn:
    def test_nothing_runs_before_it_is_signed(self, anna: PSU) -> None:
        order = enter(anna)
        assert (order.transaction_status, order.next_execution_date) == ("RCVD", None)
        assert execute_due_standing_orders(now=at("2027-06-01T08:00:00")) == 0
        assert not list_standing_orders(psu_id=anna.pk)

    def test_the_same_form_twice_is_one_order_and_another_order_is_refused(self, anna: PSU) -> None:
        key = str(new_id())
        order = enter(anna, request_id=key)
        assert enter(anna, request_id=key) == order
        for other in (
            Series(date(2026, 12, 2), Frequency.MONTHLY),
            Series(date(2026, 12, 1), Frequency.QUARTERLY),
            Series(date(2026, 12, 1), Frequency.MONTHLY, date(2027, 12, 1)),
            Series(date(2026, 12, 1), Frequency.MONTHLY, None, ExecutionRule.PRECEDING),
            Series(date(2026, 12, 1), Frequency.MONTHLY, day_of_execution=1),
        ):
            with pytest.raises(RequestIdReused):
                enter(anna, other, request_id=key)
        with pytest.raises(RequestIdReused):
            enter(anna, request_id=key, amount=2_501)

    def test_what_cannot_be_ordered(self, anna: PSU, bruno: PSU) -> None:
        dollars = account_of(anna, currency="USD")
        PaymentLimits.objects.create(
            psu=anna,
            per_payment_minor=5_000,
            per_day_minor=9_000,
            portal_per_day_minor=9_000,
            xs2a_per_day_minor=0,
            changed_at=NOW,
        )
        for error, wish in (
            (StartTooEarly, {"series": Series(date(2026, 11, 21), Frequency.MONTHLY)}),
            (EndTooEarly, {"series": Series(date(2026, 12, 1), Frequency.MONTHLY, date(2026, 11, 30))}),
            (SameAccount, {"to": anna.account.iban}),
            (DebtorAccountNotYours, {"account": bruno.account}),
            (CurrencyNotSupported, {"account": dollars}),
            (LimitExceeded, {"amount": 5_001}),
        ):
            with pytest.raises(error):
                enter(anna, **wish)
        assert not StandingOrder.objects.exists()

    def test_left_lying_it_is_refused(self, anna: PSU) -> None:
        order = enter(anna)
        assert expire_standing_orders(now=NOW + timedelta(hours=23)) == 0
        assert expire_standing_orders(now=NOW + timedelta(hours=24)) == 1
        order.refresh_from_db()
        assert order.transaction_status == "RJCT"
        with pytest.raises(StandingOrderStatusInvalid):
            start_standing_order_authorisation(standing_order_id=order.pk, psu=anna, now=NOW)

    def test_anothers_looks_missing(self, anna: PSU, bruno: PSU) -> None:
        order = running(anna)
        for call in (
            lambda: get_standing_order(psu_id=bruno.pk, standing_order_id=order.pk),
            lambda: end_standing_order(psu_id=bruno.pk, standing_order_id=order.pk, now=NOW),
            lambda: start_standing_order_authorisation(standing_order_id=order.pk, psu=bruno, now=NOW),
            lambda: reject_standing_order(
                standing_order_id=order.pk, psu_id=bruno.pk, reason=StatusReason.DS0A, now=NOW
            ),
            lambda: get_standing_order(psu_id=anna.pk, standing_order_id=new_id()),
        ):
            with pytest.raises(StandingOrderUnknown):
                call()


@pytest.mark.req("RTS-14", "RTS-5(1)(b)", "RTS-5(1)(d)")
class TestSigning:
    def test_the_code_covers_the_series(self, anna: PSU) -> None:
        order = enter(
            anna, Series(date(2027, 1, 1), Frequency.MONTHLY, date(2027, 12, 31), day_of_execution=31)
        )
        _authorisation, challenge = asked(anna, order)
        covered = {
            "amount_minor": 2_500,
            "creditor_name": "Hausverwaltung Kern",
            "creditor_iban": FOREIGN_IBAN,
            "frequency": "Monthly",
            "start_date": "2027-01-01",
            "end_date": "2027-12-31",
            "day_of_execution": 31,
            "first_execution_date": "2027-02-01",  # 31 January is a Sunday.
        }
        assert covered.items() <= challenge.snapshot.items()

    def test_signed_it_runs_and_says_when_next(self, anna: PSU) -> None:
        order = running(anna, Series(date(2026, 12, 6), Frequency.MONTHLY))  # A Sunday.
        assert (order.transaction_status, order.next_due_date, order.next_execution_date) == (
            "ACTC",
            date(2026, 12, 6),
            date(2026, 12, 7),
        )
        assert list(list_standing_orders(psu_id=anna.pk)) == [order]
        assert AuditEvent.objects.filter(event="payments.standing_order.ACTC").count() == 1

    @pytest.mark.parametrize(
        ("column", "value"),
        [
            ("amount_minor", 2_501),
            ("creditor_name", "Somebody Else"),
            ("creditor_iban", "DE75512108001245126199"),
            ("frequency", "Weekly"),
            ("start_date", date(2026, 12, 2)),
            ("end_date", date(2030, 1, 1)),
            ("execution_rule", "preceding"),
            ("day_of_execution", 5),
            ("remittance_information_unstructured", "Other"),
        ],
    )
    def test_a_code_over_anything_else_is_void(self, anna: PSU, column: str, value: object) -> None:
        order = enter(anna)
        authorisation, challenge = asked(anna, order)
        proof = proof_for(challenge.pk)
        StandingOrder.objects.filter(pk=order.pk).update(**{column: value})
        with pytest.raises(DynamicLinkBroken):
            authorise_standing_order(
                standing_order_id=order.pk,
                authorisation_id=authorisation.pk,
                psu=anna,
                proof=proof,
                now=NOW,
            )
        challenge.refresh_from_db()
        order.refresh_from_db()
        assert (challenge.status, order.transaction_status) == ("voided", "RCVD")

    def test_the_code_of_a_payment_signs_no_series(self, anna: PSU) -> None:
        order = enter(anna)
        authorisation, _challenge = asked(anna, order)
        _payment, _id, challenge_id = challenged_payment(anna)
        with pytest.raises(DynamicLinkBroken):
            authorise_standing_order(
                standing_order_id=order.pk,
                authorisation_id=authorisation.pk,
                psu=anna,
                proof=proof_for(challenge_id),
                now=NOW,
            )

    def test_a_code_serves_once(self, anna: PSU) -> None:
        order, other = enter(anna), enter(anna)
        authorisation, challenge = asked(anna, order)
        proof = proof_for(challenge.pk)
        sign_with = {"authorisation_id": authorisation.pk, "psu": anna, "proof": proof, "now": NOW}
        authorise_standing_order(standing_order_id=order.pk, **sign_with)
        with pytest.raises(StandingOrderStatusInvalid):
            authorise_standing_order(standing_order_id=order.pk, **sign_with)
        with pytest.raises(DynamicLinkBroken):
            authorise_standing_order(standing_order_id=other.pk, **sign_with)

    def test_who_lost_the_right_on_the_account_signs_nothing(self, anna: PSU) -> None:
        order = enter(anna)
        authorisation, challenge = asked(anna, order)
        AccountHolder.objects.filter(psu=anna).update(may_pay=False)
        with pytest.raises(DebtorAccountNotYours):
            authorise_standing_order(
                standing_order_id=order.pk,
                authorisation_id=authorisation.pk,
                psu=anna,
                proof=proof_for(challenge.pk),
                now=NOW,
            )

    def test_a_changed_one_takes_the_place_of_the_old_in_one_moment(self, anna: PSU) -> None:
        old = running(anna)
        new = enter(anna, Series(date(2026, 12, 1), Frequency.QUARTERLY), amount=3_000, replaces=old)
        old.refresh_from_db()
        assert old.is_running
        new = sign(anna, new)
        old.refresh_from_db()
        assert (old.transaction_status, old.next_execution_date, new.transaction_status) == (
            "CANC",
            None,
            "ACTC",
        )
        assert execute_due_standing_orders(now=at("2026-12-01T08:00:00")) == 1
        assert PaymentInitiation.objects.get().amount_minor == 3_000

    def test_a_change_does_not_pay_a_day_again_that_was_paid_meanwhile(self, anna: PSU) -> None:
        old = running(anna)
        new = enter(anna, amount=3_000, replaces=old)
        authorisation, challenge = asked(anna, new)
        execute_due_standing_orders(now=at("2026-12-01T00:00:00"))
        with pytest.raises(StandingOrderStatusInvalid):
            authorise_standing_order(
                standing_order_id=new.pk,
                authorisation_id=authorisation.pk,
                psu=anna,
                proof=proof_for(challenge.pk),
                now=NOW,
            )
        assert StandingOrder.objects.get(transaction_status="ACTC") == old

    def test_two_changes_of_one_do_not_leave_two(self, anna: PSU, bruno: PSU) -> None:
        old = running(anna)
        first, second = (enter(anna, amount=amount, replaces=old) for amount in (1, 2))
        sign(anna, first)
        with pytest.raises(StandingOrderStatusInvalid):
            sign(anna, second)
        assert StandingOrder.objects.filter(transaction_status="ACTC").count() == 1
        with pytest.raises(StandingOrderStatusInvalid):
            enter(anna, replaces=StandingOrder.objects.get(pk=old.pk))
        with pytest.raises(StandingOrderStatusInvalid):
            enter(bruno, replaces=StandingOrder.objects.get(pk=first.pk))


@pytest.mark.req("RTS-14")
class TestExecuting:
    def test_each_due_date_makes_one_payment_on_its_business_day(self, anna: PSU, bruno: PSU) -> None:
        order = running(anna, to=bruno.account.iban)
        assert execute_due_standing_orders(now=at("2026-11-30T23:59:59")) == 0
        assert execute_due_standing_orders(now=at("2026-12-01T00:00:00")) == 1
        for later in ("2026-12-01T00:00:20", "2026-12-31T12:00:00", "2027-01-01T12:00:00"):
            assert execute_due_standing_orders(now=at(later)) == 0  # 1 January: banks are closed, a Friday.
        assert execute_due_standing_orders(now=at("2027-01-04T00:00:00")) == 1
        assert dues(order) == ["2026-12-01", "2027-01-01"]
        for payment in PaymentInitiation.objects.all():
            assert payment.authorisation_id == order.authorisation_id
            assert OutboxMessage.objects.filter(effect_key=f"execute:{payment.pk}").count() == 1
            assert run_engine(payment) == ("ACSC", "")
        assert (balance(anna), balance(bruno)) == (95_000, 5_000)
        assert get_ledger_sums().sound

    def test_preceding_comes_before(self, anna: PSU) -> None:
        order = running(
            anna, Series(date(2027, 1, 1), Frequency.ANNUAL, execution_rule=ExecutionRule.PRECEDING)
        )
        assert execute_due_standing_orders(now=at("2026-12-30T23:00:00")) == 0
        assert execute_due_standing_orders(now=at("2026-12-31T00:00:00")) == 1
        assert dues(order) == ["2027-01-01"]

    def test_missed_days_are_caught_up_each_once(self, anna: PSU) -> None:
        order = running(anna)
        assert execute_due_standing_orders(now=at("2027-04-15T12:00:00")) == 5
        assert execute_due_standing_orders(now=at("2027-04-15T12:00:00")) == 0
        assert dues(order) == ["2026-12-01", "2027-01-01", "2027-02-01", "2027-03-01", "2027-04-01"]

    def test_a_clock_set_back_makes_nothing_twice(self, anna: PSU) -> None:
        order = running(anna)
        assert execute_due_standing_orders(now=at("2027-01-04T12:00:00")) == 2
        assert execute_due_standing_orders(now=at("2026-12-01T12:00:00")) == 0
        assert execute_due_standing_orders(now=at("2027-02-01T12:00:00")) == 1
        assert dues(order) == ["2026-12-01", "2027-01-01", "2027-02-01"]

    def test_a_great_jump_is_caught_up_in_several_runs(
        self, anna: PSU, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(execution, "EXECUTIONS_PER_RUN_MAX", 4)
        order = running(anna, Series(date(2026, 11, 23), Frequency.DAILY, date(2026, 12, 2)))
        counts = [execute_due_standing_orders(now=at("2027-01-01T12:00:00")) for _ in range(4)]
        assert counts == [4, 4, 2, 0]
        assert len(set(dues(order))) == 10

    def test_after_the_last_it_is_over(self, anna: PSU) -> None:
        order = running(anna, Series(date(2026, 12, 1), Frequency.MONTHLY, date(2027, 1, 31)))
        assert execute_due_standing_orders(now=at("2028-01-01T12:00:00")) == 2
        order.refresh_from_db()
        assert (order.transaction_status, order.next_due_date) == ("ACSC", None)

    def test_a_refused_execution_is_told_and_the_series_goes_on(self, anna: PSU, bruno: PSU) -> None:
        poor = customer("Emil", phone="+4915100000003", balance_minor=3_000)
        order = running(poor, to=bruno.account.iban)
        execute_due_standing_orders(now=at("2027-01-04T12:00:00"))
        first, second = PaymentInitiation.objects.order_by("due_date")
        assert run_engine(first) == ("ACSC", "")
        assert run_engine(second) == ("RJCT", "AM04")
        notice = OutboxMessage.objects.get(topic="payments.send_refusal_notice")
        assert notice.payload == {"payment_id": str(second.pk)}
        text = render_refusal_notice(payment=second, language="en")
        assert text.startswith("Lindenbank: your standing order of €25.00 to Hausverwaltung Kern")
        assert "not enough money on the account" in text
        order.refresh_from_db()
        assert (order.transaction_status, order.next_due_date) == ("ACTC", date(2027, 2, 1))
        assert execute_due_standing_orders(now=at("2027-02-01T12:00:00")) == 1

    def test_what_is_due_counts_against_the_days_limit(self, anna: PSU) -> None:
        running(anna)
        running(anna)
        PaymentLimits.objects.create(
            psu=anna,
            per_payment_minor=5_000,
            per_day_minor=4_000,
            portal_per_day_minor=9_000,
            xs2a_per_day_minor=0,
            changed_at=NOW,
        )
        execute_due_standing_orders(now=at("2026-12-01T12:00:00"))
        results = sorted(run_engine(payment) for payment in PaymentInitiation.objects.all())
        assert results == [("ACSP", ""), ("RJCT", "AM14")]

    def test_what_is_made_is_under_way(self, anna: PSU) -> None:
        running(anna)
        execute_due_standing_orders(now=at("2026-12-01T12:00:00"))
        assert len(list_pending_payments(account_id=anna.account.pk)) == 1


@pytest.mark.req("RTS-14")
class TestCodes:
    """One code for the series: none for what follows from it, another for another amount or payee."""

    def test_the_first_and_every_later_execution_are_booked_without_another(
        self, anna: PSU, bruno: PSU
    ) -> None:
        order = running(anna, to=bruno.account.iban)
        codes = Challenge.objects.count()
        for day in ("2026-12-01T06:00", "2027-01-04T06:00", "2027-02-01T06:00"):
            assert execute_due_standing_orders(now=at(day)) == 1
            payment = order.executions.latest("due_date")
            assert run_engine(payment, now=at(day)) == ("ACSC", "")
        assert Challenge.objects.count() == codes

    @pytest.mark.parametrize("change", [{"amount": 2_501}, {"name": "Somebody else"}, {"to": "other"}])
    def test_another_amount_or_payee_waits_for_a_code_and_the_old_series_runs_till_then(
        self, anna: PSU, bruno: PSU, change: dict[str, Any]
    ) -> None:
        old = running(anna)
        changed = {"to": bruno.account.iban} if "to" in change else change
        new = enter(anna, replaces=old, **changed)
        assert execute_due_standing_orders(now=at("2026-12-01T06:00")) == 1
        assert (old.executions.count(), new.executions.count()) == (1, 0)
        code = Challenge.objects.count()
        new = enter(anna, Series(date(2027, 1, 1), Frequency.MONTHLY), replaces=old, **changed)
        sign(anna, new)
        assert Challenge.objects.count() == code + 1
        execute_due_standing_orders(now=at("2027-01-04T06:00"))
        assert (old.executions.count(), new.executions.count()) == (1, 1)

    @pytest.mark.parametrize("column", ["amount_minor", "creditor_iban", "creditor_name"])
    def test_no_execution_of_another_amount_or_payee_is_booked(self, anna: PSU, column: str) -> None:
        order = running(anna)
        execute_due_standing_orders(now=at("2026-12-01T06:00"))
        values = {"amount_minor": 2_501, "creditor_iban": "FR7630006000011234567890189"}
        PaymentInitiation.objects.update(**{column: values.get(column, "Somebody else")})
        assert run_engine(order.executions.get(), now=at("2026-12-01T06:00")) == ("RJCT", "DS0A")


@pytest.mark.req("RTS-14", "RTS-5(1)(c)")
class TestTheEngineTrustsNothing:
    @pytest.fixture
    def payment(self, anna: PSU) -> PaymentInitiation:
        running(anna)
        execute_due_standing_orders(now=at("2026-12-01T12:00:00"))
        return PaymentInitiation.objects.get()

    def test_what_was_signed_is_covered(self, payment: PaymentInitiation) -> None:
        assert check_authorised_as_is(payment=payment)

    @pytest.mark.parametrize(
        ("column", "value"),
        [
            ("amount_minor", 2_501),
            ("creditor_name", "Somebody Else"),
            ("creditor_iban", "DE75512108001245126199"),
            ("remittance_information_unstructured", "Other"),
            ("due_date", date(2026, 12, 2)),
            ("due_date", date(2026, 11, 1)),
        ],
    )
    def test_another_payment_is_not(self, payment: PaymentInitiation, column: str, value: object) -> None:
        PaymentInitiation.objects.filter(pk=payment.pk).update(**{column: value})
        assert run_engine(payment) == ("RJCT", "DS0A")

    @pytest.mark.parametrize(
        ("column", "value"),
        [("amount_minor", 2_501), ("creditor_iban", "DE75512108001245126199"), ("frequency", "Daily")],
    )
    def test_nor_one_whose_series_was_changed_along_with_it(
        self, payment: PaymentInitiation, column: str, value: object
    ) -> None:
        StandingOrder.objects.update(**{column: value})
        if column != "frequency":
            PaymentInitiation.objects.filter(pk=payment.pk).update(**{column: value})
        assert run_engine(payment) == ("RJCT", "DS0A")

    def test_nor_one_of_anothers_or_of_an_unfinished_authorisation(
        self, payment: PaymentInitiation, anna: PSU
    ) -> None:
        SCAAuthorisation.objects.filter(pk=payment.authorisation_id).update(subject_id=new_id())
        assert not check_authorised_as_is(payment=payment)

    def test_the_authorisation_of_a_series_covers_no_single_payment(self, payment: PaymentInitiation) -> None:
        PaymentInitiation.objects.filter(pk=payment.pk).update(standing_order=None, due_date=None)
        assert run_engine(payment) == ("RJCT", "DS0A")

    def test_an_execution_made_before_the_end_is_still_covered(
        self, payment: PaymentInitiation, anna: PSU
    ) -> None:
        end_standing_order(standing_order_id=payment.standing_order_id, psu_id=anna.pk, now=NOW)
        assert run_engine(payment) == ("ACSP", "")


@pytest.mark.req("P-80")
class TestEnding:
    def test_nothing_more_is_made(self, anna: PSU) -> None:
        order = running(anna)
        execute_due_standing_orders(now=at("2026-12-01T12:00:00"))
        for _ in range(2):
            ended = end_standing_order(standing_order_id=order.pk, psu_id=anna.pk, now=NOW)
            assert (ended.transaction_status, ended.next_execution_date) == ("CANC", None)
        assert execute_due_standing_orders(now=at("2027-06-01T12:00:00")) == 0
        assert AuditEvent.objects.filter(event="payments.standing_order.CANC").count() == 1

    def test_one_that_waits_can_be_taken_back_and_not_signed_then(self, anna: PSU) -> None:
        order = enter(anna)
        authorisation, challenge = asked(anna, order)
        proof = proof_for(challenge.pk)
        end_standing_order(standing_order_id=order.pk, psu_id=anna.pk, now=NOW)
        with pytest.raises((StandingOrderStatusInvalid, CodeRefused)):
            authorise_standing_order(
                standing_order_id=order.pk,
                authorisation_id=authorisation.pk,
                psu=anna,
                proof=proof,
                now=NOW,
            )


@pytest.mark.req("R0-2")
@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_runners_at_the_same_moment_make_each_payment_once(self) -> None:
        anna = customer("Anna")
        orders = [running(anna, amount=100 + number) for number in range(6)]
        counts = in_parallel(6, lambda _number: execute_due_standing_orders(now=at("2027-03-01T08:00:00")))
        assert sum(counts) == 24
        for order in orders:
            assert dues(order) == ["2026-12-01", "2027-01-01", "2027-02-01", "2027-03-01"]

    def test_ended_and_executed_at_the_same_moment_is_one_after_the_other(self) -> None:
        anna = customer("Anna")
        for _ in range(5):
            order = running(anna)

            def act(number: int, order: StandingOrder = order) -> object:
                if number:
                    return execute_due_standing_orders(now=at("2026-12-01T08:00:00"))
                return end_standing_order(standing_order_id=order.pk, psu_id=anna.pk, now=NOW)

            in_parallel(2, act)
            order.refresh_from_db()
            assert order.transaction_status == "CANC"
            assert dues(order) in ([], ["2026-12-01"])


class TestTheDatabase:
    @pytest.fixture
    def order(self, anna: PSU) -> StandingOrder:
        return running(anna)

    @pytest.fixture
    def cursor(self, order: StandingOrder) -> Iterator[object]:
        with connection.cursor() as cursor:
            yield cursor

    @pytest.mark.parametrize(
        ("constraint", "change"),
        [
            ("standing_order_amount_positive", "amount_minor = 0"),
            ("standing_order_currency_euro", "currency = 'USD'"),
            ("standing_order_not_to_itself", "creditor_iban = debtor_iban"),
            ("standing_order_status_known", "transaction_status = 'ACSP', next_due_date = NULL,"
             " next_execution_date = NULL"),
            ("standing_order_frequency_known", "frequency = 'Hourly'"),
            ("standing_order_rule_known", "execution_rule = 'never'"),
            ("standing_order_day_of_month", "day_of_execution = 32"),
            ("standing_order_day_of_month", "day_of_execution = 0"),
            ("standing_order_ends_after_start", "end_date = start_date - 1"),
            ("standing_order_runs_only_authorised", "authorisation_id = NULL"),
            ("standing_order_runs_only_authorised", "authorised_at = NULL"),
            ("standing_order_next_only_while_running", "next_due_date = NULL"),
            ("standing_order_next_only_while_running", "transaction_status = 'CANC'"),
        ],
    )  # fmt: skip
    def test_keeps_each_rule(
        self, order: StandingOrder, cursor: object, constraint: str, change: str
    ) -> None:
        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            cursor.execute(  # type: ignore[attr-defined]
                f"UPDATE payments_standingorder SET {change} WHERE id = %s", [order.pk]
            )

    def test_keeps_one_order_a_form(self, anna: PSU, order: StandingOrder, cursor: object) -> None:
        enter(anna, request_id="another")
        with (
            pytest.raises(IntegrityError, match="standing_order_request_once_per_customer"),
            transaction.atomic(),
        ):
            cursor.execute("UPDATE payments_standingorder SET request_id = 'same'")  # type: ignore[attr-defined]

    def test_keeps_one_payment_a_due_date(self, order: StandingOrder, cursor: object) -> None:
        execute_due_standing_orders(now=at("2027-01-04T12:00:00"))
        with pytest.raises(IntegrityError, match="payment_once_per_due_date"), transaction.atomic():
            cursor.execute("UPDATE payments_paymentinitiation SET due_date = '2026-12-01'")  # type: ignore[attr-defined]
        with pytest.raises(IntegrityError, match="payment_of_series_has_due_date"), transaction.atomic():
            cursor.execute("UPDATE payments_paymentinitiation SET due_date = NULL")  # type: ignore[attr-defined]


@pytest.mark.req("IPR-5c(verify)", "IPR-5c(authorise)")
class TestPayee:
    """The payee is verified when the series is set up; what was found is signed, and each execution carries it."""

    @pytest.mark.parametrize(
        ("name", "outcome", "matched"),
        [
            ("Bruno Schneider", "MTCH", ""),
            ("Bruno Schnieder", "CMTC", "Bruno Schneider"),
            ("Carla Winkelried", "NMTC", ""),
        ],
    )
    def test_what_was_found_is_signed_and_inherited(
        self, anna: PSU, bruno: PSU, name: str, outcome: str, matched: str
    ) -> None:
        order = enter(anna, to=bruno.account.iban, name=name)
        assert (order.creditor_name_match, order.matched_creditor_name) == (outcome, matched)
        _authorisation, challenge = asked(anna, order)
        assert challenge.snapshot["creditor_name_match"] == outcome
        assert challenge.snapshot["matched_creditor_name"] == matched
        told = AuditEvent.objects.get(event="payments.standing_order.payee_verified")
        assert told.data == {"outcome": outcome, "why": ""}
        order = running(anna, to=bruno.account.iban, name=name)
        execute_due_standing_orders(now=at("2026-12-01T08:00"))
        (payment,) = list_executions(standing_order_id=order.pk)
        assert (payment.creditor_name_match, payment.matched_creditor_name) == (outcome, matched)
        assert payment.creditor_name_checked_at == order.creditor_name_checked_at
        assert run_engine(payment, now=at("2026-12-01T08:00")) == ("ACSC", "")

    def test_an_iban_that_is_nobodys_can_be_signed_all_the_same(self, anna: PSU) -> None:
        nobody = make_iban(country="DE", bank_code="10099900", account_number="9999999999")
        order = enter(anna, to=nobody)
        assert order.creditor_name_match == "NOAP"
        assert sign(anna, order).is_running

    def test_what_was_found_cannot_be_put_right_behind_the_signature(self, anna: PSU, bruno: PSU) -> None:
        order = enter(anna, to=bruno.account.iban, name="Carla Winkelried")
        authorisation, challenge = asked(anna, order)
        proof = proof_for(challenge.pk)
        StandingOrder.objects.filter(pk=order.pk).update(creditor_name_match="MTCH")
        with pytest.raises(DynamicLinkBroken):
            authorise_standing_order(
                standing_order_id=order.pk, authorisation_id=authorisation.pk, psu=anna, proof=proof, now=NOW
            )

    def test_an_execution_that_says_otherwise_is_not_covered(self, anna: PSU, bruno: PSU) -> None:
        order = running(anna, to=bruno.account.iban, name="Carla Winkelried")
        execute_due_standing_orders(now=at("2026-12-01T08:00"))
        (payment,) = list_executions(standing_order_id=order.pk)
        PaymentInitiation.objects.filter(pk=payment.pk).update(creditor_name_match="MTCH")
        assert run_engine(payment, now=at("2026-12-01T08:00")) == ("RJCT", "DS0A")

    def test_one_signed_before_names_were_checked_still_runs(self, anna: PSU, bruno: PSU) -> None:
        order = enter(anna, to=bruno.account.iban)
        StandingOrder.objects.filter(pk=order.pk).update(
            creditor_name_match="NOAP", matched_creditor_name="", creditor_name_checked_at=None
        )
        order.refresh_from_db()
        _authorisation, challenge = asked(anna, order)
        assert "creditor_name_match" not in challenge.snapshot
        sign(anna, order)
        execute_due_standing_orders(now=at("2026-12-01T08:00"))
        (payment,) = list_executions(standing_order_id=order.pk)
        assert payment.creditor_name_match == "NOAP"
        assert run_engine(payment, now=at("2026-12-01T08:00")) == ("ACSC", "")

    def test_a_form_sent_twice_is_looked_up_once(self, anna: PSU, bruno: PSU) -> None:
        for _ in range(2):
            enter(anna, to=bruno.account.iban, request_id="same", name="Bruno Schneider")
        assert LookupCount.objects.get().count == 1

    @pytest.mark.parametrize(
        ("change", "constraint"),
        [
            ("creditor_name_match = 'GOOD'", "standing_order_name_match_known"),
            ("creditor_name_match = 'CMTC'", "standing_order_name_shown_with_close_match"),
            ("matched_creditor_name = 'x'", "standing_order_name_shown_with_close_match"),
            ("creditor_name_checked_at = NULL", "standing_order_name_found_by_a_check"),
        ],
    )
    def test_the_database_itself_refuses(self, anna: PSU, bruno: PSU, change: str, constraint: str) -> None:
        enter(anna, to=bruno.account.iban, name="Bruno Schneider")
        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            connection.cursor().execute(f"UPDATE payments_standingorder SET {change}")
