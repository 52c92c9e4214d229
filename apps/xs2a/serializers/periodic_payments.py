"""``periodicPaymentInitiation_json`` and the answers about standing orders."""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.core.target_calendar import ExecutionRule
from apps.payments.recurrence import LAST_DAY_OF_MONTH, Frequency, Series
from apps.payments.rules import PaymentProduct, StatusReason, TransactionStatus
from apps.xs2a.refusals import ParameterNotSupported
from apps.xs2a.serializers.payments import (
    ORDER_MEMBERS,
    ORDER_NOT_OFFERED,
    PaymentRequest,
    parse_order,
    payment_information,
    payment_status,
    refusal_message,
)
from apps.xs2a.serializers.reading import JSONObject

if TYPE_CHECKING:
    from apps.payments.models import PaymentInitiation, StandingOrder

_MEMBERS = ORDER_MEMBERS | {"startDate", "endDate", "executionRule", "frequency", "dayOfExecution"}
_NOT_OFFERED = ORDER_NOT_OFFERED | {"monthsOfExecution"}
MONTHLY_VARIABLE = "MonthlyVariable"
# To the letter: "Leading zeroes are not allowed."
_DAYS = tuple(str(day) for day in range(1, LAST_DAY_OF_MONTH + 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodicPaymentRequest(PaymentRequest):
    """The body of POST /v1/periodic-payments/{payment-product}, understood."""

    series: Series


def parse_periodic_payment_request(
    body: dict[str, Any], *, product: PaymentProduct
) -> PeriodicPaymentRequest:
    """The request for a standing order. Whether its days make a series is the room's to say.

    :raises apps.xs2a.refusals.RequestRefused: naming the member that is wrong or not offered.
    """
    # The frequency first: that ``monthsOfExecution`` goes with it alone is no news to who asks for it.
    if body.get("frequency") == MONTHLY_VARIABLE:
        raise ParameterNotSupported(_("This bank does not offer it."), path="frequency")
    members = JSONObject(body, path="", members=frozenset(_MEMBERS), not_offered=frozenset(_NOT_OFFERED))
    request = parse_order(members, product=product)
    return PeriodicPaymentRequest(
        **{field.name: getattr(request, field.name) for field in fields(request)},
        series=Series(
            start_date=members.day("startDate"),
            frequency=Frequency(members.choice("frequency", Frequency.values)),
            end_date=members.day("endDate") if "endDate" in members else None,
            execution_rule=ExecutionRule(
                members.choice("executionRule", [rule.value for rule in ExecutionRule])
                if "executionRule" in members
                else ExecutionRule.FOLLOWING
            ),
            day_of_execution=(
                int(members.choice("dayOfExecution", _DAYS)) if "dayOfExecution" in members else None
            ),
        ),
    )


def periodic_payment_information(*, order: "StandingOrder") -> dict[str, Any]:
    """``periodicPaymentInitiationWithStatusResponse``: what was sent comes back. The rule for days on which banks are
    closed is told whether it was sent or not."""
    return payment_information(payment=order) | standing_order_details(order)


def standing_order_details(order: "StandingOrder") -> dict[str, str]:
    """``standingOrderDetails``: when it is due."""
    optional = {
        "endDate": order.end_date.isoformat() if order.end_date else "",
        "dayOfExecution": str(order.day_of_execution or ""),
    }
    return {
        "startDate": order.start_date.isoformat(),
        "frequency": order.frequency,
        "executionRule": order.execution_rule,
        **{name: value for name, value in optional.items() if value},
    }


def periodic_payment_status(
    *, order: "StandingOrder", latest: "PaymentInitiation | None", psu_language: str
) -> dict[str, Any]:
    """``paymentInitiationStatusResponse-200_json`` of the series. If its latest payment was refused, ``tppMessage``
    says so: the series itself goes on, so it is a warning (RTS art. 36(1)(b))."""
    body = payment_status(payment=order, psu_language=psu_language)
    if latest is None or latest.due_date is None or latest.transaction_status != TransactionStatus.RJCT:
        return body
    reason = latest.status_reason or StatusReason.NARR
    text = gettext("The payment due on %(day)s was refused: status reason %(reason)s.") % {
        "day": latest.due_date.isoformat(),
        "reason": reason,
    }
    return body | {"tppMessage": [refusal_message(reason, category="WARNING", text=text)]}
