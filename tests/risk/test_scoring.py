"""Facts to a score: what each of the law's factors does, and what is not known."""

from dataclasses import fields, replace
from datetime import timedelta

import pytest

from apps.risk.facts import (
    HABIT_PAYMENTS_MIN,
    Order,
    Origin,
    PastPayment,
    is_program,
    network_of,
    payee_facts,
    percent_of_usual,
)
from apps.risk.models import RiskRule
from apps.risk.patterns import (
    HAS_OTHER_NAME,
    IS_LISTED,
    IS_NEW,
    IS_NEW_COUNTRY,
    UNKNOWN,
    facts_of_pattern,
    thresholds_of,
)
from apps.risk.queries import get_rules
from apps.risk.rules import (
    FACTOR_OF,
    FACTORS_OF_ARTICLE_2,
    HIGH_FROM,
    MEASURES_OF,
    MEDIUM_FROM,
    SIGNALS_OF_ARTICLE_18,
    Comparison,
    Factor,
    FactorState,
    Measure,
    RiskFacts,
    RiskLevel,
    Rule,
    Subject,
    assess,
    level_of,
    signals_of,
)
from tests.factories.accounts import FOREIGN_IBAN, NOW
from tests.factories.risk import EVERYDAY

pytestmark = pytest.mark.django_db
OWN_IBAN = "DE89370400440532013000"
# For each measure a value on the risky side.
RISKY = {
    Measure.LISTED_ELEMENTS: 1,
    Measure.AMOUNT_MINOR: 600_000,
    Measure.PERCENT_OF_USUAL: 400,
    Measure.PAYMENTS_LAST_HOUR: 12,
    Measure.PAYMENTS_LAST_DAY: 25,
    Measure.HOUR_RARITY_PERCENT: 100,
    Measure.DEVICE_AGE_HOURS: 0,
    Measure.AUTOMATED_CLIENT: 1,
    Measure.SESSION_SECONDS: 2,
    Measure.TAKEOVER_SIGNS: 1,
    Measure.BURST_TO_NEW_PAYEE: 5,
    Measure.NAME_MISMATCH_TO_NEW_PAYEE: 1,
    Measure.NETWORK_AGE_HOURS: 0,
    Measure.PAYEE_AGE_HOURS: 0,
    Measure.NEW_COUNTRY: 1,
}


def score(facts, subject=Subject.PAYMENT):
    return assess(facts, rules=get_rules(now=NOW).rules, subject=subject)


def test_an_everyday_payment_scores_nothing():
    result = score(EVERYDAY)
    assert (result.score, result.level) == (0, RiskLevel.LOW)
    assert {one.state for one in result.factors} == {FactorState.CLEAR}


@pytest.mark.req("RTS-2(2)", "RTS-18")
@pytest.mark.parametrize("measure", list(Measure))
def test_each_measure_changes_the_score_and_marks_its_factor(measure):
    result = score(replace(EVERYDAY, **{measure.value: RISKY[measure]}))
    assert result.score > 0
    assert result.state_of(FACTOR_OF[measure]) == FactorState.FOUND
    others = {one.factor: one.state for one in result.factors if one.factor != FACTOR_OF[measure]}
    assert set(others.values()) == {FactorState.CLEAR}


@pytest.mark.req("RTS-2(2)", "RTS-18")
@pytest.mark.parametrize("measure", list(Measure))
def test_what_is_not_known_counts_as_risky_and_says_so(measure):
    result = score(replace(EVERYDAY, **{measure.value: None}))
    assert result.score > 0
    assert result.state_of(FACTOR_OF[measure]) == FactorState.UNKNOWN
    (evidence,) = next(one for one in result.factors if one.factor == FACTOR_OF[measure]).evidence
    assert (evidence.measure, evidence.value) == (measure, None)


def test_of_nothing_known_everything_is_unknown_and_the_risk_is_not_low():
    result = score(RiskFacts())
    assert {one.state for one in result.factors} == {FactorState.UNKNOWN}
    assert result.level == RiskLevel.HIGH


def test_without_rules_the_score_is_the_highest():
    result = assess(EVERYDAY, rules=(), subject=Subject.PAYMENT)
    assert (result.score, result.level) == (100, RiskLevel.HIGH)


@pytest.mark.req("RTS-2(2)")
def test_the_five_factors_of_article_2_are_in_every_result():
    assert len(FACTORS_OF_ARTICLE_2) == 5
    for facts in (EVERYDAY, RiskFacts()):
        assert set(FACTORS_OF_ARTICLE_2) <= {one.factor for one in score(facts).factors}


@pytest.mark.req("RTS-18")
def test_the_six_signals_of_article_18_are_in_every_result():
    assert [signal.value for signal in SIGNALS_OF_ARTICLE_18] == [
        *("abnormal_spending", "unusual_device", "malware"),
        *("known_fraud_scenario", "abnormal_location", "high_risk_payee"),
    ]
    for facts in (EVERYDAY, RiskFacts()):
        assert set(SIGNALS_OF_ARTICLE_18) <= {one.factor for one in score(facts).factors}


@pytest.mark.req("RTS-18")
def test_the_six_signals_are_read_from_what_is_stored_and_a_missing_one_is_unknown():
    stored = [one.as_dict() for one in score(replace(EVERYDAY, network_age_hours=3)).factors]
    found = signals_of(stored)
    assert found.pop(Factor.ABNORMAL_LOCATION) == FactorState.FOUND
    assert set(found.values()) == {FactorState.CLEAR}
    assert set(signals_of(stored[:2]).values()) == {FactorState.UNKNOWN}
    assert list(signals_of([])) == list(SIGNALS_OF_ARTICLE_18)


def test_a_sign_in_has_no_amount_and_no_payee_to_miss():
    facts = RiskFacts(listed_elements=0, device_age_hours=900, automated_client=0, network_age_hours=900)
    result = score(facts, Subject.SIGN_IN)
    assert result.score == 0
    assert result.state_of(Factor.AMOUNT) == FactorState.NOT_APPLICABLE
    assert result.state_of(Factor.HIGH_RISK_PAYEE) == FactorState.NOT_APPLICABLE
    assert score(replace(facts, device_age_hours=None), Subject.SIGN_IN).score > 0


@pytest.mark.parametrize(
    ("points", "level"),
    [
        (0, RiskLevel.LOW),
        (MEDIUM_FROM - 1, RiskLevel.LOW),
        (MEDIUM_FROM, RiskLevel.MEDIUM),
        (HIGH_FROM - 1, RiskLevel.MEDIUM),
        (HIGH_FROM, RiskLevel.HIGH),
        (100, RiskLevel.HIGH),
    ],
)
def test_a_level_begins_at_its_score(points, level):
    assert level_of(points) == level


def test_of_several_rules_on_one_measure_the_heaviest_that_holds_counts():
    rules = [
        Rule(measure, Comparison.AT_LEAST, threshold, weight, 1)
        for measure in Measure
        for threshold, weight in ((10, 3), (20, 9), (30, 27))
    ]
    zero = RiskFacts(**{field.name: 0 for field in fields(RiskFacts)})
    for value, points in ((9, 0), (10, 3), (19, 3), (20, 9), (31, 27)):
        facts = replace(zero, amount_minor=value)
        assert assess(facts, rules=rules, subject=Subject.PAYMENT).score == points


def test_the_rules_speak_of_every_measure_and_of_the_right_factor():
    assert {row.measure for row in RiskRule.objects.all()} == set(Measure.values)
    assert all(row.factor == FACTOR_OF[Measure(row.measure)] for row in RiskRule.objects.all())
    assert {measure for measures in MEASURES_OF.values() for measure in measures} == set(Measure)


def test_every_measure_is_a_field_of_the_facts():
    assert {field.name for field in fields(RiskFacts)} == set(Measure.values)


class TestWhatIsMeasured:
    def facts(self, *, past=(), **changes):
        order = Order(
            amount_minor=10_000,
            debtor_iban=OWN_IBAN,
            creditor_iban=FOREIGN_IBAN,
            has_other_name=False,
            past=list(past),
            available_minor=100_000,
            security_changed_at=None,
        )
        return payee_facts(replace(order, **changes), now=NOW)

    def paid(self, *, iban=FOREIGN_IBAN, amount_minor=5_000, is_authorised=True, **ago):
        return PastPayment(iban, amount_minor, NOW - timedelta(**ago), is_authorised)

    def test_a_payee_is_as_old_as_the_first_payment_that_was_signed(self):
        past = [self.paid(days=30), self.paid(days=300), self.paid(days=399, is_authorised=False)]
        assert self.facts(past=past)["payee_age_hours"] == 300 * 24
        assert self.facts(past=past[2:])["payee_age_hours"] == 0
        assert self.facts()["payee_age_hours"] == 0

    def test_the_usual_amount_needs_a_habit_of_the_last_90_days(self):
        few = [self.paid(days=n + 1) for n in range(HABIT_PAYMENTS_MIN - 1)]
        assert self.facts(past=few)["percent_of_usual"] is None
        assert self.facts(past=[*few, self.paid(days=91)])["percent_of_usual"] is None
        assert self.facts(past=[*few, self.paid(days=89)])["percent_of_usual"] == 200

    def test_one_outlier_in_many_does_not_become_usual(self):
        assert percent_of_usual(1_000, [1_000] * 39 + [90_000]) == 100

    def test_payments_of_the_last_hour_and_day_are_counted_signed_or_not(self):
        past = [
            self.paid(minutes=59, is_authorised=False),
            self.paid(minutes=61),
            self.paid(hours=24),
            self.paid(hours=25),
        ]
        facts = self.facts(past=past)
        assert (facts["payments_last_hour"], facts["payments_last_day"]) == (1, 3)

    def test_the_time_of_the_day_is_the_banks(self):
        at_noon = [self.paid(days=n + 1) for n in range(10)]
        assert self.facts(past=at_noon)["hour_rarity_percent"] == 0
        at_night = [self.paid(days=n + 1, hours=10) for n in range(10)]
        assert self.facts(past=at_night)["hour_rarity_percent"] == 100
        assert self.facts(past=at_night[:4])["hour_rarity_percent"] is None

    def test_many_to_one_new_payee_are_a_burst_and_to_a_known_one_are_none(self):
        now = [self.paid(hours=n) for n in (1, 2)]
        assert self.facts(past=now)["burst_to_new_payee"] == 3
        assert self.facts(past=[*now, self.paid(days=60)])["burst_to_new_payee"] == 0

    def test_another_name_counts_for_a_new_payee_only(self):
        assert self.facts(has_other_name=True)["name_mismatch_to_new_payee"] == 1
        known = self.facts(has_other_name=True, past=[self.paid(days=60)])
        assert known["name_mismatch_to_new_payee"] == 0

    def test_a_country_is_new_when_it_is_foreign_and_was_never_paid(self):
        french = "FR1420041010050500013M02606"
        assert self.facts()["new_country"] == 0
        assert self.facts(creditor_iban=french)["new_country"] == 1
        other = self.paid(days=60, iban="FR7630006000011234567890189")
        assert self.facts(creditor_iban=french, past=[other])["new_country"] == 0

    @pytest.mark.parametrize(
        ("changes", "signs"),
        [
            ({"amount_minor": 80_000, "security_changed_at": NOW - timedelta(hours=72)}, 1),
            ({"amount_minor": 79_999, "security_changed_at": NOW - timedelta(hours=1)}, 0),
            ({"amount_minor": 99_000, "security_changed_at": NOW - timedelta(hours=73)}, 0),
            ({"amount_minor": 99_000}, 0),
            ({"available_minor": None, "security_changed_at": NOW}, None),
            ({"is_payer_known": False}, None),
        ],
    )
    def test_an_account_emptied_to_a_new_payee_after_a_change_is_a_takeover(self, changes, signs):
        assert self.facts(**changes)["takeover_signs"] == signs
        assert self.facts(past=[self.paid(days=60)], **changes)["takeover_signs"] == 0


@pytest.mark.parametrize(
    ("user_agent", "answer"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/120.0", True),
        ("python-requests/2.32", True),
        ("curl/8.5.0", True),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1", False),
        ("  ", None),
    ],
)
def test_a_program_is_known_by_what_it_calls_itself(user_agent, answer):
    assert is_program(user_agent) is answer


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2::5", "2001:db8:1::/48"),
        ("", ""),
        ("nonsense", ""),
    ],
)
def test_of_an_address_the_network_is_kept(address, network):
    assert network_of(address) == network


def test_an_origin_is_stored_and_read_back():
    origin = Origin("d" * 64, "192.0.2.0/24", False, 90, NOW)
    assert Origin.from_dict(origin.as_dict()) == origin
    assert Origin.from_dict({}) == Origin()


class TestPatterns:
    @pytest.fixture
    def thresholds(self):
        return thresholds_of(get_rules(now=NOW).rules)

    def test_a_pattern_weighs_what_the_values_in_its_ranges_weigh(self, thresholds):
        """Whatever the amount: scored by its range or by itself, the points are the same."""
        rules = get_rules(now=NOW).rules
        for amount in (1, 99_999, 100_000, 499_999, 500_000, 1_499_999, 1_500_000, 90_000_000):
            reached = sum(amount >= threshold for threshold in thresholds[Measure.AMOUNT_MINOR])
            by_pattern = facts_of_pattern(reached, common=EVERYDAY, thresholds=thresholds)
            by_value = replace(by_pattern, amount_minor=amount)
            scores = [assess(one, rules=rules, subject=Subject.FILE).score for one in (by_pattern, by_value)]
            assert scores[0] == scores[1]

    def test_each_mark_is_a_fact(self, thresholds):
        facts = facts_of_pattern(
            IS_NEW | IS_LISTED | IS_NEW_COUNTRY | HAS_OTHER_NAME | UNKNOWN << 3 | 1 << 6,
            common=EVERYDAY,
            thresholds=thresholds,
        )
        assert facts.payee_age_hours == 0
        assert facts.listed_elements == 1
        assert facts.new_country == 1
        assert facts.name_mismatch_to_new_payee == 1
        assert facts.percent_of_usual is None
        assert facts.burst_to_new_payee == thresholds[Measure.BURST_TO_NEW_PAYEE][0]

    def test_a_known_payee_has_no_marks_of_a_new_one(self, thresholds):
        facts = facts_of_pattern(HAS_OTHER_NAME, common=EVERYDAY, thresholds=thresholds)
        assert facts.name_mismatch_to_new_payee == 0
        assert facts.payee_age_hours > 24

    def test_rules_that_fit_into_no_pattern_are_refused(self):
        with pytest.raises(ValueError, match="upwards"):
            thresholds_of([Rule(Measure.AMOUNT_MINOR, Comparison.AT_MOST, 1, 1, 1)])
        many = [Rule(Measure.AMOUNT_MINOR, Comparison.AT_LEAST, n, 1, 1) for n in range(7)]
        with pytest.raises(ValueError, match="too many"):
            thresholds_of(many)
