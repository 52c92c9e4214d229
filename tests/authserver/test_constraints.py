"""What holds even against psql: each constraint is violated by raw SQL."""

import pytest
from django.db import IntegrityError, connection, transaction

from apps.authserver.models import AccessToken, Application, Grant
from tests.authserver.world import World


def violates(name: str, sql: str) -> None:
    with pytest.raises(IntegrityError, match=name), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql + "; SET CONSTRAINTS ALL IMMEDIATE")


@pytest.fixture
def tokens(world: World):
    """One family with tokens, and one whose code was never redeemed."""
    world.code()
    return world.tokens()


@pytest.mark.req("AS-TRAP-1")
@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("application_secret_unusable", "client_secret = ''"),
        ("application_secret_unusable", "client_secret = 'secret'"),
        ("application_confidential", "client_type = 'public'"),
        ("application_always_asks", "skip_authorization = true"),
        ("application_redirect_uris_of_app", "redirect_uris = 'https://evil.example/'"),
    ],
)
def test_an_application_stays_without_secret_and_without_a_second_truth(tokens, name, change):
    violates(name, f"UPDATE authserver_application SET {change}")


@pytest.mark.req("AS-TRAP-12", "S0-5", "RTS-22(2)")
@pytest.mark.parametrize(
    ("name", "sql"),
    [
        ("grant_code_hashed", "UPDATE authserver_grant SET code = 'a-code-in-clear'"),
        ("access_token_not_clear", "UPDATE authserver_accesstoken SET token = 'clear'"),
        ("access_token_hashed", "UPDATE authserver_accesstoken SET token_checksum = 'clear'"),
        ("refresh_token_not_clear", "UPDATE authserver_refreshtoken SET token = 'clear'"),
        ("refresh_token_hashed", "UPDATE authserver_refreshtoken SET token_checksum = 'clear'"),
    ],
)
def test_codes_and_tokens_cannot_be_kept_in_clear(tokens, name, sql):
    violates(name, sql)


@pytest.mark.parametrize(
    ("name", "sql"),
    [
        ("grant_pkce_s256", "UPDATE authserver_grant SET code_challenge_method = 'plain'"),
        ("grant_code_short_lived", "UPDATE authserver_grant SET expires = created + interval '62 seconds'"),
        (
            "grant_one_object",
            "UPDATE authserver_grant SET consent_id = gen_random_uuid(), payment_id = gen_random_uuid()",
        ),
        (
            "grant_one_object",
            "UPDATE authserver_grant SET standing_order_id = gen_random_uuid()",
        ),
        (
            "access_token_one_object",
            "UPDATE authserver_accesstoken SET consent_id = gen_random_uuid(), payment_id = gen_random_uuid()",
        ),
        (
            "access_token_one_object",
            "UPDATE authserver_accesstoken SET standing_order_id = gen_random_uuid()",
        ),
        ("access_token_grant_or_app", "UPDATE authserver_accesstoken SET psu_id = NULL"),
        ("access_token_of_app", "UPDATE authserver_accesstoken SET application_id = NULL"),
        (
            "authorization_request_pkce_s256",
            "UPDATE authserver_authorizationrequest SET code_challenge = 'plain'",
        ),
        ("authorization_request_answered", "UPDATE authserver_authorizationrequest SET outcome = 'open'"),
        ("authorization_request_answered", "UPDATE authserver_authorizationrequest SET answered_at = NULL"),
        ("authorization_request_one_object", "UPDATE authserver_authorizationrequest SET consent_id = NULL"),
        (
            "authorization_request_one_object",
            "UPDATE authserver_authorizationrequest SET payment_id = gen_random_uuid()",
        ),
        (
            "authorization_request_one_object",
            "UPDATE authserver_authorizationrequest SET standing_order_id = gen_random_uuid()",
        ),
        (
            "refresh_token_unique",
            "INSERT INTO authserver_refreshtoken (token, token_checksum, user_id, application_id, grant_id, resource,"
            " created, updated, expires_at) SELECT token, token_checksum, user_id, application_id,"
            " (SELECT min(id) FROM authserver_grant), resource, created, updated, expires_at"
            " FROM authserver_refreshtoken",
        ),
        (
            "spent_assertion_once",
            "INSERT INTO authserver_spentassertion (application_id, jti_hash, expires_at)"
            " SELECT application_id, jti_hash, expires_at FROM authserver_spentassertion",
        ),
        (
            "pairwise_subject_once",
            "INSERT INTO authserver_pairwisesubject (tpp_id, psu_id, identifier)"
            " SELECT tpp_id, psu_id, gen_random_uuid() FROM authserver_pairwisesubject",
        ),
        (
            "authorization_request_one_per_sca",
            "INSERT INTO authserver_authorizationrequest SELECT gen_random_uuid(), authorisation_id, redirect_uri,"
            " scope, state, nonce, code_challenge, created_at, expires_at, outcome, answered_at, application_id,"
            " consent_id, payment_id, standing_order_id FROM authserver_authorizationrequest",
        ),
    ],
)
def test_the_rows_hold_together(tokens, name, sql):
    violates(name, sql)


@pytest.mark.req("AS-TRAP-1")
def test_the_library_itself_cannot_make_an_open_client(world: World):
    with pytest.raises(IntegrityError), transaction.atomic():
        Application.objects.create(
            app=world.shoppay.app, client_id="x", client_secret="", client_type="confidential"
        )


def test_a_token_in_clear_cannot_be_made_through_the_orm(tokens):
    grant = Grant.objects.exclude(used_at=None).get()
    with pytest.raises(IntegrityError), transaction.atomic():
        AccessToken.objects.create(
            token="clear",
            application=grant.application,
            grant=grant,
            psu=grant.psu,
            user=grant.user,
            expires=grant.expires,
        )
