"""Standing orders as their customers, TPPs and the other services find them."""

from uuid import UUID

from django.db.models import Q, QuerySet

from apps.accounts.queries import payable_account_ids
from apps.payments.models import PaymentInitiation, StandingOrder
from apps.payments.queries import PaymentUnknown
from apps.payments.rules import TransactionStatus
from apps.payments.services import (
    PaymentStatusInvalid,
)


class StandingOrderStatusInvalid(PaymentStatusInvalid):
    """The standing order is not in a status in which this can be done."""

    code = "standing_order_status_invalid"


class StandingOrderUnknown(PaymentUnknown):
    """No such standing order, or not the asking customer's or TPP's."""

    code = "standing_order_unknown"


def list_standing_orders(*, psu_id: UUID) -> QuerySet[StandingOrder]:
    """What runs for a customer, the next execution first; then what has ended. What nobody signed is left out, and
    what only one of two has (:func:`list_partly_signed_standing_orders`)."""
    return (
        StandingOrder.objects.filter(his_standing_orders(psu_id))
        .exclude(authorised_at=None)
        .select_related("debtor_account", "app__tpp")
        .order_by("next_execution_date", "-status_changed_at")
    )


def list_partly_signed_standing_orders(*, psu_id: UUID) -> QuerySet[StandingOrder]:
    """What one of two has signed, the oldest first: by this customer, or waiting for him."""
    return (
        StandingOrder.objects.filter(his_standing_orders(psu_id), transaction_status=TransactionStatus.PATC)
        .select_related("app__tpp", "debtor_account", "psu")
        .order_by("created_at")
    )


def list_standing_orders_to_sign(*, psu_id: UUID) -> QuerySet[StandingOrder]:
    """Those of them that wait for this customer."""
    return list_partly_signed_standing_orders(psu_id=psu_id).exclude(psu_id=psu_id)


def list_running_standing_orders(*, account_id: UUID) -> QuerySet[StandingOrder]:
    """What pays from an account again and again, the next execution first."""
    return StandingOrder.objects.filter(
        debtor_account_id=account_id, transaction_status=TransactionStatus.ACTC
    ).order_by("next_execution_date", "created_at")


def get_standing_order(*, psu_id: UUID, standing_order_id: UUID) -> StandingOrder:
    """A standing order of a customer, or one from his account that takes the signatures of several.

    :raises StandingOrderUnknown: missing, or not his.
    """
    return _only(his_standing_orders(psu_id), standing_order_id=standing_order_id)


def get_standing_order_for_app(*, app_id: UUID, standing_order_id: UUID) -> StandingOrder:
    """A standing order that this app initiated.

    :raises StandingOrderUnknown: missing, or another app's.
    """
    return _only(Q(app_id=app_id), standing_order_id=standing_order_id)


def get_standing_order_to_sign(*, standing_order_id: UUID) -> StandingOrder:
    """A standing order, for the authorisation pages, which are opened by whoever holds the link.

    :raises StandingOrderUnknown: there is none.
    """
    return _only(Q(), standing_order_id=standing_order_id)


def get_latest_execution(*, standing_order_id: UUID) -> PaymentInitiation | None:
    """The payment that a standing order made last."""
    return list_executions(standing_order_id=standing_order_id, limit=1).first()


def list_executions(*, standing_order_id: UUID, limit: int = 50) -> QuerySet[PaymentInitiation]:
    """The payments that a standing order has made, the latest first."""
    return PaymentInitiation.objects.filter(standing_order_id=standing_order_id).order_by("-due_date")[:limit]


def lock_standing_order(standing_order_id: UUID, scope: Q | None = None) -> StandingOrder:
    """A standing order under a row lock; of all, or of those in ``scope``.

    :raises StandingOrderUnknown: missing, or not in scope.
    """
    order = (
        StandingOrder.objects.select_for_update(of=("self",))
        .select_related("app__tpp", "debtor_account", "psu")
        .filter(scope or Q(), pk=standing_order_id)
        .first()
    )
    if order is None:
        raise StandingOrderUnknown(str(standing_order_id))
    return order


def his_standing_orders(psu_id: UUID) -> Q:
    """The standing orders of a customer, and those that take several signatures from accounts he may pay from."""
    # The ids, not a query for them: so that both halves are read off their indexes.
    account_ids = list(payable_account_ids(psu_id=psu_id))
    return Q(psu_id=psu_id) | Q(signatures_needed__gt=1, debtor_account__in=account_ids)


def _only(scope: Q, *, standing_order_id: UUID) -> StandingOrder:
    order = (
        StandingOrder.objects.select_related("app__tpp", "debtor_account", "replaces", "psu__user")
        .filter(scope, pk=standing_order_id)
        .first()
    )
    if order is None:
        raise StandingOrderUnknown(str(standing_order_id))
    return order
