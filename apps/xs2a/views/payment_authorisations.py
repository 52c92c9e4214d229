from typing import TYPE_CHECKING

from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request

from apps.core.ids import parse_uuid
from apps.payments.rules import SIGNABLE_STATUSES, StatusReason
from apps.payments.services import CreditorNotConfirmed, PaymentStatusInvalid
from apps.sca.queries import get_authorisation_of_subject, list_authorisations
from apps.xs2a import headers, links
from apps.xs2a.access import check_client_token, check_may_manage
from apps.xs2a.answers import json_answer
from apps.xs2a.authorisations import find_open, known_authorisation_id
from apps.xs2a.payment_start import start_authorisation
from apps.xs2a.refusals import ParameterNotConsistent, ResourceExpired
from apps.xs2a.serializers import authorisations as serializers
from apps.xs2a.views.payments import PaymentProductView

if TYPE_CHECKING:
    from apps.payments.models import AnyInitiation
    from apps.sca.models import SCAAuthorisation


class PaymentAuthorisationListView(PaymentProductView):
    """POST and GET .../{paymentId}/authorisations."""

    def post(self, request: Request, payment_id: str, **_path: str) -> HttpResponse:
        check_client_token(self.caller, self.role)
        payment = self.payment_of(payment_id)
        given = self.http.headers.get(headers.TPP_REDIRECT_URI, payment.tpp_redirect_uri)
        if given != payment.tpp_redirect_uri:
            raise ParameterNotConsistent(
                _("The redirect URI is the one of the payment's initiation."), path=headers.TPP_REDIRECT_URI
            )
        authorisation = self._start(payment)
        hrefs = links.sca_links(
            redirect=bool(payment.tpp_redirect_uri),
            resource=self.resource_of(payment.pk),
            authorisation_id=authorisation.pk,
        )
        body = serializers.authorisation_started(authorisation=authorisation, hrefs=hrefs)
        return json_answer(body, status=201, headers={"ASPSP-SCA-Approach": "REDIRECT"})

    def _start(self, payment: "AnyInitiation") -> "SCAAuthorisation":
        waits = payment.transaction_status in SIGNABLE_STATUSES
        if waits:
            # Who signs as the second in the portal has an authorisation there, which is none of the TPP's.
            under_way = find_open(
                subject_type=self.service.kind.subject_type,
                subject_id=payment.pk,
                of_nobody=payment.is_partly_signed,
                now=self.now,
            )
            if under_way is not None:
                return under_way
        try:
            return start_authorisation(kind=self.service.kind, payment=payment, now=self.now)
        except CreditorNotConfirmed:
            raise
        except PaymentStatusInvalid as error:
            # Refused for being late, or about to be.
            if waits or payment.status_reason == StatusReason.DS02:
                raise ResourceExpired(_("The payment was not authorised in time.")) from error
            raise

    def get(self, request: Request, payment_id: str, **_path: str) -> HttpResponse:
        check_may_manage(self.caller, self.role, payment_id=parse_uuid(payment_id))
        payment = self.payment_of(payment_id)
        listed = list_authorisations(subject_type=self.service.kind.subject_type, subject_id=payment.pk)
        return json_answer(serializers.authorisation_list(authorisations=listed))


class PaymentAuthorisationView(PaymentProductView):
    """GET .../{paymentId}/authorisations/{authorisationId}.

    No PUT: in the redirect approach the customer authorises at the bank, and a TPP has nothing to add.
    """

    def get(self, request: Request, payment_id: str, authorisation_id: str, **_path: str) -> HttpResponse:
        check_may_manage(self.caller, self.role, payment_id=parse_uuid(payment_id))
        payment = self.payment_of(payment_id)
        authorisation = get_authorisation_of_subject(
            subject_type=self.service.kind.subject_type,
            subject_id=payment.pk,
            authorisation_id=known_authorisation_id(authorisation_id),
        )
        return json_answer(serializers.authorisation_status(authorisation=authorisation, now=self.now))
