"""Payments on the web side: from the order to the customer's signature."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from apps.audit.models import AuditEvent
from apps.core.ids import new_id
from apps.core.money import Money
from apps.identity.models import PSU
from apps.notifications.models import OutboxMessage
from apps.payments.models import PaymentInitiation
from apps.payments.queries import PaymentUnknown, get_payment_for_app, get_payment_for_psu
from apps.payments.rules import TRANSITIONS, Channel, StatusReason, TransactionStatus
from apps.payments.services import (
    CurrencyNotSupported,
    DebtorAccountNotYours,
    PaymentOrder,
    PaymentStatusInvalid,
    RequestIdReused,
    SameAccount,
    authorise_payment,
    cancel_payment,
    check_authorised_as_is,
    expire_payments,
    initiate_payment,
    reject_payment,
    send_payment_code,
    start_payment_authorisation,
)
from apps.sca.models import Challenge, SCAAuthorisation
from apps.sca.services import AuthorisationOver, CodeRefused, DynamicLinkBroken, check_code
from tests.factories.accounts import FOREIGN_IBAN, NOW, customer
from tests.factories.payments import (
    authorised_payment,
    challenged_payment,
    proof_for,
    received_payment,
    right_code,
)
from tests.factories.tpp import AppFactory
from tests.sca.test_codes import in_parallel


@pytest.fixture
def anna(db: None) -> PSU:
    return customer("Anna")


@pytest.fixture
def bruno(db: None) -> PSU:
    return customer("Bruno", phone="+4915100000002")


def order(psu: PSU, **changes: object) -> PaymentOrder:
    fields: dict[str, object] = {
        "debtor_account": psu.account,
        "creditor_name": "Kern",
        "creditor_iban": FOREIGN_IBAN,
        "instructed_amount": Money(2_500, "EUR"),
    }
    return PaymentOrder(**(fields | changes))


def initiate(psu: PSU, *, request_id: str = "", **changes: object) -> tuple[PaymentInitiation, bool]:
    return initiate_payment(
        channel=Channel.PORTAL,
        order=order(psu, **changes),
        psu=psu,
        request_id=request_id or str(new_id()),
        now=NOW,
    )


class TestInitiate:
    def test_takes_in_an_order_and_pays_nothing(self, anna: PSU) -> None:
        payment, created = initiate(anna)
        assert (payment.transaction_status, created) == ("RCVD", True)
        assert not OutboxMessage.objects.exists()

    @pytest.mark.req("RTS-35(4)")
    def test_the_same_request_again_is_the_same_payment(self, anna: PSU) -> None:
        first, _ = initiate(anna, request_id="r1")
        again, created = initiate(anna, request_id="r1")
        assert (again.pk, created) == (first.pk, False)
        assert PaymentInitiation.objects.count() == 1

    @pytest.mark.req("RTS-35(4)")
    @pytest.mark.parametrize(
        "change",
        [
            {"instructed_amount": Money(2_501, "EUR")},
            {"creditor_iban": "DE89370400440532013000"},
            {"creditor_name": "Kerm"},
            {"remittance_information_unstructured": "x"},
            {"end_to_end_identification": "x"},
        ],
    )
    def test_another_order_under_the_same_request_is_refused(
        self, anna: PSU, change: dict[str, object]
    ) -> None:
        initiate(anna, request_id="r1")
        with pytest.raises(RequestIdReused):
            initiate(anna, request_id="r1", **change)

    def test_refuses_other_currencies(self, anna: PSU) -> None:
        with pytest.raises(CurrencyNotSupported):
            initiate(anna, instructed_amount=Money(100, "USD"))

    def test_refuses_to_pay_itself(self, anna: PSU) -> None:
        with pytest.raises(SameAccount):
            initiate(anna, creditor_iban=anna.account.iban)

    def test_refuses_anothers_account(self, anna: PSU, bruno: PSU) -> None:
        with pytest.raises(DebtorAccountNotYours):
            initiate(anna, debtor_account=bruno.account)
        assert not PaymentInitiation.objects.exists()

    @pytest.mark.django_db(transaction=True)
    def test_ten_at_once_make_one_payment(self) -> None:
        anna = customer("Anna")
        results = in_parallel(10, lambda n: initiate(anna, request_id="r1"))
        assert len({payment.pk for payment, _ in results}) == 1
        assert sum(created for _, created in results) == 1


@pytest.mark.req("S0-11", "S0-45", "S1-13", "RTS-5(1)(b)", "RTS-5(1)(c)")
class TestAuthorise:
    @pytest.mark.req("P-64", "S1-1")
    def test_the_right_code_releases_and_promises_execution(self, anna: PSU) -> None:
        payment = authorised_payment(anna)
        assert payment.transaction_status == "ACTC"
        message = OutboxMessage.objects.get(topic="engine.execute_payment")
        assert (message.queue, message.payload) == ("engine", {"payment_id": str(payment.pk)})
        authorisation = SCAAuthorisation.objects.get(pk=payment.authorisation_id)
        assert authorisation.sca_status == "finalised"
        assert authorisation.elements == ["knowledge", "possession"]
        assert check_authorised_as_is(payment=payment)

    @pytest.mark.req("S3-5", "RTS-5(1)(d)", "N8")
    @pytest.mark.parametrize(
        "change",
        [
            {"amount_minor": 100_000},
            {"creditor_iban": "DE89370400440532013000"},
            {"creditor_name": "Fraud Ltd"},
            {"remittance_information_unstructured": "other"},
        ],
    )
    def test_any_change_after_the_code_voids_it(self, anna: PSU, change: dict[str, object]) -> None:
        payment, authorisation_id, challenge_id = challenged_payment(anna)
        proof = proof_for(challenge_id)
        PaymentInitiation.objects.filter(pk=payment.pk).update(**change)
        with pytest.raises(DynamicLinkBroken):
            authorise_payment(
                payment_id=payment.pk, authorisation_id=authorisation_id, psu=anna, proof=proof, now=NOW
            )
        payment.refresh_from_db()
        assert payment.transaction_status == "RCVD"
        assert Challenge.objects.get(pk=challenge_id).status == "voided"
        assert AuditEvent.objects.filter(event="sca.challenge.voided").exists()
        with pytest.raises(CodeRefused):
            check_code(challenge_id=challenge_id, code=right_code(challenge_id), now=NOW)

    @pytest.mark.req("S3-4")
    def test_the_code_of_one_payment_does_not_release_another(self, anna: PSU) -> None:
        _, _, challenge_id = challenged_payment(anna)
        other, other_authorisation, _ = challenged_payment(anna)
        with pytest.raises(DynamicLinkBroken):
            authorise_payment(
                payment_id=other.pk,
                authorisation_id=other_authorisation,
                psu=anna,
                proof=proof_for(challenge_id),
                now=NOW,
            )

    def test_anothers_code_does_not_release_it(self, anna: PSU, bruno: PSU) -> None:
        payment, authorisation_id, challenge_id = challenged_payment(anna)
        with pytest.raises(DebtorAccountNotYours):
            authorise_payment(
                payment_id=payment.pk,
                authorisation_id=authorisation_id,
                psu=bruno,
                proof=proof_for(challenge_id),
                now=NOW,
            )

    @pytest.mark.req("S0-40")
    def test_a_stranger_to_the_account_gets_a_decoy(self, anna: PSU, bruno: PSU) -> None:
        payment = received_payment(anna)
        authorisation = start_payment_authorisation(payment_id=payment.pk, now=NOW)
        challenge_id = send_payment_code(
            payment_id=payment.pk, authorisation_id=authorisation.pk, psu=bruno, now=NOW
        )
        assert Challenge.objects.get(pk=challenge_id).user is None
        assert not OutboxMessage.objects.exists()

    def test_a_second_code_voids_the_first(self, anna: PSU) -> None:
        payment, authorisation_id, first = challenged_payment(anna)
        send_payment_code(payment_id=payment.pk, authorisation_id=authorisation_id, psu=anna, now=NOW)
        with pytest.raises(CodeRefused):
            check_code(challenge_id=first, code=right_code(first), now=NOW)

    @pytest.mark.req("P-80")
    def test_nothing_can_be_done_with_it_twice(self, anna: PSU) -> None:
        payment = authorised_payment(anna)
        with pytest.raises(PaymentStatusInvalid):
            start_payment_authorisation(payment_id=payment.pk, now=NOW)
        with pytest.raises(PaymentStatusInvalid):
            send_payment_code(
                payment_id=payment.pk, authorisation_id=payment.authorisation_id, psu=anna, now=NOW
            )
        with pytest.raises(PaymentStatusInvalid):
            cancel_payment(payment_id=payment.pk, psu_id=anna.pk, now=NOW)

    def test_an_authorisation_left_lying_is_over(self, anna: PSU) -> None:
        payment = received_payment(anna)
        authorisation = start_payment_authorisation(payment_id=payment.pk, now=NOW)
        with pytest.raises(AuthorisationOver):
            send_payment_code(
                payment_id=payment.pk,
                authorisation_id=authorisation.pk,
                psu=anna,
                now=NOW + timedelta(minutes=31),
            )

    @pytest.mark.django_db(transaction=True)
    def test_of_fifty_right_codes_at_once_one_releases(self) -> None:
        anna = customer("Anna")
        payment, authorisation_id, challenge_id = challenged_payment(anna)
        code = right_code(challenge_id)

        def release(number: int) -> PaymentInitiation:
            return authorise_payment(
                payment_id=payment.pk,
                authorisation_id=authorisation_id,
                psu=anna,
                proof=check_code(challenge_id=challenge_id, code=code, now=NOW),
                now=NOW,
            )

        results = in_parallel(50, release)
        assert sum(isinstance(result, PaymentInitiation) for result in results) == 1
        assert {type(r) for r in results} <= {PaymentInitiation, CodeRefused, PaymentStatusInvalid}
        assert OutboxMessage.objects.filter(topic="engine.execute_payment").count() == 1


class TestTakingBack:
    @pytest.mark.req("P-80")
    def test_the_customer_cancels(self, anna: PSU) -> None:
        payment, _, challenge_id = challenged_payment(anna)
        assert cancel_payment(payment_id=payment.pk, psu_id=anna.pk, now=NOW).transaction_status == "CANC"
        with pytest.raises(CodeRefused):
            check_code(challenge_id=challenge_id, code=right_code(challenge_id), now=NOW)

    def test_nobody_else_does(self, anna: PSU, bruno: PSU) -> None:
        payment = received_payment(anna)
        with pytest.raises(PaymentUnknown):
            cancel_payment(payment_id=payment.pk, psu_id=bruno.pk, now=NOW)
        with pytest.raises(PaymentUnknown):
            cancel_payment(payment_id=payment.pk, app_id=new_id(), now=NOW)
        with pytest.raises(PaymentUnknown):
            cancel_payment(payment_id=payment.pk, now=NOW)

    def test_the_tpp_cancels_its_own(self, anna: PSU) -> None:
        app = AppFactory()
        payment = received_payment(anna, app=app)
        assert cancel_payment(payment_id=payment.pk, app_id=app.pk, now=NOW).transaction_status == "CANC"

    def test_refusing_ends_the_authorisation(self, anna: PSU) -> None:
        payment, authorisation_id, _ = challenged_payment(anna)
        reject_payment(payment_id=payment.pk, reason=StatusReason.CUST, now=NOW)
        assert SCAAuthorisation.objects.get(pk=authorisation_id).sca_status == "failed"

    def test_what_nobody_authorises_is_refused_after_a_day(self, anna: PSU) -> None:
        payment = received_payment(anna)
        assert expire_payments(now=NOW + timedelta(hours=23)) == 0
        assert expire_payments(now=NOW + timedelta(hours=24)) == 1
        payment.refresh_from_db()
        assert (payment.transaction_status, payment.status_reason) == ("RJCT", "DS02")


class TestScope:
    def test_a_payment_is_only_its_owners(self, anna: PSU, bruno: PSU) -> None:
        app = AppFactory()
        payment = received_payment(anna, app=app)
        assert get_payment_for_psu(psu_id=anna.pk, payment_id=payment.pk)
        assert get_payment_for_app(app_id=app.pk, payment_id=payment.pk)
        with pytest.raises(PaymentUnknown):
            get_payment_for_psu(psu_id=bruno.pk, payment_id=payment.pk)
        with pytest.raises(PaymentUnknown):
            get_payment_for_app(app_id=AppFactory().pk, payment_id=payment.pk)


def test_every_status_leads_somewhere_or_is_final() -> None:
    assert set(TRANSITIONS) == set(TransactionStatus)
    assert {s for s, following in TRANSITIONS.items() if not following} == {"ACSC", "RJCT", "CANC"}


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("amount_minor = 0", "payment_amount_positive"),
        ("amount_minor = -5", "payment_amount_positive"),
        ("currency = 'USD'", "payment_currency_euro"),
        ("transaction_status = 'PAID'", "payment_(status_known|executed_only_authorised)"),
        ("transaction_status = 'ACSC'", "payment_executed_only_authorised"),
        ("channel = 'xs2a'", "payment_channel_has_app"),
        ("creditor_iban = debtor_iban", "payment_not_to_itself"),
        ("amount_minor = 'NaN'", "bigint"),
    ],
)
@pytest.mark.req("R0-4", "S3-7", "P-64")
def test_the_database_refuses(anna: PSU, change: str, constraint: str) -> None:
    received_payment(anna)
    with (
        pytest.raises((IntegrityError, DatabaseError), match=constraint),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"UPDATE payments_paymentinitiation SET {change}")
