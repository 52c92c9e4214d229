"""What is shown of a file beside its total, by the bank's policy; and that none of it can change after the code."""

from collections import Counter
from collections.abc import Callable
from uuid import UUID

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import override_settings

from apps.bulk import showing
from apps.bulk.models import PaymentFile, PaymentItem, ShownPayments
from apps.bulk.queries import hash_items
from apps.bulk.rules import (
    RISK_WEIGHTS,
    SHOWN_MAX,
    DisplayStrategy,
    RiskFacts,
    RiskReason,
    risk_reasons,
    risk_score,
)
from apps.bulk.services import authorise_payment_file, send_payment_file_code
from apps.core.checks import check_batch_display
from apps.core.legal_limits import BATCH_DISPLAYS
from apps.identity.models import PSU
from apps.payments.trusted_payees import remove_trusted_payee
from apps.sca.models import Challenge
from apps.sca.queries import list_evidence
from apps.sca.rules import AuthenticationMethod, SubjectType
from apps.sca.services import DynamicLinkBroken
from tests.bulk.files import Group, Pay, other_ibans, pain001
from tests.bulk.world import NOW, carry_out, challenged, emil, executed, only_batch, signed, uploaded
from tests.factories.accounts import customer
from tests.factories.payments import proof_for
from tests.factories.trusted_payees import trusted_payee
from tests.sca.apps import App
from tests.sca.tokens import give_token

pytestmark = pytest.mark.django_db

FRENCH = "FR1420041010050500013M02606"
USUAL = RiskFacts(amount_minor=1_000, name_match="MTCH", is_new_payee=False, is_abroad=False)


@pytest.fixture
def psu(db: None) -> PSU:
    return emil(balance_minor=1_000_000)


def file_of(psu: PSU, *payments: Pay, message: str = "MSG-1") -> PaymentFile:
    return uploaded(psu, pain001(Group(psu.account.iban, payments), message=message))


def shown(challenge_id: UUID) -> dict:
    return Challenge.objects.get(pk=challenge_id).snapshot["shown"]


def many(count: int = 40) -> list[Pay]:
    return [Pay(iban=iban, amount=f"{10 + number}.00") for number, iban in enumerate(other_ibans(count))]


class TestTheScore:
    """Pure: what is known of a payment, and how much it should be looked at."""

    @pytest.mark.parametrize(
        ("facts", "reason"),
        [
            (RiskFacts(1_000, "NMTC", False, False), RiskReason.NAME_DIFFERS),
            (RiskFacts(1_000, "CMTC", False, False), RiskReason.NAME_IS_CLOSE),
            (RiskFacts(1_000, "NOAP", False, False), RiskReason.NAME_UNCHECKED),
            (RiskFacts(1_000, "", False, False), RiskReason.NAME_UNCHECKED),
            (RiskFacts(1_000, "MTCH", True, False), RiskReason.NEW_PAYEE),
            (RiskFacts(1_000, "MTCH", False, True), RiskReason.ABROAD),
            (RiskFacts(5_000, "MTCH", False, False), RiskReason.HIGH_AMOUNT),
        ],
    )
    def test_each_reason_alone(self, facts: RiskFacts, reason: RiskReason) -> None:
        assert risk_reasons(facts, count=10, total_minor=10_000) == [reason]
        assert risk_score([reason]) == RISK_WEIGHTS[reason] > 0

    def test_nothing_is_said_of_the_usual(self) -> None:
        assert risk_reasons(USUAL, count=10, total_minor=10_000) == []
        assert risk_reasons(RiskFacts(4_999, "MTCH", False, False), count=10, total_minor=10_000) == []

    def test_reasons_add_up_and_the_heaviest_is_told_first(self) -> None:
        found = risk_reasons(RiskFacts(9_000, "NMTC", True, True), count=10, total_minor=10_000)
        assert found == [
            RiskReason.NAME_DIFFERS,
            RiskReason.NEW_PAYEE,
            RiskReason.HIGH_AMOUNT,
            RiskReason.ABROAD,
        ]
        assert risk_score(found) == 115

    def test_every_reason_has_weight_and_words(self) -> None:
        assert set(RISK_WEIGHTS) == set(RiskReason)
        assert all(reason.label != reason.value for reason in RiskReason)


@pytest.mark.req("S3-22", "RTS-5(3)(b)")
class TestTheRiskiest:
    def test_a_wrong_name_stands_first_and_at_most_five_are_shown(self, psu: PSU) -> None:
        bruno = customer("Bruno", phone="+4915100000002")
        file = file_of(psu, *many(), Pay(name="Somebody Else", iban=bruno.account.iban, amount="1.00"))
        _authorisation, challenge_id = challenged(psu, file)
        payments = shown(challenge_id)["payments"]
        assert len(payments) == SHOWN_MAX
        assert payments[0]["creditor_name"] == "Somebody Else"
        assert payments[0]["reasons"] == ["name_differs", "new_payee"]

    def test_who_was_paid_before_is_not_new(self, psu: PSU) -> None:
        known, new = other_ibans(2)
        executed(psu, pain001(Group(psu.account.iban, [Pay(iban=known)]), message="MSG-0"))
        file = file_of(psu, Pay(iban=known, amount="90.00"), Pay(iban=new, amount="1.00"))
        payments = shown(challenged(psu, file)[1])["payments"]
        assert [one["creditor_iban"] for one in payments] == [new, known]
        assert "new_payee" in payments[0]["reasons"]
        assert "new_payee" not in payments[1]["reasons"]

    def test_a_single_transfer_counts_as_paid_before(self, psu: PSU) -> None:
        from tests.factories.payments import authorised_payment

        iban = other_ibans(1)[0]
        payment = authorised_payment(psu, creditor_iban=iban)
        type(payment).objects.filter(pk=payment.pk).update(transaction_status="ACSC")
        payments = shown(challenged(psu, file_of(psu, Pay(iban=iban)))[1])["payments"]
        assert "new_payee" not in payments[0]["reasons"]

    def test_what_another_customer_has_paid_does_not_count(self, psu: PSU) -> None:
        iban = other_ibans(1)[0]
        other = customer("Dora", phone="+4915100000005")
        executed(other, pain001(Group(other.account.iban, [Pay(iban=iban)]), message="MSG-0"))
        payments = shown(challenged(psu, file_of(psu, Pay(iban=iban)))[1])["payments"]
        assert "new_payee" in payments[0]["reasons"]

    def test_what_came_back_was_not_paid(self, psu: PSU) -> None:
        iban = other_ibans(1)[0]
        executed(psu, pain001(Group(psu.account.iban, [Pay(iban=iban)]), message="MSG-0"))
        PaymentItem.objects.update(returned_at=NOW, return_reason="AC04")
        payments = shown(challenged(psu, file_of(psu, Pay(iban=iban)))[1])["payments"]
        assert "new_payee" in payments[0]["reasons"]

    def test_another_country_and_a_high_amount(self, psu: PSU) -> None:
        file = file_of(psu, *many(20), Pay(iban=FRENCH, amount="11.00"), Pay(amount="900.00"))
        payments = shown(challenged(psu, file)[1])["payments"]
        abroad, high = payments[:2]
        assert (abroad["creditor_iban"], abroad["reasons"]) == (
            FRENCH,
            ["new_payee", "abroad", "name_unchecked"],
        )
        assert (high["amount_minor"], high["reasons"]) == (90_000, ["new_payee", "high_amount"])

    def test_of_equal_ones_the_higher_amount_and_then_the_earlier(self, psu: PSU) -> None:
        ibans = other_ibans(7)
        file = file_of(
            psu, *[Pay(iban=iban, amount=f"{10 + number // 2}.00") for number, iban in enumerate(ibans)]
        )
        payments = shown(challenged(psu, file)[1])["payments"]
        assert [one["creditor_iban"] for one in payments] == [
            ibans[6],
            ibans[4],
            ibans[5],
            ibans[2],
            ibans[3],
        ]


@pytest.mark.req("S3-23", "RTS-5(3)(b)")
class TestAtRandom:
    @pytest.fixture(autouse=True)
    def policy(self, settings) -> None:
        settings.SCA_BATCH_DISPLAY = "random"

    def test_five_different_ones_in_the_files_order_and_no_reasons(self, psu: PSU) -> None:
        found = shown(challenged(psu, file_of(psu, *many()))[1])
        lines = [one["line"] for one in found["payments"]]
        assert found["strategy"] == "random"
        assert len(set(lines)) == SHOWN_MAX
        assert lines == sorted(lines)
        assert {reason for one in found["payments"] for reason in one["reasons"]} == set()

    def test_a_new_code_shows_the_same_ones(self, psu: PSU) -> None:
        """Or a fraudster would have others drawn until his own payment is not among them."""
        App().bind(psu)
        give_token(psu)
        file = file_of(psu, *many())
        authorisation_id, first = challenged(psu, file)
        for method in AuthenticationMethod:
            again = send_payment_file_code(
                file_id=file.pk, authorisation_id=authorisation_id, psu=psu, method=method, now=NOW
            )
            assert shown(again) == shown(first)

    def test_every_payment_is_as_likely_as_any_other(self, psu: PSU) -> None:
        """Ten payments, five drawn, 400 times: each about 200 times; 140 or 260 would be six deviations off."""
        group = Group(psu.account.iban, many(6))
        other = Group(psu.account.iban, many(4), identification="PMT-2")
        file = uploaded(psu, pain001(group, other))
        drawn = Counter(
            one["id"] for _ in range(400) for one in showing.choose_payments(file=file, psu=psu)[1]
        )
        assert len(drawn) == 10
        assert all(140 < count < 260 for count in drawn.values())

    def test_it_comes_from_the_systems_source_of_randomness(self) -> None:
        """Seeding Python's own generator foretells nothing."""
        from random import SystemRandom

        assert isinstance(showing._random, SystemRandom)

    def test_a_short_file_is_shown_whole(self, psu: PSU) -> None:
        assert len(shown(challenged(psu, file_of(psu, *many(3)))[1])["payments"]) == 3

    @pytest.mark.req("P-72")
    def test_which_were_shown_can_be_proved_later(self, psu: PSU) -> None:
        file = signed(psu, file_of(psu, *many()))
        (evidence,) = list_evidence(subject_type=SubjectType.BULK, subject_id=file.pk)
        recorded = ShownPayments.objects.get(pk=evidence.authorisation_id)
        told = evidence.snapshot["shown"]
        assert (told["strategy"], recorded.strategy) == ("random", "random")
        lines = PaymentItem.objects.in_bulk([one["id"] for one in recorded.payments])
        assert [one["line"] for one in told["payments"]] == [
            lines[UUID(one["id"])].line for one in recorded.payments
        ]

    def test_the_engine_pays_what_was_signed_so(self, psu: PSU) -> None:
        file = signed(psu, file_of(psu, *many()))
        carry_out()
        file.refresh_from_db()
        assert file.status == "ACSC"


@pytest.mark.req("S3-24")
class TestWithoutTrusted:
    @pytest.fixture(autouse=True)
    def policy(self, settings) -> None:
        settings.SCA_BATCH_DISPLAY = "without_trusted"

    def test_leaves_out_whom_the_signer_trusts_and_shows_the_riskiest_of_the_others(self, psu: PSU) -> None:
        payments = many(8)
        trusted_payee(
            psu, name="Kern", iban=payments[7].iban
        )  # The highest amount: the first of the riskiest.
        found = shown(challenged(psu, file_of(psu, *payments))[1])
        ibans = [one["creditor_iban"] for one in found["payments"]]
        assert (found["strategy"], len(ibans)) == ("without_trusted", SHOWN_MAX)
        assert payments[7].iban not in ibans
        assert ibans[0] == payments[6].iban

    def test_anothers_list_leaves_out_nobody(self, psu: PSU) -> None:
        payments = many(3)
        trusted_payee(customer("Bruno", phone="+4915100000002"), name="Kern", iban=payments[2].iban)
        found = shown(challenged(psu, file_of(psu, *payments))[1])
        assert len(found["payments"]) == 3

    def test_who_is_no_longer_trusted_is_shown(self, psu: PSU) -> None:
        payments = many(3)
        payee = trusted_payee(psu, name="Kern", iban=payments[2].iban)
        remove_trusted_payee(psu=psu, payee_id=payee.pk, now=NOW)
        assert len(shown(challenged(psu, file_of(psu, *payments))[1])["payments"]) == 3

    def test_who_trusts_all_is_shown_none_and_signs_all(self, psu: PSU) -> None:
        payments = many(2)
        for number, payment in enumerate(payments):
            trusted_payee(psu, name=f"Kern {number}", iban=payment.iban)
        file = file_of(psu, *payments)
        authorisation_id, challenge_id = challenged(psu, file)
        assert shown(challenge_id)["payments"] == []
        snapshot = Challenge.objects.get(pk=challenge_id).snapshot
        assert snapshot["items_sha256"] == bytes(PaymentFile.objects.get(pk=file.pk).items_sha256).hex()
        done = authorise_payment_file(
            file_id=file.pk,
            authorisation_id=authorisation_id,
            psu=psu,
            proof=proof_for(challenge_id, now=NOW),
            now=NOW,
        )
        assert done.status == "ACTC"


class TestThePolicy:
    @pytest.mark.parametrize("strategy", DisplayStrategy.values)
    def test_what_there_is_may_be_set(self, strategy: str) -> None:
        with override_settings(SCA_BATCH_DISPLAY=strategy):
            assert check_batch_display(None) == []

    @pytest.mark.parametrize("strategy", ["", "none", "trusted", "RANDOM"])
    def test_nothing_else_starts(self, strategy: str) -> None:
        with override_settings(SCA_BATCH_DISPLAY=strategy):
            assert [error.id for error in check_batch_display(None)] == ["bank.E020"]

    def test_the_check_and_the_room_know_the_same(self) -> None:
        assert list(BATCH_DISPLAYS) == DisplayStrategy.values

    def test_the_database_knows_them_too(self, psu: PSU) -> None:
        challenged(psu, file_of(psu, Pay()))
        with pytest.raises(IntegrityError, match="bulk_shown_strategy_known"), transaction.atomic():
            ShownPayments.objects.update(strategy="none")


# The total is the same before and after each of these, and so are number and sum of the group where they can be.
SWAPS = {
    "two amounts a cent apart": """
        UPDATE bulk_paymentitem SET amount_minor = amount_minor + CASE position WHEN 3 THEN 1 ELSE -1 END
        WHERE position IN (3, 4)""",
    "two amounts swapped": """
        UPDATE bulk_paymentitem i SET amount_minor = o.amount_minor FROM bulk_paymentitem o
        WHERE (i.position, o.position) IN ((3, 4), (4, 3))""",
    "two accounts swapped": """
        UPDATE bulk_paymentitem i SET creditor_iban = o.creditor_iban FROM bulk_paymentitem o
        WHERE (i.position, o.position) IN ((3, 4), (4, 3))""",
    "two names swapped": """
        UPDATE bulk_paymentitem i SET creditor_name = o.creditor_name FROM bulk_paymentitem o
        WHERE (i.position, o.position) IN ((3, 4), (4, 3))""",
    "another text": """
        UPDATE bulk_paymentitem SET remittance_information_unstructured = 'Invoice 2042' WHERE position = 3""",
    "the outcome of the check of a name": """
        UPDATE bulk_paymentitem SET creditor_name_match = 'MTCH' WHERE position = 3""",
    "one added, another reduced": """
        UPDATE bulk_paymentitem SET amount_minor = amount_minor - 1 WHERE position = 3;
        INSERT INTO bulk_paymentitem (id, batch_id, position, line, instruction_identification,
            end_to_end_identification, amount_minor, creditor_name, creditor_iban,
            remittance_information_unstructured, purpose, is_internal, creditor_name_match, matched_creditor_name,
            status, status_reason)
        SELECT gen_random_uuid(), batch_id, 12, line + 1, '', 'NOTPROVIDED', 1, 'Mallory', creditor_iban, '', '', false,
            creditor_name_match, '', 'PDNG', '' FROM bulk_paymentitem WHERE position = 3;
        UPDATE bulk_paymentbatch SET number_of_transactions = 13""",
    "one dropped, another raised": """
        UPDATE bulk_paymentitem SET amount_minor = amount_minor
            + (SELECT amount_minor FROM bulk_paymentitem WHERE position = 4) WHERE position = 3;
        DELETE FROM bulk_paymentitem WHERE position = 4""",
    "one dropped and another put in its place": """
        UPDATE bulk_paymentitem SET id = gen_random_uuid(), creditor_iban = 'DE02500105170137075030'
        WHERE position = 4""",
    "the order of two": """
        UPDATE bulk_paymentitem SET position = 99 WHERE position = 3;
        UPDATE bulk_paymentitem SET position = 3 WHERE position = 4;
        UPDATE bulk_paymentitem SET position = 4 WHERE position = 99""",
    "what was shown: another payment": """
        UPDATE bulk_shownpayments SET payments = jsonb_set(payments, '{0,id}',
            (SELECT to_jsonb(id::text) FROM bulk_paymentitem i
             WHERE NOT payments @> jsonb_build_array(jsonb_build_object('id', i.id::text)) LIMIT 1))""",
    "what was shown: one fewer": "UPDATE bulk_shownpayments SET payments = payments - 0",
    "what was shown: other reasons": """
        UPDATE bulk_shownpayments SET payments = jsonb_set(payments, '{0,reasons}', '[]')""",
    "what was shown: another order": """
        UPDATE bulk_shownpayments SET payments = jsonb_build_array(payments->1, payments->0, payments->2, payments->3,
            payments->4)""",
    "what was shown: drawn at random, it says": "UPDATE bulk_shownpayments SET strategy = 'random'",
    "what was shown: nothing": "DELETE FROM bulk_shownpayments",
}


def tamper(statement: str) -> None:
    """As somebody who owns the tables: nobody else could."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in ("bulk_paymentitem", "bulk_paymentbatch", "bulk_paymentfile"):
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(statement)
        for table in ("bulk_paymentitem", "bulk_paymentbatch", "bulk_paymentfile"):
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


@pytest.mark.req("RTS-5(3)(b)", "RTS-5(1)(d)", "S3-21", "S3-25")
class TestTheCodeIsForEveryPayment:
    """Twelve payments, five of them shown; the third and fourth, which are altered, are not among these."""

    @pytest.fixture
    def file(self, psu: PSU) -> PaymentFile:
        twelve = [
            Pay(
                name=f"Payee {number}",
                iban=iban,
                amount={3: "8.00", 4: "9.00"}.get(number, f"{20 + number}.00"),
                reference=f"Invoice {number}",
            )
            for number, iban in enumerate(other_ibans(12))
        ]
        return file_of(psu, *twelve)

    @pytest.fixture(params=["as it was", "with its hash made anew"])
    def also(self, request: pytest.FixtureRequest, file: PaymentFile) -> Callable[[], None]:
        """Whoever can alter payments may think of the hash that is kept of them."""

        def act() -> None:
            if request.param != "as it was":
                tamper(f"UPDATE bulk_paymentfile SET items_sha256 = '\\x{hash_items(file_id=file.pk).hex()}'")

        return act

    @pytest.mark.parametrize("swap", sorted(SWAPS))
    def test_after_the_code_was_made_it_is_void(
        self, psu: PSU, file: PaymentFile, swap: str, also: Callable[[], None]
    ) -> None:
        total = only_batch(file).total_minor
        authorisation_id, challenge_id = challenged(psu, file)
        proof = proof_for(challenge_id, now=NOW)
        tamper(SWAPS[swap])
        also()
        assert sum(PaymentItem.objects.values_list("amount_minor", flat=True)) == total
        with pytest.raises(DynamicLinkBroken):
            authorise_payment_file(
                file_id=file.pk, authorisation_id=authorisation_id, psu=psu, proof=proof, now=NOW
            )
        file.refresh_from_db()
        assert file.status == "RCVD"
        assert Challenge.objects.get(pk=challenge_id).status == "voided"

    @pytest.mark.parametrize("swap", sorted(SWAPS))
    def test_after_it_was_signed_the_engine_pays_nothing(
        self, psu: PSU, file: PaymentFile, swap: str, also: Callable[[], None]
    ) -> None:
        signed(psu, file)
        tamper(SWAPS[swap])
        also()
        carry_out()
        assert set(PaymentItem.objects.values_list("status", "status_reason")) == {("RJCT", "DS0A")}

    def test_untouched_it_is_paid(self, psu: PSU, file: PaymentFile) -> None:
        signed(psu, file)
        carry_out()
        file.refresh_from_db()
        assert file.status == "ACSC"

    def test_a_file_signed_before_anything_was_shown_is_paid(self, psu: PSU, file: PaymentFile) -> None:
        """Signatures of before an update stand."""
        from apps.bulk.services import payment_file_snapshot, start_payment_file_authorisation
        from apps.sca.rules import Purpose
        from apps.sca.services import send_code

        authorisation_id = start_payment_file_authorisation(file_id=file.pk, psu=psu, now=NOW).pk
        challenge_id = send_code(
            user=psu.user,
            purpose=Purpose.BULK,
            snapshot=payment_file_snapshot(file=file),
            authorisation_id=authorisation_id,
            hide_limit=False,
            now=NOW,
        )
        authorise_payment_file(
            file_id=file.pk,
            authorisation_id=authorisation_id,
            psu=psu,
            proof=proof_for(challenge_id, now=NOW),
            now=NOW,
        )
        carry_out()
        file.refresh_from_db()
        assert file.status == "ACSC"


def test_the_engines_role_can_tell_that_it_was_signed(psu: PSU) -> None:
    """It reads which payments were shown, and no challenge."""
    from apps.bulk.services import list_signers_of_batch
    from apps.engine.management.commands.provision_roles import ENGINE_ROLE, WEB_ROLE, grant_privileges

    batch = only_batch(signed(psu, file_of(psu, *many())))
    with connection.cursor() as cursor:
        for role in (WEB_ROLE, ENGINE_ROLE):
            cursor.execute(
                f"DO $$ BEGIN CREATE ROLE {role}; EXCEPTION WHEN duplicate_object OR unique_violation THEN END $$"
            )
        grant_privileges(cursor)
        cursor.execute(f"SET ROLE {ENGINE_ROLE}")
        try:
            assert list_signers_of_batch(batch=batch) == {psu.pk}
            with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
                ShownPayments.objects.update(strategy="random")
        finally:
            cursor.execute("RESET ROLE")
