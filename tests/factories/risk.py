from collections.abc import Sequence
from datetime import datetime

from apps.core.ids import new_id
from apps.payments.models import PaymentInitiation
from apps.risk.facts import Origin
from apps.risk.models import CompromisedElement, RiskAssessment, RiskCase
from apps.risk.queries import get_rules
from apps.risk.rules import ElementKind, RiskFacts, Subject, assess
from apps.risk.services import list_element
from tests.factories.accounts import FOREIGN_IBAN, NOW

# What an everyday payment looks like.
EVERYDAY = RiskFacts(
    listed_elements=0,
    amount_minor=2_500,
    percent_of_usual=60,
    payments_last_hour=0,
    payments_last_day=1,
    hour_rarity_percent=40,
    device_age_hours=2_000,
    automated_client=0,
    session_seconds=90,
    takeover_signs=0,
    burst_to_new_payee=0,
    name_mismatch_to_new_payee=0,
    network_age_hours=2_000,
    payee_age_hours=3_000,
    new_country=0,
)
BROWSER = Origin(device="b" * 64, network="192.0.2.0/24", is_program=False, session_seconds=60)


def assess_together(payments: Sequence[PaymentInitiation], *, now: datetime) -> None:
    """Give many payments that are about to be stored the assessments of everyday ones, in one statement."""
    rules = get_rules(now=now)
    assessments = []
    for payment in payments:
        facts = RiskFacts(**(EVERYDAY.as_dict() | {"amount_minor": payment.amount_minor}))
        result = assess(facts, rules=rules.rules, subject=Subject.PAYMENT)
        payment.risk_assessment = RiskAssessment(
            subject=Subject.PAYMENT,
            subject_id=payment.pk,
            psu_id=payment.psu_id,
            account_id=payment.debtor_account_id,
            level=result.level,
            score=result.score,
            rules_version=rules.version,
            facts=facts.as_dict(),
            factors=[factor.as_dict() for factor in result.factors],
            assessed_at=now,
        )
        assessments.append(payment.risk_assessment)
    RiskAssessment.objects.bulk_create(assessments)


def case_of(payment: PaymentInitiation) -> RiskCase:
    """A case about this payment, whatever its score."""
    return RiskCase.objects.get_or_create(
        assessment=payment.risk_assessment, defaults={"opened_at": payment.created_at}
    )[0]


def listed_element(
    value: str = FOREIGN_IBAN, *, kind: ElementKind = ElementKind.IBAN, now: datetime = NOW
) -> CompromisedElement:
    """Something on the list of compromised elements."""
    found = CompromisedElement.objects.filter(kind=kind, value=value, removed_at=None).first()
    return found or list_element(
        kind=kind, value=value, reason="Used for fraud before", staff_id=new_id(), now=now
    )
