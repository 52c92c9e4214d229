from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from apps.audit.services import record_event
from apps.core.errors import DomainError, InvalidInput, NotFound
from apps.core.iban import InvalidIBAN, parse_iban
from apps.core.text import check_display_text
from apps.risk.facts import Order, Origin, age_hours, network_of, payee_facts
from apps.risk.models import CompromisedElement, RiskAssessment, RiskCase
from apps.risk.patterns import read_patterns
from apps.risk.queries import RuleSet, count_listed, get_first_seen, get_rules, score_patterns
from apps.risk.rules import (
    CaseOutcome,
    CaseStatus,
    ElementKind,
    RiskFacts,
    RiskLevel,
    RiskResult,
    Subject,
    assess,
)

REASON_LENGTH_MAX = 300


class CaseDecided(DomainError):
    """Somebody has looked at the case already."""

    code = "risk_case_decided"


class ElementListed(DomainError):
    """It is on the list already, or not any more."""

    code = "risk_element_listed"


class ElementMalformed(InvalidInput):
    """Not an IBAN, not a network, not a device's hash."""

    code = "risk_element_malformed"


@dataclass(frozen=True, slots=True)
class Payer:
    """Whose payment: the customer, if it is known who he is, and the account."""

    psu_id: UUID | None
    account_id: UUID


@transaction.atomic
def assess_payment(
    *, payment_id: UUID, payer: Payer, order: Order, origin: Origin, now: datetime
) -> RiskAssessment:
    """Assess a payment that is being ordered, before it is stored: the database takes none without (RTS art. 2(1)).

    It never refuses: a high score opens a case for staff, and the payment goes its way (GDPR art. 22; PSD2 art. 68).
    """
    facts = RiskFacts(
        **payee_facts(order, now=now),
        **_origin_facts(
            origin, psu_id=payer.psu_id, account_id=payer.account_id, ibans=[order.creditor_iban], now=now
        ),
    )
    return _store(
        subject=Subject.PAYMENT,
        subject_id=payment_id,
        psu_id=payer.psu_id,
        account_id=payer.account_id,
        facts=facts,
        origin=origin,
        rules=get_rules(now=now),
        now=now,
    )


@transaction.atomic
def assess_sign_in(*, psu_id: UUID, origin: Origin, now: datetime) -> RiskAssessment:
    """Assess a customer's sign-in. It is kept and changes nothing; later payments are compared with it."""
    return _store(
        subject=Subject.SIGN_IN,
        subject_id=psu_id,
        psu_id=psu_id,
        account_id=None,
        facts=RiskFacts(**_origin_facts(origin, psu_id=psu_id, account_id=None, now=now)),
        origin=origin,
        rules=get_rules(now=now),
        now=now,
    )


def common_facts_of_file(
    *, psu_id: UUID, origin: Origin, takeover_signs: int | None, files_last_day: int, now: datetime
) -> RiskFacts:
    """What all payments of a file have in common. For how often its customer orders, a file counts as one order; at
    what time of the day a file comes is no habit of its payments."""
    return RiskFacts(
        **_origin_facts(origin, psu_id=psu_id, account_id=None, now=now),
        payments_last_hour=0,
        payments_last_day=files_last_day,
        hour_rarity_percent=0,
        takeover_signs=takeover_signs,
    )


@transaction.atomic
def assess_file(
    *,
    file_id: UUID,
    psu_id: UUID,
    common: RiskFacts,
    patterns: bytes,
    origin: Origin,
    rules: RuleSet,
    now: datetime,
) -> RiskAssessment:
    """Assess a file of payments: each by its pattern (:mod:`apps.risk.patterns`), the file as its riskiest payment."""
    counts = Counter(read_patterns(patterns))
    results = score_patterns(counts, common=common, rules=rules.rules)
    worst = max(results.values(), key=lambda result: result.score)
    at_level: Counter[str] = Counter()
    for pattern, count in counts.items():
        at_level[results[pattern].level.value] += count
    return _store_result(
        worst,
        RiskAssessment(
            subject=Subject.FILE,
            subject_id=file_id,
            psu_id=psu_id,
            facts=common.as_dict(),
            rules_version=rules.version,
            device=origin.device,
            network=origin.network,
            item_patterns=patterns,
            items_at_level=dict(at_level),
            assessed_at=now,
        ),
    )


def _origin_facts(
    origin: Origin, *, psu_id: UUID | None, account_id: UUID | None, ibans: Sequence[str] = (), now: datetime
) -> dict[str, int | None]:
    """What device, network and session say, as it was when they were seen: a device that was new when a standing order
    was made is not made familiar by its executions."""
    at = origin.at or now
    seen = get_first_seen(
        psu_id=psu_id, account_id=account_id, device=origin.device, network=origin.network, before=at
    )
    return {
        "listed_elements": count_listed(ibans=ibans, network=origin.network, device=origin.device),
        "device_age_hours": age_hours(seen.device, at=at) if origin.device else None,
        "network_age_hours": age_hours(seen.network, at=at) if origin.network else None,
        "automated_client": None if origin.is_program is None else int(origin.is_program),
        "session_seconds": origin.session_seconds,
    }


def _store(
    *,
    subject: Subject,
    subject_id: UUID,
    psu_id: UUID | None,
    account_id: UUID | None,
    facts: RiskFacts,
    origin: Origin,
    rules: RuleSet,
    now: datetime,
) -> RiskAssessment:
    return _store_result(
        assess(facts, rules=rules.rules, subject=subject),
        RiskAssessment(
            subject=subject,
            subject_id=subject_id,
            psu_id=psu_id,
            account_id=account_id,
            facts=facts.as_dict(),
            rules_version=rules.version,
            device=origin.device,
            network=origin.network,
            assessed_at=now,
        ),
    )


def _store_result(result: RiskResult, assessment: RiskAssessment) -> RiskAssessment:
    assessment.score, assessment.level = result.score, result.level
    assessment.factors = [factor.as_dict() for factor in result.factors]
    assessment.save(force_insert=True)
    data = {"score": result.score, "level": result.level.value, "rules_version": assessment.rules_version}
    _record(assessment, event=f"risk.{assessment.subject}.assessed", data=data)
    if result.level == RiskLevel.HIGH and assessment.subject != Subject.SIGN_IN:
        RiskCase.objects.create(assessment=assessment, opened_at=assessment.assessed_at)
        _record(assessment, event="risk.case.opened", data={"score": result.score})
    return assessment


_AUDIT_NAMES: Mapping[str, str] = {
    Subject.PAYMENT: "payment",
    Subject.FILE: "payment_file",
    Subject.SIGN_IN: "psu",
}


def _record(assessment: RiskAssessment, *, event: str, data: dict[str, object]) -> None:
    """Under the name of what was assessed, so that its story tells of it."""
    record_event(
        event=event,
        object_type=_AUDIT_NAMES[assessment.subject],
        object_id=assessment.subject_id,
        actor_type="system",
        at=assessment.assessed_at,
        data=data,
    )


@transaction.atomic
def close_case(
    *, case_id: UUID, outcome: CaseOutcome, reason: str, staff_id: UUID, now: datetime
) -> RiskCase:
    """Keep what somebody who looked at it made of it. Nothing else follows by itself.

    :raises NotFound: there is no such case.
    :raises CaseDecided: somebody has looked at it already.
    :raises apps.core.text.UnsafeText: no reason fit to be shown.
    """
    case = RiskCase.objects.select_for_update(of=("self",)).filter(pk=case_id).first()
    if case is None:
        raise NotFound("case")
    if case.status != CaseStatus.OPEN:
        raise CaseDecided(str(case_id))
    case.decision_reason = _clean_reason(reason)
    case.status, case.outcome, case.decided_at, case.decided_by = CaseStatus.CLOSED, outcome, now, staff_id
    case.save(update_fields=["status", "outcome", "decided_at", "decided_by", "decision_reason"])
    record_event(
        event="risk.case.closed",
        object_type=_AUDIT_NAMES[case.assessment.subject],
        object_id=case.assessment.subject_id,
        actor_type="staff",
        actor_id=staff_id,
        at=now,
        data={"outcome": str(outcome), "reason": case.decision_reason},
    )
    return case


@transaction.atomic
def list_element(
    *, kind: ElementKind, value: str, reason: str, staff_id: UUID, now: datetime
) -> CompromisedElement:
    """Put an account, a network or a device on the list; what is ordered from now on is compared with it.

    :raises ElementMalformed: not of this kind.
    :raises ElementListed: it is on the list.
    :raises apps.core.text.UnsafeText: no reason fit to be shown.
    """
    element = CompromisedElement(
        kind=kind,
        value=_canonical(kind, value),
        reason=_clean_reason(reason),
        added_at=now,
        added_by=staff_id,
    )
    try:
        with transaction.atomic():
            element.save(force_insert=True)
    except IntegrityError:
        raise ElementListed(str(kind)) from None
    _record_element(element, event="risk.element.listed", reason=element.reason, staff_id=staff_id, now=now)
    return element


@transaction.atomic
def take_element_off(*, element_id: UUID, reason: str, staff_id: UUID, now: datetime) -> CompromisedElement:
    """Take an element off the list. Its row stays, and may be followed by another of the same value.

    :raises NotFound: there is no such element.
    :raises ElementListed: it was taken off already.
    :raises apps.core.text.UnsafeText: no reason fit to be shown.
    """
    element = CompromisedElement.objects.select_for_update().filter(pk=element_id).first()
    if element is None:
        raise NotFound("element")
    if element.removed_at is not None:
        raise ElementListed(str(element_id))
    reason = _clean_reason(reason)
    element.removed_at, element.removed_by = now, staff_id
    element.save(update_fields=["removed_at", "removed_by"])
    _record_element(element, event="risk.element.taken_off", reason=reason, staff_id=staff_id, now=now)
    return element


def _record_element(
    element: CompromisedElement, *, event: str, reason: str, staff_id: UUID, now: datetime
) -> None:
    """The value itself is not told: the trail is read by many and kept for long."""
    record_event(
        event=event,
        object_type="risk_element",
        object_id=element.pk,
        actor_type="staff",
        actor_id=staff_id,
        at=now,
        data={"kind": element.kind, "reason": reason},
    )


def _canonical(kind: ElementKind, value: str) -> str:
    """An element as it is compared."""
    text = "".join(value.split())
    if kind == ElementKind.IBAN:
        try:
            return parse_iban(text)
        except InvalidIBAN:
            raise ElementMalformed(field="value") from None
    if kind == ElementKind.NETWORK and (network := network_of(text.partition("/")[0])):
        return network
    if kind == ElementKind.DEVICE and len(text) == 64 and set(text.lower()) <= set("0123456789abcdef"):
        return text.lower()
    raise ElementMalformed(field="value")


def _clean_reason(reason: str) -> str:
    return check_display_text(" ".join(reason.split()), field="reason", max_length=REASON_LENGTH_MAX)
