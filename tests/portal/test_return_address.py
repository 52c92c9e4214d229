"""The way back to a company may hold an authorization code: it lies encrypted in the database, like every secret."""

from uuid import uuid4

import pytest
from django.conf import settings
from django.test import override_settings

from apps.identity.models import PSU, Session
from apps.identity.sessions import SessionStore
from apps.portal.authorising import Progress, load_progress, store_progress
from apps.sca.models import SCAAuthorisation
from apps.tpp.models import App
from tests.authserver.kit import TPPProgram
from tests.factories.identity import PASSWORD
from tests.portal.kit import BankTime, Visitor, ask_consent, code_for, link_back, page

pytestmark = pytest.mark.django_db
RETURN_URL = "https://tpp.example/callback?code=clear-text-code&iss=x"


@pytest.mark.req("S0-5", "S0-28")
def test_the_authorization_code_stands_in_no_session_row(app: App, anna: PSU, bank_time: BankTime) -> None:
    consent, _ = ask_consent(app, anna.account)
    visitor = Visitor()
    answer = TPPProgram(client_id=app.client_id, http=visitor.http).authorize(f"openid AIS:{consent.pk}")
    authorisation = SCAAuthorisation.objects.get(pk=answer.headers["Location"].split("/")[2])
    visitor.post(page(authorisation.pk), user_id=anna.user.username, password=PASSWORD)
    visitor.post(page(authorisation.pk, "code"), code=code_for(anna))
    visitor.post(page(authorisation.pk, "confirm"), accounts=[str(anna.account.pk)])
    link = link_back(visitor.get(page(authorisation.pk, "done")))
    assert "code=" in link
    code = link.partition("code=")[2].partition("&")[0]
    stored = [str(row.get_decoded()) for row in Session.objects.all()]
    assert any(str(authorisation.pk) in text for text in stored)
    assert not any(code in text or link in text for text in stored)


def test_it_comes_back_as_it_was_and_for_this_authorisation_only() -> None:
    session, authorisation_id = SessionStore(), uuid4()
    store_progress(
        session, authorisation_id, Progress(stage="done", outcome="allowed", return_url=RETURN_URL)
    )
    assert "clear-text-code" not in str(dict(session.items()))
    assert load_progress(session, authorisation_id).return_url == RETURN_URL
    other = uuid4()
    session[f"authorise:{other}"] = session[f"authorise:{authorisation_id}"]
    assert load_progress(session, other).return_url == ""


def test_a_changed_secret_key_costs_the_link_and_not_the_page() -> None:
    session, authorisation_id = SessionStore(), uuid4()
    store_progress(session, authorisation_id, Progress(stage="done", return_url=RETURN_URL))
    former = settings.SECRET_KEY
    with override_settings(SECRET_KEY="another-secret-key-of-this-installation-000"):
        assert load_progress(session, authorisation_id).return_url == ""
        with override_settings(SECRET_KEY_FALLBACKS=[former]):
            assert load_progress(session, authorisation_id).return_url == RETURN_URL
