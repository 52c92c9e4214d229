"""The payment services that this bank offers: what differs between them, for views that serve them all."""

from abc import ABC, abstractmethod
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from apps.payments.kinds import SINGLE_PAYMENTS, STANDING_ORDERS, InitiationKind
from apps.payments.rules import Channel, PaymentProduct
from apps.payments.services import PaymentOrder, initiate_payment, verify_payee_of_order
from apps.payments.standing_orders import (
    get_latest_execution,
    initiate_standing_order,
    verify_payee_of_standing_order,
)
from apps.xs2a.serializers import payments as serializers
from apps.xs2a.serializers import periodic_payments as periodic_serializers

if TYPE_CHECKING:
    from apps.identity.models import PSU
    from apps.payees.rules import PayeeVerification
    from apps.payments.models import AnyInitiation
    from apps.tpp.models import App


class OfferedService(ABC):
    """One ``payment-service`` of the contract."""

    kind: ClassVar[InitiationKind]
    products: ClassVar[frozenset[str]]

    @abstractmethod
    def parse(self, body: dict[str, Any], *, product: PaymentProduct) -> serializers.PaymentRequest:
        """The body of the initiation, understood."""

    @abstractmethod
    def verify_payee(
        self,
        wanted: Any,
        order: PaymentOrder,
        *,
        psu: "PSU | None",
        app: "App",
        request_id: str,
        now: datetime,
    ) -> "PayeeVerification":
        """Whether the payee's name belongs to his IBAN."""

    @abstractmethod
    def initiate(self, wanted: Any, order: PaymentOrder, **details: Any) -> "tuple[AnyInitiation, bool]":
        """Take the order in; it, and whether it is new."""

    @abstractmethod
    def information(self, order: Any) -> dict[str, Any]:
        """The order as it was sent, and how it stands."""

    @abstractmethod
    def status(self, order: Any, *, psu_language: str) -> dict[str, Any]:
        """How it stands."""


class Payments(OfferedService):
    """``payments``: single ones."""

    kind = SINGLE_PAYMENTS
    products = frozenset(PaymentProduct.values)

    def parse(self, body: dict[str, Any], *, product: PaymentProduct) -> serializers.PaymentRequest:
        return serializers.parse_payment_request(body, product=product)

    def verify_payee(self, wanted: Any, order: PaymentOrder, **details: Any) -> "PayeeVerification":
        return verify_payee_of_order(channel=Channel.XS2A, order=order, **details)

    def initiate(self, wanted: Any, order: PaymentOrder, **details: Any) -> "tuple[AnyInitiation, bool]":
        return initiate_payment(channel=Channel.XS2A, order=order, **details)

    def information(self, order: Any) -> dict[str, Any]:
        return serializers.single_payment_information(payment=order)

    def status(self, order: Any, *, psu_language: str) -> dict[str, Any]:
        return serializers.payment_status(payment=order, psu_language=psu_language)


class PeriodicPayments(OfferedService):
    """``periodic-payments``: standing orders."""

    kind = STANDING_ORDERS
    products = frozenset({PaymentProduct.SEPA_CREDIT_TRANSFERS.value})

    def parse(
        self, body: dict[str, Any], *, product: PaymentProduct
    ) -> periodic_serializers.PeriodicPaymentRequest:
        return periodic_serializers.parse_periodic_payment_request(body, product=product)

    def verify_payee(self, wanted: Any, order: PaymentOrder, **details: Any) -> "PayeeVerification":
        return verify_payee_of_standing_order(order=order, series=wanted.series, **details)

    def initiate(self, wanted: Any, order: PaymentOrder, **details: Any) -> "tuple[AnyInitiation, bool]":
        return initiate_standing_order(order=order, series=wanted.series, **details)

    def information(self, order: Any) -> dict[str, Any]:
        return periodic_serializers.periodic_payment_information(order=order)

    def status(self, order: Any, *, psu_language: str) -> dict[str, Any]:
        return periodic_serializers.periodic_payment_status(
            order=order,
            latest=get_latest_execution(standing_order_id=order.pk),
            psu_language=psu_language,
        )


OFFERED: dict[str, OfferedService] = {"payments": Payments(), "periodic-payments": PeriodicPayments()}
