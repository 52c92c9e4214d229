import heapq
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db.models import Q, QuerySet

from apps.core.errors import NotFound
from apps.risk.models import CompromisedElement, RiskAssessment, RiskCase, RiskRule
from apps.risk.patterns import facts_of_pattern, read_patterns, thresholds_of
from apps.risk.rules import (
    CaseStatus,
    ElementKind,
    RiskFacts,
    RiskLevel,
    RiskResult,
    Rule,
    Subject,
    assess,
)


class RuleSet(NamedTuple):
    """A version of the rules."""

    version: int
    rules: tuple[Rule, ...]


def get_rules(*, now: datetime) -> RuleSet:
    """The version in force. Without any (nothing was seeded) everything is unknown and scores 100."""
    in_force = RiskRule.objects.filter(in_force_from__lte=now).order_by("-version").values("version")[:1]
    rows = list(RiskRule.objects.filter(version=in_force).order_by("pk"))
    return RuleSet(rows[0].version if rows else 0, tuple(row.rule for row in rows))


def get_rules_of(*, version: int) -> RuleSet:
    """One version, in force or not any more."""
    rows = RiskRule.objects.filter(version=version).order_by("pk")
    return RuleSet(version, tuple(row.rule for row in rows))


def recompute(assessment: RiskAssessment) -> RiskResult:
    """The result again, from the stored facts and the stored version of the rules (RTS art. 18(3)).

    :raises ValueError: it was never assessed.
    """
    if assessment.level == RiskLevel.NONE or assessment.rules_version is None:
        raise ValueError("not assessed")
    rules = get_rules_of(version=assessment.rules_version).rules
    facts, subject = RiskFacts.from_dict(assessment.facts), Subject(assessment.subject)
    if subject != Subject.FILE:
        return assess(facts, rules=rules, subject=subject)
    return max(
        score_patterns(set(read_patterns(assessment.item_patterns)), common=facts, rules=rules).values(),
        key=lambda result: result.score,
    )


def score_patterns(
    patterns: Iterable[int], *, common: RiskFacts, rules: Iterable[Rule]
) -> dict[int, RiskResult]:
    """The result of each pattern of a file's payments, the smallest pattern first."""
    rules = tuple(rules)
    thresholds = thresholds_of(rules)
    return {
        pattern: assess(
            facts_of_pattern(pattern, common=common, thresholds=thresholds),
            rules=rules,
            subject=Subject.FILE,
        )
        for pattern in sorted(patterns)
    }


class ItemResult(NamedTuple):
    """What one payment of a file came to; ``place`` is its place in the file, from 0."""

    place: int
    result: RiskResult


def list_riskiest_items(*, assessment_id: UUID, limit: int) -> list[ItemResult]:
    """The payments of a file with the highest scores, the highest first; of equal ones the first in the file."""
    patterns, results = _patterns_of(assessment_id)
    worst = heapq.nsmallest(limit, enumerate(patterns), key=lambda one: (-results[one[1]].score, one[0]))
    return [ItemResult(place, results[pattern]) for place, pattern in worst]


def get_result_of_item(*, assessment_id: UUID, place: int) -> RiskResult | None:
    """What one payment of a file came to; None when the file was never assessed."""
    patterns, results = _patterns_of(assessment_id)
    return results[patterns[place]] if place < len(patterns) else None


def _patterns_of(assessment_id: UUID) -> tuple[tuple[int, ...], dict[int, RiskResult]]:
    row = RiskAssessment.objects.get(pk=assessment_id)
    patterns = read_patterns(row.item_patterns)
    if row.rules_version is None:
        return (), {}
    return patterns, score_patterns(
        set(patterns),
        common=RiskFacts.from_dict(row.facts),
        rules=get_rules_of(version=row.rules_version).rules,
    )


class FirstSeen(NamedTuple):
    """When a payer's device and network were first seen; None: never before."""

    device: datetime | None
    network: datetime | None


def get_first_seen(
    *, psu_id: UUID | None, account_id: UUID | None, device: str, network: str, before: datetime
) -> FirstSeen:
    """From the log of devices and software that assessments are (RTS art. 2(2)(e)): this customer's, or if a TPP did
    not say who he is, the account's."""
    whose = Q(psu_id=psu_id) if psu_id else Q(psu_id=None, account_id=account_id)
    seen = RiskAssessment.objects.filter(whose, assessed_at__lt=before).order_by("assessed_at")
    return FirstSeen(
        seen.filter(device=device).values_list("assessed_at", flat=True).first() if device else None,
        seen.filter(network=network).values_list("assessed_at", flat=True).first() if network else None,
    )


def count_listed(*, ibans: Iterable[str] = (), network: str = "", device: str = "") -> int:
    """How many of these are on the list of compromised elements."""
    return CompromisedElement.objects.filter(
        Q(kind=ElementKind.IBAN, value__in=list(ibans))
        | Q(kind=ElementKind.NETWORK, value=network)
        | Q(kind=ElementKind.DEVICE, value=device),
        removed_at=None,
    ).count()


def list_listed_ibans() -> list[str]:
    """The accounts on the list of compromised elements."""
    return list(
        CompromisedElement.objects.filter(kind=ElementKind.IBAN, removed_at=None).values_list(
            "value", flat=True
        )
    )


def get_assessment_of(*, subject: Subject, subject_id: UUID) -> RiskAssessment | None:
    """The assessment of a payment or file; of a customer's sign-ins, the last one."""
    return (
        RiskAssessment.objects.filter(subject=subject, subject_id=subject_id)
        .defer("item_patterns")
        .order_by("-assessed_at")
        .first()
    )


def list_sign_ins(*, psu_id: UUID, limit: int) -> QuerySet[RiskAssessment]:
    """How a customer's last sign-ins looked, newest first."""
    return RiskAssessment.objects.filter(subject_id=psu_id, subject=Subject.SIGN_IN).order_by("-assessed_at")[
        :limit
    ]


def get_case(*, case_id: UUID) -> RiskCase:
    """One case, for staff.

    :raises NotFound: there is none.
    """
    case = (
        RiskCase.objects.select_related("assessment")
        .defer("assessment__item_patterns")
        .filter(pk=case_id)
        .first()
    )
    if case is None:
        raise NotFound("case")
    return case


def count_open_cases() -> int:
    """What nobody has looked at yet."""
    return RiskCase.objects.filter(status=CaseStatus.OPEN).count()


def get_element(*, element_id: UUID) -> CompromisedElement:
    """One listed element, for staff.

    :raises NotFound: there is none.
    """
    element = CompromisedElement.objects.filter(pk=element_id).first()
    if element is None:
        raise NotFound("element")
    return element
