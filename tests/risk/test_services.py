"""Every payment is assessed, whichever way it came; what is stored gives the score again."""

from datetime import timedelta

import pytest

from apps.audit.models import AuditEvent
from apps.core.errors import NotFound
from apps.core.ids import new_id
from apps.core.money import Money
from apps.payments.models import PaymentInitiation
from apps.payments.rules import Channel
from apps.payments.services import PaymentOrder, initiate_payment
from apps.payments.standing_orders import execute_due_standing_orders
from apps.risk import services
from apps.risk.facts import Origin
from apps.risk.models import CompromisedElement, RiskAssessment, RiskCase, RiskRule
from apps.risk.patterns import read_patterns
from apps.risk.queries import get_assessment_of, recompute
from apps.risk.rules import CaseOutcome, ElementKind, Factor, FactorState, RiskLevel, Subject
from apps.risk.services import (
    CaseDecided,
    ElementListed,
    ElementMalformed,
    assess_sign_in,
    close_case,
    list_element,
    take_element_off,
)
from tests.bulk.files import PAYEE_IBAN, Group, Pay, pain001
from tests.bulk.world import NOW as FRIDAY
from tests.bulk.world import emil, executed, signed, uploaded
from tests.factories.accounts import FOREIGN_IBAN, NOW, bank_accounts, customer
from tests.factories.payments import authorised_payment, received_payment
from tests.factories.risk import BROWSER, case_of, listed_element
from tests.payments.test_standing_orders import running

pytestmark = pytest.mark.django_db
STAFF = new_id()
OTHER_IBAN = "DE02500105170137075030"


@pytest.fixture
def anna():
    bank_accounts()
    return customer("Anna", balance_minor=10_000_000)


def states(payment: PaymentInitiation) -> dict[str, str]:
    return {one["factor"]: one["state"] for one in payment.risk_assessment.factors}


def events(name: str) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(event=name).order_by("id"))


@pytest.mark.req("RTS-2(1)", "S0-12")
class TestSinglePayments:
    def test_a_payment_is_taken_in_with_its_assessment(self, anna):
        payment = received_payment(anna)
        assessment = payment.risk_assessment
        assert (assessment.subject, assessment.subject_id) == (Subject.PAYMENT, payment.pk)
        assert (assessment.psu_id, assessment.account_id) == (anna.pk, anna.account.pk)
        (event,) = events("risk.payment.assessed")
        assert event.object_id == str(payment.pk)
        assert event.data == {
            "score": assessment.score,
            "level": assessment.level,
            "rules_version": assessment.rules_version,
        }

    def test_what_a_door_does_not_know_is_unknown_and_weighs(self, anna):
        found = states(received_payment(anna))
        assert found["unusual_device"] == found["abnormal_location"] == found["malware"] == "unknown"

    def test_a_device_and_network_seen_the_day_before_are_no_longer_new(self, anna):
        first = received_payment(anna, origin=BROWSER)
        assert states(first)["unusual_device"] == states(first)["abnormal_location"] == "found"
        later = received_payment(anna, origin=BROWSER, now=NOW + timedelta(hours=25))
        assert states(later)["unusual_device"] == states(later)["abnormal_location"] == "clear"
        assert later.risk_assessment.facts["device_age_hours"] == 25

    def test_anothers_device_is_no_acquaintance(self, anna):
        received_payment(customer("Bruno", phone="+4915100000002"), origin=BROWSER, now=NOW)
        later = received_payment(anna, origin=BROWSER, now=NOW + timedelta(hours=25))
        assert states(later)["unusual_device"] == "found"

    def test_a_sign_in_makes_a_device_known(self, anna):
        assess_sign_in(psu_id=anna.pk, origin=BROWSER, now=NOW - timedelta(days=3))
        assert states(received_payment(anna, origin=BROWSER))["unusual_device"] == "clear"

    def test_a_payee_paid_before_is_known(self, anna):
        first = authorised_payment(anna)
        assert states(first)["high_risk_payee"] == "found"
        later = received_payment(anna, now=NOW + timedelta(hours=30))
        assert states(later)["high_risk_payee"] == "clear"

    def test_a_payee_on_the_list_makes_it_high_and_opens_a_case(self, anna):
        listed_element(FOREIGN_IBAN)
        payment = received_payment(anna, origin=BROWSER)
        assert states(payment)["compromised_elements"] == "found"
        assert payment.risk_assessment.level == RiskLevel.HIGH
        assert RiskCase.objects.get().assessment_id == payment.risk_assessment_id
        assert events("risk.case.opened")[0].object_id == str(payment.pk)

    @pytest.mark.parametrize(
        ("kind", "value"), [(ElementKind.NETWORK, BROWSER.network), (ElementKind.DEVICE, BROWSER.device)]
    )
    def test_so_does_a_listed_network_or_device(self, anna, kind, value):
        listed_element(value, kind=kind)
        assert states(received_payment(anna, origin=BROWSER))["compromised_elements"] == "found"

    def test_what_was_taken_off_the_list_counts_no_more(self, anna):
        element = listed_element(FOREIGN_IBAN)
        take_element_off(element_id=element.pk, reason="Was a mistake", staff_id=STAFF, now=NOW)
        assert states(received_payment(anna))["compromised_elements"] == "clear"

    def test_high_risk_refuses_and_blocks_nothing(self, anna):
        """No decision about a person by a program alone (GDPR art. 22): the payment goes its way."""
        listed_element(FOREIGN_IBAN)
        payment = authorised_payment(anna)
        assert payment.risk_assessment.level == RiskLevel.HIGH
        assert (payment.transaction_status, payment.released_at) == ("ACTC", NOW)

    def test_low_risk_opens_no_case(self, anna):
        received_payment(anna, origin=BROWSER)
        assert not RiskCase.objects.exists()

    @pytest.mark.req("S3-31")
    def test_with_the_approval_stands_what_monitoring_made_of_it(self, anna):
        payment = authorised_payment(anna)
        (event,) = events("payments.payment.ACTC")
        assert event.data["risk_level"] == payment.risk_assessment.level
        assert event.data["risk_score"] == payment.risk_assessment.score

    def test_the_same_order_again_is_assessed_once(self, anna):
        order = PaymentOrder(anna.account, "Möbelhaus Kern GmbH", FOREIGN_IBAN, Money(100, "EUR"))
        call = {"channel": Channel.PORTAL, "psu": anna, "request_id": str(new_id()), "now": NOW}
        first, _ = initiate_payment(order=order, **call)
        again, is_new = initiate_payment(order=order, **call)
        assert (again.pk, is_new) == (first.pk, False)
        assert RiskAssessment.objects.count() == 1
        assert len(events("risk.payment.assessed")) == 1


@pytest.mark.req("RTS-18")
class TestReproducible:
    def test_the_stored_row_gives_score_and_factors_again(self, anna):
        listed_element(OTHER_IBAN)
        payments = [
            received_payment(anna, origin=BROWSER),
            received_payment(anna, amount_minor=600_000),
            received_payment(anna, creditor_iban=OTHER_IBAN, origin=BROWSER, now=NOW + timedelta(days=2)),
        ]
        assert len({payment.risk_assessment.score for payment in payments}) == 3
        for payment in payments:
            stored = RiskAssessment.objects.get(pk=payment.risk_assessment_id)
            again = recompute(stored)
            assert (again.score, again.level) == (stored.score, stored.level)
            assert [factor.as_dict() for factor in again.factors] == stored.factors

    def test_newer_rules_change_no_older_score(self, anna):
        payment = received_payment(anna)
        for row in RiskRule.objects.filter(version=1):
            RiskRule.objects.create(
                version=2,
                in_force_from=NOW + timedelta(days=1),
                factor=row.factor,
                measure=row.measure,
                comparison=row.comparison,
                threshold=row.threshold,
                weight=1,
                weight_if_unknown=1,
            )
        later = received_payment(anna, now=NOW + timedelta(days=2))
        assert (payment.risk_assessment.rules_version, later.risk_assessment.rules_version) == (1, 2)
        assert later.risk_assessment.score < payment.risk_assessment.score
        for one in (payment, later):
            assert recompute(one.risk_assessment).score == one.risk_assessment.score

    def test_what_was_never_assessed_is_not_computed(self):
        marker = RiskAssessment(level=RiskLevel.NONE, subject=Subject.PAYMENT)
        with pytest.raises(ValueError, match="not assessed"):
            recompute(marker)


@pytest.mark.req("RTS-2(1)")
def test_each_execution_of_a_standing_order_is_assessed_by_where_it_was_ordered(anna):
    order = running(anna)
    order.origin = Origin("d" * 64, "198.51.100.0/24", False, 60, NOW).as_dict()
    order.save(update_fields=["origin"])
    execute_due_standing_orders(now=NOW + timedelta(days=70))
    made = list(PaymentInitiation.objects.filter(standing_order=order).order_by("due_date"))
    assert len(made) >= 2
    for payment in made:
        # New when it was ordered, and no execution makes it familiar.
        assert states(payment)["unusual_device"] == "found"
        assert payment.risk_assessment.device == "d" * 64
        assert recompute(payment.risk_assessment).score == payment.risk_assessment.score


@pytest.mark.req("RTS-2(1)", "S0-12")
class TestFiles:
    def test_a_file_is_offered_with_the_score_of_each_of_its_payments(self):
        psu = emil()
        listed_element(OTHER_IBAN)
        pays = [Pay(), Pay(iban=OTHER_IBAN, name="Mallory"), Pay(amount="6000.00")]
        file = uploaded(psu, pain001(Group(psu.account.iban, pays)))
        assessment = file.risk_assessment
        assert (assessment.subject, assessment.subject_id) == (Subject.FILE, file.pk)
        assert len(read_patterns(assessment.item_patterns)) == 3
        assert sum(assessment.items_at_level.values()) == 3
        assert assessment.items_at_level["high"] == 1
        assert assessment.level == RiskLevel.HIGH
        assert RiskCase.objects.get().assessment_id == assessment.pk
        assert file.status == "RCVD"

    @pytest.mark.req("RTS-18")
    def test_the_stored_patterns_give_the_score_again(self):
        psu = emil()
        file = uploaded(psu, pain001(Group(psu.account.iban, [Pay(), Pay(amount="1500.00"), Pay()])))
        again = recompute(file.risk_assessment)
        assert again.score == file.risk_assessment.score
        assert [factor.as_dict() for factor in again.factors] == file.risk_assessment.factors

    def test_who_was_paid_by_an_earlier_file_is_known_and_has_a_usual_amount(self):
        psu = emil()
        week = timedelta(days=7)
        months = [Pay(iban=iban, amount="10.00") for iban in (PAYEE_IBAN, OTHER_IBAN)] * 3
        first = executed(psu, pain001(Group(psu.account.iban, months), message="A"), now=FRIDAY)
        assert first.risk_assessment.factors[2]["state"] == FactorState.UNKNOWN
        content = pain001(
            Group(psu.account.iban, [Pay(amount="10.00"), Pay(amount="40.00")], day="2026-11-27"),
            message="B",
        )
        second = uploaded(psu, content, now=FRIDAY + week)
        assert second.problems == []
        usual, large = read_patterns(second.risk_assessment.item_patterns)
        assert usual == 0
        assert large == 2 << 3  # Three times the usual and more.

    def test_many_to_one_new_payee_are_seen(self):
        psu = emil()
        file = uploaded(psu, pain001(Group(psu.account.iban, [Pay()] * 5)))
        found = {one["factor"]: one["state"] for one in file.risk_assessment.factors}
        assert found[Factor.KNOWN_FRAUD_SCENARIO] == FactorState.FOUND

    @pytest.mark.req("S3-31")
    def test_with_the_approval_stands_what_monitoring_made_of_it(self):
        psu = emil()
        file = signed(psu, uploaded(psu, pain001(Group(psu.account.iban))))
        (event,) = events("bulk.file.ACTC")
        assert event.data["risk_score"] == file.risk_assessment.score


class TestSignIns:
    def test_a_sign_in_is_kept_and_opens_no_case(self, anna):
        listed_element(BROWSER.network, kind=ElementKind.NETWORK)
        assessment = assess_sign_in(psu_id=anna.pk, origin=BROWSER, now=NOW)
        assert assessment.level == RiskLevel.HIGH
        assert get_assessment_of(subject=Subject.SIGN_IN, subject_id=anna.pk).pk == assessment.pk
        assert not RiskCase.objects.exists()
        assert events("risk.sign_in.assessed")[0].object_id == str(anna.pk)
        assert recompute(assessment).score == assessment.score


class TestCases:
    def test_a_case_is_closed_once_with_what_was_found(self, anna):
        case = case_of(received_payment(anna))
        closed = close_case(
            case_id=case.pk, outcome=CaseOutcome.FRAUD, reason=" Never  ordered ", staff_id=STAFF, now=NOW
        )
        assert (closed.status, closed.outcome, closed.decision_reason) == ("closed", "fraud", "Never ordered")
        (event,) = events("risk.case.closed")
        assert (event.actor_type, event.data) == ("staff", {"outcome": "fraud", "reason": "Never ordered"})
        with pytest.raises(CaseDecided):
            close_case(case_id=case.pk, outcome=CaseOutcome.GENUINE, reason="Again", staff_id=STAFF, now=NOW)

    def test_what_is_not_there_is_not_closed(self):
        with pytest.raises(NotFound):
            close_case(case_id=new_id(), outcome=CaseOutcome.FRAUD, reason="Because", staff_id=STAFF, now=NOW)


class TestElements:
    @pytest.mark.parametrize(
        ("kind", "typed", "kept"),
        [
            (ElementKind.IBAN, "de02 1203 0000 0000 2020 51", FOREIGN_IBAN),
            (ElementKind.NETWORK, "198.51.100.77", "198.51.100.0/24"),
            (ElementKind.NETWORK, "198.51.100.0/24", "198.51.100.0/24"),
            (ElementKind.NETWORK, "2001:db8:7::1", "2001:db8:7::/48"),
            (ElementKind.DEVICE, "AB" * 32, "ab" * 32),
        ],
    )
    def test_an_element_is_kept_as_it_is_compared(self, kind, typed, kept):
        element = list_element(kind=kind, value=typed, reason="Seen in a case", staff_id=STAFF, now=NOW)
        assert element.value == kept
        (event,) = events("risk.element.listed")
        assert event.data == {"kind": kind.value, "reason": "Seen in a case"}

    @pytest.mark.parametrize(
        ("kind", "typed"),
        [
            (ElementKind.IBAN, "DE00120300000000202051"),
            (ElementKind.IBAN, "198.51.100.0/24"),
            (ElementKind.NETWORK, "somewhere"),
            (ElementKind.DEVICE, "Firefox"),
        ],
    )
    def test_what_is_not_of_its_kind_is_refused(self, kind, typed):
        with pytest.raises(ElementMalformed):
            list_element(kind=kind, value=typed, reason="Seen in a case", staff_id=STAFF, now=NOW)
        assert not CompromisedElement.objects.exists()

    def test_nothing_is_listed_twice_at_a_time(self):
        element = listed_element()
        with pytest.raises(ElementListed):
            list_element(kind=ElementKind.IBAN, value=FOREIGN_IBAN, reason="Again", staff_id=STAFF, now=NOW)
        take_element_off(element_id=element.pk, reason="Was a mistake", staff_id=STAFF, now=NOW)
        with pytest.raises(ElementListed):
            take_element_off(element_id=element.pk, reason="Was a mistake", staff_id=STAFF, now=NOW)
        list_element(kind=ElementKind.IBAN, value=FOREIGN_IBAN, reason="After all", staff_id=STAFF, now=NOW)
        assert CompromisedElement.objects.count() == 2

    def test_what_was_never_listed_is_not_taken_off(self):
        with pytest.raises(NotFound):
            take_element_off(element_id=new_id(), reason="Because", staff_id=STAFF, now=NOW)


def test_a_reason_fits_where_it_is_kept():
    assert CompromisedElement._meta.get_field("reason").max_length == services.REASON_LENGTH_MAX
