from typing import TYPE_CHECKING

from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request

from apps.consents.queries import get_consent_for_app
from apps.consents.rules import ConsentStatus
from apps.consents.services import start_consent_authorisation
from apps.core.ids import parse_uuid
from apps.sca.queries import get_authorisation_of_subject, list_authorisations
from apps.sca.rules import SubjectType
from apps.tpp.rules import Role
from apps.xs2a import links
from apps.xs2a.access import check_client_token, check_may_manage
from apps.xs2a.answers import json_answer
from apps.xs2a.authorisations import find_open, known_authorisation_id
from apps.xs2a.refusals import ResourceExpired
from apps.xs2a.serializers import authorisations as serializers
from apps.xs2a.serializers.consents import status_to_tell
from apps.xs2a.views.base import XS2AView
from apps.xs2a.views.consents import known_consent_id

if TYPE_CHECKING:
    from apps.consents.models import Consent
    from apps.sca.models import SCAAuthorisation


class ConsentAuthorisationListView(XS2AView):
    """POST and GET /v1/consents/{consentId}/authorisations."""

    role = Role.AISP

    def post(self, request: Request, consent_id: str) -> HttpResponse:
        check_client_token(self.caller, self.role)
        consent = get_consent_for_app(app_id=self.caller.app.pk, consent_id=known_consent_id(consent_id))
        authorisation = self._start(consent)
        hrefs = links.sca_links(
            redirect=False, resource=links.consent(consent.pk), authorisation_id=authorisation.pk
        )
        body = serializers.authorisation_started(authorisation=authorisation, hrefs=hrefs)
        return json_answer(body, status=201, headers={"ASPSP-SCA-Approach": "REDIRECT"})

    def _start(self, consent: "Consent") -> "SCAAuthorisation":
        if status_to_tell(consent=consent, now=self.now) == ConsentStatus.EXPIRED:
            raise ResourceExpired(_("The consent has expired; ask for a new one."))
        if consent.consent_status == ConsentStatus.RECEIVED:
            under_way = find_open(subject_type=SubjectType.CONSENT, subject_id=consent.pk, now=self.now)
            if under_way is not None:
                return under_way
        return start_consent_authorisation(consent_id=consent.pk, now=self.now)

    def get(self, request: Request, consent_id: str) -> HttpResponse:
        check_may_manage(self.caller, self.role, consent_id=parse_uuid(consent_id))
        consent = get_consent_for_app(app_id=self.caller.app.pk, consent_id=known_consent_id(consent_id))
        listed = list_authorisations(subject_type=SubjectType.CONSENT, subject_id=consent.pk)
        return json_answer(serializers.authorisation_list(authorisations=listed))


class ConsentAuthorisationView(XS2AView):
    """GET /v1/consents/{consentId}/authorisations/{authorisationId}.

    No PUT: in the redirect approach the customer authorises at the bank, and a TPP has nothing to add.
    """

    role = Role.AISP

    def get(self, request: Request, consent_id: str, authorisation_id: str) -> HttpResponse:
        check_may_manage(self.caller, self.role, consent_id=parse_uuid(consent_id))
        consent = get_consent_for_app(app_id=self.caller.app.pk, consent_id=known_consent_id(consent_id))
        authorisation = get_authorisation_of_subject(
            subject_type=SubjectType.CONSENT,
            subject_id=consent.pk,
            authorisation_id=known_authorisation_id(authorisation_id),
        )
        return json_answer(serializers.authorisation_status(authorisation=authorisation, now=self.now))
