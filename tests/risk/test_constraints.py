"""What must hold even against psql: no payment without its own assessment, and what is kept stays as it is."""

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from apps.bulk.services import receive_payment_file
from apps.core.ids import new_id
from apps.engine.management.commands.provision_roles import ENGINE_ROLE, WEB_ROLE, grant_privileges
from apps.payments.models import PaymentInitiation
from apps.risk.models import RiskAssessment
from apps.risk.rules import CaseOutcome
from apps.risk.services import assess_sign_in, close_case, take_element_off
from tests.bulk.files import Group, pain001
from tests.bulk.world import emil, uploaded
from tests.factories.accounts import NOW, bank_accounts, customer
from tests.factories.payments import received_payment
from tests.factories.risk import BROWSER, case_of, listed_element

pytestmark = pytest.mark.django_db

_COPY = """
INSERT INTO payments_paymentinitiation
SELECT (jsonb_populate_record(NULL::payments_paymentinitiation, to_jsonb(p) || jsonb_build_object(
    'id', gen_random_uuid(), 'request_id', 'x', {changes}))).* FROM payments_paymentinitiation p
"""
_ASSESSMENT = """
INSERT INTO risk_riskassessment
SELECT (jsonb_populate_record(NULL::risk_riskassessment, to_jsonb(a) || jsonb_build_object(
    'id', gen_random_uuid(), {changes}))).* FROM risk_riskassessment a WHERE subject IN ('payment', 'file')
"""


@pytest.fixture
def payment():
    bank_accounts()
    return received_payment(customer())


def run(statement: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.req("RTS-2(1)", "S0-12", "S3-31")
@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ("'risk_assessment_id', NULL", 'null value in column "risk_assessment_id"'),
        ("'risk_assessment_id', gen_random_uuid()", "with the assessment that was made of it"),
        # Another payment's.
        ("'creditor_name', 'Mallory'", "with the assessment that was made of it"),
    ],
)
def test_no_payment_is_stored_without_its_own_assessment(payment, changes, refused):
    with pytest.raises(IntegrityError, match=refused):
        run(_COPY.format(changes=changes))
    assert PaymentInitiation.objects.count() == 1


@pytest.mark.parametrize(
    "statement",
    [
        # A sign-in's, a marker of what was there before, and one of another amount.
        "UPDATE risk_new SET subject = 'sign_in'",
        "UPDATE risk_new SET level = 'none', score = NULL, rules_version = NULL, factors = '[]'",
        """UPDATE risk_new SET facts = facts || '{"amount_minor": 1}'""",
    ],
)
def test_no_other_assessment_serves_a_new_payment(payment, statement):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE risk_new ON COMMIT DROP AS SELECT * FROM risk_riskassessment")
        new, assessed = new_id(), new_id()
        cursor.execute("UPDATE risk_new SET id = %s, subject_id = %s", [assessed, new])
        insert = _COPY.format(changes=f"'id', '{new}', 'risk_assessment_id', '{assessed}'")
        with transaction.atomic():
            cursor.execute("INSERT INTO risk_riskassessment SELECT * FROM risk_new")
            cursor.execute(insert)
            transaction.set_rollback(True)
        cursor.execute(statement)
        cursor.execute("INSERT INTO risk_riskassessment SELECT * FROM risk_new")
        with pytest.raises(IntegrityError, match="with the assessment"), transaction.atomic():
            cursor.execute(insert)


def test_a_payments_assessment_is_never_exchanged(payment):
    with pytest.raises(IntegrityError, match="with the assessment"):
        run("UPDATE payments_paymentinitiation SET risk_assessment_id = gen_random_uuid()")
    with pytest.raises(IntegrityError):
        run("UPDATE payments_paymentinitiation SET risk_assessment_id = NULL")


@pytest.mark.parametrize(
    ("constraint", "changes"),
    [
        ("risk_assessment_subject_known", "'subject', 'xxx'"),
        ("risk_assessment_level_of_score", "'level', 'high', 'score', 10"),
        ("risk_assessment_level_of_score", "'level', 'low', 'score', 40"),
        ("risk_assessment_level_of_score", "'level', 'high', 'score', 101"),
        ("risk_assessment_level_of_score", "'level', 'none'"),
        ("risk_assessment_level_of_score", "'rules_version', NULL"),
        ("risk_assessment_has_all_factors", "'factors', a.factors - 0"),
        ("risk_assessment_of_file_has_items", "'subject', 'file'"),
        ("risk_assessment_of_file_has_items", "'item_patterns', '\\x0001'"),
    ],
)
def test_an_assessment_says_what_it_has_to(payment, constraint, changes):
    with pytest.raises(IntegrityError, match=constraint):
        run(_ASSESSMENT.format(changes=changes))


@pytest.mark.parametrize(
    ("constraint", "changes"),
    [
        ("risk_rule_once", "version = version"),
        ("risk_rule_factor_known", "version = 9, factor = 'xxx'"),
        ("risk_rule_measure_known", "version = 9, measure = 'xxx'"),
        ("risk_rule_comparison_known", "version = 9, comparison = 'xxx'"),
        ("risk_rule_weight_range", "version = 9, weight = 0"),
        ("risk_rule_weight_range", "version = 9, weight = 101"),
        ("risk_rule_unknown_weighs", "version = 9, weight_if_unknown = 0"),
    ],
)
def test_a_rule_weighs_something_even_if_nothing_is_known(constraint, changes):
    names = "version, in_force_from, factor, measure, comparison, threshold, weight, weight_if_unknown"
    with (
        pytest.raises(IntegrityError, match=constraint),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            f"CREATE TEMPORARY TABLE one ON COMMIT DROP AS SELECT {names} FROM risk_riskrule LIMIT 1"
        )
        cursor.execute(f"UPDATE one SET {changes}")
        cursor.execute(f"INSERT INTO risk_riskrule ({names}) SELECT {names} FROM one")


@pytest.mark.parametrize(
    ("trigger", "statement"),
    [
        ("risk_riskassessment is append-only", "UPDATE risk_riskassessment SET score = 0"),
        ("risk_riskassessment is append-only", "DELETE FROM risk_riskassessment"),
        ("risk_riskrule is append-only", "UPDATE risk_riskrule SET weight = 1"),
        ("risk_riskrule is append-only", "DELETE FROM risk_riskrule"),
        ("risk_riskcase is append-only", "DELETE FROM risk_riskcase"),
        ("risk_riskcase is append-only", "UPDATE risk_riskcase SET decision_reason = 'Another'"),
        ("risk_compromisedelement is append-only", "DELETE FROM risk_compromisedelement"),
        ("risk_compromisedelement is append-only", "UPDATE risk_compromisedelement SET value = 'x'"),
        ("risk_compromisedelement is append-only", "UPDATE risk_compromisedelement SET removed_at = NULL"),
    ],
)
def test_what_is_kept_stays_as_it_is(payment, trigger, statement):
    close_case(
        case_id=case_of(payment).pk,
        outcome=CaseOutcome.GENUINE,
        reason="Called the customer",
        staff_id=new_id(),
        now=NOW,
    )
    take_element_off(element_id=listed_element().pk, reason="Was a mistake", staff_id=new_id(), now=NOW)
    with pytest.raises(DatabaseError, match=trigger):
        run(statement)


@pytest.mark.parametrize(
    ("constraint", "statement"),
    [
        ("risk_case_decision_whole", "UPDATE risk_riskcase SET status = 'closed'"),
        ("risk_case_decision_whole", "UPDATE risk_riskcase SET outcome = 'fraud'"),
        (
            "risk_case_decision_whole",
            "UPDATE risk_riskcase SET status = 'closed', outcome = 'xxx', decided_at = now(),"
            " decided_by = id, decision_reason = 'Because'",
        ),
        ("risk_element_removal_whole", "UPDATE risk_compromisedelement SET removed_at = now()"),
        (
            "risk_element_listed_once",
            "INSERT INTO risk_compromisedelement (id, kind, value, reason, added_at, added_by)"
            " SELECT gen_random_uuid(), kind, value, reason, added_at, added_by FROM risk_compromisedelement",
        ),
        (
            "risk_element_kind_known",
            "INSERT INTO risk_compromisedelement (id, kind, value, reason, added_at, added_by)"
            " SELECT gen_random_uuid(), 'xxx', value, reason, added_at, added_by FROM risk_compromisedelement",
        ),
        (
            "risk_element_has_value_and_reason",
            "INSERT INTO risk_compromisedelement (id, kind, value, reason, added_at, added_by)"
            " SELECT gen_random_uuid(), kind, '', reason, added_at, added_by FROM risk_compromisedelement",
        ),
    ],
)
def test_cases_and_elements_are_whole(payment, constraint, statement):
    case_of(payment)
    listed_element()
    with pytest.raises(IntegrityError, match=constraint):
        run(statement)


@pytest.mark.req("RTS-2(1)", "S0-12")
class TestFiles:
    @pytest.fixture
    def file(self):
        psu = emil()
        return uploaded(psu, pain001(Group(psu.account.iban)))

    @pytest.mark.parametrize(
        ("refused", "statement"),
        [
            ("bulk_file_offered_only_assessed|of all of its payments", "risk_assessment_id = NULL"),
            ("of all of its payments", "risk_assessment_id = gen_random_uuid()"),
        ],
    )
    def test_a_file_that_can_be_signed_keeps_its_assessment(self, file, refused, statement):
        assert file.status == "RCVD"
        with pytest.raises(IntegrityError, match=refused):
            run(f"UPDATE bulk_paymentfile SET {statement}")

    def test_no_file_is_offered_without_one(self):
        receive_payment_file(psu=emil(), name="unchecked.xml", content=[b"x"], now=NOW)
        with pytest.raises(IntegrityError, match="bulk_file_offered_only_assessed"):
            run(
                "UPDATE bulk_paymentfile SET status = 'RCVD', number_of_transactions = 1, total_minor = 1,"
                " items_sha256 = ''"
            )

    def test_one_that_leaves_out_a_payment_is_refused(self, file):
        other = receive_payment_file(psu=file.psu, name="unchecked.xml", content=[b"x"], now=NOW)
        with connection.cursor() as cursor:
            cursor.execute(
                _ASSESSMENT.format(changes=f"'subject_id', '{other.pk}', 'item_patterns', '\\x000100020003'")
            )
        with pytest.raises(IntegrityError, match="of all of its payments"):
            run(
                "UPDATE bulk_paymentfile f SET risk_assessment_id = a.id FROM risk_riskassessment a"
                f" WHERE f.id = '{other.pk}' AND a.subject_id = f.id"
            )


class TestPrivileges:
    @pytest.fixture(autouse=True)
    def _roles(self, payment):
        with connection.cursor() as cursor:
            for role in (WEB_ROLE, ENGINE_ROLE):
                cursor.execute(
                    f"DO $$ BEGIN CREATE ROLE {role};"
                    " EXCEPTION WHEN duplicate_object OR unique_violation THEN END $$"
                )
            grant_privileges(cursor)

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE risk_riskassessment SET score = 0",
            "DELETE FROM risk_riskassessment",
            "TRUNCATE risk_riskassessment CASCADE",
            "INSERT INTO risk_riskrule SELECT * FROM risk_riskrule",
            "UPDATE risk_riskrule SET weight = 1",
            "TRUNCATE risk_riskrule",
        ],
    )
    def test_the_web_makes_no_payment_look_harmless(self, statement):
        with pytest.raises(DatabaseError, match="permission denied"):
            run(f"SET LOCAL ROLE {WEB_ROLE}; {statement}")

    def test_the_web_assesses(self):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL ROLE {WEB_ROLE}")
            assess_sign_in(psu_id=new_id(), origin=BROWSER, now=NOW)
            cursor.execute("RESET ROLE")
        assert RiskAssessment.objects.filter(subject="sign_in").count() == 1

    def test_the_web_takes_in_a_payment_with_its_assessment(self):
        bruno = customer("Bruno", phone="+4915100000002")
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL ROLE {WEB_ROLE}")
            payment = received_payment(bruno)
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("RESET ROLE")
        assert payment.risk_assessment.subject_id == payment.pk

    def test_the_engine_has_nothing_to_do_with_it(self):
        with pytest.raises(DatabaseError, match="permission denied"):
            run(f"SET LOCAL ROLE {ENGINE_ROLE}; SELECT * FROM risk_riskassessment")
