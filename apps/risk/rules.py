"""From facts to a score: pure, so that what is stored can be computed again (RTS art. 18(3)).

A *fact* is a whole number that was measured, or None when it could not be. A *rule* says from which value on a fact
weighs how much, and what it weighs when it is not known: never nothing, so that what is missing counts as risky. The
points of a factor are those of its facts; the score is their sum, at most 100.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from django.db import models
from django.utils.translation import gettext_lazy as _

SCORE_MAX = 100
MEDIUM_FROM = 40
HIGH_FROM = 70


class Subject(models.TextChoices):
    """What was assessed."""

    PAYMENT = "payment", _("payment")
    FILE = "file", _("file of payments")
    SIGN_IN = "sign_in", _("sign-in")


class RiskLevel(models.TextChoices):
    """What a score comes to. ``none``: it was there before anything was assessed."""

    NONE = "none", _("not assessed")
    LOW = "low", _("low risk")
    MEDIUM = "medium", _("medium risk")
    HIGH = "high", _("high risk")


class Factor(models.TextChoices):
    """What RTS art. 2(2)(a)-(e) and 18(2)(a)(i)-(vi) have monitoring look at; three are in both."""

    COMPROMISED_ELEMENTS = "compromised_elements", _("compromised elements")
    AMOUNT = "amount", _("amount")
    ABNORMAL_SPENDING = "abnormal_spending", _("abnormal spending or behaviour")
    UNUSUAL_DEVICE = "unusual_device", _("unusual device or software")
    MALWARE = "malware", _("signs of malware")
    KNOWN_FRAUD_SCENARIO = "known_fraud_scenario", _("known fraud scenario")
    ABNORMAL_LOCATION = "abnormal_location", _("abnormal location of the payer")
    HIGH_RISK_PAYEE = "high_risk_payee", _("high-risk payee")


# RTS art. 2(2)(a) to (e), in this order.
FACTORS_OF_ARTICLE_2 = (
    Factor.COMPROMISED_ELEMENTS,
    Factor.AMOUNT,
    Factor.KNOWN_FRAUD_SCENARIO,
    Factor.MALWARE,
    Factor.UNUSUAL_DEVICE,
)
# RTS art. 18(2)(a)(i) to (vi), in this order: the exemption asks that none of them was found.
SIGNALS_OF_ARTICLE_18 = (
    Factor.ABNORMAL_SPENDING,
    Factor.UNUSUAL_DEVICE,
    Factor.MALWARE,
    Factor.KNOWN_FRAUD_SCENARIO,
    Factor.ABNORMAL_LOCATION,
    Factor.HIGH_RISK_PAYEE,
)


class FactorState(models.TextChoices):
    """What was found of a factor. ``unknown`` counts as risky; ``not_applicable``: a sign-in has no amount."""

    CLEAR = "clear", _("nothing found")
    FOUND = "found", _("found")
    UNKNOWN = "unknown", _("unknown")
    NOT_APPLICABLE = "not_applicable", _("does not apply")


class Measure(models.TextChoices):
    """What is measured; each is a field of :class:`RiskFacts`."""

    LISTED_ELEMENTS = "listed_elements", _("elements on the list of compromised ones")
    AMOUNT_MINOR = "amount_minor", _("amount in cents")
    PERCENT_OF_USUAL = "percent_of_usual", _("percent of the largest usual amount")
    PAYMENTS_LAST_HOUR = "payments_last_hour", _("payments in the hour before")
    PAYMENTS_LAST_DAY = "payments_last_day", _("payments in the day before")
    HOUR_RARITY_PERCENT = "hour_rarity_percent", _("percent of payments at other times of the day")
    DEVICE_AGE_HOURS = "device_age_hours", _("hours since the device was first seen")
    AUTOMATED_CLIENT = "automated_client", _("program instead of a browser (1: yes)")
    SESSION_SECONDS = "session_seconds", _("seconds from sign-in to the order")
    TAKEOVER_SIGNS = "takeover_signs", _("account emptied to a new payee after a change of security (1: yes)")
    BURST_TO_NEW_PAYEE = "burst_to_new_payee", _("payments to one new payee within a day")
    NAME_MISMATCH_TO_NEW_PAYEE = (
        "name_mismatch_to_new_payee",
        _("another name at a new payee’s bank (1: yes)"),
    )
    NETWORK_AGE_HOURS = "network_age_hours", _("hours since the network was first seen")
    PAYEE_AGE_HOURS = "payee_age_hours", _("hours since the payee was first paid")
    NEW_COUNTRY = "new_country", _("foreign country that was never paid before (1: yes)")


MEASURES_OF: Mapping[Factor, tuple[Measure, ...]] = {
    Factor.COMPROMISED_ELEMENTS: (Measure.LISTED_ELEMENTS,),
    Factor.AMOUNT: (Measure.AMOUNT_MINOR,),
    Factor.ABNORMAL_SPENDING: (
        Measure.PERCENT_OF_USUAL,
        Measure.PAYMENTS_LAST_HOUR,
        Measure.PAYMENTS_LAST_DAY,
        Measure.HOUR_RARITY_PERCENT,
    ),
    Factor.UNUSUAL_DEVICE: (Measure.DEVICE_AGE_HOURS,),
    Factor.MALWARE: (Measure.AUTOMATED_CLIENT, Measure.SESSION_SECONDS),
    Factor.KNOWN_FRAUD_SCENARIO: (
        Measure.TAKEOVER_SIGNS,
        Measure.BURST_TO_NEW_PAYEE,
        Measure.NAME_MISMATCH_TO_NEW_PAYEE,
    ),
    Factor.ABNORMAL_LOCATION: (Measure.NETWORK_AGE_HOURS,),
    Factor.HIGH_RISK_PAYEE: (Measure.PAYEE_AGE_HOURS, Measure.NEW_COUNTRY),
}
FACTOR_OF: Mapping[Measure, Factor] = {
    measure: factor for factor, measures in MEASURES_OF.items() for measure in measures
}
# A sign-in pays nobody: of these it has nothing that could be measured, or missed.
_MEASURES_OF_SIGN_IN = frozenset(
    {
        Measure.LISTED_ELEMENTS,
        Measure.DEVICE_AGE_HOURS,
        Measure.AUTOMATED_CLIENT,
        Measure.NETWORK_AGE_HOURS,
    }
)


class Comparison(models.TextChoices):
    """Which side of the threshold is the risky one."""

    AT_LEAST = "at_least", _("at least")
    AT_MOST = "at_most", _("at most")


@dataclass(frozen=True, slots=True)
class Rule:
    """From ``threshold`` on (or down to it) the measure weighs ``weight`` points; unknown it weighs at least
    ``weight_if_unknown``. Of several rules on one measure the heaviest that holds counts."""

    measure: Measure
    comparison: Comparison
    threshold: int
    weight: int
    weight_if_unknown: int

    def holds(self, value: int) -> bool:
        """Whether the value is on the risky side."""
        if self.comparison == Comparison.AT_LEAST:
            return value >= self.threshold
        return value <= self.threshold


@dataclass(frozen=True, slots=True)
class RiskFacts:
    """What was measured; None is "not known". Amounts are minor units of euro, ages are whole hours."""

    listed_elements: int | None = None
    amount_minor: int | None = None
    percent_of_usual: int | None = None
    payments_last_hour: int | None = None
    payments_last_day: int | None = None
    hour_rarity_percent: int | None = None
    device_age_hours: int | None = None
    automated_client: int | None = None
    session_seconds: int | None = None
    takeover_signs: int | None = None
    burst_to_new_payee: int | None = None
    name_mismatch_to_new_payee: int | None = None
    network_age_hours: int | None = None
    payee_age_hours: int | None = None
    new_country: int | None = None

    def as_dict(self) -> dict[str, int | None]:
        """How facts are stored."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """The facts as they were stored; one that is missing there is not known."""
        return cls(**{field.name: stored.get(field.name) for field in fields(cls)})


@dataclass(frozen=True, slots=True)
class Evidence:
    """One fact that counted: its value (None: unknown), the rule's threshold and the points."""

    measure: Measure
    value: int | None
    comparison: Comparison
    threshold: int
    weight: int

    def as_dict(self) -> dict[str, Any]:
        return {
            "measure": self.measure.value,
            "value": self.value,
            "comparison": self.comparison.value,
            "threshold": self.threshold,
            "weight": self.weight,
        }


@dataclass(frozen=True, slots=True)
class FactorResult:
    """What one factor came to."""

    factor: Factor
    state: FactorState
    weight: int
    evidence: tuple[Evidence, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return {
            "factor": self.factor.value,
            "state": self.state.value,
            "weight": self.weight,
            "evidence": [one.as_dict() for one in self.evidence],
        }


@dataclass(frozen=True, slots=True)
class RiskResult:
    """The score (0 to 100), its level, and every factor of the law."""

    score: int
    factors: tuple[FactorResult, ...]

    @property
    def level(self) -> RiskLevel:
        return level_of(self.score)

    def state_of(self, factor: Factor) -> FactorState:
        """What was found of one factor."""
        return next(result.state for result in self.factors if result.factor == factor)


def level_of(score: int) -> RiskLevel:
    """What a score comes to."""
    if score >= HIGH_FROM:
        return RiskLevel.HIGH
    return RiskLevel.MEDIUM if score >= MEDIUM_FROM else RiskLevel.LOW


def assess(facts: RiskFacts, *, rules: Iterable[Rule], subject: Subject) -> RiskResult:
    """Score the facts by the rules. All factors of RTS art. 2(2) and 18(2) are in the result, whatever is known.

    A measure that no rule speaks of is unknown: who deletes a rule does not make payments safer.
    """
    by_measure: dict[Measure, list[Rule]] = {}
    for rule in rules:
        by_measure.setdefault(rule.measure, []).append(rule)
    results = tuple(_assess_factor(factor, facts, by_measure, subject=subject) for factor in MEASURES_OF)
    return RiskResult(min(SCORE_MAX, sum(result.weight for result in results)), results)


def _assess_factor(
    factor: Factor, facts: RiskFacts, rules: Mapping[Measure, Sequence[Rule]], *, subject: Subject
) -> FactorResult:
    measures = [
        measure
        for measure in MEASURES_OF[factor]
        if subject != Subject.SIGN_IN or measure in _MEASURES_OF_SIGN_IN
    ]
    if not measures:
        return FactorResult(factor, FactorState.NOT_APPLICABLE, 0)
    evidence, is_unknown, is_found = [], False, False
    for measure in measures:
        value = getattr(facts, measure.value)
        found = _heaviest(value, rules.get(measure, ()), measure=measure)
        if found is not None:
            evidence.append(found)
            is_unknown |= found.value is None
            is_found |= found.value is not None
    state = FactorState.FOUND if is_found else FactorState.UNKNOWN if is_unknown else FactorState.CLEAR
    return FactorResult(factor, state, sum(one.weight for one in evidence), tuple(evidence))


def _heaviest(value: int | None, rules: Sequence[Rule], *, measure: Measure) -> Evidence | None:
    """The evidence of the heaviest rule that holds; of an unknown value, that it is unknown."""
    if not rules:
        return Evidence(measure, None, Comparison.AT_LEAST, 0, SCORE_MAX)
    if value is None:
        rule = max(rules, key=lambda rule: rule.weight_if_unknown)
        return Evidence(measure, None, rule.comparison, rule.threshold, rule.weight_if_unknown)
    holding = [rule for rule in rules if rule.holds(value)]
    if not holding:
        return None
    rule = max(holding, key=lambda rule: rule.weight)
    return Evidence(measure, value, rule.comparison, rule.threshold, rule.weight)


def signals_of(factors: Iterable[Mapping[str, Any]]) -> dict[Factor, FactorState]:
    """The six signals of RTS art. 18(2) from stored factors; one that is not there is unknown.

    Only ``clear`` means that analysis did not find it.
    """
    stored = {factor["factor"]: FactorState(factor["state"]) for factor in factors}
    return {signal: stored.get(signal.value, FactorState.UNKNOWN) for signal in SIGNALS_OF_ARTICLE_18}


class ElementKind(models.TextChoices):
    """What can be on the list of compromised elements (RTS art. 2(2)(a))."""

    IBAN = "iban", _("IBAN")
    NETWORK = "network", _("network")
    DEVICE = "device", _("device")


class CaseStatus(models.TextChoices):
    """Life of a case: open until somebody has looked, once."""

    OPEN = "open"
    CLOSED = "closed"


class CaseOutcome(models.TextChoices):
    """What whoever looked made of it."""

    GENUINE = "genuine", _("the customer’s own payment")
    FRAUD = "fraud", _("fraud")
    UNCLEAR = "unclear", _("not clear")
