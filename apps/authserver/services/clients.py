"""Who is calling: apps prove themselves with a signed assertion (private_key_jwt, RFC 7523)."""

import logging
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from django.db import connection

from apps.authserver.client_assertions import ASSERTION_TYPE, check_assertion_claims, read_client_assertion
from apps.authserver.jose import UnverifiedJWT, verify_signature
from apps.authserver.metadata import issuer
from apps.authserver.models import Application
from apps.authserver.refusals import ClientAuthenticationFailed
from apps.authserver.rules import credential_hash
from apps.core.errors import NotFound
from apps.tpp.queries import get_active_app, list_active_jwks

if TYPE_CHECKING:
    from apps.tpp.models import App

logger = logging.getLogger(__name__)

# A public key whose private half was thrown away: a request of an unknown client costs the same verification
# as one of a known client with a wrong key (AS-50).
_DECOY_KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "DZoYZlJOP2GhSFe8CSbyROyUl86kCSevAWY2XsSbMqk",
    "y": "s9rjM5y4l5YYQzvp9ljuXeXW-zlBXB393erHkekxKqA",
}
# Waits for whoever is writing the same name, in any process, and then finds it there (AS-19).
_SPEND = """
INSERT INTO authserver_spentassertion (application_id, jti_hash, expires_at) VALUES (%s, %s, %s)
ON CONFLICT (application_id, jti_hash) DO NOTHING
"""


def load_application(*, app: "App") -> Application:
    """The library's row of an app, made at the app's first request."""
    application = Application.objects.filter(app=app).first()
    if application is None:
        application, _ = Application.objects.get_or_create(
            app=app,
            defaults={
                "client_id": app.client_id,
                "client_type": Application.CLIENT_CONFIDENTIAL,
                "authorization_grant_type": Application.GRANT_AUTHORIZATION_CODE,
            },
        )
    application.app = app
    return application


def authenticate_client(
    *,
    assertion_type: str | None,
    assertion: str | None,
    client_id: str | None,
    now: datetime,
) -> Application:
    """The app that made this request; its assertion is spent by this, whatever becomes of the request.

    ``client_id`` is the request's parameter, which may be absent (RFC 7523 3).

    :raises ClientAuthenticationFailed: no, bad, foreign, expired or used assertion; unknown or suspended app;
        blocked TPP. Which of them is for the log alone.
    """
    try:
        if assertion_type != ASSERTION_TYPE or not assertion:
            raise ClientAuthenticationFailed("not private_key_jwt")
        claimed_id, token = read_client_assertion(assertion)
        app = _find_signer(claimed_id, token)
        claims = check_assertion_claims(token, client_id=app.client_id, issuer=issuer(), now=now)
        if client_id is not None and client_id != app.client_id:
            raise ClientAuthenticationFailed("client_id is not the assertion's sub")
        application = load_application(app=app)
        _spend_assertion(application, jti=claims.jti, remember_until=claims.remember_until)
    except ClientAuthenticationFailed as error:
        logger.info("client authentication failed: %s", error.detail)
        raise
    return application


def _find_signer(claimed_id: str, token: UnverifiedJWT) -> "App":
    try:
        app, keys = get_active_app(client_id=claimed_id), None
    except NotFound:
        app, keys = None, [_DECOY_KEY | ({"kid": token.kid} if token.kid else {})]
    known_keys = list_active_jwks(app_id=app.pk if app else uuid4())
    if not verify_signature(token, keys or known_keys) or app is None:
        raise ClientAuthenticationFailed("unknown client" if app is None else "signature")
    return app


def _spend_assertion(application: Application, *, jti: str, remember_until: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_SPEND, [application.pk, credential_hash(jti), remember_until])
        if cursor.rowcount != 1:
            raise ClientAuthenticationFailed("assertion: jti was used")
