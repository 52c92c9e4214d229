"""A customer's limits: told early, enforced under a lock, raised only with a code over what is raised."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from apps.audit.models import AuditEvent
from apps.core.ids import new_id
from apps.core.money import Money
from apps.engine.execution import execute_payment
from apps.identity.models import PSU
from apps.ledger.queries import get_ledger_sums
from apps.payments.limit_models import PaymentDayUse, PaymentLimitChange, PaymentLimits
from apps.payments.limit_rules import DayUse, LimitKind, Limits, exceeded_limit, is_raise
from apps.payments.limits import (
    LimitChangeOver,
    LimitChangeUnknown,
    LimitExceeded,
    LimitTooHigh,
    authorise_limit_change,
    change_limits,
    count_amount_against_limits,
    get_day_use,
    get_limits,
    limit_change_snapshot,
    refuse_limit_change,
    send_limit_code,
    start_limit_authorisation,
    uncount_amount_against_limits,
    usual_limits,
)
from apps.payments.models import PaymentInitiation
from apps.payments.rules import Channel
from apps.payments.services import PaymentOrder, initiate_payment
from apps.sca.models import Challenge, SCAAuthorisation
from apps.sca.services import CodeRefused, DynamicLinkBroken
from tests.factories.accounts import FOREIGN_IBAN, NOW, bank_accounts, customer
from tests.factories.payments import authorised_payment, proof_for
from tests.factories.tpp import AppFactory
from tests.sca.test_codes import in_parallel

LIMITS = Limits(10_000, 20_000, 15_000, 12_000)


@pytest.fixture
def anna(db: None) -> PSU:
    bank_accounts()
    return customer("Anna", balance_minor=10_000_000)


def set_limits(psu: PSU, *limits: int) -> None:
    PaymentLimits.objects.update_or_create(
        psu=psu,
        defaults={
            **{f"{kind.value}_minor": limit for kind, limit in zip(LimitKind, limits, strict=True)},
            "changed_at": NOW,
        },
    )


def execute(payment: PaymentInitiation, *, now: datetime = NOW) -> tuple[str, str]:
    with transaction.atomic():
        execute_payment(payment_id=payment.pk, now=now)
    payment.refresh_from_db()
    return payment.transaction_status, payment.status_reason


def enter(psu: PSU, amount_minor: int, *, on: date | None = None, app: object = None) -> PaymentInitiation:
    order = PaymentOrder(
        debtor_account=psu.account,
        creditor_name="Kern",
        creditor_iban=FOREIGN_IBAN,
        instructed_amount=Money(amount_minor, "EUR"),
        requested_execution_date=on,
    )
    payment, _ = initiate_payment(
        channel=Channel.XS2A if app else Channel.PORTAL,
        order=order,
        psu=psu,
        app=app,
        request_id=str(new_id()),
        now=NOW,
    )
    return payment


class TestRules:
    @pytest.mark.parametrize(
        ("amount", "channel", "use", "kind"),
        [
            (10_000, "portal", DayUse(), None),
            (10_001, "portal", DayUse(), "per_payment"),
            (5_000, "portal", DayUse(portal_minor=10_000), None),
            (5_001, "portal", DayUse(portal_minor=10_000), "portal_per_day"),
            (2_000, "xs2a", DayUse(xs2a_minor=10_000), None),
            (2_001, "xs2a", DayUse(xs2a_minor=10_000), "xs2a_per_day"),
            (8_000, "portal", DayUse(portal_minor=2_000, xs2a_minor=10_000), None),
            (8_001, "portal", DayUse(portal_minor=2_000, xs2a_minor=10_000), "per_day"),
            (8_001, "xs2a", DayUse(portal_minor=12_000), "per_day"),
            (8_000, "xs2a", DayUse(portal_minor=12_000), None),
        ],
    )
    def test_the_limit_that_a_payment_exceeds(
        self, amount: int, channel: str, use: DayUse, kind: str | None
    ) -> None:
        assert exceeded_limit(amount_minor=amount, channel=channel, limits=LIMITS, use=use) == kind

    @pytest.mark.parametrize(
        ("new", "raises"),
        [
            (LIMITS, False),
            (Limits(0, 0, 0, 0), False),
            (Limits(10_001, 0, 0, 0), True),
            (Limits(0, 20_001, 0, 0), True),
            (Limits(0, 0, 15_001, 0), True),
            (Limits(0, 0, 0, 12_001), True),
        ],
    )
    def test_any_limit_that_goes_up_is_a_raise(self, new: Limits, raises: bool) -> None:
        assert is_raise(old=LIMITS, new=new) is raises


class TestAtInitiation:
    def test_the_usual_limits_hold_for_who_set_none(self, anna: PSU) -> None:
        usual = usual_limits()
        assert get_limits(psu_id=anna.pk) == usual
        enter(anna, usual.per_payment_minor)
        with pytest.raises(LimitExceeded):
            enter(anna, usual.per_payment_minor + 1)

    def test_the_limit_and_what_is_left_are_told(self, anna: PSU) -> None:
        set_limits(anna, 10_000, 20_000, 15_000, 12_000)
        PaymentDayUse.objects.create(psu=anna, day=date(2026, 11, 21), portal_minor=12_000)
        with pytest.raises(LimitExceeded) as caught:
            enter(anna, 3_001)
        error = caught.value
        assert (error.kind, error.limit_minor, error.left_minor) == ("portal_per_day", 15_000, 3_000)
        assert not PaymentInitiation.objects.exists()

    def test_what_went_out_today_does_not_count_for_another_day(self, anna: PSU) -> None:
        set_limits(anna, 10_000, 20_000, 15_000, 12_000)
        PaymentDayUse.objects.create(psu=anna, day=date(2026, 11, 21), portal_minor=15_000)
        enter(anna, 9_000, on=date(2026, 11, 24))
        with pytest.raises(LimitExceeded):
            enter(anna, 10_001, on=date(2026, 11, 24))

    def test_a_known_customers_limit_holds_for_companies(self, anna: PSU) -> None:
        set_limits(anna, 10_000, 20_000, 15_000, 0)
        with pytest.raises(LimitExceeded):
            enter(anna, 1, app=AppFactory())
        enter(anna, 1)


@pytest.mark.req("P-68")
class TestInTheEngine:
    def test_counts_what_goes_out(self, anna: PSU) -> None:
        assert execute(authorised_payment(anna, amount_minor=1_000))[0] == "ACSP"
        assert execute(authorised_payment(anna, amount_minor=500, app=AppFactory()))[0] == "ACSP"
        assert get_day_use(psu_id=anna.pk, now=NOW) == DayUse(1_000, 500)
        assert get_day_use(psu_id=anna.pk, now=NOW + timedelta(days=1)) == DayUse()

    @pytest.mark.parametrize(
        ("limits", "app"),
        [
            ((999, 99_999, 99_999, 99_999), False),
            ((99_999, 999, 99_999, 99_999), False),
            ((99_999, 99_999, 999, 99_999), False),
            ((99_999, 99_999, 99_999, 999), True),
        ],
    )
    @pytest.mark.parametrize("is_first", [True, False])
    def test_each_limit_refuses_whatever_was_promised_before(
        self, anna: PSU, limits: tuple[int, ...], app: bool, is_first: bool
    ) -> None:
        payment = authorised_payment(anna, amount_minor=1_000, app=AppFactory() if app else None)
        if not is_first:
            PaymentDayUse.objects.create(psu=anna, day=date(2026, 11, 21))
        set_limits(anna, *limits)
        assert execute(payment) == ("RJCT", "AM14")
        assert get_day_use(psu_id=anna.pk, now=NOW) == DayUse()
        assert get_ledger_sums().sound

    @pytest.mark.parametrize(
        ("limits", "app"), [((999, 99_999, 99_999, 0), False), ((999, 99_999, 0, 99_999), True)]
    )
    def test_the_other_channels_limit_does_not_matter(
        self, anna: PSU, limits: tuple[int, ...], app: bool
    ) -> None:
        first, second = (
            authorised_payment(anna, amount_minor=400, app=AppFactory() if app else None) for _ in range(2)
        )
        set_limits(anna, *limits)
        assert execute(first)[0] == execute(second)[0] == "ACSP"

    def test_the_day_is_the_banks_local_day(self, anna: PSU) -> None:
        set_limits(anna, 1_000, 1_000, 1_000, 1_000)
        first, second, third = (authorised_payment(anna, amount_minor=1_000) for _ in range(3))
        evening = datetime(2026, 11, 21, 22, 59, tzinfo=UTC)
        assert execute(first, now=evening)[0] == "ACSP"
        assert execute(second, now=evening)[1] == "AM14"
        assert execute(third, now=evening + timedelta(minutes=1))[0] == "ACSP"  # Midnight in Berlin.

    def test_what_was_refused_for_want_of_funds_does_not_count(self, anna: PSU) -> None:
        poor = customer("Bruno", phone="+4915100000002", balance_minor=999)
        assert execute(authorised_payment(poor, amount_minor=1_000)) == ("RJCT", "AM04")
        assert get_day_use(psu_id=poor.pk, now=NOW) == DayUse()

    def test_a_second_delivery_counts_once(self, anna: PSU) -> None:
        payment = authorised_payment(anna, amount_minor=1_000)
        for _ in range(3):
            execute(payment)
        assert get_day_use(psu_id=anna.pk, now=NOW) == DayUse(1_000, 0)


@pytest.mark.req("P-68")
class TestTogether:
    """Payments of a file go out together: the sum is held against the day, the highest against the limit for one."""

    @pytest.mark.parametrize("has_row", [True, False])
    @pytest.mark.parametrize(
        ("sum_minor", "largest_minor", "is_counted"),
        [(300, 100, True), (300, 101, False), (301, 100, False), (100, 100, True)],
    )
    def test_sum_and_highest_have_their_limits(
        self, anna: PSU, sum_minor: int, largest_minor: int, is_counted: bool, has_row: bool
    ) -> None:
        used = 50 if has_row else 0
        set_limits(anna, 100, 300 + used, 300 + used, 0)
        if has_row:
            PaymentDayUse.objects.create(psu=anna, day=NOW.date(), portal_minor=used)
        counted = count_amount_against_limits(
            psu_id=anna.pk,
            amount_minor=sum_minor,
            largest_minor=largest_minor,
            channel=Channel.PORTAL,
            now=NOW,
        )
        assert counted is is_counted
        assert get_day_use(psu_id=anna.pk, now=NOW).portal_minor == used + (sum_minor if is_counted else 0)

    def test_a_part_that_did_not_go_out_is_uncounted_on_its_day(self, anna: PSU) -> None:
        amounts = {"psu_id": anna.pk, "channel": Channel.PORTAL, "now": NOW}
        count_amount_against_limits(amount_minor=300, largest_minor=100, **amounts)
        uncount_amount_against_limits(amount_minor=100, **amounts)
        assert get_day_use(psu_id=anna.pk, now=NOW).portal_minor == 200


@pytest.mark.req("P-68", "R0-2")
@pytest.mark.django_db(transaction=True)
class TestRaces:
    @pytest.mark.parametrize("has_row", [False, True])
    def test_parallel_payments_cannot_together_exceed_the_day(self, has_row: bool) -> None:
        bank_accounts()
        anna = customer("Anna", balance_minor=10_000_000)
        payments = [
            authorised_payment(anna, amount_minor=3_000, app=AppFactory() if number % 2 else None)
            for number in range(12)
        ]
        set_limits(anna, 3_000, 10_000, 10_000, 10_000)
        if has_row:
            PaymentDayUse.objects.create(psu=anna, day=date(2026, 11, 21))
        results = in_parallel(12, lambda number: execute(payments[number]))
        assert sorted(results) == [("ACSP", "")] * 3 + [("RJCT", "AM14")] * 9
        use = get_day_use(psu_id=anna.pk, now=NOW)
        assert use.portal_minor + use.xs2a_minor == 9_000
        assert get_ledger_sums().sound

    def test_two_changes_at_once_leave_one_of_them_whole(self) -> None:
        anna = customer("Anna")
        wishes = [Limits(number, number, number, number) for number in range(1, 9)]
        in_parallel(8, lambda number: change_limits(psu=anna, new=wishes[number], now=NOW))
        assert get_limits(psu_id=anna.pk) in wishes


def asked(psu: PSU, new: Limits) -> tuple[PaymentLimitChange, SCAAuthorisation, Challenge]:
    change = change_limits(psu=psu, new=new, now=NOW)
    assert change is not None
    authorisation = start_limit_authorisation(change_id=change.pk, psu=psu, now=NOW)
    challenge_id = send_limit_code(change_id=change.pk, authorisation_id=authorisation.pk, psu=psu, now=NOW)
    return change, authorisation, Challenge.objects.get(pk=challenge_id)


def sign(psu: PSU, change: PaymentLimitChange, authorisation: SCAAuthorisation, challenge: Challenge) -> None:
    authorise_limit_change(
        change_id=change.pk,
        authorisation_id=authorisation.pk,
        psu=psu,
        proof=proof_for(challenge.pk),
        now=NOW,
    )


@pytest.mark.req("P-97(1)(c)")
class TestChanging:
    @pytest.fixture(autouse=True)
    def _own_limits(self, anna: PSU) -> None:
        set_limits(anna, 10_000, 20_000, 15_000, 12_000)

    def test_lower_holds_at_once(self, anna: PSU) -> None:
        lower = Limits(1_000, 2_000, 15_000, 0)
        assert change_limits(psu=anna, new=lower, now=NOW) is None
        assert get_limits(psu_id=anna.pk) == lower
        event = AuditEvent.objects.get(event="payments.limits.changed")
        assert event.data["new"] == lower.as_dict()
        assert event.data["old"] == LIMITS.as_dict()

    def test_higher_waits_and_so_does_what_is_lower_beside_it(self, anna: PSU) -> None:
        assert change_limits(psu=anna, new=Limits(10_001, 1, 1, 1), now=NOW) is not None
        assert get_limits(psu_id=anna.pk) == LIMITS

    def test_the_code_lets_it_hold(self, anna: PSU) -> None:
        new = Limits(30_000, 50_000, 50_000, 0)
        change, authorisation, challenge = asked(anna, new)
        assert challenge.snapshot["new"] == new.as_dict()
        assert challenge.snapshot["old"] == LIMITS.as_dict()
        sign(anna, change, authorisation, challenge)
        assert get_limits(psu_id=anna.pk) == new
        change.refresh_from_db()
        assert (change.status, change.authorisation_id) == ("applied", authorisation.pk)
        assert SCAAuthorisation.objects.get(pk=authorisation.pk).sca_status == "finalised"
        with pytest.raises(CodeRefused):
            sign(anna, change, authorisation, challenge)

    @pytest.mark.parametrize("column", [f"{kind.value}_minor" for kind in LimitKind])
    def test_a_code_over_other_limits_is_void(self, anna: PSU, column: str) -> None:
        change, authorisation, challenge = asked(anna, Limits(30_000, 30_000, 30_000, 30_000))
        proof = proof_for(challenge.pk)
        PaymentLimitChange.objects.filter(pk=change.pk).update(**{column: 99_999})
        with pytest.raises(DynamicLinkBroken):
            authorise_limit_change(
                change_id=change.pk, authorisation_id=authorisation.pk, psu=anna, proof=proof, now=NOW
            )
        assert get_limits(psu_id=anna.pk) == LIMITS
        challenge.refresh_from_db()
        assert challenge.status == "voided"

    def test_the_code_of_a_payment_raises_no_limit(self, anna: PSU) -> None:
        from tests.factories.payments import challenged_payment

        change, authorisation, _challenge = asked(anna, Limits(30_000, 30_000, 30_000, 30_000))
        _payment, _authorisation_id, challenge_id = challenged_payment(anna, amount_minor=1)
        with pytest.raises(DynamicLinkBroken):
            authorise_limit_change(
                change_id=change.pk,
                authorisation_id=authorisation.pk,
                psu=anna,
                proof=proof_for(challenge_id),
                now=NOW,
            )

    def test_limits_that_were_lowered_meanwhile_are_not_raised_over(self, anna: PSU) -> None:
        change, authorisation, challenge = asked(anna, Limits(30_000, 30_000, 30_000, 30_000))
        change_limits(psu=anna, new=Limits(1, 1, 1, 1), now=NOW)
        with pytest.raises(LimitChangeOver):
            sign(anna, change, authorisation, challenge)
        assert get_limits(psu_id=anna.pk) == Limits(1, 1, 1, 1)

    def test_a_refused_change_cannot_be_signed(self, anna: PSU) -> None:
        change, authorisation, challenge = asked(anna, Limits(30_000, 30_000, 30_000, 30_000))
        proof = proof_for(challenge.pk)
        refuse_limit_change(change_id=change.pk, psu=anna, reason="cancelled", now=NOW)
        with pytest.raises(LimitChangeOver):
            authorise_limit_change(
                change_id=change.pk, authorisation_id=authorisation.pk, psu=anna, proof=proof, now=NOW
            )
        with pytest.raises(LimitChangeOver):
            send_limit_code(change_id=change.pk, authorisation_id=authorisation.pk, psu=anna, now=NOW)

    def test_another_customer_has_nothing_to_do_with_it(self, anna: PSU) -> None:
        bruno = customer("Bruno", phone="+4915100000002")
        change, authorisation, challenge = asked(anna, Limits(30_000, 30_000, 30_000, 30_000))
        with pytest.raises(LimitChangeUnknown):
            sign(bruno, change, authorisation, challenge)
        with pytest.raises(LimitChangeUnknown):
            refuse_limit_change(change_id=change.pk, psu=bruno, reason="-", now=NOW)
        with pytest.raises(LimitChangeUnknown):
            start_limit_authorisation(change_id=change.pk, psu=bruno, now=NOW)

    @pytest.mark.parametrize("kind", list(LimitKind))
    @pytest.mark.parametrize("limit", [-1, 10_000_001])
    def test_nobody_sets_what_the_bank_does_not_allow(self, anna: PSU, kind: LimitKind, limit: int) -> None:
        new = Limits(**{f"{one.value}_minor": limit if one == kind else 1 for one in LimitKind})
        with pytest.raises(LimitTooHigh) as caught:
            change_limits(psu=anna, new=new, now=NOW)
        assert caught.value.field == kind.value

    def test_the_snapshot_names_its_change(self, anna: PSU) -> None:
        one, two = (change_limits(psu=anna, new=Limits(30_000, 1, 1, 1), now=NOW) for _ in range(2))
        assert one is not None
        assert two is not None
        assert limit_change_snapshot(change=one) != limit_change_snapshot(change=two)


class TestTheDatabase:
    @pytest.fixture
    def cursor(self, anna: PSU) -> Iterator[object]:
        with connection.cursor() as cursor:
            yield cursor

    def refused(self, cursor: object, constraint: str, statement: str, *values: object) -> None:
        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            cursor.execute(statement, values)  # type: ignore[attr-defined]

    def test_keeps_no_negative_limit(self, anna: PSU, cursor: object) -> None:
        for column in LimitKind:
            values = [-1 if kind == column else 1 for kind in LimitKind]
            self.refused(
                cursor,
                "payment_limits_not_negative",
                "INSERT INTO payments_paymentlimits (psu_id, per_payment_minor, per_day_minor, portal_per_day_minor,"
                " xs2a_per_day_minor, changed_at) VALUES (%s, %s, %s, %s, %s, now())",
                anna.pk,
                *values,
            )

    def test_keeps_no_negative_wish_and_none_that_holds_unsigned(self, anna: PSU, cursor: object) -> None:
        insert = (
            "INSERT INTO payments_paymentlimitchange (id, psu_id, per_payment_minor, per_day_minor,"
            " portal_per_day_minor, xs2a_per_day_minor, replaced, status, created_at, applied_at)"
            " VALUES (gen_random_uuid(), %s, %s, 1, 1, 1, '{}', %s, now(), now())"
        )
        self.refused(cursor, "payment_limit_change_not_negative", insert, anna.pk, -1, "open")
        self.refused(cursor, "payment_limit_change_applied_only_authorised", insert, anna.pk, 1, "applied")

    def test_keeps_one_sum_a_day_and_none_below_zero(self, anna: PSU, cursor: object) -> None:
        insert = (
            "INSERT INTO payments_paymentdayuse (psu_id, day, portal_minor, xs2a_minor)"
            " VALUES (%s, '2026-11-21', %s, %s)"
        )
        self.refused(cursor, "payment_day_use_not_negative", insert, anna.pk, -1, 0)
        self.refused(cursor, "payment_day_use_not_negative", insert, anna.pk, 0, -1)
        cursor.execute(insert, [anna.pk, 0, 0])  # type: ignore[attr-defined]
        self.refused(cursor, "payment_day_use_once_per_day", insert, anna.pk, 0, 0)
