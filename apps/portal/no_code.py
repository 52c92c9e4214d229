"""Whether a payment needs no code, as its page says it."""

from typing import TYPE_CHECKING

from apps.payments.rules import Channel
from apps.payments.services import decide_exemption
from apps.portal.phrases import EXEMPTION_TEXTS
from apps.sca.exemptions import Monitoring

if TYPE_CHECKING:
    from apps.payments.models import PaymentInitiation
    from apps.portal.guard import Visit


def monitoring_of(payment: "PaymentInitiation", visit: "Visit") -> Monitoring:
    """What transaction monitoring says. Nothing looks at payments in real time, so nothing is claimed: transaction risk
    analysis (RTS art. 18) is out of reach."""
    return Monitoring()


def exemption_text(payment: "PaymentInitiation", visit: "Visit") -> str:
    """Why this customer can pay this without a code; empty when he needs one."""
    if payment.channel != Channel.PORTAL or payment.is_partly_signed:
        return ""
    decision = decide_exemption(
        payment=payment, psu=visit.psu, monitoring=monitoring_of(payment, visit), now=visit.now
    )
    return str(EXEMPTION_TEXTS[decision.reason]) if decision.is_exempt else ""
