"""Nothing that opens something can be read, searched for or sorted by, by anybody: not even by a superuser."""

import base64
import hashlib
from datetime import timedelta
from urllib.parse import quote

import pytest
from django.test import Client
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from apps.audit.models import AuditEvent
from apps.authserver.models import AccessToken, Application, AuthorizationRequest
from apps.core.ids import new_id
from apps.identity.models import Session, User
from apps.sca.authenticator_secrets import seal_secret
from apps.sca.models import Challenge, SMSDevice
from apps.sca.services import make_authenticator_secret, recompute_code
from apps.tpp.services import add_app_key
from tests.factories.payments import challenged_payment
from tests.staff.pages import crawl
from tests.staff.world import World, signed_in, superuser

pytestmark = pytest.mark.django_db

PUBLIC_JWK = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}


def _spellings(secret: bytes) -> set[str]:
    return {
        secret.hex(),
        base64.b64encode(secret).decode(),
        base64.urlsafe_b64encode(secret).decode().rstrip("="),
        repr(secret)[2:-1],
    }


@pytest.fixture
def canaries(world: World) -> dict[str, set[str]]:
    """Everything in the database that must not be on a page, in every spelling it could have there."""
    _payment, _authorisation, challenge_id = challenged_payment(world.anna, app=world.app)
    secret = make_authenticator_secret()
    sealed = seal_secret(secret, owner=str(world.anna.user_id))
    TOTPDevice.objects.create(user=world.anna.user, name="TOTP", key=sealed, confirmed=True)
    found: dict[str, set[str]] = {
        "codes": {recompute_code(challenge=challenge) for challenge in Challenge.objects.all()},
        "authenticator": {sealed} | _spellings(secret),
        "passwords": {user.password for user in User.objects.all()},
        "numbers": {device.phone_number for device in SMSDevice.objects.all()},
        "tokens": _issue_tokens(world),
    }
    for challenge in Challenge.objects.all():
        found.setdefault("hashes", set()).update(_spellings(bytes(challenge.code_hash)))
        found["hashes"] |= _spellings(bytes(challenge.nonce))
    assert recompute_code(challenge=Challenge.objects.get(pk=challenge_id)) in found["codes"]
    return found


def _issue_tokens(world: World) -> set[str]:
    """What the authorization server keeps: an access token's checksum, and what a TPP sent along."""
    checksum, state = hashlib.sha256(b"an access token").hexdigest(), "state-of-the-tpp-4711"
    application = Application.objects.create(
        app=world.app,
        client_id=world.app.client_id,
        client_type="confidential",
        authorization_grant_type="authorization-code",
    )
    now = timezone.now()
    AccessToken.objects.create(
        application=application,
        token="",
        token_checksum=checksum,
        expires=now + timedelta(hours=1),
        scope="pisp",
    )
    AuthorizationRequest.objects.create(
        application=application,
        authorisation_id=new_id(),
        consent=world.consent,
        redirect_uri="https://shoppay.example/callback",
        scope=f"openid AIS:{world.consent.pk}",
        state=state,
        code_challenge="c" * 43,
        created_at=now,
        expires_at=now + timedelta(minutes=10),
    )
    return {checksum, state, "c" * 43, application.client_secret}


@pytest.mark.req("S0-5", "S0-6")
def test_no_page_shows_what_opens_something(world, canaries):
    add_app_key(app_id=world.app.pk, jwk=PUBLIC_JWK, member_id=None, now=timezone.now())
    root = superuser()
    client = signed_in(root)
    canaries["passwords"] |= {user.password for user in User.objects.all()}
    canaries["numbers"] |= {device.phone_number for device in SMSDevice.objects.all()}
    canaries["sessions"] = set(Session.objects.values_list("session_key", flat=True))
    assert all(canaries.values())
    pages = crawl(client)
    assert len(pages) > 60
    for kind in (
        "tpp/tpp/",
        "consents/consent/",
        "payments/paymentinitiation/",
        "identity/psu/",
        "identity/user/",
    ):
        assert any(kind in url and len(url) > len(f"/staff/{kind}") + 30 for url in pages), kind
    for url, text in pages.items():
        for kind, values in canaries.items():
            for value in values:
                assert value not in text, f"{url} shows {kind}"


def test_account_numbers_are_short_in_lists_and_whole_on_their_own_page(world):
    client = signed_in(superuser())
    iban = world.anna.account.iban
    grouped = " ".join(iban[start : start + 4] for start in range(0, len(iban), 4))
    for page in (
        "accounts/paymentaccount",
        "payments/paymentinitiation",
        "ledger/ledgeraccount",
        "identity/psu",
    ):
        text = client.get(f"/staff/{page}/").content.decode()
        assert iban not in text
        assert grouped not in text
    assert f"{iban[:2]}…{iban[-4:]}" in client.get("/staff/accounts/paymentaccount/").content.decode()
    detail = client.get(f"/staff/accounts/paymentaccount/{world.anna.account.pk}/").content.decode()
    assert grouped in detail
    assert iban not in client.get(f"/staff/identity/psu/{world.anna.pk}/").content.decode()


@pytest.mark.parametrize(
    "query",
    [
        "password__startswith=argon2",
        "password__regex=.",
        "password=x",
        "pk__in=1",
        "groups__permissions__codename=x",
        "sms_device__phone_number__startswith=%2B49",
        "psu__user__password__startswith=a",
        "authentication_state__blocked_until__isnull=0",
        "username__startswith=a",
        "is_staff__regex=.",
        "is_active__exact=1&email__contains=%40",
    ],
)
def test_a_list_cannot_be_narrowed_by_what_no_filter_offers(world, query):
    client = signed_in(superuser())
    assert client.get(f"/staff/identity/user/?{query}").status_code == 400


@pytest.mark.parametrize(
    ("page", "query"),
    [
        ("consents/consent", "psu__user__password__startswith=a"),
        ("consents/consent", "request_hash=a"),
        ("payments/paymentinitiation", "psu__user__password__startswith=a"),
        ("tpp/app", "oauth_application__client_secret__startswith=a"),
        ("audit/auditevent", "data__contains=a"),
        ("audit/auditevent", "hash__gt=a"),
        ("notifications/outboxmessage", "payload__contains=a"),
        ("accounts/paymentaccount", "holders__psu__user__password__startswith=a"),
    ],
)
def test_nor_by_what_hangs_on_it(world, page, query):
    assert signed_in(superuser()).get(f"/staff/{page}/?{query}").status_code == 400


@pytest.mark.parametrize(
    "query",
    [
        *(
            "p=abc",
            "p=-1",
            "p=99999999999999999999",
            "o=abc",
            "o=99",
            "o=-1.2.3",
            "e=1",
            "_facets=True",
            "all=",
        ),
        *(
            "_popup=1",
            "_to_field=password",
            "q=%00",
            "status__exact=%00",
            "status__exact=nonsense",
            "role=nonsense",
        ),
        "q=" + quote("%_\\' OR 1=1 --"),
        "q=" + "x" * 1000,
    ],
)
def test_nonsense_in_a_lists_address_is_no_fault_of_ours(world, query):
    response = signed_in(superuser()).get(f"/staff/tpp/tpp/?{query}")
    assert response.status_code in (200, 302, 400)


@pytest.mark.parametrize(
    "name", ["nothing", "1", "%00", "00000000-0000-4000-8000-000000000000", "a/b/c", "9" * 40]
)
def test_a_row_that_does_not_exist_is_missing(world, name):
    client = signed_in(superuser())
    for kind in ("tpp/tpp", "audit/auditevent", "auth/group"):
        assert client.get(f"/staff/{kind}/{name}/").status_code == 404 or name == "1"


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "{{ settings.SECRET_KEY }}", "{% debug %}"])
def test_text_of_others_is_never_markup(world, text):
    TPPName = type(world.app.tpp)  # noqa: N806
    TPPName.objects.filter(pk=world.app.tpp_id).update(brand_name=text[:70], legal_name=text)
    client = signed_in(superuser())
    for page in (
        "/staff/tpp/tpp/",
        f"/staff/tpp/tpp/{world.app.tpp_id}/",
        f"/staff/tpps/{world.app.tpp_id}/block/",
    ):
        page_text = client.get(page).content.decode()
        assert "<script>alert" not in page_text
        assert "tests-only-" not in page_text


def test_the_trail_holds_no_code_either(world, canaries):
    told = "\n".join(str(event.data) for event in AuditEvent.objects.all())
    for values in (canaries["codes"], canaries["numbers"], canaries["hashes"]):
        assert not [value for value in values if value in told]


def test_pages_are_not_kept_by_browsers_and_carry_the_strict_policy(world, rita):
    client = signed_in(rita)
    for page in ("/staff/", "/staff/tpp/tpp/", f"/staff/tpps/{world.app.tpp_id}/block/", "/staff/nothing/"):
        response = client.get(page)
        assert "no-store" in response["Cache-Control"]
        policy = response["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy


def test_nothing_of_djangos_own_look_is_loaded(world, rita):
    text = signed_in(rita).get("/staff/tpp/tpp/").content.decode()
    assert "/static/admin/" not in text
    assert "<style" not in text


def test_an_ended_session_shows_nothing(world, rita):
    client = signed_in(rita)
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert client.get("/staff/tpp/tpp/").status_code == 302
    assert Client().get("/staff/tpp/tpp/").status_code == 302
