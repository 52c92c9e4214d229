"""Consents at the interface: taken in, told, ended."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from apps.consents.models import Consent
from tests.xs2a.kit import ABSENT, NOT_THERE, REDIRECT_URI, consent_body
from tests.xs2a.world import World, authorisations_of


@pytest.mark.req("S0-19", "S0-20", "S0-21", "S0-49")
def test_a_consent_is_taken_in_and_says_where_to_go_on(world: World):
    answer = world.ais().post("/v1/consents", consent_body(world.anna.account.iban))
    assert answer.status == 201
    consent = Consent.objects.get(pk=answer.body["consentId"])
    (authorisation,) = authorisations_of(consent.pk)
    path = f"/v1/consents/{consent.pk}"
    assert answer.body == {
        "consentStatus": "received",
        "consentId": str(consent.pk),
        "_links": {
            "scaOAuth": {"href": "http://127.0.0.1:8000/.well-known/oauth-authorization-server"},
            "scaStatus": {"href": f"{path}/authorisations/{authorisation.pk}"},
            "self": {"href": path},
            "status": {"href": f"{path}/status"},
        },
    }
    assert answer.headers["Location"] == path
    assert answer.headers["ASPSP-SCA-Approach"] == "REDIRECT"
    assert answer.headers["ASPSP-Multiple-Consent-Support"] == "true"
    assert consent.app == world.shoppay.app
    assert consent.psu is None
