from typing import Any

from django.db import transaction
from django.http import HttpResponse
from rest_framework.request import Request

from apps.payments.queries import PaymentUnknown
from apps.xs2a import links
from apps.xs2a.access import check_client_token
from apps.xs2a.answers import as_client_messages, json_answer
from apps.xs2a.authorisations import find_open
from apps.xs2a.payment_start import start_authorisation
from apps.xs2a.refusals import ProductUnknown
from apps.xs2a.serializers import payments as serializers
from apps.xs2a.views.payments import PaymentProductView, known_payment_id

# openFinance "VOP" Extended Service, from which 1.3.16 has this operation.
API_VERSION = "1.1"


class CreditorConfirmationView(PaymentProductView):
    """PUT .../{paymentId}/creditor-confirmation (1.3.16): the customer wants to pay in spite of the payee's name."""

    @transaction.atomic
    def put(self, request: Request, payment_id: str, **_path: str) -> HttpResponse:
        """Confirm, and open the authorisation that the initiation had to leave out; twice gives the same."""
        check_client_token(self.caller, self.role)
        kind = self.service.kind
        payment = kind.confirm_creditor(
            order_id=known_payment_id(payment_id), app_id=self.caller.app.pk, now=self.now
        )
        authorisation = find_open(subject_type=kind.subject_type, subject_id=payment.pk, now=self.now)
        authorisation = authorisation or start_authorisation(kind=kind, payment=payment, now=self.now)
        hrefs = links.created_links(
            resource=self.resource_of(payment.pk),
            redirect=bool(payment.tpp_redirect_uri),
            authorisation_id=authorisation.pk,
        )
        return json_answer(
            serializers.creditor_confirmed(payment=payment, hrefs=hrefs),
            headers={"X-Reference-API-Version": API_VERSION},
        )

    def handle_exception(self, exc: Exception) -> Any:
        # A product that is not offered has no payments: this service's errors know no other word for it.
        known = PaymentUnknown() if isinstance(exc, ProductUnknown) else exc
        response = as_client_messages(super().handle_exception(known))
        response.headers["X-Reference-API-Version"] = API_VERSION
        return response
