"""Only the customer's own mobile opens the portal."""

import pytest
from django.test import Client
from django_otp import DEVICE_ID_SESSION_KEY

from apps.identity.models import PSU, User
from apps.sca.services import enrol_authenticator, make_authenticator_secret
from tests.console.kit import code_of
from tests.factories.accounts import NOW
from tests.factories.identity import PASSWORD


@pytest.mark.req("S1-19")
def test_an_authenticator_app_opens_nothing_of_a_customers(db: None) -> None:
    """A developer becomes a customer later; his app's session is a developer's still."""
    user, secret = User.objects.create_user(username="fiona", password=PASSWORD), make_authenticator_secret()
    device = enrol_authenticator(user=user, secret=secret, code=code_of(secret), now=NOW)
    PSU.objects.create(user=user, first_name="Fiona", last_name="Lang")
    client = Client()
    client.force_login(user)
    session = client.session
    session[DEVICE_ID_SESSION_KEY] = device.persistent_id
    session.save()
    answer = client.get("/home/")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in/?next=%2Fhome%2F")
