import pytest
from django.test import Client

from tests.authserver.kit import ISSUER

METADATA = ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server")


@pytest.mark.req("S0-4", "S0-33")
def test_both_documents_are_one():
    first, second = (Client().get(path) for path in METADATA)
    assert first.json() == second.json()
    assert first["Content-Type"] == "application/json"
    assert first["Access-Control-Allow-Origin"] == "*"
    assert "no-store" not in first["Cache-Control"]


@pytest.mark.req("S0-33", "S0-4")
def test_the_metadata_says_what_is_true_and_leaves_out_what_is_not():
    document = Client().get(METADATA[0]).json()
    assert document["issuer"] == ISSUER
    assert document["response_types_supported"] == ["code"]
    assert document["grant_types_supported"] == ["authorization_code", "refresh_token", "client_credentials"]
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert document["token_endpoint_auth_methods_supported"] == ["private_key_jwt"]
    assert document["token_endpoint_auth_signing_alg_values_supported"] == ["ES256", "PS256", "EdDSA"]
    assert document["revocation_endpoint_auth_methods_supported"] == ["private_key_jwt"]
    assert document["id_token_signing_alg_values_supported"] == ["ES256"]
    assert document["authorization_response_iss_parameter_supported"] is True
    # OIDC Discovery 3: absent would mean true.
    assert document["request_uri_parameter_supported"] is False
    assert document["subject_types_supported"] == ["pairwise"]
    assert not {"introspection_endpoint", "pushed_authorization_request_endpoint"} & document.keys()
    assert not {"registration_endpoint", "end_session_endpoint"} & document.keys()


def test_every_endpoint_named_answers(db):
    document = Client().get(METADATA[0]).json()
    endpoints = {name: url for name, url in document.items() if name.endswith(("_endpoint", "jwks_uri"))}
    assert len(endpoints) == 5
    for url in endpoints.values():
        assert url.startswith(ISSUER + "/oauth/")
        assert Client().get(url.removeprefix(ISSUER)).status_code != 404


def test_a_host_header_does_not_become_the_issuer(settings):
    settings.ALLOWED_HOSTS = ["*"]
    document = Client().get(METADATA[0], headers={"host": "evil.example"}).json()
    assert "evil" not in str(document)


def test_the_jwks_is_public_and_has_no_kid_twice():
    response = Client().get("/oauth/jwks")
    keys = response.json()["keys"]
    assert response["Content-Type"] == "application/jwk-set+json"
    assert len({key["kid"] for key in keys}) == len(keys) >= 1
    assert all(key["use"] == "sig" and "d" not in key for key in keys)


def test_documents_cannot_be_posted_to():
    for path in (*METADATA, "/oauth/jwks"):
        response = Client().post(path)
        assert (response.status_code, response["Allow"]) == (405, "GET, HEAD")


@pytest.mark.req("AS-TRAP-14", "AS-TRAP-7")
@pytest.mark.parametrize(
    "path",
    [
        "applications/",
        "applications/register/",
        "introspect",
        "introspect/",
        "device-authorization",
        "authorized_tokens/",
        "logout/",
        "register",
        "par",
        "authorize/",
        "token/",
        "userinfo/",
    ],
)
def test_no_page_of_the_library_is_mounted(db, path):
    response = Client().get(f"/oauth/{path}")
    assert response.status_code == 404
    assert response.json()["error"] == "invalid_request"
    assert response["Cache-Control"] == "no-store"


@pytest.mark.req("AS-TRAP-14")
def test_no_address_leads_into_the_library():
    from django.urls import URLPattern, get_resolver
    from django.urls.resolvers import URLResolver

    def views(resolver: URLResolver) -> list[URLPattern]:
        found = []
        for entry in resolver.url_patterns:
            found += views(entry) if isinstance(entry, URLResolver) else [entry]
        return found

    mounted = [pattern.callback.__module__ for pattern in views(get_resolver("bankportal.urls"))]
    assert mounted
    assert not [module for module in mounted if module.startswith("oauth2_provider")]
