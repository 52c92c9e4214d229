"""The authorization endpoint: what it takes in, what it refuses, and where a refusal may lead."""

from datetime import timedelta
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.authserver import services
from apps.authserver.models import AuthorizationRequest, Grant
from apps.authserver.refusals import AuthorizationNotProved, AuthorizationRequestClosed
from apps.consents.models import Consent
from apps.consents.services import reject_consent, start_consent_authorisation
from apps.core import clock
from apps.payments.services import start_payment_authorisation
from apps.sca.models import SCAAuthorisation
from apps.tpp.services import block_tpp, suspend_app
from tests.authserver.kit import FORM, ISSUER, PKCE, REDIRECT_URI, answer
from tests.authserver.world import (
    World,
    allow_consent,
    authorisation_of,
    make_consent,
    make_customer,
    make_payment,
)


@pytest.fixture
def consent(world: World) -> Consent:
    return make_consent(world.shoppay, world.anna)


@pytest.fixture
def scope(consent: Consent) -> str:
    return f"openid AIS:{consent.pk}"


def refusal_of(response) -> dict[str, str]:
    """The error that a TPP gets at its redirect URI."""
    assert response.status_code == 303, response.status_code
    assert response["Location"].startswith(REDIRECT_URI + "?"), response["Location"]
    assert response["Cache-Control"] == "no-store"
    assert not AuthorizationRequest.objects.exists()
    assert not SCAAuthorisation.objects.exists()
    return answer(response["Location"])


def assert_page(response) -> None:
    """A page for the customer, that leads nowhere and keeps nothing."""
    assert response.status_code == 400
    assert response["Content-Type"].startswith("text/html")
    assert "Location" not in response
    assert REDIRECT_URI not in response.content.decode()
    assert not AuthorizationRequest.objects.exists()


def test_a_good_request_is_kept_and_leads_to_the_banks_pages(world, consent, scope):
    pkce = PKCE()
    response = world.shoppay.program.authorize(scope, pkce)
    authorisation = SCAAuthorisation.objects.get(pk=authorisation_of(response))
    assert (authorisation.subject_type, authorisation.subject_id) == ("consent", consent.pk)
    kept = AuthorizationRequest.objects.get()
    assert kept.authorisation_id == authorisation.pk
    assert (kept.consent_id, kept.payment_id) == (consent.pk, None)
    assert (kept.state, kept.nonce, kept.code_challenge) == ("a state", "a nonce", pkce.challenge)
    assert kept.redirect_uri == REDIRECT_URI


def test_a_payment_is_kept_the_same_way(world):
    payment = make_payment(world.shoppay, world.anna)
    response = world.shoppay.program.authorize(f"PIS:{payment.pk} openid")
    authorisation = SCAAuthorisation.objects.get(pk=authorisation_of(response))
    assert (authorisation.subject_type, authorisation.subject_id) == ("payment", payment.pk)


def test_post_works_as_get_does_and_needs_no_csrf_token(world, scope):
    browser = Client(enforce_csrf_checks=True)
    query = world.shoppay.program.authorization_request(scope)
    response = browser.post("/oauth/authorize", urlencode(query), content_type=FORM)
    authorisation_of(response)


@pytest.mark.parametrize("method", ["put", "patch", "delete", "head", "options"])
def test_other_methods_are_not_allowed(db, method):
    response = getattr(Client(), method)("/oauth/authorize")
    assert response.status_code == 405
    assert response["Allow"] == "GET, POST"


def test_a_reloaded_page_is_the_same_request(world, scope):
    pkce = PKCE()
    first = world.shoppay.program.authorize(scope, pkce)
    second = world.shoppay.program.authorize(scope, pkce)
    assert first["Location"] == second["Location"]
    assert AuthorizationRequest.objects.count() == 1


def test_another_try_is_another_request_with_its_own_authorisation(world, scope):
    first = authorisation_of(world.shoppay.program.authorize(scope, PKCE()))
    second = authorisation_of(world.shoppay.program.authorize(scope, PKCE()))
    assert first != second


def test_the_authorisation_that_the_interface_told_the_tpp_of_is_the_one_that_happens(world, consent, scope):
    prepared = start_consent_authorisation(consent_id=consent.pk, now=clock.now())
    assert authorisation_of(world.shoppay.program.authorize(scope, PKCE())) == prepared.pk
    # One request to an authorisation: the next try has its own.
    assert authorisation_of(world.shoppay.program.authorize(scope, PKCE())) != prepared.pk


@pytest.mark.parametrize("change", [{"sca_status": "failed"}, {"expires_at": None}])
def test_a_prepared_authorisation_that_is_over_or_nearly_over_is_left_alone(world, consent, scope, change):
    prepared = start_consent_authorisation(consent_id=consent.pk, now=clock.now())
    if "expires_at" in change:
        change = {"expires_at": clock.now() + timedelta(minutes=1)}
    SCAAuthorisation.objects.filter(pk=prepared.pk).update(**change)
    assert authorisation_of(world.shoppay.program.authorize(scope)) != prepared.pk


def test_a_prepared_payment_authorisation_is_used_too(world):
    payment = make_payment(world.shoppay, world.anna)
    prepared = start_payment_authorisation(payment_id=payment.pk, now=clock.now())
    response = world.shoppay.program.authorize(f"openid PIS:{payment.pk}")
    assert authorisation_of(response) == prepared.pk


def test_open_requests_are_bounded(world, scope):
    for _ in range(20):
        authorisation_of(world.shoppay.program.authorize(scope, PKCE()))
    response = world.shoppay.program.authorize(scope, PKCE())
    assert answer(response["Location"])["error"] == "access_denied"
    assert AuthorizationRequest.objects.count() == 20


# Nobody is redirected before client and address are trusted ------------------------------------------


@pytest.mark.req("S0-3", "AS-38", "AS-49")
@pytest.mark.parametrize(
    "redirect_uri",
    [
        "",
        "https://evil.example/callback",
        "http://shoppay.example/callback",
        "https://shoppay.example/callback/",
        "https://shoppay.example/callback?a=1",
        "https://shoppay.example/callback#x",
        "https://shoppay.example/callback/../callback",
        "https://shoppay.example:443/callback",
        "https://SHOPPAY.example/callback",
        "https://user@shoppay.example/callback",
        "https://shoppay.example.evil.example/callback",
        "https://shoppay.example/call",
        "https://shoppay.example/other",
        "//shoppay.example/callback",
        "javascript:alert(1)",
        "/authorise/",
    ],
)
def test_only_a_registered_address_is_redirected_to(world, scope, redirect_uri):
    assert_page(world.shoppay.program.authorize(scope, redirect_uri=redirect_uri))


@pytest.mark.parametrize("client_id", ["", "unknown", "x" * 4000, "'; drop table"])
def test_an_unknown_client_gets_a_page(world, scope, client_id):
    assert_page(world.shoppay.program.authorize(scope, client_id=client_id))


def test_another_apps_address_is_not_ones_own(world, scope):
    from apps.tpp.services import change_redirect_uris

    change_redirect_uris(
        app_id=world.finanzblick.app.pk,
        redirect_uris=["https://finanzblick.example/cb"],
        member_id=None,
        now=clock.now(),
    )
    assert_page(world.shoppay.program.authorize(scope, redirect_uri="https://finanzblick.example/cb"))


@pytest.mark.req("AS-31")
def test_a_suspended_app_and_a_blocked_tpp_get_a_page(world, scope):
    app = world.shoppay.app
    suspend_app(app_id=app.pk, suspended=True, staff_id=uuid4(), reason="r", now=clock.now())
    assert_page(world.shoppay.program.authorize(scope))
    suspend_app(app_id=app.pk, suspended=False, staff_id=uuid4(), reason="r", now=clock.now())
    block_tpp(tpp_id=app.tpp_id, reason="fraud", staff_id=uuid4(), now=clock.now())
    assert_page(world.shoppay.program.authorize(scope))


@pytest.mark.parametrize(
    "query",
    [
        "client_id=a&client_id=b",
        "redirect_uri=https%3A%2F%2Fevil.example",
        "client_id=%00",
        "client_id=%ff",
        "%",
        "a=%0d%0aLocation:%20https://evil.example",
        "&".join(f"p{n}=1" for n in range(60)),
        "client_id=" + "x" * 40_000,
    ],
)
def test_unreadable_requests_get_a_page_and_never_a_crash(db, query):
    assert_page(Client().get(f"/oauth/authorize?{query}"))


@pytest.mark.req("AS-21")
@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
def test_a_doubled_client_or_address_gets_a_page(world, scope, name):
    query = world.shoppay.program.authorization_request(scope)
    doubled = urlencode([*query.items(), (name, query[name])])
    assert_page(Client().get(f"/oauth/authorize?{doubled}"))


# What is told to the TPP -----------------------------------------------------------------------------


@pytest.mark.req("AS-TRAP-5", "AS-44", "AS-7", "AS-39")
@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"response_type": ""}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_type": "code token"}, "unsupported_response_type"),
        ({"response_type": "none"}, "unsupported_response_type"),
        ({"response_type": "Code"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"response_mode": "form_post"}, "invalid_request"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge": "too-short"}, "invalid_request"),
        ({"code_challenge": "x" * 44}, "invalid_request"),
        ({"code_challenge_method": ""}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": "s256"}, "invalid_request"),
        ({"scope": ""}, "invalid_scope"),
        ({"scope": "openid"}, "invalid_scope"),
        ({"scope": "openid aisp"}, "invalid_scope"),
        ({"scope": "openid AIS:1"}, "invalid_scope"),
        ({"nonce": "n" * 256}, "invalid_request"),
        ({"prompt": "none"}, "login_required"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "unknown"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "\u0661"}, "invalid_request"),
        ({"request": "a.b.c"}, "request_not_supported"),
        ({"request_uri": "urn:ietf:params:oauth:request_uri:x"}, "request_uri_not_supported"),
        ({"registration": "{}"}, "registration_not_supported"),
    ],
)
def test_errors_go_back_with_state_and_issuer(world, scope, change, error):
    refusal = refusal_of(world.shoppay.program.authorize(scope, **change))
    assert refusal.pop("error_description")
    assert refusal == {"error": error, "state": "a state", "iss": ISSUER}


@pytest.mark.req("AS-21")
@pytest.mark.parametrize("name", ["scope", "nonce", "code_challenge", "response_type", "unknown"])
def test_repeated_parameters_are_refused(world, scope, name):
    query = world.shoppay.program.authorization_request(scope) | {"unknown": "1"}
    doubled = urlencode([*query.items(), (name, query[name])])
    assert refusal_of(Client().get(f"/oauth/authorize?{doubled}"))["error"] == "invalid_request"


def test_a_repeated_state_is_refused_and_none_comes_back(world, scope):
    query = world.shoppay.program.authorization_request(scope)
    refusal = refusal_of(Client().get(f"/oauth/authorize?{urlencode([*query.items(), ('state', 'b')])}"))
    assert refusal["error"] == "invalid_request"
    assert "state" not in refusal


@pytest.mark.parametrize("state", ["s" * 1000, "s" * 2048, "äöü €", "a&b=c#d?e", "'\"<>", "%41", "+ +"])
def test_a_state_comes_back_to_the_letter(world, scope, state):
    response = world.shoppay.program.authorize(scope, state=state)
    url = services.deny_authorization(authorisation_id=authorisation_of(response))
    assert answer(url)["state"] == state


def test_a_state_that_is_too_long_is_refused_and_never_cut(world, scope):
    refusal = refusal_of(world.shoppay.program.authorize(scope, state="s" * 2049))
    assert refusal["error"] == "invalid_request"
    assert "state" not in refusal


def test_a_nonce_of_255_characters_works(world, scope):
    authorisation_of(world.shoppay.program.authorize(scope, nonce="n" * 255))
    assert AuthorizationRequest.objects.get().nonce == "n" * 255


def test_descriptions_keep_to_the_characters_of_the_standard(world, scope):
    # RFC 6749 4.1.2.1: %x20-21 / %x23-5B / %x5D-7E
    for change in ({"scope": "x"}, {"response_type": "x"}, {"code_challenge": ""}, {"request": "x"}):
        text = refusal_of(world.shoppay.program.authorize(scope, **change))["error_description"]
        assert all(" " <= character <= "~" and character not in '"\\' for character in text)


@pytest.mark.req("AS-34")
def test_a_tpp_without_the_role_cannot_ask(world):
    payment = make_payment(world.shoppay, world.anna)
    assert "PISP" not in world.finanzblick.app.tpp.roles
    refusal = refusal_of(world.finanzblick.program.authorize(f"openid PIS:{payment.pk}"))
    assert refusal["error"] == "invalid_scope"


@pytest.mark.req("AS-33", "AS-37")
def test_foreign_missing_and_ended_objects_look_the_same(world, consent):
    foreign = make_consent(world.finanzblick, world.anna)
    payment = make_payment(world.shoppay, world.anna)
    ended = make_consent(world.shoppay, world.anna)
    reject_consent(consent_id=ended.pk, reason="test", now=clock.now())
    authorize = world.shoppay.program.authorize
    answers = [
        refusal_of(authorize(f"openid AIS:{foreign.pk}")),
        refusal_of(authorize(f"openid AIS:{uuid4()}")),
        refusal_of(authorize(f"openid AIS:{payment.pk}")),
        refusal_of(authorize(f"openid PIS:{consent.pk}")),
        refusal_of(authorize(f"openid AIS:{ended.pk}")),
    ]
    assert answers[0]["error"] == "access_denied"
    assert all(one == answers[0] for one in answers)


def test_a_consent_that_is_given_cannot_be_authorised_again(world):
    tokens = world.tokens()
    response = world.shoppay.program.authorize(f"openid AIS:{tokens.consent.pk}")
    assert answer(response["Location"])["error"] == "access_denied"


# Nothing the browser brings later changes anything ----------------------------------------------------


@pytest.mark.req("AS-TRAP-3", "AS-43")
def test_nothing_talks_the_bank_out_of_asking(world):
    world.tokens()
    consent = make_consent(world.shoppay, world.anna)
    response = world.shoppay.program.authorize(f"openid AIS:{consent.pk}", approval_prompt="auto")
    authorisation = SCAAuthorisation.objects.get(pk=authorisation_of(response))
    assert authorisation.sca_status == "received"
    assert Grant.objects.count() == 1


@pytest.mark.req("AS-TRAP-4", "AS-43")
def test_the_answer_comes_from_the_stored_request_whatever_the_browser_posts(world, consent, scope):
    response = world.shoppay.program.authorize(scope, PKCE())
    authorisation_id = authorisation_of(response)
    # The pages take an id and nothing else; completing has no parameter by which anything could be changed.
    redirect = allow_consent(consent, world.anna, authorisation_id)
    grant = Grant.objects.get()
    kept = AuthorizationRequest.objects.get()
    assert (grant.scope, grant.redirect_uri, grant.nonce) == (kept.scope, kept.redirect_uri, kept.nonce)
    assert grant.code_challenge == kept.code_challenge
    assert urlsplit(redirect).netloc == "shoppay.example"


@pytest.mark.req("RTS-35(3)")
def test_no_code_without_finished_authentication_of_this_customer(world, consent, scope):
    authorisation_id = authorisation_of(world.shoppay.program.authorize(scope))
    now = clock.now()
    with pytest.raises(AuthorizationNotProved):
        services.complete_authorization(
            authorisation_id=authorisation_id, psu=world.anna.psu, auth_time=now, now=now
        )
    for status in ("unconfirmed", "failed"):
        SCAAuthorisation.objects.filter(pk=authorisation_id).update(sca_status=status, psu=world.anna.psu)
        with pytest.raises(AuthorizationNotProved):
            services.complete_authorization(
                authorisation_id=authorisation_id, psu=world.anna.psu, auth_time=now, now=now
            )
    bruno = make_customer("Bruno")
    SCAAuthorisation.objects.filter(pk=authorisation_id).update(
        sca_status="finalised",
        method="SMS_OTP",
        psu=world.anna.psu,
        finalised_at=now,
        snapshot_hash=b"x",
        elements=["knowledge", "possession"],
    )
    with pytest.raises(AuthorizationNotProved):
        services.complete_authorization(
            authorisation_id=authorisation_id, psu=bruno.psu, auth_time=now, now=now
        )
    assert not Grant.objects.exists()


def test_a_request_gives_one_answer(world, consent, scope):
    authorisation_id = authorisation_of(world.shoppay.program.authorize(scope))
    allow_consent(consent, world.anna, authorisation_id)
    now = clock.now()
    with pytest.raises(AuthorizationRequestClosed):
        services.complete_authorization(
            authorisation_id=authorisation_id, psu=world.anna.psu, auth_time=now, now=now
        )
    with pytest.raises(AuthorizationRequestClosed):
        services.deny_authorization(authorisation_id=authorisation_id)
    assert Grant.objects.count() == 1


def test_denying_twice_gives_the_same_address(world, scope):
    authorisation_id = authorisation_of(world.shoppay.program.authorize(scope))
    first = services.deny_authorization(authorisation_id=authorisation_id)
    assert services.deny_authorization(authorisation_id=authorisation_id) == first


@pytest.mark.parametrize("reason", ["suspended", "deactivated", "expired"])
def test_who_may_no_longer_act_gets_an_error_instead_of_a_code(world, consent, scope, reason):
    authorisation_id = authorisation_of(world.shoppay.program.authorize(scope))
    if reason == "suspended":
        suspend_app(
            app_id=world.shoppay.app.pk, suspended=True, staff_id=uuid4(), reason="r", now=clock.now()
        )
    elif reason == "deactivated":
        world.anna.psu.user.is_active = False
        world.anna.psu.user.save()
    else:
        AuthorizationRequest.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    redirect = allow_consent(consent, world.anna, authorisation_id)
    assert answer(redirect) == {"error": "access_denied", "state": "a state", "iss": ISSUER}
    assert not Grant.objects.exists()


def test_the_moment_of_authentication_is_real_time_even_when_the_banks_clock_was_moved(world, consent, scope):
    authorisation_id = authorisation_of(world.shoppay.program.authorize(scope))
    SCAAuthorisation.objects.filter(pk=authorisation_id).update(
        sca_status="finalised",
        method="SMS_OTP",
        psu=world.anna.psu,
        finalised_at=clock.now(),
        snapshot_hash=b"x",
        elements=["knowledge", "possession"],
    )
    moved = clock.now() + timedelta(days=30)
    services.complete_authorization(
        authorisation_id=authorisation_id,
        psu=world.anna.psu,
        auth_time=moved - timedelta(seconds=5),
        now=moved,
    )
    age = timezone.now() - Grant.objects.get().auth_time
    assert timedelta(seconds=5) <= age < timedelta(seconds=10)


def test_the_pages_that_ask_are_where_this_server_sends_the_customer():
    assert reverse("portal:authorise", args=[uuid4()], urlconf="bankportal.urls").startswith("/authorise/")
