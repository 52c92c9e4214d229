"""TPPs, their apps and keys: what may be registered, and what a block does."""

import pytest
from django.db import IntegrityError, connection, transaction
from joserfc.jwk import ECKey, OKPKey, RSAKey

from apps.core.errors import NotFound
from apps.core.text import UnsafeText
from apps.tpp.models import TPP, App, AppKey
from apps.tpp.queries import get_active_app, get_app_for_member, list_active_jwks
from apps.tpp.rules import (
    InvalidAuthorisationNumber,
    InvalidKey,
    InvalidRedirectURI,
    check_public_jwk,
    check_redirect_uri,
)
from apps.tpp.services import (
    AppNameTaken,
    KeyAlreadyRegistered,
    TooMany,
    TPPAlreadyRegistered,
    TPPNotActive,
    add_app_key,
    block_tpp,
    change_redirect_uris,
    register_app,
    register_tpp,
    retire_app_key,
    suspend_app,
    unblock_tpp,
)
from tests.factories.accounts import NOW
from tests.factories.identity import UserFactory
from tests.factories.tpp import AppFactory

pytestmark = pytest.mark.django_db


def tpp(**changes: object) -> TPP:
    fields: dict[str, object] = {
        "legal_name": "Finanzblick GmbH",
        "brand_name": "Finanzblick",
        "authorisation_number": "PSDDE-BAFIN-119245",
        "authority_name": "BaFin",
        "country": "DE",
        "roles": ["AISP"],
        "contact_email": "",
        "member_id": None,
        "now": NOW,
    }
    return register_tpp(**(fields | changes))


def public(key: ECKey | RSAKey | OKPKey) -> dict[str, str]:
    return key.as_dict(private=False)


class TestRegister:
    @pytest.mark.req("N2")
    def test_is_active_at_once(self) -> None:
        app = register_app(
            tpp_id=tpp().pk, name="App", redirect_uris=["https://a.example/cb"], member_id=None, now=NOW
        )
        assert get_active_app(client_id=app.client_id) == app

    def test_an_authorisation_number_is_registered_once(self) -> None:
        tpp()
        with pytest.raises(TPPAlreadyRegistered):
            tpp(legal_name="Another")

    @pytest.mark.parametrize(
        "number", ["", "BAFIN-1", "PSDDE-BAFIN-", "psdde-bafin-1", "PSDDE-BAFIN-1\n2", "PSDDE BAFIN 1"]
    )
    def test_its_form_is_checked(self, number: str) -> None:
        with pytest.raises(InvalidAuthorisationNumber):
            tpp(authorisation_number=number)

    def test_names_that_lie_are_refused(self) -> None:
        with pytest.raises(UnsafeText):
            tpp(legal_name="Bank\u202eHbmG")

    def test_an_app_name_is_used_once(self) -> None:
        owner = tpp()
        register_app(tpp_id=owner.pk, name="App", redirect_uris=[], member_id=None, now=NOW)
        with pytest.raises(AppNameTaken):
            register_app(tpp_id=owner.pk, name="App", redirect_uris=[], member_id=None, now=NOW)

    def test_a_member_sees_only_his_own(self) -> None:
        fiona, other = UserFactory(), UserFactory()
        app = register_app(
            tpp_id=tpp(member_id=fiona.pk).pk, name="A", redirect_uris=[], member_id=fiona.pk, now=NOW
        )
        assert get_app_for_member(user_id=fiona.pk, app_id=app.pk) == app
        with pytest.raises(NotFound):
            get_app_for_member(user_id=other.pk, app_id=app.pk)


@pytest.mark.req("S0-3")
class TestRedirectUri:
    @pytest.mark.parametrize("uri", ["https://a.example/cb", "https://a.example:8443/cb?x=1"])
    def test_https_is_fine(self, uri: str) -> None:
        assert check_redirect_uri(uri, allow_loopback_http=False) == uri

    def test_http_only_at_home(self) -> None:
        assert check_redirect_uri("http://127.0.0.1:8100/cb", allow_loopback_http=True)
        for uri in ("http://127.0.0.1:8100/cb", "http://a.example/cb"):
            with pytest.raises(InvalidRedirectURI):
                check_redirect_uri(uri, allow_loopback_http=False)

    @pytest.mark.parametrize(
        "uri",
        [
            "", "a", "http://a.example/", "https://", "https://a.example/#f", "https://a.example/cb#", "https://u:p@a.example/",
            "https://a.example@evil.example/", "https://*.a.example/", "https://a.example\\@evil.example/", "javascript:alert(1)",  # noqa: E501
            "https://a.example/\r\nX: y", "https://a.example/ b", "ftp://a.example/", "https://a.example:99999/",
            "https://ä.example/", "data:text/html,x", "//a.example/cb", "https://a.example/" + "x" * 500, "https://[::1",
        ],
    )  # fmt: skip
    def test_everything_else_is_not(self, uri: str) -> None:
        with pytest.raises(InvalidRedirectURI):
            check_redirect_uri(uri, allow_loopback_http=True)


class TestKeys:
    @pytest.mark.parametrize(
        "key", [ECKey.generate_key("P-256"), RSAKey.generate_key(2048), OKPKey.generate_key("Ed25519")]
    )
    def test_accepts_good_public_keys(self, key: ECKey) -> None:
        assert "d" not in check_public_jwk(public(key))

    @pytest.mark.req("S0-6", "S0-10")
    @pytest.mark.parametrize(
        "jwk",
        [
            ECKey.generate_key("P-256").as_dict(private=True),
            ECKey.generate_key("P-384").as_dict(private=False),
            ECKey.generate_key("secp256k1").as_dict(private=False),
            {"kty": "RSA", "n": "A" * 171, "e": "AQAB"},
            {"kty": "oct", "k": "c2VjcmV0"},
            {"kty": "EC", "crv": "P-256", "x": "a"},
            {"kty": "EC", "crv": "P-256", "x": 1, "y": 2},
            {},
            [],
            None,
            "x",
        ],
    )
    def test_refuses_the_rest(self, jwk: object) -> None:
        with pytest.raises(InvalidKey):
            check_public_jwk(jwk)

    def test_two_may_be_active_and_one_retired(self) -> None:
        app = AppFactory()
        first = add_app_key(app_id=app.pk, jwk=public(ECKey.generate_key("P-256")), member_id=None, now=NOW)
        second = add_app_key(app_id=app.pk, jwk=public(ECKey.generate_key("P-256")), member_id=None, now=NOW)
        retire_app_key(app_id=app.pk, kid=first.kid, member_id=None, now=NOW)
        assert [jwk["kid"] for jwk in list_active_jwks(app_id=app.pk)] == [second.kid]

    def test_the_same_key_is_registered_once(self) -> None:
        app, jwk = AppFactory(), public(ECKey.generate_key("P-256"))
        add_app_key(app_id=app.pk, jwk=jwk, member_id=None, now=NOW)
        with pytest.raises(KeyAlreadyRegistered):
            add_app_key(app_id=app.pk, jwk=jwk, member_id=None, now=NOW, kid="other")

    def test_there_is_a_bound(self) -> None:
        app = AppFactory()
        for _ in range(5):
            add_app_key(app_id=app.pk, jwk=public(ECKey.generate_key("P-256")), member_id=None, now=NOW)
        with pytest.raises(TooMany):
            add_app_key(app_id=app.pk, jwk=public(ECKey.generate_key("P-256")), member_id=None, now=NOW)

    def test_the_database_refuses_a_private_key(self) -> None:
        key = add_app_key(
            app_id=AppFactory().pk, jwk=public(ECKey.generate_key("P-256")), member_id=None, now=NOW
        )
        with pytest.raises(IntegrityError, match="tpp_app_key_public_only"), transaction.atomic():
            AppKey.objects.filter(pk=key.pk).update(jwk={"d": "secret"})


@pytest.mark.req("S0-7")
class TestBlock:
    def test_holds_at_once_and_can_be_lifted(self) -> None:
        app, staff = AppFactory(), UserFactory()
        block_tpp(tpp_id=app.tpp_id, reason="fraud reports", staff_id=staff.pk, now=NOW)
        with pytest.raises(NotFound):
            get_active_app(client_id=app.client_id)
        with pytest.raises(TPPNotActive):
            change_redirect_uris(app_id=app.pk, redirect_uris=[], member_id=None, now=NOW)
        unblock_tpp(tpp_id=app.tpp_id, reason="cleared", staff_id=staff.pk, now=NOW)
        assert get_active_app(client_id=app.client_id)

    def test_a_suspended_app_is_out_alone(self) -> None:
        app = AppFactory()
        other = AppFactory(tpp=app.tpp)
        suspend_app(app_id=app.pk, suspended=True, staff_id=UserFactory().pk, reason="x", now=NOW)
        with pytest.raises(NotFound):
            get_active_app(client_id=app.client_id)
        assert get_active_app(client_id=other.client_id)


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("UPDATE tpp_tpp SET status = 'gone'", "tpp_(status_known|blocked_has_time)"),
        ("UPDATE tpp_tpp SET status = 'blocked'", "tpp_blocked_has_time"),
        ("UPDATE tpp_tpp SET roles = '{KING}'", "tpp_roles_known"),
        ("UPDATE tpp_app SET status = 'gone'", "tpp_app_status_known"),
    ],
)
def test_the_database_refuses(statement: str, constraint: str) -> None:
    AppFactory()
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_apps_are_found_by_client_id_alone() -> None:
    assert App.objects.count() == 0
    with pytest.raises(NotFound):
        get_active_app(client_id="nobody")
