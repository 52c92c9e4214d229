from collections.abc import Iterable
from uuid import UUID

from django.db.models import Q, QuerySet

from apps.accounts.queries import payable_account_ids
from apps.core.errors import NotFound
from apps.payments.models import PaymentInitiation, StandingOrder
from apps.payments.rules import TransactionStatus


class PaymentUnknown(NotFound):
    """No such payment, or not the asking TPP's or customer's."""

    code = "payment_unknown"


def get_payment_for_app(*, app_id: UUID, payment_id: UUID) -> PaymentInitiation:
    """A payment that this app initiated. What a standing order of its made is told with the standing order.

    :raises PaymentUnknown: missing, or another app's.
    """
    return _only(PaymentInitiation.objects.filter(pk=payment_id, app_id=app_id, standing_order=None))


def get_payment_for_psu(*, psu_id: UUID, payment_id: UUID) -> PaymentInitiation:
    """A payment of this customer, or one from his account that takes the signatures of several.

    :raises PaymentUnknown: missing, or not his.
    """
    his = Q(psu_id=psu_id) | Q(signatures_needed__gt=1, debtor_account__in=payable_account_ids(psu_id=psu_id))
    return _only(PaymentInitiation.objects.filter(his, pk=payment_id))


def get_payment(*, payment_id: UUID) -> PaymentInitiation:
    """A payment, for the authorisation pages, which are opened by whoever holds the link.

    :raises PaymentUnknown: there is none.
    """
    return _only(PaymentInitiation.objects.filter(pk=payment_id))


def list_payments_for_psu(*, psu_id: UUID, limit: int = 20) -> list[PaymentInitiation]:
    """The latest payments of a customer, and those that took or take the signatures of several; newest first."""

    def latest(payments: QuerySet[PaymentInitiation]) -> QuerySet[PaymentInitiation]:
        return payments.select_related("app__tpp", "debtor_account").order_by("-created_at")[:limit]

    # Apart, so that each is read off its index.
    own = latest(PaymentInitiation.objects.filter(psu_id=psu_id))
    others = latest(_of_several(psu_id=psu_id).exclude(psu_id=psu_id))
    return sorted([*own, *others], key=lambda payment: payment.created_at, reverse=True)[:limit]


def list_payments_to_sign(*, psu_id: UUID, limit: int = 50) -> QuerySet[PaymentInitiation]:
    """What another has signed and waits for this customer, who may sign as the second; the oldest first."""
    return (
        _of_several(psu_id=psu_id)
        .filter(transaction_status=TransactionStatus.PATC)
        .exclude(psu_id=psu_id)
        .select_related("app__tpp", "debtor_account", "psu")
        .order_by("created_at")[:limit]
    )


def _of_several(*, psu_id: UUID) -> QuerySet[PaymentInitiation]:
    """Payments that take several signatures, from accounts that the customer may pay from."""
    return PaymentInitiation.objects.filter(
        signatures_needed__gt=1, debtor_account__in=payable_account_ids(psu_id=psu_id)
    )


def list_paid_ibans(*, account_ids: Iterable[UUID], limit: int = 10_000) -> frozenset[str]:
    """Accounts to which money has gone out from any of these, by the latest payments that were signed and done."""
    latest = (
        PaymentInitiation.objects.filter(
            debtor_account__in=list(account_ids), transaction_status=TransactionStatus.ACSC, returned_at=None
        )
        .order_by("-created_at")
        .values_list("creditor_iban", flat=True)
    )
    return frozenset(latest[:limit])


def list_pending_payments(*, account_id: UUID) -> QuerySet[PaymentInitiation]:
    """Orders from an account that their customer has authorised and the engine has yet to book, newest first.

    What waits for a later day is none of them: nothing is on its way yet.
    """
    return PaymentInitiation.objects.filter(
        debtor_account_id=account_id, transaction_status=TransactionStatus.ACTC, released_at__isnull=False
    ).order_by("-authorised_at")


def count_unfinished_payments_of_tpp(*, tpp_id: UUID) -> int:
    """How many payments and standing orders of a TPP wait for their customer or the engine: the blast radius of
    blocking it. A standing order that runs is its customer's own and goes on."""
    payments = PaymentInitiation.objects.filter(
        app__tpp_id=tpp_id, transaction_status__in=["RCVD", "PATC", "ACTC", "ACSP"]
    )
    series = StandingOrder.objects.filter(app__tpp_id=tpp_id, transaction_status__in=["RCVD", "PATC"])
    return payments.count() + series.count()


def _only(payments: QuerySet[PaymentInitiation]) -> PaymentInitiation:
    payment = payments.select_related("app__tpp", "debtor_account__ledger_account", "psu__user").first()
    if payment is None:
        raise PaymentUnknown
    return payment
