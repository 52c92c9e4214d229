from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import pytest

from apps.authserver.refusals import AuthorizationRefused
from apps.authserver.rules import (
    GrantKind,
    access_token_hash,
    answer_url,
    credential_hash,
    is_client_scope_allowed,
    is_s256_challenge,
    is_verifier_of,
    parse_authorization_scope,
)

CONSENT_ID = "8b1d4a53-0d5e-4d0e-9a0a-1f6a2f7b8c9d"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (f"openid AIS:{CONSENT_ID}", GrantKind.CONSENT),
        (f"AIS:{CONSENT_ID} openid", GrantKind.CONSENT),
        (f"openid PIS:{CONSENT_ID}", GrantKind.PAYMENT),
        (f"openid AIS:{CONSENT_ID.upper()}", GrantKind.CONSENT),
    ],
)
def test_a_scope_names_one_object_and_its_order_has_no_meaning(text, kind):
    scope = parse_authorization_scope(text)
    assert (scope.kind, scope.object_id) == (kind, UUID(CONSENT_ID))
    assert str(scope) == f"openid {kind.value}:{CONSENT_ID}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "openid",
        f"AIS:{CONSENT_ID}",
        f"openid ais:{CONSENT_ID}",
        f"openid AIS:{CONSENT_ID} PIS:{CONSENT_ID}",
        f"openid AIS:{CONSENT_ID} profile",
        f"openid  AIS:{CONSENT_ID}",
        "openid AIS:",
        "openid AIS:not-a-uuid",
        f"openid AIS:{CONSENT_ID.replace('-', '')}",
        f"openid AIS:{{{CONSENT_ID}}}",
        f"openid AIS:{CONSENT_ID}\u200b",
        "openid aisp",
    ],
)
def test_any_other_scope_is_refused_and_nothing_is_added(text):
    with pytest.raises(AuthorizationRefused) as refused:
        parse_authorization_scope(text)
    assert refused.value.error == "invalid_scope"


@pytest.mark.parametrize(
    ("scopes", "roles", "allowed"),
    [
        (["aisp"], ["AISP"], True),
        (["aisp", "pisp"], ["AISP", "PISP"], True),
        (["pisp"], ["AISP"], False),
        (["aisp", "pisp"], ["AISP"], False),
        ([], ["AISP"], False),
        (["openid"], ["AISP", "PISP", "PIISP"], False),
        (["AISP"], ["AISP"], False),
        (["aisp"], [], False),
    ],
)
@pytest.mark.req("AS-TRAP-6")
def test_an_app_gets_the_scopes_its_licence_covers_and_asking_for_nothing_gets_nothing(
    scopes, roles, allowed
):
    assert is_client_scope_allowed(scopes=scopes, roles=roles) is allowed


# RFC 7636, appendix B.
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_a_verifier_is_known_by_its_challenge():
    assert is_verifier_of(verifier=VERIFIER, challenge=CHALLENGE)


@pytest.mark.parametrize(
    "verifier", ["", "short", VERIFIER[:-1], VERIFIER + "=", VERIFIER + "\n", "x" * 129, CHALLENGE, "ä" * 43]
)
def test_another_verifier_is_refused_whatever_its_form(verifier):
    assert not is_verifier_of(verifier=verifier, challenge=CHALLENGE)


@pytest.mark.parametrize("text", [CHALLENGE + "=", CHALLENGE + "\n", CHALLENGE[:-1], "", "x" * 44, "ü" * 43])
def test_only_a_sha_256_in_base64url_is_a_challenge(text):
    assert is_s256_challenge(CHALLENGE)
    assert not is_s256_challenge(text)


def test_credentials_are_kept_as_hashes_whatever_text_is_shown():
    assert credential_hash("abc").startswith("ba7816bf")
    assert len(credential_hash("\ud800")) == 64


def test_at_hash_is_the_example_of_the_specification():
    # OIDC Core, appendix A.3
    assert access_token_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y") == "77QmUPtjPfzWtF2AnpK9RQ"


def _answer(uri: str, state: str | None = "s p&c", **answer: str) -> list[tuple[str, str]]:
    url = answer_url(redirect_uri=uri, issuer="https://bank.example", state=state, answer=answer)
    assert url.startswith(uri.split("?")[0])
    return parse_qsl(urlsplit(url).query, keep_blank_values=True)


@pytest.mark.req("AS-TRAP-5", "AS-44")
@pytest.mark.parametrize("answer", [{"code": "c"}, {"error": "access_denied"}])
def test_every_answer_carries_state_and_issuer(answer):
    pairs = dict(_answer("https://tpp.example/cb", **answer))
    assert pairs == answer | {"state": "s p&c", "iss": "https://bank.example"}


def test_an_answer_to_a_request_without_state_has_none():
    assert "state" not in dict(_answer("https://tpp.example/cb", None, code="c"))
    assert "state" not in dict(_answer("https://tpp.example/cb", "", code="c"))


def test_registered_query_parameters_stay_but_none_passes_for_a_part_of_the_answer():
    pairs = _answer("https://tpp.example/cb?shop=7&iss=evil&code=evil&empty=", "st", code="good")
    assert pairs == [
        ("shop", "7"),
        ("empty", ""),
        ("code", "good"),
        ("state", "st"),
        ("iss", "https://bank.example"),
    ]
