"""Codes and refresh tokens: what the customer granted, turned into the right to have tokens."""

import logging
from datetime import datetime
from uuid import UUID

from django.db import transaction

from apps.authserver.models import AccessToken, Application, Grant, IDToken, RefreshToken
from apps.authserver.refusals import GrantRefused
from apps.authserver.rules import credential_hash, is_verifier_of
from apps.authserver.trail import record
from apps.consents.queries import is_usable_at
from apps.core import clock

logger = logging.getLogger(__name__)


def redeem_code(
    *, application: Application, code: str, redirect_uri: str | None, code_verifier: str | None, now: datetime
) -> Grant:
    """The grant behind a code, which is spent by this, also when verifier or redirect URI are wrong.

    One statement claims the code, so of two requests at once one gets it (AS-2). A code that was used before
    takes the tokens of its whole family with it (trap 8, RFC 6749 4.1.2). Codes of other apps stay untouched.

    :raises GrantRefused: unknown, another app's, used, older than 60 seconds; no or a wrong verifier or
        redirect URI; customer deactivated; consent no longer in force. All alike to the client.
    """
    try:
        return _redeem_code(application, code, redirect_uri, code_verifier, now)
    except GrantRefused as error:
        logger.info("code refused: %s", error.detail)
        raise


def _redeem_code(
    application: Application, code: str, redirect_uri: str | None, code_verifier: str | None, now: datetime
) -> Grant:
    if redirect_uri is None or code_verifier is None:
        raise GrantRefused("redirect_uri or code_verifier is missing")
    mine = Grant.objects.filter(code=credential_hash(code), application=application)
    if not mine.filter(used_at=None, revoked_at=None, expires__gt=now).update(used_at=now):
        grant = mine.first()
        if grant is not None and grant.used_at is not None:
            _punish_replay(grant, app_id=application.app_id, now=now)
        raise GrantRefused("unknown, used or expired")
    grant = mine.select_related("user", "consent", "payment").get()
    grant.application = application
    if not is_verifier_of(verifier=code_verifier, challenge=grant.code_challenge):
        raise GrantRefused("verifier")
    if redirect_uri != grant.redirect_uri:
        raise GrantRefused("redirect URI")
    _check_still_granted(grant)
    return grant


def accept_refresh_token(*, application: Application, refresh_token: str, now: datetime) -> Grant:
    """The grant behind a refresh token, which stays as it is (no rotation, FAPI 2.0 5.3.2.1-9).

    The grant stays locked until the new tokens are stored: a revocation at the same moment comes before and is
    seen here, or after and ends them too.

    :raises GrantRefused: unknown, another app's, revoked, expired; customer deactivated (trap 11); consent no
        longer in force. All alike to the client.
    """
    found = (
        RefreshToken.objects.select_for_update(of=("grant",), no_key=True)
        .select_related("grant__user", "grant__consent")
        .filter(token_checksum=credential_hash(refresh_token), application=application)
        .first()
    )
    if (
        found is None
        or found.revoked is not None
        or found.grant.revoked_at is not None
        or found.expires_at <= now
    ):
        raise GrantRefused("refresh token unknown, revoked or expired")
    grant = found.grant
    grant.application = application
    _check_still_granted(grant)
    return grant


def revoke_grant(*, grant: Grant, now: datetime) -> None:
    """End a whole family: the code, and every token that came of it. Doing it twice changes nothing."""
    with transaction.atomic():
        Grant.objects.filter(pk=grant.pk, revoked_at=None).update(revoked_at=now)
        RefreshToken.objects.filter(grant=grant, revoked=None).update(revoked=now, updated=now)
        AccessToken.objects.filter(grant=grant, revoked_at=None).update(revoked_at=now)
        IDToken.objects.filter(grant=grant, revoked_at=None).update(revoked_at=now)


def _punish_replay(grant: Grant, *, app_id: UUID, now: datetime) -> None:
    revoke_grant(grant=grant, now=now)
    record("code.replayed", grant, actor_type="tpp", actor_id=app_id, data={"grant": grant.pk})


def _check_still_granted(grant: Grant) -> None:
    """Trap 11: what the customer gave holds only as long as he and his consent do."""
    if not grant.user.is_active:
        raise GrantRefused("customer deactivated")
    if grant.consent is not None and not is_usable_at(consent=grant.consent, now=clock.now()):
        raise GrantRefused("consent not in force")
