"""Whether a payment needs no code, as its page says it."""

from typing import TYPE_CHECKING

from apps.fraud.queries import get_rates
from apps.payments.rules import Channel
from apps.payments.services import decide_exemption
from apps.portal.phrases import EXEMPTION_TEXTS
from apps.risk.rules import SIGNALS_OF_ARTICLE_18, Factor, FactorState
from apps.sca.exemptions import Article, Monitoring
from apps.sca.policy import exemption_policy

if TYPE_CHECKING:
    from apps.payments.models import PaymentInitiation
    from apps.portal.guard import Visit


# A payee or device that fraud was committed with is no sign of art. 18(2), and forbids every exemption (art. 2(2)(a)).
_WORDS = (*SIGNALS_OF_ARTICLE_18, Factor.COMPROMISED_ELEMENTS)


def monitoring_of(payment: "PaymentInitiation", visit: "Visit") -> Monitoring:
    """What transaction monitoring found in the payment when it was entered. What it could not find out leaves it
    without a score, and without one there is no transaction risk analysis (RTS art. 18); nor without the bank's rate of
    fraud. A bank that does not use that article does not ask for the rate."""
    states = {factor["factor"]: factor["state"] for factor in payment.risk_assessment.factors}
    states = {word: states.get(word, FactorState.UNKNOWN) for word in _WORDS}
    known = FactorState.UNKNOWN not in states.values()
    rates = get_rates(now=visit.now) if Article.RISK_ANALYSIS in exemption_policy().articles else None
    return Monitoring(
        signals=frozenset(factor for factor, state in states.items() if state == FactorState.FOUND),
        risk_score=payment.risk_assessment.score if known else None,
        fraud_rate=rates.present if rates else None,
        ceased_bands=rates.ceased if rates else frozenset(),
        session_signs_nothing=visit.is_by_sign_in_app,
    )


def exemption_text(payment: "PaymentInitiation", visit: "Visit") -> str:
    """Why this customer can pay this without a code; empty when he needs one."""
    if payment.channel != Channel.PORTAL or payment.is_partly_signed:
        return ""
    decision = decide_exemption(
        payment=payment, psu=visit.psu, monitoring=monitoring_of(payment, visit), now=visit.now
    )
    return str(EXEMPTION_TEXTS[decision.reason]) if decision.is_exempt else ""
