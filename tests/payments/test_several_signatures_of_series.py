"""Standing orders that two must sign: none runs before both have, and none pays what both have not signed."""

from datetime import date, timedelta
from uuid import UUID

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from apps.accounts.models import AccountHolder, PaymentAccount
from apps.engine.execution import execute_payment
from apps.identity.models import PSU
from apps.payments.models import PaymentInitiation, StandingOrder
from apps.payments.queries import get_payment_for_psu
from apps.payments.recurrence import Frequency, Series
from apps.payments.rules import StatusReason
from apps.payments.services import SignedAlready
from apps.payments.standing_orders import (
    StandingOrderStatusInvalid,
    StandingOrderUnknown,
    authorise_standing_order,
    decline_standing_order,
    end_standing_order,
    execute_due_standing_orders,
    expire_standing_orders,
    get_standing_order,
    list_standing_orders,
    list_standing_orders_to_sign,
    reject_standing_order,
    send_standing_order_code,
    start_standing_order_authorisation,
)
from apps.sca.models import SCAAuthorisation
from apps.sca.services import Proof
from tests.factories.accounts import NOW, account_of_several, bank_accounts, customer
from tests.factories.payments import proof_for
from tests.payments.test_standing_orders import enter
from tests.sca.test_codes import in_parallel

pytestmark = pytest.mark.req("P-64", "RTS-14")

FIRST_DUE = NOW + timedelta(days=10)  # 1 December.


@pytest.fixture
def david(db: None) -> PSU:
    bank_accounts()
    return customer("David", phone="+4915100000004")


@pytest.fixture
def dora(db: None) -> PSU:
    return customer("Dora", phone="+4915100000005")


@pytest.fixture
def joint(david: PSU, dora: PSU) -> PaymentAccount:
    return account_of_several(david, dora)


@pytest.fixture
def order(david: PSU, joint: PaymentAccount) -> StandingOrder:
    """David's standing order, which he has not signed."""
    return enter(david, account=joint)


def code(order: StandingOrder, psu: PSU, *, now=NOW) -> tuple[UUID, Proof]:
    authorisation = start_standing_order_authorisation(standing_order_id=order.pk, psu=psu, now=now)
    challenge_id = send_standing_order_code(
        standing_order_id=order.pk, authorisation_id=authorisation.pk, psu=psu, now=now
    )
    return authorisation.pk, proof_for(challenge_id, now=now)


def sign(order: StandingOrder, psu: PSU, *, now=NOW) -> StandingOrder:
    authorisation_id, proof = code(order, psu, now=now)
    return authorise_standing_order(
        standing_order_id=order.pk, authorisation_id=authorisation_id, psu=psu, proof=proof, now=now
    )


def execute(payment: PaymentInitiation) -> str:
    with transaction.atomic():
        execute_payment(payment_id=payment.pk, now=FIRST_DUE)
    payment.refresh_from_db()
    return payment.transaction_status


def sql(statement: str, *values: object) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)


def test_it_runs_when_both_have_signed(order: StandingOrder, david: PSU, dora: PSU) -> None:
    assert sign(order, david).transaction_status == "PATC"
    assert execute_due_standing_orders(now=FIRST_DUE) == 0
    assert sign(order, dora).transaction_status == "ACTC"
    assert execute_due_standing_orders(now=FIRST_DUE) == 1
    payment = PaymentInitiation.objects.get(standing_order=order)
    assert (payment.psu, payment.signatures_needed) == (david, 2)
    assert execute(payment) == "ACSP"
    assert get_payment_for_psu(psu_id=dora.pk, payment_id=payment.pk)


def test_the_other_sees_it_from_the_first_signature_on(order: StandingOrder, david: PSU, dora: PSU) -> None:
    with pytest.raises(StandingOrderUnknown):
        get_standing_order(psu_id=dora.pk, standing_order_id=order.pk)
    sign(order, david)
    assert list(list_standing_orders_to_sign(psu_id=dora.pk)) == [order]
    assert not list_standing_orders_to_sign(psu_id=david.pk)
    assert not list_standing_orders(psu_id=david.pk)  # It does not run.
    sign(order, dora)
    assert (
        list(list_standing_orders(psu_id=dora.pk)) == [order] == list(list_standing_orders(psu_id=david.pk))
    )


def test_nobody_signs_twice(order: StandingOrder, david: PSU) -> None:
    codes = [code(order, david) for _ in range(2)]
    for number, (authorisation_id, proof) in enumerate(codes):
        if number == 0:
            authorise_standing_order(
                standing_order_id=order.pk, authorisation_id=authorisation_id, psu=david, proof=proof, now=NOW
            )
            continue
        with pytest.raises(SignedAlready):
            authorise_standing_order(
                standing_order_id=order.pk, authorisation_id=authorisation_id, psu=david, proof=proof, now=NOW
            )
    with pytest.raises(SignedAlready):
        code(order, david)


def test_no_stranger(order: StandingOrder, david: PSU) -> None:
    sign(order, david)
    emil = customer("Emil", phone="+4915100000006")
    for act in (
        lambda: code(order, emil),
        lambda: decline_standing_order(standing_order_id=order.pk, psu_id=emil.pk, now=NOW),
        lambda: end_standing_order(standing_order_id=order.pk, psu_id=emil.pk, now=NOW),
    ):
        with pytest.raises(StandingOrderUnknown):
            act()


def test_the_second_does_not_sign_what_the_first_did_not(order: StandingOrder, david: PSU, dora: PSU) -> None:
    sign(order, david)
    sql("UPDATE payments_standingorder SET amount_minor = 9900")
    with pytest.raises(StandingOrderStatusInvalid):
        sign(order, dora)
    order.refresh_from_db()
    assert order.transaction_status == "PATC"


def test_the_one_it_replaces_runs_until_both_have_signed(
    david: PSU, dora: PSU, joint: PaymentAccount
) -> None:
    old = enter(david, account=joint)
    for psu in (david, dora):
        old = sign(old, psu)
    new = enter(david, Series(date(2027, 1, 1), Frequency.MONTHLY), account=joint, replaces=old)
    sign(new, david)
    old.refresh_from_db()
    assert old.is_running
    sign(new, dora)
    old.refresh_from_db()
    assert old.transaction_status == "CANC"


def test_the_first_takes_it_back_and_the_other_declines(david: PSU, dora: PSU, joint: PaymentAccount) -> None:
    mine, other = enter(david, account=joint), enter(david, account=joint)
    for order in (mine, other):
        sign(order, david)
    with pytest.raises(StandingOrderUnknown):
        end_standing_order(standing_order_id=mine.pk, psu_id=dora.pk, now=NOW)
    assert (
        end_standing_order(standing_order_id=mine.pk, psu_id=david.pk, now=NOW).transaction_status == "CANC"
    )
    with pytest.raises(SignedAlready):
        decline_standing_order(standing_order_id=other.pk, psu_id=david.pk, now=NOW)
    declined = decline_standing_order(standing_order_id=other.pk, psu_id=dora.pk, now=NOW)
    assert declined.transaction_status == "RJCT"
    with pytest.raises(StandingOrderStatusInvalid):
        decline_standing_order(standing_order_id=other.pk, psu_id=dora.pk, now=NOW)


def test_once_it_runs_either_ends_it(order: StandingOrder, david: PSU, dora: PSU) -> None:
    sign(order, david)
    sign(order, dora)
    assert (
        end_standing_order(standing_order_id=order.pk, psu_id=dora.pk, now=NOW).transaction_status == "CANC"
    )


def test_wrong_codes_do_not_undo_the_first(order: StandingOrder, david: PSU, dora: PSU) -> None:
    sign(order, david)
    reject_standing_order(standing_order_id=order.pk, psu_id=dora.pk, reason=StatusReason.DS0A, now=NOW)
    order.refresh_from_db()
    assert order.transaction_status == "PATC"


def test_fifteen_days(order: StandingOrder, david: PSU, dora: PSU) -> None:
    sign(order, david)
    assert expire_standing_orders(now=NOW + timedelta(days=15, seconds=-1)) == 0
    over = NOW + timedelta(days=15)
    with pytest.raises(StandingOrderStatusInvalid):
        code(order, dora, now=over)
    assert expire_standing_orders(now=over) == 1
    order.refresh_from_db()
    assert order.transaction_status == "RJCT"


class TestTheEngineCountsItself:
    def test_a_status_set_by_hand_pays_nothing(self, order: StandingOrder, david: PSU) -> None:
        sign(order, david)
        authorisation = SCAAuthorisation.objects.get(subject_id=order.pk, sca_status="finalised")
        sql(
            "UPDATE payments_standingorder SET transaction_status = 'ACTC', authorised_at = now(),"
            " authorisation_id = %s, next_due_date = '2026-12-01', next_execution_date = '2026-12-01'",
            authorisation.pk,
        )
        assert execute_due_standing_orders(now=FIRST_DUE) == 1
        payment = PaymentInitiation.objects.get(standing_order=order)
        assert execute(payment) == "RJCT"
        assert payment.status_reason == "DS0A"

    def test_an_execution_that_says_one_is_enough_is_none(
        self, order: StandingOrder, david: PSU, dora: PSU
    ) -> None:
        sign(order, david)
        sign(order, dora)
        execute_due_standing_orders(now=FIRST_DUE)
        payment = PaymentInitiation.objects.get(standing_order=order)
        sql("UPDATE sca_scaauthorisation SET snapshot_hash = '\\x00' WHERE psu_id = %s", dora.pk)
        sql("SET CONSTRAINTS ALL IMMEDIATE")
        sql("ALTER TABLE payments_paymentinitiation DISABLE TRIGGER payment_signatures_never_fewer")
        sql("UPDATE payments_paymentinitiation SET signatures_needed = 1")
        assert execute(payment) == "RJCT"

    def test_both_must_have_the_right_still(self, order: StandingOrder, david: PSU, dora: PSU) -> None:
        sign(order, david)
        sign(order, dora)
        execute_due_standing_orders(now=FIRST_DUE)
        AccountHolder.objects.filter(psu=dora).update(may_pay=False)
        payment = PaymentInitiation.objects.get(standing_order=order)
        assert execute(payment) == "RJCT"
        assert payment.status_reason == "AG01"


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("signatures_needed = 3", "standing_order_signatures_one_or_two"),
        ("transaction_status = 'PATC'", "standing_order_partly_signed_needs_more"),
    ],
)
def test_the_database_refuses(order: StandingOrder, change: str, constraint: str) -> None:
    with pytest.raises(IntegrityError, match=constraint):
        sql(f"UPDATE payments_standingorder SET {change}")


def test_the_database_refuses_fewer_signatures(order: StandingOrder, david: PSU) -> None:
    sign(order, david)
    with pytest.raises(DatabaseError, match="fewer"):
        sql("UPDATE payments_standingorder SET signatures_needed = 1")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("how", ["signed", "declined", "taken back"])
@pytest.mark.parametrize("attempt", range(3))
def test_exactly_one_outcome(david: PSU, dora: PSU, how: str, attempt: int) -> None:
    emil = customer("Emil", phone="+4915100000006")
    order = sign(enter(david, account=account_of_several(david, dora, emil)), david)
    codes = {psu.pk: code(order, psu) for psu in (dora, emil)}

    def give(psu: PSU) -> str:
        authorisation_id, proof = codes[psu.pk]
        return authorise_standing_order(
            standing_order_id=order.pk, authorisation_id=authorisation_id, psu=psu, proof=proof, now=NOW
        ).transaction_status

    def work(number: int) -> str:
        if number == 0:
            return give(dora)
        if how == "signed":
            return give(emil)
        if how == "declined":
            return decline_standing_order(
                standing_order_id=order.pk, psu_id=emil.pk, now=NOW
            ).transaction_status
        return end_standing_order(standing_order_id=order.pk, psu_id=david.pk, now=NOW).transaction_status

    results = in_parallel(2, work)
    order.refresh_from_db()
    refused = [result for result in results if isinstance(result, StandingOrderStatusInvalid)]
    if how == "taken back" and not refused:
        # Signed first, and then ended: two outcomes one after the other, the later one holds.
        assert sorted(results) == ["ACTC", "CANC"]
        assert order.transaction_status == "CANC"
    else:
        assert len(refused) == 1
        assert order.transaction_status in results
