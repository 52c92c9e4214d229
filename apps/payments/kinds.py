"""Single payments and standing orders by the same words, for doors through which both come.

What they have in common is one thing to a TPP and to the page on which its customer signs: taken in, authorised, told,
taken back. A door that knows which of the two it serves asks the kind, and says nothing twice.
"""

from abc import ABC, abstractmethod
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from apps.identity.models import PSU
from apps.payments import services, standing_orders
from apps.payments.models import AnyInitiation
from apps.payments.queries import PaymentUnknown, get_payment, get_payment_for_app
from apps.payments.rules import StatusReason
from apps.payments.standing_order_evidence import standing_order_snapshot
from apps.sca.models import SCAAuthorisation
from apps.sca.rules import AuthenticationMethod, Purpose, SubjectType
from apps.sca.services import Proof


class InitiationKind(ABC):
    """What can be done with an order that came through a TPP. Whatever the kind, what is raised is of these kinds."""

    subject_type: ClassVar[SubjectType]
    purpose: ClassVar[Purpose]

    @abstractmethod
    def get(self, *, order_id: UUID) -> AnyInitiation:
        """The order, for the pages that are opened by whoever holds the link.

        :raises apps.payments.queries.PaymentUnknown: there is none.
        """

    @abstractmethod
    def get_for_app(self, *, app_id: UUID, order_id: UUID) -> AnyInitiation:
        """The order, if this app initiated it.

        :raises apps.payments.queries.PaymentUnknown: missing, or another app's.
        """

    @abstractmethod
    def snapshot(self, order: AnyInitiation) -> dict[str, Any]:
        """What a code for it is made over."""

    @abstractmethod
    def start_authorisation(self, *, order_id: UUID, now: datetime) -> SCAAuthorisation:
        """Open an authorisation for whoever will sign.

        :raises apps.payments.services.PaymentStatusInvalid: authorised already, refused or cancelled.
        :raises apps.payments.services.CreditorNotConfirmed: its TPP has to have the payee confirmed first.
        """

    @abstractmethod
    def send_code(
        self,
        *,
        order_id: UUID,
        authorisation_id: UUID,
        psu: PSU | None,
        method: AuthenticationMethod = AuthenticationMethod.SMS_OTP,
        is_ahead: bool = False,
        now: datetime,
    ) -> UUID:
        """Send the customer's code, ask his device, or make a decoy; a limit stays hidden. The challenge's id.

        :raises apps.payments.services.PaymentStatusInvalid: it no longer waits.
        :raises apps.sca.services.AuthorisationOver: the authorisation is over.
        """

    @abstractmethod
    def authorise(
        self, *, order_id: UUID, authorisation_id: UUID, psu: PSU, proof: Proof, now: datetime
    ) -> AnyInitiation:
        """Sign it.

        :raises apps.payments.services.PaymentStatusInvalid: it no longer waits.
        :raises apps.payments.services.SignedAlready: by this customer; it is another who must sign.
        :raises apps.payments.services.DebtorAccountNotYours: the customer may not pay from the account.
        :raises apps.sca.services.DynamicLinkBroken: the code belongs to other data; it is void now.
        :raises apps.sca.services.CodeRefused: the code was spent meanwhile.
        """

    @abstractmethod
    def reject(self, *, order_id: UUID, reason: StatusReason, now: datetime) -> None:
        """The customer's no, or his failure to prove himself."""

    @abstractmethod
    def cancel(self, *, order_id: UUID, app_id: UUID, now: datetime) -> AnyInitiation:
        """The TPP takes it back, or ends it.

        :raises apps.payments.queries.PaymentUnknown: not this app's.
        :raises apps.payments.services.PaymentStatusInvalid: it is too late for that.
        """

    @abstractmethod
    def confirm_creditor(self, *, order_id: UUID, app_id: UUID, now: datetime) -> AnyInitiation:
        """The TPP's word that its customer wants this payee in spite of the name.

        :raises apps.payments.queries.PaymentUnknown: not this app's.
        :raises apps.payments.services.PaymentStatusInvalid: it no longer waits, or there is nothing to confirm.
        """


class SinglePayments(InitiationKind):
    """One payment at once or on a day."""

    subject_type = SubjectType.PAYMENT
    purpose = Purpose.PAYMENT

    def get(self, *, order_id: UUID) -> AnyInitiation:
        return get_payment(payment_id=order_id)

    def get_for_app(self, *, app_id: UUID, order_id: UUID) -> AnyInitiation:
        return get_payment_for_app(app_id=app_id, payment_id=order_id)

    def snapshot(self, order: Any) -> dict[str, Any]:
        return services.payment_snapshot(payment=order)

    def start_authorisation(self, *, order_id: UUID, now: datetime) -> SCAAuthorisation:
        return services.start_payment_authorisation(payment_id=order_id, now=now)

    def send_code(self, *, order_id: UUID, **details: Any) -> UUID:
        return services.send_payment_code(payment_id=order_id, hide_limit=True, **details)

    def authorise(self, *, order_id: UUID, **details: Any) -> AnyInitiation:
        return services.authorise_payment(payment_id=order_id, **details)

    def reject(self, *, order_id: UUID, reason: StatusReason, now: datetime) -> None:
        services.reject_payment(payment_id=order_id, reason=reason, now=now)

    def cancel(self, *, order_id: UUID, app_id: UUID, now: datetime) -> AnyInitiation:
        return services.cancel_payment(payment_id=order_id, app_id=app_id, now=now)

    def confirm_creditor(self, *, order_id: UUID, app_id: UUID, now: datetime) -> AnyInitiation:
        return services.confirm_creditor(payment_id=order_id, app_id=app_id, now=now)


class StandingOrders(InitiationKind):
    """The same payment again and again: periodic-payments of NextGenPSD2."""

    subject_type = SubjectType.STANDING_ORDER
    purpose = Purpose.STANDING_ORDER

    def get(self, *, order_id: UUID) -> AnyInitiation:
        return standing_orders.get_standing_order_to_sign(standing_order_id=order_id)

    def get_for_app(self, *, app_id: UUID, order_id: UUID) -> AnyInitiation:
        return standing_orders.get_standing_order_for_app(app_id=app_id, standing_order_id=order_id)

    def snapshot(self, order: Any) -> dict[str, Any]:
        return standing_order_snapshot(order=order)

    def start_authorisation(self, *, order_id: UUID, now: datetime) -> SCAAuthorisation:
        return standing_orders.start_standing_order_authorisation(standing_order_id=order_id, now=now)

    def send_code(self, *, order_id: UUID, **details: Any) -> UUID:
        return standing_orders.send_standing_order_code(
            standing_order_id=order_id, hide_limit=True, **details
        )

    def authorise(self, *, order_id: UUID, **details: Any) -> AnyInitiation:
        return standing_orders.authorise_standing_order(standing_order_id=order_id, **details)

    def reject(self, *, order_id: UUID, reason: StatusReason, now: datetime) -> None:
        standing_orders.reject_standing_order(standing_order_id=order_id, reason=reason, now=now)

    def cancel(self, *, order_id: UUID, app_id: UUID, now: datetime) -> AnyInitiation:
        return standing_orders.end_standing_order(standing_order_id=order_id, app_id=app_id, now=now)

    def confirm_creditor(self, *, order_id: UUID, app_id: UUID, now: datetime) -> AnyInitiation:
        return standing_orders.confirm_creditor_of_standing_order(
            standing_order_id=order_id, app_id=app_id, now=now
        )


SINGLE_PAYMENTS, STANDING_ORDERS = SinglePayments(), StandingOrders()
_KINDS: dict[str, InitiationKind] = {kind.subject_type: kind for kind in (SINGLE_PAYMENTS, STANDING_ORDERS)}


def kind_of(subject_type: str) -> InitiationKind | None:
    """The kind whose orders an authorisation is for; None: it is for something else."""
    return _KINDS.get(subject_type)


def find_for_app(*, app_id: UUID, order_id: UUID) -> tuple[InitiationKind, AnyInitiation]:
    """What this app initiated under an id, where the kind is not known.

    :raises apps.payments.queries.PaymentUnknown: nothing.
    """
    try:
        return SINGLE_PAYMENTS, SINGLE_PAYMENTS.get_for_app(app_id=app_id, order_id=order_id)
    except PaymentUnknown:
        return STANDING_ORDERS, STANDING_ORDERS.get_for_app(app_id=app_id, order_id=order_id)
