from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request

from apps.accounts.queries import AccountUnknown
from apps.core.ids import parse_uuid
from apps.core.names.rules import NameMatch
from apps.payments.queries import PaymentUnknown
from apps.payments.rules import PaymentProduct, TransactionStatus
from apps.payments.services import PaymentOrder, PaymentStatusInvalid, RequestIdReused, TPPAddresses
from apps.sca.queries import list_authorisations
from apps.tpp.rules import Role
from apps.xs2a import headers, links
from apps.xs2a.access import check_client_token, check_may_manage
from apps.xs2a.answers import empty_answer, json_answer
from apps.xs2a.id_tokens import identify_payer
from apps.xs2a.payment_services import OFFERED, OfferedService
from apps.xs2a.payment_start import start_authorisation
from apps.xs2a.refusals import (
    AccountUnknownInBody,
    CancellationInvalid,
    ParameterNotSupported,
    ProductUnknown,
)
from apps.xs2a.serializers import payments as serializers
from apps.xs2a.views.base import XS2AView

if TYPE_CHECKING:
    from apps.identity.models import PSU
    from apps.payments.models import AnyInitiation
    from apps.xs2a.serializers.payments import PaymentRequest


class PaymentProductView(XS2AView):
    """What is common to all paths below /v1/{payment-service}/{payment-product}."""

    role = Role.PISP
    for_payments = True

    service: OfferedService

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        service = OFFERED.get(kwargs["payment_service"])
        if service is None:
            raise ParameterNotSupported(_("Single and periodic payments are offered, no bulk payments yet."))
        if kwargs["payment_product"] not in service.products:
            raise ProductUnknown(_("This payment product is not offered."))
        self.service = service

    def payment_of(self, payment_id: str) -> "AnyInitiation":
        """The app's payment or standing order at this path; under another service's or product's path it is not there.

        :raises PaymentUnknown: missing, another app's, or of another service or product.
        """
        payment = self.service.kind.get_for_app(
            app_id=self.caller.app.pk, order_id=known_payment_id(payment_id)
        )
        if payment.payment_product != self.kwargs["payment_product"]:
            raise PaymentUnknown(payment_id[:40])
        return payment

    def resource_of(self, payment_id: UUID) -> str:
        """The path of a payment."""
        return links.payment(self.kwargs["payment_service"], self.kwargs["payment_product"], payment_id)


class PaymentListView(PaymentProductView):
    """POST /v1/{payment-service}/{payment-product}."""

    def post(self, request: Request, **_path: str) -> HttpResponse:
        # The TPP first, then what it asks for.
        check_client_token(self.caller, self.role)
        address = headers.read_psu_ip_address(self.http, mandatory=True)
        origin = headers.read_origin(self.http, psu_ip_address=address, now=self.now)
        addresses = self._read_addresses()
        vop_requested = headers.read_flag(self.http, headers.CLIENT_VOP_REQUESTED)
        is_explicit = headers.read_flag(self.http, headers.TPP_EXPLICIT_AUTHORISATION_PREFERRED)
        product = PaymentProduct(self.kwargs["payment_product"])
        wanted = self.service.parse(self.read_body(), product=product)
        psu = identify_payer(self.http, caller=self.caller, debtor_iban=wanted.debtor_iban, now=self.now)
        try:
            order = wanted.as_order(product)
        except AccountUnknown as error:
            text = _("The debtor's account is none of this bank's.")
            raise AccountUnknownInBody(text, path="debtorAccount") from error
        asked: dict[str, Any] = {
            "psu": psu,
            "app": self.caller.app,
            "request_id": str(self.request_id),
            "now": self.now,
        }
        # Before the transaction: another bank is asked, and the look-up counts whatever becomes of the order.
        verification = self.service.verify_payee(wanted, order, **asked)
        details = asked | {
            "addresses": addresses,
            "verification": verification,
            "vop_requested": vop_requested,
            "origin": origin,
        }
        return self._take_in(wanted, order, details, is_explicit=is_explicit)

    def _read_addresses(self) -> TPPAddresses:
        registered = self.caller.app.redirect_uris
        return TPPAddresses(
            redirect_uri=headers.read_redirect_uri(
                self.http, headers.TPP_REDIRECT_URI, registered=registered
            ),
            nok_redirect_uri=headers.read_redirect_uri(
                self.http, headers.TPP_NOK_REDIRECT_URI, registered=registered
            ),
            notification_uri=headers.read_notification_uri(self.http, registered=registered),
        )

    @transaction.atomic
    def _take_in(
        self, wanted: "PaymentRequest", order: PaymentOrder, details: dict[str, Any], *, is_explicit: bool
    ) -> HttpResponse:
        """Payment, authorisation and code together or not at all, so that a repeated call finds all of it."""
        payment, is_new = self.service.initiate(wanted, order, **details)
        psu: PSU | None = details["psu"]
        addresses: TPPAddresses = details["addresses"]
        # Who authorised it later is no part of the order; whom an ID token named is.
        other_payer = psu is not None and payment.psu_id != psu.pk
        kept = TPPAddresses(
            payment.tpp_redirect_uri, payment.tpp_nok_redirect_uri, payment.tpp_notification_uri
        )
        if kept != addresses or other_payer or payment.vop_requested != details["vop_requested"]:
            raise RequestIdReused(str(self.request_id))
        resource = self.resource_of(payment.pk)
        if payment.vop_requested and payment.creditor_name_match != NameMatch.MTCH:
            # Nothing to authorise before the customer has confirmed the payee (1.3.16).
            hrefs = links.confirmation_links(resource=resource)
        else:
            authorisation_id = None if is_explicit else self._authorisation_of(payment, is_new=is_new)
            hrefs = links.created_links(
                resource=resource, redirect=bool(addresses.redirect_uri), authorisation_id=authorisation_id
            )
        return json_answer(
            serializers.payment_created(payment=payment, hrefs=hrefs),
            status=201,
            headers={"Location": resource, "ASPSP-SCA-Approach": "REDIRECT"}
            | _notification(addresses)
            | ({"ASPSP-VOP-Supported": "true"} if payment.vop_requested else {}),
        )

    def _authorisation_of(self, payment: "AnyInitiation", *, is_new: bool) -> UUID | None:
        kind = self.service.kind
        if is_new:
            return start_authorisation(kind=kind, payment=payment, now=self.now).pk
        first = list_authorisations(subject_type=kind.subject_type, subject_id=payment.pk).first()
        return first.pk if first else None


class PaymentView(PaymentProductView):
    """GET and DELETE /v1/{payment-service}/{payment-product}/{paymentId}."""

    def get(self, request: Request, payment_id: str, **_path: str) -> HttpResponse:
        check_may_manage(self.caller, self.role, payment_id=parse_uuid(payment_id))
        payment = self.payment_of(payment_id)
        return json_answer(self.service.information(payment))

    def delete(self, request: Request, payment_id: str, **_path: str) -> HttpResponse:
        """Take it back as long as nobody has authorised it, or until the end of the business day before its day; a
        standing order as long as it runs: nothing more is made by it. Doing so twice changes nothing (PSD2 art. 80)."""
        check_may_manage(self.caller, self.role, payment_id=parse_uuid(payment_id))
        payment = self.payment_of(payment_id)
        if payment.transaction_status != TransactionStatus.CANC:
            try:
                self.service.kind.cancel(order_id=payment.pk, app_id=self.caller.app.pk, now=self.now)
            except PaymentStatusInvalid as error:
                raise CancellationInvalid(_("The payment can no longer be taken back.")) from error
        return empty_answer(status=204)


class PaymentStatusView(PaymentProductView):
    """GET /v1/{payment-service}/{payment-product}/{paymentId}/status."""

    def get(self, request: Request, payment_id: str, **_path: str) -> HttpResponse:
        check_may_manage(self.caller, self.role, payment_id=parse_uuid(payment_id))
        payment = self.payment_of(payment_id)
        language = headers.read_psu_language(self.http)
        return json_answer(self.service.status(payment, psu_language=language))


def known_payment_id(text: str) -> UUID:
    """The id in a path.

    :raises PaymentUnknown: no UUID, so the id of nothing.
    """
    payment_id = parse_uuid(text)
    if payment_id is None:
        raise PaymentUnknown(text[:40])
    return payment_id


def _notification(addresses: TPPAddresses) -> dict[str, str]:
    if not addresses.notification_uri:
        return {}
    return {"ASPSP-Notification-Support": "true", "ASPSP-Notification-Content": "status=PROCESS"}
