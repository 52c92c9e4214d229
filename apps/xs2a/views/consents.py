from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request

from apps.accounts.queries import AccountUnknown
from apps.consents.queries import ConsentUnknown, get_consent_for_app
from apps.consents.services import create_consent, start_consent_authorisation, terminate_consent
from apps.core.ids import parse_uuid
from apps.sca.queries import list_authorisations
from apps.sca.rules import SubjectType
from apps.tpp.rules import Role
from apps.xs2a import headers, links
from apps.xs2a.access import check_client_token, check_may_manage
from apps.xs2a.answers import empty_answer, json_answer
from apps.xs2a.refusals import AccountUnknownInBody
from apps.xs2a.serializers import consents as serializers
from apps.xs2a.views.base import XS2AView


@dataclass(frozen=True, slots=True)
class ConsentHeaders:
    """What the headers of POST /v1/consents say about the way to the customer."""

    redirect_uri: str
    nok_redirect_uri: str
    is_explicit: bool

    def as_texts(self) -> tuple[str, ...]:
        return self.redirect_uri, self.nok_redirect_uri, str(self.is_explicit)


class ConsentListView(XS2AView):
    """POST /v1/consents."""

    role = Role.AISP

    def post(self, request: Request) -> HttpResponse:
        # The TPP first, then what it asks for (S0-20).
        check_client_token(self.caller, self.role)
        headers.read_psu_ip_address(self.http, mandatory=True)
        asked = self._read_headers()
        try:
            return self._take_in(serializers.parse_consent_request(self.read_body()), asked)
        except AccountUnknown as error:
            raise AccountUnknownInBody(_("An account is none of this bank's."), path="access") from error

    def _read_headers(self) -> ConsentHeaders:
        registered = self.caller.app.redirect_uris
        return ConsentHeaders(
            redirect_uri=headers.read_redirect_uri(
                self.http, headers.TPP_REDIRECT_URI, registered=registered
            ),
            nok_redirect_uri=headers.read_redirect_uri(
                self.http, headers.TPP_NOK_REDIRECT_URI, registered=registered
            ),
            is_explicit=headers.read_flag(self.http, headers.TPP_EXPLICIT_AUTHORISATION_PREFERRED),
        )

    @transaction.atomic
    def _take_in(self, wanted: serializers.ConsentRequest, asked: ConsentHeaders) -> HttpResponse:
        """Consent and authorisation together or not at all, so that a repeated call finds both."""
        consent, is_new = create_consent(
            app=self.caller.app,
            access=wanted.access,
            recurring_indicator=wanted.recurring_indicator,
            valid_until=wanted.valid_until,
            frequency_per_day=wanted.frequency_per_day,
            combined_service_indicator=False,
            tpp_redirect_uri=asked.redirect_uri,
            tpp_nok_redirect_uri=asked.nok_redirect_uri,
            request_id=str(self.request_id),
            request_hash=wanted.fingerprint(addresses=asked.as_texts()),
            now=self.now,
        )
        authorisation_id = None
        if not asked.is_explicit:
            authorisation_id = self._authorisation_of(consent.pk, is_new=is_new)
        resource = links.consent(consent.pk)
        hrefs = links.created_links(resource=resource, redirect=False, authorisation_id=authorisation_id)
        return json_answer(
            serializers.consent_created(consent=consent, hrefs=hrefs),
            status=201,
            headers={
                "Location": resource,
                "ASPSP-SCA-Approach": "REDIRECT",
                "ASPSP-Multiple-Consent-Support": "true",
                "ASPSP-Notification-Support": "false",
            },
        )

    def _authorisation_of(self, consent_id: UUID, *, is_new: bool) -> UUID | None:
        if is_new:
            return start_consent_authorisation(consent_id=consent_id, now=self.now).pk
        first = list_authorisations(subject_type=SubjectType.CONSENT, subject_id=consent_id).first()
        return first.pk if first else None


class ConsentView(XS2AView):
    """GET and DELETE /v1/consents/{consentId}."""

    role = Role.AISP

    def get(self, request: Request, consent_id: str) -> HttpResponse:
        check_may_manage(self.caller, self.role, consent_id=parse_uuid(consent_id))
        consent = get_consent_for_app(app_id=self.caller.app.pk, consent_id=known_consent_id(consent_id))
        return json_answer(serializers.consent_information(consent=consent, now=self.now))

    def delete(self, request: Request, consent_id: str) -> HttpResponse:
        check_may_manage(self.caller, self.role, consent_id=parse_uuid(consent_id))
        terminate_consent(consent_id=known_consent_id(consent_id), app_id=self.caller.app.pk, now=self.now)
        return empty_answer(status=204)


class ConsentStatusView(XS2AView):
    """GET /v1/consents/{consentId}/status."""

    role = Role.AISP

    def get(self, request: Request, consent_id: str) -> HttpResponse:
        check_may_manage(self.caller, self.role, consent_id=parse_uuid(consent_id))
        consent = get_consent_for_app(app_id=self.caller.app.pk, consent_id=known_consent_id(consent_id))
        return json_answer({"consentStatus": serializers.status_to_tell(consent=consent, now=self.now)})


def known_consent_id(text: str) -> UUID:
    """The id in a path.

    :raises ConsentUnknown: no UUID, so the id of nothing.
    """
    consent_id = parse_uuid(text)
    if consent_id is None:
        raise ConsentUnknown(text[:40])
    return consent_id
