"""What a standing order's customer has signed, and whether a payment is an execution of exactly that."""

from typing import Any
from uuid import UUID

from apps.payments.models import PaymentInitiation, StandingOrder
from apps.sca.queries import list_signatures, signers_of
from apps.sca.rules import Purpose, SubjectType

# What an execution has from its series.
_SAME = (
    "channel",
    "app_id",
    "psu_id",
    "debtor_account_id",
    "debtor_iban",
    "creditor_name",
    "creditor_iban",
    "creditor_agent",
    "amount_minor",
    "currency",
    "end_to_end_identification",
    "remittance_information_unstructured",
    "creditor_name_match",
    "matched_creditor_name",
    "creditor_name_checked_at",
    "authorisation_id",
    "signatures_needed",
)


def execution_fields(order: StandingOrder) -> dict[str, Any]:
    """What each execution of a series has from it: as it was signed, the outcome of the name check too."""
    return {name: getattr(order, name) for name in _SAME}


def standing_order_snapshot(*, order: StandingOrder) -> dict[str, Any]:
    """What the customer's code for a series is made over, and what he is shown (RTS art. 5(1), 14(1))."""
    first = order.first_due_date
    snapshot = {
        "standing_order_id": str(order.pk),
        "replaces": str(order.replaces_id or ""),
        "debtor_iban": order.debtor_iban,
        "creditor_name": order.creditor_name,
        "creditor_iban": order.creditor_iban,
        "amount_minor": order.amount_minor,
        "currency": order.currency,
        "remittance_information_unstructured": order.remittance_information_unstructured,
        "frequency": str(order.frequency),
        "start_date": order.start_date.isoformat(),
        "end_date": order.end_date.isoformat() if order.end_date else "",
        "execution_rule": str(order.execution_rule),
        "day_of_execution": order.day_of_execution or 0,
        "first_execution_date": order.series.execution_date(first).isoformat(),
        "created_at": order.created_at.isoformat(),
    }
    if order.creditor_name_checked_at is not None:
        # He signs what he was told of the payee, too (IPR art. 5c). Older orders were signed without it.
        snapshot |= {
            "creditor_name_match": order.creditor_name_match,
            "matched_creditor_name": order.matched_creditor_name,
        }
    if order.app is not None:
        # What came through the portal was signed without them.
        snapshot |= {"tpp_name": order.app.tpp.legal_name, "creditor_agent": order.creditor_agent}
    return snapshot


def list_signers_of_order(*, order: StandingOrder) -> dict[UUID, UUID]:
    """The different people who have signed exactly this series, each with his authorisation."""
    given = list_signatures(subject_type=SubjectType.STANDING_ORDER, subject_ids=[order.pk])[order.pk]
    return signers_of(given, purpose=Purpose.STANDING_ORDER, snapshot=standing_order_snapshot(order=order))


def list_signers_of_series(*, payment: PaymentInitiation) -> dict[UUID, UUID]:
    """Who has signed the series that this execution is covered by: the same amount to the same payee from the same
    account, on a day of the series (RTS art. 14(2)). Nobody, when it is not covered."""
    order = payment.standing_order
    if order is None or payment.due_date is None:
        return {}
    is_execution = all(getattr(payment, name) == getattr(order, name) for name in _SAME)
    if not is_execution or not order.series.is_due_date(payment.due_date):
        return {}
    return list_signers_of_order(order=order)
