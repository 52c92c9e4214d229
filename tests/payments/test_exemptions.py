"""Payments without a code: only where the bank chose it, an article holds and the decision is on record."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import override_settings

from apps.accounts.models import AccountHolder, PaymentAccount
from apps.accounts.rules import HolderRole
from apps.audit.models import AuditEvent
from apps.core.canonical import canonical_hash
from apps.core.ids import new_id
from apps.core.names.rules import NameMatch
from apps.engine.execution import execute_payment
from apps.identity.models import PSU
from apps.payments.exemption_models import PaymentExemption
from apps.payments.models import PaymentInitiation
from apps.payments.services import (
    CodeNeeded,
    DebtorAccountNotYours,
    PaymentStatusInvalid,
    authorise_payment,
    check_authorised_as_is,
    decide_exemption,
    pay_without_code,
    payment_snapshot,
)
from apps.payments.trusted_payees import remove_trusted_payee
from apps.sca.exemptions import Decision, Monitoring, Reason
from apps.sca.models import Challenge, SCAAuthorisation
from apps.sca.rules import Purpose
from apps.sca.services import AuthorisationOver, CodeRefused, exempt_authorisation, freeze_sign_in
from tests.factories.accounts import NOW, account_of, account_of_several, bank_accounts, customer
from tests.factories.payments import (
    authorised_payment,
    challenged_payment,
    proof_for,
    received_payment,
    sign_payment,
)
from tests.factories.tpp import AppFactory
from tests.factories.trusted_payees import trusted_payee
from tests.sca.test_codes import in_parallel

UNWATCHED = Monitoring()


@pytest.fixture
def anna(db: None) -> PSU:
    bank_accounts()
    return customer("Anna")


@pytest.fixture
def low_value(settings: Any) -> None:
    settings.SCA_EXEMPTIONS = ["16"]


def pay(payment: PaymentInitiation, psu: PSU, monitoring: Monitoring = UNWATCHED) -> PaymentInitiation:
    return pay_without_code(payment_id=payment.pk, psu=psu, monitoring=monitoring, now=NOW)


def decide(payment: PaymentInitiation, psu: PSU, monitoring: Monitoring = UNWATCHED) -> Decision:
    return decide_exemption(payment=payment, psu=psu, monitoring=monitoring, now=NOW)


def execute(payment: PaymentInitiation) -> tuple[str, str]:
    with transaction.atomic():
        execute_payment(payment_id=payment.pk, now=NOW)
    payment.refresh_from_db()
    return payment.transaction_status, payment.status_reason


def to(psu: PSU, payee: PaymentAccount, **fields: Any) -> PaymentInitiation:
    """A payment to an account at this bank, under its owner's name."""
    return received_payment(
        psu, **({"creditor_iban": payee.iban, "creditor_name": payee.owner_name} | fields)
    )


@pytest.mark.req("S3-7")
class TestABankThatChoseNothing:
    def test_asks_a_code_for_every_payment(self, anna: PSU) -> None:
        trusted_payee(anna)
        payments = [
            received_payment(anna, amount_minor=1),
            to(anna, account_of(anna)),
        ]
        for payment in payments:
            with pytest.raises(CodeNeeded) as caught:
                pay(payment, anna)
            assert caught.value.decision.reason == Reason.NO_ARTICLE_IN_USE
            payment.refresh_from_db()
            assert payment.transaction_status == "RCVD"
        assert not PaymentExemption.objects.exists()

    def test_is_asked_nothing(self, anna: PSU, django_assert_num_queries: Callable[..., Any]) -> None:
        payment = received_payment(anna)
        with django_assert_num_queries(0):
            assert not decide(payment, anna).is_exempt


class TestAnExemptedPayment:
    @pytest.mark.req("RTS-16", "RTS-29(1)")
    def test_is_released_booked_and_on_record(self, anna: PSU, low_value: None) -> None:
        payment = pay(received_payment(anna, amount_minor=3_000), anna)
        assert (payment.transaction_status, payment.psu_id) == ("ACTC", anna.pk)
        assert not Challenge.objects.exists()
        record = PaymentExemption.objects.get(payment=payment)
        assert (record.article, record.reason) == ("16", "low_value")
        assert record.figures["amount_minor"] == 3_000
        assert record.figures["payments_since_sca"] == 1
        authorisation = SCAAuthorisation.objects.get(pk=payment.authorisation_id)
        assert (authorisation.sca_status, authorisation.elements) == ("exempted", [])
        assert bytes(authorisation.snapshot_hash or b"") == bytes(record.snapshot_hash)
        event = AuditEvent.objects.get(event="payments.payment.exempted")
        assert (event.data["article"], event.data["reason"]) == ("16", "low_value")
        assert event.data["figures"] == record.figures
        assert execute(payment)[0] == "ACSP"

    def test_is_paid_once(self, anna: PSU, low_value: None) -> None:
        payment = pay(received_payment(anna), anna)
        with pytest.raises(PaymentStatusInvalid):
            pay(payment, anna)
        assert PaymentExemption.objects.count() == 1

    def test_makes_a_code_that_was_under_way_worthless(self, anna: PSU, low_value: None) -> None:
        payment, authorisation_id, challenge_id = challenged_payment(anna)
        proof = proof_for(challenge_id)
        pay(payment, anna)
        assert Challenge.objects.get(pk=challenge_id).status == "voided"
        assert SCAAuthorisation.objects.get(pk=authorisation_id).sca_status == "failed"
        with pytest.raises((PaymentStatusInvalid, CodeRefused)):
            authorise_payment(
                payment_id=payment.pk, authorisation_id=authorisation_id, psu=anna, proof=proof, now=NOW
            )

    def test_is_the_customers_own_from_an_account_that_he_may_pay_from(
        self, anna: PSU, low_value: None
    ) -> None:
        bruno, payment = customer("Bruno", phone="+4915100000002"), received_payment(anna)
        with pytest.raises(DebtorAccountNotYours):
            pay(payment, bruno)
        AccountHolder.objects.filter(psu=anna).update(may_pay=False)
        with pytest.raises(DebtorAccountNotYours):
            pay(payment, anna)

    def test_is_no_companys(self, anna: PSU, low_value: None) -> None:
        with pytest.raises(PaymentStatusInvalid):
            pay(received_payment(anna, app=AppFactory()), anna)

    def test_is_none_that_two_must_sign(self, anna: PSU, low_value: None) -> None:
        bruno = customer("Bruno", phone="+4915100000002")
        joint = account_of_several(anna, bruno)
        payment = received_payment(anna, account=joint)
        with pytest.raises(CodeNeeded) as caught:
            pay(payment, anna)
        assert caught.value.decision.reason == Reason.SEVERAL_SIGNATURES
        sign_payment(payment, anna)
        with pytest.raises(PaymentStatusInvalid):
            pay(payment, bruno)

    def test_is_none_of_a_customer_who_is_frozen(self, anna: PSU, low_value: None) -> None:
        payment = received_payment(anna)
        freeze_sign_in(user_id=anna.user_id, actor_type="psu", actor_id=anna.pk, reason="lost phone", now=NOW)
        with pytest.raises(AuthorisationOver):
            pay(payment, anna)
        assert not PaymentExemption.objects.exists()

    @pytest.mark.parametrize("outcome", [NameMatch.CMTC, NameMatch.NMTC])
    def test_is_none_whose_payees_name_is_another(
        self, anna: PSU, low_value: None, outcome: NameMatch
    ) -> None:
        payment = received_payment(anna)
        payment.creditor_name_match = outcome
        assert decide(payment, anna).reason == Reason.PAYEE_NAME_DIFFERS

    @pytest.mark.req("RTS-18")
    def test_is_none_with_a_sign_of_danger(self, anna: PSU, low_value: None) -> None:
        with pytest.raises(CodeNeeded) as caught:
            pay(received_payment(anna), anna, Monitoring(signals=frozenset({"malware"})))
        assert caught.value.decision.reason == Reason.RISK_SIGNAL_FOUND


@pytest.mark.req("RTS-16")
class TestLowValueCounters:
    def test_the_sum_since_the_last_code(self, anna: PSU, low_value: None) -> None:
        for amount in (3_000, 3_000, 3_000):
            pay(received_payment(anna, amount_minor=amount), anna)
        with pytest.raises(CodeNeeded) as caught:
            pay(received_payment(anna, amount_minor=1_001), anna)
        assert Reason.TOTAL_SINCE_SCA_TOO_HIGH in caught.value.decision.refused.values()
        pay(received_payment(anna, amount_minor=1_000), anna)

    def test_the_sixth_payment_takes_a_code_which_begins_the_count_anew(
        self, anna: PSU, low_value: None
    ) -> None:
        for _ in range(5):
            pay(received_payment(anna, amount_minor=1), anna)
        sixth = received_payment(anna, amount_minor=1)
        with pytest.raises(CodeNeeded) as caught:
            pay(sixth, anna)
        assert Reason.TOO_MANY_SINCE_SCA in caught.value.decision.refused.values()
        # One more that was signed, later than the five: time passes between them in the bank.
        signed = authorised_payment(anna, amount_minor=1)
        PaymentInitiation.objects.filter(pk=signed.pk).update(authorised_at=NOW.replace(hour=13))
        assert decide(sixth, anna).is_exempt

    def test_what_another_article_exempted_counts_too(self, anna: PSU, settings: Any) -> None:
        settings.SCA_EXEMPTIONS = ["15", "16"]
        own = account_of(anna)
        assert pay(to(anna, own, amount_minor=9_000), anna)
        assert PaymentExemption.objects.get().article == "15"
        assert not decide(received_payment(anna, amount_minor=1_001), anna).is_exempt
        assert decide(received_payment(anna, amount_minor=1_000), anna).is_exempt

    def test_what_another_signed_second_does_not_begin_it_anew(self, anna: PSU, low_value: None) -> None:
        bruno = customer("Bruno", phone="+4915100000002")
        for _ in range(5):
            pay(received_payment(anna, amount_minor=1), anna)
        joint = received_payment(anna, account=account_of_several(anna, bruno))
        sign_payment(joint, anna)
        sign_payment(joint, bruno, now=NOW + timedelta(minutes=1))
        assert not decide(received_payment(anna, amount_minor=1), anna).is_exempt

    def test_other_customers_payments_do_not(self, anna: PSU, low_value: None) -> None:
        bruno = customer("Bruno", phone="+4915100000002")
        for _ in range(5):
            pay(received_payment(bruno, amount_minor=1), bruno)
        assert decide(received_payment(anna), anna).is_exempt


@pytest.mark.req("RTS-16")
@pytest.mark.django_db(transaction=True)
def test_of_eight_payments_at_once_five_pass_the_counter() -> None:
    bank_accounts()
    anna = customer("Anna")
    payments = [received_payment(anna, amount_minor=1) for _ in range(8)]

    def attempt(number: int) -> bool:
        try:
            pay(payments[number], anna)
        except CodeNeeded:
            return False
        return True

    with override_settings(SCA_EXEMPTIONS=["16"]):
        assert sorted(in_parallel(8, attempt)) == [False] * 3 + [True] * 5


@pytest.mark.req("RTS-13")
def test_a_trusted_payee_takes_no_code_until_he_is_removed(anna: PSU, settings: Any) -> None:
    settings.SCA_EXEMPTIONS = ["13"]
    assert not decide(received_payment(anna), anna).is_exempt
    payee = trusted_payee(anna)
    paid = pay(received_payment(anna, amount_minor=90_000), anna)
    assert PaymentExemption.objects.get(payment=paid).reason == "payee_trusted"
    remove_trusted_payee(psu=anna, payee_id=payee.pk, now=NOW)
    assert not decide(received_payment(anna), anna).is_exempt


@pytest.mark.req("RTS-15")
class TestOwnAccounts:
    @pytest.fixture(autouse=True)
    def _chosen(self, settings: Any) -> None:
        settings.SCA_EXEMPTIONS = ["15"]

    def test_from_one_account_of_hers_to_another(self, anna: PSU) -> None:
        paid = pay(to(anna, account_of(anna), amount_minor=50_000), anna)
        assert PaymentExemption.objects.get(payment=paid).reason == "same_person"
        assert execute(paid)[0] == "ACSC"

    def test_not_to_a_joint_account_nor_to_another_persons(self, anna: PSU) -> None:
        bruno = customer("Bruno", phone="+4915100000002")
        joint = account_of_several(anna, bruno)
        reasons = [
            decide(to(anna, account), anna).refused["15"]  # type: ignore[index]
            for account in (joint, bruno.account)
        ]
        assert reasons == [Reason.JOINT_ACCOUNT, Reason.ANOTHER_PERSON]

    def test_not_from_an_account_that_she_only_may_sign_for(self, anna: PSU) -> None:
        bruno = customer("Bruno", phone="+4915100000002")
        AccountHolder.objects.create(payment_account=bruno.account, psu=anna, role=HolderRole.AUTHORISED)
        payment = to(anna, account_of(anna), account=bruno.account)
        assert decide(payment, anna).refused["15"] == Reason.ANOTHER_PERSON  # type: ignore[index]
        back = to(anna, bruno.account)
        assert decide(back, anna).refused["15"] == Reason.ANOTHER_PERSON  # type: ignore[index]

    def test_not_between_a_business_and_the_person_who_runs_it(self, anna: PSU) -> None:
        firm = account_of(anna, balance_minor=100_000)
        firm.owner_name = "Schneider Werkzeuge GmbH"
        firm.save()
        assert decide(to(anna, firm), anna).refused["15"] == Reason.ANOTHER_PERSON  # type: ignore[index]


@pytest.mark.req("RTS-5(1)(c)", "S3-7")
class TestTheEngine:
    """It trusts neither status nor message, and of exemptions only what is whole."""

    @pytest.fixture
    def paid(self, anna: PSU, low_value: None) -> PaymentInitiation:
        return pay(received_payment(anna), anna)

    @pytest.mark.parametrize(
        "change",
        [
            {"amount_minor": 2_501},
            {"creditor_iban": "FR7630006000011234567890189"},
            {"creditor_name": "Somebody else"},
            {"remittance_information_unstructured": "Other"},
            {"authorisation_id": new_id()},
            {"signatures_needed": 2},
        ],
    )
    def test_refuses_what_was_altered_afterwards(
        self, paid: PaymentInitiation, change: dict[str, Any]
    ) -> None:
        assert check_authorised_as_is(payment=paid)
        PaymentInitiation.objects.filter(pk=paid.pk).update(**change)
        paid.refresh_from_db()
        assert not check_authorised_as_is(payment=paid)
        assert execute(paid) == ("RJCT", "DS0A")

    def test_refuses_another_payer(self, paid: PaymentInitiation) -> None:
        bruno = customer("Bruno", phone="+4915100000002")
        PaymentInitiation.objects.filter(pk=paid.pk).update(psu=bruno)
        assert execute(paid) == ("RJCT", "DS0A")

    def test_refuses_one_that_leans_on_anothers_exemption(self, paid: PaymentInitiation, anna: PSU) -> None:
        other = received_payment(anna)
        PaymentInitiation.objects.filter(pk=other.pk).update(
            transaction_status="ACTC", authorised_at=NOW, authorisation_id=paid.authorisation_id
        )
        assert execute(other) == ("RJCT", "DS0A")

    def test_refuses_one_whose_authorisation_is_not_exempted(self, anna: PSU) -> None:
        payment, authorisation_id, _challenge_id = challenged_payment(anna)
        record(payment, anna, authorisation_id)
        PaymentInitiation.objects.filter(pk=payment.pk).update(
            transaction_status="ACTC", authorised_at=NOW, authorisation_id=authorisation_id
        )
        assert execute(payment) == ("RJCT", "DS0A")

    @pytest.mark.parametrize("chosen", [[], ["13"]])
    def test_refuses_all_by_an_article_that_the_bank_does_not_use(
        self, paid: PaymentInitiation, settings: Any, chosen: list[str]
    ) -> None:
        settings.SCA_EXEMPTIONS = chosen
        assert execute(paid) == ("RJCT", "DS0A")

    def test_takes_the_others_of_a_group_as_they_are(self, paid: PaymentInitiation, anna: PSU) -> None:
        signed = authorised_payment(anna)
        assert execute(signed)[0] == "ACSP"
        assert execute(paid)[0] == "ACSP"


def record(payment: PaymentInitiation, psu: PSU, authorisation_id: Any, **changes: Any) -> None:
    """The row of an exemption, as somebody at psql could write it."""
    PaymentExemption.objects.create(
        **{
            "payment": payment,
            "psu": psu,
            "authorisation_id": authorisation_id,
            "article": "16",
            "reason": "low_value",
            "figures": {},
            "refused": {},
            "snapshot_hash": canonical_hash(
                {"purpose": Purpose.PAYMENT.value, **payment_snapshot(payment=payment)}
            ),
            "decided_at": NOW,
            **changes,
        }
    )


@pytest.mark.req("S3-7")
class TestTheDatabase:
    EXEMPT = "UPDATE sca_scaauthorisation SET sca_status = 'exempted', psu_id = %s, snapshot_hash = %s WHERE id = %s"

    @pytest.fixture
    def refused(self, anna: PSU) -> Callable[..., None]:
        def check(message: str, statement: str, *values: Any) -> None:
            with (
                connection.cursor() as cursor,
                pytest.raises(DatabaseError, match=message),
                transaction.atomic(),
            ):
                cursor.execute(statement, values)

        return check

    def test_exempts_nothing_without_the_record_of_exactly_it(
        self, anna: PSU, refused: Callable[..., None]
    ) -> None:
        bruno = customer("Bruno", phone="+4915100000002")
        payment, authorisation_id, _challenge_id = challenged_payment(anna)
        refused("without its record", self.EXEMPT, anna.pk, b"hash", authorisation_id)
        record(payment, anna, authorisation_id, snapshot_hash=b"hash")
        refused("without its record", self.EXEMPT, anna.pk, b"other", authorisation_id)
        refused("without its record", self.EXEMPT, anna.pk, None, authorisation_id)
        refused("without its record", self.EXEMPT, bruno.pk, b"hash", authorisation_id)
        _other, of_other, _challenge_id = challenged_payment(anna)
        refused("without its record", self.EXEMPT, anna.pk, b"hash", of_other)
        refused(
            "without its record",
            "UPDATE sca_scaauthorisation SET subject_type = 'consent', sca_status = 'exempted',"
            " psu_id = %s, snapshot_hash = 'hash' WHERE id = %s",
            anna.pk,
            authorisation_id,
        )
        with connection.cursor() as cursor:
            cursor.execute(self.EXEMPT, [anna.pk, b"hash", authorisation_id])

    def test_nor_does_the_service(self, anna: PSU) -> None:
        from apps.payments.services import start_payment_authorisation

        payment = received_payment(anna)
        authorisation = start_payment_authorisation(payment_id=payment.pk, now=NOW)
        with pytest.raises(DatabaseError, match="without its record"), transaction.atomic():
            exempt_authorisation(authorisation_id=authorisation.pk, psu=anna, snapshot_hash=b"hash", now=NOW)

    def test_changes_and_deletes_no_record(
        self, anna: PSU, low_value: None, refused: Callable[..., None]
    ) -> None:
        pay(received_payment(anna), anna)
        refused("append-only", "UPDATE payments_paymentexemption SET article = '13'")
        refused("append-only", "DELETE FROM payments_paymentexemption")

    @pytest.mark.parametrize(
        ("change", "constraint"),
        [
            ({"article": "10"}, "payment_exemption_article_known"),
            ({"reason": ""}, "payment_exemption_has_reason"),
        ],
    )
    def test_keeps_no_record_of_another_article_or_without_a_reason(
        self, anna: PSU, change: dict[str, Any], constraint: str
    ) -> None:
        with pytest.raises(DatabaseError, match=constraint), transaction.atomic():
            record(received_payment(anna), anna, new_id(), **change)

    def test_keeps_one_record_of_a_payment_and_of_an_authorisation(self, anna: PSU) -> None:
        payment, authorisation_id = received_payment(anna), new_id()
        record(payment, anna, authorisation_id)
        for again in ((payment, new_id()), (received_payment(anna), authorisation_id)):
            with pytest.raises(DatabaseError, match=r"payment_id|authorisation_id"), transaction.atomic():
                record(again[0], anna, again[1])


def test_a_code_that_was_asked_for_is_not_exempted_away(anna: PSU) -> None:
    """The authorisation with a code under way ends by its code alone; an exemption takes one of its own."""
    payment, authorisation_id, _challenge_id = challenged_payment(anna)
    record(payment, anna, authorisation_id, snapshot_hash=b"hash")
    with pytest.raises(AuthorisationOver):
        exempt_authorisation(authorisation_id=authorisation_id, psu=anna, snapshot_hash=b"hash", now=NOW)
