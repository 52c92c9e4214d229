"""Payments that two must sign: no money moves before both have, each with his own code over the very same order."""

from datetime import date, timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from apps.accounts.models import AccountHolder, PaymentAccount
from apps.accounts.queries import get_balance
from apps.accounts.rules import SigningRight
from apps.audit.models import AuditEvent
from apps.engine.execution import execute_payment
from apps.identity.models import PSU
from apps.notifications.models import OutboxMessage
from apps.payments.models import PaymentInitiation
from apps.payments.queries import (
    PaymentUnknown,
    get_payment_for_psu,
    list_payments_for_psu,
    list_payments_to_sign,
)
from apps.payments.services import (
    DebtorAccountNotYours,
    PaymentStatusInvalid,
    SignedAlready,
    authorise_payment,
    cancel_payment,
    check_authorised_as_is,
    decline_payment,
    expire_payments,
    reject_payment,
    release_due_payments,
    send_payment_code,
    start_payment_authorisation,
)
from apps.sca.models import Challenge, SCAAuthorisation
from apps.sca.queries import list_signers
from apps.sca.rules import SubjectType
from apps.sca.services import DynamicLinkBroken
from tests.factories.accounts import NOW, account_of_several, bank_accounts, customer
from tests.factories.payments import code_to_sign, received_payment, sign_payment
from tests.sca.test_codes import in_parallel

pytestmark = pytest.mark.req("P-64")


@pytest.fixture
def david(db: None) -> PSU:
    bank_accounts()
    return customer("David", phone="+4915100000004")


@pytest.fixture
def dora(db: None) -> PSU:
    return customer("Dora", phone="+4915100000005")


@pytest.fixture
def emil(db: None) -> PSU:
    return customer("Emil", phone="+4915100000006")


@pytest.fixture
def joint(david: PSU, dora: PSU) -> PaymentAccount:
    return account_of_several(david, dora)


@pytest.fixture
def order(david: PSU, joint: PaymentAccount) -> PaymentInitiation:
    """David's order, which he has not signed."""
    return received_payment(david, account=joint)


def execute(payment: PaymentInitiation) -> PaymentInitiation:
    with transaction.atomic():
        execute_payment(payment_id=payment.pk, now=NOW)
    payment.refresh_from_db()
    return payment


def booked(account: PaymentAccount) -> int:
    return get_balance(account=account).booked_minor


def sql(statement: str, *values: object) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)


def messages() -> int:
    return OutboxMessage.objects.filter(topic="engine.execute_payment").count()


class TestTwoSign:
    def test_the_first_signature_moves_nothing(self, order: PaymentInitiation, david: PSU) -> None:
        payment = sign_payment(order, david)
        assert (payment.transaction_status, payment.signatures_needed) == ("PATC", 2)
        assert (payment.authorised_at, payment.authorisation_id, payment.released_at) == (None, None, None)
        assert messages() == 0
        assert not check_authorised_as_is(payment=payment)

    def test_the_second_releases_it(
        self, order: PaymentInitiation, david: PSU, dora: PSU, joint: PaymentAccount
    ) -> None:
        sign_payment(order, david)
        payment = sign_payment(order, dora, now=NOW + timedelta(days=3))
        assert (payment.transaction_status, payment.psu) == ("ACTC", david)
        assert messages() == 1
        assert execute(payment).transaction_status == "ACSP"
        assert booked(joint) == 97_500
        assert list_signers(subject_type=SubjectType.PAYMENT, subject_id=payment.pk) == [
            (david.full_name, NOW),
            (dora.full_name, NOW + timedelta(days=3)),
        ]
        assert list(
            AuditEvent.objects.filter(object_id=str(payment.pk), event__startswith="payments.payment.")
            .exclude(actor_type="engine")
            .order_by("pk")
            .values_list("event", "actor_id")
        )[2:] == [
            ("payments.payment.PATC", str(david.pk)),
            ("payments.payment.ACTC", str(dora.pk)),
        ]

    @pytest.mark.req("RTS-5(1)(b)", "RTS-5(1)(c)")
    def test_both_codes_are_made_over_the_same_order(
        self, order: PaymentInitiation, david: PSU, dora: PSU
    ) -> None:
        sign_payment(order, david)
        sign_payment(order, dora)
        hashes = SCAAuthorisation.objects.filter(subject_id=order.pk).values_list("snapshot_hash", flat=True)
        assert len(hashes) == 2
        assert len(set(map(bytes, hashes))) == 1

    def test_who_signs_alone_needs_nobody(self, david: PSU, dora: PSU) -> None:
        account = account_of_several(david, dora, signs=SigningRight.ALONE)
        payment = sign_payment(received_payment(david, account=account), david)
        assert (payment.transaction_status, payment.signatures_needed) == ("ACTC", 1)
        assert execute(payment).transaction_status == "ACSP"

    def test_one_who_signs_alone_is_the_second_of_one_who_does_not(self, david: PSU, dora: PSU) -> None:
        account = account_of_several(david, dora)
        AccountHolder.objects.filter(psu=dora).update(signs=SigningRight.ALONE)
        payment = received_payment(david, account=account)
        assert sign_payment(payment, david).transaction_status == "PATC"
        assert sign_payment(payment, dora).transaction_status == "ACTC"

    def test_for_a_later_day_it_waits_after_the_second(
        self, david: PSU, dora: PSU, joint: PaymentAccount
    ) -> None:
        payment = received_payment(david, account=joint, requested_execution_date=date(2026, 12, 1))
        sign_payment(payment, david)
        assert (
            release_due_payments(now=NOW + timedelta(days=12)) == 0
        )  # The day has come, the signature has not.
        payment = sign_payment(payment, dora)
        assert payment.is_scheduled
        assert release_due_payments(now=NOW + timedelta(days=12)) == 1

    def test_a_day_that_passed_while_it_waited_is_made_up_for(
        self, david: PSU, dora: PSU, joint: PaymentAccount
    ) -> None:
        payment = received_payment(david, account=joint, requested_execution_date=date(2026, 11, 24))
        sign_payment(payment, david)
        payment = sign_payment(payment, dora, now=NOW + timedelta(days=5))
        assert payment.released_at == NOW + timedelta(days=5)
        assert messages() == 1


class TestWhoMaySign:
    def test_nobody_signs_twice(self, order: PaymentInitiation, david: PSU) -> None:
        sign_payment(order, david)
        with pytest.raises(SignedAlready):
            code_to_sign(order, david)
        # Not through a company's page either, which knows nobody before the code: he gets none.
        authorisation = start_payment_authorisation(payment_id=order.pk, now=NOW)
        challenge_id = send_payment_code(
            payment_id=order.pk, authorisation_id=authorisation.pk, psu=david, now=NOW
        )
        assert Challenge.objects.get(pk=challenge_id).user is None
        order.refresh_from_db()
        assert order.transaction_status == "PATC"

    def test_not_with_a_second_code_that_he_got_before_the_first_was_used(
        self, order: PaymentInitiation, david: PSU
    ) -> None:
        codes = [code_to_sign(order, david) for _ in range(2)]
        authorise_payment(
            payment_id=order.pk, authorisation_id=codes[0][0], psu=david, proof=codes[0][1], now=NOW
        )
        with pytest.raises(SignedAlready):
            authorise_payment(
                payment_id=order.pk, authorisation_id=codes[1][0], psu=david, proof=codes[1][1], now=NOW
            )
        order.refresh_from_db()
        assert order.transaction_status == "PATC"

    def test_not_with_the_other_ones_code(self, order: PaymentInitiation, david: PSU, dora: PSU) -> None:
        authorisation_id, proof = code_to_sign(order, david)
        sign_payment(order, david)
        with pytest.raises(DynamicLinkBroken):
            authorise_payment(
                payment_id=order.pk, authorisation_id=authorisation_id, psu=dora, proof=proof, now=NOW
            )

    def test_no_stranger(self, order: PaymentInitiation, david: PSU, emil: PSU) -> None:
        sign_payment(order, david)
        with pytest.raises(DebtorAccountNotYours):
            code_to_sign(order, emil)
        with pytest.raises(PaymentUnknown):
            decline_payment(payment_id=order.pk, psu=emil, now=NOW)
        with pytest.raises(PaymentUnknown):
            get_payment_for_psu(psu_id=emil.pk, payment_id=order.pk)

    def test_nobody_who_may_only_look(self, order: PaymentInitiation, david: PSU, dora: PSU) -> None:
        sign_payment(order, david)
        AccountHolder.objects.filter(psu=dora).update(may_pay=False)
        with pytest.raises(DebtorAccountNotYours):
            code_to_sign(order, dora)
        assert not list_payments_to_sign(psu_id=dora.pk)

    def test_nobody_before_the_one_who_ordered_it(self, order: PaymentInitiation, dora: PSU) -> None:
        """An order that its own customer has not signed is nobody else's business."""
        with pytest.raises(PaymentUnknown):
            get_payment_for_psu(psu_id=dora.pk, payment_id=order.pk)
        with pytest.raises(PaymentStatusInvalid):
            decline_payment(payment_id=order.pk, psu=dora, now=NOW)
        assert start_payment_authorisation(payment_id=order.pk, psu=dora, now=NOW).psu == order.psu

    def test_the_second_does_not_sign_what_the_first_did_not(
        self, order: PaymentInitiation, david: PSU, dora: PSU
    ) -> None:
        sign_payment(order, david)
        sql("UPDATE payments_paymentinitiation SET amount_minor = 9900")
        with pytest.raises(PaymentStatusInvalid):
            sign_payment(order, dora)
        order.refresh_from_db()
        assert order.transaction_status == "PATC"
        assert not SCAAuthorisation.objects.filter(psu=dora, sca_status="finalised").exists()


class TestWhoSeesIt:
    def test_both_do_from_the_first_signature_on(
        self, order: PaymentInitiation, david: PSU, dora: PSU, emil: PSU
    ) -> None:
        assert list_payments_for_psu(psu_id=dora.pk) == []
        sign_payment(order, david)
        for psu in (david, dora):
            assert list_payments_for_psu(psu_id=psu.pk) == [order]
            assert get_payment_for_psu(psu_id=psu.pk, payment_id=order.pk) == order
        assert list(list_payments_to_sign(psu_id=dora.pk)) == [order]
        assert not list_payments_to_sign(psu_id=david.pk)
        sign_payment(order, dora)
        assert not list_payments_to_sign(psu_id=dora.pk)
        assert get_payment_for_psu(psu_id=dora.pk, payment_id=order.pk)
        assert list_payments_for_psu(psu_id=emil.pk) == []


class TestItEndsWithoutTheSecond:
    def test_the_first_takes_it_back(self, order: PaymentInitiation, david: PSU, dora: PSU) -> None:
        sign_payment(order, david)
        with pytest.raises(PaymentUnknown):
            cancel_payment(payment_id=order.pk, psu_id=dora.pk, now=NOW)
        assert cancel_payment(payment_id=order.pk, psu_id=david.pk, now=NOW).transaction_status == "CANC"
        with pytest.raises(PaymentStatusInvalid):
            code_to_sign(order, dora)

    def test_the_other_declines(self, order: PaymentInitiation, david: PSU, dora: PSU) -> None:
        sign_payment(order, david)
        with pytest.raises(SignedAlready):
            decline_payment(payment_id=order.pk, psu=david, now=NOW)
        payment = decline_payment(payment_id=order.pk, psu=dora, now=NOW)
        assert (payment.transaction_status, payment.status_reason) == ("RJCT", "CUST")
        assert AuditEvent.objects.get(event="payments.payment.RJCT").actor_id == str(dora.pk)
        with pytest.raises(PaymentStatusInvalid):
            decline_payment(payment_id=order.pk, psu=dora, now=NOW)

    def test_wrong_codes_and_strangers_with_the_link_do_not_undo_the_first(
        self, order: PaymentInitiation, david: PSU
    ) -> None:
        sign_payment(order, david)
        for reason in ("CUST", "DS0A"):
            assert reject_payment(payment_id=order.pk, reason=reason, now=NOW).transaction_status == "PATC"

    def test_fifteen_days_instead_of_one(self, order: PaymentInitiation, david: PSU, dora: PSU) -> None:
        first = NOW + timedelta(hours=23)
        sign_payment(order, david, now=first)
        assert expire_payments(now=first + timedelta(days=15, seconds=-1)) == 0
        over = first + timedelta(days=15)
        with pytest.raises(PaymentStatusInvalid):
            code_to_sign(order, dora, now=over)
        assert expire_payments(now=over) == 1
        order.refresh_from_db()
        assert (order.transaction_status, order.status_reason) == ("RJCT", "DS02")
        assert expire_payments(now=over) == 0


class TestTheEngineCountsItself:
    """Neither a message nor the columns of the payment decide."""

    @pytest.mark.parametrize("needed", ["signatures_needed", "2"])
    def test_a_status_set_by_hand_moves_nothing(
        self, order: PaymentInitiation, david: PSU, joint: PaymentAccount, needed: str
    ) -> None:
        sign_payment(order, david)
        authorisation = SCAAuthorisation.objects.get(subject_id=order.pk, sca_status="finalised")
        sql(
            "UPDATE payments_paymentinitiation SET transaction_status = 'ACTC', authorised_at = now(),"
            f" released_at = now(), authorisation_id = %s, signatures_needed = {needed}",
            authorisation.pk,
        )
        assert execute(order).transaction_status == "RJCT"
        assert order.status_reason == "DS0A"
        assert booked(joint) == 100_000

    def test_one_person_twice_is_one(
        self, order: PaymentInitiation, david: PSU, joint: PaymentAccount
    ) -> None:
        sign_payment(order, david)
        first = SCAAuthorisation.objects.get(subject_id=order.pk, sca_status="finalised")
        second = SCAAuthorisation.objects.create(
            **{
                field.name: getattr(first, field.name)
                for field in SCAAuthorisation._meta.fields
                if field.name != "id"
            }
        )
        sql(
            "UPDATE payments_paymentinitiation SET transaction_status = 'ACTC', authorised_at = now(),"
            " released_at = now(), authorisation_id = %s",
            second.pk,
        )
        assert execute(order).transaction_status == "RJCT"
        assert booked(joint) == 100_000

    def test_a_signature_over_something_else_is_none(
        self, order: PaymentInitiation, david: PSU, dora: PSU, joint: PaymentAccount
    ) -> None:
        sign_payment(order, david)
        payment = sign_payment(order, dora)
        sql("UPDATE sca_scaauthorisation SET snapshot_hash = '\\x00' WHERE psu_id = %s", david.pk)
        assert execute(payment).transaction_status == "RJCT"
        assert booked(joint) == 100_000

    @pytest.mark.parametrize("who", ["david", "dora"])
    def test_both_must_have_the_right_still(
        self, order: PaymentInitiation, david: PSU, dora: PSU, who: str
    ) -> None:
        sign_payment(order, david)
        payment = sign_payment(order, dora)
        AccountHolder.objects.filter(psu={"david": david, "dora": dora}[who]).update(may_pay=False)
        assert execute(payment).transaction_status == "RJCT"
        assert payment.status_reason == "AG01"

    def test_what_one_signed_alone_stays_signed(self, david: PSU, dora: PSU) -> None:
        account = account_of_several(david, dora, signs=SigningRight.ALONE)
        payment = sign_payment(received_payment(david, account=account), david)
        AccountHolder.objects.filter(payment_account=account).update(signs=SigningRight.JOINTLY)
        assert execute(payment).transaction_status == "ACSP"


class TestTheDatabaseRefuses:
    @pytest.mark.parametrize(
        ("change", "constraint"),
        [
            ("signatures_needed = 3", "payment_signatures_one_or_two"),
            ("transaction_status = 'PATC'", "payment_partly_signed_needs_more"),
            (
                "transaction_status = 'PATC', signatures_needed = 2, psu_id = NULL",
                "payment_partly_signed_needs_more",
            ),
        ],
    )
    def test_what_makes_no_sense(self, order: PaymentInitiation, change: str, constraint: str) -> None:
        with pytest.raises(IntegrityError, match=constraint):
            sql(f"UPDATE payments_paymentinitiation SET {change}")

    def test_fewer_signatures_than_were_needed(self, order: PaymentInitiation, david: PSU) -> None:
        sign_payment(order, david)
        with pytest.raises(DatabaseError, match="fewer"):
            sql("UPDATE payments_paymentinitiation SET signatures_needed = 1")


@pytest.mark.django_db(transaction=True)
class TestRaces:
    """On real PostgreSQL with real commits: exactly one outcome."""

    @pytest.fixture
    def three(self, david: PSU, dora: PSU, emil: PSU) -> PaymentInitiation:
        """David has signed; Dora or Emil is to."""
        return sign_payment(received_payment(david, account=account_of_several(david, dora, emil)), david)

    def test_two_second_signers_at_once(self, three: PaymentInitiation, dora: PSU, emil: PSU) -> None:
        codes = [(psu, *code_to_sign(three, psu)) for psu in (dora, emil)]

        def sign(number: int) -> str:
            psu, authorisation_id, proof = codes[number]
            return authorise_payment(
                payment_id=three.pk, authorisation_id=authorisation_id, psu=psu, proof=proof, now=NOW
            ).transaction_status

        results = in_parallel(2, sign)
        assert sorted(map(str, results)) == ["ACTC", "ACTC"]  # The one is told, the other finds it so.
        assert messages() == 1

    @pytest.mark.parametrize("how", ["declined", "taken back"])
    @pytest.mark.parametrize("attempt", range(5))
    def test_one_signs_while_it_is_ended(
        self, three: PaymentInitiation, david: PSU, dora: PSU, emil: PSU, how: str, attempt: int
    ) -> None:
        authorisation_id, proof = code_to_sign(three, dora)

        def work(number: int) -> str:
            if number == 0:
                return authorise_payment(
                    payment_id=three.pk, authorisation_id=authorisation_id, psu=dora, proof=proof, now=NOW
                ).transaction_status
            if how == "declined":
                return decline_payment(payment_id=three.pk, psu=emil, now=NOW).transaction_status
            return cancel_payment(payment_id=three.pk, psu_id=david.pk, now=NOW).transaction_status

        results = in_parallel(2, work)
        refused = [result for result in results if isinstance(result, PaymentStatusInvalid)]
        three.refresh_from_db()
        assert len(refused) == 1
        assert three.transaction_status in results
        assert messages() == (three.transaction_status == "ACTC")
        finalised = SCAAuthorisation.objects.filter(subject_id=three.pk, sca_status="finalised").count()
        assert finalised == (2 if three.transaction_status == "ACTC" else 1)

    def test_the_first_twice_at_once(self, david: PSU, dora: PSU) -> None:
        order = received_payment(david, account=account_of_several(david, dora))
        codes = [code_to_sign(order, david) for _ in range(2)]

        def sign(number: int) -> str:
            authorisation_id, proof = codes[number]
            return authorise_payment(
                payment_id=order.pk, authorisation_id=authorisation_id, psu=david, proof=proof, now=NOW
            ).transaction_status

        results = in_parallel(2, sign)
        assert sorted(type(result) for result in results if not isinstance(result, str)) == [SignedAlready]
        order.refresh_from_db()
        assert order.transaction_status == "PATC"
        assert messages() == 0
